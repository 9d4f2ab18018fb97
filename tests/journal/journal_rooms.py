"""Journals for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headrace.journal import Journal, JournalReader

MIB = 1024 * 1024
FIRST = 1_000


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


def open_journal(folder: Path, *, cap: int = 100 * MIB, first: int = FIRST, min_free: int = 0) -> Journal:
    return Journal(folder / "journal.db", clock=Clock(), first_segment=first, cap_bytes=cap, min_free_bytes=min_free)


def run(work: Callable[[], Any]) -> Any:
    return asyncio.run(work())


def pages(journal: Journal, segment: int) -> list[tuple[str, int, int, bytes]]:
    reader = JournalReader(journal.path)
    try:
        return [(page.table, page.part, page.row_count, page.body) for page in reader.pages(segment)]
    finally:
        reader.close()
