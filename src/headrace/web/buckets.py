"""What the buckets of a chart are called."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from headrace.web.ranges import instant

_DAYS = ("1d", "1w")
_MONTH = "1M"


def labels(starts: Sequence[int], resolution: str, zone: str) -> list[str]:
    """One name for each bucket that begins at ``starts`` (ms): a day, a month, or a day and a time. Where the clock changes in between, times
    say which of the two they are.
    """
    local = [instant(start * 1000).astimezone(ZoneInfo(zone)) for start in starts]
    if resolution == _MONTH:
        return [f"{one:%b %Y}" for one in local]
    if resolution in _DAYS:
        return [f"{one:%a} {one.day} {one:%b %Y}" for one in local]
    changes = len({one.utcoffset() for one in local}) > 1
    return [f"{one.day} {one:%b, %H:%M}" + (f" {one:%Z}" if changes else "") for one in local]
