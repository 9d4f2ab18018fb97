"""The audit log: every change that people, keys or the operator make, told in one line each."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec
from sqlalchemy import Connection

from headrace.api.services.base import Actor, Context, ServiceError, Who, between
from headrace.catalog import accounts, audit, projects
from headrace.catalog.audit import AuditRow
from headrace.records.text import clean_text

#: How long a line is kept, µs.
KEPT_US = 400 * 24 * 3_600 * 1_000_000
#: Lines on one page.
PAGE_MAX = 200
#: Failures to sign in to one account from one address are told once in so long, µs.
FAILURES_EVERY_US = 60 * 1_000_000

#: Everything that is told, in the words that the page shows.
Action = Literal[
    "signed in",
    "failed to sign in",
    "signed out",
    "ended a session",
    "changed the password",
    "changed the name",
    "made an account",
    "made an invitation",
    "used an invitation",
    "revoked an invitation",
    "changed a role",
    "removed a member",
    "made a project",
    "archived a project",
    "deleted a project",
    "made a key",
    "renamed a key",
    "revoked a key",
    "fixed a dead letter",
    "replayed a dead letter",
    "discarded a dead letter",
    "added an annotation",
    "removed an annotation",
    "deleted a stat",
    "shared a stat",
    "stopped sharing a stat",
    "made an alert",
    "deleted an alert",
    "began an import",
    "made a monitor",
    "changed a monitor",
    "deleted a monitor",
    "changed an issue",
    "changed settings",
]
ACTIONS: tuple[Action, ...] = get_args(Action)


class AuditLine(msgspec.Struct, frozen=True):
    """``who_kind`` account, key, operator or visitor. ``project`` is the project's name, None outside any. ``at`` in µs."""

    id: int
    at: int
    who_kind: str
    who_id: str
    who: str
    address: str
    action: str
    subject_id: str
    subject: str
    project: str | None
    details: str


class AuditPage(msgspec.Struct, frozen=True):
    """``next`` is the cursor of the page that follows, None on the last."""

    lines: list[AuditLine]
    next: int | None


def note(
    context: Context,
    conn: Connection,
    who: Actor | Who,
    action: Action,
    *,
    subject_id: str = "",
    subject: str = "",
    project: int | None = None,
    details: str = "",
) -> None:
    """Tells of a change in the transaction that makes it: both are kept or neither."""
    one = who.who if isinstance(who, Actor) else who
    row = AuditRow(
        id=None,
        at=context.now(),
        who_kind=one.kind,
        who_id=one.id,
        who=one.name,
        address=one.address,
        action=action,
        subject_id=subject_id,
        subject=subject,
        project=project,
        details=details,
    )
    audit.add(conn, row)


def note_failure(context: Context, conn: Connection, who: Who) -> None:
    """A failure to sign in; more of them within a minute add nothing."""
    since = context.now() - FAILURES_EVERY_US
    if not audit.happened(conn, since=since, action="failed to sign in", who_id=who.id, address=who.address):
        note(context, conn, who, "failed to sign in")


def page(
    context: Context,
    actor: Actor,
    *,
    action: str = "",
    who: str = "",
    project: str = "",
    cursor: int | None = None,
    limit: int = PAGE_MAX,
) -> AuditPage:
    """The newest first, narrowed by an action, the id of who acted, a project's slug or id. For the operator and owners of the
    instance. Raises ``forbidden``, ``invalid``, ``not_found`` (project).
    """
    between(limit, "limit", 1, PAGE_MAX)
    if action and action not in ACTIONS:
        raise ServiceError("invalid", "this is not an action that the log knows")
    with context.catalog.read() as conn:
        _require_owner(conn, actor)
        names = {row.number: row.name for row in projects.load_all(conn)}
        number = None
        if project:
            row = projects.by_slug(conn, clean_text(project)) or projects.by_id(conn, clean_text(project))
            if row is None:
                raise ServiceError("not_found", "project not found")
            number = row.number
        found = audit.page(conn, before=cursor, action=action, who_id=clean_text(who), project=number, limit=limit + 1)
    shown = found[:limit]
    return AuditPage([_line(row, names) for row in shown], shown[-1].id if len(found) > limit else None)


def forget(context: Context) -> None:
    """Removes lines past their time."""
    with context.catalog.write() as conn:
        audit.forget(conn, context.now() - KEPT_US)


def _require_owner(conn: Connection, actor: Actor) -> None:
    if actor.account is None:
        return
    row = accounts.by_id(conn, actor.who.id) if actor.who.kind == "account" else None
    if row is None or row.role != "owner":
        raise ServiceError("forbidden", "only an owner of the instance may read the audit log")


def _line(row: AuditRow, names: dict[int, str]) -> AuditLine:
    values = row._asdict() | {"project": None if row.project is None else names.get(row.project, "")}
    return AuditLine(**values)
