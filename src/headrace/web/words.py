"""How figures and times read on a page: 1,234 · 12.3 k · 320 ms · 4 m 10 s · 3 hours ago. Units in, text out."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

from headrace.web.ranges import instant

_STEPS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SECOND = 1_000_000
#: Up to this whole numbers are written out.
_WRITTEN_OUT = 10_000
#: What stands where nothing is known.
NOTHING = "–"


def number(value: float | None) -> str:
    """1,234 · 12.3 k · 4.56 M · 0.0123; three significant digits from 10,000 on."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size < _WRITTEN_OUT:
        return _minus(f"{value:,.0f}" if value == int(value) else _significant(value))
    for step, unit in _STEPS:
        if size >= step * 0.9995:  # what would round to 1,000 of a unit is 1 of the next
            return _minus(f"{_significant(value / step)} {unit}")
    return _minus(f"{value:,.0f}")


def whole(value: int | None) -> str:
    """Every digit: 1,234,567."""
    return NOTHING if value is None else _minus(f"{value:,}")


def data_size(value: float | None) -> str:
    """Bytes in powers of 1,024: 812 B · 3.4 MiB."""
    if value is None:
        return NOTHING
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1_024 or unit == "TiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{_significant(size)} {unit}"
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
        return f"{_significant(us / 1_000)} ms"
    if us < 59.95 * _SECOND:
        return f"{_significant(us / _SECOND)} s"
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


def _significant(value: float) -> str:
    """Three significant digits, without exponents down to 0.001, without trailing zeros."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    if abs(rounded) < 0.001:
        return f"{value:.2e}"
    text = f"{rounded:,.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _minus(text: str) -> str:
    """A real minus sign: it is as wide as a digit."""
    return text.replace("-", "−") if text.startswith("-") else text
