"""Windows of time series as StatFlow's reads take them (contract 1.6): from, to, resolution, tz. Pure functions; ms, UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from headrace.records.times import iso_us

#: Points in one answer, and how many a window without a resolution gives at most (1.6).
MAX_POINTS = 10_000
DEFAULT_POINTS = 500
#: The window when ``from`` is not sent.
DEFAULT_SPAN_MS = 24 * 3_600_000
#: Moments that can be asked for: from 1970 to the year 2200.
MIN_MS = 0
MAX_MS = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1000
#: A numeric moment above this is in milliseconds, as in StatFlow's posts (1.3).
SECONDS_BELOW = 10**11
#: Characters of a parameter; no form is longer.
_MAX_TEXT = 64

RAW = "raw"
MINUTE_MS = 60_000

#: Resolutions by name, finest first, with their width in ms; days and longer follow the calendar of a time zone and have none.
WIDTHS: dict[str, int] = {
    "1m": MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "3h": 180 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": 0,
    "1w": 0,
    "1M": 0,
}
SYNONYMS = {"minute": "1m", "hour": "1h", "day": "1d", "week": "1w", "month": "1M"}

_RELATIVE = re.compile(r"-(\d{1,9})([smhdw])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
# An unescaped plus arrives as a blank; only behind a time of day can it have been one.
_BLANK_OFFSET = re.compile(r"(.*[Tt ]\d\d:\d\d.*) (\d\d:?\d\d)")


class BadParameter(ValueError):
    """A query parameter that cannot be used. The text names it and never repeats it."""


class Window(NamedTuple):
    """[``start``, ``end``) in ms. ``resolution`` is a key of :data:`WIDTHS` or :data:`RAW`; ``zone`` rules days and longer."""

    start: int
    end: int
    resolution: str
    zone: tzinfo = UTC


def data_window(query: Mapping[str, str], now_ms: int) -> Window:
    """The window of ``/data``: the last 24 hours and at most 500 points unless the query says otherwise. Raises
    :class:`BadParameter`, also for more than 10,000 buckets."""
    start, end = _span(query, now_ms, earliest=None)
    zone = _zone(query)
    resolution = _resolution(query)
    if resolution is None:
        resolution = finest(start, end, zone)
    window = Window(start, end, resolution, zone)
    if resolution != RAW and sum(1 for _ in islice(starts(window), MAX_POINTS + 1)) > MAX_POINTS:
        raise too_many()
    return window


def export_window(query: Mapping[str, str], now_ms: int) -> Window:
    """The window of ``/export``: all history as it is stored, point by point, unless the query says otherwise (1.7). Raises
    :class:`BadParameter`."""
    start, end = _span(query, now_ms, earliest=MIN_MS)
    return Window(start, end, _resolution(query) or RAW, _zone(query))


def optional_span(query: Mapping[str, str], now_ms: int) -> tuple[int | None, int | None]:
    """``from`` and ``to`` where neither has a default. Raises :class:`BadParameter`."""
    bounds = [moment(query[name], name, now_ms) if query.get(name) else None for name in ("from", "to")]
    start, end = bounds
    if start is not None and end is not None and start >= end:
        raise BadParameter("from must be before to")
    return start, end


def too_many() -> BadParameter:
    """More points than one answer holds."""
    return BadParameter(f"more than {MAX_POINTS} points: choose a coarser resolution or a shorter span")


def moment(text: str, name: str, now_ms: int) -> int:
    """ms of ISO 8601 with an offset, a bare date (midnight UTC), Unix seconds, ``-24h`` and the like before now, or ``now``.
    Raises :class:`BadParameter` naming ``name``."""
    found = _moment(text.strip(), now_ms) if len(text) <= _MAX_TEXT else None
    if found is None:
        raise BadParameter(f"{name} must be ISO 8601 with an offset, a date, Unix seconds, now, or relative such as -24h")
    if not MIN_MS <= found < MAX_MS:
        raise BadParameter(f"{name} must lie between 1970 and 2200")
    return found


def _moment(text: str, now_ms: int) -> int | None:
    if text == "now":
        return now_ms
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return now_ms - int(relative[1]) * _UNIT_MS[relative[2]]
    if _NUMBER.fullmatch(text):
        number = float(text)
        return round(number if number > SECONDS_BELOW else number * 1000)
    if _DATE.fullmatch(text):
        text += "T00:00Z"
    blank = _BLANK_OFFSET.fullmatch(text)
    us = iso_us(f"{blank[1]}+{blank[2]}" if blank else text)
    return None if us is None else us // 1000


def _span(query: Mapping[str, str], now_ms: int, *, earliest: int | None) -> tuple[int, int]:
    end = moment(query["to"], "to", now_ms) if query.get("to") else now_ms
    start = max(MIN_MS, end - DEFAULT_SPAN_MS) if earliest is None else earliest
    if query.get("from"):
        start = moment(query["from"], "from", now_ms)
    if start >= end:
        raise BadParameter("from must be before to")
    return start, end


def _resolution(query: Mapping[str, str]) -> str | None:
    sent = query.get("resolution", "").strip()
    name = SYNONYMS.get(sent, sent)
    if name not in WIDTHS and name not in ("", RAW):
        raise BadParameter(f"resolution must be one of {' '.join(WIDTHS)} {RAW}")
    return name or None


def _zone(query: Mapping[str, str]) -> tzinfo:
    name = query.get("tz", "").strip()
    if not name:
        return UTC
    try:
        if len(name) > _MAX_TEXT:
            raise ValueError
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown names, odd paths, folders of the zone database
        raise BadParameter("tz must be an IANA time zone such as Europe/Berlin") from None


def finest(start: int, end: int, zone: tzinfo) -> str:
    """The finest resolution that gives at most 500 buckets, months where none does."""
    for name in WIDTHS:
        if sum(1 for _ in islice(starts(Window(start, end, name, zone)), DEFAULT_POINTS + 1)) <= DEFAULT_POINTS:
            return name
    return "1M"


def starts(window: Window) -> Iterator[int]:
    """Where the window's buckets start, in ms, ascending: aligned to UTC multiples (weeks to Mondays), days and longer to the
    zone's calendar. The first may lie before the window."""
    width = WIDTHS[window.resolution]
    if width:
        yield from range(window.start - window.start % width, window.end, width)
        return
    last = None
    day = _calendar_floor(window)
    while True:
        start = _midnight(day, window.zone)
        if start >= window.end:
            return
        if start != last:  # a zone may skip a whole day (Samoa, 2011)
            yield start
        last = start
        day = _following(day, window.resolution)


def bucket_of(window: Window, ms: int) -> int:
    """Start of the bucket that holds ``ms``."""
    width = WIDTHS[window.resolution]
    if width:
        return ms - ms % width
    return _midnight(_calendar_floor(window._replace(start=ms)), window.zone)


def _calendar_floor(window: Window) -> date:
    day = datetime.fromtimestamp(window.start / 1000, window.zone).date()
    if window.resolution == "1w":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if window.resolution == "1M" else day


def _following(day: date, resolution: str) -> date:
    if resolution == "1M":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 if resolution == "1w" else 1)


def _midnight(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
