"""What becomes of a submission if it is appended now: stats, claims, conflicts. Nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import cast

import msgspec

from headrace.admission.claims import Claims
from headrace.admission.stats import Names, StatRegistry
from headrace.catalog.stats import StatRow
from headrace.records.intents import (
    NEW,
    Claim,
    Decision,
    Intent,
    PlainPoint,
    PointColumns,
    Source,
    Submission,
    Verdict,
)
from headrace.records.points import ResolvedPoints

#: Of a stat in memory. By position, and not unpacked from pairs: for 1,000 points that is a third less.
_STAT_ID, _TYPE = itemgetter(0), itemgetter(1)


class Draft(msgspec.Struct, frozen=True):
    """A decided submission. ``stored`` are the intents to be stored, with the points of each resolved to
    (stat number, ts, value, flags), None where none has any; ``conflict`` tells that an atomic submission stores nothing.
    """

    submission: Submission
    project: int
    decisions: list[Decision]
    stored: Sequence[Intent]
    points: ResolvedPoints | None
    new_stats: list[StatRow]
    claims: list[tuple[bytes, bytes]]
    conflict: bool

    @property
    def units(self) -> int:
        """What it takes of the project's monthly quota."""
        if not self.submission.counted:
            return 0
        stored = self.stored
        return stored[0].units if len(stored) == 1 else sum([intent.units for intent in stored])


class _Building:
    """What one submission has asked for so far; its own intents see it, nobody else does."""

    __slots__ = ("claims", "points", "stats")

    def __init__(self) -> None:
        self.stats: dict[tuple[str, str, str], StatRow] = {}
        self.claims: dict[bytes, bytes] = {}
        self.points = ResolvedPoints()

    def draft(self, submission: Submission, project: int, decisions: list[Decision], stored: Sequence[Intent]) -> Draft:
        """What is stored when no conflict stands against it."""
        stats = list(self.stats.values()) if self.stats else []
        claims = list(self.claims.items()) if self.claims else []
        return Draft(submission, project, decisions, stored, self.points, stats, claims, False)


class Decider:
    """Used on the event loop's thread. ``clock``: µs since the epoch."""

    def __init__(self, stats: StatRegistry, claims: Claims, clock: Callable[[], int]) -> None:
        self._stats = stats
        self._claims = claims
        self._clock = clock

    def decide(self, submission: Submission, project: int) -> Draft:
        """What becomes of each intent if the submission is appended now."""
        target = submission.project if submission.project is not None else project
        intents = submission.intents
        if len(intents) == 1 and not submission.void:  # as nearly all are: the same in fewer steps
            return self._decide_alone(intents, submission, target)
        building = _Building()
        decisions: list[Decision] = []
        stored: list[Intent] = []
        conflict = submission.void
        for intent in intents:
            decision = self._decide_intent(intent, target, building)
            decisions.append(decision)
            if decision is NEW:
                stored.append(intent)
            elif decision.verdict is Verdict.CONFLICT:
                conflict = conflict or submission.atomic
        # Where the intents are independent, a request none of which is valid is a conflict as well.
        if conflict or (not stored and decisions and all(d.verdict is Verdict.CONFLICT for d in decisions)):
            decisions = [self._undone(*pair) for pair in zip(intents, decisions, strict=True)]
            return Draft(submission, target, decisions, (), None, [], [], True)
        return building.draft(submission, target, decisions, stored)

    def _decide_alone(self, intents: Sequence[Intent], submission: Submission, target: int) -> Draft:
        """What becomes of a submission's one intent, which has nothing to look at but itself."""
        (intent,) = intents
        claims = intent.claims
        if not intent.points and len(claims) <= 1:
            taken = []
            for claim in claims:
                held = self._claims.holds(claim.key)
                if held is not None:
                    decision = _taken(claim, held)
                    clash = decision.verdict is Verdict.CONFLICT
                    return Draft(submission, target, [decision], (), None, [], [], clash)
                taken.append((claim.key, claim.value))
            return Draft(submission, target, [NEW], intents, None, [], taken, False)
        building = _Building()
        decision = self._decide_intent(intent, target, building)
        if decision.verdict is Verdict.CONFLICT:
            return Draft(submission, target, [decision], (), None, [], [], True)
        return building.draft(submission, target, [decision], intents if decision is NEW else ())

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
            value = self._held(claim.key, building)
            if value is not None:
                return _taken(claim, value)
        return None

    def _undone(self, intent: Intent, decision: Decision) -> Decision:
        """The decision when nothing of its submission is stored: what repeats another intent of it goes the same way."""
        if decision.verdict is Verdict.NEW:
            return Decision(Verdict.ROLLED_BACK)
        if decision.verdict is Verdict.DUPLICATE and not any(
            self._claims.holds(claim.key) is not None for claim in intent.claims
        ):
            return Decision(Verdict.ROLLED_BACK)
        return decision

    def _held(self, key: bytes, building: _Building) -> bytes | None:
        value = building.claims.get(key)
        return self._claims.holds(key) if value is None else value

    def _resolve_points(
        self, points: Sequence[PlainPoint] | PointColumns, source: Source, project: int, building: _Building
    ) -> Decision | None:
        """Gives the points their stat numbers; a conflict is told only in source ``stat`` (rulings 3)."""
        strict = source == "stat"
        names = self._stats.names(project, source)
        if isinstance(points, PointColumns):
            stats = _look_up(names, points) if strict else None
            if stats is not None:
                building.points.extend(stats, points.times, points.values, points.flags)
                return None
        plain = points.rows() if isinstance(points, PointColumns) else cast("Sequence[PlainPoint]", points)
        # Of several points a conflict takes back those before it; one alone is either there or not, and derived ones have none.
        resolved = ResolvedPoints() if strict and len(points) > 1 else building.points
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
        known = self._stats.names(project, source).get(name) if source == "stat" else None
        known = known or self._stats.look_up(project, source, name, type_)
        if known is not None:
            return known.stat_id, known.type
        if not self._stats.room(project, source, len(building.stats)):
            self._stats.refused_derived += 1
            return 0, type_
        row = self._stats.draft(project, source, name, type_, self._clock())
        building.stats[slot] = row
        return row.stat_id, row.type


def _taken(claim: Claim, held: bytes) -> Decision:
    """What is decided by a claim that is held already, with the value ``held``."""
    clash = claim.exclusive and held != claim.value
    return Decision(Verdict.CONFLICT if clash else Verdict.DUPLICATE, held)


def _look_up(names: Names, points: PointColumns) -> Sequence[int] | None:
    """The stat numbers of all points when every stat is in memory and has the type that was sent; None leaves it to a closer look."""
    try:
        known = list(map(names.__getitem__, points.names))
    except KeyError:
        return None
    return list(map(_STAT_ID, known)) if list(map(_TYPE, known)) == list(points.types) else None
