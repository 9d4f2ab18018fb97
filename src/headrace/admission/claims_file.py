"""``claims.db``: one table of claims a generation, each claim with the second in which it was made, and a table of the generations."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from headrace.journal.schema import DIGEST_BYTES

#: Written to ``PRAGMA user_version``. Before 1 a claim did not know its time.
VERSION = 1

US_PER_S = 1_000_000
#: Digits of a second since the epoch, until the year 5138.
_SECOND_CHARS = 11


def whole_seconds(at: int) -> int:
    """``at`` µs as claims keep it: rounded up, so that none is forgotten early."""
    return -(-at // US_PER_S)


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode that may be used by one thread at a time. Raises ``sqlite3.Error``."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Makes what a new file needs; claims of an older one get the time of the youngest of their generation."""
    if connection.execute("PRAGMA user_version").fetchone()[0] >= VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS generations (number INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
        " first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, bloom BLOB)"
    )
    for number, last_at in connection.execute("SELECT number, last_at FROM generations").fetchall():
        at = whole_seconds(last_at)
        connection.execute(f"ALTER TABLE claims_{number} ADD COLUMN at INTEGER NOT NULL DEFAULT {at}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")


def add_generation(connection: sqlite3.Connection, number: int) -> None:
    """An empty generation, within the running transaction."""
    connection.execute(
        f"CREATE TABLE claims_{number} (digest BLOB PRIMARY KEY, value BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID"
    )
    connection.execute("INSERT INTO generations VALUES (?, 0, 0, 0, NULL)", (number,))


def insert(connection: sqlite3.Connection, number: int, claims: Sequence[tuple[bytes, bytes, int]]) -> None:
    """Claims, (digest, value, at µs), into a generation; of two under one digest the later counts. Those without a value go in with
    one statement: between two, the event loop's thread would have to wait for this one, for every claim.
    """
    later = "ON CONFLICT (digest) DO UPDATE SET value = excluded.value, at = excluded.at WHERE excluded.at > at"
    digests = [digest for digest, value, _ in claims if not value and len(digest) == DIGEST_BYTES]
    if len(digests) < len(claims):
        rows = [(digest, value, whole_seconds(at)) for digest, value, at in claims]
        connection.executemany(f"INSERT INTO claims_{number} VALUES (?, ?, ?) {later}", rows)
        return
    times = f"%0{_SECOND_CHARS}d" * len(claims) % tuple([-(-at // US_PER_S) for _, _, at in claims])
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)"
        f" INSERT INTO claims_{number} SELECT substr(?2, i * {DIGEST_BYTES} + 1, {DIGEST_BYTES}), x'',"
        f" CAST(substr(?3, i * {_SECOND_CHARS} + 1, {_SECOND_CHARS}) AS INTEGER) FROM n WHERE true {later}",
        (len(claims), b"".join(digests), times.encode()),  # of text, each character would be counted from the first on
    )
