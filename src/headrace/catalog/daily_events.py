"""How many SlowStats events a project got on each UTC day: totals that retention does not touch (rulings 4)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from headrace.catalog.db import add_to_counts
from headrace.catalog.tables import daily_events


def add(conn: Connection, counts: Mapping[tuple[int, int], int]) -> None:
    """Adds to the counts by (project, days since the epoch)."""
    rows = [{"project": project, "day": day, "events": count} for (project, day), count in sorted(counts.items())]
    add_to_counts(conn, daily_events, "events", rows)


def load(conn: Connection, project: int) -> dict[int, int]:
    """A project's counts by day, in days since the epoch; days without an event are left out."""
    query = select(daily_events.c.day, daily_events.c.events).where(daily_events.c.project == project)
    return {int(row.day): int(row.events) for row in conn.execute(query)}
