"""The order of checks: for every two neighbouring steps of every route, a request that fails both gets the earlier answer.

The cases come from ``Route.steps``. What it takes to fail a step is the table ``FAIL``; a step or route without an entry fails here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from command_lines import let_in
from endpoints import BY_PATH, make_monitor
from wire import Client, Reply, assert_form, bearer, request_bytes, talk

from headrace.dialects.base import Route, Step
from headrace.dialects.registry import ROUTES as EVERY_ROUTE

#: StatHat's errors are 200s with a text: ``test_stathat_order`` has their pairs.
ROUTES = tuple(route for route in EVERY_ROUTE if route.dialect != "stathat")
#: What a step answers when it refuses. The status of ``parse`` is the dialect's own, that of ``handle`` is in ``READS``, that of
#: ``quota`` in ``QUOTA``.
STATUS: dict[Step, int] = {
    "ip_guard": 429,
    "declared_size": 413,
    "wire_size": 413,
    "auth": 401,
    "scope": 403,
    "idempotency": 400,
    "charge_request": 429,
    "headers": 415,
    "body": 415,
    "decode": 413,
    "parse": 400,
    "check": 400,
    "decide": 409,
    "charge_cost": 429,
    "append": 503,
}


#: What a dialect answers when the month's records are used up (rulings 2).
QUOTA = {"slowstats": 403, "statflow": 429, "logister": 403, "seestack": 403, "canaryhub": 429}


class Read(NamedTuple):
    """How the handler of a route is made to refuse; ``status`` 0: it never does."""

    status: int
    path: str = ""
    body: bytes = b""


READS = {
    ("GET", "/v1/stats"): Read(400, "/v1/stats?limit=0"),
    ("GET", "/v1/stats/{id}/data"): Read(404, "/v1/stats/unknown/data"),
    ("GET", "/v1/stats/{id}/export"): Read(404, "/v1/stats/unknown/export"),
    ("POST", "/v1/auth/api-keys"): Read(0),
    ("GET", "/v1/auth/api-keys"): Read(0),
    ("DELETE", "/v1/auth/api-keys/{id}"): Read(404, "/v1/auth/api-keys/unknown"),
    ("POST", "/v1/annotations"): Read(404, body=b'{"text":"t","stat":"unknown"}'),
    ("GET", "/v1/annotations"): Read(400, "/v1/annotations?from=whenever"),
    ("DELETE", "/v1/annotations/{id}"): Read(404, "/v1/annotations/unknown"),
    ("POST", "/v1/import/stathat"): Read(0),
    ("GET", "/v1/import/stathat/status"): Read(0),
    ("POST", "/api/v1/cron-monitors"): Read(400, body=b"{"),
    ("GET", "/api/v1/cron-monitors"): Read(404, "/api/v1/cron-monitors?projectId=unknown"),
    ("GET", "/api/v1/cron-monitors/{id}"): Read(404, "/api/v1/cron-monitors/unknown"),
    ("PUT", "/api/v1/cron-monitors/{id}"): Read(400, body=b"{"),
    ("DELETE", "/api/v1/cron-monitors/{id}"): Read(404, "/api/v1/cron-monitors/unknown"),
    ("GET", "/api/v1/cron-monitors/{id}/history"): Read(404, "/api/v1/cron-monitors/unknown/history"),
    ("POST", "/api/v1/monitors"): Read(400, body=b"{"),
    ("GET", "/api/v1/monitors"): Read(422, "/api/v1/monitors?page=0"),
    ("GET", "/api/v1/monitors/{id}"): Read(404, "/api/v1/monitors/unknown"),
    ("PUT", "/api/v1/monitors/{id}"): Read(400, body=b"{"),
    ("DELETE", "/api/v1/monitors/{id}"): Read(404, "/api/v1/monitors/unknown"),
    ("GET", "/api/v1/monitors/{id}/checks"): Read(404, "/api/v1/monitors/unknown/checks"),
    ("GET", "/api/v1/logs"): Read(422, "/api/v1/logs?page=0"),
    ("GET", "/api/v1/logs/tail"): Read(426),
    ("GET", "/api/v1/http-requests"): Read(422, "/api/v1/http-requests?page=0"),
    ("GET", "/api/v1/http-requests/stats"): Read(422, "/api/v1/http-requests/stats?from=x"),
    ("GET", "/api/v1/http-requests/top-hosts"): Read(422, "/api/v1/http-requests/top-hosts?from=x"),
    ("GET", "/api/v1/http-requests/by-trace"): Read(422, "/api/v1/http-requests/by-trace"),
    ("GET", "/api/v1/errors"): Read(422, "/api/v1/errors?page=0"),
    ("GET", "/api/v1/errors/{fingerprint}"): Read(404, "/api/v1/errors/unknown"),
    ("PATCH", "/api/v1/errors/{fingerprint}/status"): Read(400, body=b"{"),
    ("GET", "/api/v1/errors/{fingerprint}/replay"): Read(404, "/api/v1/errors/unknown/replay"),
    ("GET", "/api/v1/replay/{session_id}"): Read(404, "/api/v1/replay/unknown"),
    ("GET", "/actuator/health"): Read(0),
    ("POST", "/api/auth/register"): Read(403, body=b"{}"),
    ("POST", "/api/auth/login"): Read(400, body=b"{"),
    ("POST", "/api/v1/projects"): Read(400, body=b"{"),
    ("GET", "/api/v1/projects"): Read(0),
    ("GET", "/api/v1/projects/{project}"): Read(404, "/api/v1/projects/unknown"),
    ("DELETE", "/api/v1/projects/{project}"): Read(404, "/api/v1/projects/unknown"),
    ("POST", "/api/v1/projects/{project}/api-keys"): Read(400, body=b"{"),
    ("GET", "/api/v1/projects/{project}/api-keys"): Read(404, "/api/v1/projects/unknown/api-keys"),
    ("PUT", "/api/v1/projects/{project}/api-keys/{id}"): Read(400, body=b"{"),
    ("DELETE", "/api/v1/projects/{project}/api-keys/{id}"): Read(404, "/api/v1/projects/unknown/api-keys/unknown"),
    ("POST", "/api/v1/api-keys"): Read(400, body=b"{"),
    ("GET", "/api/v1/api-keys"): Read(422, "/api/v1/api-keys?page=0"),
    ("PATCH", "/api/v1/api-keys/{id}"): Read(400, body=b"{"),
    ("DELETE", "/api/v1/api-keys/{id}"): Read(404, "/api/v1/api-keys/unknown"),
    ("POST", "/api/v1/deployments"): Read(422, body=b'{"deployment":{"release":"1"}}'),
    ("POST", "/api/v1/mobile_ingest_tokens"): Read(422, body=b'{"mobile_ingest_token":{"platform":"ios"}}'),
    ("GET", "/api/v1/cli/capabilities"): Read(0),
    ("POST", "/api/v1/cli/device_authorizations"): Read(422, body=b'{"scopes":["all"]}'),
    ("POST", "/api/v1/cli/device_authorizations/token"): Read(0),
    ("GET", "/api/v1/cli/session"): Read(0),
    ("GET", "/api/v1/cli/projects"): Read(422, "/api/v1/cli/projects?limit=0"),
    **{
        (route.method, route.path): Read(404)
        for route in ROUTES
        if route.path.startswith("/api/v1/cli/projects/{project}")
    },
    ("GET", "/up"): Read(0),
    ("GET", "/health/clickhouse"): Read(0),
    ("GET", "/health/release"): Read(0),
    ("GET", "/api/slowstats/get-projects"): Read(0),
    ("GET", "/api/slowstats/get-events"): Read(400, "/api/slowstats/get-events"),
    ("GET", "/api/slowstats/get-metrics"): Read(400, "/api/slowstats/get-metrics"),
}
#: A body that every other route takes.
PLAIN = b'{"name":"n","text":"t","slug":"s","schedule":"1d","access_token":"t","base_url":"https://127.0.0.1","url":"http://127.0.0.1:9/"}'
#: Bodies that conflict with the counter ``taken``; the second of each is spoiled as well.
CONFLICTS: dict[str, Callable[[Any], Any]] = {
    "/v1/ingest": lambda value: {"stat": "taken", "type": "value", "value": value},
    "/v1/ingest/batch": lambda value: {"items": [{"stat": "taken", "type": "value", "value": value}]},
}
#: What a query has to say.
ASKED = {"/api/v1/http-requests/by-trace": "traceId=unknown"}
#: Routes whose handler refuses the client of these tests whatever it sends: nobody registers here, its account is not asked for,
#: its key is that of one project, and it speaks HTTP only.
SHUT = {
    *(("POST", path) for path in ("/api/auth/register", "/api/auth/login", "/api/v1/projects")),
    ("POST", "/api/v1/cli/device_authorizations/token"),
    ("GET", "/api/v1/logs/tail"),
}
#: Steps that a route has and that cannot refuse: no request of it makes a conflict; loopback is not counted by the guard
#: (``test_gateway_faults`` lets others in); check-ins are outside quotas; a key has its place; the rate of a command line is not its own
#: (``test_logister_cli_http`` uses it up).
NEVER = {
    *((route.path, "place") for route in ROUTES),
    *((route.path, "charge_request") for route in ROUTES if route.kinds == ("cli",)),
    *((route.path, "decide") for route in ROUTES if route.dialect == "seestack"),
    *((route.path, "ip_guard") for route in ROUTES),
    ("/ingest/v1/heartbeat", "quota"),
}


@dataclass
class Attempt:
    """A request that is being spoiled, one step after the other."""

    client: Client
    route: Route
    path: str
    body: bytes
    scopes: tuple[str, ...] = ("read", "write", "manage")
    spent: bool = False
    over: bool = False
    keyless: bool = False
    length: int | None = None
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    def send(self) -> Reply:
        body = b"" if self.length is not None else self.body
        headers = self.headers if self.keyless else {**self.headers, **bearer(self._key())}
        data = request_bytes(self.route.method, self.path, headers, body, length=self.length)
        if not self.over:
            return talk(self.client.server, data)
        self.client.set_quota(0)
        try:
            return talk(self.client.server, data)
        finally:
            self.client.set_quota(None)

    def _key(self) -> str:
        """A key with the attempt's scopes; when it has to be spent, its one unit is used up in the route's own group."""
        if self.route.kinds == ("cli",) and len(self.scopes) > 1:
            return let_in(self.client.server)
        if not self.spent:
            return self.client.make_key(scopes=self.scopes, unlimited=True)
        key = self.client.make_key(scopes=self.scopes, rate=1, burst=1)
        if self.route.method == "POST" and self.route.path in BY_PATH:
            BY_PATH[self.route.path].post(self.client, key=key)
        elif self.route.dialect == "slowstats":
            BY_PATH["/api/slowstats/ingest-metrics"].post(self.client, key=key)
        elif self.route.dialect == "seestack":
            self.client.call("GET", "/api/v1/cron-monitors", headers=bearer(key))
        elif "read" in self.scopes:
            self.client.call("GET", "/v1/stats", headers=bearer(key))
        else:
            self.client.call("POST", "/v1/annotations", headers=bearer(key), json={"text": "spent"})
        return key


def _no_scope(attempt: Attempt) -> None:
    attempt.scopes = ("read",) if "write" in _needed(attempt.route) else ("write",)


def _needed(route: Route) -> tuple[str, ...]:
    return (route.scope,) if isinstance(route.scope, str) else route.scope


def _too_large(attempt: Attempt) -> None:
    attempt.length = attempt.route.cap + 1


def _unreadable(attempt: Attempt) -> None:
    """Where the step ``headers`` answers as an unknown encoding is answered, a body that is too large or not what it says."""
    if attempt.route.check_headers is None:
        attempt.headers["Content-Encoding"] = "br"
    elif attempt.route.dialect == "seestack":
        _too_large(attempt)
    else:
        attempt.headers["Content-Encoding"] = "gzip"


def _bad_headers(attempt: Attempt) -> None:
    attempt.headers["Content-Type"] = "text/plain"


def _over_limit(attempt: Attempt) -> None:
    attempt.body = b'{"event":{"message":"%s"}}' % (b"x" * 65_537)


def _spoiled(attempt: Attempt) -> None:
    conflict = CONFLICTS.get(attempt.route.path)
    attempt.body = json.dumps(conflict("no number")).encode() if conflict else BY_PATH[attempt.route.path].spoiled


def _conflict(attempt: Attempt) -> None:
    attempt.body = json.dumps(CONFLICTS[attempt.route.path](1)).encode()


def _bad_retry_key(attempt: Attempt) -> None:
    attempt.headers["Idempotency-Key"] = "not visible"


def _not_json(attempt: Attempt) -> None:
    attempt.body = b"{"


def _bad_read(attempt: Attempt) -> None:
    read = READS[attempt.route.method, attempt.route.path]
    attempt.path = read.path or attempt.path
    attempt.body = read.body


def _nothing(_: Attempt) -> None:
    """The journal of the server that these attempts go to takes nothing."""


def _set(name: str) -> Callable[[Attempt], None]:
    return lambda attempt: setattr(attempt, name, True)


FAIL: dict[Step, Callable[[Attempt], None]] = {
    "declared_size": _too_large,
    "wire_size": _too_large,
    "auth": _set("keyless"),
    "scope": _no_scope,
    "idempotency": _bad_retry_key,
    "charge_request": _set("spent"),
    "headers": _bad_headers,
    "body": _unreadable,
    "decode": _over_limit,
    "parse": _spoiled,
    "check": _not_json,
    "decide": _conflict,
    "quota": _set("over"),
    "charge_cost": _set("spent"),
    "append": _nothing,
    "handle": _bad_read,
}


def can_refuse(route: Route, step: Step) -> bool:
    if step == "handle":
        return bool(READS[route.method, route.path].status)
    return (route.path, step) not in NEVER


def status_of(route: Route, step: Step) -> int:
    if step == "handle":
        return READS[route.method, route.path].status
    if step == "body" and "headers" in route.steps:
        return 413 if route.dialect == "seestack" else 400
    if step == "quota":
        return QUOTA[route.dialect]
    return BY_PATH[route.path].spoiled_status if step == "parse" else STATUS[step]


def pairs() -> Iterator[Any]:
    for route in ROUTES:
        steps = [step for step in route.steps if can_refuse(route, step)]
        for first, second in pairwise(steps):
            if (first, second) == ("quota", "charge_cost"):
                continue  # both are 429: ``test_gateway_quotas`` sees that nothing is charged
            yield pytest.param(route, first, second, id=f"{route.method} {route.path}: {first}, {second}")


def attempt_of(client: Client, route: Route) -> Attempt:
    """A request that no step refuses."""
    endpoint = BY_PATH.get(route.path) if route.method == "POST" else None
    body = endpoint.body(client) if endpoint else PLAIN
    path = re.sub(r"\{[a-z_]+\}", "unknown", route.path)
    named = f"projectId={client.project}" if route.names_project and not route.cap else ""
    query = "&".join(filter(None, (named, ASKED.get(route.path))))
    path += f"?{query}" if query else ""
    attempt = Attempt(client, route, path, body if route.cap else b"")
    attempt.headers["Content-Type"] = endpoint.content_type if endpoint else "application/json"
    return attempt


def answer(attempt_at: Callable[[], Attempt], *steps: Step) -> Reply:
    """The answer to an attempt that fails ``steps``. Windows are minutes of the epoch: one that saw two is made again."""
    while True:
        minute = time.time() // 60
        attempt = attempt_at()
        for step in reversed(steps):
            FAIL[step](attempt)
        reply = attempt.send()
        if not attempt.spent or time.time() // 60 == minute:
            return reply


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    made = Client(server, "order of checks", platform="android")
    assert BY_PATH["/v1/ingest"].post(made, {"stat": "taken", "count": 1}).status_code == 202
    make_monitor(made, "good")
    return made


@pytest.mark.parametrize(("route", "first", "second"), list(pairs()))
def test_the_earlier_of_two_answers(
    request: pytest.FixtureRequest, client: Client, route: Route, first: Step, second: Step
) -> None:
    if second == "append":
        client = request.getfixturevalue("full_client")
        if route.path == "/ingest/v1/heartbeat":
            make_monitor(client, "good")

    def fresh() -> Attempt:
        return attempt_of(client, route)

    later = answer(fresh, second)
    assert later.status == status_of(route, second), "the request does not fail the later step"
    assert_form(route.dialect, later)
    earlier = answer(fresh, first, second)
    assert earlier.status == status_of(route, first) != later.status
    assert_form(route.dialect, earlier)


def test_every_route_passes_as_it_is(client: Client) -> None:
    """Else the pairs above would prove nothing."""
    for route in ROUTES:
        status = attempt_of(client, route).send().status
        shut = (route.method, route.path) in SHUT
        assert status < 300 or "{" in route.path or shut, (route.method, route.path, status)
