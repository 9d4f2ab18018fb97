"""Times in our API: ISO 8601 in UTC with microseconds out; with an offset, or as a distance from now, in."""

from __future__ import annotations

import re

from headrace.api.errors import ApiError
from headrace.records.times import iso_text, iso_us

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_RELATIVE = re.compile(r"-(\d{1,6})([smhdw])\Z", re.ASCII)
#: A ``+`` that was not escaped in a query arrives as a blank.
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d\Z)")


def when(us: int) -> str:
    """µs since the epoch as text."""
    return iso_text(us, 6)


def maybe(us: int | None) -> str | None:
    """As :func:`when`; None stays None."""
    return None if us is None else when(us)


def moment(text: str, name: str, now: int) -> int:
    """µs of ISO 8601 with an offset, ``now``, or ``-24h`` (s, m, h, d, w before now). Raises :class:`ApiError` 400 that names
    the parameter.
    """
    if text == "now":
        return now
    if match := _RELATIVE.match(text):
        return max(0, now - int(match[1]) * _UNITS[match[2]] * 1_000_000)
    us = iso_us(_LOST_PLUS.sub("+", text))
    if us is None or us < 0:
        raise ApiError(400, "bad_request", f"{name} must be ISO 8601 with an offset, now, or like -24h")
    return us
