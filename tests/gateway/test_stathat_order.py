"""StatHat's order of checks (contract 1.12): of two things wrong in neighbouring places the earlier is told."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from wire import Client, Reply, assert_form, request_bytes, talk

from headrace.dialects.base import Step
from headrace.dialects.stathat import DIALECT

#: The routes that take points; ``test_stathat_reads_http`` has the order of the others.
POSTS = [route for route in DIALECT.routes if route.parse is not None]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: A request that passes. ``key`` is the name of a stat.
GOOD = {"/ez": {"stat": "a", "count": "1"}, "/c": {"key": "hits"}, "/v": {"key": "load", "value": "1"}}
#: What the text of each refusal is, in 1.12's order. The steps of a route are told by the words before the dot.
TEXTS = {
    "declared_size": "json too long",
    "body": "unsupported encoding",
    "auth.missing": "no ezkey specified",
    "auth.unknown": "invalid ezkey",
    "scope": "invalid ezkey",
    "idempotency": "Idempotency-Key must be 1 to 255 visible ASCII characters",
    "parse.ez": "ez api is switched off",
    "parse.stat": "no stat",
    "parse.number": "invalid count",
    "parse.time": "invalid t",
    "parse.name": "stat name too long",
    "decide": "stat is a value",
    "quota": "quota exceeded",
    "charge_cost": "rate limit exceeded",
    "append": "service unavailable",
}
CLASSIC = TEXTS | {
    "auth.missing": "no ukey specified",
    "parse.stat": "invalid key",
    "decide": "invalid key",
}
#: Checks that a path does not have: /c and /v are not EZ and their stats exist, so their types are known before ``decide``.
NOT_CLASSIC = {"parse.ez", "parse.name", "decide"}


class Spoiled:
    """A request that is being spoiled."""

    def __init__(self, client: Client, method: str, path: str) -> None:
        self.client = client
        self.method, self.path = method, path
        self.fields = dict(GOOD[path])
        self.headers = dict(FORM)
        self.length: int | None = None
        self.key: str | None = client.key
        self.off = self.over = False

    def fail(self, check: str) -> None:
        ez = self.path == "/ez"
        number = "value" if self.path == "/v" else "count"
        match check:
            case "declared_size":
                self.length = 1024 * 1024 + 1
            case "body":
                self.headers["Content-Encoding"] = "br"
            case "auth.missing":
                self.key = None
            case "auth.unknown":
                self.key = "unknown"
            case "scope":
                self.key = self.client.make_key(scopes=["read"])
            case "idempotency":
                self.headers["Idempotency-Key"] = "not visible"
            case "parse.ez":
                self.off = True
            case "parse.stat":
                self.fields["stat" if ez else "key"] = "" if ez else "unknown"
            case "parse.number":
                self.fields[number] = "x"
            case "parse.time":
                self.fields["t"] = "x"
            case "parse.name":
                self.fields["stat"] = "x" * 256
            case "decide":
                self.fields["stat"] = "load"
            case "quota":
                self.over = True
            case "charge_cost":
                self.key = self.client.make_key(rate=1, burst=1)
                spent = Spoiled(self.client, self.method, self.path)
                spent.key = self.key
                spent.send()

    def send(self) -> Reply:
        key = {} if self.key is None else {"ezkey" if self.path == "/ez" else "ukey": self.key}
        form = "&".join(f"{name}={value}" for name, value in (key | self.fields).items())
        path, body = (f"{self.path}?{form}", b"") if self.method == "GET" else (self.path, form.encode())
        if self.off:
            self.client.server.call("project.stathat", project=self.client.project, ez=False)
        if self.over:
            self.client.set_quota(0)
        try:
            data = request_bytes(self.method, path, self.headers, b"" if self.length else body, length=self.length)
            return talk(self.client.server, data)
        finally:
            if self.off:
                self.client.server.call("project.stathat", project=self.client.project, ez=True)
            if self.over:
                self.client.set_quota(None)


def checks(method: str, path: str) -> list[str]:
    (steps,) = (route.steps for route in POSTS if (route.method, route.path) == (method, path))
    found: list[str] = []
    for step in steps:
        mine = [check for check in TEXTS if check.partition(".")[0] == step]
        assert mine, f"no request fails the step {step}"
        found += [check for check in mine if path == "/ez" or check not in NOT_CLASSIC]
    return found


def pairs() -> list[Any]:
    routes = [(route.method, route.path) for route in POSTS]
    return [
        pytest.param(method, path, first, second, id=f"{method} {path}: {first}, {second}")
        for method, path in routes
        for first, second in pairwise(checks(method, path))
        # The two sides of the look-up: a key is unknown or lacks a scope, and is told the same.
        if (first, second) not in {("auth.missing", "auth.unknown"), ("auth.unknown", "scope")}
        # The one journal that takes nothing belongs to the gateway's tests.
        if second != "append"
        # One name cannot be too long and that of a stat.
        if (first, second) != ("parse.name", "decide")
    ]


def text_of(path: str, check: str) -> str:
    if (path, check) == ("/v", "parse.number"):
        return "invalid value"
    return (TEXTS if path == "/ez" else CLASSIC)[check]


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    made = Client(server, "order of StatHat's checks")
    for stat in ({"stat": "hits", "count": 1}, {"stat": "load", "value": 1, "type": "value"}):
        assert made.call("POST", "/v1/ingest", json=stat).status_code == 202
    return made


@pytest.mark.parametrize(("method", "path", "first", "second"), pairs())
def test_the_earlier_of_two_errors(client: Client, method: str, path: str, first: str, second: str) -> None:
    later, both = Spoiled(client, method, path), Spoiled(client, method, path)
    later.fail(second)
    both.fail(second)
    both.fail(first)
    told = []
    for request in (later, both):
        reply = request.send()
        assert_form("stathat", reply)
        told.append(reply.json()["msg"])
    assert told == [text_of(path, second), text_of(path, first)]


def test_every_route_passes_as_it_is(client: Client) -> None:
    for route in POSTS:
        reply = Spoiled(client, route.method, route.path).send()
        assert (reply.status, reply.json()) == (200, {"status": 200, "msg": "ok"}), (route.method, route.path)


def test_a_journal_that_takes_nothing_is_unavailable(full_client: Client) -> None:
    """503 with Retry-After, no error inside a 200: what was not stored has to be sent again."""
    reply = Spoiled(full_client, "POST", "/ez").send()
    assert (reply.status, reply.json()) == (503, {"status": 500, "msg": "service unavailable"})
    assert int(reply.headers["retry-after"]) >= 1


STEPS: tuple[Step, ...] = ("auth", "scope", "idempotency", "parse", "decide", "quota", "charge_cost", "append")


@pytest.mark.parametrize("route", POSTS, ids=lambda route: f"{route.method} {route.path}")
def test_steps(route: Any) -> None:
    assert route.steps == (STEPS if route.method == "GET" else ("declared_size", "body", *STEPS))
    assert route.kinds == (("key", "legacy") if route.path == "/ez" else ("key", "legacy", "classic"))
