"""The audit log: who did what, on what, when, from where. Rows are written in the transaction of what they tell of."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from headrace.catalog.tables import audit


class AuditRow(NamedTuple):
    """``who`` and ``subject`` are names as they were then; ``at`` in µs; ``project`` the number of the project it was in; ``id`` ascends,
    None before the row is stored.
    """

    id: int | None
    at: int
    who_kind: str
    who_id: str
    who: str
    address: str
    action: str
    subject_id: str
    subject: str
    project: int | None
    details: str


def add(conn: Connection, row: AuditRow) -> None:
    values = row._asdict()
    del values["id"]
    conn.execute(insert(audit).values(values))


def page(
    conn: Connection,
    *,
    before: int | None = None,
    action: str = "",
    who_id: str = "",
    project: int | None = None,
    limit: int,
) -> list[AuditRow]:
    """The newest first, older than the row ``before``."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    if action:
        query = query.where(audit.c.action == action)
    if who_id:
        query = query.where(audit.c.who_id == who_id)
    if project is not None:
        query = query.where(audit.c.project == project)
    return [AuditRow(*row) for row in conn.execute(query)]


def happened(conn: Connection, *, since: int, action: str, who_id: str, address: str) -> bool:
    """Whether there is such a row since ``since`` µs."""
    same = (audit.c.at >= since, audit.c.action == action, audit.c.who_id == who_id, audit.c.address == address)
    return conn.execute(select(audit.c.id).where(*same).limit(1)).first() is not None


def forget(conn: Connection, before: int) -> None:
    """Removes what is older than ``before`` µs."""
    conn.execute(delete(audit).where(audit.c.at < before))
