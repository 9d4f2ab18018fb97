"""Buckets that begin at any minute, history that was imported, and stats that are removed."""

from __future__ import annotations

import random

import pytest
from store_rows import DAY, HOUR, MINUTE, START, golden, numbers

from headrace.store import Store
from headrace.store.filters import BadFilter
from headrace.store.history import replace_history
from headrace.store.points import Span, list_points, stat_span
from headrace.store.series import stat_buckets
from headrace.store.spaced import compile_spaced, spaced_buckets

ALWAYS = {"start": 0, "end": START * 2}


@pytest.mark.parametrize(("name", "start"), [("minutes", START + MINUTE), ("quarters", START + HOUR)])
def test_the_sql_of_spaced_buckets(name: str, start: int) -> None:
    sql = compile_spaced([7, 8], start, 3 * HOUR, 56)
    assert sql.text + "\n" == golden(f"spaced_{name}")
    assert sql.params == {"stats": [7, 8], "from0": start, "to0": start + 7 * DAY, "width": 3 * HOUR}


@pytest.mark.parametrize(
    ("stats", "start", "width"),
    [([], START, HOUR), ([1] * 101, START, HOUR), ([1], START + 1, HOUR), ([1], START, 90_001), ([1], START, 0)],
)
def test_buckets_that_cannot_be_asked_for(stats: list[int], start: int, width: int) -> None:
    with pytest.raises(BadFilter):
        compile_spaced(stats, start, width, 1)


@pytest.mark.parametrize(
    ("start", "width", "count"),
    [
        (START + 7 * MINUTE, HOUR, 24),
        (START, 15 * MINUTE, 96),
        (START - 3 * MINUTE, MINUTE, 1_500),
        (START - 10 * DAY, 20 * DAY, 1),
        (START + MINUTE, 7 * MINUTE, 100),
    ],
)
def test_every_point_is_in_one_bucket(store: Store, put, project: int, start: int, width: int, count: int) -> None:
    chance = random.Random(project)
    points = {
        stat: [(START + chance.randrange(DAY), chance.choice((1.0, 2.5, -3.0))) for _ in range(500)] for stat in (1, 2)
    }
    put(project, [(stat, *point) for stat in points for point in points[stat]])
    put(project + 1_000_000, [(1, START, 7.0)])
    found = spaced_buckets(store, project, [1, 2, 3], start, width, count)
    assert [bucket.start for bucket in found[3]] == [start + place * width for place in range(count)]
    assert not any(bucket.count for bucket in found[3])
    for stat, sent in points.items():
        for place, bucket in enumerate(found[stat]):
            inside = [value for ts, value in sent if 0 <= ts - start - place * width < width]
            assert (bucket.count, bucket.sum) == (len(inside), sum(inside))
            assert (bucket.min, bucket.max) == ((min(inside), max(inside)) if inside else (None, None))


def test_history_is_united_with_points(store: Store, put, project: int) -> None:
    put(project, [(1, START + HOUR, 1.0), (1, START + HOUR, 2.0)])
    old = START - 400 * DAY
    replace_history(store, project, 1, [(old, 0.1), (START, 0.2), (START + HOUR, 0.3)], **ALWAYS, batch=1)
    hours = stat_buckets(store, project, 1, START, START + 2 * HOUR, "1h")
    assert [(bucket.count, bucket.sum) for bucket in hours] == [(1, 0.2), (3, pytest.approx(3.3))]
    assert hours[1].last == 2.0
    spaced = spaced_buckets(store, project, [1], START + 30 * MINUTE, HOUR, 2)[1]
    assert [bucket.count for bucket in spaced] == [3, 0]
    assert [point[:2] for point in list_points(store, project, 1, 0, START * 2).points] == [
        *((old, 0.1), (START, 0.2), (START + HOUR, 0.3), (START + HOUR, 1.0), (START + HOUR, 2.0)),
    ]
    assert stat_span(store, project, 1) == Span(old, START + HOUR, 5)
    assert stat_buckets(store, project, 2, START, START + HOUR, "1h")[0].count == 0


def test_the_last_import_wins(store: Store, project: int) -> None:
    def held(stat: int = 1) -> list[tuple[int, float]]:
        return [point[:2] for point in list_points(store, project, stat, 0, START * 2).points]

    replace_history(store, project, 2, [(START, 9.0)], **ALWAYS, batch=1)
    first = [(START + place * 15 * MINUTE, 0.1 * place) for place in range(8)]
    for _ in range(2):  # again after a crash
        replace_history(store, project, 1, first, **ALWAYS, batch=1)
        assert held() == first
    # A coarser one of the same span, and one of a part.
    replace_history(store, project, 1, [(START, 5.0)], **ALWAYS, batch=2)
    assert held() == [(START, 5.0)]
    replace_history(store, project, 1, [(START + DAY, 1.0)], start=START + DAY, end=START + 2 * DAY, batch=3)
    assert held() == [(START, 5.0), (START + DAY, 1.0)]
    # What is brought again after it was removed is there again.
    replace_history(store, project, 1, [], **ALWAYS, batch=4)
    assert held() == []
    replace_history(store, project, 1, first, **ALWAYS, batch=5)
    assert held() == first
    assert held(2) == [(START, 9.0)]


def test_stats_are_removed_with_everything(store: Store, put, project: int) -> None:
    other = next(numbers)
    for one in (project, other):
        put(one, [(stat, START, 1.0) for stat in (1, 2)])
        for stat in (1, 2):
            replace_history(store, one, stat, [(START, 1.0)], **ALWAYS, batch=1)
    for _ in range(2):
        store.forget_stats(project, [1])
    kept = [(one, stat) for one in (project, other) for stat in (1, 2) if stat_span(store, one, stat) is not None]
    assert kept == [(project, 2), (other, 1), (other, 2)]
    assert list_points(store, project, 1, 0, START * 2).points == []
    for resolution in ("1m", "1h"):
        assert not stat_buckets(store, project, 1, START, START + HOUR, resolution)[0].count
