"""One group commit in the making: everything that the requests waiting for it want on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple


class SavedStat(NamedTuple):
    """A stat that came into being with a request; kept until the loader has projected it. ``created_at`` µs."""

    stat_id: int
    project: int
    source: str
    name: str
    type: str
    created_at: int


class SavedAnswer(NamedTuple):
    """The first 2xx answer under an ``Idempotency-Key``. ``headers`` as JSON text; ``expires_at`` µs."""

    digest: bytes
    status: int
    headers: str
    body: bytes
    expires_at: int


class Batch:
    """All rows of a batch carry the same segment number. ``done`` resolves when they are synced, or fails with
    :class:`JournalUnavailable`; then every function in ``undo`` has run, newest first. Those in ``closing`` run when nothing more
    joins it, before it is written, and may add facts. Both are dropped once they are of no more use: they refer back to the batch, and what
    requests leave behind would wait for the collector otherwise.
    """

    __slots__ = (
        "answers",
        "claims",
        "closing",
        "done",
        "facts",
        "pages",
        "requests",
        "row_count",
        "segment",
        "size",
        "stats",
        "undo",
    )

    def __init__(self, segment: int, done: asyncio.Future[None]) -> None:
        self.segment = segment
        self.done = done
        self.pages: dict[tuple[str, int, int], list[tuple[bytes, int]]] = {}
        self.facts: list[bytes] = []
        self.stats: list[SavedStat] = []
        self.claims: list[tuple[bytes, bytes]] = []
        self.answers: list[SavedAnswer] = []
        self.undo: list[Callable[[], None]] = []
        self.closing: list[Callable[[], None]] = []
        self.requests = 0
        self.row_count = 0
        self.size = 0

    def add_rows(self, table: str, part: int, body: bytes, rows: int, form: int = 0) -> None:
        """``rows`` encoded rows of ``table`` that belong to one partition. ``form`` is how they are written, for whoever reads them:
        the same for all rows of a table and partition in a segment.
        """
        self.pages.setdefault((table, part, form), []).append((body, rows))
        self.promise(rows, len(body))

    def promise(self, rows: int, size: int) -> None:
        """Counts ``rows`` of ``size`` bytes that a function in ``closing`` is going to add; it takes the promise back with negative
        numbers.
        """
        self.row_count += rows
        self.size += size

    def add_fact(self, body: bytes) -> None:
        self.facts.append(body)
        self.size += len(body)
