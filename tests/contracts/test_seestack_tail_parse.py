"""What SeeStack's live tail does that no healthy server and no polite client shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from headrace.admission.keys import LookUpFailed
from headrace.api.compat import seestack_tail
from headrace.api.compat.seestack_tail import TAILS_MAX
from headrace.api.services import ServiceError, live
from headrace.api.services.live import LINES, LogLines
from headrace.records.intents import Reply, SwitchAnswer
from headrace.store import BudgetExceeded, StoreUnavailable
from headrace.store.arrivals import Position

HANDSHAKE = {
    b"connection": b"Upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
    b"sec-websocket-version": b"13",
}
START = Position(7)
#: A test that waits for what does not come fails by then, seconds.
PATIENCE_S = 60.0


def line(number: int) -> dict[str, Any]:
    return {"id": str(number), "level": "info", "message": f"m{number}", "service": "", "ts": number}


class Line:
    """A client of the protocol at the other end of a connection. ``reads`` False: it takes nothing in; ``answers`` False: it says nothing."""

    def __init__(self, *, reads: bool = True, answers: bool = True) -> None:
        self.stopping = asyncio.Event()
        self.protocol = Protocol(Side.CLIENT, state=State.OPEN)
        self.frames: list[Frame] = []
        self.heard = asyncio.Event()
        self.aborted = False
        self.open: Callable[[], bool] = lambda: True
        self._reads, self._answers = reads, answers
        self._sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(self) -> bytes:
        return await self._sent.get()

    async def send(self, data: bytes) -> None:
        if not self._reads:
            await asyncio.Event().wait()
        self.protocol.receive_data(data)
        self.frames += [frame for frame in self.protocol.events_received() if isinstance(frame, Frame)]
        self.heard.set()
        if self._answers:
            self.say(b"".join(self.protocol.data_to_send()))

    def say(self, data: bytes) -> None:
        if data:
            self._sent.put_nowait(data)

    def leave(self) -> None:
        self._sent.put_nowait(b"")

    def abort(self) -> None:
        self.aborted = True

    async def admitted(self) -> bool:
        return self.open()

    @property
    def told(self) -> list[str]:
        return [json.loads(frame.data)["id"] for frame in self.frames if frame.opcode is Opcode.TEXT]

    @property
    def closed(self) -> int | None:
        codes = [Close.parse(frame.data).code for frame in self.frames if frame.opcode is Opcode.CLOSE]
        return codes[0] if codes else None


def request(**query: str) -> Any:
    key = SimpleNamespace(
        id="k", name="k", kind="key", account="a", project=7, reach="project", scopes={"read"}, expires_at=None
    )
    return SimpleNamespace(
        method="GET", key=key, address="", query=lambda: {"projectId": "p", **query}, header=HANDSHAKE.get
    )


def handler(monkeypatch: pytest.MonkeyPatch, looks: Sequence[Any] = (), **constants: float) -> Any:
    """The handler; ``looks`` are what the looks find, one after the other (an exception is raised), then nothing."""
    for name, value in {"LOOK_S": 0.0, "CLOSE_S": 0.0, **constants}.items():
        monkeypatch.setattr(seestack_tail, name, value)
    found = iter(looks)

    def log_lines(*_: Any, after: Position, **__: Any) -> LogLines:
        one = next(found, LogLines([], after))
        if isinstance(one, Exception):
            raise one
        return one

    monkeypatch.setattr(live, "log_position", lambda *_, **__: START)
    monkeypatch.setattr(live, "log_lines", log_lines)
    return seestack_tail.handler(SimpleNamespace(context=None, store=None))  # type: ignore[arg-type]


async def talk(handle: Any, line: Line) -> None:
    answer: Reply = await handle(request())
    assert isinstance(answer, SwitchAnswer)
    await answer.talk(line)


def run(work: Awaitable[None]) -> None:
    async def patiently() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await work

    asyncio.run(patiently())


async def until(line: Line, done: Callable[[], Any]) -> None:
    while not done():
        line.heard.clear()
        await line.heard.wait()


@pytest.mark.parametrize("others", [TAILS_MAX - 2, TAILS_MAX - 1, TAILS_MAX])
def test_so_many_listen_at_a_time(monkeypatch: pytest.MonkeyPatch, others: int) -> None:
    async def work() -> None:
        handle = handler(monkeypatch, LOOK_S=1000.0)
        answers = [await handle(request()) for _ in range(others + 2)]
        crowd = [Line() for _ in range(others)]
        tasks = [asyncio.create_task(answer.talk(line)) for answer, line in zip(answers, crowd, strict=False)]
        await asyncio.sleep(0)  # each of them has begun
        last, again = Line(), Line()
        if others < TAILS_MAX:
            last.stopping.set()
        await answers[-2].talk(last)
        assert last.closed == (1001 if others < TAILS_MAX else 1013)
        for line in crowd:
            line.leave()
        await asyncio.gather(*tasks)
        again.stopping.set()
        await answers[-1].talk(again)
        assert again.closed == 1001, "those who left make room"

    run(work())


def test_what_cannot_be_looked_for_now_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    away = OperationalError("locked", None, Exception())

    async def work() -> None:
        there = Line()
        turns = iter([LookUpFailed("busy"), None])

        def door() -> bool:
            error = next(turns, None)
            if error is not None:
                raise error
            return True

        there.open = door
        looks = [away, LogLines([line(1), line(2)], Position(8), more=True), LogLines([line(3)], Position(9))]
        task = asyncio.create_task(talk(handler(monkeypatch, looks), there))
        await until(there, lambda: len(there.told) == 3)
        there.leave()
        await task
        assert there.told == ["1", "2", "3"]
        assert there.closed is None

    run(work())


@pytest.mark.parametrize("shut", [ServiceError("not_found", "project not found"), None])
def test_whoever_may_not_listen_any_more(monkeypatch: pytest.MonkeyPatch, shut: ServiceError | None) -> None:
    async def work() -> None:
        there = Line()
        there.open = lambda: shut is not None
        await talk(handler(monkeypatch, [] if shut is None else [shut]), there)
        assert there.closed == 1008

    run(work())


def test_more_lines_than_are_told_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [LogLines([line(number)], Position(8 + number), more=True) for number in range(3)]

    async def work() -> None:
        there = Line()
        await talk(handler(monkeypatch, looks, BEHIND_S=0.0), there)
        assert (there.told, there.closed) == (["0"], 1013)

    run(work())


@pytest.mark.parametrize("looks", [[], [LogLines([line(number)], START) for number in range(1000)]])
def test_a_silent_client_is_pinged(monkeypatch: pytest.MonkeyPatch, looks: list[LogLines]) -> None:
    """Whether it is told anything or not."""

    async def work() -> None:
        there = Line()
        task = asyncio.create_task(talk(handler(monkeypatch, looks, SILENCE_S=0.0), there))
        await until(there, lambda: any(frame.opcode is Opcode.PING for frame in there.frames))
        there.leave()
        await task
        assert not there.aborted

    run(work())


def test_a_client_without_a_word_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        there = Line(answers=False)
        await talk(handler(monkeypatch, DEAF_S=0.0), there)
        assert there.aborted

    run(work())


def test_a_client_that_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        there = Line(reads=False)
        await talk(handler(monkeypatch, [LogLines([line(1)], Position(8))], SEND_S=0.01), there)
        assert there.aborted

    run(work())


def test_a_client_that_does_not_answer_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        there = Line(answers=False)
        there.stopping.set()
        await talk(handler(monkeypatch), there)
        assert (there.closed, there.aborted) == (1001, False)

    run(work())


def test_a_client_that_closes_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        there = Line()
        there.protocol.send_close(1000)
        there.say(b"".join(there.protocol.data_to_send()))
        there.stopping.set()
        await talk(handler(monkeypatch, LOOK_S=1000.0), there)
        assert there.closed == 1000

    run(work())


# --- what a look finds


def look(monkeypatch: pytest.MonkeyPatch, after: Position, upto: int, found: Callable[[int], Any]) -> LogLines:
    """One look when segments up to ``upto`` are stored; ``found`` gives the rows for a limit."""

    def list_after(*_: Any, limit: int, **__: Any) -> Any:
        return found(limit)

    monkeypatch.setattr(live, "live_project", lambda *_: SimpleNamespace(number=7))
    monkeypatch.setattr(live.progress, "last_segment", lambda _: upto)
    monkeypatch.setattr(live, "list_after", list_after)
    actor: Any = SimpleNamespace(scopes={"read"})
    return live.log_lines(
        SimpleNamespace(catalog=SimpleNamespace(read=nullcontext)), lambda: None, actor, project=7, after=after
    )  # type: ignore[arg-type, return-value]


def rows(count: int) -> list[dict[str, Any]]:
    return [{**line(number), "batch": 9, "received_at": 5, "id": str(number)} for number in range(count)]


def test_nothing_is_asked_while_nothing_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def unasked(_limit: int) -> Any:
        raise AssertionError("the store is asked")

    assert look(monkeypatch, Position(8), 7, unasked) == LogLines([], Position(8))


@pytest.mark.parametrize("count", [LINES - 1, LINES])
def test_a_full_look_goes_on_behind_its_last_line(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    found = look(monkeypatch, Position(8), 9, rows)
    assert (len(found.rows), found.more, found.after) == (LINES, True, Position(9, 5, str(LINES - 1)))
    found = look(monkeypatch, Position(8), 9, lambda limit: rows(min(limit, count)))
    assert (len(found.rows), found.more) == (count, count == LINES)
    if count < LINES:
        assert found.after == Position(10)


def test_lines_of_megabytes_are_read_in_smaller_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def found(limit: int) -> list[dict[str, Any]]:
        asked.append(limit)
        if limit > 1:
            raise BudgetExceeded("memory")
        return rows(1)

    told = look(monkeypatch, Position(8), 9, found)
    assert asked == [200, 20, 2, 1]
    assert (len(told.rows), told.more, told.after) == (1, True, Position(9, 5, "0"))


@pytest.mark.parametrize("error", [StoreUnavailable("away"), BudgetExceeded("time")])
def test_a_store_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def away(_limit: int) -> Any:
        raise error

    assert look(monkeypatch, Position(8), 9, away) == LogLines([], Position(8))
