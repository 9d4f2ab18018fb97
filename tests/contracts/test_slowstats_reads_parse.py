"""What SlowStats' reads do that no healthy server shows: pages too big, a store that is away, days around a year's end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api.compat import slowstats
from headrace.api.compat.base import CompatServices
from headrace.api.compat.slowstats import handlers, last_days
from headrace.records.ids import uuid7, uuid7_us
from headrace.records.intents import Answer, StreamAnswer
from headrace.store import BudgetExceeded, StoreUnavailable
from headrace.store.events import Page

TOTAL = 1_234
NOW_US = 1_775_124_000_000_000


def row(number: int) -> dict[str, Any]:
    return {"id": f"id{number}", "name": "x", "raw": f'{{"n":{number}}}', "ts": number * 1_000_000}


def make_pages(most: int, asked: list[int], *, fails_at: int = TOTAL + 1) -> Callable[..., Page]:
    """A store with ``TOTAL`` events of which a page holds ``most``, and which goes away before event ``fails_at``."""

    def list_rows(*_: Any, limit: int, cursor: str | None, **__: Any) -> Page:
        asked.append(limit)
        start = int(cursor or 0)
        if limit > most:
            raise BudgetExceeded("memory")
        if start + limit > fails_at:
            raise StoreUnavailable("gone")
        end = min(TOTAL, start + limit)
        return Page([row(number) for number in range(start, end)], str(end) if end < TOTAL else None)

    return list_rows


def ask(name: str = "get-events", *, store: Any = None, **query: str) -> Answer | StreamAnswer:
    def open_store() -> Any:
        if isinstance(store, Exception):
            raise store
        return store

    class Request:
        received_us = NOW_US

        def query(self) -> dict[str, str]:
            return {"projectId": "p", **query}

        def reachable_project(self, public_id: str) -> int | None:
            return 7 if public_id == "p" else None

    services = CompatServices(SimpleNamespace(), open_store)  # type: ignore[arg-type]
    return asyncio.run(handlers(services)[f"slowstats.{name}"](Request()))  # type: ignore[arg-type]


def body_of(answer: Answer | StreamAnswer) -> Any:
    assert isinstance(answer, StreamAnswer)

    async def read() -> bytes:
        return b"".join([chunk async for chunk in answer.chunks])

    return json.loads(asyncio.run(read()))


def test_pages_too_big_for_their_budget_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(slowstats, "list_rows", make_pages(40, asked))
    found = body_of(ask())["events"]
    assert [event["data"]["n"] for event in found] == list(range(TOTAL))
    assert asked[:4] == [500, 50, 5, 5]


def test_a_limit_ends_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(slowstats, "list_rows", make_pages(500, asked))
    assert len(body_of(ask(limit="501"))["events"]) == 501
    assert asked == [500, 1]


@pytest.mark.parametrize("limit", ["time", "rows", "memory"])
def test_an_event_that_cannot_be_read_within_any_budget(monkeypatch: pytest.MonkeyPatch, limit: Any) -> None:
    def list_rows(*_: Any, **__: Any) -> Page:
        raise BudgetExceeded(limit)

    monkeypatch.setattr(slowstats, "list_rows", list_rows)
    answer = ask()
    assert isinstance(answer, Answer)
    assert (answer.status, json.loads(answer.body)) == (500, {"error": "An internal server error occurred."})


@pytest.mark.parametrize("when", ["closed", "first page"])
def test_a_store_that_is_away_is_told_before_the_answer_begins(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    monkeypatch.setattr(slowstats, "list_rows", make_pages(500, [], fails_at=0))
    answer = ask(store=StoreUnavailable("closed") if when == "closed" else None)
    assert isinstance(answer, Answer)
    assert (answer.status, json.loads(answer.body)) == (503, {"error": "Service unavailable."})
    assert dict(answer.headers)[b"retry-after"] == b"5"


def test_a_store_that_goes_away_leaves_the_answer_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowstats, "list_rows", make_pages(500, [], fails_at=700))
    with pytest.raises(StoreUnavailable):
        body_of(ask())


def test_the_last_seven_days() -> None:
    epoch = date(1970, 1, 1)
    counts = {
        (date(2025, 12, 27) - epoch).days: 1,
        (date(2025, 12, 31) - epoch).days: 2,
        (date(2026, 1, 2) - epoch).days: 3,
    }
    assert last_days(counts, date(2026, 1, 3)) == [
        {"date": "2025-12-28", "events": 0},
        {"date": "2025-12-29", "events": 0},
        {"date": "2025-12-30", "events": 0},
        {"date": "2025-12-31", "events": 2},
        {"date": "2026-01-01", "events": 0},
        {"date": "2026-01-02", "events": 3},
        {"date": "2026-01-03", "events": 0},
    ]


@given(st.integers(0, (1 << 48) * 1000 - 1), st.binary(min_size=8, max_size=8))
def test_an_id_tells_its_moment_to_the_microsecond(us: int, random: bytes) -> None:
    made = uuid7(us, lambda _: random)
    assert uuid7_us(made) == uuid7_us(made.upper()) == us


@pytest.mark.parametrize("text", ["", "x", "0ead102f-0031-5849-b5db-6f7525857be4", "01a1fe148d19777cae957abc9b8c1a92"])
def test_what_is_no_id_tells_nothing(text: str) -> None:
    assert uuid7_us(text) is None
