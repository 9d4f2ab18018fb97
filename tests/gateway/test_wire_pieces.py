"""Requests that arrive in pieces: wherever they are cut, they are the same requests."""

from __future__ import annotations

import time
from typing import Any

import pytest
from wire import Client, settle
from wires import ALIVE, INGEST, ONCE_EACH, POINT, READS, TARGETS, Target, Wire, in_chunks, many, stored

#: Connections at once, and the pause between two pieces, in which the first one arrives alone, seconds.
AT_ONCE = 150
PAUSE_S = 0.05


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "pieces")


def send_cut(client: Client, target: Target, data: bytes, places: list[int]) -> None:
    """Sends ``data`` once for each place, cut there."""
    for first in range(0, len(places), AT_ONCE):
        batch = places[first : first + AT_ONCE]
        with many(client.server, len(batch)) as wires:
            for wire, place in zip(wires, batch, strict=True):
                wire.send(data[:place])
            time.sleep(PAUSE_S)
            for wire, place in zip(wires, batch, strict=True):
                wire.send(data[place:])
            for wire in wires:
                target.check(wire.answer(method=target.method))


def assert_stored(client: Client, target: Target, number: int) -> None:
    settle(client.server)
    assert target.endpoint is not None
    assert target.endpoint.count(client) == number


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_request_cut_anywhere(server: Any, target: Target) -> None:
    """Everywhere for two of them; the others share the code and are cut at every fifth byte (a list shows 200 rows)."""
    client = Client(server, f"cut {target.name}")
    data = target.raw(client, "X-Trace: 1")
    whole = target in (POINT, INGEST[0], ALIVE)
    places = list(range(1, len(data), 1 if whole else 5))
    send_cut(client, target, data, places)
    if target.endpoint is not None:
        assert_stored(client, target, len(places))


def test_a_chunked_request_cut_anywhere(server: Any) -> None:
    client = Client(server, "cut chunks")
    target = POINT
    body = in_chunks(target.body(client), 20, b"0;last\r\nX-Sum: 1\r\n\r\n")
    data = target.raw(client, "Transfer-Encoding: chunked", body=body, length=None)
    head = data.index(b"\r\n\r\n")
    places = list(range(head, len(data)))
    send_cut(client, target, data, places)
    assert_stored(client, target, len(places))


@pytest.mark.parametrize("target", [*INGEST, READS[0]], ids=lambda target: target.name)
def test_byte_by_byte(client: Client, target: Target) -> None:
    data = target.raw(client)
    with Wire(client.server) as wire:
        for _ in range(2):
            for place in range(len(data)):
                wire.send(data[place : place + 1])
            target.check(wire.answer(method=target.method))


def test_two_requests_cut_anywhere_on_one_connection(server: Any) -> None:
    """The cut falls into the first, between both, or into the second."""
    client = Client(server, "cut pairs")
    data = POINT.raw(client) * 2
    places = list(range(1, len(data), 3))
    for first in range(0, len(places), AT_ONCE):
        batch = places[first : first + AT_ONCE]
        with many(server, len(batch)) as wires:
            for wire, place in zip(wires, batch, strict=True):
                wire.send(data[:place])
            time.sleep(PAUSE_S)
            for wire, place in zip(wires, batch, strict=True):
                wire.send(data[place:])
            for wire in wires:
                assert [wire.answer().status, wire.answer().status] == [202, 202]
    assert_stored(client, POINT, 2 * len(places))


def test_large_bodies_in_pieces(server: Any) -> None:
    client = Client(server, "large pieces")
    for target in INGEST:
        assert target.endpoint is not None
        body = target.body(client).ljust(400_000)
        data = target.raw(client, body=body)
        with Wire(server) as wire:
            for place in range(0, len(data), 7_919):
                wire.send(data[place : place + 7_919])
            target.check(wire.answer())
            # The next request begins in the packet in which the body ends.
            wire.send(data[:-1])
            wire.send(data[-1:] + ALIVE.raw(client))
            target.check(wire.answer())
            ALIVE.check(wire.answer(method="GET"))
    settle(server)
    assert stored(client) == [2 * number for number in ONCE_EACH]


def test_heads_that_are_almost_alike(server: Any) -> None:
    """What a server remembers of one request is not taken for another's: length, key and path are each request's own."""
    clients = [Client(server, f"alike {number}") for number in range(3)]
    with Wire(server) as wire:
        for _ in range(5):
            for client in clients:
                for name in ("a", "bb", "ccc"):
                    body = b'{"stat":"%s","value":1,"type":"counter"}' % name.encode()
                    POINT.check(wire.ask(POINT.raw(client, body=body)))
                assert wire.ask(POINT.raw(client, path="/v1/ingesT")).status == 404
                assert wire.ask(POINT.raw(client).replace(client.key.encode(), b"x" * len(client.key))).status == 401
    settle(server)
    for client in clients:
        assert client.points() == {f"stat:{name}:counter": 5 for name in ("a", "bb", "ccc")}
