"""What the catalog learns from a segment, in one transaction that also stores how far it got."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from headrace.catalog import daily_events, dead_letters, deployments, monitors, outbox, progress, sessions, stats, usage
from headrace.catalog.db import Catalog
from headrace.catalog.stats import StatRow
from headrace.loader.draining import BadLine, Piece
from headrace.records.intents import (
    CheckInFact,
    DailyEventFact,
    DeploymentFact,
    Fact,
    OutboxFact,
    SessionFact,
    UsageFact,
)

_decode_fact = msgspec.json.Decoder(Fact).decode
_decode_daily_event = msgspec.json.Decoder(DailyEventFact).decode
#: Begins every fact of this kind as the journal keeps it.
_DAILY_EVENT = b'["daily_event",'


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
            facts, days = read_facts(learned.facts)
            for check_in in newest_check_ins(facts[CheckInFact]):
                monitors.apply_check_in(connection, check_in)
            for fact in facts[SessionFact]:
                sessions.apply(connection, fact)
            for fact in facts[OutboxFact]:
                outbox.add(connection, fact)
            daily_events.add(connection, days)
            usage.add(connection, given(facts[UsageFact]))
            deployments.add_told(connection, facts[DeploymentFact])
            progress.set(connection, self._journal, learned.segment)
        self.done = learned.segment


def read_facts(lines: Iterable[bytes]) -> tuple[dict[type, list[Any]], Counter[tuple[int, int]]]:
    """Facts by their kind, in their order; of the events of a day, which come by the thousand and are all alike, only the numbers by
    (project, day).
    """
    facts: dict[type, list[Any]] = defaultdict(list)
    events: Counter[bytes] = Counter()
    for line in lines:
        if line.startswith(_DAILY_EVENT):
            events[line] += 1
        else:
            fact = _decode_fact(line)
            facts[type(fact)].append(fact)
    days: Counter[tuple[int, int]] = Counter()
    for line, number in events.items():
        day = _decode_daily_event(line)
        days[day.project, day.day] += number
    return facts, days


def facts_without(projects: AbstractSet[int], lines: Iterable[bytes]) -> list[bytes]:
    """The facts that are not about ``projects``."""
    return [line for line in lines if _decode_fact(line).project not in projects]


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
        interval_s = older.interval_s if newer.interval_s is None else newer.interval_s
        if older.creates > newer.creates or interval_s != newer.interval_s:
            newer = structs.replace(newer, creates=older.creates or newer.creates, interval_s=interval_s)
        newest[place] = newer
    return list(newest.values())


def given(facts: Iterable[UsageFact]) -> dict[tuple[int, int], int]:
    """What all of ``facts`` say together, by (project, month)."""
    total: Counter[tuple[int, int]] = Counter()
    for fact in facts:
        total[fact.project, fact.month] += fact.units
    return total


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
