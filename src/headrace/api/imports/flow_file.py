"""One file of the CSV export, kept while it is read: it may be much larger than the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from headrace.api.imports.files import TooMuch
from headrace.api.imports.flow_csv import FlowRow
from headrace.api.imports.grain import DAY_S, Stat
from headrace.api.imports.lines import BadRow
from headrace.catalog.stats import StatRow
from headrace.store import Store
from headrace.store.history import HistoryRow, pack_row

#: Rows that are kept in one go.
CHUNK = 50_000
#: Stats of a file.
STATS_MAX = 200_000
_DAY_MS = DAY_S * 1000


class Place(NamedTuple):
    """Where rows go. ``start`` and ``end``: the span that is imported, ms; ``store`` None keeps nothing; ``own`` finds or makes our stats by
    name; ``refusal`` says why one cannot take a history; ``told`` is called with the points that each chunk brought.
    """

    project: int
    batch: int
    start: int
    end: int
    store: Store | None
    own: Callable[[Sequence[Stat]], dict[str, StatRow]]
    refusal: Callable[[Stat, StatRow | None], str]
    told: Callable[[int], None]


class _Known:
    """A stat of the file: its row here once it is asked for, the moments (ms) of the first and the last row that is imported, and the moment
    and place of the last one that was read.
    """

    def __init__(self, stat: Stat) -> None:
        self.stat = stat
        self.row: StatRow | None = None
        self.failure: str | None = None
        self.first: int | None = None
        self.last: int | None = None
        self.read = 0
        self.place = 0


class FlowFile:
    """Rows of one stat come in order of time; of each of its days that the file tells of, an earlier import is replaced."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: dict[str, _Known] = {}
        self._new: list[_Known] = []
        self._chunk: list[tuple[_Known, HistoryRow]] = []

    def take(self, row: FlowRow) -> None:
        """Raises :class:`BadRow`, and what the store raises."""
        known = self._known.get(row.name)
        if known is None:
            known = self._meet(row)
        elif known.stat.type != row.type:
            raise BadRow(f"further up this stat is a {known.stat.type}")
        elif row.ts < known.read:
            raise BadRow("earlier than a row of the same stat further up: they come in order of time")
        known.place = known.place + 1 if row.ts == known.read else 0
        known.read = row.ts
        if not self._place.start <= row.ts < self._place.end:
            return
        if known.first is None:
            known.first = row.ts
        known.last = row.ts
        self._chunk.append((known, HistoryRow(row.ts, row.value, row.samples, row.min, row.max, known.place)))
        if len(self._chunk) >= CHUNK:
            self._flush()

    def _meet(self, row: FlowRow) -> _Known:
        if len(self._known) >= STATS_MAX:
            raise TooMuch(f"the file has more than {STATS_MAX:,} stats")
        known = self._known[row.name] = _Known(Stat("", row.name, row.type, 0))
        self._new.append(known)
        return known

    def _flush(self) -> None:
        place = self._place
        if self._new and place.store is not None:
            rows = place.own([known.stat for known in self._new])
            for known in self._new:
                known.row = rows.get(known.stat.name)
                known.failure = place.refusal(known.stat, known.row)
        self._new.clear()
        kept = [(known, row) for known, row in self._chunk if not known.failure]
        self._chunk.clear()
        if place.store is not None and kept:
            packed = (pack_row(place.project, known.row.stat_id, row, place.batch) for known, row in kept if known.row)
            place.store.add_history(b"".join(packed))
        place.told(len(kept))

    def finish(self) -> list[tuple[Stat, StatRow | None, int | None, str]]:
        """Makes what was taken the history of these days. Gives each stat with its row here, its last moment (ms) and why it was refused."""
        self._flush()
        store = self._place.store
        found: list[tuple[Stat, StatRow | None, int | None, str]] = []
        for known in self._known.values():
            self._clear(known)
            found.append((known.stat, known.row, known.last, known.failure or ""))
        if store is not None:
            store.sync()
        return found

    def _clear(self, known: _Known) -> None:
        """Takes what was there before out of the days between the first row and the last."""
        place, row = self._place, known.row
        if place.store is None or row is None or known.failure or known.first is None or known.last is None:
            return
        start = max(known.first // _DAY_MS * _DAY_MS, place.start)
        end = min((known.last // _DAY_MS + 1) * _DAY_MS, place.end)
        place.store.remove_history(place.project, row.stat_id, start, end, place.batch)
