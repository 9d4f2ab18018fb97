"""Connections: how long one lasts, requests sent ahead of their answers, and what stands between two requests."""

from __future__ import annotations

from typing import Any

import pytest
from wire import Client, settle
from wires import ALIVE, BATCH, ONCE_EACH, POINT, READS, TARGETS, Target, Wire, assert_usable, raw, stored

EVERY = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
#: Above this a body is parsed beside the event loop.
LARGE = 3 * 1024 * 1024


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "connections")


@EVERY
def test_http_1_0_is_one_request_a_connection(client: Client, target: Target) -> None:
    for host in ("", "Host: headrace.test"):
        for more in ((), ("Connection: close",)):
            with Wire(client.server) as wire:
                answer = target.check(wire.ask(target.raw(client, *more, host=host, version="1.0")))
                assert answer.headers.get("connection", "close").lower() == "close"
                wire.assert_ended()


@EVERY
def test_http_1_0_with_keep_alive(client: Client, target: Target) -> None:
    with Wire(client.server) as wire:
        for word in ("keep-alive", "Keep-Alive", "keep-alive, te"):
            answer = target.check(wire.ask(target.raw(client, f"Connection: {word}", version="1.0")))
            assert answer.headers["connection"].lower() == "keep-alive"  # an old client waits for the end without it
        target.check(wire.ask(target.raw(client, version="1.0")))
        wire.assert_ended()


@EVERY
def test_http_1_1_is_kept_until_one_side_ends_it(client: Client, target: Target) -> None:
    with Wire(client.server) as wire:
        for more in ((), ("Connection: keep-alive",), ("Connection: TE",), ()):
            answer = target.check(wire.ask(target.raw(client, *more)))
            assert answer.headers.get("connection", "keep-alive").lower() == "keep-alive"
        wire.assert_silent()
        wire.end()
        wire.assert_ended()


@EVERY
@pytest.mark.parametrize("line", ["Connection: close", "connection: CLOSE", "Connection: keep-alive, close"])
def test_connection_close(client: Client, target: Target, line: str) -> None:
    """What follows such a request is not answered any more."""
    with Wire(client.server) as wire:
        answer = target.check(wire.ask(target.raw(client, line) + ALIVE.raw(client), method=target.method))
        assert answer.headers["connection"].lower() == "close"
        wire.assert_ended()


def test_many_requests_on_one_connection(server: Any) -> None:
    client = Client(server, "many on one")
    with Wire(server) as wire:
        for _ in range(60):
            for target in TARGETS:
                target.check(wire.ask(target.raw(client)))
    settle(server)
    assert stored(client) == [60 * number for number in ONCE_EACH]


def test_ten_requests_in_one_packet(client: Client) -> None:
    bad = POINT.raw(client, body=b"{")
    keyless = raw("POST", POINT.path, body=b'{"stat":"x","value":1}')
    sent = [(target.raw(client), target.method, target.status) for target in (*TARGETS[:4], *READS[:3])]
    sent[2:2] = [(bad, "POST", 400), (raw("HEAD", "/docs"), "HEAD", 200), (keyless, "POST", 401)]
    assert len(sent) == 10
    for order in (sent, sent[::-1]):
        with Wire(client.server) as wire:
            wire.send(b"".join(data for data, _, _ in order))
            assert [wire.answer(method=method).status for _, method, _ in order] == [status for *_, status in order]
            wire.assert_silent()


def test_a_slow_request_before_fast_ones(client: Client) -> None:
    """Answers come in the order of the requests, whatever takes how long."""
    large = BATCH.raw(client, body=BATCH.body(client).ljust(LARGE))
    refused = BATCH.raw(client, body=b"[" * LARGE)
    fast = POINT.raw(client) + ALIVE.raw(client)
    for slow, method, status in (
        (large, "POST", 202),
        (refused, "POST", 400),
        (READS[0].raw(client), "GET", 200),
        (READS[1].raw(client), "GET", 200),
        (raw("GET", "/docs"), "GET", 200),
    ):
        with Wire(client.server) as wire:
            wire.send(slow + fast + slow + fast)
            for _ in range(2):
                assert wire.answer(method=method).status == status
                POINT.check(wire.answer())
                assert wire.answer(method="GET").body.startswith(b'{"status":"ok"')


def test_a_hundred_requests_ahead_are_all_stored(server: Any) -> None:
    client = Client(server, "a hundred ahead")
    with Wire(server) as wire:
        wire.send(POINT.raw(client) * 300)
        assert [wire.answer().status for _ in range(300)] == [202] * 300
    settle(server)
    assert client.points() == {"stat:good:counter": 300}


@EVERY
def test_an_answer_does_not_wait_for_the_rest_of_the_next_request(client: Client, target: Target) -> None:
    begun = target.raw(client)
    with Wire(client.server) as wire:
        target.check(wire.ask(begun + begun[:30], method=target.method))
        wire.assert_silent()
        target.check(wire.ask(begun[30:], method=target.method))


@EVERY
@pytest.mark.parametrize("stray", [b"\r\n", b"\r\n\r\n", b"\r\n" * 5])
def test_empty_lines_before_a_request(client: Client, target: Target, stray: bytes) -> None:
    """Some old clients end a body with one (RFC 9112 2.2)."""
    with Wire(client.server) as wire:
        target.check(wire.ask(stray + target.raw(client), method=target.method))
        target.check(wire.ask(stray + target.raw(client), method=target.method))
        wire.send(stray)
        target.check(wire.ask(target.raw(client)))


@EVERY
@pytest.mark.parametrize("stray", [b"GARBAGE\r\n\r\n", b"x", b'{"stat":"x","value":1}\r\n', b"\0\0\0\0\r\n\r\n"])
def test_what_follows_a_request_and_is_none(client: Client, target: Target, stray: bytes) -> None:
    """The request is answered as if nothing came after it; then comes a 400 and the end, at the latest when the client ends."""
    with Wire(client.server) as wire:
        target.check(wire.ask(target.raw(client) + stray, method=target.method))
        wire.end()
        after = wire.answer_or_end()
        if stray != b"x":  # that could still become a request
            assert after is not None
        if after is not None:
            assert (after.status, after.body, after.headers["connection"]) == (400, b"", "close")
        wire.assert_ended()


def test_a_request_after_garbage_is_not_answered(client: Client) -> None:
    with Wire(client.server) as wire:
        wire.send(b"GARBAGE\r\n\r\n" + POINT.raw(client))
        assert wire.answer().status == 400
        wire.assert_ended()
    with Wire(client.server) as wire:
        assert_usable(wire, client)
