"""SeeStack's reads of logs and HTTP requests (contract 2.3, 2.4, 4). Rows are shown whatever dialect brought them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.seestack_lists import (
    DAY_US,
    Span,
    Work,
    paged,
    paging,
    private,
    project_to_read,
    query_fields,
    span,
    streamed,
)
from headrace.api.compat.streaming import PAGE_BUDGET
from headrace.dialects.seestack_fields import Fields
from headrace.dialects.seestack_forms import envelope
from headrace.records.intents import Answer, StreamAnswer
from headrace.records.tables import EVENTS, REQUESTS
from headrace.records.times import iso_text
from headrace.store import Store
from headrace.store.filters import MAX_TEXT, Filter
from headrace.store.requests import failing_hosts, request_percentiles, request_totals, requests_of_trace

#: Requests of a page where the query does not say (contract 4).
REQUESTS_PER_PAGE = 50
#: How far back ``timeRange`` goes, µs.
RANGES: Mapping[str, int] = {
    "15m": 15 * 60_000_000,
    "1h": 3_600_000_000,
    "6h": 6 * 3_600_000_000,
    "24h": DAY_US,
    "7d": 7 * DAY_US,
    "30d": 30 * DAY_US,
}

_LOG_COLUMNS = ("level", "message", "service", "trace_id", "raw")
_REQUEST_COLUMNS = (
    *("trace_id", "direction", "method", "host", "path", "status", "duration_ms"),
    *("is_slow", "user_id", "fingerprint"),
)
_GROUPS = {f"{first}xx": range(first * 100, first * 100 + 100) for first in (2, 3, 4, 5)}
_EMPTY = msgspec.Raw(b"null")


class _Stored(msgspec.Struct):
    """What the record of a log holds that no column does: SeeStack's name for it, and Logister's."""

    metadata: msgspec.Raw = _EMPTY
    context: msgspec.Raw = _EMPTY


class _Log(msgspec.Struct, rename="camel"):
    id: str
    project_id: str
    level: str
    message: str
    service: str
    trace_id: str
    metadata: str | None
    timestamp: str


class _Request(msgspec.Struct, rename="camel"):
    id: str
    trace_id: str
    direction: str
    method: str
    host: str
    path: str
    status_code: int
    duration_ms: int
    is_slow: bool
    user_id: str
    error_fingerprint: str
    timestamp: str


_stored = msgspec.json.Decoder(_Stored)


# --- logs (2.3) ---


def logs(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    """``GET /api/v1/logs``."""
    project, fields = project_to_read(services, request), query_fields(request)
    page = paging(fields)
    default = RANGES.get(fields.text("timeRange"), DAY_US)
    window = span(fields, request.received_us, default_us=default, names=("start", "end"))
    equals = {"type": ["log"], **_equal(fields, "level", "service")}
    wanted = Filter(equals, text=_searched(fields, "search"), within=("message", "service"))
    fields.check()

    def show(row: Mapping[str, Any]) -> bytes:
        return _log(row, project.id)

    return paged(services.store(), project.number, EVENTS.name, wanted, window, page, _LOG_COLUMNS, show)


def _log(row: Mapping[str, Any], project_id: str) -> bytes:
    stored = _stored.decode(row["raw"])
    metadata = bytes(stored.context if stored.metadata == _EMPTY else stored.metadata)
    log = _Log(
        id=row["id"],
        project_id=project_id,
        level=row["level"],
        message=row["message"],
        service=row["service"],
        trace_id=row["trace_id"],
        metadata=None if metadata == b"null" else metadata.decode(),
        timestamp=iso_text(row["ts"], 3),
    )
    return msgspec.json.encode(log)


# --- HTTP requests (2.4) ---


def requests(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    """``GET /api/v1/http-requests``."""
    project, fields = project_to_read(services, request), query_fields(request)
    page = paging(fields, default=REQUESTS_PER_PAGE)
    window = span(fields, request.received_us, default_us=DAY_US)
    equals: dict[str, Any] = _equal(fields, "direction", "method")
    if "method" in equals:
        equals["method"] = [equals["method"][0].upper()]
    group = _GROUPS.get(fields.text("statusGroup"))
    if group is not None:
        equals["status"] = list(group)
    wanted = Filter(equals, text=_searched(fields, "path"), within=("path",))
    fields.check()
    return paged(services.store(), project.number, REQUESTS.name, wanted, window, page, _REQUEST_COLUMNS, _request)


def request_stats(services: CompatServices, request: ReadRequest) -> Answer:
    """``GET /api/v1/http-requests/stats``."""
    project, store, (start, end) = _spanned(services, request)
    totals = request_totals(store, project, start, end)
    median, high, highest = (0.0,) * 3
    if totals.total:
        median, high, highest = request_percentiles(store, project, start, end, totals.total)
    data = {
        "totalRequests": totals.total,
        "errorRate": _percent(totals.failed, totals.total),
        "slowRate": _percent(totals.slow, totals.total),
        "p50": int(median),
        "p95": int(high),
        "p99": int(highest),
        "inboundCount": totals.inbound,
        "outboundCount": totals.outbound,
    }
    return private(envelope(data, 200))


def top_hosts(services: CompatServices, request: ReadRequest) -> Answer:
    """``GET /api/v1/http-requests/top-hosts``."""
    project, store, (start, end) = _spanned(services, request)
    items = [
        {
            "host": found.host,
            "totalRequests": found.total,
            "failedRequests": found.failed,
            "failureRate": _percent(found.failed, found.total),
            "avgDurationMs": int(found.mean_ms),
        }
        for found in failing_hosts(store, project, start, end)
    ]
    return private(envelope({"items": items}, 200))


def requests_by_trace(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    """``GET /api/v1/http-requests/by-trace``."""
    project, fields = project_to_read(services, request), query_fields(request)
    trace_id = fields.required("traceId")
    fields.check()
    rows = requests_of_trace(services.store(), project.number, trace_id, _REQUEST_COLUMNS, PAGE_BUDGET)
    return streamed({"items": []}, "items", iter([rows]), _request)


def _request(row: Mapping[str, Any]) -> bytes:
    shown = _Request(
        id=row["id"],
        trace_id=row["trace_id"],
        direction=row["direction"],
        method=row["method"],
        host=row["host"],
        path=row["path"],
        status_code=row["status"],
        duration_ms=int(row["duration_ms"]),
        is_slow=bool(row["is_slow"]),
        user_id=row["user_id"],
        error_fingerprint=row["fingerprint"],
        timestamp=iso_text(row["ts"], 3),
    )
    return msgspec.json.encode(shown)


def _percent(part: int, whole: int) -> float:
    """0 to 100 with two decimals."""
    return round(100 * part / whole, 2) if whole else 0.0


# --- both ---


def _spanned(services: CompatServices, request: ReadRequest) -> tuple[int, Store, Span]:
    project, fields = project_to_read(services, request), query_fields(request)
    window = span(fields, request.received_us, default_us=DAY_US)
    fields.check()
    return project.number, services.store(), window


def _equal(fields: Fields, *names: str) -> dict[str, list[str]]:
    """Those of the columns ``names`` that the query names a value for."""
    return {name: [_searched(fields, name)] for name in names if name in fields.sent}


def _searched(fields: Fields, name: str) -> str:
    value = fields.text(name)
    if len(value) > MAX_TEXT:
        fields.refuse(name, f"size must be between 0 and {MAX_TEXT}")
        return ""
    return value


WORK: Mapping[str, Work] = {
    "logs": logs,
    "requests": requests,
    "request_stats": request_stats,
    "top_hosts": top_hosts,
    "requests_by_trace": requests_by_trace,
}
