"""The first page of a project: how much comes in, what came last, what was refused, and how the server is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headrace.api.deps import Gauges, Ready
from headrace.api.services.base import Actor, Context, live_project, require
from headrace.api.services.records import COLUMNS_OF, POINT, TYPES_OF, Record, from_row
from headrace.catalog import keys
from headrace.catalog import stats as stat_rows
from headrace.records.ids import stat_text
from headrace.store.buckets import Grid, finest, grid
from headrace.store.client import Store
from headrace.store.counts import MAX_NAMED, count_points, count_rows
from headrace.store.events import list_newest, list_rows
from headrace.store.points import last_points

#: Bars of the rate, and the newest records shown.
BARS, NEWEST = 100, 12
#: What counts as the last minutes, µs.
RECENT_US = 600_000_000
#: Keys with refusals shown.
REFUSALS = 5
#: StatFlow and StatHat store points under one roof; the other dialects' points are made from events, which are counted themselves.
POINTS: Final = "stat"
#: As :data:`POINTS` when a project has too many stats of both kinds to tell them apart.
ALL_POINTS: Final = "points"


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
    return Overview(
        start,
        end,
        _rate(context, store, number, buckets),
        newest(context, store, number, NEWEST),
        _refused(context, number),
        health,
    )


def read_health(gauges: Gauges, ready: Ready, *, reasons: bool) -> Health:
    """How the server is, from memory; ``reasons``: whether to say why, which is for whoever runs it."""
    state, readings = ready.check(), gauges.read()
    name = "unavailable" if state.reasons else "degraded" if state.degraded else "ready"
    told = [*state.reasons, *state.degraded] if reasons else []
    return Health(name, readings.loader_lag_s, readings.journal_rows, told)


def newest(context: Context, store: Store, project: int, limit: int) -> list[Record]:
    """The newest records of every kind, by the time they came in."""
    records = [
        from_row(table, row) for table in TYPES_OF for row in _newest_rows(context, store, project, table, limit)
    ]
    records += _newest_points(context, store, project, limit)
    return sorted(records, key=lambda record: record.received_at, reverse=True)[:limit]


def _newest_rows(context: Context, store: Store, project: int, table: str, limit: int) -> list[dict[str, Any]]:
    """Of a busy project's events the last minutes hold enough: to sort these is cheaper than to walk back through every type."""
    columns = COLUMNS_OF[table]
    if len(TYPES_OF[table]) > 1:
        rows = list_newest(store, project, table, context.now() - RECENT_US, limit=limit, columns=columns)
        if len(rows) == limit:
            return rows
    return list_rows(store, project, table, limit=limit, columns=columns).rows


def _newest_points(context: Context, store: Store, project: int, limit: int) -> list[Record]:
    with context.catalog.read() as conn:
        found = stat_rows.latest(conn, project, source=POINTS, limit=limit)
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


def _rate(context: Context, store: Store, project: int, buckets: Grid) -> Rate:
    found: dict[str, dict[int, int]] = {}
    for table in TYPES_OF:
        for dialect, counts in count_rows(store, project, table, buckets).items():
            held = found.setdefault(dialect, {})
            for start, count in counts.items():
                held[start] = held.get(start, 0) + count
    found |= _points(context, store, project, buckets)
    lines = [
        RateLine(dialect, sum(counts.values()), [counts.get(start, 0) for start in buckets.starts])
        for dialect, counts in found.items()
        if counts
    ]
    lines.sort(key=lambda line: (-line.total, line.dialect))
    return Rate(buckets.resolution, list(buckets.starts), lines, sum(line.total for line in lines))


def _points(context: Context, store: Store, project: int, buckets: Grid) -> dict[str, dict[int, int]]:
    """Points that were sent as such. The shorter of two lists tells them from those made of events: of their stats, or of the others."""
    with context.catalog.read() as conn:
        others = stat_rows.numbers(conn, project, source=POINTS, same=False, limit=MAX_NAMED + 1)
        own: Sequence[int] | None = None
        if len(others) > MAX_NAMED:
            own = stat_rows.numbers(conn, project, source=POINTS, same=True, limit=MAX_NAMED + 1)
    if own is None:
        return {POINTS: count_points(store, project, buckets, but=others)}
    if not own:
        return {}
    if len(own) <= MAX_NAMED:
        return {POINTS: count_points(store, project, buckets, only=own)}
    return {ALL_POINTS: count_points(store, project, buckets)}


def _refused(context: Context, project: int) -> list[Refusal]:
    with context.catalog.read() as conn:
        found = [key for key in keys.load(conn, project=project) if key.refused]
    found.sort(key=lambda key: key.refused_at or 0, reverse=True)
    return [Refusal(key.id, key.name, key.refused, key.refused_reason, key.refused_at) for key in found[:REFUSALS]]
