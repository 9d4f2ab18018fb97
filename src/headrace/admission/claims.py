"""Claims: ids that are accepted once (Logister's UUIDs, for 120 days).

New claims are appended to the journal with the rows they belong to and held in memory; in bulk they are folded, sorted, into
generations of ``claims.db``, each behind a Bloom filter, so that a look-up of a new id touches no disk. A random-key B-tree inside
the commit cost p99 25-49 ms against 11 ms append-only.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rbloom import Bloom

from headrace.journal import JournalUnavailable

#: Claims in memory before they are folded.
UNFOLDED_MAX = 200_000

#: Claims of one generation: bounds a B-tree (random inserts stay in cache) and a filter (2.4 MB).
GENERATION_MAX = 2_000_000

#: A filter's false positives: each costs one look-up of some 10 µs.
FALSE_POSITIVES = 0.01

#: How long a claim is held, µs (Logister 1.7).
HELD_US = 120 * 86_400 * 1_000_000

#: Rows inserted with one statement while folding: bounds how long the interpreter is held.
FOLD_CHUNK = 2_000


def _hash(digest: bytes) -> int:
    return int.from_bytes(digest, "big", signed=True)


class _Generation(NamedTuple):
    """``bloom`` None: not built yet, so the table is always asked. Times µs."""

    number: int
    claims: int
    first_at: int
    last_at: int
    bloom: Bloom | None


class FoldedClaims:
    """``claims.db`` and its filters. ``holds`` is called on the event loop's thread, ``fold`` and ``expire`` on one other."""

    def __init__(self, path: Path, *, maximum: int) -> None:
        """Opens or makes the file. Filters of full generations are read from it, the youngest's is rebuilt by :meth:`warm`."""
        self._path = path
        self._maximum = maximum
        #: Claims of a full generation: small enough that a low ``maximum`` drops a quarter at a time.
        self._full = max(1, min(GENERATION_MAX, maximum // 4))
        self._reader = _connect(path)
        self._lock = threading.Lock()
        self._reader.execute(
            "CREATE TABLE IF NOT EXISTS generations (number INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
            " first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, bloom BLOB)"
        )
        rows = self._reader.execute(
            "SELECT number, count, first_at, last_at, bloom FROM generations ORDER BY number DESC"
        )
        self._generations = tuple(
            _Generation(number, count, first, last, Bloom.load_bytes(bloom, _hash) if bloom else None)
            for number, count, first, last, bloom in rows
        )
        #: Claims dropped before their time because there were too many, since the start.
        self.dropped_early = 0

    def __len__(self) -> int:
        return sum(generation.claims for generation in self._generations)

    def holds(self, digest: bytes) -> bytes | None:
        """The value held under ``digest``, None when it is not claimed. Raises ``JournalUnavailable`` when that cannot be told."""
        for generation in self._generations:
            if generation.bloom is not None and digest not in generation.bloom:
                continue
            row = self._look_up(generation, digest)
            if row is not None:
                return row[0]
        return None

    def _look_up(self, generation: _Generation, digest: bytes) -> tuple[bytes] | None:
        try:
            row: tuple[bytes] | None = self._reader.execute(
                f"SELECT value FROM claims_{generation.number} WHERE digest = ?", (digest,)
            ).fetchone()
        except sqlite3.Error as error:
            if all(held.number != generation.number for held in self._generations):
                return None  # dropped by `expire` since the tuple was read
            raise JournalUnavailable(f"claims cannot be looked up: {error}") from None
        return row

    def warm(self) -> None:
        """Builds the filter of the youngest generation, if a stop left it without one."""
        with self._lock:
            if not self._generations or self._generations[0].bloom is not None:
                return
            youngest = self._generations[0]
            writer = _connect(self._path)
            try:
                bloom = self._new_bloom()
                rows = writer.execute(f"SELECT digest FROM claims_{youngest.number}")
                while chunk := rows.fetchmany(FOLD_CHUNK):
                    bloom.update([row[0] for row in chunk])
            finally:
                writer.close()
            self._generations = (youngest._replace(bloom=bloom), *self._generations[1:])

    def fold(self, claims: list[tuple[bytes, bytes, int]]) -> None:
        """Takes over (digest, value, at µs); returns when they are synced. Folding the same claims twice is harmless."""
        self.warm()
        with self._lock:
            writer = _connect(self._path)
            try:
                youngest = self._generations[0] if self._generations else None
                if youngest is None or youngest.claims >= self._full:
                    youngest = self._begin(writer, youngest)
                    self._generations = (youngest, *self._generations)
                assert youngest.bloom is not None
                before = writer.total_changes
                writer.execute("BEGIN IMMEDIATE")
                for chunk in _sorted_chunks(claims):
                    youngest.bloom.update([row[0] for row in chunk])
                    writer.executemany(f"INSERT OR IGNORE INTO claims_{youngest.number} VALUES (?, ?)", chunk)
                count = youngest.claims + writer.total_changes - before
                # The clock may have been set back between two claims.
                times = [at for _, _, at in claims]
                first, last = min(youngest.first_at or times[0], *times), max(youngest.last_at, *times)
                writer.execute(
                    "UPDATE generations SET count = ?, first_at = ?, last_at = ? WHERE number = ?",
                    (count, first, last, youngest.number),
                )
                writer.execute("COMMIT")
            finally:
                writer.close()
            youngest = youngest._replace(claims=count, first_at=first, last_at=last)
            self._generations = (youngest, *(g for g in self._generations if g.number != youngest.number))

    def _begin(self, writer: sqlite3.Connection, full: _Generation | None) -> _Generation:
        """Starts a generation; the filter of the one that is full is kept with it, for the next start."""
        writer.execute("BEGIN IMMEDIATE")
        number = writer.execute("SELECT coalesce(max(number), 0) + 1 FROM generations").fetchone()[0]
        if full is not None and full.bloom is not None:
            writer.execute("UPDATE generations SET bloom = ? WHERE number = ?", (full.bloom.save_bytes(), full.number))
        writer.execute(f"CREATE TABLE claims_{number} (digest BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        writer.execute("INSERT INTO generations VALUES (?, 0, 0, 0, NULL)", (number,))
        writer.execute("COMMIT")
        return _Generation(number, 0, 0, 0, self._new_bloom())

    def _new_bloom(self) -> Bloom:
        return Bloom(self._full, FALSE_POSITIVES, _hash)

    def expire(self, now: int) -> None:
        """Drops generations whose youngest claim is past its time, and the oldest while there are too many."""
        with self._lock:
            kept = list(self._generations)
            while kept and (len(kept) > 1 or kept[0].claims >= self._full):
                oldest = kept[-1]
                early = oldest.last_at + HELD_US > now
                if early and sum(generation.claims for generation in kept) <= self._maximum:
                    break
                kept.pop()
                self._generations = tuple(kept)
                self.dropped_early += oldest.claims if early else 0
                writer = _connect(self._path)
                try:
                    writer.execute("BEGIN IMMEDIATE")
                    writer.execute(f"DROP TABLE claims_{oldest.number}")
                    writer.execute("DELETE FROM generations WHERE number = ?", (oldest.number,))
                    writer.execute("COMMIT")
                finally:
                    writer.close()

    def close(self) -> None:
        self._reader.close()


class Claims:
    """All claims: those of this moment in memory, the rest folded. Used on the event loop's thread."""

    def __init__(self, folded: FoldedClaims, saved: list[tuple[int, bytes, bytes, int]]) -> None:
        """``saved``: (id, digest, value, at) that the journal holds unfolded."""
        self._folded = folded
        self._recent: dict[bytes, bytes] = {digest: value for _, digest, value, _ in saved}

    def holds(self, digest: bytes) -> bytes | None:
        """The value held under ``digest``, None when it is not claimed."""
        value = self._recent.get(digest)
        return self._folded.holds(digest) if value is None else value

    def add(self, digest: bytes, value: bytes) -> Callable[[], None]:
        """Claims ``digest``; gives what takes it back."""
        self._recent[digest] = value

        def undo() -> None:
            with suppress(KeyError):
                del self._recent[digest]

        return undo

    @property
    def unfolded(self) -> int:
        return len(self._recent)

    def __len__(self) -> int:
        return len(self._recent) + len(self._folded)

    def forget(self, digests: list[bytes]) -> None:
        """These have been folded."""
        for digest in digests:
            self._recent.pop(digest, None)


def _sorted_chunks(claims: list[tuple[bytes, bytes, int]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """(digest, value) in ascending order. Sorted in parts by first byte: one sort of 200,000 would hold the interpreter, and so
    every request, for 150 ms.
    """
    parts: dict[int, list[tuple[bytes, bytes]]] = {}
    for digest, value, _ in claims:
        parts.setdefault(digest[0], []).append((digest, value))
    for first in sorted(parts):
        rows = sorted(parts[first])
        for start in range(0, len(rows), FOLD_CHUNK):
            yield rows[start : start + FOLD_CHUNK]


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection
