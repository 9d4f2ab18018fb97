"""Clients that stop sending in the middle of a body: given up after a while, and at once when the server stops."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from headrace.gateway import reading, waiting
from headrace.gateway.bodies import HungUp, InFlight, TooMuchInFlight
from headrace.gateway.waiting import STALL_S, Waiting


class Upload:
    """A request whose body comes in pieces; the last one never does."""

    def __init__(self, held: Waiting, *, room: int = 1_000) -> None:
        self.gateway = SimpleNamespace(waiting=held, in_flight=InFlight(room))
        self.route = SimpleNamespace(cap=100)
        self.held_bytes = 0
        self.sent = None
        self.line = self
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": await self.pieces.get(), "more_body": True}

    async def send(self, piece: bytes) -> None:
        await self.pieces.put(piece)
        await asyncio.sleep(0.001)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1_000.0]
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    return moment


async def begun(upload: Upload) -> asyncio.Task[bytes]:
    task = asyncio.create_task(reading._receive(upload))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    return task


def test_a_client_is_given_up_when_nothing_comes_for_too_long(now: list[float]) -> None:
    held = Waiting()

    async def work() -> None:
        upload = Upload(held)
        task = await begun(upload)
        for _ in range(3):  # each piece gives it new time
            now[0] += STALL_S - 1
            held.end_stalled()
            await upload.send(b"x")
        now[0] += STALL_S
        held.end_stalled()
        with pytest.raises(HungUp):
            await task
        assert upload.held_bytes == 3
        assert held._heard == {}

    asyncio.run(work())


def test_a_stop_ends_whatever_waits(now: list[float]) -> None:
    held = Waiting()

    async def slow() -> None:
        with held.patiently():
            await asyncio.sleep(3_600)

    async def work() -> None:
        upload, reading = await begun(Upload(held)), asyncio.create_task(slow())
        await asyncio.sleep(0)
        now[0] += 10 * STALL_S - 1
        assert len(held._heard) == 2
        held._heard[upload] = now[0]
        held.end_stalled()  # a query may take as long as its budget says
        await asyncio.sleep(0)
        assert not upload.done()
        assert not reading.done()
        held.hang_up()
        with pytest.raises(HungUp):
            await upload
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert held._heard == {}

    asyncio.run(work())


def test_memory_is_counted_while_a_body_comes_in() -> None:
    """Half-sent bodies count against the memory of all: many of them are refused before they are complete."""

    async def work() -> None:
        upload = Upload(Waiting(), room=50)
        task = await begun(upload)
        await upload.send(b"x" * 50)
        assert not task.done()
        await upload.send(b"x")
        with pytest.raises(TooMuchInFlight):
            await task
        assert upload.held_bytes == 50

    asyncio.run(work())
