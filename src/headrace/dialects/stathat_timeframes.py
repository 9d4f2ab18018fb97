"""StatHat's windows of time: ``1w3h`` is one week in steps of three hours; ``summary=2M`` two months of days (contract 1.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from headrace.dialects.answers import Problem

#: Points of one dataset.
MAX_POINTS = 10_000
#: The timeframe when none is sent: that of StatHat's own command line.
DEFAULT = "1w3h"

#: Seconds of each unit; a month and a year only where no calendar rules.
UNIT_S: Mapping[str, int] = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 30 * 86_400, "y": 365 * 86_400}
_DAY_S = UNIT_S["d"]
_WORDS: Mapping[str, str] = {"m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month", "y": "year"}
#: Of a unit so many make one of the next: seven days are shown as a week.
_NEXT: Mapping[str, tuple[int, str]] = {"m": (60, "h"), "h": (24, "d"), "d": (7, "w")}

#: Windows lie between these moments, Unix seconds: from 1900 to the year 2200.
EARLIEST_S = int(datetime(1900, 1, 2, tzinfo=UTC).timestamp())
LATEST_S = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
#: A ``start`` above this is in milliseconds, as ``t`` is when points are posted.
SECONDS_BELOW = 10**11

_SPAN = r"([0-9]{1,9})([mhdwMy])"
_TIMEFRAME = re.compile(f"{_SPAN}(?:{_SPAN})?({_SPAN})?")
_ONE = re.compile(_SPAN)
_MOMENT = re.compile(r"[0-9]{1,15}")

BAD_TIMEFRAME, BAD_SUMMARY, BAD_START, TOO_MANY = "invalid t", "invalid summary", "invalid start", "too many points"


class Span(NamedTuple):
    """A number of one unit."""

    number: int
    unit: str

    @property
    def seconds(self) -> int:
        return self.number * UNIT_S[self.unit]


class Timeframe(NamedTuple):
    duration: Span
    interval: Span


class Window(NamedTuple):
    """Points at ``start``, ``start + width``, … in Unix seconds; each stands for the ``width`` seconds from its own time on. ``text`` is
    the timeframe in words.
    """

    start: int
    width: int
    points: int
    text: str

    @property
    def end(self) -> int:
        return self.start + self.points * self.width

    @property
    def times(self) -> range:
        return range(self.start, self.end, self.width)


def read_window(query: Mapping[str, str], now_s: int, *, offset: bool = False) -> Window:
    """The window that ``t``, ``start`` and ``summary`` ask for; a summary passes over ``t``. ``offset``: a third part of ``t``, the
    distance to a line that the sender compares with, is read and passed over. Raises :class:`Problem`.
    """
    start = _start(query.get("start", "").strip())
    if summary := query.get("summary", "").strip():
        return _days(summary, start, now_s)
    timeframe = read_timeframe(query.get("t", "").strip() or DEFAULT, offset=offset)
    points = max(1, timeframe.duration.seconds // timeframe.interval.seconds)
    if points > MAX_POINTS:
        raise Problem(TOO_MANY)
    begin = now_s - timeframe.duration.seconds if start is None else start
    window = Window(begin - begin % UNIT_S["m"], timeframe.interval.seconds, points, shown(timeframe))
    return _inside(window, BAD_TIMEFRAME if start is None else BAD_START)


#: Intervals of a whole history, the finest first, in minutes or hours or days; the last one holds 27 years.
_WHOLE = (Span(15, "m"), Span(1, "h"), Span(3, "h"), Span(1, "d"))


def all_days(now_s: int) -> Window:
    """As many days as there may be points, up to and with today (UTC)."""
    return Window(now_s // _DAY_S * _DAY_S - (MAX_POINTS - 1) * _DAY_S, _DAY_S, MAX_POINTS, "")


def whole_window(first_s: int, now_s: int) -> Window:
    """From the day (UTC) of ``first_s`` to the end of today, in the finest of a few intervals that gives no more points than there may be."""
    start = max(first_s // _DAY_S * _DAY_S, all_days(now_s).start)
    days = now_s // _DAY_S - start // _DAY_S + 1
    interval = next(one for one in _WHOLE if days * _DAY_S // one.seconds <= MAX_POINTS)
    points = days * _DAY_S // interval.seconds
    return Window(start, interval.seconds, points, shown(Timeframe(Span(days, "d"), interval)))


def read_timeframe(text: str, *, offset: bool = False) -> Timeframe:
    """``1w3h`` as duration and interval; a duration alone has an interval of its own. Raises :class:`Problem`."""
    found = _TIMEFRAME.fullmatch(text)
    if found is None or (found[5] and not offset):
        raise Problem(BAD_TIMEFRAME)
    duration = Span(int(found[1]), found[2])
    interval = Span(int(found[3]), found[4]) if found[3] else _interval_of(duration)
    if not duration.number or not interval.number:
        raise Problem(BAD_TIMEFRAME)
    return Timeframe(duration, interval)


def _interval_of(duration: Span) -> Span:
    if duration.seconds <= UNIT_S["h"]:
        return Span(1, "m")
    return Span(15, "m") if duration.seconds <= _DAY_S else Span(1, "d")


def shown(timeframe: Timeframe) -> str:
    """A timeframe in words: ``1 week @ 3 hours``."""
    return f"{_words(timeframe.duration)} @ {_words(timeframe.interval)}"


def _words(span: Span) -> str:
    number, unit = span
    while unit in _NEXT and number % _NEXT[unit][0] == 0:
        per, unit = _NEXT[unit]
        number //= per
    return f"{number} {_WORDS[unit]}{'' if number == 1 else 's'}"


def _start(text: str) -> int | None:
    if not text:
        return None
    if not _MOMENT.fullmatch(text):
        raise Problem(BAD_START)
    moment = int(text) // 1000 if int(text) > SECONDS_BELOW else int(text)
    if moment > LATEST_S:
        raise Problem(BAD_START)
    return moment


def _inside(window: Window, problem: str) -> Window:
    if window.start < EARLIEST_S or window.end > LATEST_S:
        raise Problem(problem)
    return window


def _days(text: str, start: int | None, now_s: int) -> Window:
    """The midnights (UTC) of the span; one at least, that before its start."""
    found = _ONE.fullmatch(text)
    span = Span(int(found[1]), found[2]) if found else Span(0, "d")
    if not span.number or span.seconds > LATEST_S - EARLIEST_S:
        raise Problem(BAD_SUMMARY)
    begin, end = (_later(now_s, span, -1), now_s) if start is None else (start, _later(start, span, 1))
    first = -(-begin // _DAY_S) * _DAY_S
    points = -(-(end - first) // _DAY_S)
    if points < 1:
        first, points = begin // _DAY_S * _DAY_S, 1
    if points > MAX_POINTS:
        raise Problem(TOO_MANY)
    window = Window(first, _DAY_S, points, f"{_words(span)} @ 1 day")
    return _inside(window, BAD_SUMMARY if start is None else BAD_START)


def _later(moment: int, span: Span, sign: int) -> int:
    """``moment`` moved by ``span``, in months of the calendar. A day that a month does not have is its last one."""
    if span.unit not in "My":
        return moment + sign * span.seconds
    day, second = divmod(moment, _DAY_S)
    date = datetime.fromtimestamp(day * _DAY_S, UTC)
    months = date.year * 12 + date.month - 1 + sign * span.number * (12 if span.unit == "y" else 1)
    first = _month(months)
    length = (_month(months + 1) - first) // _DAY_S
    return first + (min(date.day, length) - 1) * _DAY_S + second


def _month(months: int) -> int:
    """The first moment of a month, counted from the year 0."""
    return int(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC).timestamp())
