"""Checks of pages as the store keeps and reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from store_rows import START, golden

from headrace.records.encode import encode_row, finish_row, partition_of
from headrace.records.tables import UPTIME_CHECKS
from headrace.store import Store
from headrace.store.filters import BadFilter
from headrace.store.uptime import MAX_CHECKS, Tally, checks_sql, list_checks, tally_checks

NOW = START * 1_000
ONE, OTHER = str(uuid4()), str(uuid4())

Put = Callable[..., None]


@pytest.fixture
def put_checks(store: Store, batch: int) -> Put:
    """Stores checks of a monitor: (ts, up, status, ms, reason)."""

    def put(project: int, monitor: str, *checks: tuple[int, int, int, float, str]) -> None:
        rows = [(project, ts, ts + 5, monitor, up, status, ms, reason) for ts, up, status, ms, reason in checks]
        months = {partition_of(UPTIME_CHECKS, row) for row in rows}
        for month in months:
            lines = [
                finish_row(encode_row(UPTIME_CHECKS, row), batch)
                for row in rows
                if partition_of(UPTIME_CHECKS, row) == month
            ]
            store.insert(UPTIME_CHECKS.name, b"".join(lines), len(lines), str(uuid4()))

    return put


def test_the_latest_first_and_nobody_elses(store: Store, project: int, put_checks: Put) -> None:
    put_checks(project, ONE, (NOW, 1, 200, 12.5, ""), (NOW + 2, 0, 0, 30_000.25, "Connection refused"))
    put_checks(project, ONE, (NOW + 1, 0, 500, 7.0, "status 500"), (NOW - 40 * 86_400_000_000, 1, 204, 1.0, ""))
    put_checks(project, OTHER, (NOW, 1, 200, 1.0, ""))
    put_checks(project + 1_000_000, ONE, (NOW, 1, 200, 1.0, ""))
    expected: list[dict[str, Any]] = [
        {"ts": NOW + 2, "up": 0, "status": 0, "duration_ms": 30_000.25, "reason": "Connection refused"},
        {"ts": NOW + 1, "up": 0, "status": 500, "duration_ms": 7.0, "reason": "status 500"},
        {"ts": NOW, "up": 1, "status": 200, "duration_ms": 12.5, "reason": ""},
    ]
    assert list_checks(store, project, ONE, NOW) == expected
    assert list_checks(store, project, ONE, NOW + 1) == expected[:2]
    assert list_checks(store, project, ONE, NOW, limit=1) == expected[:1]
    assert len(list_checks(store, project, ONE, 0)) == 4
    assert list_checks(store, project, str(uuid4()), 0) == []


def test_how_often_it_was_up(store: Store, project: int, put_checks: Put) -> None:
    put_checks(project, ONE, *((NOW + n, int(n % 3 == 0), 200, 1.0, "") for n in range(7)))
    put_checks(project, OTHER, (NOW - 1, 1, 200, 1.0, ""))
    put_checks(project + 1_000_000, OTHER, (NOW, 1, 200, 1.0, ""))
    unseen = str(uuid4())
    assert tally_checks(store, project, [ONE, OTHER, unseen], NOW) == {ONE: Tally(7, 3)}
    assert tally_checks(store, project, [OTHER], NOW - 1) == {OTHER: Tally(1, 1)}
    assert tally_checks(store, project, [], NOW) == {}


def test_only_so_many_at_once(store: Store, project: int, put_checks: Put) -> None:
    put_checks(project, ONE, *((NOW + n, 1, 200, 1.0, "") for n in range(MAX_CHECKS + 1)))
    found = list_checks(store, project, ONE, NOW)
    assert [len(found), found[0]["ts"]] == [MAX_CHECKS, NOW + MAX_CHECKS]
    for limit in (0, MAX_CHECKS + 1):
        with pytest.raises(BadFilter):
            list_checks(store, project, ONE, NOW, limit=limit)


def test_the_query_is_the_one_that_was_looked_at() -> None:
    assert checks_sql(ONE, NOW, 1).text + "\n" == golden("uptime_checks")
