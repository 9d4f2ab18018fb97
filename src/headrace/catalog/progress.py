"""How far the loader has projected each journal: written in the transaction that holds the projections."""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select, update

from headrace.catalog.tables import progress


def get(conn: Connection, journal: str) -> int:
    """The last segment whose projections are in the catalog; 0 when none is (segments count from 1)."""
    return int(conn.execute(select(progress.c.segment).where(progress.c.journal == journal)).scalar() or 0)


def set(conn: Connection, journal: str, segment: int) -> None:  # noqa: A001 - read as progress.set
    """Stores the end of the projections of ``journal``."""
    here = update(progress).where(progress.c.journal == journal)
    if conn.execute(here.values(segment=segment)).rowcount == 0:
        conn.execute(insert(progress).values(journal=journal, segment=segment))


def last_segment(conn: Connection) -> int:
    """The highest segment number that any journal of this catalog has projected, 0 when there is none."""
    return int(conn.execute(select(func.max(progress.c.segment))).scalar_one_or_none() or 0)
