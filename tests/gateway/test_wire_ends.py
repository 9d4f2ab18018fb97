"""Clients that end: after the whole request, within it, without waiting for the answer. A whole request counts, half of one does not."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from wire import Client, assert_form, settle, wait_for
from wires import ALIVE, BATCH, INGEST, ONCE_EACH, POINT, READS, TARGETS, Target, Wire, in_chunks, raw, stored

EVERY = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
EACH = pytest.mark.parametrize("target", INGEST, ids=lambda target: target.name)
#: Above this a body is parsed beside the event loop.
LARGE = 400_000


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "ends")


def chunked(target: Target, client: Client, body: bytes | None = None) -> bytes:
    body = in_chunks(target.body(client), 30) if body is None else body
    return target.raw(client, "Transfer-Encoding: chunked", body=body, length=None)


# --- the whole request, then the end


@EVERY
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_request_and_the_end_in_one_packet(client: Client, target: Target, version: str) -> None:
    with Wire(client.server) as wire:
        wire.send_and_end(target.raw(client, version=version))
        target.check(wire.answer(method=target.method))
        wire.assert_ended()


def test_what_came_with_its_end_is_stored(server: Any) -> None:
    client = Client(server, "one packet")
    for target in INGEST:
        for data in (target.raw(client), chunked(target, client), target.raw(client, body=_large(target, client))):
            with Wire(server) as wire:
                wire.send_and_end(data)
                target.check(wire.answer())
                wire.assert_ended()
    settle(server)
    assert stored(client) == [3 * number for number in ONCE_EACH]


def _large(target: Target, client: Client) -> bytes:
    return target.body(client).ljust(LARGE)


def test_requests_ahead_and_the_end_in_one_packet(server: Any) -> None:
    client = Client(server, "ahead of the end")
    with Wire(server) as wire:
        wire.send_and_end(b"".join(target.raw(client) for target in TARGETS))
        for target in TARGETS:
            target.check(wire.answer(method=target.method))
        wire.assert_ended()
    with Wire(server) as wire:
        wire.send_and_end(BATCH.raw(client, body=_large(BATCH, client)) + ALIVE.raw(client) + POINT.raw(client)[:-1])
        BATCH.check(wire.answer())
        ALIVE.check(wire.answer(method="GET"))
        assert wire.answer().status == 400  # the last one lacks a byte
        wire.assert_ended()
    settle(server)
    assert stored(client) == [ONCE_EACH[0] + 1, *ONCE_EACH[1:]]


@EVERY
def test_the_end_comes_while_the_answer_is_made(client: Client, target: Target) -> None:
    with Wire(client.server) as wire:
        wire.send(target.raw(client))
        wire.end()
        target.check(wire.answer(method=target.method))
        wire.assert_ended()


@pytest.mark.parametrize("large", [False, True], ids=["small", "parsed aside"])
def test_a_client_that_does_not_wait_for_its_answer(server: Any, large: bool) -> None:
    """The request was whole: its record is stored though nobody is told."""
    client = Client(server, f"does not wait {large}")
    times = 3 if large else 20
    for target in INGEST:
        data = target.raw(client, body=_large(target, client) if large else None)
        for _ in range(times):
            with Wire(server) as wire:
                wire.send(data)
    with Wire(server) as wire:  # each of those connections came before this one
        ALIVE.check(wire.ask(ALIVE.raw(client)))
    _settle_at(client, [times * number for number in ONCE_EACH])


def _settle_at(client: Client, expected: list[int]) -> None:
    """Nobody knows when the last of requests that were not waited for is acknowledged; all of them are soon."""

    def all_there() -> bool:
        settle(client.server)
        return stored(client) == expected

    wait_for(all_there, f"not all of {expected} is stored")


def test_a_reader_that_does_not_wait(client: Client) -> None:
    for target in READS:
        for _ in range(5):
            with Wire(client.server) as wire:
                wire.send(target.raw(client))
    with Wire(client.server) as wire:
        ALIVE.check(wire.ask(ALIVE.raw(client)))


# --- half a request, then the end

CUTS: dict[str, Callable[[bytes], bytes]] = {
    "before the body": lambda data: data[: data.index(b"\r\n\r\n") + 4],
    "one byte of the body": lambda data: data[: data.index(b"\r\n\r\n") + 5],
    "all but one byte": lambda data: data[:-1],
}


@pytest.mark.parametrize("cut", CUTS)
def test_the_end_within_a_body(server: Any, cut: str) -> None:
    client = Client(server, cut)
    for target in INGEST:
        assert target.endpoint is not None
        for data in (target.raw(client), chunked(target, client), target.raw(client, body=_large(target, client))):
            with Wire(server) as wire:
                wire.send_and_end(CUTS[cut](data))
                answer = wire.answer()
                assert answer.status == 400
                assert_form(target.endpoint.dialect.name, answer.reply)
                wire.assert_ended()
            with Wire(server) as wire:
                wire.send(CUTS[cut](data))
    settle(server)
    assert stored(client) == [0] * len(INGEST)


def test_a_body_that_is_good_and_not_all_of_it(server: Any) -> None:
    """What came may be good JSON: it is not the body that was announced."""
    client = Client(server, "announced more")
    for target in INGEST:
        data = target.raw(client, length=str(len(target.body(client)) + 10))
        with Wire(server) as wire:
            wire.send(data)
        with Wire(server) as wire:
            wire.send_and_end(data)
            assert wire.answer().status == 400
            wire.assert_ended()
    settle(server)
    assert stored(client) == [0] * len(INGEST)


def test_chunks_without_their_end(server: Any) -> None:
    """All the data came, and what came is good JSON; the client did not say that this was all."""
    client = Client(server, "no last chunk")
    for target in INGEST:
        for end in (b"", b"0", b"0\r\n", b"0\r\n\r", b"0\r\nX-Sum: 1\r\n"):
            with Wire(server) as wire:
                wire.send_and_end(chunked(target, client, in_chunks(target.body(client), 30, end)))
                assert wire.answer().status == 400
                wire.assert_ended()
    settle(server)
    assert stored(client) == [0] * len(INGEST)


@EVERY
def test_the_end_within_a_head(client: Client, target: Target) -> None:
    data = target.raw(client)
    head = data.index(b"\r\n\r\n")
    for place in (0, 3, 20, head, head + 2, head + 3):
        with Wire(client.server) as wire:
            wire.send_and_end(data[:place])
            answer = wire.answer_or_end()
            assert answer is None or (answer.status == 400 and place)
            wire.assert_ended()


@EVERY
def test_a_connection_that_is_reset(client: Client, target: Target) -> None:
    """Nothing is promised to it, and nobody else is troubled."""
    data = target.raw(client)
    with Wire(client.server) as other:
        for sent in (b"", data[:20], data[:-1], data):
            with Wire(client.server) as wire:
                wire.send(sent)
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            ALIVE.check(other.ask(ALIVE.raw(client)))


def test_an_api_write_that_ends_within_its_body(client: Client) -> None:
    body = b'{"text":"half"}'
    lines = (f"Authorization: Bearer {client.key}", "Content-Type: application/json")
    before = client.call("GET", "/v1/annotations").json()
    for data in (
        raw("POST", "/v1/annotations", *lines, body=body, length="40"),
        raw("POST", "/api/headrace/annotations", *lines, body=body, length="40"),
    ):
        with Wire(client.server) as wire:
            wire.send_and_end(data)
            answer = wire.answer_or_end()
            assert answer is None or 400 <= answer.status < 500
            wire.assert_ended()
    assert client.call("GET", "/v1/annotations").json() == before
