"""What SeeStack's reads of rows do that no healthy server shows: a store that is away, rows too large for one page, odd records."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from headrace.api.compat import seestack_lists, seestack_rows
from headrace.api.compat.base import CompatServices
from headrace.api.compat.seestack import handlers
from headrace.records.intents import Answer, StreamAnswer
from headrace.store import BudgetExceeded, StoreUnavailable
from headrace.store.events import Page

TOTAL = 190
NAMES = ("logs", "requests", "request_stats", "top_hosts", "requests_by_trace")


def away(*_: Any, **__: Any) -> Any:
    raise StoreUnavailable("gone")


def ask(monkeypatch: pytest.MonkeyPatch, name: str, query: dict[str, str] | None = None, **reads: Any) -> Any:
    """The answer of the handler ``name``; ``reads`` stand in for what is asked of the store."""
    request = SimpleNamespace(query=lambda: {"traceId": "t", **(query or {})}, received_us=1_790_000_000_000_000)
    stand_ins = {"project_to_read": lambda *_: SimpleNamespace(number=7, id="p"), **reads}
    for module in (seestack_lists, seestack_rows):
        for called, stand_in in stand_ins.items():
            monkeypatch.setattr(module, called, stand_in, raising=False)
    services = CompatServices(SimpleNamespace(), reads.get("open_store", lambda: None))  # type: ignore[arg-type]
    return asyncio.run(handlers(services)[f"seestack.{name}"](request))  # type: ignore[arg-type]


def row(number: int, raw: str = "{}") -> dict[str, Any]:
    return {"id": str(number), "ts": number, "level": "", "message": "", "service": "", "trace_id": "", "raw": raw}


def items_of(answer: Any) -> list[Any]:
    assert isinstance(answer, StreamAnswer)

    async def read() -> bytes:
        return b"".join([chunk async for chunk in answer.chunks])

    found: list[Any] = json.loads(asyncio.run(read()))["data"]["items"]
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("when", ["opened", "read"])
def test_a_store_that_is_away_is_told_before_the_answer_begins(
    monkeypatch: pytest.MonkeyPatch, name: str, when: str
) -> None:
    asked = ("count_rows", "request_totals", "failing_hosts", "requests_of_trace")
    answer = ask(monkeypatch, name, **(dict.fromkeys(asked, away) if when == "read" else {"open_store": away}))
    assert isinstance(answer, Answer)
    assert (answer.status, dict(answer.headers)[b"retry-after"]) == (503, b"5")


@pytest.mark.parametrize("late", ["cursor_behind", "list_rows"])
def test_as_long_as_no_row_was_read_it_is_told(monkeypatch: pytest.MonkeyPatch, late: str) -> None:
    reads = {"count_rows": lambda *_, **__: TOTAL, "cursor_behind": lambda *_, **__: "c", late: away}
    assert ask(monkeypatch, "logs", {"page": "2"}, **reads).status == 503


def test_pages_too_big_for_their_budget_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str | None]] = []

    def list_rows(*_: Any, limit: int, cursor: str | None, **__: Any) -> Page:
        asked.append((limit, cursor))
        if limit > 10:
            raise BudgetExceeded("memory")
        start = int(cursor or 0)
        rows = [row(number) for number in range(start, min(TOTAL, start + limit))]
        return Page(rows, str(start + limit) if start + limit < TOTAL else None)

    reads = {
        "count_rows": lambda *_, **__: TOTAL,
        "cursor_behind": lambda *_, rows, **__: str(rows),
        "list_rows": list_rows,
    }
    answer = ask(monkeypatch, "logs", {"page": "2", "perPage": "100"}, **reads)
    assert [item["id"] for item in items_of(answer)] == [str(number) for number in range(100, TOTAL)]
    assert asked[:3] == [(100, "100"), (10, "100"), (10, "110")]


def test_rows_that_went_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were counted, and are not there when their page is looked for."""
    reads = {"count_rows": lambda *_, **__: TOTAL, "cursor_behind": lambda *_, **__: None, "list_rows": away}
    assert items_of(ask(monkeypatch, "logs", {"page": "2"}, **reads)) == []


@pytest.mark.parametrize(
    ("raw", "metadata"),
    [
        ("{}", None),
        ('{"metadata":null}', None),
        ('{"metadata":{}}', "{}"),
        ('{"metadata":[1,"ä"]}', '[1,"ä"]'),
        ('{"metadata":"text"}', '"text"'),
        ('{"context":{"k":1}}', '{"k":1}'),
        ('{"metadata":{"m":1},"context":{"k":1}}', '{"m":1}'),
        ('{"metadata":null,"context":{"k":1}}', '{"k":1}'),
        ('{"other":1,"deep":{"metadata":1}}', None),
    ],
)
def test_the_metadata_of_a_line(monkeypatch: pytest.MonkeyPatch, raw: str, metadata: str | None) -> None:
    reads = {"count_rows": lambda *_, **__: 1, "list_rows": lambda *_, **__: Page([row(1, raw)], None)}
    (item,) = items_of(ask(monkeypatch, "logs", **reads))
    assert item["metadata"] == metadata
