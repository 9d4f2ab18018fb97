"""Monitors: made by people, listed. (Check-ins move them through the journal.)"""

from __future__ import annotations

import re

import msgspec
from sqlalchemy.exc import IntegrityError

from headrace.api.services.base import Actor, Context, ServiceError, between, line, live_project, require
from headrace.catalog import monitors
from headrace.catalog.monitors import DEFAULT_INTERVAL_S, MonitorRow

#: Characters of a slug and of an environment.
SLUG_MAX = 255
#: The longest interval between check-ins: a leap year, in seconds.
INTERVAL_MAX_S = 366 * 86_400

# seestack.md 1.7 and 4
_SLUG = re.compile(r"[a-z0-9\-]+\Z", re.ASCII)


class MonitorInfo(msgspec.Struct, frozen=True):
    """``state`` new, ok or error; times in µs. ``last_status`` is the client's own word."""

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


def create(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    slug: str,
    environment: str = "production",
    name: str = "",
    interval_s: int | None = None,
) -> MonitorInfo:
    """A monitor that waits for its first check-in. An ``interval_s`` given here is a person's and check-ins do not change
    it; without one it is 300 until a check-in brings its own. Raises ``invalid``, ``forbidden``, ``not_found``,
    ``conflict``.
    """
    require(actor, "manage")
    if not _SLUG.match(slug) or len(slug) > SLUG_MAX:
        raise ServiceError("invalid", f"slug must be 1 to {SLUG_MAX} of a-z, 0-9 and -")
    place = line(environment, "environment", SLUG_MAX)
    title = line(name, "name") if name.strip() else slug
    interval = DEFAULT_INTERVAL_S if interval_s is None else between(interval_s, "interval_s", 1, INTERVAL_MAX_S)
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
        )
        try:
            monitors.add(conn, row)
        except IntegrityError:
            raise ServiceError("conflict", f"a monitor {slug} exists already in {place}") from None
    return _info(row)


def list_all(context: Context, actor: Actor, *, project: str | int) -> list[MonitorInfo]:
    """A project's monitors by slug, then environment. Raises ``forbidden``, ``not_found``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        return [_info(row) for row in monitors.load(conn, number)]


def _info(row: MonitorRow) -> MonitorInfo:
    return MonitorInfo(**{name: getattr(row, name) for name in MonitorInfo.__struct_fields__})
