"""What the journal holds, segment by segment, and whether there is room for more."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from headrace.journal import schema
from headrace.journal.errors import JournalUnavailable

#: How often free disk space is looked at, seconds.
DISK_CHECK_S = 0.25


class Backlog:
    """Bytes and rows that were committed and not yet trimmed. Times in µs."""

    def __init__(self, db: sqlite3.Connection) -> None:
        #: Per segment with pages, oldest first: (bytes, rows, when the first was written).
        self._segments: dict[int, tuple[int, int, int]] = {
            number: (int(size), int(rows), at)
            for number, size, rows, at in db.execute(
                "SELECT id >> ?, total(length(body)), total(row_count), min(at) FROM pages GROUP BY 1 ORDER BY 1",
                (schema.PLACE_BITS,),
            )
        }
        self.bytes = sum(size for size, _, _ in self._segments.values())
        self.rows = sum(rows for _, rows, _ in self._segments.values())

    @property
    def last_segment(self) -> int:
        """The highest segment with pages, 0 when there is none."""
        return max(self._segments, default=0)

    def size_of(self, segment: int) -> int:
        """Bytes of a segment's pages."""
        return self._segments.get(segment, (0, 0, 0))[0]

    def oldest_after(self, segment: int) -> int | None:
        """When the first page after ``segment`` was written, None when nothing waits behind it."""
        return next((at for number, (_, _, at) in self._segments.items() if number > segment), None)

    def add(self, segment: int, size: int, rows: int, now: int) -> None:
        held, held_rows, at = self._segments.get(segment, (0, 0, now))
        self._segments[segment] = (held + size, held_rows + rows, at)
        self.bytes += size
        self.rows += rows

    def drop(self, segment: int) -> None:
        """Nothing of ``segment`` is left in the file."""
        size, rows, _ = self._segments.pop(segment, (0, 0, 0))
        self.bytes -= size
        self.rows -= rows


class Room:
    """Whether more can be taken in: the journal's own cap, and what is free on its disk."""

    def __init__(self, folder: Path, *, cap_bytes: int, min_free_bytes: int) -> None:
        self._folder = folder
        self._cap = cap_bytes
        self._min_free = min_free_bytes
        self._disk_checked = 0.0

    def check(self, held: int, more: int, *, at_once: bool = False) -> None:
        """Raises :class:`JournalUnavailable` when ``more`` bytes beside ``held`` ones are too many or the disk is nearly full.
        ``at_once``: the disk is looked at whenever that happened last.
        """
        if held + more > self._cap:
            raise JournalUnavailable(f"the journal holds {held:,} bytes, its cap is {self._cap:,}")
        now = time.monotonic()
        if now - self._disk_checked < DISK_CHECK_S and not at_once:
            return
        self._disk_checked = 0.0  # once refused, the next one looks again
        try:
            disk = os.statvfs(self._folder)
        except OSError as error:
            raise JournalUnavailable(f"the data folder cannot be reached: {error.strerror}") from None
        if disk.f_flag & os.ST_RDONLY:
            raise JournalUnavailable("the data folder is on a read-only file system")
        if (free := disk.f_bavail * disk.f_frsize) < self._min_free:
            raise JournalUnavailable(
                f"{free:,} bytes are free on the data folder's disk, {self._min_free:,} are needed"
            )
        self._disk_checked = now
