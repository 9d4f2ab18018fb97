"""Admission: everything that an answer depends on before its 2xx, decided request by request by one writer.

``decide`` looks (stats, claims, conflicts) and changes nothing; ``put`` makes the decision true: new stats, claims, rows and the
answer kept for retries join one group commit, and the answer is given when that commit is on disk. No request comes between the two,
because both run on the event loop without waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec

from headrace.admission.claims import Claims
from headrace.admission.deciding import Decider, Draft
from headrace.admission.open_points import OpenPoints
from headrace.admission.open_rows import OpenRows, Prepared, prepare
from headrace.admission.retries import UnderWay
from headrace.admission.stats import StatRegistry
from headrace.admission.usage import Usage
from headrace.journal import Batch, Journal, JournalUnavailable, SavedAnswer, SavedStat
from headrace.records.encode import BadRow, encode_row, partition_of
from headrace.records.intents import Answer, RowIn
from headrace.records.points import POINT_BYTES, ResolvedPoints
from headrace.records.tables import POINTS, TABLES

#: How long the first answer under an Idempotency-Key is kept, µs (rulings 4).
ANSWER_KEPT_US = 24 * 3_600 * 1_000_000

#: Says that an answer is the first one's.
REPLAYED = (b"idempotency-replayed", b"true")

_encode = msgspec.json.Encoder().encode


class Outcome(msgspec.Struct, frozen=True):
    """An answer that may be given once ``durable`` resolves (None: at once); it is void if that fails."""

    answer: Answer
    durable: asyncio.Future[None] | None


class Admission:
    """Used on the event loop's thread. ``clock``: µs since the epoch."""

    def __init__(
        self, journal: Journal, stats: StatRegistry, claims: Claims, usage: Usage, clock: Callable[[], int]
    ) -> None:
        self.journal = journal
        self.stats = stats
        self.claims = claims
        self.usage = usage
        self.under_way = UnderWay()
        #: What becomes of a submission if it is appended now (:meth:`Decider.decide`).
        self.decide = Decider(stats, claims, clock).decide
        self._points = OpenPoints()
        self._rows = OpenRows()
        self._clock = clock
        self._answers: dict[bytes, Answer] = {}
        self._closed: set[int] = set()

    def over_quota(self, draft: Draft, quota: int) -> bool:
        """Whether ``draft`` would give its project more than ``quota`` records this month."""
        units = draft.units
        return units > 0 and self.usage.used(draft.project) + units > quota

    def close_project(self, project: int) -> None:
        """Nothing more of ``project`` comes into the journal. A request whose key was good when it began is told to try again, and that
        its key is unknown when it does.
        """
        self._closed.add(project)

    # --- appending

    def put(self, draft: Draft, retry_key: bytes | None = None) -> Outcome:
        """Adds a draft to the open commit. ``retry_key``: the digest under which a 2xx answer is kept. Raises ``JournalUnavailable``
        when nothing can be stored, or nothing more of its project.
        """
        if draft.project in self._closed:
            raise JournalUnavailable("the project is being deleted")
        if retry_key is not None and (kept := self.kept_answer(retry_key)) is not None:
            return kept
        answer = draft.submission.render(draft.decisions)
        keeps = retry_key is not None and 200 <= answer.status < 300 and not answer.reason
        if draft.conflict or not (draft.stored or keeps):
            return Outcome(answer, None if draft.conflict else self.journal.pending())
        batch = self._add_rows(draft)
        now = self._clock()
        if units := draft.units:
            self.usage.take(batch, draft.project, units, now)
        for row in draft.new_stats:
            batch.stats.append(SavedStat(*row))
            batch.undo.append(self.stats.add(row))
        if draft.claims:
            if not batch.claims:
                batch.undo.append(partial(self.claims.take_back, batch.claims))
            batch.claims += draft.claims
            self.claims.add(draft.claims, now)
        if retry_key is not None and keeps:
            self._keep_answer(batch, retry_key, answer)
        return Outcome(answer, batch.done)

    async def append(self, draft: Draft, retry_key: bytes | None = None) -> Answer:
        """As :meth:`put`, and returns when the answer may be given. Raises ``JournalUnavailable`` when nothing was stored."""
        outcome = self.put(draft, retry_key)
        if outcome.durable is not None:
            await outcome.durable
        return outcome.answer

    def _add_rows(self, draft: Draft) -> Batch:
        if len(draft.stored) == 1:
            (intent,) = draft.stored
            if len(intent.rows) == 1 and not intent.facts and intent.rows[0].table != POINTS.name:
                return self._add_row(intent.rows[0], draft)
        rows, facts, points, size = _prepare(draft)
        batch = self._batch(len(rows), size, draft.project, points)
        for name, part, row in rows:
            self._rows.add(batch, name, part, row)
        for fact in facts:
            batch.add_fact(fact)
        return batch

    def _add_row(self, row: RowIn, draft: Draft) -> Batch:
        """A submission's one row, as most have, and its points: the same in fewer steps."""
        table = TABLES[row.table]
        prepared = prepare(table, row.values)
        part = partition_of(table, row.values)
        batch = self._batch(1, prepared[1], draft.project, draft.points)
        self._rows.add(batch, row.table, part, prepared)
        return batch

    def _batch(self, rows: int, size: int, project: int, points: ResolvedPoints | None) -> Batch:
        """The open commit with room for ``rows`` rows of ``size`` bytes, and with ``points`` in it."""
        number = 0 if points is None else len(points)
        batch = self.journal.batch(rows + number, size + number * POINT_BYTES)
        if points is not None and number:
            self._points.add(batch, project, points)
        return batch

    # --- retries

    def retry_key(self, project: int, method: str, route: str, key: bytes) -> bytes:
        """Digest of an Idempotency-Key in its scope (rulings 4)."""
        text = b"\x1f".join((str(project).encode(), method.encode(), route.encode(), key))
        return blake2b(text, digest_size=16).digest()

    def kept_answer(self, digest: bytes) -> Outcome | None:
        """The first answer under a retry key, marked as replayed; None when there is none."""
        answer = self._answers.get(digest)
        if answer is not None:
            return Outcome(answer.adding(REPLAYED), self.journal.pending())
        saved = self.journal.side.answer(digest, self._clock())
        if saved is None:
            return None
        headers = msgspec.json.decode(saved[1], type=list[tuple[str, str]])
        kept = tuple((name.encode(), value.encode()) for name, value in headers)
        return Outcome(Answer(saved[0], saved[2], (*kept, REPLAYED)), None)

    def _keep_answer(self, batch: Batch, digest: bytes, answer: Answer) -> None:
        headers = [(name.decode(), value.decode()) for name, value in answer.headers]
        batch.answers.append(
            SavedAnswer(digest, answer.status, _encode(headers).decode(), answer.body, self._clock() + ANSWER_KEPT_US)
        )
        self._answers[digest] = answer

        def forget(_: object = None) -> None:
            self._answers.pop(digest, None)

        # A failed commit takes it back before anybody else runs; after a good one the journal gives it.
        batch.undo.append(forget)
        batch.done.add_done_callback(forget)


