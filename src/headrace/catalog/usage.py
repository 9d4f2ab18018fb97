"""How many records a project was given in each calendar month: what monthly quotas are measured by."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from headrace.catalog.db import add_to_counts
from headrace.catalog.tables import usage


def add(conn: Connection, counts: Mapping[tuple[int, int], int]) -> None:
    """Adds to the counts by (project, yyyymm)."""
    rows = [{"project": project, "month": month, "units": units} for (project, month), units in sorted(counts.items())]
    add_to_counts(conn, usage, "units", rows)


def load(conn: Connection, since: int) -> dict[tuple[int, int], int]:
    """The counts of all projects by (project, yyyymm), from the month ``since`` on."""
    found = conn.execute(select(usage).where(usage.c.month >= since))
    return {(row.project, row.month): int(row.units) for row in found}


def of_month(conn: Connection, project: int, month: int) -> int:
    """One project's count of one month."""
    query = select(usage.c.units).where(usage.c.project == project, usage.c.month == month)
    return int(conn.execute(query).scalar() or 0)
