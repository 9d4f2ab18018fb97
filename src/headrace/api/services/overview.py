"""The first page of a project: how much comes in, what came last, what was refused, and how the server is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import msgspec

from headrace.api.deps import Gauges, Ready
from headrace.api.services.base import Actor, Context, live_project, require
from headrace.api.services.records import COLUMNS_OF, POINT, TYPES_OF, Record, from_row
from headrace.catalog import keys
from headrace.catalog import stats as stat_rows
from headrace.dialects.registry import DIALECTS
from headrace.records.ids import stat_text
from headrace.records.tables import EVENTS
from headrace.store.buckets import Grid, finest, grid
from headrace.store.client import Store
from headrace.store.counts import MAX_NAMED, Counts, count_all
from headrace.store.events import list_newest, list_rows, newest_us
from headrace.store.points import last_points

#: Bars of the rate, and the newest records shown.
BARS, NEWEST = 100, 12
#: The last minutes of a busy project (up to now, or up to its newest event), µs, and so many events are sorted to find the newest.
RECENT_US = 600_000_000
SORTED_MOST = 50_000
#: Keys with refusals shown.
REFUSALS = 5
#: StatFlow and StatHat store points under one roof; the other dialects' points are made from events, which are counted themselves.
POINTS: Final = "stat"
#: As :data:`POINTS` when a project has too many stats of both kinds to tell them apart.
ALL_POINTS: Final = "points"
_DIALECTS: Final = tuple(dialect.name for dialect in DIALECTS)


class RateLine(msgspec.Struct, frozen=True):
    """Records of one dialect (``stat``: points of StatFlow and StatHat), bucket by bucket."""

    dialect: str
    total: int
    counts: list[int]


class Rate(msgspec.Struct, frozen=True):
    """Buckets of ``resolution``, each whole, beginning at ``starts`` (ms); the busiest dialect first."""

    resolution: str
    starts: list[int]
    lines: list[RateLine]
    total: int


class Refusal(msgspec.Struct, frozen=True):
    """A key whose requests were refused: how often since it was made, the last reason and when (µs)."""

    key_id: str
    key: str
    count: int
    reason: str
    at: int | None


class Health(msgspec.Struct, frozen=True):
    """``state``: ready, degraded or unavailable. ``lag_s``: age of the oldest record that is not in the store yet. ``reasons``: why it is
    not simply ready.
    """

    state: str
    lag_s: float
    waiting_rows: int
    reasons: list[str]


class Overview(msgspec.Struct, frozen=True):
    """``start`` and ``end``, µs: what the rate covers. ``newest``: of all time, the latest first."""

    start: int
    end: int
    rate: Rate
    newest: list[Record]
    refused: list[Refusal]
    health: Health


def overview(
    context: Context,
    store: Store,
    actor: Actor,
    *,
    project: str | int,
    start: int,
    end: int,
    health: Health,
    zone: str = "UTC",
) -> Overview:
    """The page for [start, end) µs. Raises ``forbidden``, ``not_found`` and what the store raises."""
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    first, last = start // 1000, max(end // 1000, start // 1000 + 1)
    buckets = grid(first, last, finest(first, last, zone, BARS), zone)
    # Neither needs the other: on two cores the page takes a quarter less.
    with ThreadPoolExecutor(max_workers=1) as aside:
        others = aside.submit(_newest_others, context, store, number)
        told = _told_apart(context, number)
        found = count_all(store, number, tuple(TYPES_OF), _DIALECTS, buckets, named=told.named)
        since = None
        if end >= context.now() - RECENT_US:
            since = _begin_of_newest(store, number, found.rows[EVENTS.name].values(), buckets)
        records = _newest_rows(store, number, EVENTS.name, since) + others.result()
    return Overview(
        start,
        end,
        _rate(found.rows, told.points(found), buckets),
        sorted(records, key=lambda record: record.received_at, reverse=True)[:NEWEST],
        _refused(context, number),
        health,
    )


def _begin_of_newest(store: Store, project: int, counted: Collection[Mapping[int, int]], buckets: Grid) -> int | None:
    """From where on (µs) there are enough events to show and few enough to sort: the start of a bucket, or else some minutes before the
    newest event. None when there are too few in all buckets.
    """
    enough = 0
    for start in reversed(buckets.starts):
        enough += sum(counts.get(start, 0) for counts in counted)
        if enough >= NEWEST:
            newest = None if enough <= SORTED_MOST else newest_us(store, project, EVENTS.name)
            return start * 1000 if newest is None else newest - RECENT_US
    return None


def read_health(gauges: Gauges, ready: Ready, *, reasons: bool) -> Health:
    """How the server is, from memory; ``reasons``: whether to say why, which is for whoever runs it."""
    state, readings = ready.check(), gauges.read()
    name = "unavailable" if state.reasons else "degraded" if state.degraded else "ready"
    told = [*state.reasons, *state.degraded] if reasons else []
    return Health(name, readings.loader_lag_s, readings.journal_rows, told)


def _newest_others(context: Context, store: Store, project: int) -> list[Record]:
    records = _newest_points(context, store, project)
    for table in TYPES_OF:
        if table != EVENTS.name:
            records += _newest_rows(store, project, table)
    return records


def _newest_rows(store: Store, project: int, table: str, since: int | None = None) -> list[Record]:
    """``since`` (µs): from where on there may be few enough rows to sort them all, which takes a third of the time of walking back
    through every type.
    """
    columns = COLUMNS_OF[table]
    if since is not None:
        rows = list_newest(store, project, table, since, limit=NEWEST, columns=columns)
        if len(rows) == NEWEST:
            return [from_row(table, row) for row in rows]
    return [from_row(table, row) for row in list_rows(store, project, table, limit=NEWEST, columns=columns).rows]


def _newest_points(context: Context, store: Store, project: int) -> list[Record]:
    with context.catalog.read() as conn:
        found = stat_rows.latest(conn, project, source=POINTS, limit=NEWEST)
    if not found:
        return []
    oldest = min(stat.last_point_ms or 0 for stat in found)
    values = last_points(store, project, [stat.stat_id for stat in found], oldest)
    return [
        Record(
            stat_text(stat.stat_id),
            (stat.last_point_ms or 0) * 1000,
            stat.last_received_at or 0,
            stat.source,
            POINT,
            stat.name,
            text=f"{values[stat.stat_id]:.12g}" if stat.stat_id in values else "",
        )
        for stat in found
    ]


def _rate(
    counted: Mapping[str, Mapping[str, Mapping[int, int]]], points: Mapping[str, Mapping[int, int]], buckets: Grid
) -> Rate:
    """``counted``: table → dialect → start of a bucket → rows; ``points`` as that of one table."""
    found: dict[str, dict[int, int]] = {}
    for table in (*counted.values(), points):
        for dialect, counts in table.items():
            held = found.setdefault(dialect, {})
            for start, count in counts.items():
                held[start] = held.get(start, 0) + count
    lines = [
        RateLine(dialect, sum(counts.values()), [counts.get(start, 0) for start in buckets.starts])
        for dialect, counts in found.items()
        if counts
    ]
    lines.sort(key=lambda line: (-line.total, line.dialect))
    return Rate(buckets.resolution, list(buckets.starts), lines, sum(line.total for line in lines))


class _Told(NamedTuple):
    """How points that were sent as such are told from those made of events. ``named``: the shorter of two lists of stats, which are those
    of points sent (``own``) or the others. ``apart`` False: both are too long.
    """

    named: list[int]
    own: bool
    apart: bool = True

    def points(self, counted: Counts) -> dict[str, dict[int, int]]:
        """The points' line, without those made of events, which are counted themselves."""
        if not self.apart:
            return {ALL_POINTS: counted.points}
        if self.own:
            return {POINTS: counted.named}
        # The rollups that both counts are read from get an insert one after the other.
        left = {start: max(0, count - counted.named.get(start, 0)) for start, count in counted.points.items()}
        return {POINTS: {start: count for start, count in left.items() if count}}


def _told_apart(context: Context, project: int) -> _Told:
    with context.catalog.read() as conn:
        others = stat_rows.numbers(conn, project, source=POINTS, same=False, limit=MAX_NAMED + 1)
        shorter = min(len(others), MAX_NAMED)
        own = stat_rows.numbers(conn, project, source=POINTS, same=True, limit=shorter + 1)
    if len(own) <= shorter:
        return _Told(own, own=True)
    if len(others) <= MAX_NAMED:
        return _Told(others, own=False)
    return _Told([], own=False, apart=False)


def _refused(context: Context, project: int) -> list[Refusal]:
    with context.catalog.read() as conn:
        found = [key for key in keys.load(conn, project=project) if key.refused]
    found.sort(key=lambda key: key.refused_at or 0, reverse=True)
    return [Refusal(key.id, key.name, key.refused, key.refused_reason, key.refused_at) for key in found[:REFUSALS]]
