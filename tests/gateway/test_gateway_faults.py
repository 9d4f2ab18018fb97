"""What no request can be made to do from outside: guards by address, look-ups that fail, memory that is held, mistakes of ours."""

from __future__ import annotations

import inspect
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from endpoints import BY_PATH, ENDPOINTS, Endpoint, path_of
from line import converse
from wire import Reply, assert_form, request_bytes

from headrace.admission.keys import LookUpFailed
from headrace.admission.limits import Limiter, Spec
from headrace.dialects.registry import DIALECTS
from headrace.gateway.bodies import IN_FLIGHT_MAX, InFlight, TooMuchInFlight
from headrace.gateway.gateway import Gateway
from headrace.gateway.peers import Peers
from headrace.gateway.routes import RouteTable

NOW_S = 1_790_000_000
RESET = NOW_S // 60 * 60 + 60
ADDRESS = "203.0.113.9"
#: What the flood guards of command lines count together.
GROUPS = {
    "/session": "cli",
    "/device_authorizations": "cli_device",
    "/device_authorizations/token": "cli_token",
}
LOGISTER = [endpoint for endpoint in BY_PATH.values() if endpoint.dialect.name == "logister"]
EVERY = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)


class Keys:
    """A key table that knows nobody, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def find(self, _secret: str, _digest: bytes) -> None:
        if self.error is not None:
            raise self.error


def make_gateway(**given: Any) -> Gateway:
    """A gateway that has what these tests need; the rest of its arguments is None."""
    needed = {
        "table": RouteTable(DIALECTS),
        "keys": Keys(),
        "limiter": Limiter(lambda: NOW_S * 1_000_000),
        "peers": Peers((), ()),
        "clock": lambda: NOW_S * 1_000_000,
        **given,
    }
    names = [name for name in inspect.signature(Gateway).parameters if name != "self"]
    return Gateway(**{name: needed.get(name) for name in names})


def ask(
    gateway: Gateway,
    endpoint: Endpoint,
    *,
    address: str = ADDRESS,
    body: bytes = b"{}",
    length: int | None = None,
    **headers: str,
) -> Reply:
    fields = {"content-type": "application/json", **headers}
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    (reply,) = converse(gateway, request_bytes("POST", endpoint.path, named, body, length=length), peer=address)
    return reply


def key_header(endpoint: Endpoint) -> dict[str, str]:
    ((name, value),) = endpoint.header("some-key-of-32-characters-or-more").items()
    return {name.lower(): value}


# --- guards by address


@pytest.mark.parametrize("endpoint", LOGISTER, ids=path_of)
def test_the_flood_guard_comes_before_everything(endpoint: Endpoint) -> None:
    gateway = make_gateway()
    scope = ("ip", "logister", ADDRESS)
    gateway.limiter.charge(scope, Spec("aligned", 12_000, 0), 11_999)
    # The 12,000th request passes the guard and fails the next step that it can; the one after it fails nothing but the guard.
    status = 413 if "wire_size" in endpoint.route.steps else 401
    assert ask(gateway, endpoint, length=99_999_999).status == status
    reply = ask(gateway, endpoint, length=99_999_999)
    assert (reply.status, reply.json()["limit"]) == (429, 12_000)
    assert reply.headers["x-ratelimit-limit"] == "12000"
    assert reply.headers["x-ratelimit-reset"] == str(RESET)
    assert int(reply.headers["retry-after"]) == RESET - NOW_S
    assert_form("logister", reply)
    assert ask(gateway, endpoint, address="203.0.113.10").status == 401


def test_the_flood_guard_counts_all_of_logisters_paths_together() -> None:
    gateway = make_gateway()
    gateway.limiter.charge(("ip", "logister", ADDRESS), Spec("aligned", 12_000, 0), 12_000)
    assert len(LOGISTER) == 5
    for endpoint in BY_PATH.values():
        assert (ask(gateway, endpoint).status == 429) == (endpoint in LOGISTER)


@pytest.mark.parametrize(
    ("method", "path", "most", "status"),
    [
        ("GET", "/session", 1_200, 401),
        ("POST", "/device_authorizations", 30, 413),
        ("POST", "/device_authorizations/token", 120, 413),
    ],
)
def test_command_lines_have_flood_guards_of_their_own(method: str, path: str, most: int, status: int) -> None:
    """What programs send does not count there, nor what command lines ask for here."""
    gateway = make_gateway()
    gateway.limiter.charge(("ip", "logister", ADDRESS), Spec("aligned", 12_000, 0), 12_000)
    data = request_bytes(method, f"/api/v1/cli{path}", {}, length=0 if method == "GET" else 99_999_999)
    gateway.limiter.charge(("ip", f"logister {GROUPS[path]}", ADDRESS), Spec("aligned", most, 0), most - 1)
    (reply,) = converse(gateway, data, peer=ADDRESS)
    assert reply.status == status
    (reply,) = converse(gateway, data, peer=ADDRESS)
    assert (reply.status, reply.json()["code"]) == (429, "rate_limited")
    assert reply.json()["retry_after"] == int(reply.headers["retry-after"]) == RESET - NOW_S
    assert_form("logister", reply)
    (reply,) = converse(gateway, data, peer="203.0.113.10")
    assert reply.status == status


def test_failed_look_ups_are_limited_by_address() -> None:
    gateway = make_gateway()
    events, check_ins = LOGISTER[:2]
    for number in range(1, 121):
        reply = ask(gateway, events if number % 2 else check_ins)
        assert (reply.status, reply.json()) == (401, {"error": "Unauthorized"})
        assert reply.headers["x-ratelimit-limit"] == "120"
        assert reply.headers["x-ratelimit-remaining"] == str(120 - number)
        assert reply.headers["x-ratelimit-reset"] == str(RESET)
    for endpoint in (events, check_ins):
        reply = ask(gateway, endpoint)
        wait = RESET - NOW_S
        assert reply.json() == {
            "error": "Rate limit exceeded",
            "limit": 120,
            "window_seconds": 60,
            "retry_after": wait,
        }
        assert (reply.status, reply.headers["retry-after"]) == (429, str(wait))
    assert ask(gateway, events, address="203.0.113.10").status == 401


def test_loopback_and_the_operators_networks_are_not_counted() -> None:
    gateway = make_gateway(peers=Peers((), (__import__("ipaddress").ip_network("203.0.113.0/24"),)))
    for _ in range(130):
        reply = ask(gateway, LOGISTER[0])
        assert (reply.status, reply.headers["x-ratelimit-remaining"]) == (401, "120")


# --- 503 and 500 in the dialect's form


@EVERY
def test_a_look_up_that_cannot_be_made_is_503_and_never_401(endpoint: Endpoint) -> None:
    gateway = make_gateway(keys=Keys(LookUpFailed("database is locked")))
    reply = ask(gateway, endpoint, **key_header(endpoint))
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert_form(endpoint.dialect.name, reply)
    assert b"locked" not in reply.body


@EVERY
def test_a_mistake_of_ours_is_500_without_a_word_of_detail(endpoint: Endpoint, caplog: Any) -> None:
    gateway = make_gateway(keys=Keys(RuntimeError("secret detail")))
    with caplog.at_level(logging.ERROR, "headrace.gateway"):
        reply = ask(gateway, endpoint, **key_header(endpoint))
    assert reply.status == 500
    assert_form(endpoint.dialect.name, reply)
    assert b"secret" not in reply.body
    assert "secret detail" in caplog.text


class LiveKeys(Keys):
    """A key table with one key, for any project."""

    def find(self, _secret: str, _digest: bytes) -> Any:
        return SimpleNamespace(
            id="k",
            account="a",
            project=1,
            reach="project",
            kind="key",
            scopes={"write"},
            rate=None,
            burst=None,
            unlimited=True,
        )

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: True


@EVERY
def test_memory_that_others_hold_is_503_for_a_moment(endpoint: Endpoint) -> None:
    gateway = make_gateway(keys=LiveKeys())
    gateway.in_flight = InFlight(5)
    gateway.in_flight.take(4)
    reply = ask(gateway, endpoint, body=b"{}", **key_header(endpoint))
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert_form(endpoint.dialect.name, reply)
    assert gateway.in_flight.held == 4, "what a refused request held is given back"
    # A body that fits is read; these are then refused for what they hold.
    assert ask(gateway, endpoint, body=b"{", **key_header(endpoint)).status == endpoint.spoiled_status
    assert gateway.in_flight.held == 4


@EVERY
def test_a_body_in_chunks_is_held_once(endpoint: Endpoint) -> None:
    """Also where it is taken in before the key is looked up."""
    gateway = make_gateway(keys=LiveKeys())
    gateway.in_flight = InFlight(1)
    chunked = key_header(endpoint) | {"transfer-encoding": "chunked"}
    for sent, status in ((b"1\r\n{\r\n0\r\n\r\n", endpoint.spoiled_status), (b"2\r\n{}\r\n0\r\n\r\n", 503)):
        assert ask(gateway, endpoint, body=sent, length=-1, **chunked).status == status
        assert gateway.in_flight.held == 0


def test_the_bytes_of_all_bodies() -> None:
    in_flight = InFlight()
    in_flight.take(IN_FLIGHT_MAX - 1)
    in_flight.take(1)
    with pytest.raises(TooMuchInFlight):
        in_flight.take(1)
    in_flight.give(2)
    in_flight.take(2)
    assert in_flight.held == IN_FLIGHT_MAX == 128 * 1024 * 1024
