"""The journal's file: an SQLite database in WAL mode with ``synchronous=FULL``."""

from __future__ import annotations

import sqlite3
from pathlib import Path

#: Written to ``PRAGMA user_version``; a file with a higher one comes from a newer release and is refused.
VERSION = 3

#: WAL pages between checkpoints (datapath 4: the WAL stays at 5-20 MB, the file at its high-water mark).
AUTOCHECKPOINT_PAGES = 2_000

#: Added to a page's form when its body is packed with Zstandard.
PACKED = 2

#: A page's table for projection facts, which no store table may have.
FACTS = "@facts"

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pages (
    id INTEGER PRIMARY KEY, table_name TEXT NOT NULL, part INTEGER NOT NULL,
    row_count INTEGER NOT NULL, crc INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
    form INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE stats (
    stat_id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, project INTEGER NOT NULL, source TEXT NOT NULL,
    name TEXT NOT NULL, type TEXT NOT NULL, created_at INTEGER NOT NULL
);
CREATE TABLE claims (id INTEGER PRIMARY KEY, digest BLOB NOT NULL, value BLOB NOT NULL, at INTEGER NOT NULL);
CREATE TABLE answers (
    digest BLOB PRIMARY KEY, status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX answers_expiry ON answers (expires_at);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, table_name TEXT NOT NULL, part INTEGER NOT NULL,
    row_count INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
);
"""

#: What a file of each version lacks. A form of 0 or 1 takes no byte behind the body, which need not be read for it. Since version 3 pages
#: may be packed, and claims of one commit one row.
_STEPS = {0: _TABLES, 1: "ALTER TABLE pages ADD COLUMN form INTEGER NOT NULL DEFAULT 0;", 2: ""}

#: Bytes of a claim's digest. A row without a value may hold several, one after the other: all have its id.
DIGEST_BYTES = 16

#: A page's id is its segment's number, shifted, plus its place in the segment: one B-tree less to write in every commit.
PLACE_BITS = 20


def page_ids(segment: int) -> tuple[int, int]:
    """First and last id that a page of ``segment`` can have."""
    return segment << PLACE_BITS, (segment + 1 << PLACE_BITS) - 1


class JournalTooNew(RuntimeError):
    """The file was written by a newer release."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether ``error`` says that the file itself is broken, not that it cannot be used now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode that may be used by one thread at a time. Raises ``sqlite3.Error``."""
    uri = f"file:{path}?mode=ro" if readonly else f"file:{path}?mode=rwc"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5.0, check_same_thread=False)
    if not readonly:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={AUTOCHECKPOINT_PAGES}")
    return connection


def prepare(connection: sqlite3.Connection, uuid: str, first_segment: int) -> None:
    """Makes the tables of a new file, brings an old one up to date. Raises :class:`JournalTooNew`."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise JournalTooNew(f"the journal was written by a newer Headrace (format {version}, this one reads {VERSION})")
    if version == VERSION:
        return
    connection.executescript("\n".join(("BEGIN IMMEDIATE;", _STEPS[version], f"PRAGMA user_version={VERSION};")))
    if not version:
        connection.execute("INSERT INTO meta VALUES ('uuid', ?), ('last_segment', ?)", (uuid, str(first_segment - 1)))
    connection.execute("COMMIT")


def read_claims(db: sqlite3.Connection) -> list[tuple[int, bytes, bytes, int]]:
    """The claims that the file holds: (id, digest, value, at µs), oldest first. Those of one row have one id."""
    found: list[tuple[int, bytes, bytes, int]] = []
    for row in db.execute("SELECT id, digest, value, at FROM claims ORDER BY id"):
        number, digest, value, at = row
        if value or len(digest) <= DIGEST_BYTES:
            found.append(row)
            continue
        found += [
            (number, digest[start : start + DIGEST_BYTES], value, at) for start in range(0, len(digest), DIGEST_BYTES)
        ]
    return found
