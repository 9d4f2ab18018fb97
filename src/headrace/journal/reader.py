"""The loader's view of the journal: sealed segments and their pages, over a connection of its own."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from zstandard import ZstdDecompressor

from headrace.journal import schema


class Page(NamedTuple):
    """One commit's rows of one table and partition. ``intact`` False: the checksum does not match, ``body`` is not to be used.
    ``at`` µs: when it was committed; ``form``: how the rows are written, as the batch was told.
    """

    id: int
    table: str
    part: int
    row_count: int
    at: int
    body: bytes
    form: int
    intact: bool


class JournalReader:
    """Used by one thread. Raises ``sqlite3.Error`` when the file cannot be read."""

    def __init__(self, path: Path) -> None:
        self._db = schema.connect(path, readonly=True)

    def segments(self, upto: int) -> list[int]:
        """Numbers of the segments ≤ ``upto`` that still have pages, ascending."""
        found: list[int] = []
        after = 0
        while True:
            # One step per segment, however many pages each has.
            row = self._db.execute("SELECT min(id) FROM pages WHERE id > ?", (after,)).fetchone()
            if row[0] is None or row[0] >> schema.PLACE_BITS > upto:
                return found
            found.append(row[0] >> schema.PLACE_BITS)
            after = schema.page_ids(found[-1])[1]

    def pages(self, segment: int) -> Iterator[Page]:
        """The pages of ``segment`` in the order of their commits."""
        rows = self._db.execute(
            "SELECT id, table_name, part, row_count, crc, at, body, form FROM pages WHERE id BETWEEN ? AND ? ORDER BY id",
            schema.page_ids(segment),
        )
        for page_id, table, part, row_count, crc, at, body, form in rows:
            intact = crc32(body) == crc
            text = _unpacked(body, form) if intact else body
            yield Page(page_id, table, part, row_count, at, text, form & ~schema.PACKED, intact)

    def facts(self, after: int) -> Iterator[bytes]:
        """The facts of the segments after ``after``, as they were added; those of damaged pages are left out."""
        rows = self._db.execute(
            "SELECT crc, body, form FROM pages WHERE id > ? AND table_name = ? ORDER BY id",
            (schema.page_ids(after)[1], schema.FACTS),
        )
        for crc, body, form in rows:
            if crc32(body) == crc:
                yield from _unpacked(body, form).splitlines()

    def set_aside(self, segment: int) -> list[tuple[int, str, int, int]]:
        """The pages of ``segment`` that were set aside before: (id, table, part, rows), in the order of their commits."""
        return self._db.execute(
            "SELECT id, table_name, part, row_count FROM quarantine WHERE id BETWEEN ? AND ? ORDER BY id",
            schema.page_ids(segment),
        ).fetchall()

    def stats(self, upto: int) -> list[tuple[int, int, str, str, str, int]]:
        """Stats made by segments ≤ ``upto``: (stat_id, project, source, name, type, created_at)."""
        return self._db.execute(
            "SELECT stat_id, project, source, name, type, created_at FROM stats WHERE segment <= ?", (upto,)
        ).fetchall()

    def claims(self) -> list[tuple[int, bytes, bytes, int]]:
        """Claims not yet folded, as :func:`schema.read_claims` gives them."""
        return schema.read_claims(self._db)

    def close(self) -> None:
        self._db.close()


def _unpacked(body: bytes, form: int) -> bytes:
    """A page's body as its batch was given it."""
    return ZstdDecompressor().decompress(body) if form & schema.PACKED else body
