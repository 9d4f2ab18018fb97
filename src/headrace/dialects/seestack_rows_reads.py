"""SeeStack's reads of logs and HTTP requests as rows of the route table (contract 2.3, 2.4, 4); the API rooms bring the handlers."""

from __future__ import annotations

from headrace.dialects.base import Inbound, Route
from headrace.dialects.seestack_answers import error, invalid, success
from headrace.dialects.seestack_management import BAD_PAGE, NO_PROJECT, PROJECT, managed

#: What a WebSocket offers in front of its key.
KEY_PROTOCOL = "headrace-key"


_LOG = (
    '{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","projectId":"0190b6c5-0c1d-7f43-b0a6-5d1f3e7c2b90","level":"warn",'
    '"message":"stock is low","service":"shop","traceId":"4bf92f3577b34da6a3ce929d0e0e4736","metadata":"{\\"left\\":3}",'
    '"timestamp":"2026-04-02T09:58:00.123Z"}'
)
_REQUEST = (
    '{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","traceId":"4bf92f3577b34da6a3ce929d0e0e4736","direction":"outbound",'
    '"method":"POST","host":"api.pay.example","path":"/charges","statusCode":502,"durationMs":1500,"isSlow":true,'
    '"userId":"42","errorFingerprint":"","timestamp":"2026-04-02T09:58:00.123Z"}'
)
_STATS = '{"totalRequests":1200,"errorRate":2.5,"slowRate":0.33,"p50":42,"p95":310,"p99":1500,"inboundCount":900,"outboundCount":300}'
_HOST = '{"host":"api.pay.example","totalRequests":300,"failedRequests":12,"failureRate":4.0,"avgDurationMs":87}'

_TOLD = (
    '{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","level":"warn","message":"stock is low","service":"shop",'
    '"timestamp":"2026-04-02T09:58:00.123Z"}'
)

_BAD_TIME = invalid("from", "must not be after to")

_PAGE = ("page", "Which page, from 1.")
_MOMENTS = "ISO 8601 with an offset, a date, Unix seconds, or relative like -24h"
_SPAN = (
    ("from", f"Since when: {_MOMENTS}; 24 hours before the end by default."),
    ("to", f"Until when, this moment included: {_MOMENTS}; now by default."),
)


def _paged(item: str, per_page: int) -> str:
    return success(f'{{"items":[{item}],"pagination":{{"page":1,"perPage":{per_page},"total":1}}}}')


def _read(path: str, name: str, summary: str, answer: str, bad: tuple[int, str], *parameters: tuple[str, str]) -> Route:
    answers = ((200, answer), NO_PROJECT, bad)
    return managed("GET", f"/api/v1/{path}", name, summary, answers, parameters=(PROJECT, *parameters))


def offered_key(inbound: Inbound) -> str | None:
    """The key that a page's script offers as a protocol of its WebSocket, behind ``KEY_PROTOCOL``: it cannot set headers. None: the headers
    have it.
    """
    offered = (inbound.header(b"sec-websocket-protocol") or b"").decode("latin-1").split(",")
    first, second, *_ = (*(name.strip() for name in offered), "", "")
    return second if first == KEY_PROTOCOL and len(offered) > 1 else None


_TAIL = managed(
    "GET",
    "/api/v1/logs/tail",
    "tail",
    "Follow the log lines of a project as they are stored, over a WebSocket.",
    (
        (101, _TOLD),
        NO_PROJECT,
        (426, error("UPGRADE_REQUIRED", "Connect with a WebSocket client, protocol version 13")),
    ),
    parameters=(
        ("projectId", "Id of a project that the key reaches; without one the socket is closed with 1007."),
        (
            "Sec-WebSocket-Protocol",
            f"`{KEY_PROTOCOL}, KEY` from a script in a page, which cannot send the key in a header.",
        ),
    ),
    secret_of=offered_key,
)

ROUTES: tuple[Route, ...] = (
    _TAIL,
    _read(
        "logs",
        "logs",
        "Log lines, the newest first.",
        _paged(_LOG, 20),
        BAD_PAGE,
        ("level", "Only lines of this level."),
        ("service", "Only lines of this service."),
        ("search", "Only lines whose message or service holds this text, in upper or lower case."),
        ("timeRange", "How far back: 15m, 1h, 6h, 24h, 7d or 30d; anything else is 24h."),
        ("start", f"Since when: {_MOMENTS}; without it `timeRange` counts."),
        ("end", f"Until when, this moment included: {_MOMENTS}; now by default."),
        _PAGE,
        ("perPage", "Lines of a page: 20 by default, at most 200."),
    ),
    _read(
        "http-requests",
        "requests",
        "HTTP requests that programs served or made, the newest first.",
        _paged(_REQUEST, 50),
        BAD_PAGE,
        ("direction", "Only inbound or outbound ones."),
        ("method", "Only those of this method."),
        ("statusGroup", "Only answers of 2xx, 3xx, 4xx or 5xx; anything else is ignored."),
        ("path", "Only those whose path holds this text, in upper or lower case."),
        *_SPAN,
        _PAGE,
        ("perPage", "Requests of a page: 50 by default, at most 200."),
    ),
    _read(
        "http-requests/stats",
        "request_stats",
        "How many HTTP requests failed or were slow, and how long they took.",
        success(_STATS),
        _BAD_TIME,
        *_SPAN,
    ),
    _read(
        "http-requests/top-hosts",
        "top_hosts",
        "The hosts to which most outbound HTTP requests failed, at most 20.",
        success(f'{{"items":[{_HOST}]}}'),
        _BAD_TIME,
        *_SPAN,
    ),
    _read(
        "http-requests/by-trace",
        "requests_by_trace",
        "The first 100 HTTP requests of a trace, the oldest first.",
        success(f'{{"items":[{_REQUEST}]}}'),
        invalid("traceId", "must not be blank"),
        ("traceId", "The trace's id; required."),
    ),
)
