"""SeeStack: errors, logs, requests, replays, heartbeats and spans in its envelope (contract 1; order of checks from the rulings)."""

from __future__ import annotations

from typing import Any

from headrace.dialects import seestack_people_reads, seestack_reads
from headrace.dialects.base import Dialect, Parse, Route
from headrace.dialects.seestack_answers import Answers, bodied, invalid, keyed, success
from headrace.dialects.seestack_errors import ErrorEvent, parse_error
from headrace.dialects.seestack_forms import fault, require_json
from headrace.dialects.seestack_heartbeat import Heartbeat, parse_heartbeat
from headrace.dialects.seestack_logs import LogEntry, parse_log
from headrace.dialects.seestack_releases import Release, parse_release
from headrace.dialects.seestack_replay import Replay, parse_replay
from headrace.dialects.seestack_requests import HttpRequests, parse_http_requests
from headrace.dialects.seestack_sessions import SessionEnd, SessionStart, parse_session_end, parse_session_start
from headrace.dialects.seestack_spans import Queries, Spans, parse_queries, parse_spans

#: Bytes of a body, as sent and decoded: of one record, and of a batch (rulings 1).
RECORD_CAP = 2 * 1024 * 1024
BATCH_CAP = 10 * 1024 * 1024

_STORED = (202, success('{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10"}'))
_ACCEPTED = (202, '{"ok":true,"accepted":2}')
_OK = (202, '{"ok":true}')


def _ingest(path: str, summary: str, parse: Parse, body_type: Any, answers: Answers, cap: int = RECORD_CAP) -> Route:
    return Route(
        path=f"/ingest/v1/{path}",
        method="POST",
        dialect="seestack",
        # No limit unless the key has one; it counts requests, so that no batch is ever too large for it.
        steps=(
            *(
                "auth",
                "scope",
                "headers",
                "idempotency",
                "charge_request",
                "body",
                "parse",
                "decide",
                "quota",
                "append",
            ),
        ),
        summary=summary,
        parse=parse,
        check_headers=require_json,
        cap=cap,
        decoded_cap=cap,
        encodings=("gzip", "deflate", "zstd"),
        cors=True,
        body_type=body_type,
        answers=tuple(sorted((*answers, *bodied(cap), *keyed("write")))),
    )


_INGEST = (
    _ingest(
        "http-requests",
        "Store 1 to 100 HTTP requests that a program served or made, all or none.",
        parse_http_requests,
        HttpRequests,
        (_ACCEPTED, invalid("requests[0].traceId", "must not be blank")),
        BATCH_CAP,
    ),
    _ingest("errors", "Store an error.", parse_error, ErrorEvent, (_STORED, invalid("message", "must not be blank"))),
    _ingest("logs", "Store a line of a log.", parse_log, LogEntry, (_STORED, invalid("message", "must not be blank"))),
    _ingest(
        "replay",
        "Store events of a browser session, inputs masked.",
        parse_replay,
        Replay,
        ((202, success('{"eventsReceived":1}')), invalid("events", "must not be empty")),
        BATCH_CAP,
    ),
    _ingest(
        "heartbeat",
        "A job tells its monitor how it ended.",
        parse_heartbeat,
        Heartbeat,
        (
            (202, '{"ok":true,"monitorId":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10"}'),
            (404, '{"ok":false,"code":"NOT_FOUND","message":"No cron monitor found with slug: nightly-backup"}'),
            (422, '{"ok":false,"code":"VALIDATION_ERROR","message":"Status must be \'success\' or \'failed\'"}'),
            invalid("slug", "must not be blank"),
        ),
    ),
    _ingest(
        "spans",
        "Store spans of traces, all or none.",
        parse_spans,
        Spans,
        (_ACCEPTED, invalid("spans[0].traceId", "must not be blank")),
        BATCH_CAP,
    ),
    _ingest(
        "db",
        "Store database queries as spans, all or none.",
        parse_queries,
        Queries,
        (_ACCEPTED, invalid("queries", "must not be empty")),
    ),
    _ingest(
        "releases",
        "A release runs: its deployment.",
        parse_release,
        Release,
        (_OK, invalid("version", "must not be blank")),
    ),
    _ingest(
        "sessions/start",
        "A program's run begins.",
        parse_session_start,
        SessionStart,
        (_OK, invalid("sessionId", "must not be blank")),
    ),
    _ingest(
        "sessions/end",
        "A program's run has ended.",
        parse_session_end,
        SessionEnd,
        (_OK, invalid("sessionId", "must not be blank")),
    ),
)


DIALECT = Dialect(
    name="seestack",
    title="SeeStack",
    prefixes=("/ingest/", "/api/auth/", "/api/v1/"),
    routes=(*_INGEST, *seestack_people_reads.ROUTES, *seestack_reads.ROUTES),
    key_places=("x-seestack-key", "x-allstak-key"),
    fault=fault,
    auth_first=("/ingest/",),
    cors_under=("/ingest/v1/",),
)
