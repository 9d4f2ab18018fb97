"""The rows of the commit that is still open: those of all requests are put together, table by table, when it closes."""

from __future__ import annotations

from headrace.journal import Batch
from headrace.records.encode import ROW_END_BYTES, finish_rows


class OpenRows:
    """Used on the event loop's thread."""

    def __init__(self) -> None:
        self._batch: Batch | None = None
        #: Encoded rows without their ends, by table and partition.
        self._held: dict[tuple[str, int], list[bytes]] = {}

    def add(self, batch: Batch, table: str, part: int, line: bytes) -> None:
        """Adds a row, encoded but for its end, to ``batch``, which is open."""
        if batch is not self._batch:
            self._begin(batch)
        held = self._held.get((table, part))
        if held is None:
            held = self._held[table, part] = []
        held.append(line)
        batch.row_count += 1
        batch.size += len(line) + ROW_END_BYTES

    def _begin(self, batch: Batch) -> None:
        held: dict[tuple[str, int], list[bytes]] = {}
        self._batch, self._held = batch, held

        def close() -> None:
            self._batch, self._held = None, {}
            for (table, part), lines in held.items():
                batch.promise(-len(lines), -sum(map(len, lines)) - len(lines) * ROW_END_BYTES)
                batch.add_rows(table, part, finish_rows(lines, batch.segment), len(lines))

        batch.closing.append(close)
