"""The one question that charts, alerts, dashboards and exports ask: a :class:`Series`, compiled to SQL by pure functions."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import msgspec

from headrace.records.tables import POINTS
from headrace.store import schema
from headrace.store.buckets import Grid, Resolution, grid
from headrace.store.client import Store
from headrace.store.filters import EVERYTHING, BadFilter, Filter, conditions, filterable, row_table
from headrace.store.reader import DEFAULT, Budget, Sql

Aggregate = Literal["sum", "count", "mean", "min", "max", "last", "p50", "p95", "p99"]
#: Percentiles are the nearest rank among raw values; rollups cannot give them.
_LEVELS: Final[dict[str, str]] = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}

#: Stats in one question, and lines in its answer (the busiest groups).
MAX_STATS: Final = 100
MAX_GROUPS: Final = 20


class PointsSource(msgspec.Struct, frozen=True, tag="points"):
    """Points of ``stats`` (numbers of 64 bits)."""

    stats: tuple[int, ...]


class RowsSource(msgspec.Struct, frozen=True, tag="rows"):
    """Rows of ``table`` (events, requests, spans) that pass ``where``; ``measure`` is the number aggregated ("" counts rows):
    value, duration_ms, request_size, response_size.
    """

    table: str
    where: Filter = EVERYTHING
    measure: str = ""


class Series(msgspec.Struct, frozen=True):
    """``start`` ≤ t < ``end`` in ms; the first and last bucket hold only what lies inside. ``group_by``: "" for one line,
    ``stat`` for points, a field to filter by for rows. ``tz`` as in :func:`headrace.store.buckets.grid`.
    """

    project: int
    source: PointsSource | RowsSource
    start: int
    end: int
    resolution: Resolution
    aggregate: Aggregate = "sum"
    group_by: str = ""
    tz: str = "UTC"


class Bucket(msgspec.Struct, frozen=True):
    """What one bucket holds; ``start`` in ms. Empty: count 0, sum 0, the others None."""

    start: int
    count: int = 0
    sum: float = 0.0
    min: float | None = None
    max: float | None = None
    last: float | None = None
    percentile: float | None = None

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.count else None

    def value(self, aggregate: Aggregate) -> float | None:
        """The number that a chart of ``aggregate`` draws: 0 for an empty sum or count, None for the others."""
        if aggregate in _LEVELS:
            return self.percentile
        return getattr(self, aggregate)  # type: ignore[no-any-return]


class Line(NamedTuple):
    """One group's dense buckets; ``group`` is "" when nothing was grouped."""

    group: str
    buckets: list[Bucket]


class _Piece(NamedTuple):
    table: str
    start: int
    end: int


def read_series(store: Store, series: Series, budget: Budget = DEFAULT) -> list[Line]:
    """The lines of ``series``, busiest group first; without a grouping exactly one, however empty.

    Raises :class:`~headrace.store.buckets.BadWindow`, :class:`~headrace.store.filters.BadFilter` and what
    :meth:`Store.query` raises.
    """
    buckets = grid(series.start, series.end, series.resolution, series.tz)
    rows = store.query(series.project, compile_series(series, buckets), budget).rows
    found: dict[str, dict[int, Bucket]] = {} if series.group_by else {"": {}}
    for group, start, *numbers in rows:
        found.setdefault(group, {})[start] = Bucket(start, *numbers)
    busiest = sorted(found, key=lambda group: (-sum(bucket.count for bucket in found[group].values()), group))
    return [Line(group, [found[group].get(start) or Bucket(start) for start in buckets.starts]) for group in busiest]


def stat_buckets(
    store: Store,
    project: int,
    stat: int,
    start: int,
    end: int,
    resolution: Resolution,
    tz: str = "UTC",
    budget: Budget = DEFAULT,
) -> list[Bucket]:
    """The dense buckets of one stat (statflow.md 1.6), whatever its type: a counter shows ``sum``, a value ``mean``."""
    series = Series(project, PointsSource((stat,)), start, end, resolution, tz=tz)
    return read_series(store, series, budget)[0].buckets


def compile_series(series: Series, buckets: Grid) -> Sql:
    """``series`` as SQL and parameters. Raises :class:`~headrace.store.filters.BadFilter`."""
    if isinstance(series.source, PointsSource):
        return _points(series, series.source, buckets)
    return _rows(series, series.source, buckets)


def _points(series: Series, source: PointsSource, buckets: Grid) -> Sql:
    if not 0 < len(source.stats) <= MAX_STATS:
        raise BadFilter(f"stats: 1 to {MAX_STATS}")
    if series.group_by not in ("", "stat"):
        raise BadFilter(f"{series.group_by}: points are grouped by stat")
    params: dict[str, Any] = {"stats": list(source.stats)}
    exact = series.aggregate in _LEVELS
    pieces = [_Piece(POINTS.name, series.start, series.end)] if exact else _cover(series.start, series.end, buckets)
    if not exact:
        pieces.append(_Piece(schema.HISTORY, series.start, series.end))
    arms = []
    for number, piece in enumerate(pieces):
        params[f"from{number}"], params[f"to{number}"] = piece.start, piece.end
        arms.append(point_arm(piece.table, number))
    group = "toString(stat)" if series.group_by else "''"
    percentile = f", quantileExact({_LEVELS[series.aggregate]})(low) AS percentile" if exact else ""
    union = "\n    UNION ALL\n".join(arms)
    return Sql(
        f"SELECT {group} AS line, {bucket_of('ms', buckets, params)} AS bucket, "
        f"sum(n) AS count, sum(total) AS sum, min(low) AS min, max(high) AS max, max(latest).2 AS last{percentile}\n"
        f"FROM (\n{union}\n)\nGROUP BY line, bucket ORDER BY line, bucket",
        params,
    )


