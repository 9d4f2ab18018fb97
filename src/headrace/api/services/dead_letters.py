"""Dead letters: seen, fixed, replayed, discarded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from headrace.api.services import audit
from headrace.api.services.base import Actor, Context, ServiceError, between, live_project, require
from headrace.catalog import dead_letters, projects
from headrace.catalog.dead_letters import DeadLetterRow
from headrace.catalog.projects import KEPT_STATES
from headrace.records.encode import BadRow, encode_row, finish_row
from headrace.records.tables import TABLES
from headrace.records.text import clean_text

#: Letters on one page.
PAGE_MAX = 200
#: Bytes of a fixed row: the largest body that any dialect takes.
ROW_MAX = 10 * 1024 * 1024

State = Literal["open", "replayed", "discarded"]

#: Puts a row back into the journal. Called with the letter's id, the table and the row's values in column order without
#: ``batch``; must store the row once per letter id, however often it is called (a claim over the id does that).
Append = Callable[[str, str, list[Any]], None]


class DeadLetter(msgspec.Struct, frozen=True):
    """A row that the store refused. ``row`` is its JSON text; ``project_id`` None when it belongs to no known project."""

    id: str
    project_id: str | None
    table: str
    partition: str
    segment: int
    row_index: int
    row: str
    reason: str
    state: str
    created_at: int
    replayed_at: int | None


class DeadLetterPage(msgspec.Struct, frozen=True):
    """``next`` is the cursor of the page that follows, None on the last."""

    dead_letters: list[DeadLetter]
    next: str | None


def page(
    context: Context,
    actor: Actor,
    *,
    project: str | int | None = None,
    state: State = "open",
    limit: int = PAGE_MAX,
    cursor: str | None = None,
) -> DeadLetterPage:
    """Letters newest first, of ``project`` or of all that the actor reaches. Raises ``invalid``, ``forbidden``,
    ``not_found``.
    """
    require(actor, "read")
    between(limit, "limit", 1, PAGE_MAX)
    if state not in ("open", "replayed", "discarded"):
        raise ServiceError("invalid", "state must be open, replayed or discarded")
    with context.catalog.read() as conn:
        names = _reachable(conn, actor)
        wanted = None if actor.account is None else frozenset(names)
        if project is not None:
            wanted = frozenset((live_project(conn, actor, project).number,))
        before = clean_text(cursor) if cursor else None
        rows = dead_letters.page(conn, projects=wanted, state=state, before=before, limit=limit + 1)
    shown = rows[:limit]
    following = shown[-1].id if len(rows) > limit else None
    return DeadLetterPage([_info(row, names) for row in shown], following)


def get(context: Context, actor: Actor, letter_id: str) -> DeadLetter:
    """Raises ``not_found`` for a letter that is unknown or of a project out of reach, and ``forbidden``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        return _info(*_find(conn, actor, letter_id))


def count_open(context: Context, actor: Actor, project: int) -> int:
    """How many letters of a project wait for somebody. Raises ``not_found``, ``forbidden``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        return dead_letters.count_open(conn, live_project(conn, actor, project).number)


def columns(table: str) -> list[str]:
    """Names of a row's values in order; empty for a table that this version does not have."""
    found = TABLES.get(table)
    return list(found.names) if found else []


def fix(context: Context, actor: Actor, letter_id: str, row: str) -> DeadLetter:
    """Replaces an open letter's row by ``row``, a JSON array in the table's column order, of the same project. Raises
    ``invalid`` when the table could not hold it, ``conflict`` when the letter is closed or was changed meanwhile.
    """
    require(actor, "manage")
    with context.catalog.write() as conn:
        old, names = _find(conn, actor, letter_id)
        text = _encoded(old, row, names)
        if not dead_letters.fix(conn, old.id, old=old.row, new=text):
            raise _closed(old)
        audit.note(
            context, conn, actor, "fixed a dead letter", subject_id=old.id, subject=old.table_name, project=old.project
        )
        return _info(*_find(conn, actor, letter_id))


