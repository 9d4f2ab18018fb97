"""Answers that are read from the store piece by piece while they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from headrace.store import Budget, BudgetExceeded
from headrace.store.events import Page

#: Rows of one page. A page too big for its budget (a row may be megabytes) is read again in pieces.
PAGE_ROWS = 500
_SHRINK = 10
#: What one page may cost.
PAGE_BUDGET = Budget(memory_bytes=128 << 20)

#: Reads a page: how many rows at most, and the cursor of where it begins.
ReadPage = Callable[[int, str | None], Page]


def pages(read: ReadPage, limit: int | None, cursor: str | None = None) -> Iterator[list[dict[str, Any]]]:
    """The rows that ``read`` gives, page by page, ``limit`` of them at most; None: all. Raises what ``read`` raises, and its
    :class:`BudgetExceeded` only when no smaller page helps.
    """
    size = PAGE_ROWS
    left = limit
    while True:
        take = size if left is None else min(size, left)
        try:
            page = read(take, cursor)
        except BudgetExceeded as exceeded:
            if take == 1 or exceeded.limit != "memory":
                raise
            size = max(1, take // _SHRINK)
            continue
        yield page.rows
        cursor = page.next
        if left is not None:
            left -= len(page.rows)
        if cursor is None or left == 0:
            return


async def aside(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """``pieces``, each made in a worker thread."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
