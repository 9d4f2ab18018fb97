"""What leaves the journal: segments that the store holds and has synced, claims that are folded elsewhere.

Deleting a segment of 32 MiB at once would stall every request behind it, so a little goes with each commit.
"""

from __future__ import annotations

import sqlite3

from headrace.journal import schema
from headrace.journal.backlog import Backlog

#: Bytes of trimmed pages deleted with one commit: keeps a commit short while a segment of 32 MiB goes.
TRIM_BYTES = 4 * 1024 * 1024

#: Folded claims deleted with one commit, for the same reason.
TRIM_CLAIMS = 5_000


class Trims:
    """What is still to be deleted."""

    def __init__(self) -> None:
        self.segments: list[int] = []
        self._claims_upto = 0
        self._claims_gone = 0

    def __bool__(self) -> bool:
        return bool(self.segments or self._claims_upto)

    def add(self, segment: int) -> None:
        self.segments.append(segment)

    def add_claims(self, last_id: int) -> None:
        """The claims up to ``last_id`` go."""
        self._claims_upto = last_id

    def some(self, db: sqlite3.Connection, backlog: Backlog) -> list[int]:
        """Deletes up to ``TRIM_BYTES`` of pages within the running transaction; gives the segments of which nothing is left. May run
        beside the event loop's thread, which adds meanwhile and takes nothing away.
        """
        gone: list[int] = []
        budget = TRIM_BYTES
        if self._claims_upto:
            self._trim_claims(db, self._claims_upto)
        for segment in self.segments:
            if not _trim_pages(db, segment, budget):
                break
            db.execute("DELETE FROM stats WHERE segment = ?", (segment,))
            db.execute(
                "UPDATE meta SET value = ? WHERE key = 'last_segment' AND CAST(value AS INTEGER) < ?",
                (str(segment), segment),
            )
            gone.append(segment)
            budget -= backlog.size_of(segment)
            if budget <= 0:
                break
        return gone

    def _trim_claims(self, db: sqlite3.Connection, upto: int) -> None:
        first = db.execute("SELECT min(id) FROM claims").fetchone()[0]
        if first is None or first > upto:
            self._claims_gone = upto
            return
        db.execute("DELETE FROM claims WHERE id <= ?", (min(first + TRIM_CLAIMS, upto),))

    def done(self, gone: list[int], backlog: Backlog) -> None:
        """The transaction that deleted the last of the segments ``gone`` is on disk."""
        for segment in gone:
            self.segments.remove(segment)
            backlog.drop(segment)
        if self._claims_gone == self._claims_upto:
            self._claims_upto = 0


def _trim_pages(db: sqlite3.Connection, segment: int, budget: int) -> bool:
    """Deletes the first pages of ``segment``, ``budget`` bytes and one page at most; tells whether none is left."""
    first, last = schema.page_ids(segment)
    # Summed up here: a window function would read every body to know its length.
    for page_id, size in db.execute(
        "SELECT id, length(body) FROM pages WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)
    ):
        budget -= size
        if budget <= 0:
            db.execute("DELETE FROM pages WHERE id BETWEEN ? AND ?", (first, page_id))
            left = db.execute("SELECT 1 FROM pages WHERE id BETWEEN ? AND ? LIMIT 1", (page_id, last)).fetchone()
            return left is None
    db.execute("DELETE FROM pages WHERE id BETWEEN ? AND ?", (first, last))
    return True
