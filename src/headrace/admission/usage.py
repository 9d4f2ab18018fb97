"""Usage: how many records each project was given this calendar month (UTC), which is what monthly quotas are measured by.

The count is what the catalog has projected plus what the journal holds beyond that, read once at the start; from then on it moves
with every record that is put, and with every commit that fails. What the loader projects meanwhile changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from headrace.journal import Batch
from headrace.records.intents import UsageFact
from headrace.records.times import month_bounds, month_of

#: Begins every fact of this kind as the journal keeps it.
_MARK = b'["usage",'

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(UsageFact).decode

#: Records by (project, yyyymm).
Counts = dict[tuple[int, int], int]


class Usage:
    """Used on the event loop's thread; ``used`` on any. ``clock``: µs since the epoch."""

    def __init__(
        self, clock: Callable[[], int], projected: Mapping[tuple[int, int], int], facts: Iterable[bytes]
    ) -> None:
        """``projected``: the catalog's counts of this month; ``facts``: those that the journal holds and the catalog does not."""
        self._clock = clock
        self._counts: Counts = dict(projected)
        self._month = 0
        #: When the month begins and ends, µs.
        self._bounds = (0, 0)
        #: The commit that is gathering, what it gives to which project this month, and what of it the counts have already.
        self._batch: Batch | None = None
        self._given: dict[int, int] = {}
        self._settled: Counts = {}
        for line in facts:
            if line.startswith(_MARK):
                fact = _decode(line)
                self._add(self._counts, (fact.project, fact.month), fact.units)

    def used(self, project: int) -> int:
        """What ``project`` was given so far this month."""
        now = self._clock()
        month = self._month if self._bounds[0] <= now < self._bounds[1] else month_of(now)
        given = self._given.get(project, 0) if month == self._month else 0
        return self._counts.get((project, month), 0) + given

    def left_s(self) -> int:
        """Seconds until the month is over, rounded up."""
        now = self._clock()
        return -((now - month_bounds(now)[1]) // 1_000_000)

    def take(self, batch: Batch, project: int, units: int, now: int) -> None:
        """Gives ``project`` ``units`` with ``batch`` at ``now`` (µs); what a commit that fails has given is taken back."""
        if batch is not self._batch:
            self._begin(batch, now)
        elif not self._bounds[0] <= now < self._bounds[1]:
            self._settle()
            self._turn(now)
        given = self._given
        given[project] = given.get(project, 0) + units

    def _begin(self, batch: Batch, now: int) -> None:
        settled: Counts = {}
        self._batch, self._given, self._settled = batch, {}, settled
        if not self._bounds[0] <= now < self._bounds[1]:
            self._turn(now)

        def close() -> None:
            self._settle()
            self._batch = None
            for (project, month), units in settled.items():
                batch.add_fact(_encode(UsageFact(project, month, units)))

        def undo() -> None:
            if self._batch is batch:
                self._batch, self._given = None, {}
            for slot, units in settled.items():
                self._add(self._counts, slot, -units)

        batch.closing.append(close)
        batch.undo.append(undo)

    def _settle(self) -> None:
        """What was given so far goes into the counts of its month."""
        for project, units in self._given.items():
            self._add(self._counts, (project, self._month), units)
            self._add(self._settled, (project, self._month), units)
        self._given.clear()

    @staticmethod
    def _add(counts: Counts, slot: tuple[int, int], units: int) -> None:
        counts[slot] = counts.get(slot, 0) + units

    def _turn(self, now: int) -> None:
        """From here on it is the month of ``now``."""
        self._month, self._bounds = month_of(now), month_bounds(now)
        # The month before is kept: a clock may be set back over its end.
        kept = month_of(self._bounds[0] - 1)
        self._counts = {slot: units for slot, units in self._counts.items() if slot[1] >= kept}
