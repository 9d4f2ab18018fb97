"""The sets of visitors: who is counted, and that neither repetition nor the end of an event changes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from store_rows import line_of, numbers, row_of

from headrace.loader.draining import Drainer, Piece
from headrace.records.encode import partition_of
from headrace.records.tables import TABLES
from headrace.store import Store, visitors
from headrace.store.visitors import count_visitors

Put = Callable[..., Any]
MONTH = 202603


def event(user: str, **values: Any) -> dict[str, Any]:
    return {"dialect": "slowstats", "type": "event", "user_id": user} | values


def test_who_is_counted(store: Store, put_rows: Put, project: int) -> None:
    assert count_visitors(store, project) == 0
    other = next(numbers)
    put_rows("events", project, [event("a"), event("a"), event("b"), event("")])
    put_rows("events", project, [event("c", dialect="logister"), event("d", type="metric"), event("b")])
    put_rows("events", other, [event("x")])
    assert (count_visitors(store, project), count_visitors(store, other)) == (2, 1)


def test_a_lost_part_is_made_again_and_repetition_changes_nothing(store: Store, project: int, batch: int) -> None:
    rows = [row_of("events", project, **event(user)) for user in ("a", "b", "c")]
    assert partition_of(TABLES["events"], rows[0]) == MONTH
    store.insert("events", b"".join(line_of("events", row, batch) for row in rows), 3, str(uuid4()))
    for _ in range(2):
        store.repeat_visitors(MONTH, batch, str(uuid4()))
        assert count_visitors(store, project) == 3
    store._client.command(
        f"ALTER TABLE {visitors.NAME} DELETE WHERE project = {project}", settings={"mutations_sync": 2}
    )
    assert count_visitors(store, project) == 0
    store.repeat_visitors(MONTH, batch + 1_000_000, str(uuid4()))
    store.repeat_visitors(MONTH + 1, batch, str(uuid4()))
    assert count_visitors(store, project) == 0
    store.repeat_visitors(MONTH, batch, str(uuid4()))
    assert count_visitors(store, project) == 3


class NothingExcluded:
    def known(self, _: Piece) -> set[int]:
        return set()

    def record(self, *_: object) -> None:
        raise AssertionError


def test_the_loader_makes_up_for_a_part_that_a_crash_took(store: Store, project: int, batch: int) -> None:
    rows = [row_of("events", project, **event(user)) for user in ("a", "b")]
    piece = Piece(batch, "events", MONTH, [line_of("events", row, batch) for row in rows], 2)
    drainer = Drainer(store, NothingExcluded(), lambda: str(uuid4()))
    assert drainer.load(piece, certain_new=False) == 2
    assert count_visitors(store, project) == 2
    store._client.command(
        f"ALTER TABLE {visitors.NAME} DELETE WHERE project = {project}", settings={"mutations_sync": 2}
    )
    assert drainer.load(piece, certain_new=False) == 2
    assert count_visitors(store, project) == 2
    assert store.rows_in("events", MONTH, batch) == 2


def test_visitors_outlive_their_events(store: Store, put_rows: Put, project: int) -> None:
    put_rows("events", project, [event("a"), event("b")])
    store._client.command(f"ALTER TABLE events DELETE WHERE project = {project}", settings={"mutations_sync": 2})
    put_rows("events", project, [event("b"), event("c")])
    assert count_visitors(store, project) == 3


@pytest.mark.parametrize("many", [5_000])
def test_a_crowd_is_counted_within_a_percent(store: Store, put_rows: Put, project: int, many: int) -> None:
    put_rows("events", project, [event(f"visitor {number}") for number in range(many)] * 2)
    assert abs(count_visitors(store, project) - many) <= many / 100
