"""SeeStack's management endpoints (contract 4), named as the route table names them: cron monitors, replays, and that the server is up."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from headrace.api.compat import (
    seestack_errors,
    seestack_keys,
    seestack_monitors,
    seestack_people,
    seestack_projects,
    seestack_rows,
    seestack_tail,
)
from headrace.api.compat.base import CompatServices, Handler, ReadRequest
from headrace.api.compat.seestack_guard import guarded
from headrace.api.compat.seestack_lists import Work, named_project, private
from headrace.api.compat.seestack_logins import not_found
from headrace.api.compat.seestack_replays import of_error, of_session
from headrace.api.services import key_actor, monitors
from headrace.api.services.monitors import GRACE_MAX_MIN, MonitorInfo
from headrace.api.services.schedules import next_after
from headrace.catalog.monitors import DEFAULT_GRACE_MIN
from headrace.dialects.seestack_fields import Fields
from headrace.dialects.seestack_forms import BLANK, Unreadable, envelope, read_object
from headrace.records.intents import Answer, StreamAnswer
from headrace.records.times import iso_text

_SLUG = re.compile(r"[a-z0-9\-]+\Z", re.ASCII)
_SLUG_RULE = r'must match "^[a-z0-9\-]+$"'


def handlers(services: CompatServices) -> dict[str, Handler]:
    """The handlers by the names that ``dialects.seestack_reads`` gives them."""
    made = {f"seestack.{name}": _handler(services, work) for name, work in _WORK.items()}
    made |= seestack_people.handlers(services)
    made["seestack.health"] = _health
    made["seestack.tail"] = seestack_tail.handler(services)
    return made


async def _health(_request: ReadRequest) -> Answer:
    return Answer(200, b'{"status":"UP"}')


def _handler(services: CompatServices, work: Work) -> Handler:
    async def handle(request: ReadRequest) -> Answer | StreamAnswer:
        return await asyncio.to_thread(guarded, services, request, work)

    return handle


# --- cron monitors ---


def _monitors_create(services: CompatServices, request: ReadRequest) -> Answer:
    fields = _fields(request)
    name, slug, schedule = (fields.required(field) for field in ("name", "slug", "schedule"))
    if slug.strip(BLANK) and not _SLUG.match(slug):
        fields.refuse("slug", _SLUG_RULE)
    grace = _grace(fields)
    project = fields.text("projectId")
    fields.check()
    made = monitors.create(
        services.context,
        key_actor(request.key, request.address),
        project=project or named_project(request),
        slug=slug,
        name=name,
        schedule=schedule,
        grace_min=DEFAULT_GRACE_MIN if grace is None else grace,
    )
    return _answer(services, made, 201)


def _monitors_list(services: CompatServices, request: ReadRequest) -> Answer:
    found = monitors.list_all(services.context, key_actor(request.key, request.address), project=named_project(request))
    now = services.context.now()
    return private(envelope({"items": [_shown(info, now) for info in found]}, 200))


def _monitors_get(services: CompatServices, request: ReadRequest) -> Answer:
    actor, monitor_id = key_actor(request.key, request.address), request.params["id"]
    with not_found("cron monitor", monitor_id):
        found = monitors.get(services.context, actor, monitor_id, project=named_project(request))
    return _answer(services, found)


def _monitors_change(services: CompatServices, request: ReadRequest) -> Answer:
    fields = _fields(request)
    sent = {name for name, value in fields.sent.items() if value is not None}
    name = fields.required("name") if "name" in sent else None
    schedule = fields.required("schedule") if "schedule" in sent else None
    grace = _grace(fields)
    active = fields.sent.get("isActive")
    if active is not None and type(active) is not bool:
        raise Unreadable("isActive")
    actor, monitor_id = key_actor(request.key, request.address), request.params["id"]
    project = fields.text("projectId") or named_project(request)
    reader = actor._replace(scopes=actor.scopes | {"read"})
    with not_found("cron monitor", monitor_id):
        found = monitors.get(services.context, reader, monitor_id, project=project)
    if "slug" in sent and fields.text("slug") != found.slug:
        fields.refuse("slug", "must not be changed")
    fields.check()
    changed = monitors.change(
        services.context,
        actor,
        monitor_id,
        project=project,
        name=name,
        schedule=schedule,
        grace_min=grace,
        active=active,
    )
    return _answer(services, changed)


def _monitors_delete(services: CompatServices, request: ReadRequest) -> Answer:
    actor, monitor_id = key_actor(request.key, request.address), request.params["id"]
    with not_found("cron monitor", monitor_id):
        monitors.delete(services.context, actor, monitor_id, project=named_project(request))
    return Answer(204, b"", ())


def _fields(request: ReadRequest) -> Fields:
    return Fields(read_object(request.body))


def _grace(fields: Fields) -> int | None:
    """Minutes that a job may be late, None when the body does not say."""
    if fields.sent.get("gracePeriodMin") is None:
        return None
    grace = fields.integer("gracePeriodMin")
    if not 1 <= grace <= GRACE_MAX_MIN:
        fields.refuse("gracePeriodMin", f"must be between 1 and {GRACE_MAX_MIN}")
    return grace


def _answer(services: CompatServices, info: MonitorInfo, status: int = 200) -> Answer:
    return private(envelope(_shown(info, services.context.now()), status))


def _shown(info: MonitorInfo, now_us: int) -> dict[str, Any]:
    """A monitor as contract 4 shows it; ``environment`` is ours, for monitors that other dialects have made."""
    schedule = info.schedule or _interval_text(info.interval_s)
    last = info.last_check_in_at
    due = next_after(schedule, info.created_at if last is None else last)
    return {
        "id": info.id,
        "name": info.name,
        "slug": info.slug,
        "schedule": schedule,
        "gracePeriodMin": info.grace_min,
        "isActive": info.active,
        "currentStatus": _status(info, due, now_us),
        "lastPingAt": None if last is None else iso_text(last, 3),
        "nextExpectedAt": iso_text(due, 3),
        "lastDurationMs": None if info.last_duration_ms is None else int(info.last_duration_ms),
        "lastMessage": info.last_message,
        "createdAt": iso_text(info.created_at, 3),
        "environment": info.environment,
    }


def _status(info: MonitorInfo, due_us: int, now_us: int) -> str:
    """Contract 2.6, from what the last check-in said and when."""
    if info.last_check_in_at is None:
        return "pending"
    if info.state == "error":
        return "failed"
    if now_us <= due_us:
        return "healthy"
    return "late" if now_us < due_us + info.grace_min * 60_000_000 else "missed"


def _interval_text(seconds: int) -> str:
    """The nearest interval that a schedule can say: whole minutes, at least one."""
    return f"{max(1, round(seconds / 60))}m"


_WORK: dict[str, Work] = {
    **seestack_errors.WORK,
    **seestack_rows.WORK,
    **seestack_monitors.WORK,
    **seestack_projects.WORK,
    **seestack_keys.WORK,
    "monitors_create": _monitors_create,
    "monitors_list": _monitors_list,
    "monitors_get": _monitors_get,
    "monitors_change": _monitors_change,
    "monitors_delete": _monitors_delete,
    "session_replay": of_session,
    "error_replay": of_error,
}