_ROLLUPS: Final = frozenset(rollup.name for rollup in schema.ROLLUPS)
#: Raw points, rollup rows and imported ones under the same names. ``latest`` is (ms, value): its maximum is the newest value. An imported
#: row that follows another in one second counts as a moment later.
_POINT_COLUMNS: Final = "toUnixTimestamp64Milli(ts) AS ms, toUInt64(1) AS n, value AS total, value AS low, value AS high, (ms, value) AS latest"
_ROLLUP_COLUMNS: Final = "toUnixTimestamp64Milli(ts) AS ms, count AS n, sum AS total, min AS low, max AS high, (ms + last.1, last.2) AS latest"

_HISTORY_COLUMNS: Final = (
    "toUnixTimestamp64Milli(ts) AS ms, count AS n, value AS total, min AS low, max AS high, "
    "(ms + least(place, 999), value / count) AS latest"
)


def point_arm(table: str, number: int) -> str:
    """What ``table`` holds of the parameters ``stats`` between ``from`` and ``to`` of ``number`` (ms), under the names of a rollup's sums."""
    columns, final = _ROLLUP_COLUMNS if table in _ROLLUPS else _POINT_COLUMNS, ""
    if table == schema.HISTORY:
        columns, final = _HISTORY_COLUMNS, " FINAL"
    return (
        f"    SELECT stat, {columns}\n"
        f"    FROM {table}{final} WHERE project = {{project:UInt32}} AND stat IN {{stats:Array(UInt64)}}"
        f" AND ts >= fromUnixTimestamp64Milli({{from{number}:Int64}}, 'UTC')"
        f" AND ts < fromUnixTimestamp64Milli({{to{number}:Int64}}, 'UTC')"
    )


def _cover(start: int, end: int, buckets: Grid) -> list[_Piece]:
    """[``start``, ``end``) from the coarsest rollups that fit its buckets, with finer ones and at last raw points at both
    ends: exact to the millisecond, and at most two minutes of raw points.
    """
    levels = [rollup for rollup in reversed(schema.ROLLUPS) if buckets.aligned(rollup.width)]

    def cover(low: int, high: int, level: int) -> list[_Piece]:
        if low >= high:
            return []
        if level == len(levels):
            return [_Piece(POINTS.name, low, high)]
        rollup = levels[level]
        first, last = -(-low // rollup.width) * rollup.width, high // rollup.width * rollup.width
        if first >= last:
            return cover(low, high, level + 1)
        return [*cover(low, first, level + 1), _Piece(rollup.name, first, last), *cover(last, high, level + 1)]

    return cover(start, end, 0)


def _rows(series: Series, source: RowsSource, buckets: Grid) -> Sql:
    table = row_table(source.table)
    kinds = {column.name: column.kind for column in table.columns}
    if source.measure and (source.measure == "batch" or kinds.get(source.measure) not in ("float", "float?", "u64")):
        raise BadFilter(f"{source.measure}: not a number of {table.name}")
    if series.group_by and series.group_by not in filterable(table.name):
        raise BadFilter(f"{series.group_by}: not a field of {table.name} to group by")
    if not source.measure and series.aggregate != "count":
        raise BadFilter(f"{series.aggregate}: needs a measure")
    clauses, params = conditions(table.name, source.where)
    params |= {"start": series.start, "end": series.end}
    scope = " AND ".join(
        [
            "project = {project:UInt32}",
            "ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')",
            *clauses,
        ]
    )
    where = scope
    if series.group_by:
        params["groups"] = MAX_GROUPS
        where += (
            f"\n    AND {series.group_by} IN (SELECT {series.group_by} FROM {table.name} WHERE {scope}\n"
            f"        GROUP BY {series.group_by} ORDER BY count() DESC, {series.group_by} LIMIT {{groups:UInt32}})"
        )
    group = f"toString({series.group_by})" if series.group_by else "''"
    return Sql(
        f"SELECT {group} AS line, {bucket_of('toUnixTimestamp64Milli(ts)', buckets, params)} AS bucket, "
        f"{_row_columns(source.measure, series.aggregate)}\n"
        f"FROM {table.name} WHERE {where}\nGROUP BY line, bucket ORDER BY line, bucket",
        params,
    )


def _row_columns(measure: str, aggregate: Aggregate) -> str:
    if not measure:
        return "count() AS count"
    number = f"toFloat64({measure})" if measure.endswith("_size") else measure
    columns = (
        f"count({number}) AS count, ifNull(sum({number}), 0) AS sum, min({number}) AS min, max({number}) AS max, "
        f"argMax({number}, (ts, {number})) AS last"
    )
    return columns + (f", quantileExact({_LEVELS[aggregate]})({number}) AS percentile" if aggregate in _LEVELS else "")


def bucket_of(ms: str, buckets: Grid, params: dict[str, Any]) -> str:
    """SQL for the start of the bucket that ``ms``, an expression, falls into; what it needs is added to ``params``."""
    if buckets.width:
        return f"{ms} - {ms} % {buckets.width}"
    params["starts"] = list(buckets.starts)
    return f"roundDown({ms}, {{starts:Array(Int64)}})"
