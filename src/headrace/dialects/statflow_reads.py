"""StatFlow's reads and synchronous writes as rows of the route table (contract 1.5-1.8, 1.10); the API rooms bring the handlers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from headrace.dialects.base import Limit, Route, Step

#: Bytes of a body, as sent and decoded (rulings 1).
BODY_CAP = 4 * 1024 * 1024
#: Requests: 60 a second (1.11).
READ_LIMIT = Limit("bucket", per_minute=3_600, burst=60)

READ: tuple[Step, ...] = ("auth", "scope", "charge_request", "handle")
#: 1.11: what is wrong with a body is told before anything is charged.
WRITE: tuple[Step, ...] = ("auth", "scope", "declared_size", "body", "check", "charge_request", "handle")


class NewApiKey(msgspec.Struct):
    """A key to make. It gets no more than the calling key holds; ``expires_at`` is ISO 8601 with an offset, or Unix seconds."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["ci"])]
    scopes: Annotated[list[Literal["read", "write"]], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["read", "write"]
    )
    expires_at: str | float | None = None


class NewAnnotation(msgspec.Struct):
    """A note on the timeline, of one stat (id or name) or, without one, of all charts. ``message`` and ``note`` are other names
    of ``text``; ``timestamp`` is ISO 8601 with an offset, a date, or Unix seconds, and now when absent.
    """

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, examples=["version 1.4 deployed"])]
    timestamp: str | float | None = None
    stat: str | None = None
    stat_id: str | None = None
    kind: Literal["deploy", "incident", "change", "note"] = "note"
    url: str | None = None


class NewImport(msgspec.Struct):
    """Where a StatHat history is fetched from. ``token`` and ``accessToken`` are other names of ``access_token``; ``base_url`` is where
    the export is, everything before ``/x/``. ``since`` and ``until`` are moments as ``timestamp`` takes them, ``stats`` names, and with
    ``dry_run`` everything is read and nothing kept.
    """

    access_token: Annotated[str, msgspec.Meta(examples=["hr_…"])]
    base_url: Annotated[str, msgspec.Meta(examples=["https://stats.example.com"])] = "https://www.stathat.com"
    since: str | int | None = None
    until: str | int | None = None
    stats: list[str] | None = None
    dry_run: bool = False


_SPAN = (
    ("from", "start, inclusive: ISO 8601 with an offset, a date, Unix seconds, or relative like -24h"),
    ("to", "end, exclusive: the same, or now"),
)
_WINDOW = (
    *_SPAN,
    ("resolution", "1m 5m 15m 30m 1h 3h 6h 12h 1d 1w 1M, minute hour day week month, or raw"),
    ("tz", "IANA time zone of days, weeks and months; UTC when absent"),
)
_REFUSALS = (
    (401, '{"error":"missing API key"}'),
    (429, '{"error":"rate limit exceeded"}'),
    (500, '{"error":"internal error"}'),
    (503, '{"error":"service unavailable"}'),
)
_BODY_REFUSALS = (
    (400, '{"error":"body is not valid JSON"}'),
    (413, '{"error":"body too large"}'),
    (415, '{"error":"unsupported content encoding"}'),
    *_REFUSALS,
)
_NO_READ = (403, '{"error":"this key lacks the read scope"}')
_NO_WRITE = (403, '{"error":"this key lacks the write scope"}')
_NO_STAT = (404, '{"error":"stat not found"}')
_STAT = '"stat":{"id":"0GhkR2mWxZ7","name":"page.views","type":"counter"}'
_LISTED = (
    '{"stats":[{"id":"0GhkR2mWxZ7","name":"page.views","type":"counter","source":"stat","public":false,'
    '"unit":null,"created_at":"2026-03-01T10:00:00Z","last_point_at":"2026-04-02T09:58:00Z"}],"next":null}'
)
_SERIES = (
    f'{{{_STAT},"from":"2026-04-01T00:00:00Z","to":"2026-04-01T01:00:00Z","resolution":"1h",'
    '"points":[{"timestamp":"2026-04-01T00:00:00Z","value":42,"count":42}]}'
)
_KEY = '"id":"0198f6d2-7a3c-7c11-9d52-3f0a6b1c2d3e","name":"ci","scopes":["write"],"prefix":"sf_3kQ9x"'
_NOTE = (
    '{"id":"0198f6d2-7a3c-7c11-9d52-3f0a6b1c2d3e","text":"version 1.4 deployed","kind":"deploy","url":null,'
    '"stat_id":null,"timestamp":"2026-04-02T10:00:00Z","created_at":"2026-04-02T10:00:00Z"}'
)


_IMPORT = (
    '{"status":"running","stats_total":120,"stats_done":37,"stats_failed":0,"points_imported":812345,"current_stat":"page.views",'
    '"started_at":"2026-04-02T10:00:00Z","finished_at":null,"error":null,"failures":[]}'
)


#: Key calls are for sessions too (rulings 2).
_KEY_CALL: Mapping[str, Any] = {"sessions": True, "kinds": ("key", "session")}


