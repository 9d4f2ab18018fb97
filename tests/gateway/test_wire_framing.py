"""Where a body ends: Content-Length and chunks, right, wrong and contradictory. Two readings of one request let a second one through."""

from __future__ import annotations

from typing import Any

import pytest
from endpoints import MAIN, Endpoint, path_of
from wire import Client, assert_form, settle
from wires import INGEST as MAIN_TARGETS
from wires import (
    POINT,
    Answer,
    Wire,
    assert_usable,
    assert_usable_or_ended,
    chunk,
    in_chunks,
    raw,
)

BODY = b'{"stat":"framed","value":1,"type":"counter"}'
CHUNKED = "Transfer-Encoding: chunked"
#: A request that must never be answered, behind one whose end is in doubt.
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def client(server: Any) -> Client:
    return Client(server, "framing")


def points(client: Client) -> int:
    settle(client.server)
    return sum(client.points().values())


def assert_nothing_stored(client: Client) -> None:
    """A point makes its stat, and that can be seen at once."""
    assert client.call("GET", "/v1/stats").json()["stats"] == []


def send(client: Client, *lines: str, body: bytes = BODY, length: str | None = None, version: str = "1.1") -> bytes:
    return POINT.raw(client, *lines, body=body, length=length, version=version)


def assert_dropped(client: Client, data: bytes, statuses: tuple[int, ...] = (400,)) -> Answer:
    """One refusal, the end, and nothing of what follows."""
    with Wire(client.server) as wire:
        wire.send(data + HIDDEN)
        answer = wire.answer()
        assert answer.status in statuses, (data, answer)
        wire.end()
        wire.assert_ended()
    return answer


# --- Content-Length

BAD_LENGTHS = ("-1", "+44", "0x2c", "44.0", "4 4", "44,", ",44", "forty", "44, 45", "", " ", "٤٤", "44\x0b", "9" * 30)


@pytest.mark.parametrize("length", BAD_LENGTHS)
def test_a_length_that_is_no_number(client: Client, length: str) -> None:
    line = f"Content-Length: {length}".encode()
    assert len(BODY) == 44
    head, _, _ = send(client, length=None).partition(b"\r\n\r\n")
    assert_dropped(client, head + b"\r\n" + line + b"\r\n\r\n" + BODY, (413, 400) if length.startswith("9") else (400,))
    assert_nothing_stored(client)


@pytest.mark.parametrize("pair", [("44", "45"), ("45", "44"), ("44", "0"), ("0", "44"), ("44", "x"), ("44", "-44")])
def test_lengths_that_contradict_each_other(client: Client, pair: tuple[str, str]) -> None:
    assert_dropped(client, send(client, *(f"Content-Length: {length}" for length in pair)))
    assert_nothing_stored(client)


@pytest.mark.parametrize(
    "lines", [("Content-Length: 44", "Content-Length: 44"), ("Content-Length: 44, 44",)], ids=["two lines", "a list"]
)
def test_a_length_told_twice(client: Client, lines: tuple[str, ...]) -> None:
    """A server may take it or refuse it (RFC 9112 6.3), wholly."""
    with Wire(client.server) as wire:
        wire.send(send(client, *lines))
        taken = wire.answer().status
        assert taken in (202, 400)
        if taken == 202:
            assert_usable(wire, client)
        else:
            wire.assert_ended()
    assert points(client) == (taken == 202)


def test_a_length_as_it_may_be_written(client: Client) -> None:
    lengths = ("44", " 44", "44 ", "\t44\t", "044")
    for length in lengths:
        with Wire(client.server) as wire:
            POINT.check(wire.ask(send(client, f"Content-Length:{length}")))
            assert_usable(wire, client)
    assert points(client) == len(lengths)


def test_no_length_is_no_body(client: Client) -> None:
    """What follows is the next request, and it is none."""
    with Wire(client.server) as wire:
        wire.send(send(client))
        assert [wire.answer().status, wire.answer().status] == [400, 400]
        wire.assert_ended()
    with Wire(client.server) as wire:
        assert wire.ask(send(client, body=b"", length="0")).status == 400
        assert_usable(wire, client)
    assert_nothing_stored(client)


def test_a_get_with_a_body(client: Client) -> None:
    """Unusual, and read over: the next request begins behind it."""
    with Wire(client.server) as wire:
        for target in ("/healthz", "/", "/nothing"):
            answer = wire.ask(raw("GET", target, body=HIDDEN))
            assert answer.status == (404 if target == "/nothing" else 200)
            assert_usable(wire, client)


# --- both


def test_a_length_and_chunks(client: Client) -> None:
    """Chunks decide or it is refused; either way it is the connection's last request (RFC 9112 6.3)."""
    body = chunk(BODY) + b"0\r\n\r\n"
    for lines in (
        (CHUNKED, "Content-Length: 4"),
        ("Content-Length: 4", CHUNKED),
        (f"Content-Length: {len(body)}", CHUNKED),
    ):
        assert_dropped(client, send(client, *lines, body=body), (202, 400))
    assert points(client) in (0, 3)


@pytest.mark.parametrize(
    "coding",
    [
        "identity",
        "xchunked",
        "chunked, identity",
        "gzip",
        "chunked, gzip",
        "chunked;q=1",
        '"chunked"',
        "chunked chunked",
    ],
)
def test_codings_that_say_nothing_of_the_end(client: Client, coding: str) -> None:
    for body in (BODY, chunk(BODY) + b"0\r\n\r\n"):
        assert_dropped(client, send(client, f"Transfer-Encoding: {coding}", body=body), (400, 501))
    assert_nothing_stored(client)


