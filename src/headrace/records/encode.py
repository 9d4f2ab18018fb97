"""Rows to the bytes that the journal keeps and the store reads: ``JSONCompactEachRow``.

Every value is checked against its column first. Text is repaired (lone surrogates and NUL become U+FFFD: one
lone surrogate makes the engine refuse a whole insert), numbers and times are refused with :class:`BadRow`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import repeat
from time import gmtime
from typing import Any
from uuid import UUID

import msgspec

from headrace.records.tables import POINTS, Kind, Table
from headrace.records.text import clean_text

#: Times a row may carry, [2000-01-01, 2200-01-01). Dialects clamp far tighter; beyond 2299 the engine's own text form lies.
MIN_MS = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000)
MAX_MS = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp() * 1000)

_encoder = msgspec.json.Encoder()
_encode_lines = _encoder.encode_lines


class BadRow(ValueError):
    """A value that its column cannot hold. The text names table and column, never the value."""


def _integer(bits: int) -> Callable[[Any], Any]:
    top = 1 << bits

    def check(value: Any) -> Any:
        if type(value) is not int or not 0 <= value < top:
            raise ValueError
        return value

    return check


def _float(value: Any) -> Any:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _optional_float(value: Any) -> Any:
    return None if value is None else _float(value)


def _text(value: Any) -> Any:
    if type(value) is not str:
        raise ValueError
    return clean_text(value)


def _uuid(value: Any) -> Any:
    return str(value) if type(value) is UUID else str(UUID(value))


def _time(factor: int) -> Callable[[Any], Any]:
    low, high = MIN_MS * factor, MAX_MS * factor

    def check(value: Any) -> Any:
        if type(value) is not int or not low <= value < high:
            raise ValueError
        return value

    return check


def _labels(value: Any) -> Any:
    return {_text(key): _text(item) for key, item in value.items()}


_CHECKS: dict[Kind, Callable[[Any], Any]] = {
    "text": _text,
    "label": _text,
    "uuid": _uuid,
    "u8": _integer(8),
    "u16": _integer(16),
    "u32": _integer(32),
    "u64": _integer(64),
    "float": _float,
    "float?": _optional_float,
    "ms": _time(1),
    "us": _time(1000),
    "labels": _labels,
}


def encode_row(table: Table, values: Sequence[Any]) -> bytes:
    """One checked row of ``table`` but for its end, which :func:`finish_row` adds. ``values`` are in column order without ``batch``.

    Raises :class:`BadRow` when a value does not fit its column.
    """
    columns = table.columns
    if len(values) != len(columns) - 1:
        raise BadRow(f"{table.name}: {len(values)} values for {len(columns) - 1} columns")
    checked: list[Any] = []
    for column, value in zip(columns, values, strict=False):
        try:
            checked.append(_CHECKS[column.kind](value))
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise BadRow(f"{table.name}.{column.name} cannot hold this value") from None
    return _encoder.encode(checked)[:-1]


def finish_row(row: bytes, batch: int) -> bytes:
    """The whole line: ``row`` stamped with the segment that will carry it."""
    return b"%b,%d]\n" % (row, batch)


class ResolvedPoints:
    """Points whose stats are known by number, column by column: (stat, ts in ms, value, flags)."""

    __slots__ = ("flags", "stats", "times", "values")

    def __init__(self) -> None:
        self.stats: list[int] = []
        self.times: list[int] = []
        self.values: list[float] = []
        self.flags: list[int] = []

    def __len__(self) -> int:
        return len(self.stats)

    def add(self, stat: int, ts: int, value: float, flags: int) -> None:
        self.stats.append(stat)
        self.times.append(ts)
        self.values.append(value)
        self.flags.append(flags)

    def extend(self, stats: Sequence[int], times: Sequence[int], values: Sequence[float], flags: Sequence[int]) -> None:
        """Columns of one length."""
        self.stats += stats
        self.times += times
        self.values += values
        self.flags += flags


#: Bytes that a point's line takes at most.
POINT_BYTES = 110


def encode_points(project: int, points: ResolvedPoints, batch: int) -> dict[int, tuple[bytes, int]]:
    """Lines of ``points`` and their number by partition (the year of ts). 0.2 ms per 1,000: no step here runs Python code per point.
    Raises :class:`BadRow` when a time or value does not fit.
    """
    times, values = points.times, points.values
    first, last = min(times), max(times)
    # A sum is finite only if all its terms are; one that overflows is settled value by value.
    if not MIN_MS <= first <= last < MAX_MS or not (math.isfinite(sum(values)) or all(map(math.isfinite, values))):
        raise BadRow(f"{POINTS.name} cannot hold this time or value")
    rows = list(zip(repeat(project), points.stats, times, values, points.flags, repeat(batch), strict=False))
    year = year_of_ms(first)
    if year == year_of_ms(last):
        return {year: (_encode_lines(rows), len(rows))}
    years: dict[int, list[tuple[float, ...]]] = {}
    for row in rows:
        years.setdefault(year_of_ms(row[2]), []).append(row)
    return {year: (_encode_lines(some), len(some)) for year, some in years.items()}


def partition_of(table: Table, values: Sequence[Any]) -> int:
    """The partition that a row belongs to: the year of its ``ts``, or yyyymm of its ``received_at``. Raises :class:`BadRow`."""
    try:
        if table.partition == "year":
            return year_of_ms(values[table.position("ts")])
        moment = datetime.fromtimestamp(values[table.position("received_at")] // 1_000_000, UTC)
    except (TypeError, ValueError, OverflowError, OSError, IndexError):
        raise BadRow(f"{table.name}: the time that tells its partition cannot be read") from None
    return moment.year * 100 + moment.month


def year_of_ms(ts: int) -> int:
    """The partition of ``points`` that ``ts`` (ms, UTC) belongs to."""
    return gmtime(ts // 1000).tm_year
