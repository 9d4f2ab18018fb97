"""Annotations: notes on the timeline of a project or of one stat."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, or_, select

from headrace.catalog.tables import annotations


class AnnotationRow(NamedTuple):
    """``ts`` is the moment noted, ``created_at`` when it was written down, both µs; ``stat_id`` None: on all charts."""

    id: str
    project: int
    stat_id: int | None
    kind: str
    text: str
    url: str
    ts: int
    created_at: int


def add(conn: Connection, row: AnnotationRow) -> None:
    conn.execute(insert(annotations).values(row._asdict()))


def load(
    conn: Connection, project: int, *, start: int | None, end: int | None, stat_id: int | None, limit: int
) -> list[AnnotationRow]:
    """Those in [start, end) µs by time; with ``stat_id`` the stat's own and those on all charts."""
    query = select(annotations).where(annotations.c.project == project)
    if start is not None:
        query = query.where(annotations.c.ts >= start)
    if end is not None:
        query = query.where(annotations.c.ts < end)
    if stat_id is not None:
        query = query.where(or_(annotations.c.stat_id == stat_id, annotations.c.stat_id.is_(None)))
    query = query.order_by(annotations.c.ts, annotations.c.id).limit(limit)
    return [AnnotationRow(*row) for row in conn.execute(query)]


def remove(conn: Connection, project: int, annotation_id: str) -> bool:
    """False when the project has no such annotation."""
    gone = delete(annotations).where(annotations.c.id == annotation_id, annotations.c.project == project)
    return conn.execute(gone).rowcount == 1


def remove_of(conn: Connection, project: int, stat_id: int) -> None:
    """Those of one stat."""
    conn.execute(delete(annotations).where(annotations.c.stat_id == stat_id, annotations.c.project == project))
