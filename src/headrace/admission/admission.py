"""Admission: everything that an answer depends on before its 2xx, decided request by request by one writer.

``decide`` looks (stats, claims, conflicts) and changes nothing; ``append`` makes the decision true: new stats, claims, rows and the
answer kept for retries join one group commit, and the answer is given when that commit is on disk. No request comes between the two,
because both run on the event loop without waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple, cast

import msgspec

from headrace.admission.claims import Claims
from headrace.admission.retries import UnderWay
from headrace.admission.stats import Names, StatRegistry
from headrace.admission.usage import Usage
from headrace.catalog.stats import StatRow
from headrace.journal import Batch, Journal, SavedAnswer, SavedStat
from headrace.records.encode import BadRow, encode_row, finish_row, partition_of
from headrace.records.intents import (
    NEW,
    Answer,
    Claim,
    Decision,
    Intent,
    PlainPoint,
    PointColumns,
    Source,
    Submission,
    Verdict,
)
from headrace.records.points import POINT_BYTES, POINT_RECORDS, ResolvedPoints, encode_points
from headrace.records.tables import POINTS, TABLES

#: How long the first answer under an Idempotency-Key is kept, µs (rulings 4).
ANSWER_KEPT_US = 24 * 3_600 * 1_000_000

#: Bytes that ``finish_row`` adds to a row at most.
BATCH_BYTES = 23

#: Says that an answer is the first one's.
REPLAYED = (b"idempotency-replayed", b"true")

_encode = msgspec.json.Encoder().encode
#: Of a stat in memory. By position, and not unpacked from pairs: for 1,000 points that is a third less.
_STAT_ID, _TYPE = itemgetter(0), itemgetter(1)


class Draft(NamedTuple):
    """A decided submission. ``stored`` are the intents to be stored, with the points of each resolved to
    (stat number, ts, value, flags); ``conflict`` tells that an atomic submission stores nothing.
    """

    submission: Submission
    project: int
    decisions: list[Decision]
    stored: list[Intent]
    points: ResolvedPoints
    new_stats: list[StatRow]
    claims: list[tuple[bytes, bytes]]
    conflict: bool

    @property
    def units(self) -> int:
        """What it takes of the project's monthly quota."""
        return sum(intent.units for intent in self.stored) if self.submission.counted else 0


class Outcome(NamedTuple):
    """An answer that may be given once ``durable`` resolves (None: at once); it is void if that fails."""

    answer: Answer
    durable: asyncio.Future[None] | None


