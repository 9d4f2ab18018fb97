"""How many points a project got in each minute: kept inside the parts of the minutes' rollup, so right whatever happens to these."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from store_rows import HOUR, MINUTE, START, numbers, resolved
from wire import TIMEOUT_S

from headrace.records.points import encode_points
from headrace.store import PointRecords
from headrace.store.buckets import grid
from headrace.store.counts import count_all, counts_sql
from headrace.store.migrations import MIGRATIONS
from headrace.store.reader import Sql

BUCKETS = grid(START, START + HOUR, "1m")
#: Of two stats: three points in the first minute, one in the third.
POINTS = [(7, START, 1.0), (7, START + 1, 2.0), (8, START + 59_999, 3.0), (8, START + 2 * MINUTE, 4.0)]
COUNTS = {START: 3, START + 2 * MINUTE: 1}
STEP = next(migration.statements for migration in MIGRATIONS if migration.name == "points by the minute")


def counted(store, project):
    return count_all(store, project, (), (), BUCKETS).points


def plan(store, project):
    """What answers the question, as the engine tells."""
    sql = counts_sql((), (), BUCKETS)
    return "\n".join(row[0] for row in store.query(project, Sql(f"EXPLAIN {sql.text}", sql.params)).rows)


def settle(store):
    """Waits until the engine has rewritten what it was asked to."""
    waiting = "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'points_1m' AND NOT is_done"
    deadline = time.monotonic() + TIMEOUT_S
    while store._fetch(waiting)[0][0]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def merge(store):
    store._client.command("OPTIMIZE TABLE points_1m FINAL")


@pytest.mark.parametrize("merged", [False, True])
def test_the_engine_answers_from_the_counts(store, put, project, merged):
    for _ in range(2):
        put(project, POINTS)
    if merged:
        merge(store)
    assert counted(store, project) == {start: 2 * count for start, count in COUNTS.items()}
    assert "by_minute" in plan(store, project)


def test_points_of_some_stats_are_counted_beside_them(store, put, project):
    put(project, POINTS)
    found = count_all(store, project, (), (), BUCKETS, named=[8])
    assert (found.points, found.named) == (COUNTS, {START: 1, START + 2 * MINUTE: 1})


def test_a_folder_of_an_older_release_is_right_at_once_and_filled_behind(store, put, project):
    store._client.command("ALTER TABLE points_1m DROP PROJECTION by_minute SETTINGS mutations_sync = 1")
    put(project, POINTS)
    for _ in range(2):  # a step that was stopped half way is done again
        for sql in STEP:
            store._client.command(sql)
    put(project, POINTS)
    doubled = {start: 2 * count for start, count in COUNTS.items()}
    assert counted(store, project) == doubled
    settle(store)
    # One look at the parts: between two, a merge makes fewer of them.
    held = "SELECT count(), countIf(has(projections, 'by_minute')) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'points_1m'"
    parts, with_counts = store._fetch(held)[0]
    assert (with_counts, counted(store, project)) == (parts, doubled)


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("sql", ["DELETE FROM points_1m WHERE {0}", "ALTER TABLE points_1m DELETE WHERE {0}"])
def test_what_is_deleted_is_no_longer_counted(store, put, project, sql, merged):
    put(project, POINTS)
    put(kept := next(numbers), POINTS)
    store._client.command(sql.format(f"project = {project} AND stat = 7"))
    settle(store)
    if merged:
        merge(store)
    assert counted(store, project) == {START: 1, START + 2 * MINUTE: 1}
    assert counted(store, kept) == COUNTS


def test_a_rollup_that_is_rebuilt_brings_its_counts(store, project, batch):
    ((records, rows),) = encode_points(project, resolved((*point, 0) for point in POINTS)).values()
    store.insert("points", PointRecords(records, batch), rows, str(uuid4()), rollups=False)
    assert counted(store, project) == {}
    store.rebuild_rollup("points_1m", 2026, batch, str(uuid4()))
    assert counted(store, project) == COUNTS
