"""What was worked out a moment ago, for whoever asks the same next."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Recent(Generic[_Value]):
    """Answers kept for ``seconds``, the ``most`` latest of them. Whoever asks while one is being worked out waits for it, so that a crowd
    costs as much as one. For worker threads; what could not be worked out is not kept.
    """

    def __init__(self, seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._lock = Lock()
        #: When each ends, and what it is, the oldest first.
        self._kept: dict[Hashable, tuple[float, Future[_Value]]] = {}

    def get(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """The answer to ``key``, from ``make`` when none is kept. Raises what ``make`` raises."""
        now = self._clock()
        with self._lock:
            until, future = self._kept.get(key, (now, None))
            if future is not None and until > now:
                mine = None
            else:
                mine = Future[_Value]()
                self._kept.pop(key, None)
                self._kept[key] = (now + self._seconds, mine)
                while len(self._kept) > self._most:
                    del self._kept[next(iter(self._kept))]
        if mine is None:
            assert future is not None
            return future.result()
        return self._work_out(key, mine, make)

    def _work_out(self, key: Hashable, mine: Future[_Value], make: Callable[[], _Value]) -> _Value:
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                if self._kept.get(key, (0, None))[1] is mine:
                    del self._kept[key]
            mine.set_exception(error)
            raise
        mine.set_result(value)
        return value
