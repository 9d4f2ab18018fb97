"""What the catalog learns from a segment, in one transaction that also stores how far it got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import structs
from sqlalchemy import Connection

from headrace.catalog import daily_events, dead_letters, deployments, monitors, outbox, progress, sessions, stats
from headrace.catalog.db import Catalog
from headrace.catalog.stats import StatRow
from headrace.loader.draining import BadLine, Piece
from headrace.records.intents import CheckInFact, DailyEventFact, DeploymentFact, Fact, OutboxFact, SessionFact

_decode_fact = msgspec.json.Decoder(Fact).decode


class Learned(NamedTuple):
    """Everything that a segment tells besides its rows. ``last_points``: (stat, newest ts ms, received µs)."""

    segment: int
    new_stats: Sequence[StatRow]
    facts: Sequence[bytes]
    last_points: Sequence[tuple[int, int, int]]


class Projections:
    """Used by the loader's thread. Raises what the catalog raises: nothing of a failed segment is kept."""

    def __init__(self, catalog: Catalog, journal_uuid: str) -> None:
        self._catalog = catalog
        self._journal = journal_uuid
        with catalog.read() as connection:
            #: The last segment whose projections are in the catalog.
            self.done: int = progress.get(connection, journal_uuid)

    def apply(self, learned: Learned) -> None:
        """Projects a segment; one that was projected before is left alone."""
        if learned.segment <= self.done:
            return
        with self._catalog.write() as connection:
            stats.add_missing(connection, learned.new_stats)
            stats.touch(connection, learned.last_points)
            facts: list[Fact] = [_decode_fact(line) for line in learned.facts]
            for check_in in newest_check_ins([fact for fact in facts if isinstance(fact, CheckInFact)]):
                monitors.apply_check_in(connection, check_in)
            for fact in facts:
                _apply_fact(connection, fact)
            days = Counter((fact.project, fact.day) for fact in facts if isinstance(fact, DailyEventFact))
            daily_events.add(connection, days)
            deployments.add_told(connection, (fact for fact in facts if isinstance(fact, DeploymentFact)))
            progress.set(connection, self._journal, learned.segment)
        self.done = learned.segment


def newest_check_ins(facts: Sequence[CheckInFact]) -> list[CheckInFact]:
    """One check-in per monitor that leaves it as all of them would, one after the other: a segment may bring thousands for a single
    monitor, and each would be a query.
    """
    newest: dict[tuple[int, str, str], CheckInFact] = {}
    for fact in facts:
        place = (fact.project, fact.slug, fact.environment)
        other = newest.get(place)
        if other is None:
            newest[place] = fact
            continue
        older, newer = (fact, other) if fact.ts < other.ts else (other, fact)
        newest[place] = structs.replace(
            newer,
            creates=older.creates or newer.creates,
            interval_s=older.interval_s if newer.interval_s is None else newer.interval_s,
        )
    return list(newest.values())


def _apply_fact(connection: Connection, fact: Fact) -> None:
    match fact:
        case SessionFact():
            sessions.apply(connection, fact)
        case OutboxFact():
            outbox.add(connection, fact)


class DeadLetterBook:
    """Dead letters as the loader keeps them: in the catalog, so that they are seen, and before the insert that leaves them out."""

    def __init__(self, catalog: Catalog, journal_uuid: str, clock: Callable[[], int]) -> None:
        self._catalog = catalog
        self._journal = journal_uuid
        self._clock = clock
        with catalog.read() as connection:
            self._known = dead_letters.indexes(connection, journal_uuid)

    def known(self, piece: Piece) -> set[int]:
        return self._known.get((piece.segment, piece.table, piece.part), set())

    def record(self, piece: Piece, bad: BadLine) -> None:
        with self._catalog.write() as connection:
            dead_letters.add(
                connection,
                journal=self._journal,
                segment=piece.segment,
                table=piece.table,
                partition=str(piece.part),
                row_index=bad.place,
                project=_project_of(bad.line),
                row=bad.line.decode("utf-8", "replace").rstrip("\n"),
                reason=bad.reason,
                at=self._clock(),
            )
        self._known.setdefault((piece.segment, piece.table, piece.part), set()).add(bad.place)


def _project_of(line: bytes) -> int | None:
    """The tenant of a row that the engine refuses: its first value, when that can be read; None leaves it to the operator."""
    try:
        first = msgspec.json.decode(line)[0]
    except (msgspec.DecodeError, IndexError, TypeError, KeyError):
        return None
    return first if type(first) is int and 0 < first < 1 << 32 else None
