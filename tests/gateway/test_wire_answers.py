"""Answers: their heads, those without a body, those that come before the body was sent, and those that are streamed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from wire import TIMEOUT_S, Client, assert_form, settle
from wires import (
    ALIVE,
    BATCH,
    INGEST,
    POINT,
    READS,
    TARGETS,
    Answer,
    Target,
    Wire,
    assert_usable,
    assert_usable_or_ended,
    in_chunks,
    raw,
)

EVERY = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
EACH = pytest.mark.parametrize("target", INGEST, ids=lambda target: target.name)
EXPECT = "Expect: 100-continue"
CHUNKED = "Transfer-Encoding: chunked"
#: A body that no route takes, bytes.
HUGE = 12 * 1024 * 1024


@pytest.fixture(scope="module")
def client(server) -> Client:
    return Client(server, "answers")


# --- heads


def assert_head(answer: Answer) -> None:
    date = answer.headers["date"]
    told = parsedate_to_datetime(date)
    assert date == told.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert abs((datetime.now(UTC) - told).total_seconds()) < 30
    assert answer.headers.get("server", "headrace") == "headrace"


@EVERY
def test_every_answer_has_a_date_and_names_no_library(client: Client, target: Target) -> None:
    with Wire(client.server) as wire:
        assert_head(target.check(wire.ask(target.raw(client))))
        assert_head(wire.ask(target.raw(client, path=target.path + "/nothing")))
        if target.endpoint is not None:
            assert_head(wire.ask(raw("POST", target.path)))
        assert_head(wire.ask(b"GARBAGE\r\n\r\n"))


def test_the_date_moves_on(client: Client) -> None:
    with Wire(client.server) as wire:
        first = wire.ask(ALIVE.raw(client)).headers["date"]
        deadline = time.monotonic() + TIMEOUT_S
        while wire.ask(ALIVE.raw(client)).headers["date"] == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)


# --- without a body


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/v1/stats", "/api/headrace/stats", "/docs", "/nothing", "/v1/nothing"]
)
def test_head_is_get_without_the_body(client: Client, path: str) -> None:
    lines = (f"Authorization: Bearer {client.key}",)
    with Wire(client.server) as wire:
        wire.send(raw("HEAD", path, *lines) + raw("GET", path, *lines) + ALIVE.raw(client))
        head, get = wire.answer(method="HEAD"), wire.answer(method="GET")
        ALIVE.check(wire.answer(method="GET"))
    assert head.status == get.status
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))
    assert head.headers["content-type"] == get.headers["content-type"]


@EACH
def test_head_where_there_is_nothing_to_get(client: Client, target: Target) -> None:
    with Wire(client.server) as wire:
        answer = wire.ask(raw("HEAD", target.path, *target.lines(client)))
        assert answer.status in (404, 405)
        assert int(answer.headers["content-length"]) > 0
        assert_usable(wire, client)


def test_no_content(client: Client) -> None:
    asked = ("Origin: https://shop.example", "Access-Control-Request-Method: POST")
    with Wire(client.server) as wire:
        for _ in range(3):
            answer = wire.ask(raw("OPTIONS", "/ingest/v1/logs", *asked))
            assert (answer.status, answer.body) == (204, b"")  # the reader has made sure that it has no length
            assert_usable(wire, client)


# --- before the body was sent


@EACH
@pytest.mark.parametrize(
    "lines", [(EXPECT,), ("expect: 100-Continue",), (EXPECT, CHUNKED)], ids=["", "lower case", "chunks"]
)
def test_a_body_that_waits_is_asked_for(client: Client, target: Target, lines: tuple[str, ...]) -> None:
    body = target.body(client)
    head = target.raw(client, *lines, body=b"", length=None if CHUNKED in lines else str(len(body)))
    sent = in_chunks(body, 40) if CHUNKED in lines else body
    with Wire(client.server) as wire:
        for _ in range(2):
            wire.send(head)
            assert wire.interim() == 100
            wire.assert_silent()
            answer = target.check(wire.ask(sent, method="POST"))
            assert answer.interim == ()
        assert_usable(wire, client)


@EACH
def test_a_body_that_does_not_wait(client: Client, target: Target) -> None:
    """It may be asked for though it is there already, once."""
    with Wire(client.server) as wire:
        for _ in range(2):
            answer = target.check(wire.ask(target.raw(client, EXPECT)))
            assert answer.interim in ((), (100,))
        wire.send(target.raw(client, EXPECT) * 3)
        assert [target.check(wire.answer()).interim in ((), (100,)) for _ in range(3)] == [True] * 3


@EACH
def test_a_body_that_nobody_wants_is_not_asked_for(client: Client, target: Target) -> None:
    """The key, the length and the path are looked at first. A client that then goes on with its body, or does not, is understood."""
    body = target.body(client)
    wanted = str(len(body))
    stranger = target.raw(client, EXPECT, body=b"", length=wanted).replace(client.key.encode(), b"nobody")
    for head, status in (
        (stranger, 401),
        (target.raw(client, EXPECT, body=b"", length="40000000"), 413),
        (target.raw(client, EXPECT, "Content-Encoding: br", body=b"", length=wanted), 415),
        (target.raw(client, EXPECT, path=target.path + "/nothing", body=b"", length=wanted), 404),
    ):
        with Wire(client.server) as wire:
            answer = wire.ask(head)
            assert (answer.status, answer.interim) == (status, ())
        if status != 413:
            with Wire(client.server) as wire:
                assert wire.ask(head).status == status
                wire.send_as_far_as_it_goes(body)
                assert_usable_or_ended(wire, client)


def test_our_own_api_asks_only_for_bodies_that_it_wants(client: Client) -> None:
    body = b'{"stats":["00000000000"],"from":"-1h"}'
    head = (EXPECT, "Content-Type: application/json", f"Content-Length: {len(body)}")
    with Wire(client.server) as wire:
        answer = wire.ask(raw("POST", "/api/headrace/series", "Authorization: Bearer nobody", *head))
        assert (answer.status, answer.interim) == (401, ())
    with Wire(client.server) as wire:
        wire.send(raw("POST", "/api/headrace/series", f"Authorization: Bearer {client.key}", *head))
        assert wire.interim() == 100
        assert wire.ask(body, method="POST").status in (200, 400, 404)
        assert_usable(wire, client)


def test_http_1_0_knows_no_interim_answers(client: Client) -> None:
    with Wire(client.server) as wire:
        head, _, body = POINT.raw(client, EXPECT, version="1.0").partition(b"\r\n\r\n")
        wire.send(head + b"\r\n\r\n")
        wire.assert_silent()
        assert POINT.check(wire.ask(body, method="POST")).interim == ()


def test_another_expectation(client: Client) -> None:
    with Wire(client.server) as wire:
        assert wire.ask(POINT.raw(client, "Expect: 200-maybe")).status in (202, 417)
        assert_usable_or_ended(wire, client)


@EACH
def test_a_refusal_reaches_a_client_that_sends_on(client: Client, target: Target) -> None:
    """It has not read a byte before it has sent the last one. A connection closed in its face would take the answer along."""
    body = bytes(HUGE)
    stranger = target.raw(client, body=body).replace(client.key.encode(), b"nobody")
    chunks = target.raw(client, CHUNKED, body=in_chunks(body, 65_536), length=None)
    for data, statuses in ((stranger, (401, 413)), (target.raw(client, body=body), (413,)), (chunks, (413,))):
        with Wire(client.server) as wire:
            wire.send_as_far_as_it_goes(data)
            answer = wire.answer()
            assert answer.status in statuses
            assert target.endpoint is not None
            assert_form(target.endpoint.dialect.name, answer.reply)
            assert_usable_or_ended(wire, client)


@EACH
def test_a_small_refused_body_costs_no_connection(client: Client, target: Target) -> None:
    body = target.body(client).ljust(20_000)
    stranger = target.raw(client, body=body).replace(client.key.encode(), b"nobody")
    with Wire(client.server) as wire:
        for _ in range(3):
            assert wire.ask(stranger).status == 401
            target.check(wire.ask(target.raw(client)))


def test_a_body_without_end_is_not_read_for_ever(client: Client) -> None:
    """A client that goes on after its refusal is cut off at some time."""
    head = POINT.raw(client, body=b"", length=str(10**12)).replace(client.key.encode(), b"nobody")
    with Wire(client.server) as wire:
        assert wire.ask(head).status in (401, 413)
        with pytest.raises(ConnectionError):
            wire.send(bytes(200 * 1024 * 1024))


# --- streamed


@pytest.fixture(scope="module")
def exporter(server) -> Client:
    """A project whose export has three pages."""
    client = Client(server, "exports")
    with Wire(server) as wire:
        for number in range(45):
            items = [f'{{"stat":"long","value":{number},"type":"value"}}'] * 1000
            body = ('{"items":[' + ",".join(items) + "]}").encode()
            BATCH.check(wire.ask(BATCH.raw(client, body=body)))
    settle(server)
    return client


def test_a_streamed_answer(exporter: Client) -> None:
    lines = (f"Authorization: Bearer {exporter.key}",)
    with Wire(exporter.server) as wire:
        path = "/v1/stats/long/export?resolution=raw"
        wire.send(raw("GET", path, *lines) + raw("HEAD", path, *lines) + ALIVE.raw(exporter))
        answer = wire.answer(method="GET")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert len(answer.body.splitlines()) == 45_001
        head = wire.answer(method="HEAD")
        assert (head.status, head.headers["content-type"]) == (200, answer.headers["content-type"])
        ALIVE.check(wire.answer(method="GET"))
    with Wire(exporter.server) as wire:  # the end of the connection is the end of the answer
        old = wire.ask(raw("GET", path, *lines, version="1.0"))
        assert "transfer-encoding" not in old.headers
        assert len(old.body.splitlines()) == 45_001
        wire.assert_ended()
    with Wire(exporter.server) as wire:
        kept = wire.ask(raw("GET", path, "Connection: keep-alive", *lines, version="1.0"))
        assert kept.body == old.body
        wire.assert_ended()
    with Wire(exporter.server) as wire:
        last = wire.ask(raw("GET", path, "Connection: close", *lines))
        assert last.body == old.body
        wire.assert_ended()


def test_the_end_comes_while_an_answer_is_streamed(exporter: Client) -> None:
    lines = (f"Authorization: Bearer {exporter.key}",)
    with Wire(exporter.server) as wire:
        wire.send_and_end(raw("GET", "/v1/stats/long/export?resolution=raw", *lines))
        assert len(wire.answer(method="GET").body.splitlines()) == 45_001
        wire.assert_ended()


@pytest.mark.parametrize("target", READS, ids=lambda target: target.name)
def test_reads_tell_their_length(client: Client, target: Target) -> None:
    with Wire(client.server) as wire:
        answer = target.check(wire.ask(target.raw(client)))
    assert answer.headers["content-length"] == str(len(answer.body))
