"""A journal file that is broken in its structure: what can still be read goes on in a new file, the old one is set aside.

A damaged page body alone is no case for this: its checksum tells, and the loader sets that page aside.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from headrace.journal import aside, schema

#: Segment numbers begin as ms since the epoch: one above this (the year 2109) is itself damage.
SEGMENT_MAX = 1 << 42

#: Claims are counted from 1: the next one's id must still be an integer to SQLite.
CLAIM_MAX = 1 << 62

#: (table, columns, key): everything but ``meta`` is taken over row by row.
_TABLES = (
    ("pages", 8, "id"),
    ("stats", 7, "stat_id"),
    ("claims", 4, "id"),
    ("answers", 5, "digest"),
    ("quarantine", 6, "id"),
)


class Rescue(NamedTuple):
    """``rows`` go on in the new file; ``old_uuid`` is "" when it could not be read. ``aside`` names the damaged file once
    :func:`finish` has run.
    """

    uuid: str
    old_uuid: str
    rows: int
    aside: Path


def begin(path: Path, *, first_segment: int, clock: Callable[[], int]) -> Rescue | None:
    """None when the journal at ``path`` is sound or not there. Else the new file is complete beside it and waits for :func:`finish`.
    ``first_segment`` as for a new journal; ``clock``: µs since the epoch. Raises ``sqlite3.Error`` (no room, no permission).
    """
    complete = aside.beside(path, aside.COMPLETE)
    if not complete.exists():
        if not path.exists() or _is_sound(path):
            return None
        _build(path, first_segment)
    return _describe(path, complete, clock())


def finish(path: Path, rescue: Rescue) -> None:
    """Sets the damaged file aside and puts the new one in its place."""
    aside.swap(path, rescue.aside)


def _is_sound(path: Path) -> bool:
    try:
        connection = schema.connect(path)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if 0 < version <= schema.VERSION:
                connection.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        if schema.is_damage(error):
            return False
        raise
    except TypeError:  # no uuid
        return False
    return bool(found == "ok")


def _build(path: Path, first_segment: int) -> None:
    building = aside.clear_building(path)
    old = sqlite3.connect(path, isolation_level=None)
    old.execute("PRAGMA writable_schema=ON")  # reads what is left of a file that was cut short
    new = schema.connect(building)
    try:
        last = _number(_meta(old, "last_segment"))
        keys = {table: list(_keys(old, table, key)) for table, _, key in _TABLES}
        keys["pages"] = [key for key in keys["pages"] if 0 < key >> schema.PLACE_BITS < SEGMENT_MAX]
        keys["claims"] = [key for key in keys["claims"] if 0 < key < CLAIM_MAX]
        last = max(last, *(key >> schema.PLACE_BITS for key in keys["pages"]), 0)
        schema.prepare(new, str(uuid4()), max(first_segment, last + 1))
        new.execute("BEGIN IMMEDIATE")
        new.execute("INSERT INTO meta VALUES ('rescued_from', ?)", (_meta(old, "uuid"),))
        for table, columns, key in _TABLES:
            marks = ", ".join("?" * columns)
            for row in _rows(old, table, key, keys[table]):
                # A page of a file of version 1 has no form, which is form 0.
                new.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", (*row, *(0,) * (columns - len(row))))
        new.execute("COMMIT")
    finally:
        new.close()  # the last one to close moves the write-ahead log into the file
        old.close()
    aside.complete(path)


def _keys(old: sqlite3.Connection, table: str, key: str) -> Iterator[Any]:
    """The keys of ``table`` from both ends up to the damage, ascending first."""
    last: Any = None
    try:
        for row in old.execute(f"SELECT {key} FROM {table} ORDER BY {key}"):
            last = row[0]
            yield last
    except sqlite3.DatabaseError:
        above = "" if last is None else f"WHERE {key} > ?"
        try:
            for row in old.execute(
                f"SELECT {key} FROM {table} {above} ORDER BY {key} DESC", () if last is None else (last,)
            ):
                yield row[0]
        except sqlite3.DatabaseError:
            return


def _rows(old: sqlite3.Connection, table: str, key: str, keys: list[Any]) -> Iterator[tuple[Any, ...]]:
    for one in keys:
        try:
            row = old.execute(f"SELECT * FROM {table} WHERE {key} = ?", (one,)).fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None:
            yield row


def _meta(connection: sqlite3.Connection, key: str) -> str:
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    except sqlite3.DatabaseError:
        return ""
    return str(row[0]) if row else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _describe(path: Path, complete: Path, now: int) -> Rescue:
    connection = schema.connect(complete)
    try:
        rows = int(connection.execute("SELECT total(row_count) FROM pages").fetchone()[0])
        uuid, old_uuid = _meta(connection, "uuid"), _meta(connection, "rescued_from")
    finally:
        connection.close()
    return Rescue(uuid, old_uuid, rows, aside.name_for(path, now))
