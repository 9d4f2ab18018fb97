"""Projects that are being deleted, taken apart for good.

| step | done when | killed before its end |
|---|---|---|
| asked for | the catalog says ``deleting``: keys are unknown, reads find nothing | it was never asked for |
| close | nothing more of it comes into the journal, the loader drops what waits there, no import of it runs | keys are unknown from the start on |
| drain | the store has, or has dropped, what the journal held at that moment | again |
| claims | its records' claims are out of ``claims.db`` (rows that were dropped leave theirs, which end with their time) | again |
| rows | no table and no rollup of the store has rows of it, synced | again; the engine itself goes on with what it was asked |
| catalog | nothing there belongs to it any more | again |
| end | its line says ``deleted`` and nothing else but id and number, which stay taken | again |

Every step may be repeated, and all of them are until the last one is done.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from headrace.catalog import deletion as catalog_deletion
from headrace.catalog import projects
from headrace.dialects.logister_identity import event_claims, span_claims
from headrace.journal import JournalReader
from headrace.records.tables import EVENTS, SPANS
from headrace.store import StoreError
from headrace.store import deletion as store_deletion
from headrace.store.deletion import Claimant

if TYPE_CHECKING:
    from headrace.app import House, OnLoop

#: Seconds between looks for projects to delete, and between looks at what is under way.
LOOK_S = 1.0
PAUSE_S = 0.1
#: How long the end of the thread is waited for, seconds.
STOP_S = 10.0

#: Whose records are claimed.
_DIALECT = "logister"

_log = logging.getLogger("headrace.deletion")


class Stopped(Exception):
    """The process ends: what is not done yet is done after the next start."""


class Deletions:
    """Deletes one project after the other, on a thread of its own between :meth:`start` and :meth:`stop`, or on the caller's with
    :meth:`run`. The house's loader must be at work, or have drained the journal.
    """

    def __init__(self, house: House, on_loop: OnLoop, is_written: Callable[[int], bool] = lambda _: False) -> None:
        """``is_written``: whether somebody else than the loader stores rows of the project right now; nobody begins to."""
        self._house = house
        self._on_loop = on_loop
        self._is_written = is_written
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="deletions", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, in the middle of a project if need be. The event loop must still run."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _keep_looking(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.run()
            except Stopped:
                return
            except (StoreError, SQLAlchemyError, sqlite3.Error, OSError) as error:
                self._tell((str(error) or type(error).__name__).splitlines()[0])
            except Exception:
                _log.exception("a deletion stumbled")
            else:
                self._trouble = ""

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("deleting waits: %s", trouble)
        self._trouble = trouble

    def run(self) -> None:
        """Deletes every project that waits for it. Raises what the rooms raise, and :class:`Stopped`."""
        with self._house.catalog.read() as connection:
            waiting = projects.load_deleting(connection)
        for number in waiting:
            upto = self._on_loop(partial(self._close, number))
            if self._is_written(number):
                continue  # until the next look: others need not wait for it
            self._drain(upto)
            self._forget_claims(number)
            store_deletion.delete_rows(self._house.store, number, self._pause)
            self._clear_catalog(number)
            self._end(number)
            _log.info("project %d is deleted", number)

    def _pause(self) -> None:
        if self._stop.wait(PAUSE_S):
            raise Stopped

    # --- the steps

    def _close(self, number: int) -> int:
        """Gives the last segment of the journal that may name the project. On the event loop's thread."""
        self._house.admission.close_project(number)
        upto = self._house.journal.seal()
        self._house.loader.drop(number, upto)
        return upto

    def _drain(self, upto: int) -> None:
        loader, backlog = self._house.loader, self._house.journal.backlog
        while loader.loaded_upto < upto and self._on_loop(lambda: backlog.oldest_after(loader.loaded_upto)) is not None:
            self._pause()

    def _forget_claims(self, number: int) -> None:
        """Claims do not say whose they are: they are made once more from what is stored."""
        self._fold_claims()
        for table in (EVENTS.name, SPANS.name):
            after: int | None = 0
            while after is not None:
                found, after = store_deletion.claimants(self._house.store, number, table, _DIALECT, after)
                digests = [digest for one in found for digest in claimed_by(number, table, one)]
                if digests:
                    self._house.folded.forget(digests)
                if self._stop.is_set():
                    raise Stopped

    def _fold_claims(self) -> None:
        """Until no claim of this moment is in the journal any more: from there they would be folded once more."""
        last = self._on_loop(self._house.journal.side.last_claim)
        while self._first_claim() <= last:
            self._house.fold_claims(self._on_loop)
            self._pause()

    def _first_claim(self) -> float:
        reader = JournalReader(self._house.journal.path)
        try:
            return min((claim[0] for claim in reader.claims()), default=float("inf"))
        finally:
            reader.close()

    def _clear_catalog(self, number: int) -> None:
        while True:
            with self._house.catalog.write() as connection:
                if catalog_deletion.clear(connection, number):
                    return
            self._pause()

    def _end(self, number: int) -> None:
        with self._house.catalog.write() as connection:
            projects.end_deletion(connection, number)
        self._on_loop(lambda: self._house.admission.stats.forget_project(number))


def claimed_by(project: int, table: str, record: Claimant) -> list[bytes]:
    """The digests under which a record may have been claimed."""
    if table == EVENTS.name:
        claims = event_claims(project, record.id)
    else:
        claims = span_claims(project, record.id, record.id, record.trace_id, record.span_id)
    return [claim.key for claim in claims]
