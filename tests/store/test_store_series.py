import math
import random
from bisect import bisect_right

import pytest
from store_rows import DAY, HOUR, MINUTE, START, golden

from headrace.store import Sql, Store
from headrace.store.buckets import grid
from headrace.store.filters import BadFilter, Filter
from headrace.store.points import PointCursor, Span, list_points, stat_span
from headrace.store.series import (
    Aggregate,
    Bucket,
    PointsSource,
    RowsSource,
    Series,
    compile_series,
    read_series,
    stat_buckets,
)

DEPLOYED = Filter({"environment": ("production", ""), "name": ("checkout",)}, {"region": "eu"}, "time")

GOLDEN_SERIES = {
    "points_aligned": Series(1, PointsSource((7,)), START, START + DAY, "1m"),
    "points_ragged": Series(1, PointsSource((7, 8)), START + 61_001, START + DAY + 1, "1h", group_by="stat"),
    "points_calendar": Series(1, PointsSource((7,)), START, START + 3 * DAY, "1d", tz="Europe/Berlin"),
    "points_percentile": Series(1, PointsSource((7,)), START, START + HOUR, "15m", "p95"),
    "events_counted": Series(1, RowsSource("events", DEPLOYED), START, START + HOUR, "5m", "count", "level"),
    "requests_measured": Series(1, RowsSource("requests", measure="duration_ms"), START, START + HOUR, "5m", "p99"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN_SERIES)
def test_the_sql_of_a_series(name: str) -> None:
    series = GOLDEN_SERIES[name]
    sql = compile_series(series, grid(series.start, series.end, series.resolution, series.tz))
    assert sql.text + "\n" == golden(f"series_{name}")


def test_the_parameters_of_a_series() -> None:
    series = GOLDEN_SERIES["points_ragged"]
    sql = compile_series(series, grid(series.start, series.end, series.resolution))
    assert sql.params == {
        "stats": [7, 8],
        "from0": START + 61_001, "to0": START + 2 * MINUTE,
        "from1": START + 2 * MINUTE, "to1": START + 15 * MINUTE,
        "from2": START + 15 * MINUTE, "to2": START + DAY,
        "from3": START + DAY, "to3": START + DAY + 1,
        "from4": START + 61_001, "to4": START + DAY + 1,
    }  # fmt: skip
    counted = GOLDEN_SERIES["events_counted"]
    assert compile_series(counted, grid(counted.start, counted.end, "5m")).params == {
        "equals0": ["production", ""], "equals1": ["checkout"], "label0": "region", "labelled0": "eu", "text": "time",
        "start": START, "end": START + HOUR, "groups": 20,
    }  # fmt: skip


def reference(points: list[tuple[int, float]], series: Series) -> list[Bucket]:
    """The same answer, computed from every single point."""
    starts = grid(series.start, series.end, series.resolution, series.tz).starts
    held: dict[int, list[tuple[int, float]]] = {start: [] for start in starts}
    for ts, value in points:
        if series.start <= ts < series.end:
            held[starts[bisect_right(starts, ts) - 1]].append((ts, value))
    buckets = []
    for start, inside in held.items():
        values = [value for _, value in inside]
        if values:
            buckets.append(Bucket(start, len(values), math.fsum(values), min(values), max(values), max(inside)[1]))
        else:
            buckets.append(Bucket(start))
    return buckets


@pytest.mark.parametrize(
    ("start", "end", "resolution", "tz"),
    [
        (START, START + DAY, "1m", "UTC"),
        (START + 1, START + 59_999, "1m", "UTC"),
        (START + 30_500, START + 3 * HOUR + 7_777, "1m", "UTC"),
        (START - 1, START + 20 * MINUTE + 1, "5m", "UTC"),
        (START + 899_999, START + 900_001, "15m", "UTC"),
        (START - 5 * HOUR + 123, START + 50 * HOUR + 456, "1h", "UTC"),
        (START - 3 * DAY, START + 3 * DAY + 1, "12h", "UTC"),
        (START - 3 * DAY - 1, START + 3 * DAY, "1d", "Asia/Kathmandu"),
        (START - 40 * DAY, START + 40 * DAY, "1w", "Europe/Berlin"),
        (START - 100 * DAY - 77, START + 100 * DAY, "1M", "America/St_Johns"),
    ],
)
def test_every_window_is_answered_to_the_millisecond(
    store: Store, put, project: int, start: int, end: int, resolution, tz: str
) -> None:
    """Rollups inside, raw points at the edges: together what every single point would give."""
    source = random.Random(start)
    points = [(source.randrange(start - HOUR, end + HOUR), round(source.uniform(-50, 50), 2)) for _ in range(300)]
    points += [(edge + by, 1.25) for edge in (start, end) for by in (-1, 0, 1)]
    source.shuffle(points)
    put(project, [(7, ts, value) for ts, value in points[:200]])
    put(project, [(7, ts, value) for ts, value in points[200:]])
    put(project, [(8, START, 1e9)])
    series = Series(project, PointsSource((7,)), start, end, resolution, tz=tz)
    got, expected = stat_buckets(store, project, 7, start, end, resolution, tz), reference(points, series)
    assert [(b.start, b.count, b.min, b.max, b.last) for b in got] == [
        (b.start, b.count, b.min, b.max, b.last) for b in expected
    ]
    assert [b.sum for b in got] == pytest.approx([b.sum for b in expected])


def test_a_day_that_the_clock_shortens_holds_23_hours(store: Store, put, project: int) -> None:
    berlin = 1_774_738_800_000  # 2026-03-29T00:00+01:00
    put(project, [(7, berlin + n * HOUR, 1.0) for n in range(-1, 25)])
    days = stat_buckets(store, project, 7, berlin, berlin + 23 * HOUR + DAY, "1d", "Europe/Berlin")
    assert [(day.start, day.count) for day in days] == [(berlin, 23), (berlin + 23 * HOUR, 2)]


def test_a_mean_is_never_a_mean_of_means(store: Store, put, project: int) -> None:
    """statflow.md 1.12, vectors 5 and 6."""
    put(project, [(7, START, 10.0), (7, START + MINUTE, 20.0), (7, START + HOUR, 60.0)])
    (day,) = stat_buckets(store, project, 7, START, START + DAY, "1d")
    assert (day.mean, day.min, day.max, day.count, day.last) == (30.0, 10.0, 60.0, 3, 60.0)


@pytest.mark.parametrize(
    ("aggregate", "full", "empty"),
    [
        ("sum", 6.0, 0.0),
        ("count", 3, 0),
        ("mean", 2.0, None),
        ("min", 1.0, None),
        ("max", 3.0, None),
        ("last", 2.0, None),
        ("p50", 2.0, None),
        ("p95", 3.0, None),
        ("p99", 3.0, None),
    ],
)
def test_what_a_chart_draws(
    store: Store, put, project: int, aggregate: Aggregate, full: float, empty: float | None
) -> None:
    put(project, [(7, START + 2, 2.0), (7, START, 1.0), (7, START + 1, 3.0)])
    series = Series(project, PointsSource((7,)), START, START + 2 * MINUTE, "1m", aggregate)
    (line,) = read_series(store, series)
    assert [bucket.value(aggregate) for bucket in line.buckets] == [full, empty]


def test_the_latest_value_wins_whatever_the_order_of_arrival(store: Store, put, project: int) -> None:
    put(project, [(7, START + 50_000, 5.0)])
    put(project, [(7, START + 10_000, 1.0)])
    put(project, [(7, START + 50_000, 4.0)])
    assert stat_buckets(store, project, 7, START, START + HOUR, "1h")[0].last == 5.0


def test_stats_together_or_a_line_each(store: Store, put, project: int) -> None:
    big = (1 << 64) - 1
    put(project, [(7, START, 1.0), (big, START, 2.0), (big, START + 1, 2.0), (9, START, 100.0)])
    source = PointsSource((7, big))
    (together,) = read_series(store, Series(project, source, START, START + MINUTE, "1m"))
    assert (together.group, together.buckets[0].sum, together.buckets[0].count) == ("", 5.0, 3)
    lines = read_series(store, Series(project, source, START, START + MINUTE, "1m", group_by="stat"))
    assert [(line.group, line.buckets[0].sum) for line in lines] == [(str(big), 4.0), ("7", 1.0)]


def test_nothing_is_a_dense_line_of_nothing(store: Store, project: int) -> None:
    assert stat_buckets(store, project, 7, START, START + 3 * HOUR, "1h") == [
        Bucket(START + n * HOUR) for n in range(3)
    ]
    assert read_series(store, Series(project, PointsSource((7,)), START, START + HOUR, "1h", group_by="stat")) == []


def test_rows_are_counted_measured_and_grouped(store: Store, put_rows, project: int) -> None:
    put_rows(
        "events",
        project,
        [
            {"type": "transaction", "name": "checkout", "level": "info", "duration_ms": 10.0, "ts": START * 1000},
            {"type": "transaction", "name": "checkout", "level": "warn", "duration_ms": 30.0, "ts": (START + 1) * 1000},
            {"type": "transaction", "name": "checkout", "level": "info", "duration_ms": None, "ts": (START + 2) * 1000},
            {"type": "transaction", "name": "other", "level": "info", "duration_ms": 99.0, "ts": START * 1000},
            {
                "type": "transaction",
                "name": "checkout",
                "level": "info",
                "duration_ms": 50.0,
                "ts": (START + HOUR) * 1000,
            },
        ],
    )
    where = Filter({"type": ("transaction",), "name": ("checkout",)})
    window = (START, START + 2 * HOUR, "1h")
    (counted,) = read_series(store, Series(project, RowsSource("events", where), *window, "count"))
    assert [bucket.count for bucket in counted.buckets] == [3, 1]
    (measured,) = read_series(store, Series(project, RowsSource("events", where, "duration_ms"), *window, "p50"))
    assert measured.buckets == [
        Bucket(START, 2, 40.0, 10.0, 30.0, 30.0, 30.0),
        Bucket(START + HOUR, 1, 50.0, 50.0, 50.0, 50.0, 50.0),
    ]
    lines = read_series(store, Series(project, RowsSource("events", where), *window, "count", "level"))
    assert [(line.group, [bucket.count for bucket in line.buckets]) for line in lines] == [
        ("info", [2, 1]),
        ("warn", [1, 0]),
    ]


def test_whole_numbers_of_requests_are_measured(store: Store, put_rows, project: int) -> None:
    put_rows("requests", project, [{"status": 200, "response_size": 10}, {"status": 500, "response_size": 1 << 63}])
    source = RowsSource("requests", measure="response_size")
    (line,) = read_series(store, Series(project, source, START, START + HOUR, "1h", "max"))
    assert line.buckets[0].max == float(1 << 63)
    lines = read_series(store, Series(project, RowsSource("requests"), START, START + HOUR, "1h", "count", "status"))
    assert [line.group for line in lines] == ["200", "500"]


def test_only_the_busiest_groups_are_drawn(store: Store, put_rows, project: int) -> None:
    rows = [{"type": "log", "name": f"n{n:02}"} for n in range(25) for _ in range(2 if n == 24 else 1)]
    put_rows("events", project, rows)
    lines = read_series(store, Series(project, RowsSource("events"), START, START + HOUR, "1h", "count", "name"))
    assert [line.group for line in lines] == ["n24", *(f"n{n:02}" for n in range(19))]


@pytest.mark.parametrize(
    ("source", "aggregate", "group_by", "fault"),
    [
        (PointsSource(()), "sum", "", "stats: 1 to 100"),
        (PointsSource(tuple(range(101))), "sum", "", "stats: 1 to 100"),
        (PointsSource((1,)), "sum", "value", "value: points are grouped by stat"),
        (RowsSource("points"), "count", "", "points: not events"),
        (RowsSource("events"), "sum", "", "sum: needs a measure"),
        (RowsSource("events", measure="batch"), "sum", "", "batch: not a number of events"),
        (RowsSource("events", measure="1); DROP"), "sum", "", "not a number of events"),
        (RowsSource("spans", measure="value"), "sum", "", "value: not a number of spans"),
        (RowsSource("events"), "count", "message", "message: not a field of events to group by"),
        (RowsSource("events", Filter({"project": (2,)})), "count", "", "project: not a field of events to filter by"),
    ],
)
def test_questions_that_cannot_be(source, aggregate: Aggregate, group_by: str, fault: str) -> None:
    series = Series(1, source, START, START + HOUR, "1h", aggregate, group_by)
    with pytest.raises(BadFilter, match=fault):
        compile_series(series, grid(START, START + HOUR, "1h"))


def test_a_day_by_the_minute_reads_only_its_own_granules(store: Store, put, project: int) -> None:
    """A chart must not grow dearer with its neighbours: 60 stats with a day each lie beside it."""
    put(project, [(stat, START + n * MINUTE, 1.0) for stat in range(1, 61) for n in range(1_440)])
    store._client.command("OPTIMIZE TABLE points_1m PARTITION 2026 FINAL")
    series = Series(project, PointsSource((30,)), START, START + DAY, "1m")
    result = store.query(project, compile_series(series, grid(START, START + DAY, "1m")))
    assert len(result.rows) == 1_440
    assert result.read_rows <= 2 * 8_192
    total = store.query(project, Sql("SELECT count() FROM points_1m WHERE project = {project:UInt32}"))
    assert total.rows[0][0] == 60 * 1_440


def test_points_one_by_one_in_pages(store: Store, put, project: int) -> None:
    points = [(START + n // 3, float(n % 3)) for n in range(20)]
    put(project, [(7, ts, value) for ts, value in reversed(points)])
    put(project, [(8, START, 9.0)])
    seen: list[tuple[int, float]] = []
    cursor: PointCursor | None = None
    while True:
        page = list_points(store, project, 7, START, START + 6, limit=4, cursor=cursor)
        seen += [point[:2] for point in page.points]
        cursor = page.next
        if cursor is None:
            break
        assert len(page.points) == 4
    assert seen == points[:18]


def test_how_far_a_stat_reaches(store: Store, put, project: int) -> None:
    assert stat_span(store, project, 7) is None
    put(project, [(7, START + 17 * MINUTE, 1.0), (7, START + 5 * DAY + 1, 1.0), (8, START - DAY, 1.0)])
    assert stat_span(store, project, 7) == Span(START + 15 * MINUTE, START + 5 * DAY + 1, 2)
