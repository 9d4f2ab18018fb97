"""Dead letters: rows that the store refused, kept with the reason until someone sees to them.

| state | fix | replay | discard |
|---|---|---|---|
| open | open, with another row | replayed | discarded |
| replayed | refused | refused | refused |
| discarded | refused | refused | refused |
"""

from __future__ import annotations

import os
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from headrace.catalog.db import insert_ignore
from headrace.catalog.tables import dead_letters
from headrace.records.ids import uuid7


class DeadLetterRow(NamedTuple):
    """``row`` is the refused JSON line, ``table_name`` and ``partition`` where it should have gone; journal, segment and
    ``row_index`` say where it came from. ``project`` None: the row does not tell.
    """

    id: str
    project: int | None
    journal: str
    segment: int
    table_name: str
    partition: str
    row_index: int
    row: str
    reason: str
    created_at: int
    state: str
    replayed_at: int | None


def add(
    conn: Connection,
    *,
    journal: str,
    segment: int,
    table: str,
    partition: str,
    row_index: int,
    project: int | None,
    row: str,
    reason: str,
    at: int,
) -> None:
    """Keeps a refused row; a second time for the same place changes nothing."""
    values = {
        "id": uuid7(at, os.urandom),
        "project": project,
        "journal": journal,
        "segment": segment,
        "table_name": table,
        "partition": partition,
        "row_index": row_index,
        "row": row,
        "reason": reason,
        "created_at": at,
        "state": "open",
    }
    place = ("journal", "segment", "table_name", "partition", "row_index")
    insert_ignore(conn, dead_letters, [values], conflict=place)


def by_id(conn: Connection, letter_id: str) -> DeadLetterRow | None:
    row = conn.execute(select(dead_letters).where(dead_letters.c.id == letter_id)).one_or_none()
    return DeadLetterRow(*row) if row else None


def page(
    conn: Connection, *, projects: frozenset[int] | None, state: str, before: str | None, limit: int
) -> list[DeadLetterRow]:
    """Up to ``limit`` letters in ``state``, newest first, older than the letter ``before``. ``projects`` None: all, and
    those that belong to none.
    """
    query = select(dead_letters).where(dead_letters.c.state == state)
    if projects is not None:
        query = query.where(dead_letters.c.project.in_(sorted(projects)))
    if before is not None:
        query = query.where(dead_letters.c.id < before)
    return [DeadLetterRow(*row) for row in conn.execute(query.order_by(dead_letters.c.id.desc()).limit(limit))]


def count_open(conn: Connection, project: int | None = None) -> int:
    """Open letters of ``project``; None: of all, and those that belong to none."""
    query = select(func.count()).select_from(dead_letters).where(dead_letters.c.state == "open")
    if project is not None:
        query = query.where(dead_letters.c.project == project)
    return int(conn.execute(query).scalar_one())


def fix(conn: Connection, letter_id: str, *, old: str, new: str) -> bool:
    """Compare-and-set of an open letter's row; False when it is not open or no longer ``old``."""
    here = update(dead_letters).where(
        dead_letters.c.id == letter_id, dead_letters.c.state == "open", dead_letters.c.row == old
    )
    return conn.execute(here.values(row=new)).rowcount == 1


def close(conn: Connection, letter_id: str, *, state: str, at: int) -> bool:
    """Compare-and-set open → ``state`` (replayed or discarded); False when it was not open."""
    here = update(dead_letters).where(dead_letters.c.id == letter_id, dead_letters.c.state == "open")
    replayed_at = at if state == "replayed" else None
    return conn.execute(here.values(state=state, replayed_at=replayed_at)).rowcount == 1


def indexes(conn: Connection, journal: str) -> dict[tuple[int, str, int], set[int]]:
    """The rows of ``journal`` that were left out of their inserts, as (segment, table, partition) → row indexes."""
    query = select(
        dead_letters.c.segment, dead_letters.c.table_name, dead_letters.c.partition, dead_letters.c.row_index
    ).where(dead_letters.c.journal == journal)
    found: dict[tuple[int, str, int], set[int]] = {}
    for segment, table, partition, row_index in conn.execute(query):
        found.setdefault((segment, table, int(partition)), set()).add(row_index)
    return found


def move(conn: Connection, old: str, new: str) -> None:
    """The letters of the journal ``old`` belong to ``new`` from now on: it carries on the same segments."""
    conn.execute(update(dead_letters).where(dead_letters.c.journal == old).values(journal=new))
