"""The journal's one writer: group commit, segments, back-pressure, trimming.

Requests add to the open :class:`Batch`; one commit per turn of the event loop writes and syncs what has gathered.
Segments number the journal's pages: every row of a segment carries its number, so that the loader can ask the store what it
holds. A segment ends when the loader wants to drain it or when it is full.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from binascii import crc32
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from headrace.journal import schema
from headrace.journal.batch import Batch

#: A segment's bounds, and so an insert's (rulings 4): one block, one atomic part.
SEGMENT_ROWS = 200_000
SEGMENT_BYTES = 32 * 1024 * 1024

#: How long a commit may be put off while requests keep joining it, seconds.
GATHER_S = 0.002

#: Bytes of trimmed pages deleted with one commit: keeps a commit short while a segment of 32 MiB goes.
TRIM_BYTES = 4 * 1024 * 1024

#: Folded claims deleted with one commit, for the same reason.
TRIM_CLAIMS = 5_000

#: How often free disk space is looked at, seconds.
DISK_CHECK_S = 0.25

#: Upper bounds of the commit latency histogram, seconds.
LATENCY_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, float("inf"))


class JournalUnavailable(RuntimeError):
    """Nothing can be made durable now; the text says why in one line."""


class Journal:
    """Opened by one process, used on one thread (the event loop's). Times in µs from ``clock``."""

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
        self._cap = cap_bytes
        self._min_free = min_free_bytes
        self._db = schema.connect(path)
        schema.prepare(self._db, str(uuid4()), first_segment)
        self.uuid: str = self._meta("uuid")
        #: Per segment with pages: (bytes, rows, when the first was written).
        self._sizes: dict[int, tuple[int, int, int]] = {
            number: (int(size), int(rows), at)
            for number, size, rows, at in self._db.execute(
                "SELECT id >> ?, total(length(body)), total(row_count), min(at) FROM pages GROUP BY 1 ORDER BY 1",
                (schema.PLACE_BITS,),
            )
        }
        self.depth_bytes = sum(size for size, _, _ in self._sizes.values())
        self.depth_rows = sum(rows for _, rows, _ in self._sizes.values())
        #: Segment that new rows are stamped with; everything below is sealed.
        self.segment = max(int(self._meta("last_segment")), *self._sizes, 0) + 1
        self._segment_rows = 0
        self._segment_bytes = 0
        self._place = 0
        self._open: Batch | None = None
        self._trims: list[int] = []
        self._claims_gone = 0
        self._failure = ""
        self._disk_checked = 0.0
        self._closed = False
        self.latency_counts = [0] * len(LATENCY_BOUNDS)
        self.latency_sum = 0.0
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
            before = self._open
            self.seal()
            if before is not None and before.done.exception() is not None:
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
            self.commit()

    def pending(self) -> asyncio.Future[None] | None:
        """What a duplicate must wait for before it is confirmed: the commit that may carry its original."""
        return self._open.done if self._open is not None else None

    def seal(self) -> int:
        """Ends the current segment if it holds rows and gives the number of the last sealed one."""
        self.commit()
        if self._segment_bytes:
            self.segment += 1
            self._segment_rows = self._segment_bytes = self._place = 0
        return self.segment - 1

    def commit(self) -> None:
        """Writes and syncs the open batch. Failures go to the batch's future, never to the caller."""
        batch, self._open = self._open, None
        if batch is None:
            return
        started = time.perf_counter()
        now = self._clock()
        try:
            self._write(batch, now)
        except sqlite3.Error as error:
            self._fail(batch, error)
            return
        self._observe(time.perf_counter() - started)
        self._failure = ""
        if batch.size:
            self._account(batch, now)
        if not batch.done.done():
            batch.done.set_result(None)
        if batch.size:
            self.on_commit()

    def _write(self, batch: Batch, now: int) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            for (table, part), pieces in batch.pages.items():
                body = pieces[0][0] if len(pieces) == 1 else b"".join([piece[0] for piece in pieces])
                rows = sum(piece[1] for piece in pieces)
                self._insert_page(batch.segment, table, part, rows, now, body)
            if batch.facts:
                self._insert_page(batch.segment, schema.FACTS, 0, len(batch.facts), now, b"\n".join(batch.facts))
            if batch.stats:
                db.executemany(
                    "INSERT INTO stats VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (s.stat_id, batch.segment, s.project, s.source, s.name, s.type, s.created_at)
                        for s in batch.stats
                    ],
                )
            if batch.claims:
                db.executemany(
                    "INSERT INTO claims (digest, value, at) VALUES (?, ?, ?)", [(k, v, now) for k, v in batch.claims]
                )
            if batch.answers:
                db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", batch.answers)
            trimmed = self._trim_some()
            db.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        self._trimmed(trimmed)

    def _insert_page(self, segment: int, table: str, part: int, rows: int, now: int, body: bytes) -> None:
        self._db.execute(
            "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?)",
            (schema.page_ids(segment)[0] + self._place, table, part, rows, crc32(body), now, body),
        )
        self._place += 1

    def _rollback(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            self._reopen()

    def _reopen(self) -> None:
        """A connection whose rollback failed is of no use any more."""
        try:
            self._db.close()
            self._db = schema.connect(self.path)
        except sqlite3.Error as error:
            self._failure = _why(error)

    def _fail(self, batch: Batch, error: sqlite3.Error) -> None:
        self._failure = _why(error)
        for undo in reversed(batch.undo):
            undo()
        if not batch.done.done():
            batch.done.set_exception(JournalUnavailable(self._failure))
            batch.done.exception()  # a batch of trims has nobody waiting

    def _account(self, batch: Batch, now: int) -> None:
        self._segment_rows += batch.row_count
        self._segment_bytes += batch.size
        self.depth_rows += batch.row_count
        self.depth_bytes += batch.size
        size, rows, at = self._sizes.get(batch.segment, (0, 0, now))
        self._sizes[batch.segment] = (size + batch.size, rows + batch.row_count, at)

    def _observe(self, seconds: float) -> None:
        self.latency_sum += seconds
        for place, bound in enumerate(LATENCY_BOUNDS):
            if seconds <= bound:
                self.latency_counts[place] += 1
                return

    # --- back-pressure

    @property
    def waiting_rows(self) -> int:
        """Rows of the segment that is being written: what a drain now would take."""
        return self._segment_rows

    def full(self) -> bool:
        """More than one segment's worth waits: the loader should not pause."""
        return self.depth_rows >= SEGMENT_ROWS or self.depth_bytes >= SEGMENT_BYTES

    def trouble(self) -> str:
        """Why nothing could be accepted right now, "" when it can. Tries a write when the last one failed."""
        try:
            self._disk_checked = 0.0
            self._check_room(0)
        except JournalUnavailable as error:
            return str(error)
        if self._failure:
            self._probe()
        return self._failure

    def _probe(self) -> None:
        try:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('probed_at', ?)", (str(self._clock()),))
        except sqlite3.Error as error:
            self._failure = _why(error)
            self._rollback()
        else:
            self._failure = ""

    def _check_room(self, size: int) -> None:
        if self._closed:
            raise JournalUnavailable("the server is stopping")
        if self.depth_bytes + size > self._cap:
            raise JournalUnavailable(f"the journal holds {self.depth_bytes:,} bytes, its cap is {self._cap:,}")
        now = time.monotonic()
        if now - self._disk_checked < DISK_CHECK_S:
            return
        try:
            disk = os.statvfs(self.path.parent)
        except OSError as error:
            raise JournalUnavailable(f"the data folder cannot be reached: {error.strerror}") from None
        if disk.f_flag & os.ST_RDONLY:
            raise JournalUnavailable("the data folder is on a read-only file system")
        if (free := disk.f_bavail * disk.f_frsize) < self._min_free:
            raise JournalUnavailable(
                f"{free:,} bytes are free on the data folder's disk, {self._min_free:,} are needed"
            )
        self._disk_checked = now

    def oldest_after(self, segment: int) -> int | None:
        """When the first page after ``segment`` was written (µs), None when nothing waits behind it."""
        return next((at for number, (_, _, at) in self._sizes.items() if number > segment), None)

    # --- trimming

    def trim(self, segment: int) -> None:
        """Forgets a segment that the store holds and has synced, a few MiB per commit."""
        self._trims.append(segment)
        self._schedule()

    def _schedule(self) -> None:
        if self._open is None and not self._closed:
            self._begin()

    def _trim_some(self) -> list[int]:
        """Deletes up to ``TRIM_BYTES`` of pages within the running transaction; gives the segments that are gone."""
        gone: list[int] = []
        budget = TRIM_BYTES
        if self._claims_gone:
            self._trim_claims()
        for segment in self._trims:
            first, last = schema.page_ids(segment)
            upto = self._db.execute(
                "SELECT max(id) FROM (SELECT id, sum(length(body)) OVER (ORDER BY id) AS upto, length(body) AS own FROM pages"
                " WHERE id BETWEEN ? AND ?) WHERE upto - own < ?",
                (first, last, budget),
            ).fetchone()[0]
            if upto is not None:
                self._db.execute("DELETE FROM pages WHERE id BETWEEN ? AND ?", (first, upto))
                if self._db.execute("SELECT 1 FROM pages WHERE id BETWEEN ? AND ? LIMIT 1", (upto, last)).fetchone():
                    break
            self._db.execute("DELETE FROM stats WHERE segment = ?", (segment,))
            self._db.execute(
                "UPDATE meta SET value = ? WHERE key = 'last_segment' AND CAST(value AS INTEGER) < ?",
                (str(segment), segment),
            )
            gone.append(segment)
            budget -= self._sizes.get(segment, (0, 0, 0))[0]
            if budget <= 0:
                break
        return gone

    def _trim_claims(self) -> None:
        first = self._db.execute("SELECT min(id) FROM claims").fetchone()[0]
        if first is None or first > self._claims_gone:
            self._claims_gone = 0
            return
        last = min(first + TRIM_CLAIMS, self._claims_gone)
        self._db.execute("DELETE FROM claims WHERE id <= ?", (last,))

    def _trimmed(self, gone: list[int]) -> None:
        for segment in gone:
            self._trims.remove(segment)
            size, rows, _ = self._sizes.pop(segment, (0, 0, 0))
            self.depth_bytes -= size
            self.depth_rows -= rows
        if self.trimming and not self._closed:
            asyncio.get_running_loop().call_soon(self._schedule)

    # --- side tables

    def saved_stats(self) -> list[tuple[int, int, str, str, str, int]]:
        """Stats not yet projected: (stat_id, project, source, name, type, created_at)."""
        return self._db.execute("SELECT stat_id, project, source, name, type, created_at FROM stats").fetchall()

    def saved_claims(self) -> list[tuple[int, bytes, bytes, int]]:
        """Claims not yet folded: (id, digest, value, at), oldest first."""
        return self._db.execute("SELECT id, digest, value, at FROM claims ORDER BY id").fetchall()

    def forget_claims(self, last_id: int) -> None:
        """Drops claims that have been folded and synced elsewhere, some with each commit."""
        self._claims_gone = last_id
        self._schedule()

    @property
    def trimming(self) -> bool:
        """Something is still to be deleted."""
        return bool(self._trims or self._claims_gone)

    def finish_trims(self) -> None:
        """Deletes at once what is still to go; gives up at the first failure."""
        while self.trimming and not self._failure:
            self._schedule()
            self.commit()

    def tidy(self) -> None:
        """Goes on with trimming that a failed commit left undone."""
        if self.trimming:
            self._schedule()

    def saved_answer(self, digest: bytes, now: int) -> tuple[int, str, bytes] | None:
        """(status, headers as JSON, body) of the answer kept under ``digest``, None when there is none or it is too old. Raises
        :class:`JournalUnavailable` when that cannot be told.
        """
        try:
            row: tuple[int, str, bytes] | None = self._db.execute(
                "SELECT status, headers, body FROM answers WHERE digest = ? AND expires_at > ?", (digest, now)
            ).fetchone()
        except sqlite3.Error as error:
            raise JournalUnavailable(f"the journal cannot be read: {error}") from None
        return row

    def forget_answers(self, now: int, keep: int) -> None:
        """Drops answers past their time, and the oldest beyond ``keep``."""
        self._db.execute("DELETE FROM answers WHERE expires_at <= ?", (now,))
        surplus = self._db.execute("SELECT count(*) FROM answers").fetchone()[0] - keep
        if surplus > 0:
            self._db.execute(
                "DELETE FROM answers WHERE digest IN (SELECT digest FROM answers ORDER BY expires_at LIMIT ?)",
                (surplus,),
            )

    def quarantined(self) -> int:
        """Pages set aside because their checksum did not match."""
        count: int = self._db.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        return count

    def quarantine(self, page_id: int) -> None:
        """Sets a page aside whose checksum does not match; it is kept for a person to look at."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute(
                "INSERT OR IGNORE INTO quarantine SELECT id, table_name, part, row_count, at, body FROM pages WHERE id = ?",
                (page_id,),
            )
            self._db.execute("DELETE FROM pages WHERE id = ?", (page_id,))
            self._db.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise

    def _meta(self, key: str) -> str:
        value: str = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0]
        return value

    def close(self) -> None:
        """Commits what is open and closes the file."""
        self._closed = True  # what is still to be trimmed goes at the next start; the loop may be gone already
        self.commit()
        self._db.close()


def _why(error: sqlite3.Error) -> str:
    hint = "; the next start sets the file aside" if schema.is_damage(error) else ""
    return f"the journal cannot be written: {error}{hint}"
