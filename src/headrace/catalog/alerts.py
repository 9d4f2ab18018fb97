"""Alerts as StatHat's API defines them: kept, not yet acted upon."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from headrace.catalog.tables import alerts, stats


class AlertRow(NamedTuple):
    """``operator`` and ``time_delta`` are "" and the numbers None where the kind has none; ``created_at`` in µs."""

    id: str
    project: int
    stat_id: int
    kind: str
    time_window: str
    operator: str
    threshold: float | None
    percentage: float | None
    time_delta: str
    created_at: int


def add(conn: Connection, row: AlertRow) -> None:
    conn.execute(insert(alerts).values(row._asdict()))


def count(conn: Connection, project: int) -> int:
    """How many the project has."""
    return int(conn.execute(select(func.count()).where(alerts.c.project == project)).scalar_one())


def load(conn: Connection, project: int, alert_id: str | None = None) -> list[tuple[AlertRow, str | None]]:
    """The project's alerts, the oldest first, or the one of that id; each with its stat's name, None while the catalog does not have the
    stat. Those of stats in the trash are left out.
    """
    query = (
        select(*(alerts.c[name] for name in AlertRow._fields), stats.c.name)
        .select_from(alerts.outerjoin(stats, stats.c.stat_id == alerts.c.stat_id))
        .where(alerts.c.project == project, stats.c.trashed_at.is_(None))
        .order_by(alerts.c.created_at, alerts.c.id)
    )
    if alert_id is not None:
        query = query.where(alerts.c.id == alert_id)
    return [(AlertRow(*row[:-1]), row[-1]) for row in conn.execute(query)]


def remove(conn: Connection, project: int, alert_id: str) -> bool:
    """False when the project has no such alert."""
    gone = delete(alerts).where(alerts.c.id == alert_id, alerts.c.project == project)
    return conn.execute(gone).rowcount == 1


def remove_of(conn: Connection, project: int, stat_id: int) -> None:
    """Those of one stat."""
    conn.execute(delete(alerts).where(alerts.c.stat_id == stat_id, alerts.c.project == project))