def _with_point(points: ResolvedPoints | None, project: int, values: Sequence[Any]) -> ResolvedPoints:
    """``points`` and one that comes as a row, as a dead letter does when it is replayed."""
    encode_row(POINTS, values)  # looks at each of them
    owner, *point = values
    if owner != project:
        raise BadRow("points cannot hold a row of another project")
    held = ResolvedPoints() if points is None else points
    held.add(*point)
    return held


def _prepare(
    draft: Draft,
) -> tuple[list[tuple[str, int, Prepared]], list[bytes], ResolvedPoints | None, int]:
    """The rows of a draft with their table and partition, its facts, its points, and how many bytes are promised for rows and facts.
    Raises ``BadRow``.
    """
    rows: list[tuple[str, int, Prepared]] = []
    facts: list[bytes] = []
    points = draft.points
    size = 0
    for intent in draft.stored:
        for row in intent.rows:
            name, values = row.table, row.values
            table = TABLES[name]
            if name == POINTS.name:
                points = _with_point(points, draft.project, values)
                continue
            prepared = prepare(table, values)
            size += prepared[1]
            rows.append((name, partition_of(table, values), prepared))
        for fact in intent.facts:
            facts.append(_encode(fact))
            size += len(facts[-1])
    return rows, facts, points, size
