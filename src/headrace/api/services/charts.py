"""A chart: up to ten stats over a range, if wanted beside the period before it, with summaries and the notes of that time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import msgspec

from headrace.api.services import annotations as notes
from headrace.api.services import stats
from headrace.api.services.annotations import AnnotationInfo
from headrace.api.services.base import Actor, Context, ServiceError, live_project, require
from headrace.api.services.stat_list import aggregate_of, overall
from headrace.catalog.stats import StatRecord
from headrace.records.ids import stat_text
from headrace.store.buckets import RESOLUTIONS, Grid, Resolution, TooManyBuckets, finest, grid, zone
from headrace.store.client import Store
from headrace.store.points import raw_percentile
from headrace.store.series import Aggregate, Bucket, PointsSource, Series, read_series

#: Stats on one chart.
MAX_STATS = 10
#: Buckets that a chart chooses by itself, and that it can be asked for: more than its pixels is no use to anybody.
COMFORTABLE, MAX_SHOWN = 300, 2_000
#: What a chart can draw of each bucket; "" is each stat's own.
AGGREGATES: Final = ("sum", "mean", "min", "max", "last", "count")
#: Points of one question for a percentile: exact ranks need every value in memory.
MAX_RANKED = 2_000_000
_SUMMARIZED: Final[tuple[Aggregate, ...]] = ("sum", "mean", "min", "max", "last")
_CALENDAR: Final = ("1d", "1w", "1M")


class Summary(msgspec.Struct, frozen=True):
    """A stat over the whole range. Without points ``count`` is 0 and the others None; ``p95`` is None also where raw points are gone or
    too many.
    """

    count: int
    sum: float | None = None
    mean: float | None = None
    min: float | None = None
    max: float | None = None
    last: float | None = None
    p95: float | None = None


class ChartLine(msgspec.Struct, frozen=True):
    """One stat. ``values`` belong to the chart's ``starts``: 0 for an empty sum or count, None for the others. ``previous``: the period
    before, bucket by bucket beside them, empty when it was not asked for; so ``before``, its summary.
    """

    id: str
    name: str
    type: str
    source: str
    unit: str | None
    aggregate: str
    values: list[float | None]
    summary: Summary
    previous: list[float | None]
    before: Summary | None


class Chart(msgspec.Struct, frozen=True):
    """``starts``: when each bucket begins, ms; the first may begin before ``start`` and holds only what lies inside. ``previous_start``
    is when the period before begins. ``resolutions`` can be chosen for this range. ``missing``: what was asked for beside the first stat
    and is no stat. Times without a unit in µs.
    """

    start: int
    end: int
    zone: str
    resolution: str
    resolutions: list[str]
    starts: list[int]
    previous_start: int | None
    lines: list[ChartLine]
    annotations: list[AnnotationInfo]
    missing: list[str]


def chart(
    context: Context,
    store: Store,
    actor: Actor,
    *,
    project: str | int,
    refs: Sequence[str],
    start: int,
    end: int,
    tz: str = "UTC",
    resolution: str = "",
    aggregate: str = "",
    compare: bool = False,
) -> Chart:
    """The stats ``refs`` (ids or names) in [start, end) µs; the first one has to be there. Without ``resolution`` the finest that is comfortable, without ``aggregate``
    each stat's own. Raises ``invalid``, ``forbidden``, ``not_found`` and what the store raises.
    """
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    found, missing = _find(context, number, refs)
    if aggregate and aggregate not in AGGREGATES:
        raise ServiceError("invalid", f"aggregate must be one of {', '.join(AGGREGATES)}")
    first, last = start // 1000, max(end // 1000, start // 1000 + 1)
    choices = _choices(first, last, tz)
    chosen = _resolution(resolution, choices, first, last, tz)
    buckets = grid(first, last, chosen, tz)
    now = _read(store, number, found, buckets, tz)
    shift = _before(buckets, tz) if compare else None
    then = _read(store, number, found, shift, tz) if shift else None
    ranks = _percentiles(store, number, now, buckets)
    ranked = _percentiles(store, number, then, shift) if then and shift else {}
    lines = []
    for stat in found:
        own = aggregate_of(stat) if not aggregate else _aggregate(aggregate)
        one = stat.stat_id
        lines.append(_line(stat, own, now[one], then[one] if then else None, ranks.get(one), ranked.get(one)))
    ids = {line.id for line in lines}
    told = [
        note
        for note in notes.list_all(context, actor, project=number, start=first * 1000, end=last * 1000)
        if note.stat_id is None or note.stat_id in ids
    ]
    previous_start = shift.start * 1000 if shift else None
    return Chart(start, end, tz, chosen, list(choices), list(buckets.starts), previous_start, lines, told, missing)


def _find(context: Context, project: int, refs: Sequence[str]) -> tuple[list[StatRecord], list[str]]:
    """The stats, each once, and what was asked for and is none."""
    if not 0 < len(refs) <= MAX_STATS:
        raise ServiceError("invalid", f"a chart shows 1 to {MAX_STATS} stats")
    first = stats.find(context, project, refs[0])
    found, missing = {first.stat_id: first}, []
    for ref in refs[1:]:
        try:
            record = stats.find(context, project, ref)
        except ServiceError as error:
            if error.code != "not_found":
                raise
            missing.append(ref)
        else:
            found[record.stat_id] = record
    return list(found.values()), missing


def _aggregate(text: str) -> Aggregate:
    return next(one for one in get_args(Aggregate) if one == text)


def _choices(start: int, end: int, tz: str) -> list[Resolution]:
    """Resolutions with a readable number of buckets; always at least the one that is chosen without being asked."""
    found: list[Resolution] = []
    for resolution in RESOLUTIONS:
        try:
            count = len(grid(start, end, resolution, tz).starts)
        except TooManyBuckets:
            continue
        if count <= MAX_SHOWN and (count > 1 or not found):
            found.append(resolution)
    return found


def _resolution(asked: str, choices: Sequence[Resolution], start: int, end: int, tz: str) -> Resolution:
    """A resolution that does not fit the range gives way to the next coarser one: links keep it while the range changes."""
    if not asked:
        return finest(start, end, tz, COMFORTABLE)
    if asked not in RESOLUTIONS:
        raise ServiceError("invalid", f"resolution must be one of {', '.join(RESOLUTIONS)}")
    wanted = RESOLUTIONS.index(asked)
    return next((one for one in choices if RESOLUTIONS.index(one) >= wanted), choices[-1])


def _read(store: Store, project: int, found: Sequence[StatRecord], buckets: Grid, tz: str) -> dict[int, list[Bucket]]:
    numbers = tuple(record.stat_id for record in found)
    series = Series(
        project, PointsSource(numbers), buckets.start, buckets.end, buckets.resolution, group_by="stat", tz=tz
    )
    lines = {int(line.group): line.buckets for line in read_series(store, series)}
    empty = [Bucket(begin) for begin in buckets.starts]
    return {number: lines.get(number, empty) for number in numbers}


def _before(buckets: Grid, tz: str) -> Grid:
    """The period before, bucket beside bucket. Calendar days go back by whole days of the zone, so that days stay days where the clock
    changes; fixed widths by a whole number of buckets.
    """
    start, end, resolution = buckets.start, buckets.end, buckets.resolution
    if resolution in _CALENDAR:
        days = -(-(_local(end, tz) - _local(start, tz)) // timedelta(days=1))
        days += -days % 7 if resolution == "1w" else 0
        moved = _days_back(start, days, tz), _days_back(end, days, tz)
    else:
        width = buckets.width
        length = -(-(end - start) // width) * width
        moved = start - length, end - length
    return grid(*moved, resolution, tz)


def _local(ms: int, tz: str) -> datetime:
    """What the zone's clock shows: differences between two such times are whole days where days are 23 or 25 hours long, too."""
    return datetime.fromtimestamp(ms / 1000, zone(tz)).replace(tzinfo=None)


