"""The loader's thread: it drains sealed segments at once after quiet, then at most every half second, or sooner when much waits
(five inserts a second re-merged each row 577 times).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from secrets import token_hex

from sqlalchemy.exc import SQLAlchemyError

from headrace.catalog.db import Catalog
from headrace.catalog.stats import StatRow
from headrace.journal import JournalReader
from headrace.loader.draining import Drainer, SegmentTorn
from headrace.loader.projections import DeadLetterBook, Learned, Projections
from headrace.loader.reading import read_segment
from headrace.records.tables import POINTS
from headrace.store import Store, StoreError

#: Seconds between drains while rows keep coming, and between syncs of the store before its segments leave the journal.
PAUSE_S = 0.5
SYNC_EVERY_S = 1.0

#: Seconds to wait after a failure: doubling from the first to the last.
BACKOFF_S = (0.5, 5.0)

_log = logging.getLogger("headrace.loader")


class JournalEnd:
    """What the loader needs of the journal's writer, called from the loader's thread. ``seal`` ends the running segment and gives
    the last sealed number; ``trim`` forgets one; ``quarantine`` sets a broken page aside; ``projected`` tells which stats the
    catalog now has.
    """

    def __init__(
        self,
        *,
        seal: Callable[[], int],
        full: Callable[[], bool],
        trim: Callable[[int], None],
        quarantine: Callable[[int], None],
        projected: Callable[[list[int]], None],
    ) -> None:
        self.seal = seal
        self.full = full
        self.trim = trim
        self.quarantine = quarantine
        self.projected = projected


class Loader:
    """Owns one thread. ``open_store`` gives the store, opening it if need be, or raises ``StoreUnavailable``; ``doubtful_upto`` is the
    last segment that an earlier process may have begun to load; ``gone`` are the projects that were deleted by then, or were about to
    be; ``clock``: µs since the epoch.
    """

    def __init__(
        self,
        *,
        journal_path: Path,
        journal_uuid: str,
        journal_end: JournalEnd,
        doubtful_upto: int,
        open_store: Callable[[], Store],
        catalog: Catalog,
        clock: Callable[[], int],
        gone: frozenset[int] = frozenset(),
    ) -> None:
        self._end = journal_end
        self._reader = JournalReader(journal_path)
        self._open_store = open_store
        self._book = DeadLetterBook(catalog, journal_uuid, clock)
        self._tokens = (f"{journal_uuid}:{token_hex(8)}:{number}" for number in count(1))
        self._projections = Projections(catalog, journal_uuid)
        #: Segments that earlier processes may have begun to load: the store is asked about each.
        self._doubtful_upto = doubtful_upto
        #: Projects whose rows are dropped, and up to which segment: behind it there are none.
        self._gone = dict.fromkeys(gone, doubtful_upto)
        #: A try failed: nothing that was sealed then is certain any more.
        self._in_doubt = False
        #: The last segment that is in the store.
        self.loaded_upto = 0
        self._to_trim: list[int] = []
        self._synced_at = 0.0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._stop_by = float("inf")
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)
        #: Rows brought into the store since the start, by table; why nothing moves, "" when it does.
        self.rows: Counter[str] = Counter()
        self.trouble = ""
        #: Segments of which the store held a part only.
        self.torn = 0

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something was committed. Callable from any thread."""
        self._wake.set()

    def drop(self, project: int, upto: int) -> None:
        """Stores nothing more of ``project``, of which the segments after ``upto`` have nothing. Callable from any thread."""
        self._gone = {**self._gone, project: upto}

    def stop(self, timeout_s: float) -> None:
        """Ends the thread. What was committed is loaded for ``timeout_s`` more at most, the journal keeps the rest; an insert under way
        is waited for as long again. The journal's end must still answer meanwhile.
        """
        self._stop_by = time.monotonic() + timeout_s
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2 * timeout_s)
        if not self._thread.is_alive():
            self._reader.close()

    # --- the loop

    def _run(self) -> None:
        backoff = BACKOFF_S[0]
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self._drain_sealed()
            except (StoreError, SQLAlchemyError, sqlite3.Error, OSError) as error:
                self._report(error)
                self._in_doubt = True
                self._stop.wait(backoff)
                backoff = min(backoff * 2, BACKOFF_S[1])
                continue
            except Exception as error:  # a mistake of ours must not end loading for good, nor go unseen
                _log.exception("the loader stumbled")
                self.trouble = f"loader: {type(error).__name__}"
                self._in_doubt = True
                self._stop.wait(BACKOFF_S[1])
                continue
            self.trouble = ""
            backoff = BACKOFF_S[0]
            self._rest(started)
        if not self.trouble:
            self._finish()

    def _finish(self) -> None:
        """What came in before the stop goes into the store now; if that fails it stays in the journal for the next start."""
        try:
            self._drain_sealed()
            self._trim_synced(force=True)
        except (StoreError, SQLAlchemyError, sqlite3.Error, OSError) as error:
            _log.warning("not everything was loaded before the stop: %s", error)

    def _report(self, error: Exception) -> None:
        trouble = str(error).splitlines()[0] if str(error) else type(error).__name__
        if trouble != self.trouble:
            _log.warning("loading waits: %s", trouble)
        self.trouble = trouble

    def _rest(self, started: float) -> None:
        """Waits for work; after work at most until the pause is over or a whole segment waits."""
        self._wake.wait(SYNC_EVERY_S if self._to_trim else None)
        self._wake.clear()
        while not self._stop.is_set() and not self._end.full():
            left = started + PAUSE_S - time.monotonic()
            if left <= 0:
                return
            self._wake.wait(left)
            self._wake.clear()

    def drain(self) -> None:
        """Loads everything that is sealed or waits, on the caller's thread (which must then be the loader's only one)."""
        self._drain_sealed()
        self._trim_synced(force=True)

    def _drain_sealed(self) -> None:
        store = self._open_store()
        upto = self._end.seal()
        if self._in_doubt:
            self._doubtful_upto, self._in_doubt = max(self._doubtful_upto, upto), False
        for segment in self._reader.segments(upto):
            if segment <= self.loaded_upto:
                continue
            if time.monotonic() > self._stop_by:
                return
            if self._load(store, segment):
                self._to_trim.append(segment)
            else:
                self.torn += 1  # kept in the journal: the next start asks again
            self.loaded_upto = segment
            self._trim_synced()
        self._trim_synced()

    def _trim_synced(self, *, force: bool = False) -> None:
        """Segments leave the journal once the store's file system is synced, at most once a second."""
        now = time.monotonic()
        if not self._to_trim or (now - self._synced_at < SYNC_EVERY_S and not force):
            return
        self._open_store().sync()
        self._synced_at = time.monotonic()
        while self._to_trim:
            self._end.trim(self._to_trim[0])
            del self._to_trim[0]

    # --- one segment

    def _load(self, store: Store, number: int) -> bool:
        """Brings a segment into the store and its facts into the catalog. False: the store has a part of a piece; that piece is left
        as it is, everything else of the segment is done.
        """
        drainer = Drainer(store, self._book, lambda: next(self._tokens))
        segment = read_segment(self._reader, number, self._end.quarantine)
        new_stats = [StatRow(*row) for row in self._reader.stats(number)]
        told = new_stats
        if gone := {project for project, upto in self._gone.items() if number <= upto}:
            segment = segment.without(gone)
            told = [row for row in new_stats if row.project not in gone]
        certain_new, whole = number > self._doubtful_upto, True
        last_points: list[tuple[int, int, int]] = []
        loaded: Counter[str] = Counter()
        for piece in segment.pieces:
            try:
                loaded[piece.table] += drainer.load(piece, certain_new=certain_new)
            except SegmentTorn as torn:
                _log.error("%s; the segment is kept in the journal", torn)
                whole = False
            if piece.table == POINTS.name:
                last_points += [(stat, ts, segment.at) for _, stat, ts in store.last_points(piece.part, number)]
        self._projections.apply(Learned(number, told, segment.facts, last_points))
        self._end.projected([row.stat_id for row in new_stats])
        self.rows += loaded
        return whole
