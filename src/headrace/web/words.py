"""How sizes, durations and times read on a page: 3.4 MiB · 320 ms · 4 m 10 s · 3 hours ago. Units in, text out."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from headrace.records.figures import NOTHING, significant
from headrace.web.ranges import instant

_SECOND = 1_000_000


def data_size(value: float | None) -> str:
    """Bytes in powers of 1,024: 812 B · 3.4 MiB."""
    if value is None:
        return NOTHING
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1_024 or unit == "TiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{significant(size)} {unit}"
        size /= 1_024
    raise AssertionError


def duration(us: float | None) -> str:
    """µs as 320 µs · 320 ms · 1.2 s · 4 m 10 s · 3 h 5 m · 2 d 4 h."""
    if us is None:
        return NOTHING
    if us == 0:
        return "0 s"
    if us < 1_000:
        return f"{us:.0f} µs"
    if us < _SECOND:
        return f"{significant(us / 1_000)} ms"
    if us < 59.95 * _SECOND:
        return f"{significant(us / _SECOND)} s"
    seconds = round(us / _SECOND)
    for size, unit, smaller, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size:,} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{seconds} s"


def ago(us: int | None, now: int) -> str:
    """How long before ``now`` (both µs): ``just now``, ``3 minutes ago``, ``in 2 days``."""
    if us is None:
        return "never"
    seconds = (now - us) / _SECOND
    size = abs(seconds)
    if size < 10:
        return "just now"
    for length, word in (
        (31_557_600, "year"),
        (2_629_800, "month"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ):
        if size >= length:
            count = int(size // length)
            text = f"{count:,} {word}{'s' if count > 1 else ''}"
            return f"in {text}" if seconds < 0 else f"{text} ago"
    return "just now"


def exact(us: int, zone: str) -> str:
    """µs as ``3 Mar 2026, 10:00:05.120 CET``: what the relative time stands for."""
    local = instant(us).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M:%S}.{local.microsecond // 1_000:03d} {local:%Z}"


def to_the_minute(us: int, zone: str) -> str:
    """µs as ``3 Mar 2026, 10:00``."""
    local = instant(us).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def iso(us: int) -> str:
    """µs as a ``datetime`` attribute takes it, in UTC."""
    return instant(us).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
