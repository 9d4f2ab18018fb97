"""The one connection that writes to the journal's file, and how a batch goes into it."""

from __future__ import annotations

import sqlite3
import threading
from binascii import crc32
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.journal import schema
from headrace.journal.batch import Batch

#: Bytes of a claim's digest.
_DIGEST = 16
#: The first id, how many digests, the digests one after the other, and when.
_INSERT_DIGESTS = (
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)"
    f" INSERT INTO claims SELECT ?1 + i, substr(?3, i * {_DIGEST} + 1, {_DIGEST}), x'', ?4 FROM n"
)


class Writer:
    """``db`` is used by whoever holds ``lock``: the event loop's thread and the one that writes large commits take turns. Raises
    ``sqlite3.Error`` wherever the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.db = schema.connect(path)
        self.lock = threading.RLock()

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


def insert_batch(db: sqlite3.Connection, batch: Batch, place: int, claim_id: int, now: int) -> int:
    """Writes everything that ``batch`` holds within the running transaction. Its pages take the places from ``place`` on in their
    segment, its claims the ids from ``claim_id`` on; gives the first place after the pages. ``now`` µs.
    """
    for (table, part, form), pieces in batch.pages.items():
        body = pieces[0][0] if len(pieces) == 1 else b"".join([piece[0] for piece in pieces])
        _insert_page(db, batch.segment, place, (table, part, sum(piece[1] for piece in pieces)), now, body, form)
        place += 1
    if batch.facts:
        _insert_page(db, batch.segment, place, (schema.FACTS, 0, len(batch.facts)), now, b"\n".join(batch.facts))
        place += 1
    if batch.stats:
        db.executemany(
            "INSERT INTO stats VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(s.stat_id, batch.segment, s.project, s.source, s.name, s.type, s.created_at) for s in batch.stats],
        )
    if batch.claims:
        _insert_claims(db, batch.claims, claim_id, now)
    if batch.answers:
        db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", batch.answers)
    return place


def _insert_claims(db: sqlite3.Connection, claims: list[tuple[bytes, bytes]], first: int, now: int) -> None:
    """Claims without a value, as nearly all are, go in with one statement: half the cost of one statement each."""
    digests = [digest for digest, value in claims if not value and len(digest) == _DIGEST]
    if len(digests) == len(claims):
        db.execute(_INSERT_DIGESTS, (first, len(digests), b"".join(digests), now))
        return
    rows = [(number, digest, value, now) for number, (digest, value) in enumerate(claims, first)]
    db.executemany("INSERT INTO claims VALUES (?, ?, ?, ?)", rows)


def _insert_page(
    db: sqlite3.Connection, segment: int, place: int, what: tuple[str, int, int], now: int, body: bytes, form: int = 0
) -> None:
    """``what``: table, partition and number of rows."""
    db.execute(
        "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (schema.page_ids(segment)[0] + place, *what, crc32(body), now, body, form),
    )
