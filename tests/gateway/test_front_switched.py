"""Connections that have left HTTP: whoever took one over reads and sends its bytes, and asks at the door again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from line import Pipe

from headrace.admission.keys import LookUpFailed
from headrace.dialects.base import Fault, Refusal
from headrace.gateway import switched
from headrace.gateway.exchange import Refused
from headrace.gateway.front import front as front_module
from headrace.gateway.front.connection import AHEAD_MAX, Connection
from headrace.gateway.front.front import IDLE_S, LINGER_S, UNREAD_S, Front
from headrace.gateway.switched import Switched
from headrace.records.intents import Answer

HANDSHAKE = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
HEADERS = ((b"connection", b"Upgrade"), (b"upgrade", b"websocket"))


class Taken:
    """A connection that was taken over; ``sent`` came together with the handshake."""

    def __init__(self, sent: bytes = b"") -> None:
        begun: list[Connection] = []
        self.front = Front(lambda line, _head, _body: begun.append(line), most=10)
        self.line, self.pipe = self.front.connection("http"), Pipe("192.0.2.1")
        self.line.connection_made(self.pipe)
        self.send(HANDSHAKE + sent)
        assert begun == [self.line]
        self.line.switch(HEADERS)

    def send(self, data: bytes) -> None:
        self.line.data_received(data)
        self.front.catch_up()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(inside())


def test_bytes_go_through_as_they_are() -> None:
    async def test() -> None:
        taken = Taken(b"early ")
        head, _, _ = taken.pipe.sent.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"\r\nconnection: Upgrade\r\nupgrade: websocket" in head
        assert b"content-length" not in head
        taken.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await taken.line.read() == b"early GET / HTTP/1.1\r\n\r\n"
        later = asyncio.create_task(taken.line.read())
        await asyncio.sleep(0)
        assert not later.done()
        taken.send(b"late")
        assert await later == b"late"
        await taken.line.send(b"\x81\x01a")
        assert taken.pipe.sent.endswith(b"\r\n\r\n\x81\x01a")
        taken.line.leave()
        assert taken.pipe.closed

    run(test)


def test_the_end_of_a_client() -> None:
    async def test() -> None:
        taken = Taken(b"last words")
        assert not taken.line.eof_received()
        assert [await taken.line.read() for _ in range(2)] == [b"last words", b""]
        gone = Taken()
        waiting = asyncio.create_task(gone.line.read())
        await asyncio.sleep(0)
        gone.line.connection_lost(None)
        assert await waiting == b""
        await gone.line.send(b"to nobody")
        gone.line.leave()
        assert not gone.pipe.sent.endswith(b"to nobody")

    run(test)


@pytest.mark.parametrize(("more", "paused"), [(-1, False), (0, False), (1, True)])
def test_only_so_much_is_read_ahead(more: int, paused: bool) -> None:
    async def test() -> None:
        taken = Taken()
        taken.send(b"x" * (AHEAD_MAX + more))
        assert taken.pipe.reading != paused
        assert len(await taken.line.read()) == AHEAD_MAX + more
        assert taken.pipe.reading

    run(test)


def test_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is the business of whoever took it over; bytes that are not read are the front's."""
    now = [1_000.0]
    monkeypatch.setattr(front_module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    async def test() -> None:
        taken = Taken()
        for _ in range(3):
            now[0] += IDLE_S + LINGER_S
            taken.front.sweep()
        assert not taken.pipe.closed
        taken.pipe.unsent = 100
        for seconds in (1, UNREAD_S, 1):
            assert not taken.pipe.closed
            now[0] += seconds
            taken.front.sweep()
        assert taken.pipe.closed

    run(test)


def test_a_stop_leaves_it_to_whoever_took_it_over() -> None:
    async def test() -> None:
        taken = Taken()
        taken.front.drain()
        assert not taken.pipe.closed
        taken.line.leave()
        assert taken.pipe.closed

    run(test)


@pytest.mark.parametrize(
    ("found", "admitted"),
    [
        (None, True),
        (Refused(Fault.BAD_KEY), False),
        (Refused(Fault.NO_SCOPE), False),
        (Refusal(Answer(404)), False),
        (Refused(Fault.UNAVAILABLE), None),
        (LookUpFailed("busy"), None),
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_the_door(monkeypatch: pytest.MonkeyPatch, found: Any, admitted: bool | None, waits: bool) -> None:
    """None: it cannot be told now."""

    def look(_exchange: Any) -> Any:
        if not waits:
            if found is not None:
                raise found
            return None

        async def later() -> None:
            if found is not None:
                raise found

        return later()

    async def test() -> None:
        monkeypatch.setattr(switched, "_DOOR", {"auth": look, "scope": lambda _: None})
        door: Any = Switched(SimpleNamespace(names=("auth", "scope", "handle"), line=None))  # type: ignore[arg-type]
        if admitted is None:
            with pytest.raises(LookUpFailed):
                await door.admitted()
        else:
            assert await door.admitted() is admitted

    run(test)
