"""``claims.db``: one table of claims a generation, each claim with the second in which it was made, and a table of the generations."""

from __future__ import annotations

import sqlite3
from pathlib import Path

#: Written to ``PRAGMA user_version``. Before 1 a claim did not know its time.
VERSION = 1

US_PER_S = 1_000_000


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
