"""What tests of admission share: a clock, the rooms around it, and submissions made short."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from headrace.admission.admission import Admission
from headrace.admission.claims import Claims
from headrace.admission.folded import FoldedClaims
from headrace.admission.stats import StatRegistry
from headrace.admission.usage import Usage
from headrace.catalog import Catalog, progress, usage
from headrace.journal import Journal, JournalReader
from headrace.records.intents import Answer, Claim, Decision, Intent, PointIn, Submission, claim_key
from headrace.records.points import POINT_RECORDS, point_rows

PROJECT = 1
MIB = 1024 * 1024
NOW_US = 1_790_000_000_000_000
DAY_US = 86_400_000_000


class Clock:
    """µs since the epoch; ``move`` sets it forward or back by seconds."""

    def __init__(self) -> None:
        self.now = NOW_US

    def __call__(self) -> int:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


class Room:
    """Admission as the house opens it. :meth:`reopen` is a restart after a kill."""

    def __init__(self, catalog: Catalog, clock: Clock, folder: Path, *, derived_max: int = 100) -> None:
        self.catalog = catalog
        self.clock = clock
        self._folder = folder
        self._derived_max = derived_max
        self._open()

    def _open(self) -> None:
        self.journal = Journal(
            self._folder / "journal.db", clock=self.clock, first_segment=1, cap_bytes=100 * MIB, min_free_bytes=0
        )
        self.stats = StatRegistry(self.catalog, derived_max=self._derived_max, pending=self.journal.side.stats())
        self.folded = FoldedClaims(self._folder / "claims.db", maximum=1_000_000)
        self.claims = Claims(self.folded, self.journal.side.claims(), self.clock)
        self.usage = self._load_usage()
        self.admission = Admission(self.journal, self.stats, self.claims, self.usage, self.clock)

    def _load_usage(self) -> Usage:
        with self.catalog.read() as conn:
            projected, done = usage.load(conn, 0), progress.get(conn, self.journal.uuid)
        reader = JournalReader(self.journal.path)
        try:
            return Usage(self.clock, projected, reader.facts(done))
        finally:
            reader.close()

    def reopen(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        self.journal._writer.db.close()
        self.folded.close()

    def run(self, *work: Coroutine[Any, Any, Any]) -> list[Any]:
        """Runs all of ``work`` at once; gives their results, or what they raised."""

        async def together() -> list[Any]:
            return await asyncio.gather(*work, return_exceptions=True)

        return asyncio.run(together())

    async def append(self, submission: Submission, *, retry: bytes | None = None) -> Answer:
        admission = self.admission
        return await admission.append(admission.decide(submission, PROJECT), retry)

    async def kept(self, digest: bytes) -> Answer | None:
        """The first answer under a retry key, once it may be given."""
        found = self.admission.kept_answer(digest)
        if found is not None and found.durable is not None:
            await found.durable
        return None if found is None else found.answer

    def break_commits(self) -> Callable[[], None]:
        """Makes every commit fail until what is given back is called."""
        self.journal._writer.db.execute("PRAGMA busy_timeout=0")
        other = sqlite3.connect(self.journal.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        def mend() -> None:
            other.execute("ROLLBACK")
            other.close()

        return mend

    def rows(self) -> dict[str, list[list[Any]]]:
        """Every row in the journal, by table, its segment cut off."""
        self.journal.commit()
        reader = JournalReader(self.journal.path)
        found: dict[str, list[list[Any]]] = {}
        for segment in reader.segments(1 << 40):
            for page in reader.pages(segment):
                found.setdefault(page.table, []).extend(
                    map(list, point_rows(page.body))
                    if page.form == POINT_RECORDS
                    else (json.loads(line)[:-1] for line in page.body.splitlines())
                )
        reader.close()
        return found


def point(name: str, type_: Any = "counter", value: float = 1.0) -> PointIn:
    return PointIn(name, type_, NOW_US // 1000, value)


def claim(name: str, *, value: bytes = b"", exclusive: bool = False) -> Claim:
    return Claim(key(name), value, exclusive)


def key(name: str) -> bytes:
    return claim_key("test", PROJECT, name)


def intent(*points: PointIn, claims: Sequence[Claim] = (), source: Any = "stat") -> Intent:
    return Intent(points=points, claims=claims, source=source)


def submission(*intents: Intent, atomic: bool = True) -> Submission:
    """Its answer's body names the verdicts; 409 when one is a conflict."""

    def render(decisions: Sequence[Decision]) -> Answer:
        verdicts = [decision.verdict.name for decision in decisions]
        return Answer(409 if "CONFLICT" in verdicts else 202, json.dumps(verdicts).encode())

    return Submission(list(intents), render, atomic=atomic)
