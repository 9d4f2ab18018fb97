"""Records of points as one block of the engine's own ``Native`` form: columns lie as it keeps them, so it has nothing to parse."""

from __future__ import annotations

from struct import pack
from typing import Final, NamedTuple

from headrace.records.points import point_columns
from headrace.records.tables import POINTS
from headrace.store import schema

FORMAT: Final = "Native"


class PointRecords(NamedTuple):
    """Records of points (``records.points``) on their way into the store, and the segment that they all belong to."""

    records: bytes
    batch: int


def block(points: PointRecords) -> bytes:
    """One block, so that a row's number in it is its number among the points. Raises ``ValueError`` for records cut short."""
    count, *sent = point_columns(points.records)
    columns = (*sent, pack("<Q", points.batch) * count)
    pieces = [_varint(len(POINTS.columns)), _varint(count)]
    for column, content in zip(POINTS.columns, columns, strict=True):
        pieces += (_text(column.name), _text(schema.type_of(column)), content)
    return b"".join(pieces)


def _text(text: str) -> bytes:
    return _varint(len(text)) + text.encode()


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
