"""Many connections and slow ones: none keeps the others waiting. The same bytes over TLS, and behind a path prefix."""

from __future__ import annotations

import resource
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from certificates import make_certificate
from wire import TIMEOUT_S, Client, assert_form, settle
from wires import (
    ALIVE,
    BATCH,
    INGEST,
    ONCE_EACH,
    POINT,
    READS,
    TARGETS,
    Wire,
    assert_usable,
    in_chunks,
    many,
    raw,
    stored,
)

#: Points of the long export, and bytes of their stat's name: about 45 MB of text.
POINTS, NAME_BYTES = 160_000, 250
READERS = 6


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "crowds")


def test_hundreds_of_connections_lock_nobody_out(client: Client) -> None:
    """Silent ones, idle ones, ones within a head and within a body."""
    data = POINT.raw(client)
    with many(client.server, 300) as wires:
        for number, wire in enumerate(wires):
            if number % 4 == 1:
                ALIVE.check(wire.ask(ALIVE.raw(client)))
            elif number % 4:
                wire.send(data[: 40 if number % 4 == 2 else -1])
        with Wire(client.server) as other:
            for target in TARGETS:
                target.check(other.ask(target.raw(client)))
        for number, wire in enumerate(wires):
            rest = {2: data[40:], 3: data[-1:]}.get(number % 4, data)
            POINT.check(wire.ask(rest, method="POST"))


# --- a client that does not read


def test_a_client_that_does_not_read_its_answer(server: Any) -> None:
    """A long answer is made as fast as it is taken: what nobody reads is not in memory, and nobody else waits."""
    client = Client(server, "does not read")
    name = "n" * NAME_BYTES
    with Wire(server) as wire:
        body = ('{"items":[' + ",".join([f'{{"stat":"{name}","value":1,"type":"value"}}'] * 1000) + "]}").encode()
        for _ in range(POINTS // 1000):
            BATCH.check(wire.ask(BATCH.raw(client, body=body)))
    settle(server)
    asked = raw("GET", f"/v1/stats/{name}/export?resolution=raw", f"Authorization: Bearer {client.key}")
    with Wire(server) as wire:
        whole = wire.ask(asked).body
    assert len(whole.splitlines()) == POINTS + 1
    process = Path(f"/proc/{server.process.pid}")
    before = _resident(process)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server, room=65_536)) for _ in range(READERS)]
        for wire in wires:
            wire.send(asked)
        for wire in wires:
            assert wire.socket.recv(9) == b"HTTP/1.1 "
        _until_calm(process)
        for target in TARGETS:
            with Wire(server) as other:
                target.check(other.ask(target.raw(client)))
        assert _resident(process) - before < READERS * len(whole) / 2
        taken = bytearray()
        while not taken.endswith(b"\r\n0\r\n\r\n"):
            piece = wires[0].socket.recv(1 << 20)
            assert piece, "the answer is cut short"
            taken += piece
        assert len(taken) > len(whole)
    with Wire(server) as wire:
        assert_usable(wire, client)


def _resident(process: Path) -> int:
    """Bytes of memory that the process holds."""
    return int((process / "statm").read_text().split()[1]) * resource.getpagesize()


def _until_calm(process: Path) -> None:
    """Until the server has done what it does without being read: no processor time is spent for a moment."""
    spent = -1
    while True:
        now = sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
        if now - spent <= 1:  # a hundredth of a second
            return
        spent = now
        time.sleep(0.3)


# --- clients that send nothing more, TLS, a path prefix: one server


class Odd(NamedTuple):
    server: Any
    client: Client
    tls_port: int
    trust: ssl.SSLContext


@pytest.fixture(scope="module")
def odd(server_class: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Odd]:
    """It gives up silent clients at once, speaks TLS on a second port, and lives behind ``/tele``."""
    folder = tmp_path_factory.mktemp("odd")
    cert, key = folder / "cert.pem", folder / "key.pem"
    make_certificate(cert, key, "odd")
    shim = Path(__file__).parent / "impatient.py"
    server = server_class(
        folder / "data", env={"HEADRACE_PATH_PREFIX": "/tele"}, wrapper=(sys.executable, "-W", "default", str(shim))
    )
    tls_port = server_class(folder / "unused").port
    server.init()
    server.start(
        *("--listen", f"http://127.0.0.1:{server.port}", "--listen", f"127.0.0.1:{tls_port}"),
        *("--tls-cert", str(cert), "--tls-key", str(key)),
    )
    yield Odd(server, Client(server, "odd"), tls_port, ssl.create_default_context(cafile=str(cert)))
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text(), server.log.read_text()[-4000:]


