"""What is kept of a StatHat export: quarter hours where the source has them, else days, without the zeros that stand for nothing.

Pure functions over datasets, each a mapping from Unix seconds to a number.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

DAY_S, WEEK_S = 86_400, 7 * 86_400
QUARTER_S = 900
#: Windows that are asked for: a year of days, a week of quarter hours.
YEAR_DAYS = 365
DAYS, QUARTERS = "1y1d", "1w15m"
#: Days so young may still grow between two requests: their sums are not compared.
GROWING_S = 2 * DAY_S
#: How far two sums of the same numbers may differ, relatively.
SUM_TOLERANCE = 1e-9
#: Before this there was no StatHat, unless a stat says otherwise: 2011-01-01.
FIRST_S = 1_293_840_000

#: Above this there is no double.
DOUBLE_MAX = sys.float_info.max

Dataset = Mapping[int, float]


class Stat(NamedTuple):
    """A stat at the source; ``created`` in Unix seconds."""

    id: str
    name: str
    type: str
    created: int


def read_stat(item: Any) -> Stat | None:
    """An entry of the list of stats, None when it is none."""
    if type(item) is not dict or type(item.get("name")) is not str or type(item.get("id")) not in (str, int):
        return None
    sent = item.get("created_at")
    created = sent if isinstance(sent, int) and sent > 0 else FIRST_S
    return Stat(str(item["id"]), item["name"], "counter" if item.get("counter") else "value", created)


def read_dataset(item: Any, start: int, end: int) -> tuple[str, dict[int, float]] | None:
    """Name and numbers of a dataset, those outside [``start``, ``end``) left out; None when it is none."""
    if type(item) is not dict or type(item.get("name")) is not str or type(item.get("points")) is not list:
        return None
    found: dict[int, float] = {}
    for point in item["points"]:
        if type(point) is not dict:
            return None
        time, value = point.get("time"), point.get("value")
        if type(time) is not int or not isinstance(value, int | float) or not -DOUBLE_MAX <= value <= DOUBLE_MAX:
            return None
        if start <= time < end:
            found[time] = float(value)
    return item["name"], found


def years(lower: int, upper: int) -> Iterator[int]:
    """Starts of windows of days that cover [``lower``, ``upper``), which begin and end with a day; the newest first."""
    start = upper
    while start > lower:
        start -= YEAR_DAYS * DAY_S
        yield start


def weeks(days: Mapping[str, Dataset]) -> list[int]:
    """Starts of the weeks from the first day with a number to the last, the newest first."""
    filled = [day for dataset in days.values() for day, value in dataset.items() if value]
    return list(range(min(filled), max(filled) + DAY_S, WEEK_S))[::-1] if filled else []


def choose(stat_type: str, days: Dataset, quarters: Dataset, now: int) -> list[tuple[int, float]]:
    """The numbers to keep, by time: of each day its quarter hours where they make up the day, else the day itself."""
    whole = {time - time % DAY_S: value for time, value in days.items()}  # a source may begin its days elsewhere
    return sorted(refine(stat_type, whole, DAY_S, quarters, now - GROWING_S).items())


def refine(
    stat_type: str,
    coarse: Dataset,
    width: int,
    fine: Dataset,
    growing: int,
    *,
    zeros: Dataset = MappingProxyType({}),
    settled: bool = False,
) -> dict[int, float]:
    """Of each bucket of ``coarse``, ``width`` seconds long, the numbers of ``fine`` in it where they make it up, else the bucket itself; those
    that begin after ``growing`` need not be made up. The source says 0 where there is nothing: such a zero of a value is kept only where
    it seems to be a measurement, in ``coarse`` where it is one of ``zeros``. ``settled``: ``fine`` has no other zeros any more.
    """
    starts = sorted(coarse)
    kept: dict[int, float] = {}
    inside: dict[int, dict[int, float]] = {}
    for time, value in fine.items():
        place = bisect_right(starts, time) - 1
        if place >= 0 and time < starts[place] + width:
            inside.setdefault(starts[place], {})[time] = value
        elif value or settled:
            kept[time] = value
    for start, whole in coarse.items():
        parts = inside.get(start, {})
        filled = {moment: value for moment, value in parts.items() if value}
        if filled and (stat_type == "value" or _makes_up(filled, whole) or start > growing):
            kept |= parts if settled else filled
            if stat_type == "value" and not settled:
                kept |= _measured_zeros(parts, filled, whole)
        elif whole or start in zeros:
            kept[start] = whole
    return kept


def lone_zeros(points: Dataset) -> dict[int, float]:
    """The zeros that stand between two numbers."""
    times = sorted(points)
    return {
        time: 0.0
        for before, time, after in zip(times, times[1:], times[2:], strict=False)
        if not points[time] and points[before] and points[after]
    }


def _makes_up(fine: Dataset, whole: float) -> bool:
    size = sum(map(abs, fine.values()))
    return abs(sum(fine.values()) - whole) <= SUM_TOLERANCE * max(1.0, size)


def _measured_zeros(fine: Dataset, filled: Dataset, mean: float) -> dict[int, float]:
    """The zeros of a day that stand alone between two numbers, if the day's own mean is nearer to one with them than without."""
    alone = lone_zeros(fine)
    total = sum(filled.values())
    without, together = total / len(filled), total / (len(filled) + len(alone))
    return alone if abs(together - mean) < abs(without - mean) else {}
