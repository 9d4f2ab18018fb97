"""One segment of the journal into the store, exactly once, by looking and not by trusting.

The engine logs an insert's deduplication token before the part is in place: after a crash or a failed rename it would swallow the
repeat that is needed. So whenever the outcome of an insert is not known for certain, the store is asked what it holds of the segment,
raw table and rollups apart, and only what is missing is inserted, under a token that was never used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from itertools import count
from struct import unpack
from typing import NamedTuple, Protocol

import msgspec

from headrace.records.points import POINT_RECORDS, point_columns, point_record, point_rows
from headrace.records.tables import EVENTS
from headrace.store import PointRecords, RowsRefused, Store, StoreUnavailable

_log = logging.getLogger("headrace.loader")


class Piece(NamedTuple):
    """What a segment holds for one table and partition: one insert, so one block and one part. ``form`` as the journal's pages have
    it: 0 for lines, or ``POINT_RECORDS``. ``gaps`` are the places of rows whose pages were damaged and set aside: the others keep
    the places that they had when the segment was whole. ``dropped`` are the places of rows that are not to be stored.
    """

    segment: int
    table: str
    part: int
    bodies: list[bytes]
    rows: int
    form: int = 0
    gaps: Sequence[range] = ()
    dropped: AbstractSet[int] = frozenset()

    def without(self, projects: AbstractSet[int]) -> Piece:
        """The same piece with the rows of ``projects`` dropped."""
        found = self._projects()
        if projects.isdisjoint(found):
            return self
        places = zip(filter(self.holds, count()), found, strict=False)
        return self._replace(dropped=frozenset(place for place, project in places if project in projects))

    def _projects(self) -> Sequence[int]:
        """The project of each row: its first value."""
        body = b"".join(self.bodies)
        if self.form == POINT_RECORDS:
            columns = point_columns(body)
            return unpack(f"<{columns.points}I", columns.projects)
        return [int(line[1 : line.index(b",")]) for line in body.splitlines()]

    def holds(self, place: int) -> bool:
        return not any(place in gap for gap in self.gaps)

    def units(self) -> list[tuple[int, bytes]]:
        """The rows one by one with their places, each in the piece's form; the loader only needs them when one is refused."""
        body = b"".join(self.bodies)
        rows = map(point_record, point_rows(body)) if self.form == POINT_RECORDS else body.splitlines(keepends=True)
        return list(zip(filter(self.holds, count()), rows, strict=False))

    def payload(self, bodies: Sequence[bytes]) -> bytes | PointRecords:
        """Some of its rows as the store takes them."""
        body = b"".join(bodies)
        return PointRecords(body, self.segment) if self.form == POINT_RECORDS else body

    def line(self, unit: bytes) -> bytes:
        """A row as people see it and send it again: a JSON line. What JSON has no number for is null."""
        if self.form != POINT_RECORDS:
            return unit
        (row,) = point_rows(unit)
        return msgspec.json.encode((*row, self.segment))


class BadLine(NamedTuple):
    """A row that the engine refuses, as a JSON line. ``place`` counts from 0 within its piece, before any row was left out."""

    place: int
    line: bytes
    reason: str


class Excluded(Protocol):
    """The rows of a piece that are dead letters. What is recorded here is on disk when the call returns."""

    def known(self, piece: Piece) -> set[int]: ...
    def record(self, piece: Piece, bad: BadLine) -> None: ...


class SegmentTorn(RuntimeError):
    """The store holds some rows of a piece and not others, which one atomic part rules out: nothing is repeated, a person looks."""


