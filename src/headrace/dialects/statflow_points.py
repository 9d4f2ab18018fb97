"""StatFlow's points: two readers of the same bodies (contract 1.3, 1.4).

The fast one accepts or has no opinion (None); the exact one accepts the same and more, and says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec

from headrace.dialects.answers import Problem
from headrace.dialects.jsontext import number, read_json
from headrace.records.intents import PlainPoint, PointColumns, PointIn, StatType
from headrace.records.tables import PointFlag
from headrace.records.times import EARLIEST_US, FUTURE_US, iso_us

#: Points in a batch (1.4).
MAX_ITEMS = 1_000
#: Characters of a stat's name, StatHat's figure, so that imported names fit (1.3).
MAX_NAME = 255
#: A numeric time above this is in milliseconds (1.3).
SECONDS_BELOW = 1e11

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_EARLIEST_MS = EARLIEST_US // 1000

Stamp = float | Annotated[datetime, msgspec.Meta(tz=True)] | None


class Point(msgspec.Struct):
    """One measurement. ``count`` stands in for ``value`` and makes the stat a counter; ``t`` is another name of ``timestamp``: ISO
    8601 with an offset, or Unix seconds (above 10^11 milliseconds), at most five minutes ahead. Other fields are ignored.
    """

    stat: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    value: float | None = None
    type: Literal["counter", "value"] | None = None
    timestamp: Stamp = None
    count: float | None = None
    t: Stamp = None


class Batch(msgspec.Struct):
    """Up to 1,000 points, stored all or none."""

    items: Annotated[list[Point], msgspec.Meta(min_length=1, max_length=MAX_ITEMS)]


# The fast path knows no field that it does not use: what a decoder skips it does not check.
class _FastPoint(Point, forbid_unknown_fields=True, gc=False):
    pass


class _PlainPoint(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    stat: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    value: float
    type: Literal["counter", "value"] | None = None


class _PlainBatch(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[_PlainPoint], msgspec.Meta(min_length=1, max_length=MAX_ITEMS)]


class _FastBatch(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[_FastPoint], msgspec.Meta(min_length=1, max_length=MAX_ITEMS)]


_decode_point = msgspec.json.Decoder(_FastPoint).decode
_decode_plain = msgspec.json.Decoder(_PlainBatch).decode
_decode_batch = msgspec.json.Decoder(_FastBatch).decode
_STAT, _TYPE, _VALUE, _COUNT = map(attrgetter, ("stat", "type", "value", "count"))
_TIMESTAMP, _T = map(attrgetter, ("timestamp", "t"))
#: More than six digits of a second, which the typed decoder rounds and the exact reader cuts; and the escapes that could hide
#: them. Two patterns, each with a literal start: one of both is five times slower.
_LONG_FRACTION = re.compile(rb"\.\d{7,}[Zz+-]")
_ASCII_ESCAPE = re.compile(rb"\\u00[2-7]")


def fast_point(body: bytes, received_us: int) -> tuple[PlainPoint, ...] | None:
    """The point of an ``/v1/ingest`` body, or None when the exact reader has to look."""
    try:
        point = _decode_point(body)
    except (ValueError, RecursionError):
        return None
    if point.timestamp is not None or point.t is not None:
        columns = _columns((point,), body, received_us)
        return None if columns is None else tuple(columns.rows())
    name, kind, value = point.stat.strip(), point.type, point.value
    if point.count is not None:
        if value is not None or kind == "value":
            return None
        kind, value = "counter", point.count
    if value is None or not name or "~" in name or "\x00" in name:
        return None
    return ((name, kind, received_us // 1000, value, 0),)


def fast_batch(body: bytes, received_us: int) -> PointColumns | None:
    """The points of an ``/v1/ingest/batch`` body, or None when the exact reader has to look."""
    try:
        return _plain_columns(_decode_plain(body).items, received_us)
    except (ValueError, RecursionError):
        pass
    try:
        batch = _decode_batch(body)
    except (ValueError, RecursionError):
        return None
    return _columns(batch.items, body, received_us)


def _plain_columns(items: Sequence[_PlainPoint], received_us: int) -> PointColumns | None:
    """Points without times of their own, as most are sent."""
    names = _names(items)
    if names is None:
        return None
    count = len(names)
    return PointColumns(
        names, list(map(_TYPE, items)), [received_us // 1000] * count, list(map(_VALUE, items)), [0] * count
    )


def _columns(items: Sequence[Point], body: bytes, received_us: int) -> PointColumns | None:
    """Works by column, so that 1,000 points cost a handful of Python calls."""
    names = _names(items)
    if names is None:
        return None
    types: list[StatType | None] = list(map(_TYPE, items))
    values = list(map(_VALUE, items))
    counts = list(map(_COUNT, items))
    if counts.count(None) != len(items):
        if any((value is None) is (count is None) for value, count in zip(values, counts, strict=True)):
            return None
        if any(count is not None and kind == "value" for count, kind in zip(counts, types, strict=True)):
            return None
        types = [kind if count is None else "counter" for kind, count in zip(types, counts, strict=True)]
        values = [value if count is None else count for value, count in zip(values, counts, strict=True)]
    elif None in values:
        return None
    sent = list(map(_TIMESTAMP, items))
    short = list(map(_T, items))
    if short.count(None) != len(items):
        sent = [other if stamp is None else stamp for stamp, other in zip(sent, short, strict=True)]
    if sent.count(None) == len(items):
        return PointColumns(names, types, [received_us // 1000] * len(items), values, [0] * len(items))
    times = _fast_times(sent, body, received_us)
    if times is None:
        return None
    return PointColumns(names, types, times, values, [0 if stamp is None else PointFlag.BACKDATED for stamp in sent])


def _names(items: Sequence[_PlainPoint] | Sequence[Point]) -> list[str] | None:
    """The trimmed names, None when one is not an ordinary name."""
    names = list(map(str.strip, map(_STAT, items)))
    together = "".join(names)
    return None if "~" in together or "\x00" in together or not all(names) else names


def _fast_times(sent: Sequence[float | datetime | None], body: bytes, received_us: int) -> list[int] | None:
    if datetime in set(map(type, sent)) and (_LONG_FRACTION.search(body) or _ASCII_ESCAPE.search(body)):
        return None
    now_ms = received_us // 1000
    moments = [
        now_ms
        if stamp is None
        else round(stamp * 1000 if stamp <= SECONDS_BELOW else stamp)
        if isinstance(stamp, float)
        else (stamp - _EPOCH) // _MILLISECOND
        for stamp in sent
    ]
    return moments if min(moments) >= _EARLIEST_MS and max(moments) <= _latest_ms(received_us) else None


def _latest_ms(received_us: int) -> int:
    return (received_us + FUTURE_US) // 1000


def exact_point(body: bytes, received_us: int) -> tuple[PointIn, ...]:
    """As :func:`fast_point`, but raises :class:`Problem` or ``NotJson`` for a body that is refused."""
    item = read_json(body)
    if type(item) is not dict:
        raise Problem("body must be an object")
    return (_point(item, "", received_us),)


def exact_batch(body: bytes, received_us: int) -> tuple[PointIn, ...]:
    """As :func:`fast_batch`, but raises :class:`Problem` or ``NotJson``; the first problem in array order, by index."""
    batch = read_json(body)
    items = batch.get("items") if type(batch) is dict else None
    if type(items) is not list:
        raise Problem('body must be an object with an "items" array')
    if not items:
        raise Problem("items must hold at least 1 point")
    if len(items) > MAX_ITEMS:
        raise Problem(f"items must hold at most {MAX_ITEMS} points, got {len(items)}")
    points = []
    for index, item in enumerate(items):
        if type(item) is not dict:
            raise Problem(f"items[{index}] must be an object")
        points.append(_point(item, f"items[{index}].", received_us))
    return tuple(points)


def _point(item: dict[str, Any], where: str, received_us: int) -> PointIn:
    name = _name(item.get("stat"), where)
    value, counted = _value(item, where)
    kind: StatType | None = item.get("type")
    if kind not in ("counter", "value", None):
        raise Problem(f'{where}type must be "counter" or "value"')
    if counted:
        if kind == "value":
            raise Problem(f'{where}type must be "counter" when count is sent')
        kind = "counter"
    field = "timestamp" if item.get("timestamp") is not None else "t"
    stamp = item.get(field)
    if stamp is None:
        return PointIn(name, kind, received_us // 1000, value)
    return PointIn(name, kind, _moment(stamp, where + field, received_us), value, PointFlag.BACKDATED)


def _name(stat: Any, where: str) -> str:
    if stat is None:
        raise Problem(f"{where}stat is required")
    name = stat.strip() if type(stat) is str else ""
    if not 1 <= len(name) <= MAX_NAME:
        raise Problem(f"{where}stat must be a string of 1 to {MAX_NAME} characters")
    if "~" in name:  # a StatHat post could never reach such a stat
        raise Problem(f'{where}stat must not contain "~"')
    return name


def _value(item: dict[str, Any], where: str) -> tuple[float, bool]:
    """The measurement, and whether it came as ``count``."""
    value, count = item.get("value"), item.get("count")
    if value is not None and count is not None:
        raise Problem(f"{where}value and count must not both be sent")
    if value is None and count is None:
        raise Problem(f"{where}value is required")
    field, sent = ("value", value) if count is None else ("count", count)
    finite = number(sent)
    if finite is None:
        raise Problem(f"{where}{field} must be a finite number")
    return finite, count is not None


def _moment(stamp: Any, where: str, received_us: int) -> int:
    if type(stamp) is str:
        us = iso_us(stamp)
        ms = None if us is None else us // 1000
    else:
        seconds = number(stamp)
        ms = None if seconds is None else round(seconds * 1000 if seconds <= SECONDS_BELOW else seconds)
    if ms is None:
        raise Problem(f"{where} must be ISO 8601 with an offset, or Unix seconds")
    if not _EARLIEST_MS <= ms <= _latest_ms(received_us):
        raise Problem(f"{where} must lie between 2000-01-01 and 5 minutes from now")
    return ms
