"""A StatHat export as an import reads it: patient with rates, deaf to redirects, bounded, and never into a private network unasked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from headrace.api.imports import source as module
from headrace.api.imports.source import Place, Source, SourceFailed, Stopped

TOKEN = "secret/token ?#"
RATE = b'{"Error":"Rate limit exceeded."}'
#: An answer: status, body, headers.
Reply = tuple[int, bytes, dict[str, str]]


class Export:
    """A server that answers what it is told to, the last answer again and again."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [(200, b"[]", {})]
        self.asked: list[str] = []
        export = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                export.asked.append(self.path)
                status, body, headers = export.replies.pop(0) if len(export.replies) > 1 else export.replies[0]
                if not status:  # hangs up
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def answers(self, *replies: tuple[int, bytes] | Reply) -> None:
        self.replies = [(reply[0], reply[1], reply[2] if len(reply) > 2 else {}) for reply in replies]

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def export() -> Iterator[Export]:
    made = Export()
    yield made
    made.stop()


Open = Callable[..., Source]


@pytest.fixture
def opened(export: Export, request: pytest.FixtureRequest) -> Open:
    def make(host: str = "127.0.0.1", **changed: Any) -> Source:
        place = Place("http", host, export.server.server_port, "/base")
        source = Source(place, TOKEN, **{"private": True, "wait": lambda _: False, **changed})
        request.addfinalizer(source.close)
        return source

    return make


def test_what_is_asked_for(export: Export, opened: Open) -> None:
    export.answers((200, b'[{"id":"a"}]'), (200, b"[1]"), (404, b"{}"))
    source = opened()
    assert source.stats(10_000) == [{"id": "a"}]
    assert source.data(["a", "b/c"], "1w15m", 77) == [1]
    assert source.data(["a"], "1w15m", 77) is None
    token = "secret%2Ftoken%20%3F%23"
    assert export.asked[:2] == [
        f"/base/x/{token}/statlist?offset=10000",
        f"/base/x/{token}/data/a/b%2Fc?t=1w15m&start=77",
    ]


@pytest.mark.parametrize(
    ("reply", "pauses"),
    [
        ((200, RATE), [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]),
        ((200, b' {"error": "RATE LIMIT"}'), [2.0]),
        ((429, b""), [2.0, 4.0]),
        ((500, b"no"), [2.0, 4.0]),
        ((503, b"[]"), [2.0]),
        ((0, b""), [2.0]),
    ],
)
def test_patience(export: Export, opened: Open, reply: tuple[int, bytes], pauses: list[float]) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    export.answers(*[reply] * len(pauses), (200, b"[1]"))
    assert opened(wait=wait).stats(0) == [1]
    assert waited == pauses


def test_a_kept_connection_that_the_source_ends_is_opened_anew_at_once(export: Export, opened: Open) -> None:
    def wait(_: float) -> bool:
        raise AssertionError("there is nothing to wait for")

    export.answers((200, b"[1]"), (0, b""), (200, b"[2]"), (200, b"[3]", {"Connection": "close"}), (200, b"[4]"))
    source = opened(wait=wait)
    assert [source.stats(0) for _ in range(4)] == [[1], [2], [3], [4]]


@pytest.mark.parametrize(
    ("reply", "text", "asked"),
    [
        ((401, b'{"msg":"invalid access token"}'), "the source does not take this access token", 1),
        ((403, b""), "the source does not take this access token", 1),
        ((404, b""), "there is no StatHat export at this address", 1),
        ((301, b"", {"Location": "http://127.0.0.1/"}), "the source sends us elsewhere", 1),
        ((307, b"", {"Location": "/x/elsewhere"}), "the source sends us elsewhere", 1),
        ((418, b"[]"), "the source answers 418", 1),
        ((200, b"<html>"), "what the source sends is no StatHat export", 1),
        ((200, b"{}"), "what the source sends is no StatHat export", 1),
        ((200, b"[" * 100_000), "what the source sends is no StatHat export", 1),
        ((200, RATE), "the source keeps saying that its rate limit is exceeded", module.RATE_TRIES),
        ((500, b""), "the source does not answer: status 500", module.TRIES),
    ],
)
def test_sources_that_fail(export: Export, opened: Open, reply: Any, text: str, asked: int) -> None:
    export.answers(reply)
    with pytest.raises(SourceFailed) as failed:
        opened().stats(0)
    assert str(failed.value).startswith(text)
    assert "secret" not in str(failed.value)
    assert len(export.asked) == asked


@pytest.mark.parametrize(("size", "fits"), [(-1, True), (0, True), (1, False)])
def test_the_size_of_an_answer(
    export: Export, opened: Open, monkeypatch: pytest.MonkeyPatch, size: int, fits: bool
) -> None:
    monkeypatch.setattr(module, "ANSWER_MAX", 100_000)
    export.answers((200, json.dumps(["x" * (100_000 + size - 4)]).encode()))
    if fits:
        assert len(opened().stats(0)) == 1
    else:
        with pytest.raises(SourceFailed, match="the source sent more than"):
            opened().stats(0)


def test_an_answer_may_not_take_for_ever(export: Export, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", -1.0)
    with pytest.raises(SourceFailed, match="the source does not answer: it is too slow"):
        opened().stats(0)
    assert len(export.asked) == module.TRIES


def test_a_private_address_is_not_asked_unless_that_is_allowed(export: Export, opened: Open) -> None:
    with pytest.raises(SourceFailed, match="the host has a private address"):
        opened(private=False).stats(0)
    assert export.asked == []


def test_one_private_address_among_public_ones_is_enough(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(module.socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(SourceFailed, match="the host has a private address"):
        opened("export.example", private=False).stats(0)


def test_a_name_that_means_nothing(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise module.socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(module.socket, "getaddrinfo", fail)
    with pytest.raises(SourceFailed, match="the source does not answer: Name or service not known"):
        opened("export.example", private=False).stats(0)


def test_a_stop_ends_every_wait(export: Export, opened: Open) -> None:
    export.answers((200, RATE))
    with pytest.raises(Stopped):
        opened(wait=lambda _: True).stats(0)
    source = opened()
    source.close()
    with pytest.raises(Stopped):
        source.stats(0)
    assert len(export.asked) == 1
