"""The requests that wait for their client or for a query: a client that never goes on holds neither memory nor a stop for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: How long a client may send nothing of a body that it owes, seconds.
STALL_S = 30.0

Task = asyncio.Task[Any]


class Waiting:
    """Looked through once a second, because a timer for each request costs more than all the rest of reading a small body. Used on the
    event loop's thread.
    """

    def __init__(self) -> None:
        #: When each client was last heard of (monotonic seconds), or that it does not matter (infinity).
        self._heard: dict[Task | None, float] = {}

    def begin(self) -> Task | None:
        """The running request waits for its client."""
        task = asyncio.current_task()
        self._heard[task] = time.monotonic()
        return task

    def heard(self, task: Task | None) -> None:
        """Its client has sent something."""
        self._heard[task] = time.monotonic()

    def end(self, task: Task | None) -> None:
        del self._heard[task]

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """The running request may take its time meanwhile; only :meth:`hang_up` ends it."""
        task = asyncio.current_task()
        self._heard[task] = float("inf")
        try:
            yield
        finally:
            del self._heard[task]

    def end_stalled(self) -> None:
        """Cancels the requests whose clients have not been heard of for ``STALL_S``."""
        self._cancel(time.monotonic() - STALL_S)

    def hang_up(self) -> None:
        """Cancels them all. Nothing of them is stored yet, and nothing acknowledged."""
        self._cancel(float("inf"))

    def _cancel(self, heard_until: float) -> None:
        for task, heard in list(self._heard.items()):
            if task is not None and heard <= heard_until:
                task.cancel()
