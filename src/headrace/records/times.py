"""Times as every row carries them: integer ticks since the epoch, UTC, clamped to what can be true."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

import msgspec

#: How far ahead of receipt a client's clock may be (rulings 3), and the earliest time kept.
FUTURE_US = 5 * 60 * 1_000_000
EARLIEST_US = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?"
    r"(?:([Zz])|([+-])(\d\d):?(\d\d))?\Z",
    re.ASCII,
)
#: What nearly all programs send, ``2026-04-02T10:00:00Z`` with no fraction, three or six digits of it, is told by its length: characters
#: up to the fraction, and all of them with the unit of the fraction's last digit, µs.
_SECOND_LENGTH = 19
_FRACTION_UNITS = {24: 1000, 27: 1}
#: Every third character of a second. The standard library reads more forms than ours, but this one as we do, in a fifth of the time.
_SECOND_MARKS = "--T::"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400 * 1_000_000


class Happened(msgspec.Struct, frozen=True, gc=False):
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
    length = len(text)
    if length == _SECOND_LENGTH + 1 and text[-1] == "Z":
        whole = _second_us(text[:_SECOND_LENGTH])
        if whole is not None:
            return whole
    elif (unit := _FRACTION_UNITS.get(length)) and text[-1] == "Z" and text[_SECOND_LENGTH] == ".":
        whole, digits = _second_us(text[:_SECOND_LENGTH]), text[_SECOND_LENGTH + 1 : -1]
        if whole is not None and digits.isascii() and digits.isdigit():
            return whole + int(digits) * unit
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
        whole = _since_epoch(
            datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=zone)
        )
    except (ValueError, OverflowError):
        return None
    return whole + (int(fraction.ljust(6, "0")[:6]) if fraction else 0)


@lru_cache(maxsize=1024)
def _second_us(text: str) -> int | None:
    """µs since the epoch of a second of UTC, None when it is none: what comes in at one moment happened in few of them."""
    if text[4::3] != _SECOND_MARKS:
        return None
    try:
        return _since_epoch(datetime.fromisoformat(text + "Z"))
    except ValueError:
        return None


def _since_epoch(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def month_of(us: int) -> int:
    """The calendar month (UTC) of ``us`` as yyyymm. Raises what :class:`datetime` raises for a time it cannot hold."""
    return _month_of_day(us // _DAY_US)


@lru_cache(maxsize=1024)
def _month_of_day(day: int) -> int:
    """Rows of the same day ask thousands of times a second."""
    moment = datetime.fromtimestamp(day * 86_400, UTC)
    return moment.year * 100 + moment.month


def month_bounds(us: int) -> tuple[int, int]:
    """First µs of the calendar month (UTC) of ``us``, and first µs of the next one."""
    first = datetime.fromtimestamp(us // 1_000_000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    # 31 days after the first of any month is in the next one.
    following = (first + timedelta(days=31)).replace(day=1)
    return int(first.timestamp()) * 1_000_000, int(following.timestamp()) * 1_000_000


def iso_text(us: int, digits: int = 0) -> str:
    """``us`` as ISO 8601 in UTC with ``Z``; ``digits`` 0, 3 or 6 of the fraction (cut, not rounded)."""
    seconds, fraction = divmod(us, 1_000_000)
    if digits == 6:
        return f"{_second_text(seconds)}.{fraction:06}Z"
    if digits == 3:
        return f"{_second_text(seconds)}.{fraction // 1000:03}Z"
    return _second_text(seconds) + "Z"


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    """A second of UTC: receipt times ask for the same one thousands of times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
