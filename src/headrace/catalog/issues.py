"""What people have decided about issues: by project and fingerprint (rulings 3). All without a row here are unresolved."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from headrace.catalog.tables import issues


class IssueRow(NamedTuple):
    """``changed_at`` is when the status became what it is, ``changed_by`` who made it so; ``resolved_in_release``: of the latest error then,
    "" unless it is resolved. ``reopens`` counts by whomever, ``regressions`` those by new errors. Times in µs.
    """

    id: str
    project: int
    fingerprint: str
    status: str
    changed_at: int
    changed_by: str
    resolved_in_release: str = ""
    reopened_at: int | None = None
    reopens: int = 0
    regressions: int = 0


def by_id(conn: Connection, project: int, issue_id: str) -> IssueRow | None:
    row = conn.execute(select(issues).where(issues.c.project == project, issues.c.id == issue_id)).one_or_none()
    return IssueRow(*row) if row else None


def some(conn: Connection, project: int, ids: list[str]) -> dict[str, IssueRow]:
    """Those of ``ids`` that somebody has touched, by id."""
    found = conn.execute(select(issues).where(issues.c.project == project, issues.c.id.in_(ids)))
    return {row.id: IssueRow(*row) for row in found}


def closed(conn: Connection, project: int) -> list[tuple[str, str, int]]:
    """(fingerprint, status, since when) of all that are not unresolved."""
    columns = (issues.c.fingerprint, issues.c.status, issues.c.changed_at)
    found = conn.execute(select(*columns).where(issues.c.project == project, issues.c.status != "unresolved"))
    return [(fingerprint, status, changed_at) for fingerprint, status, changed_at in found]


def put(conn: Connection, row: IssueRow) -> None:
    """Makes or replaces the issue's row. Call it in the transaction that has read the row."""
    if conn.execute(update(issues).where(issues.c.id == row.id).values(row._asdict())).rowcount == 0:
        conn.execute(insert(issues).values(row._asdict()))
