"""The numbers of an embed: up to three stats over one of four stretches of time, if it says so beside the stretch before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from headrace.api.recent import Recent
from headrace.api.services.stat_list import aggregate_of, overall
from headrace.catalog.stats import StatRecord
from headrace.dialects.stathat_embeds import TimeframeName
from headrace.store import Store
from headrace.store.reader import Budget
from headrace.store.series import Aggregate, Bucket
from headrace.store.spaced import spaced_buckets

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
#: Numbers are read anew after so long, seconds, and of so many embeds they are kept: a popular page costs what one reader of it does.
KEPT_S, KEPT_MOST = 15.0, 200
#: What the numbers of one embed may cost: it has at most 3 stats and 144 buckets.
BUDGET: Final = Budget(seconds=5.0, threads=1)
#: Windows end with a quarter hour: those are summed up already.
QUARTER_S = 15 * MINUTE_S


class Timeframe(NamedTuple):
    """A stretch of ``length`` seconds in buckets of ``width``; ``back`` says how far before it the one lies that it is compared with, 0
    without. A table has rows of ``row`` seconds.
    """

    length: int
    width: int
    row: int
    text: str
    back: int = 0
    before: str = ""


#: Half a day is compared with the same hours of the day before.
TIMEFRAMES: Final[Mapping[TimeframeName, Timeframe]] = {
    "week_compare": Timeframe(7 * DAY_S, 3 * HOUR_S, DAY_S, "last 7 days", 7 * DAY_S, "the 7 days before"),
    "week": Timeframe(7 * DAY_S, 3 * HOUR_S, DAY_S, "last 7 days"),
    "day": Timeframe(DAY_S, QUARTER_S, HOUR_S, "last 24 hours"),
    "half_compare": Timeframe(DAY_S // 2, QUARTER_S, HOUR_S, "last 12 hours", DAY_S, "the same hours a day before"),
}


class Line(NamedTuple):
    """A stat with its buckets, ``before`` those of the stretch that they are compared with, empty without one."""

    stat: StatRecord
    now: list[Bucket]
    before: list[Bucket]

    @property
    def aggregate(self) -> Aggregate:
        return aggregate_of(self.stat)

    @property
    def values(self) -> list[float | None]:
        return [bucket.value(self.aggregate) for bucket in self.now]

    @property
    def values_before(self) -> list[float | None]:
        return [bucket.value(self.aggregate) for bucket in self.before]

    def total(self, buckets: list[Bucket]) -> float | None:
        """What all of ``buckets`` come to; a counter without data is 0."""
        found = overall(buckets, self.aggregate)
        return 0 if found is None and self.aggregate == "sum" else found


class Figures(NamedTuple):
    """``starts``: when the buckets begin, Unix seconds, ``width`` apart."""

    timeframe: Timeframe
    starts: range
    lines: list[Line]

    @property
    def width(self) -> int:
        return self.starts.step


class Reader:
    """Reads numbers, and keeps them for a moment. ``store`` gives the open store or raises; for worker threads."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._recent: Recent[dict[int, list[Bucket]]] = Recent(KEPT_S, KEPT_MOST)

    def read(self, stats: Sequence[StatRecord], timeframe: Timeframe, now_s: int, *, rows: bool = False) -> Figures:
        """The stats, of whichever projects, up to ``now_s``. ``rows``: in those of a table, which are whole days or hours (UTC). Raises
        what the store raises.
        """
        width = timeframe.row if rows else timeframe.width
        step = width if rows else QUARTER_S
        end = -(-now_s // step) * step
        starts = range(end - timeframe.length, end, width)
        first = starts.start - timeframe.back
        found: dict[int, list[Bucket]] = {}
        for project in {stat.project for stat in stats}:
            numbers = sorted(stat.stat_id for stat in stats if stat.project == project)
            found |= self._recent.get(
                (project, *numbers, first, end, width), _asking(self._store, project, numbers, first, end, width)
            )
        lines = [Line(stat, *_cut(found[stat.stat_id], len(starts), timeframe)) for stat in stats]
        return Figures(timeframe, starts, lines)


def _asking(
    store: Callable[[], Store], project: int, numbers: list[int], first: int, end: int, width: int
) -> Callable[[], dict[int, list[Bucket]]]:
    def ask() -> dict[int, list[Bucket]]:
        return spaced_buckets(
            store(), project, numbers, first * 1000, width * 1000, (end - first) // width, budget=BUDGET
        )

    return ask


def _cut(buckets: list[Bucket], count: int, timeframe: Timeframe) -> tuple[list[Bucket], list[Bucket]]:
    """What was read, as now and before: the two may lie apart."""
    return buckets[-count:], buckets[:count] if timeframe.back else []