class _Building:
    """What one submission has asked for so far; its own intents see it, nobody else does."""

    __slots__ = ("claims", "points", "stats")

    def __init__(self) -> None:
        self.stats: dict[tuple[str, str, str], StatRow] = {}
        self.claims: dict[bytes, bytes] = {}
        self.points = ResolvedPoints()


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
        self._clock = clock
        self._answers: dict[bytes, Answer] = {}

    # --- deciding

    def decide(self, submission: Submission, project: int) -> Draft:
        """What becomes of each intent if the submission is appended now."""
        target = submission.project if submission.project is not None else project
        building = _Building()
        decisions: list[Decision] = []
        stored: list[Intent] = []
        conflict = submission.void
        for intent in submission.intents:
            decision = self._decide_intent(intent, target, building)
            decisions.append(decision)
            if decision is NEW:
                stored.append(intent)
            elif decision.verdict is Verdict.CONFLICT:
                conflict = conflict or submission.atomic
        # Where the intents are independent, a request none of which is valid is a conflict as well.
        if conflict or (not stored and decisions and all(d.verdict is Verdict.CONFLICT for d in decisions)):
            decisions = [self._undone(*pair) for pair in zip(submission.intents, decisions, strict=True)]
            return Draft(submission, target, decisions, [], ResolvedPoints(), [], [], True)
        return Draft(
            submission,
            target,
            decisions,
            stored,
            building.points,
            list(building.stats.values()),
            list(building.claims.items()),
            False,
        )

    def _decide_intent(self, intent: Intent, project: int, building: _Building) -> Decision:
        claimed = self._claimed(intent.claims, building) if intent.claims else None
        if claimed is not None:
            return claimed
        if intent.points:
            conflict = self._resolve_points(intent.points, intent.source, project, building)
            if conflict is not None and intent.otherwise:
                conflict = self._resolve_points(intent.otherwise, intent.source, project, building)
            if conflict is not None:
                return conflict
        for claim in intent.claims:
            building.claims[claim.key] = claim.value
        return NEW

    def _claimed(self, claims: Sequence[Claim], building: _Building) -> Decision | None:
        """What is decided by claims that are held already; None when all of them are free."""
        for claim in claims:
            for rival in claim.rivals:
                if self._held(rival, building) is not None:
                    return Decision(Verdict.CONFLICT)
        for claim in claims:
            value = self._held(claim.key, building)
            if value is not None:
                clash = claim.exclusive and value != claim.value
                return Decision(Verdict.CONFLICT if clash else Verdict.DUPLICATE, value)
        return None

    def _undone(self, intent: Intent, decision: Decision) -> Decision:
        """The decision when nothing of its submission is stored: what repeats another intent of it goes the same way."""
        if decision.verdict is Verdict.NEW:
            return Decision(Verdict.ROLLED_BACK)
        if decision.verdict is Verdict.DUPLICATE and not any(
            self.claims.holds(claim.key) is not None for claim in intent.claims
        ):
            return Decision(Verdict.ROLLED_BACK)
        return decision

    def _held(self, key: bytes, building: _Building) -> bytes | None:
        value = building.claims.get(key)
        return self.claims.holds(key) if value is None else value

    def _resolve_points(
        self, points: Sequence[PlainPoint] | PointColumns, source: Source, project: int, building: _Building
    ) -> Decision | None:
        """Gives the points their stat numbers; a conflict is told only in source ``stat`` (rulings 3)."""
        strict = source == "stat"
        names = self.stats.names(project, source)
        if isinstance(points, PointColumns):
            stats = _look_up(names, points) if strict else None
            if stats is not None:
                building.points.extend(stats, points.times, points.values, points.flags)
                return None
        plain = points.rows() if isinstance(points, PointColumns) else cast("Sequence[PlainPoint]", points)
        # Of several points a conflict takes back those before it; one alone is either there or not.
        resolved = building.points if len(points) == 1 else ResolvedPoints()
        for name, type_, ts, value, flags in plain:
            known = names.get(name) if strict else names.get((name, type_ or "counter"))
            if known is not None and (type_ is None or known.type == type_):
                resolved.add(known.stat_id, ts, value, flags)
                continue
            stat_id, held_type = self._resolve(name, type_ or "counter", project, source, building)
            if strict and type_ is not None and held_type != type_:
                return Decision(Verdict.CONFLICT, stat=name, stat_type=held_type)
            if stat_id:
                resolved.add(stat_id, ts, value, flags)
        if resolved is not building.points:
            building.points.extend(resolved.stats, resolved.times, resolved.values, resolved.flags)
        return None

    def _resolve(self, name: str, type_: str, project: int, source: str, building: _Building) -> tuple[int, str]:
        """(number, type) of a stat that is not in memory: drafted by this submission, in the catalog, or new. Number 0: the
        project's derived stats are used up, the point stays in the raw record only.
        """
        slot = (source, name, "" if source == "stat" else type_)
        drafted = building.stats.get(slot)
        if drafted is not None:
            return drafted.stat_id, drafted.type
        known = self.stats.names(project, source).get(name) if source == "stat" else None
        known = known or self.stats.look_up(project, source, name, type_)
        if known is not None:
            return known.stat_id, known.type
        if not self.stats.room(project, source, len(building.stats)):
            self.stats.refused_derived += 1
            return 0, type_
        row = self.stats.draft(project, source, name, type_, self._clock())
        building.stats[slot] = row
        return row.stat_id, row.type

    def over_quota(self, draft: Draft, quota: int) -> bool:
        """Whether ``draft`` would give its project more than ``quota`` records this month."""
        units = draft.units
        return units > 0 and self.usage.used(draft.project) + units > quota

    # --- appending

    def put(self, draft: Draft, retry_key: bytes | None = None) -> Outcome:
        """Adds a draft to the open commit. ``retry_key``: the digest under which a 2xx answer is kept. Raises ``JournalUnavailable``
        when nothing can be stored.
        """
        if retry_key is not None and (kept := self.kept_answer(retry_key)) is not None:
            return kept
        answer = draft.submission.render(draft.decisions)
        keeps = retry_key is not None and 200 <= answer.status < 300 and not answer.reason
        if draft.conflict or not (draft.stored or keeps):
            return Outcome(answer, None if draft.conflict else self.journal.pending())
        batch = self._add_rows(draft)
        if units := draft.units:
            self.usage.take(batch, draft.project, units)
        for row in draft.new_stats:
            batch.stats.append(SavedStat(*row))
            batch.undo.append(self.stats.add(row))
        if draft.claims:
            batch.claims += draft.claims
            batch.undo.append(self.claims.add(draft.claims))
        if retry_key is not None and keeps:
            self._keep_answer(batch, retry_key, answer)
        return Outcome(answer, batch.done)

    async def append(self, draft: Draft, retry_key: bytes | None = None) -> Answer:
        """As :meth:`put`, and returns when the answer may be given. Raises ``JournalUnavailable`` when nothing was stored."""
        answer, durable = self.put(draft, retry_key)
        if durable is not None:
            await durable
        return answer

    def _add_rows(self, draft: Draft) -> Batch:
        rows, facts, size = _encode_rows(draft)
        points = draft.points
        batch = self.journal.batch(len(rows) + len(points), size + len(points) * POINT_BYTES)
        if points:
            for year, (body, number) in encode_points(draft.project, points).items():
                batch.add_rows(POINTS.name, year, body, number, POINT_RECORDS)
        for name, part, line in rows:
            batch.add_rows(name, part, finish_row(line, batch.segment), 1)
        for fact in facts:
            batch.add_fact(fact)
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
            return Outcome(answer._replace(headers=(*answer.headers, REPLAYED)), self.journal.pending())
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


