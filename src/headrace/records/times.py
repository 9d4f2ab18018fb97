"""Times as every row carries them: integer ticks since the epoch, UTC, clamped to what can be true."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

#: How far ahead of receipt a client's clock may be (rulings 3), and the earliest time kept.
FUTURE_US = 5 * 60 * 1_000_000
EARLIEST_US = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?"
    r"(?:([Zz])|([+-])(\d\d):?(\d\d))?\Z",
    re.ASCII,
)


class Happened(NamedTuple):
    """When a record happened: ``ts`` µs; ``source`` exact | interval | received; ``sent`` the client's own text when it could
    not be believed, else "".
    """

    ts: int
    source: str
    sent: str = ""


def clamp(ts_us: int | None, received_us: int, sent: str = "", source: str = "exact") -> Happened:
    """The rule of rulings 3: a time outside [2000-01-01, received + 5 min] becomes the receipt time, what was sent is kept
    beside it. ``ts_us`` None: nothing (usable) was sent.
    """
    if ts_us is None:
        return Happened(received_us, "received")
    if EARLIEST_US <= ts_us <= received_us + FUTURE_US:
        return Happened(ts_us, source)
    return Happened(received_us, "received", sent[:64] or str(ts_us))


def iso_us(text: str, *, need_offset: bool = True) -> int | None:
    """µs since the epoch of an ISO 8601 date-time, None when it is none. Seconds and fraction are optional; ``Z``,
    ``+02:00`` and ``+0200`` are offsets; without one (``need_offset`` False) UTC is meant. No leap second, no year 0.
    """
    match = _ISO.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zulu, sign, off_h, off_m = match.groups()
    if zulu is None and sign is None and need_offset:
        return None
    zone = UTC
    if sign is not None:
        if int(off_h) > 23 or int(off_m) > 59:
            return None
        delta = timedelta(hours=int(off_h), minutes=int(off_m))
        zone = timezone(-delta if sign == "-" else delta)
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=zone)
        elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    whole = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000
    return whole + (int(fraction.ljust(6, "0")[:6]) if fraction else 0)


def iso_text(us: int, digits: int = 0) -> str:
    """``us`` as ISO 8601 in UTC with ``Z``; ``digits`` 0, 3 or 6 of the fraction (cut, not rounded)."""
    seconds, fraction = divmod(us, 1_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{fraction:06d}"[: digits + 1] if digits else "") + "Z"
