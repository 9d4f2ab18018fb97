"""What reading a replay does that no healthy server shows: a store that is away, events too large for one page."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from headrace.api.compat import seestack_replays
from headrace.api.compat.base import CompatServices
from headrace.api.compat.seestack import handlers
from headrace.records.intents import Answer, StreamAnswer
from headrace.store import BudgetExceeded, StoreUnavailable
from headrace.store.events import Page

TOTAL = 1_234


def ask(monkeypatch: pytest.MonkeyPatch, store: Any = None, **reads: Any) -> Answer | StreamAnswer:
    """The answer for a session of ``TOTAL`` events; ``reads`` stand in for what is asked of the store."""

    def open_store() -> Any:
        if isinstance(store, Exception):
            raise store
        return store

    request = SimpleNamespace(params={"session_id": "s"})
    reads = {"count_replays": lambda *_: {"s": TOTAL}, "project_to_read": lambda *_: SimpleNamespace(number=7)} | reads
    for name, stand_in in reads.items():
        monkeypatch.setattr(seestack_replays, name, stand_in)
    services = CompatServices(SimpleNamespace(), open_store)  # type: ignore[arg-type]
    return asyncio.run(handlers(services)["seestack.session_replay"](request))  # type: ignore[arg-type]


def row(number: int) -> dict[str, Any]:
    return {"id": str(number), "ts": number, "event_type": "e", "url": "", "raw": f'{{"eventData":"{number}"}}'}


def told(answer: Answer | StreamAnswer) -> tuple[int, str, dict[bytes, bytes]]:
    assert isinstance(answer, Answer)
    return answer.status, json.loads(answer.body)["error"]["code"], dict(answer.headers)


@pytest.mark.parametrize("when", ["opened", "counted", "read"])
def test_a_store_that_is_away_is_told_before_the_answer_begins(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("gone")

    reads = {"opened": {}, "counted": {"count_replays": away}, "read": {"list_replay": away}}[when]
    answer = ask(monkeypatch, StoreUnavailable("closed") if when == "opened" else None, **reads)
    status, code, headers = told(answer)
    assert (status, code, headers[b"retry-after"]) == (503, "SERVICE_UNAVAILABLE", b"5")


@pytest.mark.parametrize("limit", ["time", "rows", "memory"])
def test_an_event_that_cannot_be_read_within_any_budget(monkeypatch: pytest.MonkeyPatch, limit: Any) -> None:
    def too_much(*_: Any, **__: Any) -> Any:
        raise BudgetExceeded(limit)

    assert told(ask(monkeypatch, list_replay=too_much))[:2] == (500, "INTERNAL_ERROR")


def test_pages_too_big_for_their_budget_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def list_replay(*_: Any, limit: int, cursor: str | None, **__: Any) -> Page:
        asked.append(limit)
        if limit > 40:
            raise BudgetExceeded("memory")
        start = int(cursor or 0)
        end = min(TOTAL, start + limit)
        return Page([row(number) for number in range(start, end)], str(end) if end < TOTAL else None)

    answer = ask(monkeypatch, list_replay=list_replay)
    assert isinstance(answer, StreamAnswer)

    async def read() -> bytes:
        return b"".join([chunk async for chunk in answer.chunks])

    data = json.loads(asyncio.run(read()))["data"]
    assert data["totalEvents"] == TOTAL
    assert [int(event["eventData"]) for event in data["events"]] == list(range(TOTAL))
    assert asked[:4] == [500, 50, 5, 5]
