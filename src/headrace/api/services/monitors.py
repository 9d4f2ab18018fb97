"""Monitors: made, changed, listed and deleted by people. (Check-ins move them through the journal.)"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from headrace.api.services import audit
from headrace.api.services.base import Actor, Context, ServiceError, between, line, live_project, require
from headrace.api.services.schedules import interval_of
from headrace.catalog import monitors
from headrace.catalog.monitors import DEFAULT_GRACE_MIN, DEFAULT_INTERVAL_S, MonitorRow
from headrace.records.text import clean_text

#: Characters of a slug and of an environment.
SLUG_MAX = 255
#: The longest interval between check-ins: a leap year, in seconds.
INTERVAL_MAX_S = 366 * 86_400
#: Characters of a schedule, and the longest grace in minutes (seestack.md 2.6).
SCHEDULE_MAX = 100
GRACE_MAX_MIN = 1_440

# seestack.md 1.7 and 4
_SLUG = re.compile(r"[a-z0-9\-]+\Z", re.ASCII)


class MonitorInfo(msgspec.Struct, frozen=True):
    """``state`` new, ok or error; times in µs. ``last_status`` is the client's own word; ``schedule`` the text that a person gave
    instead of an interval, else "".
    """

    id: str
    slug: str
    environment: str
    name: str
    interval_s: int
    state: str
    last_check_in_at: int | None
    last_received_at: int | None
    last_status: str
    last_duration_ms: float | None
    last_message: str
    created_at: int
    created_by: str
    schedule: str
    grace_min: int
    active: bool


def create(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    slug: str,
    environment: str = "production",
    name: str = "",
    interval_s: int | None = None,
    schedule: str = "",
    grace_min: int = DEFAULT_GRACE_MIN,
) -> MonitorInfo:
    """A monitor that waits for its first check-in. An ``interval_s`` given here is a person's and check-ins do not change
    it; without one it is 300 until a check-in brings its own. A ``schedule`` sets the interval. Raises ``invalid``,
    ``forbidden``, ``not_found``, ``conflict``.
    """
    require(actor, "manage")
    if not _SLUG.match(slug) or len(slug) > SLUG_MAX:
        raise ServiceError("invalid", f"slug must be 1 to {SLUG_MAX} of a-z, 0-9 and -")
    place = line(environment, "environment", SLUG_MAX)
    title = line(name, "name") if name.strip() else slug
    text = line(schedule, "schedule", SCHEDULE_MAX) if schedule else ""
    if text:
        interval_s = interval_of(text, context.now())
    interval = DEFAULT_INTERVAL_S if interval_s is None else between(interval_s, "interval_s", 1, INTERVAL_MAX_S)
    grace = between(grace_min, "grace", 1, GRACE_MAX_MIN)
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        row = MonitorRow(
            id=context.new_id(),
            project=number,
            slug=slug,
            environment=place,
            name=title,
            interval_s=interval,
            interval_edited=interval_s is not None,
            state="new",
            last_check_in_at=None,
            last_received_at=None,
            last_status="",
            last_duration_ms=None,
            last_message="",
            last_event_id="",
            created_at=context.now(),
            created_by="person",
            schedule=text,
            grace_min=grace,
        )
        try:
            monitors.add(conn, row)
            audit.note(context, conn, actor, "made a monitor", subject_id=row.id, subject=row.name, project=number)
        except IntegrityError:
            raise ServiceError("conflict", f"a monitor {slug} exists already in {place}") from None
    return _info(row)


def list_all(context: Context, actor: Actor, *, project: str | int) -> list[MonitorInfo]:
    """A project's monitors by slug, then environment. Raises ``forbidden``, ``not_found``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        return [_info(row) for row in monitors.load(conn, number)]


def get(context: Context, actor: Actor, monitor_id: str, *, project: str | int) -> MonitorInfo:
    """Raises ``forbidden``, ``not_found``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        return _info(_found(conn, live_project(conn, actor, project).number, monitor_id))


def change(
    context: Context,
    actor: Actor,
    monitor_id: str,
    *,
    project: str | int,
    name: str | None = None,
    schedule: str | None = None,
    grace_min: int | None = None,
    active: bool | None = None,
) -> MonitorInfo:
    """The monitor after the change; None leaves a part as it is. Raises ``invalid``, ``forbidden``, ``not_found``."""
    require(actor, "manage")
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = line(name, "name")
    if schedule is not None:
        text = values["schedule"] = line(schedule, "schedule", SCHEDULE_MAX)
        values |= {"interval_s": interval_of(text, context.now()), "interval_edited": True}
    if grace_min is not None:
        values["grace_min"] = between(grace_min, "grace", 1, GRACE_MAX_MIN)
    if active is not None:
        values["active"] = active
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        row = _found(conn, number, monitor_id)
        if values:
            monitors.change(conn, row.id, **values)
            details = ", ".join(sorted(values))
            audit.note(
                context,
                conn,
                actor,
                "changed a monitor",
                subject_id=row.id,
                subject=row.name,
                project=number,
                details=details,
            )
        return _info(_found(conn, number, monitor_id))


def delete(context: Context, actor: Actor, monitor_id: str, *, project: str | int) -> None:
    """Its check-ins stay. Raises ``forbidden``, ``not_found``."""
    require(actor, "manage")
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        row = _found(conn, number, monitor_id)
        monitors.remove(conn, number, row.id)
        audit.note(context, conn, actor, "deleted a monitor", subject_id=row.id, subject=row.name, project=number)


def _found(conn: Connection, project: int, monitor_id: str) -> MonitorRow:
    row = monitors.by_id(conn, project, clean_text(monitor_id))
    if row is None:
        raise ServiceError("not_found", "monitor not found")
    return row


def _info(row: MonitorRow) -> MonitorInfo:
    return MonitorInfo(**{name: getattr(row, name) for name in MonitorInfo.__struct_fields__})
