"""A ``claims.db`` that is broken: the claims that can still be read go on in a new file, the old one is set aside.

A claim that is lost lets its event be stored a second time if it is sent again; nothing else hangs on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from headrace.admission import claims_file
from headrace.admission.claims_file import US_PER_S, whole_seconds
from headrace.journal import aside
from headrace.journal.schema import is_damage

#: A larger file is looked at as a whole only when damage was met in it before: 50 million claims would take 4 s.
LOOKED_AT_BYTES = 128 * 1024 * 1024

#: Where reading stops at damage it goes on with the next digest of other first bytes: at 2 million claims some 30 are passed over.
STEP_BYTES = 2

#: Rows written with one statement.
CHUNK = 2_000

DIGEST_BYTES = 16


class Rescued(NamedTuple):
    """``claims`` go on; ``aside`` is the damaged file."""

    claims: int
    aside: Path


def rescue(path: Path, now: int) -> Rescued | None:
    """None when the file at ``path`` is sound or not there. ``now`` in µs. Raises ``sqlite3.Error`` (no room, no permission)."""
    complete = aside.beside(path, aside.COMPLETE)
    if not complete.exists():
        if not path.exists() or _is_sound(path):
            aside.trust(path)
            return None
        _build(path, now)
    with closing(claims_file.connect(complete)) as new:
        claims = new.execute("SELECT total(count) FROM generations").fetchone()[0]
    rescued = Rescued(int(claims), aside.name_for(path, now))
    aside.swap(path, rescued.aside)
    aside.trust(path)
    return rescued


def look_at(connection: sqlite3.Connection, *, thoroughly: bool) -> str:
    """What is wrong with the file, "" when nothing is. ``thoroughly`` reads all of it."""
    try:
        tables = _tables(connection)
        if connection.execute("PRAGMA user_version").fetchone()[0] or tables:
            held = {number for (number,) in connection.execute("SELECT number FROM generations")}
            if held != set(tables):
                return "a generation is missing"
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0] if thoroughly else "ok"
    except sqlite3.Error as error:
        if is_damage(error) or "no such table" in str(error):
            return str(error)
        raise
    return "" if found == "ok" else str(found).splitlines()[0]


def _is_sound(path: Path) -> bool:
    thoroughly = aside.is_doubtful(path) or path.stat().st_size <= LOOKED_AT_BYTES
    try:
        with closing(claims_file.connect(path)) as connection:
            return not look_at(connection, thoroughly=thoroughly)
    except sqlite3.Error as error:
        if is_damage(error):
            return False
        raise


def _tables(connection: sqlite3.Connection) -> list[int]:
    """The numbers of the generations that have a table, ascending."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'claims!_%' ESCAPE '!'"
    )
    numbers = [name.removeprefix("claims_") for (name,) in names]
    return sorted(int(number) for number in numbers if number.isdecimal())


def _build(path: Path, now: int) -> None:
    building = aside.clear_building(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as old, closing(claims_file.connect(building)) as new:
        old.execute("PRAGMA writable_schema=ON")  # reads what is left of a file that was cut short
        claims_file.prepare(new)
        try:
            numbers = _tables(old)
            timed = old.execute("PRAGMA user_version").fetchone()[0] >= claims_file.VERSION
        except sqlite3.DatabaseError:
            numbers, timed = [], True
        for number in numbers:
            # Claims of a file from before they knew their time are held as if they were made now.
            _copy(old, new, number, "at" if timed else str(whole_seconds(now)))
    aside.complete(path)


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, number: int, at: str) -> None:
    """Filters are not taken over: they are built anew from what is there."""
    new.execute("BEGIN IMMEDIATE")
    claims_file.add_generation(new, number)
    claims = first = last = 0
    rows = _readable(old, number, at)
    while chunk := list(islice(rows, CHUNK)):
        new.executemany(f"INSERT OR IGNORE INTO claims_{number} VALUES (?, ?, ?)", chunk)
        times = [row[2] for row in chunk]
        first, last = min(first or times[0], *times), max(last, *times)
        claims += len(chunk)
    new.execute(
        "UPDATE generations SET count = ?, first_at = ?, last_at = ? WHERE number = ?",
        (claims, first * US_PER_S, last * US_PER_S, number),
    )
    new.execute("COMMIT")


def _readable(old: sqlite3.Connection, number: int, at: str) -> Iterator[tuple[bytes, bytes, int]]:
    """Claims in the order of their digests; where they cannot be read some are passed over."""
    select = f"SELECT digest, value, {at} FROM claims_{number} WHERE digest > ? ORDER BY digest"
    after: bytes | None = b""
    while after is not None:
        try:
            for row in old.execute(select, (after,)):
                if _makes_sense(row) and row[0] > after:
                    after = row[0]
                    yield row
        except sqlite3.DatabaseError:
            after = _step(after)
        else:
            after = None


def _step(after: bytes) -> bytes | None:
    """Where to go on behind damage that was met after the digest ``after``; None when nothing comes there."""
    step = int.from_bytes(after[:STEP_BYTES].ljust(STEP_BYTES, b"\0")) + 1
    return step.to_bytes(STEP_BYTES) if step < 1 << 8 * STEP_BYTES else None


def _makes_sense(row: tuple[object, object, object]) -> bool:
    digest, value, at = row
    return (
        isinstance(digest, bytes)
        and len(digest) == DIGEST_BYTES
        and isinstance(value, bytes)
        and isinstance(at, int)
        and 0 <= at < 1 << 40
    )
