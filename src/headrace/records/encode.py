"""Rows to the bytes that the journal keeps and the store reads: ``JSONCompactEachRow``. Points have a form of their own (``records.points``).

Every value is checked against its column first. Text is repaired (lone surrogates and NUL become U+FFFD: one
lone surrogate makes the engine refuse a whole insert), numbers and times are refused with :class:`BadRow`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from time import gmtime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec.structs import astuple

from headrace.records.tables import TABLES, Kind, Table
from headrace.records.text import clean_text
from headrace.records.times import month_of

#: Times a row may carry, [2000-01-01, 2200-01-01). Dialects clamp far tighter; beyond 2299 the engine's own text form lies.
MIN_MS = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000)
MAX_MS = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp() * 1000)

#: Bytes that the end of a row takes at most (:func:`finish_row`).
ROW_END_BYTES = 23

_DAY_MS = 86_400 * 1_000

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_encode_lines = _encoder.encode_lines

#: How JSON writes a NUL.
_NUL = b"\\u0000"

#: Neither NaN, which no bound lets pass, nor infinite.
_Finite = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]


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


#: The same kinds for the typed encoder, which may only accept what the checks above accept as it stands.
_TYPES: dict[Kind, Any] = {
    "text": str,
    "label": str,
    "uuid": UUID,
    "u8": Annotated[int, msgspec.Meta(ge=0, lt=1 << 8)],
    "u16": Annotated[int, msgspec.Meta(ge=0, lt=1 << 16)],
    "u32": Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)],
    "u64": Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)],
    "float": _Finite,
    "float?": _Finite | None,
    "ms": Annotated[int, msgspec.Meta(ge=MIN_MS, lt=MAX_MS)],
    "us": Annotated[int, msgspec.Meta(ge=MIN_MS * 1000, lt=MAX_MS * 1000)],
    "labels": dict[str, str],
}
#: No value fits: a row that is read has none, it is set later.
_STAMPED = Annotated[int, msgspec.Meta(gt=0, lt=0)]


class TypedRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """A row whose values fit their columns (:func:`typed_row`); each table has a kind of its own, with its columns as fields."""


def _typed(table: Table) -> Any:
    fields = [(column.name, _TYPES[column.kind]) for column in table.columns[:-1]]
    return msgspec.defstruct(table.name, [*fields, ("batch", _STAMPED, 0)], bases=(TypedRow,))


_TYPED: dict[str, type[TypedRow]] = {table.name: _typed(table) for table in TABLES.values()}
#: What the typed encoder writes for a row that has no batch yet.
_NO_BATCH = b",0]"


def typed_row(table: Table, values: Sequence[Any]) -> TypedRow | None:
    """``values`` of ``table`` in column order without ``batch``, for :func:`encode_rows`; None when only :func:`encode_row` can tell."""
    try:
        return msgspec.convert(values, _TYPED[table.name])
    except ValueError:
        return None


def encode_rows(rows: Sequence[TypedRow], batch: int) -> bytes:
    """The whole lines of rows of one table, stamped with the segment that will carry them: half of what each of them alone costs."""
    for row in rows:
        row.batch = batch  # type: ignore[attr-defined]
    try:
        lines = _encode_lines(rows)
    except ValueError:  # of a lone surrogate
        lines = _NUL
    if lines.rfind(_NUL) < 0:
        return lines
    table = TABLES[type(rows[0]).__name__]
    return finish_rows([encode_row(table, astuple(row)[:-1]) for row in rows], batch)


def encode_row(table: Table, values: Sequence[Any]) -> bytes:
    """One checked row of ``table`` but for its end, which :func:`finish_row` adds. ``values`` are in column order without ``batch``.

    Raises :class:`BadRow` when a value does not fit its column.
    """
    row = typed_row(table, values)
    if row is None:
        return encode_checked(table, values)
    try:
        line = _encode(row)
    except ValueError:  # of a lone surrogate
        return encode_checked(table, values)
    # Text that only looks like an escaped NUL is checked for nothing.
    return encode_checked(table, values) if line.rfind(_NUL) >= 0 else line[: -len(_NO_BATCH)]


def encode_checked(table: Table, values: Sequence[Any]) -> bytes:
    """As :func:`encode_row`, value by value: repairs text, and says which column is wrong. Ten times slower."""
    columns = table.columns
    if len(values) != len(columns) - 1:
        raise BadRow(f"{table.name}: {len(values)} values for {len(columns) - 1} columns")
    checked: list[Any] = []
    for column, value in zip(columns, values, strict=False):
        try:
            checked.append(_CHECKS[column.kind](value))
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise BadRow(f"{table.name}.{column.name} cannot hold this value") from None
    return _encode(checked)[:-1]


def finish_row(row: bytes, batch: int) -> bytes:
    """The whole line: ``row`` stamped with the segment that will carry it."""
    return row + _row_end(batch)


def finish_rows(rows: Sequence[bytes], batch: int) -> bytes:
    """:func:`finish_row` of each, one after the other."""
    end = _row_end(batch)
    return end.join(rows) + end


@lru_cache(maxsize=16)
def _row_end(batch: int) -> bytes:
    return b",%d]\n" % batch


def partition_of(table: Table, values: Sequence[Any]) -> int:
    """The partition that a row belongs to: the year of its ``ts``, or yyyymm of its ``received_at``. Raises :class:`BadRow`."""
    place, part_of = _TELLING[table.name]
    try:
        return part_of(values[place])
    except (TypeError, ValueError, OverflowError, OSError, IndexError):
        raise BadRow(f"{table.name}: the time that tells its partition cannot be read") from None


def year_of_ms(ts: int) -> int:
    """The partition of ``points`` that ``ts`` (ms, UTC) belongs to."""
    return _year_of_day(ts // _DAY_MS)


@lru_cache(maxsize=4096)
def _year_of_day(day: int) -> int:
    """Remembered: the points of a moment are of a few days, and ask thousands of times a second."""
    return gmtime(day * 86_400).tm_year


#: Where a row has the time that tells its partition, and what it tells.
_TELLING = {
    table.name: (table.position("ts"), year_of_ms)
    if table.partition == "year"
    else (table.position("received_at"), month_of)
    for table in TABLES.values()
}
