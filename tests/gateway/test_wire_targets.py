"""The first lines of requests: targets, methods, versions, and wishes for another protocol."""

from __future__ import annotations

import pytest
from wire import Client, assert_form, settle
from wires import ALIVE, INGEST, TARGETS, Target, Wire, ask_once, assert_usable, raw

EVERY = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
EACH = pytest.mark.parametrize("target", INGEST, ids=lambda target: target.name)


@pytest.fixture(scope="module")
def client(server) -> Client:
    return Client(server, "lines")


# --- targets


@EVERY
def test_a_target_with_scheme_and_host(client: Client, target: Target) -> None:
    for start in ("http://headrace.test", "http://other.example:8080", "HTTP://x"):
        target.check(ask_once(client, target.raw(client, path=start + target.path), target.method))


@pytest.mark.parametrize("target", [one for one in TARGETS if one.path != "/"], ids=lambda target: target.name)
def test_an_escaped_target(client: Client, target: Target) -> None:
    first = target.path[1]
    for escaped in (f"%{ord(first):02x}", f"%{ord(first):02X}"):
        path = f"/{escaped}{target.path[2:]}"
        target.check(ask_once(client, target.raw(client, path=path), target.method))


@EACH
def test_a_target_is_not_tidied(client: Client, target: Target) -> None:
    """Another path is another path: nothing is stored under it."""
    folder, _, last = target.path.rpartition("/")
    for path in (
        f"/{target.path}",
        f"{folder}//{last}",
        f"{folder}/./{last}",
        f"{folder}/x/../{last}",
        f"/..{target.path}",
        f"{target.path}%00",
        f"{target.path}%20",
        f"{target.path};x",
        target.path.upper(),
    ):
        assert ask_once(client, target.raw(client, path=path)).status == 404, path


@pytest.mark.parametrize(
    "path",
    [
        "/%",
        "/%z",
        "/%zz",
        "/%ff%fe",
        "/%00",
        "/%c0%af",
        "/" + "%2e%2e/" * 9,
        "/..",
        "/../..//",
        "//",
        "/?",
        "/??a=%zz&&",
        "/:@!$&'()*+,;=",
    ],
)
def test_odd_targets(client: Client, path: str) -> None:
    answer = ask_once(client, raw("GET", path, "Host: x"))
    assert answer.status in (200, 400, 404), answer


@pytest.mark.parametrize(
    "target", ["v1/ingest", "*", "?", "example.org:443", "http://", "http:///", "\xe4", "/\xe4", "/#a", "mailto:x"]
)
def test_targets_that_are_no_paths(client: Client, target: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = ask_once(client, raw(method, target, "Host: x"))
        assert 200 <= answer.status < 500, answer


BAD_LINES = (
    b"GET",
    b"GET /",
    b"GET / HTTP",
    b"GET / HTTP/1",
    b"GET / HTTP/1.",
    b"GET / HTTP/9.9",
    b"GET / HTTP/2.0",
    b"GET / http/1.1",
    b"GET / HTTP/1.1x",
    b"GET /a b HTTP/1.1",
    b"GET / ICY/1.1",
    b" GET / HTTP/1.1",
    b"G ET / HTTP/1.1",
    b"G\xc4T / HTTP/1.1",
    b"GET /\0 HTTP/1.1",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"<html>",
    b"HTTP/1.1 200 OK",
)


@pytest.mark.parametrize("line", BAD_LINES, ids=repr)
def test_request_lines_that_are_none(client: Client, line: bytes) -> None:
    with Wire(client.server) as wire:
        wire.send(line + b"\r\nHost: x\r\n\r\n" + ALIVE.raw(client))
        answer = wire.answer()
        assert answer.status in (400, 505)
        assert answer.body == b""
        wire.assert_ended()


# --- methods


@EACH
@pytest.mark.parametrize("method", ["TRACE", "BREW", "PROPFIND", "M-SEARCH", "X" * 30])
def test_other_methods_of_an_ingest_path(client: Client, target: Target, method: str) -> None:
    assert target.endpoint is not None
    dialect = target.endpoint.dialect
    for body in (b"", target.body(client)):
        answer = ask_once(client, raw(method, target.path, *target.lines(client), body=body))
        assert answer.status == (404 if dialect.method_is_not_found else 405)
        assert_form(dialect.name, answer.reply)


@pytest.mark.parametrize("method", ["TRACE", "BREW", "PROPFIND", "DELETE", "PUT"])
@pytest.mark.parametrize("path", ["/healthz", "/", "/api/headrace/stats"])
def test_other_methods_of_our_own_paths(client: Client, path: str, method: str) -> None:
    answer = ask_once(client, raw(method, path, f"Authorization: Bearer {client.key}", "Accept: application/json"))
    assert answer.status == 405
    assert client.key.encode() not in answer.body  # least of all TRACE's
    assert_form("headrace", answer.reply)


@pytest.mark.parametrize("target", ["example.org:443", "/v1/ingest", "/healthz", "http://example.org/"])
def test_connect(client: Client, target: str) -> None:
    """This is no proxy; and what comes behind the request is no tunnel."""
    answer = ask_once(client, raw("CONNECT", target, "Host: example.org", f"Authorization: Bearer {client.key}"))
    assert answer.status in (400, 404, 405, 501)


@EVERY
def test_a_wish_for_another_protocol_is_passed_over(server, target: Target) -> None:
    """The body arrives, the answer is HTTP/1.1, and so is the next request."""
    client = Client(server, f"upgrades {target.name}")
    wishes = (
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
        (
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAA",
        ),
        ("Connection: Upgrade", "Upgrade: TLS/1.0"),
        ("Upgrade: h2c",),
    )
    with Wire(server) as wire:
        for wish in wishes:
            target.check(wire.ask(target.raw(client, *wish)))
        wire.send(b"".join(target.raw(client, *wish) for wish in wishes))
        for _ in wishes:
            target.check(wire.answer(method=target.method))
        assert_usable(wire, client)
    if target.endpoint is not None:
        settle(server)
        assert target.endpoint.count(client) == 2 * len(wishes)
