"""Imported history, kept apart from the points because a summing rollup cannot be repaired. A row is a point, or a bucket of many.

The last import wins: rows of one stat, moment and ``place`` replace each other by ``batch``, the number of the import, and those that a
later import of the same span does not repeat are removed. Reads unite it with the points; nothing else counts it (rulings 4).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from headrace.store import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.store.client import Store

NAME: Final = schema.HISTORY
#: How rows are sent: a double travels as it is.
FORMAT: Final = "RowBinary"
COLUMNS: Final = ("project", "stat", "ts", "place", "value", "count", "min", "max", "batch")
_ROW = Struct("<IQqIdQddQ")
#: Rows of one insert.
_AT_ONCE: Final = 500_000


class HistoryRow(NamedTuple):
    """``value`` is the sum of ``samples`` points that begin at ``ts`` (ms), ``min`` and ``max`` the least and the greatest of them; ``place``
    its number among the rows of one moment.
    """

    ts: int
    value: float
    samples: int
    min: float
    max: float
    place: int = 0


def create_statements() -> tuple[str, ...]:
    """The table as its first step made it; the statement may be repeated. It has no window of deduplication: an import may bring what was brought before."""
    lines = [
        "    project UInt32 CODEC(ZSTD(1))",
        "    stat UInt64 CODEC(ZSTD(1))",
        "    ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))",
        "    value Float64 CODEC(ZSTD(1))",
        "    batch UInt64 CODEC(Delta, ZSTD(1))",
    ]
    return (
        f"CREATE TABLE IF NOT EXISTS {NAME} (\n" + ",\n".join(lines) + "\n) ENGINE = ReplacingMergeTree(batch)\n"
        "PARTITION BY toYear(ts) ORDER BY (project, stat, ts)\n"
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480",
    )


def bucket_statements() -> tuple[str, ...]:
    """What makes room for buckets of many points, and for several rows of one moment; what was there is a point each."""
    placed = "ADD COLUMN IF NOT EXISTS place UInt32 CODEC(ZSTD(1)) AFTER ts, MODIFY ORDER BY (project, stat, ts, place)"
    buckets = (
        "ADD COLUMN IF NOT EXISTS count UInt64 DEFAULT 1 CODEC(ZSTD(1)) AFTER value, "
        "ADD COLUMN IF NOT EXISTS min Float64 DEFAULT value CODEC(ZSTD(1)) AFTER count, "
        "ADD COLUMN IF NOT EXISTS max Float64 DEFAULT value CODEC(ZSTD(1)) AFTER min"
    )
    return (f"ALTER TABLE {NAME} {placed}", f"ALTER TABLE {NAME} {buckets}")


def pack_row(project: int, stat: int, row: HistoryRow, batch: int) -> bytes:
    """A row as :meth:`Store.add_history` takes it."""
    return _ROW.pack(project, stat, row.ts, row.place, row.value, row.samples, row.min, row.max, batch)


def replace_history(
    store: Store, project: int, stat: int, points: Sequence[tuple[int, float]], *, start: int, end: int, batch: int
) -> None:
    """Makes ``points`` (ms, value) the history of ``stat`` in [``start``, ``end``) ms. ``batch`` is above that of every import before;
    doing it again changes nothing. Raises :class:`~headrace.store.errors.StoreUnavailable`.
    """
    for first in range(0, len(points), _AT_ONCE):
        rows = b"".join(
            _ROW.pack(project, stat, ts, 0, value, 1, value, value, batch)
            for ts, value in points[first : first + _AT_ONCE]
        )
        store.add_history(rows)
    store.remove_history(project, stat, start, end, batch)
    store.sync()
