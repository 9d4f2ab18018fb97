"""The read API of Logister's command line (contract 1.11): its routes and their documentation."""

from __future__ import annotations

from headrace.dialects.base import Limit, Route

#: Requests per key, and per client address before any key is looked at, in each minute of the epoch.
LIMIT = Limit("aligned", per_minute=600)
FLOOD = 1_200
PREFIX = "/api/v1/cli"

_PROJECT = ("project", "Id or slug of a project.")
_ENVIRONMENT = ("environment", "Only of this environment.")
_RELEASE = ("release", "Only of this release.")
_PAGE = (
    ("limit", "1 to 100, by default 50."),
    ("cursor", "`next_cursor` of the page before, with the same filters."),
)
_RANGE = (
    ("since", "An ISO 8601 time, or how long ago: 30m, 24h, 7d, 2w. By default 24h."),
    ("until", "An ISO 8601 time, exclusive; by default the present."),
)
_Q = ("q", "Only with this text in them.")
_WINDOW = ("window", "1h, 6h, 24h or 7d; by default 24h.")
_ATTRIBUTE = ("attribute", "key=value of an attribute, up to six times (also `attribute[]`).")

_LIST = '{"items":[],"generated_at":"2026-04-02T10:15:00.000000Z"}'
ERRORS = (
    (401, '{"error":"Unauthorized","code":"unauthorized","message":"Log in again: this key is unknown, was ended or has expired."}'),
    (403, '{"error":"Forbidden","code":"insufficient_scope","message":"Log in again and approve the scopes that this needs.","required_scopes":["events:read"]}'),
    (429, '{"error":"Rate limited","code":"rate_limited","message":"Too many requests: ask again in 17 s.","retry_after":17}'),
    (500, '{"error":"Internal Server Error","code":"internal_error","message":"Something went wrong on the server."}'),
    (503, '{"error":"Query unavailable","code":"query_timeout","message":"The query would take too long. Narrow the time range or the filters and ask again."}'),
)  # fmt: skip
_UNKNOWN = (404, '{"error":"Not found","code":"not_found","message":"There is nothing here that this key may see."}')
_AMBIGUOUS = (409, '{"error":"Ambiguous project","code":"ambiguous_project","message":"Several projects have this name: use the id or the slug."}')  # fmt: skip
_INVALID = (422, '{"error":"Invalid parameter","code":"invalid_parameter","message":"limit must be a whole number from 1 to 100","parameter":"limit"}')  # fmt: skip


def _read(path: str, name: str, summary: str, answer: str, *parameters: tuple[str, str], project: bool = True) -> Route:
    return Route(
        path=f"{PREFIX}/projects/{{project}}{path}" if project else PREFIX + path,
        method="GET",
        dialect="logister",
        steps=("ip_guard", "auth", "scope", "charge_request", "handle"),
        summary=summary,
        handler=f"logister_cli.{name}",
        scope="read",
        kinds=("cli",),
        names_project=True,
        group="cli",
        limit=LIMIT,
        flood=FLOOD,
        parameters=(_PROJECT, *parameters) if project else parameters,
        answers=((200, answer), *((_UNKNOWN, _AMBIGUOUS) if project else ()), _INVALID, *ERRORS),
    )


_EVENT = '{"uuid":"0b9e…","event_type":"error","message":"Payment failed","occurred_at":"2026-04-02T10:00:00.000000Z"}'