def _days_back(ms: int, days: int, tz: str) -> int:
    local = datetime.fromtimestamp(ms / 1000, zone(tz)) - timedelta(days=days)
    return round(local.astimezone(UTC).timestamp() * 1000)


def _percentiles(store: Store, project: int, now: dict[int, list[Bucket]], buckets: Grid) -> dict[int, float]:
    """Only where every point of the range is still there one by one: a percentile of what is left would be another number."""
    counts = {stat: sum(bucket.count for bucket in held) for stat, held in now.items()}
    if not 0 < sum(counts.values()) <= MAX_RANKED:
        return {}
    found = raw_percentile(store, project, list(counts), buckets.start, buckets.end, 0.95)
    return {stat: value for stat, (value, count) in found.items() if count == counts[stat]}


def _line(
    stat: StatRecord,
    aggregate: Aggregate,
    now: list[Bucket],
    then: list[Bucket] | None,
    p95: float | None,
    p95_then: float | None,
) -> ChartLine:
    previous = [] if then is None else [bucket.value(aggregate) for bucket in then][: len(now)]
    if then is not None:
        previous += [None] * (len(now) - len(previous))
    return ChartLine(
        stat_text(stat.stat_id),
        stat.name,
        stat.type,
        stat.source,
        stat.unit,
        aggregate,
        [bucket.value(aggregate) for bucket in now],
        _summary(now, p95),
        previous,
        None if then is None else _summary(then, p95_then),
    )


def _summary(buckets: list[Bucket], p95: float | None) -> Summary:
    count = sum(bucket.count for bucket in buckets)
    if not count:
        return Summary(0)
    total, mean, low, high, last = (overall(buckets, one) for one in _SUMMARIZED)
    return Summary(count, total, mean, low, high, last, p95)
