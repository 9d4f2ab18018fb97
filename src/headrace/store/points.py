"""Points one by one, for ``resolution=raw`` and exports, and how far a stat's history reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from headrace.records.tables import POINTS
from headrace.store.client import Store
from headrace.store.filters import BadFilter
from headrace.store.reader import DEFAULT, Budget, Sql
from headrace.store.schema import HISTORY

#: Points of one page.
MAX_POINTS: Final = 100_000


class PointCursor(NamedTuple):
    """Where the next page begins: at ``ts`` (ms), after the first ``skip`` points of that moment."""

    ts: int
    skip: int


class StoredPoint(NamedTuple):
    """A point, or an imported bucket of ``samples`` points: ``value`` is their sum, ``min`` and ``max`` the least and the greatest."""

    ts: int
    value: float
    samples: int
    min: float
    max: float


class PointPage(NamedTuple):
    """``points``: oldest first. ``next`` None: no more."""

    points: list[StoredPoint]
    next: PointCursor | None


class Span(NamedTuple):
    """A stat's history: the quarter hour (ms, UTC) of its first point, the ms of its last one, and its number of points."""

    first: int
    last: int
    points: int


class Arrived(NamedTuple):
    """What came in for one stat: how many points, and the latest of them (ms, value)."""

    stat: int
    points: int
    ts: int
    value: float


def list_points(
    store: Store,
    project: int,
    stat: int,
    start: int,
    end: int,
    *,
    limit: int = 10_000,
    cursor: PointCursor | None = None,
    budget: Budget = DEFAULT,
) -> PointPage:
    """Points and imported numbers of ``stat`` with ``start`` ≤ ts < ``end`` (ms), oldest first. Raises what :meth:`Store.query` raises."""
    if not 0 < limit <= MAX_POINTS:
        raise BadFilter(f"limit: 1 to {MAX_POINTS:,}")
    begin, skip = cursor or PointCursor(start, 0)
    span = (
        "WHERE project = {project:UInt32} AND stat = {stat:UInt64}"
        " AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"
    )
    sql = Sql(
        "SELECT toUnixTimestamp64Milli(ts) AS ms, value, n, low, high FROM (\n"
        "    SELECT ts, toUInt32(0) AS place, value, toUInt64(1) AS n, value AS low, value AS high\n"
        f"    FROM {POINTS.name} {span}\n    UNION ALL\n"
        "    SELECT ts, place, value, count AS n, min AS low, max AS high\n"
        f"    FROM {HISTORY} FINAL {span}\n)\n"
        "ORDER BY ts, place, value LIMIT {limit:UInt32} OFFSET {skip:UInt64}",
        {"stat": stat, "start": max(begin, start), "end": end, "limit": limit + 1, "skip": skip},
    )
    points = [StoredPoint(*row) for row in store.query(project, sql, budget).rows]
    if len(points) <= limit:
        return PointPage(points, None)
    points.pop()
    last = points[-1][0]
    same = sum(1 for point in points if point.ts == last)
    return PointPage(points, PointCursor(last, same + (skip if last == begin else 0)))


def stat_span(store: Store, project: int, stat: int, budget: Budget = DEFAULT) -> Span | None:
    """How far the history of ``stat`` reaches, None without points. Reads the coarse rollup and what was imported."""
    scope = "WHERE project = {project:UInt32} AND stat = {stat:UInt64}"
    sql = Sql(
        "SELECT min(first), max(latest), sum(n) FROM (\n"
        "    SELECT toUnixTimestamp64Milli(ts) AS first, first + last.1 AS latest, count AS n\n"
        f"    FROM points_15m {scope}\n    UNION ALL\n"
        "    SELECT toUnixTimestamp64Milli(ts) AS first, first AS latest, count AS n\n"
        f"    FROM {HISTORY} FINAL {scope}\n) HAVING count() > 0",
        {"stat": stat},
    )
    rows = store.query(project, sql, budget).rows
    return Span(*(int(value) for value in rows[0])) if rows else None


def arrived_points(
    store: Store, project: int, after: int, upto: int, *, limit: int, budget: Budget = DEFAULT
) -> list[Arrived]:
    """Points of the journal segments ``after`` < segment ≤ ``upto``, one line a stat, the ``limit`` stats with the latest ones."""
    sql = Sql(
        "SELECT stat, count() AS n, max((toUnixTimestamp64Milli(points.ts), value)) AS latest FROM points\n"
        "WHERE project = {project:UInt32} AND batch > {after:UInt64} AND batch <= {upto:UInt64}\n"
        "GROUP BY stat ORDER BY latest DESC, stat LIMIT {limit:UInt32}",
        {"after": after, "upto": upto, "limit": limit},
    )
    return [Arrived(stat, n, *latest) for stat, n, latest in store.query(project, sql, budget).rows]


def last_points(
    store: Store, project: int, stats: Sequence[int], since: int, budget: Budget = DEFAULT
) -> dict[int, float]:
    """The value of the latest point of each of ``stats`` at or after ``since`` (ms), to the quarter hour."""
    sql = Sql(
        "SELECT stat, max((toUnixTimestamp64Milli(points_15m.ts) + last.1, last.2)).2 FROM points_15m\n"
        "WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)}"
        " AND ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')\nGROUP BY stat",
        {"stats": list(stats), "since": since - since % 900_000},
    )
    return {stat: value for stat, value in store.query(project, sql, budget).rows}  # noqa: C416 - says what the columns are


def raw_percentile(
    store: Store, project: int, stats: Sequence[int], start: int, end: int, level: float, budget: Budget = DEFAULT
) -> dict[int, tuple[float, int]]:
    """Of each of ``stats`` with raw points in ``start`` ≤ ts < ``end`` (ms): the percentile ``level`` (0.95) of their values, nearest rank,
    and how many they are.
    """
    sql = Sql(
        "SELECT stat, quantileExact({level:Float64})(value), count() FROM points\n"
        "WHERE project = {project:UInt32} AND stat IN {stats:Array(UInt64)}"
        " AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')\n"
        "GROUP BY stat",
        {"level": level, "stats": list(stats), "start": start, "end": end},
    )
    return {stat: (value, count) for stat, value, count in store.query(project, sql, budget).rows}
