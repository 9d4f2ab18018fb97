"""The ingest endpoints as tests use them: one row each says how a good record is sent and where it can be seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import requests
from wire import Client, bearer

from headrace.dialects.base import Dialect, Route
from headrace.dialects.registry import DIALECTS

Header = Callable[[str], dict[str, str]]


def x_api_key(key: str) -> dict[str, str]:
    return {"X-API-Key": key}


def x_seestack_key(key: str) -> dict[str, str]:
    return {"X-SeeStack-Key": key}


def find_route(method: str, path: str) -> tuple[Dialect, Route]:
    for dialect in DIALECTS:
        for route in dialect.routes:
            if route.method == method and path in (route.path, *route.aliases):
                return dialect, route
    raise KeyError(path)


class Endpoint(NamedTuple):
    """``record`` makes the body of a record called ``name`` for a project; ``status`` is the answer to it; ``seen`` is the kind of
    row that it becomes and ``spoiled`` a body that the dialect's parser refuses with ``spoiled_status``.
    """

    path: str
    header: Header
    status: int
    record: Callable[[str, str], Any]
    seen: Literal["points", "events", "requests", "spans"]
    spoiled: bytes = b"{"
    spoiled_status: int = 400
    content_type: str = "application/json"

    @property
    def dialect(self) -> Dialect:
        return find_route("POST", self.path)[0]

    @property
    def route(self) -> Route:
        return find_route("POST", self.path)[1]

    def body(self, client: Client, name: str = "good") -> bytes:
        return json.dumps(self.record(client.project, name)).encode()

    def post(
        self,
        client: Client,
        body: Any = None,
        *,
        key: str | None = None,
        name: str = "good",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> requests.Response:
        """Sends ``body`` (bytes as they are, anything else as JSON; by default a good record) in the dialect's own way."""
        if body is None:
            body = self.body(client, name)
        elif not isinstance(body, bytes) and not hasattr(body, "__next__"):
            body = json.dumps(body).encode()
        sent = {
            "Content-Type": self.content_type,
            **self.header(client.key if key is None else key),
            **(headers or {}),
        }
        return client.call("POST", self.path, headers=sent, data=body, **more)

    def count(self, client: Client) -> int:
        """Records in the project, whatever they are called. The store must have caught up."""
        if self.seen == "points":
            return sum(client.points().values())
        return len(client.rows(self.seen))


def _request(name: str) -> dict[str, Any]:
    return {
        "traceId": name,
        "direction": "outbound",
        "method": "GET",
        "host": "api.example.com",
        "path": f"/{name}",
        "statusCode": 200,
        "durationMs": 12,
        "timestamp": "2026-04-02T09:58:00.123Z",
    }


def _point(_: str, name: str) -> Any:
    return {"stat": name, "value": 1, "type": "counter"}


def _metric(project: str, name: str) -> Any:
    return {"projectId": project, "payload": {name: 72.5}}


def _span(name: str) -> dict[str, Any]:
    return {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "operation": name}


def _replay(name: str) -> dict[str, Any]:
    return {"fingerprint": name, "sessionId": name, "events": [{"eventType": "click", "eventData": "{}"}]}


def _slow_event(project: str, name: str) -> Any:
    return {"projectId": project, "eventType": name}