ROUTES = (
    _read(
        "/session",
        "session",
        "Whose key this is, until when, and which projects it sees.",
        '{"token":{"uuid":"0b9e…","name":"Logister CLI","scopes":["projects:read"],"all_projects":true},"accessible_project_count":1}',
        project=False,
    ),
    _read(
        "/projects",
        "projects",
        "The projects of whoever approved the key.",
        _LIST,
        ("include_archived", "`true`: archived ones too."),
        *_PAGE,
        project=False,
    ),
    _read("", "project", "One project.", '{"uuid":"0b9e…","name":"Shop","slug":"shop","archived":false}'),
    _read(
        "/summary",
        "summary",
        "What came in, and the state of the errors.",
        '{"project":{"slug":"shop"},"events_by_type":{"error":3},"errors":{"unresolved":1},"activity_events":12}',
        *_RANGE,
    ),
    _read(
        "/events",
        "events",
        "Events, newest first; with `after_cursor` those that came since, in the order in which they came.",
        '{"items":[' + _EVENT + '],"generated_at":"2026-04-02T10:15:00.000000Z","poll_cursor":"eyJ…"}',
        ("type", "Types with commas between them: error, log, metric, transaction, check_in, event."),
        ("level", "Levels with commas between them."),
        ("status", "`ok`, `errored`, or statuses with commas between them."),
        *_RANGE,
        _ENVIRONMENT,
        _RELEASE,
        ("trace_id", "Only of this trace."),
        ("request_id", "Only of this request."),
        ("min_duration_ms", "Only what took this long."),
        _Q,
        ("include_context", "`true`: with the redacted context."),
        *_PAGE,
        ("after_cursor", "`poll_cursor` of the answer before."),
    ),
    _read("/events/{uuid}", "event", "One event with its redacted context.", _EVENT),
    _read(
        "/error_groups",
        "error_groups",
        "Error groups, the last seen first.",
        _LIST,
        ("status", "unresolved (by default), resolved, ignored, archived or all."),
        ("introduced_today", "`true`: only those first seen today (UTC), of any status."),
        ("assignee", "`all` or `unassigned`; nobody is assigned to anything here, so `me` and `any` find nothing."),
        ("sort", "`last_seen`."),
        _Q,
        *_PAGE,
    ),
    _read(
        "/error_groups/{uuid}",
        "error_group",
        "One error group.",
        '{"error_group":{"uuid":"8f14…","status":"unresolved","occurrence_count":3},"occurrence_summary":{"total_count":3}}',
        ("related_logs", "`true`: with logs near the latest error that share an id with it."),
    ),
    _read(
        "/error_groups/{uuid}/export",
        "error_group_export",
        "One error group with what there is to know about it, redacted, up to 900 KiB.",
        '{"export":{"format":"logister_error_group","version":1},"error_group":{"uuid":"8f14…"}}',
        ("include_occurrences", "`true`: with its newest 50 errors."),
    ),
    _read(
        "/error_groups/{uuid}/context",
        "error_group_context",
        "The same for an AI, redacted and cut to a budget.",
        '{"format":"logister_ai_context","version":1,"token_budget":4000,"response_byte_limit":16000,"truncated":false}',
        ("token_budget", "256 to 32000, by default 4000; a token is four bytes."),
    ),
    _read(
        "/traces",
        "traces",
        "Spans that began something, newest first.",
        _LIST,
        *_RANGE,
        _ENVIRONMENT,
        _RELEASE,
        ("service", "Only of this service."),
        ("operation", "Only of this operation."),
        ("status", "ok, error, unset or all."),
        ("min_duration_ms", "Only what took this long."),
        _Q,
        *_PAGE,
    ),
    _read(
        "/traces/{trace_id}",
        "trace",
        "The spans of one trace, up to 200, earliest first.",
        '{"trace_id":"4bf9…","spans":[],"span_count":0,"truncated":false}',
        *_RANGE,
    ),
    _read(
        "/monitors",
        "monitors",
        "Monitors and how they are now.",
        _LIST,
        _ENVIRONMENT,
        ("status", "ok, error, missed, paused or all."),
        _Q,
        *_PAGE,
    ),
    _read("/monitors/{uuid}", "monitor", "One monitor.", '{"uuid":"0b9e…","slug":"nightly-backup","status":"ok"}'),
    _read(
        "/deployments",
        "deployments",
        "Deployments, newest first.",
        _LIST,
        ("repository", "Only of this repository."),
        _ENVIRONMENT,
        ("source", "api, telemetry or manual."),
        _RELEASE,
        _Q,
        *_RANGE,
        *_PAGE,
    ),
    _read(
        "/deployments/{uuid}",
        "deployment",
        "One deployment.",
        '{"uuid":"5f0c…","release":"1.4.2","commit_sha":"9fceb02d…","source":"api"}',
    ),
    _read(
        "/insights",
        "insights",
        "Counts and durations of a window, bucket by bucket.",
        '{"window":"24h","bucket":"hour","summary":{"events":12},"selected_metrics":["events.total"],"metric_series":[]}',
        _WINDOW,
        ("metric", "Keys of the catalog, up to eight times (also `metric[]`)."),
        _ENVIRONMENT,
        _RELEASE,
        _ATTRIBUTE,
    ),
    _read("/metrics/catalog", "metrics_catalog", "The metrics that can be asked for.", _LIST, _WINDOW),
    _read(
        "/metrics/query",
        "metrics_query",
        "One metric of a window, bucket by bucket.",
        '{"metric":{"key":"errors.count"},"series":{"key":"errors.count","data":[]},"window":"24h","bucket":"hour"}',
        ("metric", "A key of the catalog."),
        _WINDOW,
        _ENVIRONMENT,
        _RELEASE,
        _ATTRIBUTE,
    ),
)
