"""Reads: every one has a project, a budget and typed parameters, and no code path reaches the engine without them."""

from __future__ import annotations

import re
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec

from headrace.store import schema
from headrace.store.errors import StoreUnavailable, read_error

#: Reads at once in one process: eight heavy ones took 1.1 GB (two cores).
READ_SLOTS: Final = 4
#: How long a read waits for a slot, and :meth:`Reader.close` for the reads that it cancelled.
WAIT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 5.0


class Budget(msgspec.Struct, frozen=True):
    """What one read may cost: wall seconds, bytes of memory, rows read, rows answered, threads."""

    seconds: float = 10.0
    memory_bytes: int = 384 << 20
    rows: int = 200_000_000
    answer_rows: int = 1_000_000
    threads: int = 2


DEFAULT: Final = Budget()

_SCOPE: Final = "project = {project:UInt32}"
_SOURCE = re.compile(r"\b(?:FROM|JOIN)\s+([^\s()]+|\()", re.IGNORECASE)
#: A table named anywhere at all, so also behind a comma or IN; ``points.ts`` and parameters are none.
_MENTION = re.compile(rf"(?<![\w.{{])(?:{'|'.join(sorted(schema.READABLE))})\b(?![.\w:])", re.IGNORECASE)


class Sql(msgspec.Struct, frozen=True):
    """A SELECT without FORMAT and SETTINGS, and its parameters; ``{project:UInt32}`` is bound by the reader.

    Raises ``ValueError`` unless every source is one of our tables under ``project = {project:UInt32}`` or a bracketed
    SELECT of the same kind: no query can be built that forgets whose data it reads, or that reads files or addresses.
    """

    text: str
    params: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        sources = [source for source in _SOURCE.findall(self.text) if source != "("]
        known = all(source in schema.READABLE for source in sources)
        if not sources or not known or len(_MENTION.findall(self.text)) != len(sources):
            raise ValueError("a query reads from our own tables")
        if self.text.count(_SCOPE) < len(sources) or "project" in self.params:
            raise ValueError("every table of a query is read under its project")


class Result(NamedTuple):
    """``rows`` in the order of ``columns``; times are integers, as the queries select them. ``read_rows`` is what
    the engine had to read.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    read_rows: int = 0

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class QueryTimes:
    """How long reads took: a histogram with the upper bounds ``BOUNDS``, in seconds. Safe to use from any thread."""

    BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        with self._lock:
            self.counts[bisect_left(self.BOUNDS, seconds)] += 1
            self.total += seconds


class Reader:
    """Runs reads from any thread: at most ``slots`` at once, each on a client that nobody else holds meanwhile.

    States: open → (``close``) closed. Closing cancels what runs and refuses what comes.
    """

    def __init__(self, connect: Callable[[], Any], slots: int = READ_SLOTS) -> None:
        self._connect = connect
        self._slots = slots
        self._free = threading.BoundedSemaphore(slots)
        self._idle: list[Any] = []
        self._closed = False
        self.times = QueryTimes()
        self._tag = f"headrace-{uuid4().hex}"

    def run(self, project: int, sql: Sql, budget: Budget = DEFAULT) -> Result:
        """The rows of ``sql`` for ``project`` (1 ≤ project < 2³²).

        Raises :class:`BudgetExceeded`, :class:`StoreUnavailable` (also when all slots stay taken).
        """
        if not 0 < project < 1 << 32:
            raise ValueError("a read needs a project")
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise StoreUnavailable(f"{self._slots} queries are running already")
        started = time.perf_counter()
        try:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            return self._run(project, sql, budget)
        finally:
            self.times.observe(time.perf_counter() - started)
            self._free.release()

    def _run(self, project: int, sql: Sql, budget: Budget) -> Result:
        try:
            client = self._idle.pop()
        except IndexError:  # not asked for first: another thread may take the last one meanwhile
            client = self._connect()
        try:
            answer = client.query(self._with_budget(sql, budget), parameters={**sql.params, "project": project})
        except Exception as error:
            raise read_error(error) from None
        finally:
            self._idle.append(client)
        return Result(tuple(answer.column_names), answer.result_rows, int(answer.summary.get("read_rows", 0)))

    def _with_budget(self, sql: Sql, budget: Budget) -> str:
        return (
            f"{sql.text}\nSETTINGS max_execution_time = {budget.seconds}, max_memory_usage = {budget.memory_bytes}, "
            f"max_rows_to_read = {budget.rows}, max_result_rows = {budget.answer_rows}, "
            f"max_threads = {budget.threads}, readonly = 2, log_comment = '{self._tag}'"
        )

    def close(self) -> None:
        """Cancels what runs (ASYNC: the synchronous form hangs in the embedded engine), waits for it, lets go of all
        clients.
        """
        self._closed = True
        deadline = time.monotonic() + CLOSE_SECONDS
        taken = 0
        while taken < self._slots and self._free.acquire(blocking=False):
            taken += 1
        if taken < self._slots:
            self._cancel()
        while taken < self._slots and self._free.acquire(timeout=max(0.0, deadline - time.monotonic())):
            taken += 1
        idle, self._idle = self._idle, []
        for client in idle:
            client.close()
        for _ in range(taken):
            self._free.release()

    def _cancel(self) -> None:
        try:
            client = self._connect()
        except StoreUnavailable:
            return
        try:
            client.command(f"KILL QUERY WHERE Settings['log_comment'] = '{self._tag}' ASYNC")
        except Exception:  # noqa: S110 - every read ends by its own time limit
            pass
        finally:
            client.close()
