"""SeeStack's monitors as rows of the route table (contract 2.5, 2.6, 4): pages that the server looks at, and what check-ins came."""

from __future__ import annotations

from typing import Annotated

import msgspec

from headrace.dialects.base import Route
from headrace.dialects.seestack_answers import Answers, error, invalid, success
from headrace.dialects.seestack_management import BAD_PAGE, NO_PROJECT, PROJECT, managed

_MONITOR = (
    '{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","projectId":"0190b6c5-0c1d-7f43-b0a6-5d1f3e7c2b90","name":"Shop",'
    '"url":"https://shop.example/health","intervalMinutes":5,"isActive":true,"createdAt":"2026-04-01T12:00:00.000Z",'
    '"status":"up","lastResponseTimeMs":182,"uptimePercentage":99.65,"lastCheckedAt":"2026-04-02T09:58:00.123Z",'
    '"lastStatusCode":200,"lastReason":""}'
)
_CHECK = '{"timestamp":"2026-04-02T09:58:00.123Z","status":1,"responseTimeMs":182,"statusCode":200,"reason":""}'
_PING = (
    '{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a11","monitorId":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","status":"success",'
    '"durationMs":4112,"message":"","timestamp":"2026-04-02T03:00:04.112Z"}'
)
_UNKNOWN = (404, error("NOT_FOUND", "Monitor not found: 7"))
_UNKNOWN_CRON = (404, error("NOT_FOUND", "Cron monitor not found: 7"))
_TOO_MANY = (409, error("CONFLICT", "A project has at most 500 uptime monitors"))
_INVALID = invalid("url", "must be a valid HTTP/HTTPS URL")

_ID = ("id", "The monitor's id.")
_PAGE = ("page", "Which page, from 1.")
_MOMENTS = "ISO 8601 with an offset, a date, Unix seconds, or relative like -24h"


class NewMonitor(msgspec.Struct, rename="camel", omit_defaults=True):
    """A page to look at, every 1, 5 or 10 minutes; any other interval becomes 5."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["Shop"])]
    url: Annotated[str, msgspec.Meta(pattern="https?://.+", max_length=2_000, examples=["https://shop.example/health"])]
    interval_minutes: Annotated[int, msgspec.Meta(examples=[5])] = 5
    is_active: bool = True
    project_id: str | None = None


class MonitorChange(msgspec.Struct, rename="camel", omit_defaults=True):
    """What becomes of a monitor; what is left out stays."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["Shop"])] | None = None
    url: Annotated[str, msgspec.Meta(pattern="https?://.+", max_length=2_000)] | None = None
    interval_minutes: int | None = None
    is_active: bool | None = None
    project_id: str | None = None


_BODIES = {"POST": NewMonitor, "PUT": MonitorChange}


def _route(
    method: str,
    path: str,
    name: str,
    summary: str,
    answers: Answers,
    *parameters: tuple[str, str],
) -> Route:
    return managed(method, f"/api/v1/{path}", name, summary, answers, body=_BODIES.get(method), parameters=parameters)


ROUTES: tuple[Route, ...] = (
    _route(
        "POST",
        "monitors",
        "uptime_create",
        "Have a page looked at.",
        ((201, success(_MONITOR)), NO_PROJECT, _TOO_MANY, _INVALID),
    ),
    _route(
        "GET",
        "monitors",
        "uptime_list",
        "The pages that are looked at, the newest first, and how they are.",
        (
            (200, success(f'{{"items":[{_MONITOR}],"pagination":{{"page":1,"perPage":20,"total":1}}}}')),
            NO_PROJECT,
            BAD_PAGE,
        ),
        PROJECT,
        _PAGE,
        ("perPage", "Monitors of a page: 20 by default, at most 200."),
    ),
    _route(
        "GET",
        "monitors/{id}",
        "uptime_get",
        "One page that is looked at.",
        ((200, success(_MONITOR)), _UNKNOWN),
        PROJECT,
        _ID,
    ),
    _route(
        "PUT",
        "monitors/{id}",
        "uptime_change",
        "Change what is looked at, how often, or whether at all.",
        ((200, success(_MONITOR)), _UNKNOWN, _INVALID),
        PROJECT,
        _ID,
    ),
    _route(
        "DELETE",
        "monitors/{id}",
        "uptime_delete",
        "Look at a page no longer.",
        ((204, ""), _UNKNOWN),
        PROJECT,
        _ID,
    ),
    _route(
        "GET",
        "monitors/{id}/checks",
        "uptime_checks",
        "What was found at a page: the last 1,000 looks at most, the latest first.",
        (
            (
                200,
                success(
                    '{"monitorId":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","uptimePercentage":100.0,"totalChecks":1,'
                    f'"checks":[{_CHECK}]}}'
                ),
            ),
            _UNKNOWN,
        ),
        PROJECT,
        _ID,
        ("timeRange", "How far back: 1h, 24h, 7d or 30d; anything else is 24h."),
    ),
    _route(
        "GET",
        "cron-monitors/{id}/history",
        "monitors_history",
        "The check-ins of a cron monitor, the latest first.",
        (
            (200, success(f'{{"items":[{_PING}],"pagination":{{"page":1,"perPage":50,"total":1}}}}')),
            _UNKNOWN_CRON,
            BAD_PAGE,
        ),
        PROJECT,
        _ID,
        ("status", "Only those that ended so: success or failed."),
        ("from", f"Since when: {_MOMENTS}; 7 days before the end by default."),
        ("to", f"Until when, this moment included: {_MOMENTS}; now by default."),
        _PAGE,
        ("perPage", "Check-ins of a page: 50 by default, at most 200."),
    ),
)
