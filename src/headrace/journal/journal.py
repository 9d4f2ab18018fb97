"""The journal's one writer: group commit and segments.

Requests add to the open :class:`Batch`; one commit per turn of the event loop writes and syncs what has gathered.
Segments number the journal's pages: every row of a segment carries its number, so that the loader can ask the store what it
holds. A segment ends when the loader wants to drain it or when it is full.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from headrace.journal import schema
from headrace.journal.backlog import Backlog, Room
from headrace.journal.batch import Batch
from headrace.journal.errors import JournalUnavailable, why
from headrace.journal.latency import CommitTimes
from headrace.journal.side_tables import SideTables
from headrace.journal.trimming import Trims
from headrace.journal.writer import Writer

#: A segment's bounds, and so an insert's (rulings 4): one block, one atomic part.
SEGMENT_ROWS = 200_000
SEGMENT_BYTES = 32 * 1024 * 1024

#: How long a commit may be put off while requests keep joining it, seconds.
GATHER_S = 0.002

#: A commit of this many bytes is written on a thread of its own. A small one is done sooner than a thread would take over.
ASIDE_BYTES = 64 * 1024


class _Written(NamedTuple):
    """``size``: bytes that the pages of a commit take; ``gone``: segments that were trimmed with it; ``seconds``: how long it took."""

    size: int
    gone: list[int]
    seconds: float


class _Writing(NamedTuple):
    """A commit beside the event loop; ``now`` is its time, µs."""

    batch: Batch
    now: int
    written: Future[_Written]


class Journal:
    """Opened by one process, used on one thread (the event loop's), which writes large commits on another one. Times in µs from
    ``clock``.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        first_segment: int,
        cap_bytes: int,
        min_free_bytes: int,
    ) -> None:
        """Opens or makes the file. ``first_segment`` is used for a new file only. Raises ``sqlite3.Error`` and
        :class:`schema.JournalTooNew`.
        """
        self.path = path
        self._clock = clock
        self._writer = Writer(path)
        schema.prepare(self._writer.db, str(uuid4()), first_segment)
        self.uuid: str = self._writer.meta("uuid")
        self.backlog = Backlog(self._writer.db)
        self.side = SideTables(self._writer)
        self.commit_times = CommitTimes()
        self._room = Room(path.parent, cap_bytes=cap_bytes, min_free_bytes=min_free_bytes)
        self._trims = Trims()
        #: Segment that new rows are stamped with; everything below is sealed.
        self.segment = max(int(self._writer.meta("last_segment")), self.backlog.last_segment) + 1
        self._segment_rows = 0
        self._segment_bytes = 0
        self._place = 0
        # Counted here: SQLite gives the ids of a table that was emptied once more, and a trim that still runs would take them.
        self._next_claim = self.side.last_claim() + 1
        self._open: Batch | None = None
        self._writing: _Writing | None = None
        self._aside = ThreadPoolExecutor(1, "journal")
        self._failure = ""
        self._failed = 0
        self._closed = False
        #: Called after every commit with rows in it (wakes the loader).
        self.on_commit: Callable[[], None] = lambda: None

    # --- appending

    def batch(self, rows: int, size: int) -> Batch:
        """The open batch, in a segment that has room for ``rows`` rows of ``size`` bytes; its ``segment`` is what they must
        carry. Raises :class:`JournalUnavailable` when the journal is over its cap or the disk nearly full.
        """
        self._check_room(size)
        held_rows, held_bytes = self._segment_rows, self._segment_bytes
        if self._open is not None:
            held_rows += self._open.row_count
            held_bytes += self._open.size
        if held_rows and (held_rows + rows > SEGMENT_ROWS or held_bytes + size > SEGMENT_BYTES):
            failed = self._failed
            self.seal()
            if self._failed != failed:
                # What the caller has decided may rest on stats and claims that have just been taken back.
                raise JournalUnavailable(self._failure)
        batch = self._open or self._begin()
        batch.requests += 1
        return batch

    def _begin(self) -> Batch:
        loop = asyncio.get_running_loop()
        self._open = batch = Batch(self.segment, loop.create_future())
        loop.call_soon(self._turn, batch, 0, time.monotonic() + GATHER_S)
        return batch

    def _turn(self, batch: Batch, seen: int, until: float) -> None:
        """Once per turn of the loop: commits unless requests keep joining. A commit costs as much as five requests, so under load it
        pays to let them gather; when nothing more comes, nothing is waited for.
        """
        if batch is not self._open:
            return
        if batch.requests != seen and time.monotonic() < until:
            asyncio.get_running_loop().call_soon(self._turn, batch, batch.requests, until)
        else:
            self._commit_next()

    def pending(self) -> asyncio.Future[None] | None:
        """What a duplicate must wait for before it is confirmed: the commit that may carry its original, or one after it."""
        last = self._open or (self._writing and self._writing.batch)
        return last.done if last is not None else None

    def seal(self) -> int:
        """Ends the current segment if it holds rows and gives the number of the last sealed one."""
        self.commit()
        if self._segment_bytes:
            self.segment += 1
            self._segment_rows = self._segment_bytes = self._place = 0
        return self.segment - 1

    def commit(self) -> None:
        """Writes and syncs all that was added. Failures go to the batch's future, never to the caller."""
        self._settle()
        if (batch := self._open) is not None:
            now = self._close(batch)
            self._finish(batch, now, lambda: self._write(batch, now))

    def _commit_next(self) -> None:
        """Commits what is open, much of it beside the event loop, which reads the next requests meanwhile. One commit is under way at a
        time: what comes before it is done gathers for the next.
        """
        if (batch := self._open) is None or self._writing is not None:
            return
        now = self._close(batch)  # tells how large it is
        if batch.size < ASIDE_BYTES:
            self._finish(batch, now, lambda: self._write(batch, now))
            return
        loop = asyncio.get_running_loop()
        self._writing = writing = _Writing(batch, now, self._aside.submit(self._write, batch, now))
        writing.written.add_done_callback(lambda _: loop.call_soon_threadsafe(self._written, writing))

    def _written(self, writing: _Writing) -> None:
        if writing is self._writing:
            self._settle()
            self._commit_next()

    def _settle(self) -> None:
        """Waits for the commit beside the event loop, if there is one."""
        writing, self._writing = self._writing, None
        if writing is not None:
            self._finish(writing.batch, writing.now, writing.written.result)

    def _close(self, batch: Batch) -> int:
        """Nothing is added to ``batch`` from here on. Gives the time of its commit."""
        self._open = None
        for close in batch.closing:
            close()
        batch.closing.clear()
        self._segment_rows += batch.row_count
        self._segment_bytes += batch.size
        return self._clock()

    def _write(self, batch: Batch, now: int) -> _Written:
        started = time.perf_counter()
        with self._writer.transaction() as db:
            inserted = self._writer.insert(batch, self._place, self._next_claim, now)
            self._place += inserted.pages
            self._next_claim += len(batch.claims)
            gone = self._trims.some(db, self.backlog)
        return _Written(inserted.size, gone, time.perf_counter() - started)

    def _finish(self, batch: Batch, now: int, write: Callable[[], _Written]) -> None:
        try:
            written = write()
        except sqlite3.Error as error:
            self._fail(batch, error)
            return
        self._failure = ""
        batch.undo.clear()
        self.commit_times.observe(written.seconds)
        self._trims.done(written.gone, self.backlog)
        if self._trims and not self._closed:
            asyncio.get_running_loop().call_soon(self._schedule)
        if batch.size:
            self.backlog.add(batch.segment, written.size, batch.row_count, now)
        if not batch.done.done():
            batch.done.set_result(None)
        if batch.size:
            self.on_commit()

    def _fail(self, batch: Batch, error: sqlite3.Error) -> None:
        self._failure = why(error)
        self._failed += 1
        self._segment_rows -= batch.row_count
        self._segment_bytes -= batch.size
        # What was added meanwhile may rest on stats and claims that are taken back here.
        after, self._open = self._open, None
        for failed in (after, batch):
            if failed is None:
                continue
            while failed.undo:
                failed.undo.pop()()
            if not failed.done.done():
                failed.done.set_exception(JournalUnavailable(self._failure))
                failed.done.exception()  # a batch of trims has nobody waiting

    # --- back-pressure

    def full(self) -> bool:
        """More than one segment's worth waits: the loader should not pause."""
        return self.backlog.rows >= SEGMENT_ROWS or self.backlog.bytes >= SEGMENT_BYTES

    def trouble(self) -> str:
        """Why nothing could be accepted right now, "" when it can. Tries a write when the last one failed."""
        try:
            self._check_room(0, at_once=True)
        except JournalUnavailable as error:
            return str(error)
        if self._failure:
            self._probe()
        return self._failure

    def _probe(self) -> None:
        try:
            self._writer.set_meta("probed_at", str(self._clock()))
        except sqlite3.Error as error:
            self._failure = why(error)
        else:
            self._failure = ""

    def _check_room(self, size: int, *, at_once: bool = False) -> None:
        if self._closed:
            raise JournalUnavailable("the server is stopping")
        self._room.check(self.backlog.bytes, size, at_once=at_once)

    # --- trimming

    def trim(self, segment: int) -> None:
        """Forgets a segment that the store holds and has synced, a few MiB per commit."""
        self._trims.add(segment)
        self._schedule()

    def forget_claims(self, last_id: int) -> None:
        """Drops claims that have been folded and synced elsewhere, some with each commit."""
        self._trims.add_claims(last_id)
        self._schedule()

    def _schedule(self) -> None:
        if self._open is None and not self._closed:
            self._begin()

    def finish_trims(self) -> None:
        """Deletes at once what is still to go; gives up at the first failure."""
        while self._trims and not self._failure:
            self._schedule()
            self.commit()

    def tidy(self) -> None:
        """Goes on with trimming that a failed commit left undone."""
        if self._trims:
            self._schedule()

    def close(self) -> None:
        """Commits what is open and closes the file."""
        self._closed = True  # what is still to be trimmed goes at the next start; the loop may be gone already
        self.commit()
        self._aside.shutdown()
        self._writer.close()
