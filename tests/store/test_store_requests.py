"""What HTTP requests come to, and pages of rows by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store_rows import START

from headrace.store import Store, requests
from headrace.store.events import count_rows, cursor_behind, list_rows
from headrace.store.filters import BadFilter, Filter
from headrace.store.requests import failing_hosts, request_percentiles, request_totals

US = START * 1000
SECOND = 1_000_000
ALL = (US, US + 100 * SECOND)

PutRows = Callable[..., Any]


@pytest.mark.parametrize(("more", "median"), [(-1, 3.0), (0, 3.0), (1, 2.5)])
def test_percentiles_are_exact_up_to_so_many(
    monkeypatch: pytest.MonkeyPatch, store: Store, project: int, put_rows: PutRows, more: int, median: float
) -> None:
    put_rows("requests", project, [{"ts": US, "duration_ms": float(ms)} for ms in (1, 2, 3, 4)])
    monkeypatch.setattr(requests, "EXACT_MAX", 4 - more)
    assert request_percentiles(store, project, *ALL, 4)[0] == median


def test_only_the_span_counts(store: Store, project: int, put_rows: PutRows) -> None:
    rows = [{"ts": US + at * SECOND, "direction": "outbound", "host": "h", "status": 400 + at} for at in range(-1, 3)]
    put_rows("requests", project, rows)
    assert request_totals(store, project, US, US + 2 * SECOND).total == 2
    assert [host.total for host in failing_hosts(store, project, US, US + 2 * SECOND)] == [2]
    assert request_totals(store, project, US - 9 * SECOND, US - 8 * SECOND) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("table", ["requests", "events"])
def test_pages_by_number_are_the_list(store: Store, project: int, put_rows: PutRows, table: str) -> None:
    """Many rows of one moment among them, and of events more than one type."""
    more = {"requests": ({},), "events": ({"type": "log"}, {"type": "error"})}[table]
    put_rows(table, project, [{"ts": US + number // 4 * SECOND, **more[number % len(more)]} for number in range(11)])
    start, end = ALL
    whole = [row["id"] for row in list_rows(store, project, table, start=start, end=end).rows]
    assert count_rows(store, project, table, start=start, end=end) == len(whole) == 11
    for rows in range(1, 14):
        cursor = cursor_behind(store, project, table, start=start, end=end, rows=rows)
        if rows > len(whole):
            assert cursor is None
            continue
        page = list_rows(store, project, table, start=start, end=end, limit=3, cursor=cursor).rows
        assert [row["id"] for row in page] == whole[rows : rows + 3]


def test_where_a_text_is_looked_for(store: Store, project: int, put_rows: PutRows) -> None:
    put_rows("events", project, [{"type": "log", "service": "Shop"}, {"type": "log", "message": "the shop"}])
    found = {
        within: count_rows(store, project, "events", Filter(text="SHOP", within=within))
        for within in ((), ("service",), ("message", "service"))
    }
    assert found == {(): 1, ("service",): 1, ("message", "service"): 2}
    for column in ("ts", "raw ", "nothing", "labels"):
        with pytest.raises(BadFilter, match="not a text"):
            count_rows(store, project, "events", Filter(text="x", within=(column,)))