class Drainer:
    """Used by the loader's thread. ``tokens`` gives a text that was never given before."""

    def __init__(self, store: Store, excluded: Excluded, tokens: Callable[[], str]) -> None:
        self._store = store
        self._excluded = excluded
        self._tokens = tokens

    def load(self, piece: Piece, *, certain_new: bool) -> int:
        """Brings ``piece`` into its table and rollups; gives the number of its rows there. ``certain_new`` False: an earlier try may
        have stored it, in part or whole, so the store is asked first. Raises ``StoreUnavailable`` (try again with ``certain_new``
        False) and :class:`SegmentTorn`.
        """
        if certain_new:
            return self._insert(piece, rollups=True)
        rollups = self._store.rollups_of(piece.table)
        missing = [name for name in rollups if not self._store.rollup_holds(name, piece.part, piece.segment)]
        rows = self._held(piece)
        if not rows and missing == list(rollups):
            return self._insert(piece, rollups=True)
        if not rows:
            rows = self._insert(piece, rollups=False)
        for name in missing if rows else ():
            _log.info("segment %d: %s is rebuilt from %s", piece.segment, name, piece.table)
            self._store.rebuild_rollup(name, piece.part, piece.segment, self._token(piece))
        if rows and piece.table == EVENTS.name:
            self._store.repeat_visitors(piece.part, piece.segment, self._token(piece))
        return rows

    def _held(self, piece: Piece) -> int:
        """How many rows of the piece the raw table has: all of them or none."""
        expected = piece.rows - len(self._left_out(piece))
        held = self._store.rows_in(piece.table, piece.part, piece.segment)
        # More than expected: a page was damaged, and set aside, after the store had it.
        if 0 < held < expected:
            raise SegmentTorn(
                f"segment {piece.segment}: {piece.table} has {held:,} of {expected:,} rows of partition {piece.part}"
            )
        return held

    def _insert(self, piece: Piece, *, rollups: bool) -> int:
        while True:
            excluded = self._left_out(piece)
            rows = piece.rows - len(excluded)
            if not rows:
                return 0
            bodies = [unit for place, unit in piece.units() if place not in excluded] if excluded else piece.bodies
            try:
                self._store.insert(piece.table, piece.payload(bodies), rows, self._token(piece), rollups=rollups)
            except RowsRefused as refusal:
                self._exclude(piece, refusal)
            else:
                return rows

    def _left_out(self, piece: Piece) -> set[int]:
        return set(filter(piece.holds, self._excluded.known(piece))) | piece.dropped

    def _token(self, piece: Piece) -> str:
        return f"{self._tokens()}:{piece.segment}:{piece.table}:{piece.part}"

    # --- bad rows

    def _exclude(self, piece: Piece, refusal: RowsRefused) -> None:
        """Finds the refused row, by the engine's message or else by halving, and records it before anything is inserted again. The
        halves are tried on a table that stores nothing, so a stop in the middle leaves nothing half done.
        """
        excluded = self._left_out(piece)
        numbered = [(place, unit) for place, unit in piece.units() if place not in excluded]
        found = self._named(piece, numbered, refusal) or self._bisect(piece, numbered)
        if found is None:
            # Every row passes alone: the refusal is not about data.
            raise StoreUnavailable(f"{piece.table}: {refusal.reason}")
        self._excluded.record(piece, found)
        _log.warning("segment %d: a row of %s is a dead letter: %s", piece.segment, piece.table, found.reason)

    def _named(self, piece: Piece, numbered: Sequence[tuple[int, bytes]], refusal: RowsRefused) -> BadLine | None:
        if refusal.row is None or not 0 <= refusal.row < len(numbered):
            return None
        index, unit = numbered[refusal.row]
        reason = self._reason(piece, [(index, unit)])
        return None if reason is None else BadLine(index, piece.line(unit), reason)

    def _bisect(self, piece: Piece, numbered: Sequence[tuple[int, bytes]]) -> BadLine | None:
        """The first row that does not pass, found in log2(n) probes; None when all pass together."""
        low, high = 0, len(numbered)
        reason = self._reason(piece, numbered)
        if reason is None:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            refused = self._reason(piece, numbered[low:middle])
            if refused is None:
                low = middle
            else:
                high, reason = middle, refused
        index, unit = numbered[low]
        return BadLine(index, piece.line(unit), self._reason(piece, [(index, unit)]) or reason)

    def _reason(self, piece: Piece, numbered: Sequence[tuple[int, bytes]]) -> str | None:
        try:
            self._store.probe(piece.table, piece.payload([unit for _, unit in numbered]))
        except RowsRefused as refusal:
            return refusal.reason
        return None
