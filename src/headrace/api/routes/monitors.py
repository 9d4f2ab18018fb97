"""Monitors: listed, made. Check-ins move them through the dialects."""

from __future__ import annotations

import msgspec
from litestar import get, post
from litestar.params import JSONBody

from headrace.api.auth import manages, reads
from headrace.api.deps import TheServices, TheTarget
from headrace.api.services import monitors
from headrace.api.services.monitors import MonitorInfo
from headrace.api.times import maybe, when


class Monitor(msgspec.Struct, frozen=True):
    """``state`` is new, ok or error; ``interval_s`` the seconds between check-ins; ``last_status`` the client's own word."""

    id: str
    slug: str
    environment: str
    name: str
    interval_s: int
    state: str
    last_check_in_at: str | None
    last_received_at: str | None
    last_status: str
    last_duration_ms: float | None
    last_message: str
    created_at: str
    created_by: str


class Monitors(msgspec.Struct, frozen=True):
    monitors: list[Monitor]


class NewMonitor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``slug``: a-z, 0-9 and -. ``interval_s`` given here is not changed by check-ins."""

    slug: str
    environment: str = "production"
    name: str = ""
    interval_s: int | None = None


def _view(info: MonitorInfo) -> Monitor:
    values = {name: getattr(info, name) for name in Monitor.__struct_fields__}
    times = {name: maybe(values[name]) for name in ("last_check_in_at", "last_received_at")}
    return Monitor(**values | times | {"created_at": when(info.created_at)})


@get("/monitors", guards=[reads], sync_to_thread=True, summary="List monitors")
def list_monitors(services: TheServices, target: TheTarget) -> Monitors:
    """By slug, then environment."""
    found = monitors.list_all(services.context, target.actor, project=target.project)
    return Monitors([_view(info) for info in found])


@post(
    "/monitors",
    guards=[manages],
    sync_to_thread=True,
    summary="Make a monitor",
    opt={"sample": {"slug": "nightly-backup", "interval_s": 86_400}},
)
def create_monitor(services: TheServices, target: TheTarget, data: JSONBody[NewMonitor]) -> Monitor:
    """It waits for its first check-in."""
    made = monitors.create(
        services.context,
        target.actor,
        project=target.project,
        slug=data.slug,
        environment=data.environment,
        name=data.name,
        interval_s=data.interval_s,
    )
    return _view(made)


HANDLERS = (list_monitors, create_monitor)
