"""The CSV export of StatFlow and ours (statflow.md 1.7), read back as exactly as it was written. Pure functions over rows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from headrace.api.imports.keeping import NAME_MAX
from headrace.api.imports.lines import BadRow, read_number
from headrace.records.encode import MIN_MS
from headrace.records.text import clean_text
from headrace.records.times import iso_us

_REQUIRED = ("timestamp", "stat", "type", "value")
_OPTIONAL = ("count", "min", "max")
#: Points of a bucket: what a double holds exactly.
COUNT_MAX = 2**53

#: A cell that a spreadsheet would take for a formula has a mark in front of it.
_MARKED = re.compile(r"'+[=+\-@\t\r]")


class FlowRow(NamedTuple):
    """A row: ``value`` is the sum of ``samples`` points, ``ts`` in ms."""

    name: str
    type: str
    ts: int
    value: float
    samples: int
    min: float
    max: float


ReadRow = Callable[[Sequence[str]], FlowRow]


def make_reader(header: Sequence[str], latest_ms: int) -> ReadRow | None:
    """What reads the rows under ``header``, up to ``latest_ms``; None when this is no such header. The reader raises :class:`BadRow`."""
    names = [cell.strip().lower() for cell in header]
    if any(name not in names for name in _REQUIRED):
        return None
    width = len(names)
    places = [names.index(name) for name in _REQUIRED]
    others = [names.index(name) if name in names else -1 for name in _OPTIONAL]

    def read(cells: Sequence[str]) -> FlowRow:
        if len(cells) != width:
            raise BadRow(f"the header has {width} cells, this row {len(cells)}")
        moment, name, kind, value = (cells[place] for place in places)
        ts = _moment(moment, latest_ms)
        if kind not in ("counter", "value"):
            raise BadRow("type is neither counter nor value")
        number = read_number(value, "value")
        count, low, high = (cells[place] if place >= 0 else "" for place in others)
        return FlowRow(read_name(name), kind, ts, *_bucket(kind, number, count, low, high))

    return read


def read_name(cell: str) -> str:
    """A stat's name. Raises :class:`BadRow`."""
    text = cell[1:] if _MARKED.match(cell) else cell
    return stat_name(text)


def stat_name(text: str) -> str:
    """``text`` as a name that a stat can have here. Raises :class:`BadRow`."""
    name = clean_text(text).strip()
    if not 1 <= len(name) <= NAME_MAX or "~" in name:
        raise BadRow(f"a stat's name has 1 to {NAME_MAX} characters and no ~")
    return name


def _moment(text: str, latest_ms: int) -> int:
    us = iso_us(text.strip())
    if us is None:
        raise BadRow("timestamp is not ISO 8601 with an offset")
    if not MIN_MS <= us // 1000 <= latest_ms:
        raise BadRow("timestamp lies before 2000 or in the future")
    return us // 1000


def _bucket(kind: str, value: float, count: str, low: str, high: str) -> tuple[float, int, float, float]:
    """Sum, count, least and greatest. Of a counter nobody tells the latter two: its mean stands in for them."""
    points = _count(count)
    mean = value / points if kind == "counter" else value
    least = read_number(low, "min") if low else mean
    greatest = read_number(high, "max") if high else mean
    if least > greatest:
        raise BadRow("min is above max")
    if kind == "counter":
        return value, points, least, greatest
    total = total_of(value, points)
    if not math.isfinite(total):
        raise BadRow("value times count is not a finite number")
    return total, points, least, greatest


def _count(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and 1 <= int(text) <= COUNT_MAX):
        raise BadRow("count is not a whole number from 1 on")
    return int(text)


def total_of(mean: float, count: int) -> float:
    """The sum whose ``count``-th part is ``mean``, to the last bit where there is one: where ``mean`` was once divided so, there is."""
    total = mean * count
    if count == 1 or total / count == mean or not math.isfinite(total):
        return total
    for direction in (math.inf, -math.inf):
        near = total
        for _ in range(2):
            near = math.nextafter(near, direction)
            if near / count == mean:
                return near
    return total