def _route(method: str, path: str, handler: str, summary: str, **more: Any) -> Route:
    return Route(
        path=path,
        method=method,
        dialect="statflow",
        summary=summary,
        handler=f"statflow.{handler}",
        group="read",
        limit=READ_LIMIT,
        **({"steps": READ, "scope": "read"} | more),
    )


def _body_route(path: str, handler: str, summary: str, **more: Any) -> Route:
    caps = {"cap": BODY_CAP, "decoded_cap": BODY_CAP, "encodings": ("gzip", "deflate", "zstd")}
    return _route("POST", path, handler, summary, steps=WRITE, **caps, **more)


ROUTES: tuple[Route, ...] = (
    _route(
        "GET",
        "/v1/stats",
        "stats",
        "List the stats of the key's project by name.",
        parameters=(
            ("limit", "1 to 1,000 (default) stats"),
            ("cursor", "next of the page before"),
            ("q", "part of the name"),
            ("type", "counter or value"),
        ),
        answers=(
            (200, _LISTED),
            (400, '{"error":"type must be counter or value"}'),
            _NO_READ,
            *_REFUSALS,
        ),
    ),
    _route(
        "GET",
        "/v1/stats/{id}/data",
        "data",
        "Read one stat (id or name) as a dense time series.",
        parameters=_WINDOW,
        answers=(
            (200, _SERIES),
            (400, '{"error":"from must be before to"}'),
            _NO_READ,
            _NO_STAT,
            *_REFUSALS,
        ),
    ),
    _route(
        "GET",
        "/v1/stats/{id}/export",
        "export",
        "Download one stat's history, without a resolution point by point.",
        parameters=(("format", "csv (default) or json"), *_WINDOW),
        content_types=("text/csv", "application/json"),
        answers=(
            (
                200,
                "timestamp,stat,type,value,count,min,max\r\n2026-04-01T00:00:00Z,page.views,counter,1,1,,\r\n",
            ),
            (400, '{"error":"format must be csv or json"}'),
            _NO_READ,
            _NO_STAT,
            *_REFUSALS,
        ),
    ),
    _body_route(
        "/v1/auth/api-keys",
        "keys_create",
        "Make an API key; its text is shown this once.",
        scope=("read", "write"),
        **_KEY_CALL,
        body_type=NewApiKey,
        answers=(
            (201, f'{{{_KEY},"key":"sf_…","created_at":"2026-04-02T10:00:00Z","expires_at":null}}'),
            _NO_READ,
            *_BODY_REFUSALS,
        ),
    ),
    _route(
        "GET",
        "/v1/auth/api-keys",
        "keys_list",
        "List the project's live keys, without their texts.",
        scope=("read", "write"),
        **_KEY_CALL,
        answers=(
            (
                200,
                f'{{"api_keys":[{{{_KEY},"created_at":"2026-04-02T10:00:00Z","last_used_at":null,"expires_at":null}}]}}',
            ),
            _NO_READ,
            *_REFUSALS,
        ),
    ),
    _route(
        "DELETE",
        "/v1/auth/api-keys/{id}",
        "keys_revoke",
        "Revoke a key at once; a key may revoke itself.",
        scope=("read", "write"),
        **_KEY_CALL,
        answers=((204, ""), _NO_READ, (404, '{"error":"key not found"}'), *_REFUSALS),
    ),
    _body_route(
        "/v1/annotations",
        "annotations_create",
        "Note something on the timeline: a deployment, an incident, a change.",
        scope="write",
        body_type=NewAnnotation,
        answers=((201, _NOTE), _NO_WRITE, _NO_STAT, *_BODY_REFUSALS),
    ),
    _route(
        "GET",
        "/v1/annotations",
        "annotations_list",
        "List annotations by time, with a stat its own and those of all charts.",
        parameters=(*_SPAN, ("stat", "id or name")),
        answers=(
            (200, f'{{"annotations":[{_NOTE}]}}'),
            (400, '{"error":"from must be before to"}'),
            _NO_READ,
            _NO_STAT,
            *_REFUSALS,
        ),
    ),
    _route(
        "DELETE",
        "/v1/annotations/{id}",
        "annotations_delete",
        "Remove an annotation.",
        scope="write",
        answers=((204, ""), _NO_WRITE, (404, '{"error":"annotation not found"}'), *_REFUSALS),
    ),
    _body_route(
        "/v1/import/stathat",
        "import_begin",
        "Fetch the stats of a StatHat export with their history; a second time repairs and doubles nothing.",
        scope=("read", "write"),
        **_KEY_CALL,
        body_type=NewImport,
        answers=(
            (202, _IMPORT.replace("running", "queued")),
            _NO_WRITE,
            (409, '{"error":"an import is under way in this project"}'),
            *_BODY_REFUSALS,
        ),
    ),
    _route(
        "GET",
        "/v1/import/stathat/status",
        "import_status",
        "Show where the project's last import stands.",
        scope=("read", "write"),
        **_KEY_CALL,
        answers=((200, _IMPORT), _NO_WRITE, *_REFUSALS),
    ),
)
