"""Monitors: (project, slug, environment), moved by check-ins (rulings 3).

| state | check-in ok | check-in failed | older than the last one |
|---|---|---|---|
| new | ok | error | cannot be |
| ok | ok | error | unchanged |
| error | ok | error | unchanged |
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, or_, select, update

from headrace.catalog.db import insert_ignore
from headrace.catalog.tables import monitors
from headrace.records.ids import uuid7
from headrace.records.intents import CheckInFact

#: Seconds between check-ins when neither the client nor a person says (logister.md 2.6).
DEFAULT_INTERVAL_S = 300
#: Minutes that a check-in may be late when nobody says (seestack.md 2.6).
DEFAULT_GRACE_MIN = 5


class MonitorRow(NamedTuple):
    """``interval_edited``: a person has set the interval, check-ins no longer do. Times in µs; ``last_status`` is the
    client's own word. ``schedule``: the text that a person gave instead of an interval, else ""; ``grace_min`` in minutes.
    """

    id: str
    project: int
    slug: str
    environment: str
    name: str
    interval_s: int
    interval_edited: bool
    state: str
    last_check_in_at: int | None
    last_received_at: int | None
    last_status: str
    last_duration_ms: float | None
    last_message: str
    last_event_id: str
    created_at: int
    created_by: str
    schedule: str = ""
    grace_min: int = DEFAULT_GRACE_MIN
    active: bool = True


def add(conn: Connection, row: MonitorRow) -> None:
    """Raises ``IntegrityError`` when the project has this slug in this environment already."""
    conn.execute(insert(monitors).values(row._asdict()))


def load(conn: Connection, project: int) -> list[MonitorRow]:
    """A project's monitors by slug, then environment."""
    query = select(monitors).where(monitors.c.project == project)
    return [MonitorRow(*row) for row in conn.execute(query.order_by(monitors.c.slug, monitors.c.environment))]


def by_slug(conn: Connection, project: int, slug: str, environment: str) -> MonitorRow | None:
    row = conn.execute(select(monitors).where(*_place(project, slug, environment))).one_or_none()
    return MonitorRow(*row) if row else None


def by_id(conn: Connection, project: int, monitor_id: str) -> MonitorRow | None:
    row = conn.execute(select(monitors).where(monitors.c.project == project, monitors.c.id == monitor_id)).one_or_none()
    return MonitorRow(*row) if row else None


def project_of(conn: Connection, monitor_id: str) -> int | None:
    """Number of the project that the monitor with this id belongs to."""
    return conn.execute(select(monitors.c.project).where(monitors.c.id == monitor_id)).scalar_one_or_none()


def change(conn: Connection, monitor_id: str, **values: Any) -> None:
    """Sets columns of a monitor."""
    conn.execute(update(monitors).where(monitors.c.id == monitor_id).values(values))


def remove(conn: Connection, project: int, monitor_id: str) -> bool:
    """False when the project has no such monitor."""
    gone = delete(monitors).where(monitors.c.project == project, monitors.c.id == monitor_id)
    return conn.execute(gone).rowcount == 1


def apply_check_in(conn: Connection, fact: CheckInFact) -> None:
    """Moves the fact's monitor, making it first when the fact may and it is missing. A check-in that happened before the
    last one changes nothing; of two at the same time the later in the journal wins.
    """
    seen: dict[str, Any] = {
        "state": "ok" if fact.ok else "error",
        "last_check_in_at": fact.ts,
        "last_received_at": fact.received_at,
        "last_status": fact.status,
        "last_duration_ms": fact.duration_ms,
        "last_message": fact.message,
        "last_event_id": fact.event_id,
    }
    if fact.creates:
        _create_missing(conn, fact, seen)
    here = update(monitors).where(
        *_place(fact.project, fact.slug, fact.environment),
        or_(monitors.c.last_check_in_at.is_(None), monitors.c.last_check_in_at <= fact.ts),
    )
    moved = conn.execute(here.values(seen)).rowcount == 1
    if moved and fact.interval_s is not None:
        free = here.where(monitors.c.interval_edited.is_(False))
        conn.execute(free.values(interval_s=fact.interval_s))


def _create_missing(conn: Connection, fact: CheckInFact, seen: dict[str, Any]) -> None:
    known = conn.execute(select(monitors.c.id).where(*_place(fact.project, fact.slug, fact.environment))).first()
    if known is not None:
        return
    values = seen | {
        "id": uuid7(fact.received_at, os.urandom),
        "project": fact.project,
        "slug": fact.slug,
        "environment": fact.environment,
        "name": fact.slug,
        "interval_s": DEFAULT_INTERVAL_S if fact.interval_s is None else fact.interval_s,
        "interval_edited": False,
        "created_at": fact.received_at,
        "created_by": "dialect",
        "schedule": "",
        "grace_min": DEFAULT_GRACE_MIN,
        "active": True,
    }
    insert_ignore(conn, monitors, [values], conflict=("project", "slug", "environment"))


def _place(project: int, slug: str, environment: str) -> tuple[Any, ...]:
    return (monitors.c.project == project, monitors.c.slug == slug, monitors.c.environment == environment)
