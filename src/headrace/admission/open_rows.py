"""The rows of the commit that is still open: those of all requests are written out together, table by table, when it closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.journal import Batch
from headrace.records.encode import ROW_END_BYTES, TypedRow, encode_row, encode_rows, finish_rows, typed_row
from headrace.records.tables import Table

#: Rows whose last column, which holds what was sent, has more characters are written out at once: then their size is known.
TOGETHER_CHARS = 4_096
#: Bytes that are promised for a smaller one: so many, and so many for each of those characters. Nearly all take less; what takes more makes a
#: segment larger than it should be, by a factor that the engine's own bound has room for (``store.engine``).
_PROMISED, _PROMISED_A_CHAR = 512, 4


#: A row that fits its table, as its typed encoder takes it or encoded but for its end, and how many bytes are promised for it.
Prepared = tuple[TypedRow | bytes, int]


def prepare(table: Table, values: Sequence[Any]) -> Prepared:
    """A row for :meth:`OpenRows.add`. Raises ``BadRow``."""
    typed = typed_row(table, values)
    if typed is not None and len(values[-1]) <= TOGETHER_CHARS:
        return typed, _PROMISED + _PROMISED_A_CHAR * len(values[-1])
    line = encode_row(table, values)
    return line, len(line) + ROW_END_BYTES


class _Held:
    """Rows of one table and partition."""

    __slots__ = ("lines", "promised", "typed")

    def __init__(self) -> None:
        self.typed: list[TypedRow] = []
        self.lines: list[bytes] = []
        self.promised = 0

    def write(self, segment: int) -> bytes:
        typed = encode_rows(self.typed, segment) if self.typed else b""
        return typed + finish_rows(self.lines, segment) if self.lines else typed


class OpenRows:
    """Used on the event loop's thread."""

    def __init__(self) -> None:
        self._batch: Batch | None = None
        #: By table and partition.
        self._held: dict[tuple[str, int], _Held] = {}

    def add(self, batch: Batch, table: str, part: int, prepared: Prepared) -> None:
        """Adds a row to ``batch``, which is open."""
        if batch is not self._batch:
            self._begin(batch)
        held = self._held.get((table, part))
        if held is None:
            held = self._held[table, part] = _Held()
        row, size = prepared
        if isinstance(row, bytes):
            held.lines.append(row)
        else:
            held.typed.append(row)
        held.promised += size
        batch.row_count += 1
        batch.size += size

    def _begin(self, batch: Batch) -> None:
        every: dict[tuple[str, int], _Held] = {}
        self._batch, self._held = batch, every

        def close() -> None:
            self._batch, self._held = None, {}
            for (table, part), held in every.items():
                rows = len(held.typed) + len(held.lines)
                batch.promise(-rows, -held.promised)
                batch.add_rows(table, part, held.write(batch.segment), rows)

        batch.closing.append(close)
