"""Retries that come while the first request is still under way: they wait for its answer instead of being decided beside it."""

from __future__ import annotations

import asyncio

#: How long a retry waits for the first request, seconds. One that takes longer waits for a client that may be gone; both then go on,
#: and what they bring is still stored once.
PATIENCE_S = 2.0


class UnderWay:
    """The Idempotency-Keys whose first request is being answered. Used on the event loop's thread."""

    def __init__(self) -> None:
        self._first: dict[bytes, asyncio.Event] = {}

    def enter(self, digest: bytes) -> asyncio.Event | None:
        """None: the caller is the first and has to :meth:`leave`; else what tells that the first one has left."""
        event = self._first.get(digest)
        if event is None:
            self._first[digest] = asyncio.Event()
        return event

    def leave(self, digest: bytes) -> None:
        """The first request is over, whatever became of it."""
        self._first.pop(digest).set()


async def left(event: asyncio.Event) -> bool:
    """Waits until the first request has left; False when that takes too long."""
    try:
        await asyncio.wait_for(event.wait(), PATIENCE_S)
    except TimeoutError:
        return False
    return True
