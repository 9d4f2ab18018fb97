"""When a job is expected again: ``15m``, ``2h``, ``1d``, or a cron line in UTC (seestack.md 2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

#: What a schedule means that is neither an interval nor a cron line, seconds.
FALLBACK_S = 86_400
#: Days that are searched for a cron line's next moment: the 29th of February comes back within eight years.
SEARCHED_DAYS = 8 * 366 + 1
#: The longest interval, seconds: a leap year.
LONGEST_S = 366 * 86_400

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTERVAL = re.compile(r"(\d{1,6})([mhd])\Z", re.ASCII)
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?\Z", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}


class Cron(NamedTuple):
    """The allowed values of each field, ascending; weekdays from 0 (Sunday). ``either``: both kinds of day are restricted, and a day
    that fits one of them will do.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def fits(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either else in_month and in_week


def interval_of(schedule: str, now_us: int) -> int:
    """Seconds between two runs; of a cron line the time between the next two."""
    first = next_after(schedule, now_us)
    return max(1, (next_after(schedule, first) - first) // 1_000_000)


def next_after(schedule: str, us: int) -> int:
    """The first moment after ``us`` (µs) at which the job is expected."""
    text = schedule.strip().lower()
    found = _INTERVAL.match(text)
    if found is not None and int(found[1]):
        return us + min(int(found[1]) * _UNITS[found[2]], LONGEST_S) * 1_000_000
    cron = read_cron(text)
    moment = None if cron is None else _next(cron, _EPOCH + timedelta(microseconds=us))
    return us + FALLBACK_S * 1_000_000 if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def read_cron(text: str) -> Cron | None:
    """A line of five fields, or six that begin with seconds; None when it is none."""
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        return None
    second, minute, hour, day, month, weekday = fields
    sets = (
        _values(second, 0, 59),
        _values(minute, 0, 59),
        _values(hour, 0, 23),
        _values(day, 1, 31),
        _values(month, 1, 12, _MONTHS),
        _values(weekday, 0, 7, _DAYS),
    )
    if any(not values for values in sets):
        return None
    either = not any(field.startswith(("*", "?")) for field in (day, weekday))
    seconds, minutes, hours, days, months, weekdays = sets
    return Cron(
        tuple(sorted(seconds)),
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        frozenset(days),
        frozenset(months),
        frozenset(value % 7 for value in weekdays),
        either,
    )


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """The values that a field allows, empty when it cannot be read."""
    allowed: set[int] = set()
    for part in field.replace("?", "*").split(","):
        found = _PART.match(part)
        if found is None:
            return set()
        star, first, last, step = found.groups()
        start = low if star else _number(first, names)
        end = high if star or (last is None and step) else _number(last or first, names)
        if start is None or end is None or not low <= start <= end <= high or step == "0":
            return set()
        allowed.update(range(start, end + 1, int(step or 1)))
    return allowed


def _number(text: str, names: dict[str, int] | None) -> int | None:
    if text.isdigit():
        return int(text)
    return None if names is None else names.get(text)


def _next(cron: Cron, after: datetime) -> datetime | None:
    start = after.replace(microsecond=0) + timedelta(seconds=1)
    for ahead in range(SEARCHED_DAYS):
        day = start.date() + timedelta(days=ahead)
        if cron.fits(day):
            earliest = (start.hour, start.minute, start.second) if ahead == 0 else (0, 0, 0)
            for hour, minute, second in _times(cron, earliest):
                return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)
    return None


def _times(cron: Cron, earliest: tuple[int, int, int]) -> Iterable[tuple[int, int, int]]:
    """The allowed times of a day from ``earliest`` on."""
    for hour in cron.hours:
        if hour < earliest[0]:
            continue
        for minute in cron.minutes:
            if (hour, minute) < earliest[:2]:
                continue
            for second in cron.seconds:
                if (hour, minute, second) >= earliest:
                    yield hour, minute, second
