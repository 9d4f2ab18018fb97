"""How the demo's records are sent: each dialect's own header, patience when the server asks for it, one clear line otherwise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from headrace.demo.sending import PAUSE_MAX_S, TRIES, NoServer, Sender, SendError
from headrace.demo.week import Shipment

POINT = Shipment("statflow", "/v1/ingest/batch", b"{}", points=1)


class Stub:
    """A server that gives the answers it was told, the last of them for ever, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, dict[str, str]]] = [(202, b"{}", {})]
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.asked.append((self.path, dict(self.headers.items()), body))
                status, content, headers = stub.answers[0] if len(stub.answers) == 1 else stub.answers.pop(0)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("dialect", "path", "header"),
    [
        ("statflow", "/v1/ingest/batch", ("Authorization", "Bearer k")),
        ("canaryhub", "/api/v1/events", ("Authorization", "Bearer k")),
        ("logister", "/api/v1/check_ins", ("Authorization", "Bearer k")),
        ("slowstats", "/api/slowstats/ingest-events", ("X-API-Key", "k")),
        ("seestack", "/ingest/v1/logs", ("X-SeeStack-Key", "k")),
        ("seestack", "/api/v1/cron-monitors", ("Authorization", "Bearer k")),
    ],
)
def test_each_dialect_has_its_header(stub: Stub, dialect: str, path: str, header: tuple[str, str]) -> None:
    with Sender(f"{stub.url}/tele/", "k") as sender:
        sender.send(Shipment(dialect, path, b'{"a":1}', content_type="application/x-ndjson"))
    asked, headers, body = stub.asked[0]
    assert (asked, body) == (f"/tele{path}", b'{"a":1}')
    assert headers[header[0]] == header[1]
    assert headers["Content-Type"] == "application/x-ndjson"
    assert len({"Authorization", "X-API-Key", "X-SeeStack-Key"} & set(headers)) == 1


def test_it_waits_as_long_as_it_is_told(stub: Stub) -> None:
    stub.answers = [
        (429, b"", {"Retry-After": "3"}),
        (503, b"", {"Retry-After": "999"}),
        (503, b"", {}),
        (202, b"", {}),
    ]
    pauses: list[float] = []
    with Sender(stub.url, "k", pauses.append) as sender:
        sender.send(POINT)
    assert pauses == [3.0, PAUSE_MAX_S, 1.0]
    assert len(stub.asked) == 4


def test_it_does_not_wait_for_ever(stub: Stub) -> None:
    stub.answers = [(503, b"full", {"Retry-After": "1"})]
    with Sender(stub.url, "k", lambda _: None) as sender, pytest.raises(SendError, match="answered 503: full"):
        sender.send(POINT)
    assert len(stub.asked) == TRIES


@pytest.mark.parametrize(
    ("shipment", "answer", "told"),
    [
        (POINT, (401, b"", {}), "does not know this folder's keys"),
        (POINT, (400, b'{"error":"no"}', {}), '/v1/ingest/batch answered 400: {"error":"no"}'),
        (POINT, (302, b"", {"Location": "/"}), "answered 302"),
        (Shipment("stathat", "/ez", b"{}"), (200, b'{"status":500,"msg":"no"}', {}), '/ez answered 200: {"status":500'),
        (Shipment("seestack", "/api/v1/cron-monitors", b"{}", refusable=True), (500, b"", {}), "answered 500"),
    ],
)
def test_a_refusal_is_told(
    stub: Stub, shipment: Shipment, answer: tuple[int, bytes, dict[str, str]], told: str
) -> None:
    stub.answers = [answer]
    with Sender(stub.url, "k") as sender, pytest.raises(SendError) as raised:
        sender.send(shipment)
    assert told in str(raised.value)


def test_what_may_be_refused(stub: Stub) -> None:
    stub.answers = [(409, b"", {})]
    with Sender(stub.url, "k") as sender:
        sender.send(Shipment("seestack", "/api/v1/cron-monitors", b"{}", refusable=True))


def test_whether_a_server_is_there(stub: Stub) -> None:
    stub.answers = [(200, b'{"status":"ready"}', {}), (503, b'{"status":"unavailable"}', {}), (200, b"<html>", {})]
    with Sender(stub.url, "", lambda _: None) as sender:
        sender.check()
        with pytest.raises(SendError, match="is no Headrace that takes records now"):
            sender.check()
    with pytest.raises(SendError, match="no address of a server"):
        Sender("ftp://127.0.0.1", "")
    with Sender("http://127.0.0.1:1", "") as nobody, pytest.raises(NoServer, match="no answer from"):
        nobody.check()
