"""Everything of a project is taken out of every table and rollup, and nothing of others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from store_rows import START, numbers, row_of

from headrace.records.tables import TABLES
from headrace.store import Store, StoreUnavailable, deletion, schema
from headrace.store.deletion import ClaimantPage, claimants, delete_rows
from headrace.store.rollups import BY_MINUTE

ROWS = [name for name in TABLES if name != "points"]


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    with closing(store.connect()) as client:
        yield client


def held(client: Any, project: int) -> dict[str, int]:
    """Rows by table, and the points that the rollup's projection counts."""
    asked = {table: f"count() FROM {table}" for table in schema.READABLE} | {
        "projection": f"sum(count) FROM {BY_MINUTE}"
    }
    return {
        what: int(client.query(f"SELECT {query} WHERE project = {project}").result_rows[0][0])
        for what, query in sorted(asked.items())
    }


def pause() -> None:
    time.sleep(0.01)


@pytest.fixture
def fill(put: Callable[..., None], put_rows: Callable[..., Any], client: Any) -> Callable[[int], None]:
    """Gives a project rows in every table, in two partitions of each, some of them merged."""

    def fill(project: int) -> None:
        for month in range(2):
            then = START + month * 400 * 86_400_000
            put(project, [(stat, then + n * 60_000, n) for stat in (1, 2) for n in range(20)])
            for table in ROWS:
                row = {"ts": then * 1000, "dialect": "slowstats", "type": "event", "user_id": f"u{month}"}
                named = {name: value for name, value in row.items() if name in TABLES[table].names}
                put_rows(table, project, [named, named])
        client.command(
            f"INSERT INTO {schema.HISTORY} (project, stat, ts) VALUES ({project}, 1, {START // 1000}), ({project}, 2, 1)"
        )

    return fill


def test_all_of_a_project_goes_and_nothing_of_its_neighbours(
    store: Store, client: Any, fill: Callable[[int], None]
) -> None:
    before, project, after = (next(numbers) for _ in range(3))
    for one in (before, project, after):
        fill(one)
    neighbours = [held(client, before), held(client, after)]
    assert all(held(client, project).values()), held(client, project)
    delete_rows(store, project, pause)
    assert not any(held(client, project).values())
    assert [held(client, before), held(client, after)] == neighbours
    delete_rows(store, project, pause)  # once more is nothing
    unfinished = f"command = '(DELETE WHERE project = {project})' AND NOT is_done"
    assert client.query(f"SELECT count() FROM system.mutations WHERE {unfinished}").result_rows == [(0,)]


def test_a_deletion_that_stops_half_way_is_taken_up(store: Store, client: Any, fill: Callable[[int], None]) -> None:
    project = next(numbers)
    fill(project)

    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    for _ in range(2):
        client.command("SYSTEM STOP MERGES")
        try:
            with pytest.raises(Stopped):
                delete_rows(store, project, stop)
        finally:
            client.command("SYSTEM START MERGES")
    delete_rows(store, project, pause)
    assert not any(held(client, project).values())
    asked = client.query(
        f"SELECT table, count() FROM system.mutations WHERE command = '(DELETE WHERE project = {project})' GROUP BY table"
    ).result_rows
    assert {count for _, count in asked} == {1}, "what is under way is not asked for again"


@pytest.mark.parametrize("project", [0, 1 << 32])
def test_a_project_is_named(store: Store, project: int) -> None:
    with pytest.raises(ValueError, match="of a project"):
        delete_rows(store, project, pause)


def test_what_the_engine_refuses_is_told_without_its_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def query(self, _sql: str) -> None:
            raise RuntimeError("a customer's text")

        def close(self) -> None:
            pass

    monkeypatch.setattr(store, "connect", Client)
    with pytest.raises(StoreUnavailable, match="rows of events cannot be deleted: RuntimeError"):
        delete_rows(store, 1, pause)


def test_claimants_come_in_whole_segments(
    store: Store, project: int, monkeypatch: pytest.MonkeyPatch, put_rows: Callable[..., Any]
) -> None:
    """Segments of 2, 1 and 3 records, in pages of at most 3: a segment of which only a part would fit waits for the next page."""
    monkeypatch.setattr(deletion, "PAGE_ROWS", 4)
    segments = []
    for size in (2, 1, 3):
        rows = [{"dialect": "logister", "trace_id": "t", "span_id": str(n)} for n in range(size)]
        segments.append({str(one) for one in put_rows("spans", project, rows)})
    put_rows("spans", project, [{"dialect": "seestack"}])
    put_rows("spans", next(numbers), [{"dialect": "logister"}])
    pages: list[ClaimantPage] = []
    after: int | None = 0
    while after is not None:
        pages.append(claimants(store, project, "spans", "logister", after))
        after = pages[-1].next
    assert [{one.id for one in page.claimants} for page in pages] == [segments[0] | segments[1], segments[2]]
    assert pages[0].claimants[0].trace_id == "t"
    assert {one.span_id for one in pages[1].claimants} == {"0", "1", "2"}


def test_the_rows_of_a_test_fit_their_tables() -> None:
    """``fill`` names columns by hand."""
    assert {"ts", "dialect", "user_id"} <= set(TABLES["events"].names)
    assert len(row_of("events", 1)) == len(TABLES["events"].columns) - 1