def replay(context: Context, actor: Actor, letter_id: str, append: Append) -> DeadLetter:
    """Sends an open letter's row through the journal again and closes it. The row goes first: a crash between both leaves
    an open letter, and ``append`` makes its repetition harmless. Raises ``invalid`` when the row is still one that the
    table cannot hold, ``conflict`` when the letter is closed.
    """
    require(actor, "manage")
    with context.catalog.read() as conn:
        letter, names = _find(conn, actor, letter_id)
    if letter.state != "open":
        raise _closed(letter)
    append(letter.id, letter.table_name, _values(letter, letter.row, names))
    return _close(context, actor, letter.id, "replayed")


def discard(context: Context, actor: Actor, letter_id: str) -> DeadLetter:
    """Closes an open letter without replaying it. Raises ``conflict`` when it is closed."""
    require(actor, "manage")
    return _close(context, actor, letter_id, "discarded")


def _close(context: Context, actor: Actor, letter_id: str, state: State) -> DeadLetter:
    with context.catalog.write() as conn:
        letter, _ = _find(conn, actor, letter_id)
        if not dead_letters.close(conn, letter.id, state=state, at=context.now()):
            raise _closed(letter)
        done: audit.Action = "replayed a dead letter" if state == "replayed" else "discarded a dead letter"
        audit.note(context, conn, actor, done, subject_id=letter.id, subject=letter.table_name, project=letter.project)
        return _info(*_find(conn, actor, letter_id))


def _closed(letter: DeadLetterRow) -> ServiceError:
    return ServiceError("conflict", f"this dead letter is {letter.state}: only open ones can change")


def _reachable(conn: Connection, actor: Actor) -> dict[int, str]:
    rows = projects.load_all(conn, actor.account)
    return {row.number: row.id for row in rows if row.state in KEPT_STATES and actor.reaches(row)}


def _find(conn: Connection, actor: Actor, letter_id: str) -> tuple[DeadLetterRow, dict[int, str]]:
    names = _reachable(conn, actor)
    letter = dead_letters.by_id(conn, clean_text(letter_id))
    if letter is None or (actor.account is not None and letter.project not in names):
        raise ServiceError("not_found", "dead letter not found")
    return letter, names


def _values(letter: DeadLetterRow, row: str, projects_known: dict[int, str]) -> list[Any]:
    """The row's values without ``batch``, checked: the table holds them, and no row moves to another project."""
    table = TABLES.get(letter.table_name)
    if table is None:
        raise ServiceError("invalid", "the row's table does not exist in this version")
    if len(row) > ROW_MAX:
        raise ServiceError("invalid", f"row must be at most {ROW_MAX} characters")
    try:
        values = msgspec.json.decode(row.encode("utf-8", "replace"), type=list[Any])
    except (ValueError, RecursionError):
        raise ServiceError("invalid", "row must be a JSON array, one value per column") from None
    if len(values) == len(table.columns):
        values.pop()
    try:
        encode_row(table, values)
    except BadRow as problem:
        raise ServiceError("invalid", str(problem)) from None
    number = values[table.names.index("project")]
    if letter.project is not None and number != letter.project:
        raise ServiceError("invalid", "row must stay in its project")
    if number not in projects_known:
        raise ServiceError("invalid", "row must carry the number of a project of this instance")
    return values


def _encoded(letter: DeadLetterRow, row: str, projects_known: dict[int, str]) -> str:
    values = _values(letter, row, projects_known)
    encoded = encode_row(TABLES[letter.table_name], values)
    return finish_row(encoded, letter.segment).decode().rstrip("\n")


def _info(row: DeadLetterRow, names: dict[int, str]) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        project_id=None if row.project is None else names.get(row.project),
        table=row.table_name,
        partition=row.partition,
        segment=row.segment,
        row_index=row.row_index,
        row=row.row,
        reason=row.reason,
        state=row.state,
        created_at=row.created_at,
        replayed_at=row.replayed_at,
    )
