"""The house: the one place where the rooms are wired together."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

from headrace.admission import claims_rescue
from headrace.admission.admission import Admission
from headrace.admission.claims import Claims
from headrace.admission.folded import FoldedClaims
from headrace.admission.folding import fold
from headrace.admission.stats import StatRegistry
from headrace.admission.usage import Usage
from headrace.api.imports.uploads import Uploads
from headrace.api.services import Context
from headrace.catalog import dead_letters, progress, projects, usage
from headrace.catalog import stats as stat_table
from headrace.catalog.db import Catalog, CatalogError
from headrace.catalog.stats import StatRow
from headrace.cli.lock import FolderLock
from headrace.cli.restore import damage_line
from headrace.journal import Journal, JournalReader, rescue
from headrace.loader.loader import JournalEnd, Loader
from headrace.records.times import month_of
from headrace.settings import Settings
from headrace.store import Store, StoreUnavailable
from headrace.store.reader import QueryTimes

#: Seconds between tries to open a store that would not start.
STORE_RETRY_S = 2.0

#: How long a stop lets the loader go on with what waits, seconds; the journal keeps the rest. Service managers kill after 10 s.
LOADER_STOP_S = 5.0

#: How long the loader's thread waits for the event loop to do something for it, seconds.
LOOP_WAIT_S = 30.0

Given = TypeVar("Given")
_log = logging.getLogger("headrace")


def clock() -> int:
    """µs since the epoch, UTC."""
    return time.time_ns() // 1000


class House:
    """The opened rooms of one data folder. ``open`` takes the folder's lock; with ``store=False`` only the catalog is opened, beside
    which another process may run.
    """

    def __init__(self, settings: Settings, catalog: Catalog, lock: FolderLock | None) -> None:
        self.settings = settings
        self.catalog = catalog
        self.clock = clock
        self.context = Context(
            catalog,
            clock,
            pending=self._pending_stats,
            used=self._used,
            forget_stats=self._forget_stats,
            uptime_changed=self._uptime_changed,
        )
        self._lock = lock
        self._on_loop: OnLoop | None = None
        #: A server does what takes long; a command that has the house for itself waits for it.
        self.is_served = False
        self.uploads = Uploads(settings.data, settings.disk_min_free_bytes)
        #: Says that an import is in the queue; what a server puts here does not block.
        self.wake_imports: Callable[[], None] = lambda: None
        #: Says that an uptime monitor was made or changed, likewise.
        self.wake_uptime: Callable[[], None] = lambda: None
        self._store: Store | None = None
        self._store_tried = -STORE_RETRY_S
        self._store_trouble = ""
        self._store_lock = threading.Lock()
        self.admission: Admission
        self.journal: Journal
        self.folded: FoldedClaims
        self.loader: Loader

    @classmethod
    def open(cls, settings: Settings, *, store: bool = True, patient: bool = False) -> Self:
        """Opens the rooms. Raises what they raise, each with one clear line. ``patient``: a store that does not start is tried again
        later instead (the server takes records in meanwhile).
        """
        folder = settings.data
        os.umask(0o077)  # whatever is made here is for the owner's eyes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if damage := damage_line(settings):
            raise CatalogError(damage)
        lock = FolderLock.take(folder) if store else None
        try:
            house = cls(settings, Catalog.open(settings.catalog_url), lock)
            if store:
                house._open_journal(folder)
                try:
                    house.open_store()
                except StoreUnavailable as error:
                    if not patient:
                        raise
                    _log.error("the store does not start, records wait in the journal: %s", error)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return house

    def _open_journal(self, folder: Path) -> None:
        with self.catalog.read() as connection:
            used = progress.last_segment(connection)
        # Above every number that any journal of this catalog has used; a clock that was set back does not matter then.
        first_segment = max(clock() // 1000, used + 1)
        self._rescue_journal(folder / "journal.db", first_segment, used)
        journal = Journal(
            folder / "journal.db",
            clock=clock,
            first_segment=first_segment,
            cap_bytes=self.settings.journal_max_bytes,
            min_free_bytes=self.settings.disk_min_free_bytes,
        )
        stats = StatRegistry(
            self.catalog, derived_max=self.settings.derived_stats_max, pending=self._waiting_stats(journal)
        )
        self._rescue_claims(folder / "claims.db")
        self.folded = FoldedClaims(folder / "claims.db", maximum=self.settings.claims_max)
        claims = Claims(self.folded, journal.side.claims(), clock)
        self.journal = journal
        self.admission = Admission(journal, stats, claims, self._load_usage(journal), clock)

    def _waiting_stats(self, journal: Journal) -> list[tuple[int, int, str, str, str, int]]:
        """The stats that the journal holds, without those that went into the trash before they were projected."""
        waiting = journal.side.stats()
        with self.catalog.read() as connection:
            known = stat_table.known(connection, [stat[0] for stat in waiting])
        return [stat for stat in waiting if not known.get(stat[0])]

    def _load_usage(self, journal: Journal) -> Usage:
        """What each project was given this month: what the catalog has learned, and what waits in the journal."""
        with self.catalog.read() as connection:
            projected = usage.load(connection, month_of(clock()))
            done = progress.get(connection, journal.uuid)
        reader = JournalReader(journal.path)
        try:
            return Usage(clock, projected, reader.facts(done))
        finally:
            reader.close()

    def _rescue_journal(self, path: Path, first_segment: int, projected: int) -> None:
        """A journal whose file is broken is set aside, and what can be read of it goes on in a new one. ``projected``: the last
        segment that the catalog has learned from, whichever journal it was in.
        """
        found = rescue.begin(path, first_segment=first_segment, clock=clock)
        if found is None:
            return
        with self.catalog.write() as connection:
            progress.set(connection, found.uuid, projected)
            dead_letters.move(connection, found.old_uuid, found.uuid)
        rescue.finish(path, found)
        _log.error(
            "the journal was damaged: %s waiting rows go on in a new one, the rest stays in %s",
            f"{found.rows:,}",
            found.aside,
        )

    def _rescue_claims(self, path: Path) -> None:
        found = claims_rescue.rescue(path, clock())
        if found is not None:
            _log.error(
                "the claims were damaged: %s of them go on in a new file, the rest stays in %s",
                f"{found.claims:,}",
                found.aside,
            )

    def _pending_stats(self, project: int) -> list[StatRow]:
        return self.admission.stats.pending(project) if hasattr(self, "admission") else []

    def _forget_stats(self, project: int, stat_ids: Sequence[int]) -> None:
        """Called from a worker thread; a command without a server has nobody to tell."""
        if self._on_loop is not None:
            stats = self.admission.stats
            self._on_loop(lambda: stats.forget_trashed(project, stat_ids))

    def _uptime_changed(self) -> None:
        self.wake_uptime()

    def _used(self, project: int) -> int | None:
        return self.admission.usage.used(project) if hasattr(self, "admission") else None

    # --- the store

    def open_store(self) -> Store:
        """The store, opened if it is not. Raises ``StoreUnavailable``; a try that failed is not repeated for some seconds."""
        with self._store_lock:
            if self._store is not None:
                return self._store
            now = time.monotonic()
            if now - self._store_tried < STORE_RETRY_S:
                raise StoreUnavailable(self._store_trouble)
            self._store_tried = now
            try:
                self._store = Store.open(
                    self.settings.store_url,
                    folder=self.settings.data,
                    max_memory_bytes=self.settings.store_memory_bytes,
                    value_codec=self.settings.value_codec,
                )
            except StoreUnavailable as error:
                self._store_trouble = str(error)
                raise
            return self._store

    @property
    def store(self) -> Store:
        """Raises ``StoreUnavailable`` while the store does not start."""
        return self.open_store()

    def stop_reads(self) -> None:
        """Ends the store's queries; loading goes on."""
        if self._store is not None:
            self._store.stop_reads()

    @property
    def query_times(self) -> QueryTimes:
        """How long reads took; all zero while the store does not start."""
        return self._store.query_times if self._store is not None else QueryTimes()

    # --- the loader

    def make_loader(self, on_loop: OnLoop) -> Loader:
        """The loader of this house. Called before the journal takes its first row."""
        self._on_loop = on_loop
        journal, stats = self.journal, self.admission.stats
        with self.catalog.read() as connection:
            gone = projects.load_gone(connection)
        self.loader = Loader(
            journal_path=journal.path,
            journal_uuid=journal.uuid,
            journal_end=JournalEnd(
                seal=lambda: on_loop(journal.seal),
                full=journal.full,
                trim=lambda segment: on_loop(lambda: journal.trim(segment)),
                quarantine=lambda page: on_loop(lambda: journal.side.quarantine(page)),
                projected=lambda stat_ids: on_loop(lambda: stats.projected(stat_ids)),
            ),
            doubtful_upto=journal.segment - 1,
            open_store=self.open_store,
            catalog=self.catalog,
            clock=clock,
            gone=gone,
        )
        return self.loader

    def fold_claims(self, on_loop: OnLoop) -> None:
        """Moves claims from the journal to ``claims.db``. Blocking, for worker threads."""
        journal, claims = self.journal, self.admission.claims

        def forget(last_id: int, folded: list[tuple[bytes, int]]) -> None:
            def both() -> None:
                journal.forget_claims(last_id)
                claims.forget(folded)

            on_loop(both)

        fold(journal.path, self.folded, clock(), forget)

    def drain(self, then: Callable[[OnLoop], None] = lambda _: None) -> None:
        """Brings everything that waits in the journal into the store; for commands that run without a server. ``then`` runs in a worker
        thread before the journal's writer and the loader are let go.
        """

        async def run() -> None:
            on_loop = OnLoop(asyncio.get_running_loop())
            loader = self.make_loader(on_loop)
            await asyncio.to_thread(loader.drain)
            await asyncio.to_thread(then, on_loop)
            await asyncio.to_thread(loader.stop, LOADER_STOP_S)
            self.journal.finish_trims()

        asyncio.run(run())

    def close(self) -> None:
        """Closes every room that is open and gives the folder free."""
        if self._store is not None:
            with suppress(StoreUnavailable):
                self._store.close()
        if hasattr(self, "journal"):
            self.journal.close()
            self.folded.close()
        self.catalog.close()
        if self._lock is not None:
            self._lock.release()


class OnLoop:
    """Runs functions on the event loop's thread from another one and gives their result."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def __call__(self, function: Callable[[], Given]) -> Given:
        async def call() -> Given:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(LOOP_WAIT_S)
