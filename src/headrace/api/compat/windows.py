"""Windows of time as StatFlow's reads take them (contract 1.6): from, to, resolution, tz. Pure functions over query parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from headrace.records.times import iso_us
from headrace.store.buckets import (
    MAX_BUCKETS,
    RESOLUTIONS,
    Resolution,
    TooManyBuckets,
    UnknownZone,
    finest,
    grid,
    zone,
)

#: Points in one answer (1.6), buckets or raw ones.
MAX_POINTS = MAX_BUCKETS
#: The window when ``from`` is not sent.
DEFAULT_SPAN_MS = 24 * 3_600_000
#: Moments that can be asked for: from 1970 to the year 2200.
MIN_MS = 0
MAX_MS = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1000
#: A numeric moment above this is in milliseconds, as in StatFlow's posts (1.3).
SECONDS_BELOW = 10**11
#: Characters of a moment; no form is longer.
_MAX_TEXT = 64

RAW: Literal["raw"] = "raw"
SYNONYMS: dict[str, Resolution] = {"minute": "1m", "hour": "1h", "day": "1d", "week": "1w", "month": "1M"}

_RELATIVE = re.compile(r"-(\d{1,9})([smhdw])", re.ASCII)
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# An unescaped plus arrives as a blank; only behind a time of day can it have been one.
_BLANK_OFFSET = re.compile(r"(.*[Tt ]\d\d:\d\d.*) (\d\d:?\d\d)", re.ASCII)


class BadParameter(ValueError):
    """A query parameter or field that cannot be used. The text names it and never repeats it."""


class Window(NamedTuple):
    """[``start``, ``end``) in ms; ``tz`` rules days and longer."""

    start: int
    end: int
    resolution: Resolution | Literal["raw"]
    tz: str = "UTC"


def data_window(query: Mapping[str, str], now_ms: int) -> Window:
    """The window of ``/data``: the last 24 hours in the finest resolution of at most 500 buckets unless the query says
    otherwise. Raises :class:`BadParameter`, also for more than 10,000 buckets.
    """
    end = _end(query, now_ms)
    window = _window(query, max(MIN_MS, end - DEFAULT_SPAN_MS), end, now_ms)
    resolution = window.resolution
    if resolution != RAW:
        try:
            grid(window.start, window.end, resolution, window.tz)
        except TooManyBuckets:
            raise too_many() from None
    return window


def export_window(query: Mapping[str, str], now_ms: int) -> Window:
    """The window of ``/export``: all history as it is stored, point by point, unless the query says otherwise (1.7). Raises
    :class:`BadParameter`.
    """
    resolution = query.get("resolution") or RAW
    return _window({**query, "resolution": resolution}, MIN_MS, _end(query, now_ms), now_ms)


def optional_span(query: Mapping[str, str], now_ms: int) -> tuple[int | None, int | None]:
    """``from`` and ``to`` where neither has a default. Raises :class:`BadParameter`."""
    start = moment(query["from"], "from", now_ms) if query.get("from") else None
    end = moment(query["to"], "to", now_ms) if query.get("to") else None
    if start is not None and end is not None and start >= end:
        raise BadParameter("from must be before to")
    return start, end


def too_many() -> BadParameter:
    """More points than one answer holds."""
    return BadParameter(f"more than {MAX_POINTS:,} points: choose a coarser resolution or a shorter span")


def moment(text: str, name: str, now_ms: int) -> int:
    """Ms of ISO 8601 with an offset, a bare date (midnight UTC), Unix seconds, a time before now such as ``-24h``, or ``now``.
    Raises :class:`BadParameter` naming ``name``.
    """
    found = _moment(text.strip(), now_ms) if len(text) <= _MAX_TEXT else None
    if found is None:
        raise BadParameter(f"{name} must be ISO 8601 with an offset, a date, Unix seconds, now, or relative like -24h")
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


def _end(query: Mapping[str, str], now_ms: int) -> int:
    return moment(query["to"], "to", now_ms) if query.get("to") else now_ms


def _window(query: Mapping[str, str], default_start: int, end: int, now_ms: int) -> Window:
    start = moment(query["from"], "from", now_ms) if query.get("from") else default_start
    if start >= end:
        raise BadParameter("from must be before to")
    resolution = _resolution(query)
    tz = query.get("tz", "").strip() or "UTC"
    try:
        zone(tz)
    except UnknownZone:
        raise BadParameter("tz must be an IANA time zone such as Europe/Berlin") from None
    return Window(start, end, resolution or finest(start, end, tz), tz)


def _resolution(query: Mapping[str, str]) -> Resolution | Literal["raw"] | None:
    """What was asked for by its short name; None when nothing was."""
    sent = query.get("resolution", "").strip()
    name = SYNONYMS.get(sent, sent)
    if not name:
        return None
    if name != RAW and name not in RESOLUTIONS:
        raise BadParameter(f"resolution must be one of {' '.join(RESOLUTIONS)} {RAW}")
    return name
