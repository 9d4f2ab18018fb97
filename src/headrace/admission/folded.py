"""Claims that are folded: sorted, in generations of ``claims.db``, each behind a Bloom filter, so that a look-up of a new id touches
no disk. A random-key B-tree inside the commit cost p99 25-49 ms against 11 ms append-only.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rbloom import Bloom

from headrace.admission import claims_file
from headrace.admission.claims_file import US_PER_S, whole_seconds
from headrace.journal import JournalUnavailable
from headrace.journal.aside import mark_doubtful
from headrace.journal.schema import is_damage

#: Claims of one generation: bounds a B-tree (random inserts stay in cache) and a filter (2.4 MB).
GENERATION_MAX = 2_000_000

#: A filter's false positives: each costs one look-up of some 10 µs.
FALSE_POSITIVES = 0.01

#: How long a claim is held (Logister 1.7).
HELD_S = 120 * 86_400
HELD_US = HELD_S * US_PER_S

#: Rows inserted with one statement while folding: bounds how long the interpreter is held.
FOLD_CHUNK = 2_000


def is_past(at_s: int, now: int) -> bool:
    """Whether the time of a claim made at ``at_s`` seconds is up at ``now`` µs."""
    return (at_s + HELD_S) * US_PER_S <= now


#: A digest as the number that filters know it by.
_hash = partial(int.from_bytes, byteorder="big", signed=True)


class _Generation(NamedTuple):
    """``bloom`` None: not built yet, so the table is always asked. One that stands here is never changed: rbloom cannot be asked
    while it takes something in. Times µs.
    """

    number: int
    claims: int
    first_at: int
    last_at: int
    bloom: Bloom | None


class FoldedClaims:
    """``claims.db`` and its filters. ``holds`` is called on the event loop's thread, ``fold``, ``warm`` and ``expire`` on others."""

    def __init__(self, path: Path, *, maximum: int) -> None:
        """Opens or makes the file. Filters that it holds are read; :meth:`warm` builds the others."""
        self.path = path
        self._maximum = maximum
        #: Claims of a full generation: small enough that a low ``maximum`` drops a quarter at a time.
        self._full = max(1, min(GENERATION_MAX, maximum // 4))
        self._lock = threading.Lock()
        self._reader = claims_file.connect(path)
        claims_file.prepare(self._reader)
        rows = self._reader.execute(
            "SELECT number, count, first_at, last_at, bloom FROM generations ORDER BY number DESC"
        )
        self._generations = tuple(
            _Generation(number, count, first, last, Bloom.load_bytes(bloom, _hash) if bloom else None)
            for number, count, first, last, bloom in rows
        )
        #: Claims dropped before their time because there were too many, since the start.
        self.dropped_early = 0
        #: What was found broken in the file, "" when nothing was: the next start looks at all of it.
        self.damage = ""

    def __len__(self) -> int:
        return sum(generation.claims for generation in self._generations)

    def holds(self, digest: bytes, now: int) -> bytes | None:
        """The value held under ``digest`` at ``now`` (µs), None when it is not claimed. Raises ``JournalUnavailable`` when that
        cannot be told.
        """
        for generation in self._generations:
            bloom = generation.bloom
            if bloom is not None and digest not in bloom:
                continue
            row = self._look_up(generation, digest)
            if row is not None and not is_past(row[1], now):
                return row[0]
        return None

    def _look_up(self, generation: _Generation, digest: bytes) -> tuple[bytes, int] | None:
        try:
            row: tuple[bytes, int] | None = self._reader.execute(
                f"SELECT value, at FROM claims_{generation.number} WHERE digest = ?", (digest,)
            ).fetchone()
        except sqlite3.Error as error:
            if all(held.number != generation.number for held in self._generations):
                return None  # dropped by `expire` since the tuple was read
            self._note_damage(error)
            raise JournalUnavailable(f"claims cannot be looked up: {error}") from None
        return row

    def _note_damage(self, error: sqlite3.Error) -> None:
        if is_damage(error) and not self.damage:
            self.damage = str(error)
            mark_doubtful(self.path)

    def warm(self) -> None:
        """Builds the filters that the file does not hold."""
        with self._lock:
            for place, generation in enumerate(self._generations):
                if generation.bloom is None:
                    built = generation._replace(bloom=self._build_bloom(generation, keep=place > 0))
                    self._replace(built)

    def _build_bloom(self, generation: _Generation, *, keep: bool) -> Bloom:
        """``keep``: nothing more comes into this generation, so that the file may hold its filter."""
        bloom = Bloom(max(self._full, generation.claims), FALSE_POSITIVES, _hash)
        with self._writing() as writer:
            rows = writer.execute(f"SELECT digest FROM claims_{generation.number}")
            while chunk := rows.fetchmany(FOLD_CHUNK):
                bloom.update([row[0] for row in chunk])
            if keep:
                _keep_bloom(writer, generation.number, bloom)
        return bloom

    def fold(self, claims: list[tuple[bytes, bytes, int]]) -> None:
        """Takes over (digest, value, at µs); returns when they are synced. Folding the same claims twice is harmless, and of two
        under one digest the later counts.
        """
        self.warm()
        with self._lock, self._writing() as writer:
            youngest = self._generations[0] if self._generations else None
            if youngest is None or youngest.claims >= self._full:
                youngest = self._begin(writer, youngest)
                self._generations = (youngest, *self._generations)
            assert youngest.bloom is not None
            bloom = youngest.bloom.copy()
            before = writer.total_changes
            writer.execute("BEGIN IMMEDIATE")
            for chunk in _sorted_chunks(claims):
                bloom.update([row[0] for row in chunk])
                claims_file.insert(writer, youngest.number, chunk)
            count = youngest.claims + writer.total_changes - before
            # The clock may have been set back between two claims.
            times = [at for _, _, at in claims]
            first, last = min(youngest.first_at or times[0], *times), max(youngest.last_at, *times)
            writer.execute(
                "UPDATE generations SET count = ?, first_at = ?, last_at = ? WHERE number = ?",
                (count, first, last, youngest.number),
            )
            writer.execute("COMMIT")
            self._replace(_Generation(youngest.number, count, first, last, bloom))

    def forget(self, digests: Iterable[bytes]) -> None:
        """Drops these, whether they are held or not; they are out of the file when this returns. Filters keep them: a look-up more."""
        wanted = sorted(digests)
        with self._lock:
            for generation in self._generations:
                known = [(digest,) for digest in wanted if generation.bloom is None or digest in generation.bloom]
                with self._writing() as writer:
                    before = writer.total_changes
                    writer.execute("BEGIN IMMEDIATE")
                    writer.executemany(f"DELETE FROM claims_{generation.number} WHERE digest = ?", known)
                    count = generation.claims - (writer.total_changes - before)
                    writer.execute("UPDATE generations SET count = ? WHERE number = ?", (count, generation.number))
                    writer.execute("COMMIT")
                self._replace(generation._replace(claims=count))

    def _begin(self, writer: sqlite3.Connection, full: _Generation | None) -> _Generation:
        """Starts a generation; the filter of the one that is full is kept with it, for the next start."""
        writer.execute("BEGIN IMMEDIATE")
        number = writer.execute("SELECT coalesce(max(number), 0) + 1 FROM generations").fetchone()[0]
        if full is not None and full.bloom is not None:
            _keep_bloom(writer, full.number, full.bloom)
        claims_file.add_generation(writer, number)
        writer.execute("COMMIT")
        return _Generation(number, 0, 0, 0, Bloom(self._full, FALSE_POSITIVES, _hash))

    def _replace(self, changed: _Generation) -> None:
        self._generations = tuple(changed if held.number == changed.number else held for held in self._generations)

    def expire(self, now: int) -> None:
        """Drops generations whose youngest claim is past its time at ``now`` (µs), and the oldest while there are too many."""
        with self._lock:
            kept = list(self._generations)
            while kept:
                oldest = kept[-1]
                past = is_past(whole_seconds(oldest.last_at), now)
                # One that still takes claims in is left, however low the maximum.
                closed = len(kept) > 1 or oldest.claims >= self._full
                if not past and not (closed and sum(held.claims for held in kept) > self._maximum):
                    break
                kept.pop()
                self._generations = tuple(kept)
                self.dropped_early += 0 if past else oldest.claims
                with self._writing() as writer:
                    writer.execute("BEGIN IMMEDIATE")
                    writer.execute(f"DROP TABLE claims_{oldest.number}")
                    writer.execute("DELETE FROM generations WHERE number = ?", (oldest.number,))
                    writer.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection for one piece of work; what is not committed at its end is rolled back."""
        try:
            with closing(claims_file.connect(self.path)) as writer:
                yield writer
        except sqlite3.Error as error:
            self._note_damage(error)
            raise

    def close(self) -> None:
        self._reader.close()


def _keep_bloom(writer: sqlite3.Connection, number: int, bloom: Bloom) -> None:
    writer.execute("UPDATE generations SET bloom = ? WHERE number = ?", (bloom.save_bytes(), number))


def _sorted_chunks(claims: list[tuple[bytes, bytes, int]]) -> Iterator[list[tuple[bytes, bytes, int]]]:
    """``claims`` in ascending order. Sorted in parts by first byte: one sort of 200,000 would hold the interpreter, and so every request,
    for 150 ms.
    """
    parts: list[list[tuple[bytes, bytes, int]]] = [[] for _ in range(256)]
    for claim in claims:
        parts[claim[0][0]].append(claim)
    chunk: list[tuple[bytes, bytes, int]] = []
    for part in parts:
        part.sort()
        chunk += part
        if len(chunk) >= FOLD_CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