ENDPOINTS = (
    Endpoint("/v1/ingest", bearer, 202, _point, "points"),
    Endpoint("/v1/stat", bearer, 202, _point, "points"),
    Endpoint("/v1/ingest/batch", bearer, 202, lambda _, name: {"items": [_point("", name)]}, "points"),
    Endpoint("/api/v1/events", bearer, 202, lambda _, name: {"events": [{"type": "event", "name": name}]}, "events"),
    Endpoint("/api/slowstats/ingest-metrics", x_api_key, 200, _metric, "events"),
    Endpoint("/api/slowstats/ingest-metric", x_api_key, 200, _metric, "events"),
    Endpoint("/api/slowstats/ingest-events", x_api_key, 200, _slow_event, "events"),
    Endpoint("/api/slowstats/add-event", x_api_key, 200, _slow_event, "events"),
    Endpoint(
        "/api/v1/ingest_events",
        bearer,
        201,
        lambda _, name: {"event": {"event_type": "log", "message": name}},
        "events",
    ),
    Endpoint("/api/v1/check_ins", bearer, 201, lambda _, name: {"check_in": {"slug": name}}, "events"),
    Endpoint(
        "/ingest/v1/http-requests", x_seestack_key, 202, lambda _, name: {"requests": [_request(name)]}, "requests"
    ),
    Endpoint(
        "/ingest/v1/errors", x_seestack_key, 202, lambda _, name: {"exceptionClass": name, "message": "no"}, "events"
    ),
    Endpoint("/ingest/v1/logs", x_seestack_key, 202, lambda _, name: {"level": "info", "message": name}, "events"),
    Endpoint("/ingest/v1/spans", x_seestack_key, 202, lambda _, name: {"spans": [_span(name)]}, "spans"),
    Endpoint("/ingest/v1/db", x_seestack_key, 202, lambda _, name: {"queries": [{"normalizedQuery": name}]}, "spans"),
)


def _batch_line(name: str, **fields: Any) -> dict[str, Any]:
    return {"event": {"event_type": "log", "message": name, "uuid": str(uuid4()), **fields}}


def _deployment(release: str) -> dict[str, Any]:
    return {"deployment": {"release": release, "repository": "acme/shop", "commit_sha": "9fceb02"}}


def _mobile_token(service: str) -> dict[str, Any]:
    return {"mobile_ingest_token": {"platform": "android", "service": service, "environment": "production"}}


#: What leaves no row that a list shows, needs something to be there before (a heartbeat its monitor, a mobile token a project of its
#: platform), or is not one JSON document.
OTHERS = (
    Endpoint(
        "/api/v1/ingest_events/batch",
        bearer,
        202,
        lambda _, name: _batch_line(name),
        "events",
        json.dumps(_batch_line("")).encode(),
        422,
        "application/x-ndjson",
    ),
    Endpoint("/api/v1/deployments", bearer, 201, lambda _, name: _deployment(name), "events"),
    Endpoint("/api/v1/mobile_ingest_tokens", bearer, 201, lambda _, name: _mobile_token(name), "events"),
    Endpoint("/ingest/v1/replay", x_seestack_key, 202, lambda _, name: _replay(name), "events"),
    Endpoint(
        "/ingest/v1/heartbeat", x_seestack_key, 202, lambda _, name: {"slug": name, "status": "success"}, "events"
    ),
    Endpoint(
        "/ingest/v1/sessions/start",
        x_seestack_key,
        202,
        lambda _, name: {"sessionId": name, "release": "1.4.2"},
        "events",
    ),
    Endpoint("/ingest/v1/releases", x_seestack_key, 202, lambda _, name: {"version": name}, "events"),
    Endpoint("/ingest/v1/sessions/end", x_seestack_key, 202, lambda _, name: {"sessionId": name}, "events"),
)
BY_PATH = {endpoint.path: endpoint for endpoint in (*ENDPOINTS, *OTHERS)}
#: One endpoint of each dialect.
MAIN = tuple(
    BY_PATH[path]
    for path in (
        "/v1/ingest",
        "/api/v1/events",
        "/api/slowstats/ingest-metrics",
        "/api/v1/ingest_events",
        "/ingest/v1/http-requests",
    )
)


def path_of(endpoint: Endpoint) -> str:
    """A test's id."""
    return endpoint.path


def request_item(name: str = "good", **fields: Any) -> dict[str, Any]:
    """A SeeStack request; a field given as ``...`` is left out."""
    return {key: value for key, value in {**_request(name), **fields}.items() if value is not ...}


def make_monitor(client: Client, slug: str) -> str:
    """A SeeStack monitor that heartbeats of ``slug`` find; gives its id. One that is there already does."""
    body = {"name": slug, "slug": slug, "schedule": "1d"}
    made = client.call("POST", "/api/v1/cron-monitors", json=body)
    if made.status_code == 409:
        items = client.call("GET", "/api/v1/cron-monitors").json()["data"]["items"]
        return next(item["id"] for item in items if item["slug"] == slug)
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["id"])
