"""SeeStack's uptime monitors, and the history of its cron monitors (contract 2.5, 2.6, 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.seestack_lists import (
    DAY_US,
    Work,
    listed,
    named_project,
    paged,
    paging,
    private,
    project_to_read,
    query_fields,
    span,
)
from headrace.api.compat.seestack_logins import not_found
from headrace.api.services import key_actor, monitors, uptime
from headrace.api.services.base import Actor
from headrace.api.services.uptime import Check, UptimeInfo
from headrace.dialects.seestack_fields import Fields
from headrace.dialects.seestack_forms import BLANK, Unreadable, envelope, read_object
from headrace.outward.urls import BadUrl, check_url
from headrace.records.intents import Answer, StreamAnswer
from headrace.records.tables import EVENTS
from headrace.records.times import iso_text
from headrace.store.filters import Filter

#: How far back ``timeRange`` goes, µs; and the history of a cron monitor (contract 4).
RANGES: Mapping[str, int] = {"1h": DAY_US // 24, "24h": DAY_US, "7d": 7 * DAY_US, "30d": 30 * DAY_US}
HISTORY_US = 7 * DAY_US
HISTORY_PER_PAGE = 50

_PING_COLUMNS = ("level", "duration_ms", "message")
#: The levels that a check-in of any dialect is stored with, by SeeStack's word for how the job ended. One that was missed is not stored.
_LEVELS = {"success": "info", "failed": "error", "missed": "missed"}


# --- uptime monitors (2.5) ---


def _create(services: CompatServices, request: ReadRequest) -> Answer:
    fields = Fields(read_object(request.body))
    name, url = fields.required("name"), _url(fields, fields.required("url"))
    interval = fields.integer("intervalMinutes")
    active = _flag(fields, "isActive")
    project = fields.text("projectId")
    fields.check()
    made = uptime.create(
        services.context,
        _actor(request),
        project=project or named_project(request),
        name=name,
        url=url,
        interval_min=interval,
        active=active is not False,
    )
    return private(envelope(_shown(made), 201))


def _list(services: CompatServices, request: ReadRequest) -> Answer:
    fields = query_fields(request)
    page = paging(fields)
    fields.check()
    found = uptime.page(
        services.context,
        services.store(),
        _actor(request),
        project=named_project(request),
        limit=page.per_page,
        offset=page.offset,
    )
    return listed([_shown(info) for info in found.monitors], page, found.total)


def _get(services: CompatServices, request: ReadRequest) -> Answer:
    return _one(services, request, _actor(request), named_project(request))


def _change(services: CompatServices, request: ReadRequest) -> Answer:
    fields = Fields(read_object(request.body))
    sent = {name for name, value in fields.sent.items() if value is not None}
    name = fields.required("name") if "name" in sent else None
    url = _url(fields, fields.required("url")) if "url" in sent else None
    interval = fields.integer("intervalMinutes") if "intervalMinutes" in sent else None
    active = _flag(fields, "isActive")
    project = fields.text("projectId") or named_project(request)
    fields.check()
    actor, monitor_id = _actor(request), request.params["id"]
    with not_found("monitor", monitor_id):
        uptime.change(
            services.context,
            actor,
            monitor_id,
            project=project,
            name=name,
            url=url,
            interval_min=interval,
            active=active,
        )
    # Whoever may change a monitor is shown what became of it.
    return _one(services, request, actor._replace(scopes=actor.scopes | {"read"}), project)


def _delete(services: CompatServices, request: ReadRequest) -> Answer:
    monitor_id = request.params["id"]
    with not_found("monitor", monitor_id):
        uptime.delete(services.context, _actor(request), monitor_id, project=named_project(request))
    return Answer(204, b"", ())


def _checks(services: CompatServices, request: ReadRequest) -> Answer:
    monitor_id, range_us = request.params["id"], RANGES.get(request.query().get("timeRange", ""), DAY_US)
    with not_found("monitor", monitor_id):
        found = uptime.checks(
            services.context,
            services.store(),
            _actor(request),
            monitor_id,
            project=named_project(request),
            range_us=range_us,
        )
    data = {
        "monitorId": found.monitor_id,
        "uptimePercentage": found.uptime,
        "totalChecks": found.total,
        "checks": [_check(one) for one in found.checks],
    }
    return private(envelope(data, 200))


def _one(services: CompatServices, request: ReadRequest, actor: Actor, project: str | int) -> Answer:
    monitor_id = request.params["id"]
    with not_found("monitor", monitor_id):
        info = uptime.get(services.context, services.store(), actor, monitor_id, project=project)
    return private(envelope(_shown(info), 200))


def _actor(request: ReadRequest) -> Actor:
    return key_actor(request.key, request.address)


def _url(fields: Fields, sent: str) -> str:
    """``url`` without the blanks around it; what it may not be joins the details."""
    url = sent.strip(BLANK)
    try:
        check_url(url)
    except BadUrl as error:
        fields.refuse("url", str(error))  # what is blank is told so already
    return url


def _flag(fields: Fields, name: str) -> bool | None:
    value = fields.sent.get(name)
    if value is not None and type(value) is not bool:
        raise Unreadable(name)
    return value


def _shown(info: UptimeInfo) -> dict[str, Any]:
    """As contract 4 shows a monitor; ``lastStatusCode`` and ``lastReason`` are ours."""
    return {
        "id": info.id,
        "projectId": info.project_id,
        "name": info.name,
        "url": info.url,
        "intervalMinutes": info.interval_min,
        "isActive": info.active,
        "createdAt": iso_text(info.created_at, 3),
        "status": info.status,
        "lastResponseTimeMs": round(info.duration_ms or 0),
        "uptimePercentage": info.uptime,
        "lastCheckedAt": None if info.checked_at is None else iso_text(info.checked_at, 3),
        "lastStatusCode": info.code,
        "lastReason": info.reason,
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "timestamp": iso_text(check.ts, 3),
        "status": int(check.up),
        "responseTimeMs": round(check.duration_ms),
        "statusCode": check.code,
        "reason": check.reason,
    }


# --- the history of a cron monitor (2.6) ---


class _Ping(msgspec.Struct, rename="camel"):
    id: str
    monitor_id: str
    status: str
    duration_ms: int
    message: str
    timestamp: str


def _history(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    fields = query_fields(request)
    page = paging(fields, default=HISTORY_PER_PAGE)
    window = span(fields, request.received_us, default_us=HISTORY_US)
    status = fields.one_of("status", tuple(_LEVELS))
    fields.check()
    actor, project, monitor_id = _actor(request), named_project(request), request.params["id"]
    with not_found("cron monitor", monitor_id):
        found = monitors.get(services.context, actor, monitor_id, project=project)
    number = project_to_read(services, request).number
    equals = {"type": ["check_in"], "name": [found.slug], "environment": [found.environment]}
    if status:
        equals["level"] = [_LEVELS[status]]

    def show(row: dict[str, Any]) -> bytes:
        ended = "failed" if row["level"] == _LEVELS["failed"] else "success"
        # Logister's say their slug where they have nothing to say.
        message = "" if row["message"] == found.slug else row["message"]
        ping = _Ping(row["id"], found.id, ended, int(row["duration_ms"] or 0), message, iso_text(row["ts"], 3))
        return msgspec.json.encode(ping)

    return paged(services.store(), number, EVENTS.name, Filter(equals), window, page, _PING_COLUMNS, show)


WORK: Mapping[str, Work] = {
    "uptime_create": _create,
    "uptime_list": _list,
    "uptime_get": _get,
    "uptime_change": _change,
    "uptime_delete": _delete,
    "uptime_checks": _checks,
    "monitors_history": _history,
}
