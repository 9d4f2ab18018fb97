"""The one connection that writes to the journal's file, and how a batch goes into it."""

from __future__ import annotations

import sqlite3
import threading
from binascii import crc32
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from zstandard import ZstdCompressor

from headrace.journal import schema
from headrace.journal.batch import Batch

#: Bytes of a page's body from which on it is packed, and how hard.
PACK_BYTES = 4 * 1024
PACK_LEVEL = 1

_INSERT_PAGE = "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_CLAIM = "INSERT INTO claims VALUES (?, ?, ?, ?)"


class Inserted(NamedTuple):
    """How many pages a batch became, and the bytes of their bodies as they are kept."""

    pages: int
    size: int


class Writer:
    """``db`` is used by whoever holds ``lock``: the event loop's thread and the one that writes large commits take turns. Raises
    ``sqlite3.Error`` wherever the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.db = schema.connect(path)
        self.lock = threading.RLock()
        self._pack = ZstdCompressor(level=PACK_LEVEL).compress

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What is done within is on disk when this ends, or else nothing of it is."""
        with self.lock:
            try:
                self.db.execute("BEGIN IMMEDIATE")
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise

    def _rollback(self) -> None:
        """Ends a transaction that failed. A connection whose rollback fails is of no use any more: the next one takes its place."""
        try:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
        except sqlite3.Error:
            self._reopen()

    def _reopen(self) -> None:
        try:
            self.db.close()
            self.db = schema.connect(self._path)
        except sqlite3.Error:
            return  # what failed before is what gets told; the next write tries again

    def meta(self, key: str) -> str:
        """A value of the file about itself; the key exists."""
        value: str = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0]
        return value

    def set_meta(self, key: str, value: str) -> None:
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def close(self) -> None:
        self.db.close()

    def insert(self, batch: Batch, place: int, claim_id: int, now: int) -> Inserted:
        """Writes everything that ``batch`` holds within the running transaction. Its pages take the places from ``place`` on in their
        segment, its claims the ids from ``claim_id`` on. ``now`` µs.
        """
        size = 0
        pages = _pages(batch)
        for page_id, (what, text, told) in enumerate(pages, schema.page_ids(batch.segment)[0] + place):
            body, form = self._packed(text, told)
            self.db.execute(_INSERT_PAGE, (page_id, *what, crc32(body), now, body, form))
            size += len(body)
        if batch.stats:
            self.db.executemany(
                "INSERT INTO stats VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(s.stat_id, batch.segment, s.project, s.source, s.name, s.type, s.created_at) for s in batch.stats],
            )
        if batch.claims:
            _insert_claims(self.db, batch.claims, claim_id, now)
        if batch.answers:
            self.db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", batch.answers)
        return Inserted(len(pages), size)

    def _packed(self, body: bytes, form: int) -> tuple[bytes, int]:
        """A page's body as it is kept, and its form. A commit of 40 KB of rows takes some 10 µs to pack, becomes a tenth, and is synced
        in half the time. Records of points are short already.
        """
        if form or len(body) < PACK_BYTES:
            return body, form
        packed = self._pack(body)
        return (packed, schema.PACKED) if len(packed) < len(body) else (body, form)


def _pages(batch: Batch) -> list[tuple[tuple[str, int, int], bytes, int]]:
    """(table, partition, number of rows), body and form of each."""
    pages = [
        ((table, part, sum(piece[1] for piece in pieces)), b"".join([piece[0] for piece in pieces]), form)
        for (table, part, form), pieces in batch.pages.items()
    ]
    if batch.facts:
        pages.append(((schema.FACTS, 0, len(batch.facts)), b"\n".join(batch.facts), 0))
    return pages


def _insert_claims(db: sqlite3.Connection, claims: list[tuple[bytes, bytes]], first: int, now: int) -> None:
    """Claims without a value, as nearly all are, go in as one row under the id of the last: a tenth of the cost of one each."""
    digests = [digest for digest, value in claims if not value and len(digest) == schema.DIGEST_BYTES]
    if len(digests) == len(claims):
        db.execute(_INSERT_CLAIM, (first + len(claims) - 1, b"".join(digests), b"", now))
        return
    rows = [(number, digest, value, now) for number, (digest, value) in enumerate(claims, first)]
    db.executemany(_INSERT_CLAIM, rows)
