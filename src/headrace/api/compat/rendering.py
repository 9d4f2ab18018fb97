"""Time series as StatFlow shows them: JSON points (contract 1.6) and CSV rows (1.7). Pure functions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from headrace.api.compat.windows import Window
from headrace.api.services.stats import StatInfo
from headrace.records.times import iso_text
from headrace.store.points import StoredPoint
from headrace.store.series import Bucket

CSV_HEADER = b"timestamp,stat,type,value,count,min,max\r\n"
#: Integral doubles below this are written without a fraction; all of them are exact.
_INTEGRAL_BELOW = 2.0**53
#: Characters of a file name without its ending.
_MAX_SLUG = 60

_NOT_SLUG = re.compile(r"[^a-z0-9._]+")
_QUOTED = re.compile(r'[",\r\n]')
#: What a spreadsheet takes for the beginning of a formula, and what that looks like with the mark in front that takes its meaning from it:
#: with one more, a reader can tell the two apart.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class Point(NamedTuple):
    """A bucket or a raw point: ``start`` in ms, ``value`` as the stat's type shows it (a counter's sum, else the mean),
    ``samples`` how many points it is made of.
    """

    start: int
    value: float | None
    samples: int
    min: float | None
    max: float | None


def bucket_point(bucket: Bucket, stat_type: str) -> Point:
    """A counter without data is 0, a value without data nothing; a mean is the sum of all sums by the sum of all counts."""
    value = bucket.sum if stat_type == "counter" else bucket.mean
    return Point(bucket.start, value, bucket.count, bucket.min, bucket.max)


def stored_point(point: StoredPoint, stat_type: str) -> Point:
    """One stored point, or an imported bucket as it was imported."""
    value = point.value if stat_type == "counter" else point.value / point.samples
    return Point(point.ts, value, point.samples, point.min, point.max)


def number(value: float | None) -> int | float | None:
    """``value`` in its shortest form: an integer where it is one; None for what JSON cannot hold (a sum beyond a double)."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < _INTEGRAL_BELOW else value


def json_head(stat: StatInfo, window: Window) -> dict[str, Any]:
    """What stands before the points of an answer."""
    return {
        "stat": {"id": stat.id, "name": stat.name, "type": stat.type},
        "from": timestamp(window.start),
        "to": timestamp(window.end),
        "resolution": window.resolution,
    }


def json_point(point: Point, stat_type: str) -> dict[str, Any]:
    """``value`` and ``count``; of a value stat ``min`` and ``max`` as well."""
    shown: dict[str, Any] = {"timestamp": timestamp(point.start), "value": number(point.value)}
    if stat_type == "value":
        shown |= {"min": number(point.min), "max": number(point.max)}
    shown["count"] = point.samples
    return shown


def csv_rows(points: Iterable[Point], stat: StatInfo) -> bytes:
    """RFC 4180 lines of ``points``; a counter's ``min`` and ``max`` are empty."""
    middle = f",{_cell(stat.name)},{_cell(stat.type)},"
    bounded = stat.type == "value"
    lines = [
        f"{timestamp(point.start)}{middle}{_figure(point.value)},{point.samples},"
        f"{_figure(point.min) if bounded else ''},{_figure(point.max) if bounded else ''}\r\n"
        for point in points
    ]
    return "".join(lines).encode()


def file_name(stat_name: str) -> str:
    """The name under which an export is saved: ASCII without blanks or quotes, so that a header holds it."""
    slug = _NOT_SLUG.sub("-", stat_name.lower()).strip("-._")[:_MAX_SLUG].strip("-._")
    return f"{slug or 'stat'}.csv"


def timestamp(ms: int) -> str:
    """ISO 8601 in UTC, whole seconds (rulings 3)."""
    return iso_text(ms * 1000)


def _figure(value: float | None) -> str:
    shown = number(value)
    return "" if shown is None else repr(shown)


def _cell(text: str) -> str:
    if _FORMULA.match(text):
        text = "'" + text
    if _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