def test_a_body_that_stops_coming(odd: Odd) -> None:
    """The request ends, and with it the connection; nothing of it is stored."""
    client = Client(odd.server, "stops")
    with ExitStack() as stack:
        waiting = []
        for target in INGEST:
            body = target.body(client)
            chunks = target.raw(client, "Transfer-Encoding: chunked", body=in_chunks(body, 9)[:-9], length=None)
            for data in (target.raw(client)[:-1], chunks):
                wire = stack.enter_context(Wire(odd.server))
                wire.send(data)
                waiting.append((target, wire))
        for target, wire in waiting:
            answer = wire.answer_or_end()
            if answer is not None:
                assert answer.status in (400, 408, 503)
                assert target.endpoint is not None
                assert_form(target.endpoint.dialect.name, answer.reply)
            wire.assert_ended()
    settle(odd.server)
    assert stored(client) == [0] * len(INGEST)


def test_an_api_body_that_stops_coming(odd: Odd) -> None:
    lines = (f"Authorization: Bearer {odd.client.key}", "Content-Type: application/json")
    with Wire(odd.server) as wire:
        wire.send(raw("POST", "/api/headrace/series", *lines, body=b"{", length="40"))
        answer = wire.answer_or_end()
        assert answer is None or 400 <= answer.status < 504
        wire.assert_ended()


@pytest.mark.parametrize("begun", [b"GET /healthz", b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_stops_coming(odd: Odd, begun: bytes) -> None:
    with Wire(odd.server) as wire:
        wire.send(begun)
        answer = wire.answer_or_end()
        assert answer is None or answer.status in (400, 408)
        wire.assert_ended()


def test_a_connection_that_only_waits_is_left_alone(odd: Odd) -> None:
    """Clients keep theirs open between requests, for minutes."""
    with Wire(odd.server) as wire:
        assert_usable(wire, odd.client)
        time.sleep(5.0)  # more than such a server grants to who owes it something
        assert_usable(wire, odd.client)


def test_behind_a_prefix(odd: Odd) -> None:
    with Wire(odd.server) as wire:
        for target in TARGETS:
            for path in (target.path, "/tele" + target.path, "http://x/tele" + target.path):
                target.check(wire.ask(target.raw(odd.client, path=path)))
        target = INGEST[0]
        for path in ("/telegraph" + target.path, "/tele/tele" + target.path, "/tele//" + target.path):
            assert wire.ask(target.raw(odd.client, path=path)).status == 404


def test_over_tls(odd: Odd) -> None:
    client = Client(odd.server, "over tls")

    def secure() -> Wire:
        return Wire(odd.server, port=odd.tls_port, tls=odd.trust)

    with secure() as wire:
        for target in TARGETS:
            target.check(wire.ask(target.raw(client)))
        wire.send(b"".join(target.raw(client) for target in TARGETS))
        for target in TARGETS:
            target.check(wire.answer(method=target.method))
        data = POINT.raw(client)
        for place in range(len(data)):
            wire.send(data[place : place + 1])
        POINT.check(wire.answer())
        assert wire.ask(BATCH.raw(client, body=b"{" * 3_000_000)).status == 400
        answer = wire.ask(raw("GET", "/docs", "Connection: close"))
        assert len(answer.body) > 100_000
        wire.assert_ended()
    with secure() as wire:
        POINT.check(wire.ask(POINT.raw(client, version="1.0")))
        wire.assert_ended()
    with secure() as wire:  # it ends without waiting for its answer
        wire.send(POINT.raw(client))
    with secure() as wire:
        assert wire.ask(b"GARBAGE\r\n\r\n").status == 400
        wire.assert_ended()
    with Wire(odd.server, port=odd.tls_port) as wire:  # it does not know that this port speaks TLS
        wire.send(ALIVE.raw(client))
        assert b"200" not in wire.socket.recv(100)
    with Wire(odd.server, port=odd.tls_port) as silent, secure() as wire:  # one that never greets keeps nobody out
        silent.send(b"\x16\x03\x01")
        READS[1].check(wire.ask(READS[1].raw(client)))
    settle(odd.server)
    counts = [2 * number for number in ONCE_EACH]
    deadline = time.monotonic() + TIMEOUT_S
    while stored(client) != [counts[0] + 3, *counts[1:]]:
        assert time.monotonic() < deadline, stored(client)
        settle(odd.server)