def _look_up(names: Names, points: PointColumns) -> Sequence[int] | None:
    """The stat numbers of all points when every stat is in memory and has the type that was sent; None leaves it to a closer look."""
    try:
        known = list(map(names.__getitem__, points.names))
    except KeyError:
        return None
    return list(map(_STAT_ID, known)) if list(map(_TYPE, known)) == list(points.types) else None


def _add_point(draft: Draft, values: Sequence[Any]) -> None:
    """A point that comes as a row, as a dead letter does when it is replayed."""
    project, *point = values
    if project != draft.project:
        raise BadRow("points cannot hold a row of another project")
    draft.points.add(*point)


def _encode_rows(draft: Draft) -> tuple[list[tuple[str, int, bytes]], list[bytes], int]:
    """The rows of a draft with their table and partition, its facts, and how many bytes they take at most. Raises ``BadRow``."""
    rows: list[tuple[str, int, bytes]] = []
    facts: list[bytes] = []
    size = 0
    for intent in draft.stored:
        for name, values in intent.rows:
            table = TABLES[name]
            line = encode_row(table, values)
            if name == POINTS.name:
                _add_point(draft, values)
                continue
            size += len(line) + BATCH_BYTES
            rows.append((name, partition_of(table, values), line))
        for fact in intent.facts:
            facts.append(_encode(fact))
            size += len(facts[-1])
    return rows, facts, size