def test_chunked_as_it_may_be_written(client: Client) -> None:
    lines = ("transfer-encoding: Chunked", "TRANSFER-ENCODING:CHUNKED", "Transfer-Encoding:  chunked \t")
    for line in lines:
        with Wire(client.server) as wire:
            POINT.check(wire.ask(send(client, line, body=chunk(BODY) + b"0\r\n\r\n")))
            assert_usable(wire, client)
    assert points(client) == len(lines)


def test_chunks_in_http_1_0(client: Client) -> None:
    """They did not exist then (RFC 9112 6.1): the request is refused, or read and the connection's last."""
    assert_dropped(
        client, send(client, CHUNKED, "Connection: keep-alive", body=in_chunks(BODY, 9), version="1.0"), (202, 400)
    )
    assert points(client) in (0, 1)


# --- chunks

GOOD_CHUNKS = {
    "one": chunk(BODY) + b"0\r\n\r\n",
    "a byte each": in_chunks(BODY, 1),
    "upper case": b"2C\r\n" + BODY + b"\r\n0\r\n\r\n",
    "leading zeros": b"0000002c\r\n" + BODY + b"\r\n0000\r\n\r\n",
    "extensions": chunk(BODY, b';a=b;c="d;e"') + b"0;last\r\n\r\n",
    "a blank before an extension": chunk(BODY, b" ;a") + b"0\r\n\r\n",
    "trailers": in_chunks(BODY, 7, b"0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"),
    "trailers that look like headers": in_chunks(
        BODY,
        7,
        b"0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nContent-Encoding: br\r\n\r\n",
    ),
}


def test_good_chunks(client: Client) -> None:
    for name, body in GOOD_CHUNKS.items():
        with Wire(client.server) as wire:
            for _ in range(2):
                assert wire.ask(send(client, CHUNKED, body=body)).status == POINT.status, name
                assert_usable(wire, client)
    assert points(client) == 2 * len(GOOD_CHUNKS)


BAD_CHUNKS = {
    "no size": b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "no hexadecimal": b"zz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "negative": b"-2c\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a plus": b"+2c\r\n" + BODY + b"\r\n0\r\n\r\n",
    "0x": b"0x2c\r\n" + BODY + b"\r\n0\r\n\r\n",
    "an underscore": b"2_c\r\n" + BODY + b"\r\n0\r\n\r\n",
    "blank first": b" 2c\r\n" + BODY + b"\r\n0\r\n\r\n",
    "beyond 64 bits": b"f" * 17 + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "wrapped around to the truth": b"1000000000000002c\r\n" + BODY + b"\r\n0\r\n\r\n",
    "too short": b"2b\r\n" + BODY + b"\r\n0\r\n\r\n",
    "no end of the chunk": b"2c\r\n" + BODY + b"0\r\n\r\n",
    "another end of the chunk": b"2c\r\n" + BODY + b"xx0\r\n\r\n",
    "a NUL in the size": b"2c\x00\r\n" + BODY + b"\r\n0\r\n\r\n",
    "an endless extension": b"2c;" + b"x" * 200_000 + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "endless trailers": chunk(BODY) + b"0\r\n" + b"X-Sum: 1\r\n" * 40_000 + b"\r\n",
}


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=list(BAD_CHUNKS))
def test_bad_chunks(client: Client, body: bytes) -> None:
    with Wire(client.server) as wire:
        wire.send_as_far_as_it_goes(send(client, CHUNKED, body=body) + HIDDEN)
        assert wire.answer().status in (400, 413, 431)
        wire.assert_ended(after_all=len(body) < 1_000)
    assert_nothing_stored(client)


@pytest.mark.parametrize("endpoint", MAIN, ids=path_of)
def test_the_cap_in_chunks(client: Client, endpoint: Endpoint) -> None:
    """The chunks' own lines do not count. Whatever the answer, the connection goes on or ends in order."""
    target = next(one for one in MAIN_TARGETS if one.path == endpoint.path)
    cap = endpoint.route.cap
    for size, wanted in ((cap - 1, target.status), (cap, target.status), (cap + 1, 413)):
        body = in_chunks(target.body(client).ljust(size), 8_191, b"0\r\nX-Sum: 1\r\n\r\n")
        with Wire(client.server) as wire:
            answer = wire.ask(target.raw(client, CHUNKED, body=body, length=None))
            assert answer.status == wanted, size
            if wanted == 413:
                assert_form(endpoint.dialect.name, answer.reply)
                assert_usable_or_ended(wire, client)
            else:
                assert_usable(wire, client)


def test_a_body_that_our_own_api_refuses(client: Client) -> None:
    """The cap of its bodies, told or found, is told in its form."""
    lines = (f"Authorization: Bearer {client.key}", "Content-Type: application/json")
    body = b" " * (4 * 1024 * 1024 + 1)
    for data in (
        raw("POST", "/api/headrace/series", *lines, body=body),
        raw("POST", "/api/headrace/series", *lines, CHUNKED, body=in_chunks(body, 65_536), length=None),
    ):
        with Wire(client.server) as wire:
            wire.send_as_far_as_it_goes(data)
            answer = wire.answer()
            assert answer.status == 413
            assert_form("headrace", answer.reply)
            assert_usable_or_ended(wire, client)
