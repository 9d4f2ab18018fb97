"""Points on their way from a request into the store, as columns of fixed width: nothing is written out as text and read again.

A *record* holds points of one project and year: their number and the project (32 bits each), then the numbers of their stats
(64), their times in ms (64), their values (64, floating) and their flags (8), one column after the other, little-endian. Records
follow each other without anything in between. The segment is not in them: whoever stores them adds it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from struct import Struct, error, pack, unpack
from typing import Final, NamedTuple

from headrace.records.encode import MAX_MS, MIN_MS, BadRow, year_of_ms
from headrace.records.tables import POINTS

_HEAD: Final = Struct("<II")
_ONE: Final = Struct("<IIQqdB")
_WIDTH: Final = 8 + 8 + 8 + 1

#: What a journal's page of records is marked with; 0 is the lines of ``records.encode``, as pages of points were at first.
POINT_RECORDS: Final = 1

#: Bytes that a point takes at most: those of a record with nothing else in it.
POINT_BYTES: Final = _HEAD.size + _WIDTH


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


class PointRow(NamedTuple):
    """A point as ``points`` has it but for the segment. ``ts`` in ms."""

    project: int
    stat: int
    ts: int
    value: float
    flags: int


class PointBytes(NamedTuple):
    """The columns of many records, each as the bytes of its numbers, and how many points they are."""

    points: int
    projects: bytes
    stats: bytes
    times: bytes
    values: bytes
    flags: bytes


def check_points(points: ResolvedPoints) -> None:
    """Raises :class:`BadRow` for what :func:`encode_points` would not take, alone or among others."""
    stats, times, values, flags = points.stats, points.times, points.values, points.flags
    count = len(stats)
    try:
        if count == 1:
            _ONE.pack(1, 0, stats[0], times[0], values[0], flags[0])
            fits = MIN_MS <= times[0] < MAX_MS and math.isfinite(values[0])
        else:
            pack(f"<{count}Q{count}q{count}d{count}B", *stats, *times, *values, *flags)
            fits = MIN_MS <= min(times) <= max(times) < MAX_MS and _finite(values)
    except (error, OverflowError):
        fits = False
    if not fits:
        raise BadRow(f"{POINTS.name} cannot hold this point")


def encode_points(project: int, points: ResolvedPoints) -> dict[int, tuple[bytes, int]]:
    """A record of ``points`` and their number by partition (the year of ts). 0.04 ms per 1,000: no step here runs Python code per
    point. Raises :class:`BadRow` when something does not fit its column.
    """
    times = points.times
    first = last = times[0]
    if times.count(first) != len(times):
        first, last = min(times), max(times)
    if not MIN_MS <= first <= last < MAX_MS or not _finite(points.values):
        raise BadRow(f"{POINTS.name} cannot hold this time or value")
    year = year_of_ms(first)
    try:
        if year == year_of_ms(last):
            return {year: (_record(project, points, first == last), len(points))}
        years: dict[int, ResolvedPoints] = {}
        for row in zip(points.stats, times, points.values, points.flags, strict=True):
            years.setdefault(year_of_ms(row[1]), ResolvedPoints()).add(*row)
        return {year: (_record(project, some, one_time=False), len(some)) for year, some in years.items()}
    except (error, ValueError, OverflowError):
        raise BadRow(f"{POINTS.name} cannot hold this project, stat or flag") from None


def _finite(values: Sequence[float]) -> bool:
    try:
        # A sum is finite only if all its terms are; one that overflows is settled value by value.
        return math.isfinite(sum(values)) or all(map(math.isfinite, values))
    except OverflowError:  # a whole number that no float can hold
        return False


def _record(project: int, points: ResolvedPoints, one_time: bool) -> bytes:
    count, times = len(points), points.times
    if count == 1:
        return _ONE.pack(1, project, points.stats[0], times[0], points.values[0], points.flags[0])
    return b"".join(
        (
            _HEAD.pack(count, project),
            pack(f"<{count}Q", *points.stats),
            pack("<q", times[0]) * count if one_time else pack(f"<{count}q", *times),
            pack(f"<{count}d", *points.values),
            bytes(points.flags),
        )
    )


def point_columns(records: bytes) -> PointBytes:
    """The columns of all ``records``, in their order. Raises ``ValueError`` when they are cut short."""
    projects: list[bytes] = []
    stats: list[bytes] = []
    times: list[bytes] = []
    values: list[bytes] = []
    flags: list[bytes] = []
    total, at, end = 0, 0, len(records)
    try:
        while at < end:
            count, project = _HEAD.unpack_from(records, at)
            width = 8 * count
            one = at + 8
            two, three = one + width, one + 2 * width
            four = three + width
            at = four + count
            projects.append(pack("<I", project) * count)
            stats.append(records[one:two])
            times.append(records[two:three])
            values.append(records[three:four])
            flags.append(records[four:at])
            total += count
    except error:
        at = -1
    if at != end:
        raise ValueError("records of points are cut short")
    return PointBytes(total, *map(b"".join, (projects, stats, times, values, flags)))


def point_rows(records: bytes) -> Iterator[PointRow]:
    """The points of ``records`` one by one. Raises ``ValueError`` when they are cut short."""
    columns = point_columns(records)
    count = columns.points
    return map(
        PointRow,
        unpack(f"<{count}I", columns.projects),
        unpack(f"<{count}Q", columns.stats),
        unpack(f"<{count}q", columns.times),
        unpack(f"<{count}d", columns.values),
        columns.flags,
    )


def point_record(row: PointRow) -> bytes:
    """``row`` as a record of its own."""
    return _ONE.pack(1, *row)
