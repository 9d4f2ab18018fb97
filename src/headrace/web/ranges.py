"""The time range of a page, as it stands in the URL: ``?range=7d``, or ``?from=…&to=…``, and ``tz``.

A named range ends now. ``from`` and ``to`` take ISO 8601 with an offset, ``now``, a distance such as ``-24h``, or local time
without an offset as browsers' date fields send it, read in the page's zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from headrace.api.errors import ApiError
from headrace.api.times import moment

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
#: Named ranges: length in µs and what the picker calls it.
RANGES: Mapping[str, tuple[int, str]] = {
    "1h": (HOUR_US, "Last hour"),
    "24h": (DAY_US, "Last 24 hours"),
    "7d": (7 * DAY_US, "Last 7 days"),
    "30d": (30 * DAY_US, "Last 30 days"),
    "90d": (90 * DAY_US, "Last 90 days"),
    "1y": (365 * DAY_US, "Last year"),
}
CUSTOM = "custom"
#: The longest custom range, µs: from the first instant that is stored to the present.
LONGEST_US = 50 * 366 * DAY_US
#: The browser's zone, told by the page's script, so that a plain link shows the reader's own days.
ZONE_COOKIE = "headrace_zone"
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?\Z", re.ASCII)


class Range(NamedTuple):
    """``start_us`` (inclusive) to ``end_us`` (exclusive), µs. ``name`` is a key of :data:`RANGES` or ``custom``, ``text`` what to call
    it, ``zone`` an IANA name.
    """

    name: str
    start_us: int
    end_us: int
    text: str
    zone: str

    @property
    def tz(self) -> ZoneInfo:
        """The zone that days are read in."""
        return ZoneInfo(self.zone)

    def local(self, us: int) -> str:
        """``us`` as browsers' date fields write it, to the minute, in the range's zone."""
        return instant(us).astimezone(self.tz).strftime("%Y-%m-%dT%H:%M")


def read_range(query: Mapping[str, str], cookies: Mapping[str, str], now: int, default: str = "24h") -> Range:
    """The range that a URL asks for. ``now`` in µs. Raises :class:`ApiError` 400 with what is wrong."""
    zone = read_zone(query, cookies)
    sent_from, sent_to = query.get("from", ""), query.get("to", "")
    name = query.get("range", "") or (CUSTOM if sent_from or sent_to else default)
    if name != CUSTOM:
        if name not in RANGES:
            raise ApiError(400, "bad_request", f"range must be one of {', '.join((*RANGES, CUSTOM))}")
        length, text = RANGES[name]
        return Range(name, now - length, now, text, zone)
    if not sent_from:
        raise ApiError(400, "bad_request", "a custom range needs from")
    start = read_instant(sent_from, "from", now, zone)
    end = read_instant(sent_to or "now", "to", now, zone)
    if end <= start:
        raise ApiError(400, "bad_request", "from must lie before to")
    if end - start > LONGEST_US:
        raise ApiError(400, "bad_request", "from and to must not lie more than 50 years apart")
    return Range(CUSTOM, start, end, _span_text(start, end, ZoneInfo(zone)), zone)


def read_zone(query: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """The zone to show times in: ``tz`` of the URL, else the browser's, else UTC. Raises :class:`ApiError` 400 for an unknown ``tz``."""
    sent = query.get("tz", "")
    if sent:
        if sent not in _zones():
            raise ApiError(400, "bad_request", "tz must be the name of a time zone, such as Europe/Berlin")
        return sent
    told = cookies.get(ZONE_COOKIE, "").replace("%2F", "/")
    return told if told in _zones() else "UTC"


def instant(us: int) -> datetime:
    """µs since the epoch as a time in UTC, exactly."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def read_instant(text: str, name: str, now: int, zone: str) -> int:
    """The moment (µs) that a field called ``name`` means in ``zone``. Raises :class:`ApiError` 400."""
    if not _LOCAL.match(text):
        return moment(text, name, now)
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
        us = (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        us = -1
    if us < 0:
        raise ApiError(400, "bad_request", f"{name} is no such time")
    return us


def _span_text(start: int, end: int, zone: ZoneInfo) -> str:
    """``3 Mar 2026, 10:00 – 12:30``: what both ends share is said once."""
    first, last = instant(start).astimezone(zone), instant(end).astimezone(zone)
    begin = f"{first.day} {first:%b %Y, %H:%M}"
    if first.date() == last.date():
        return f"{begin} – {last:%H:%M}"
    return f"{begin} – {last.day} {last:%b %Y, %H:%M}"
