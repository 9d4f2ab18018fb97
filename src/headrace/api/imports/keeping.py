"""What every import does with the catalog and the store: its status, its stats, their history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from headrace.api.imports.grain import Stat
from headrace.catalog import imports, stats
from headrace.catalog.db import Catalog
from headrace.catalog.imports import ImportRow
from headrace.catalog.projects import by_number
from headrace.catalog.stats import StatRow
from headrace.store import Store
from headrace.store.history import replace_history

#: Failures that an import tells of one by one.
FAILURES_TOLD = 100
#: Characters of a stat's name, and of one that is told.
NAME_MAX = 255
TOLD = 100

#: Finds or makes stats of (name, type) in a project; None where it has its fill.
MakeStats = Callable[[int, Sequence[tuple[str, str]]], list[StatRow | None]]


class Ended(Exception):
    """The import was ended meanwhile: its project is gone."""


class Rooms(NamedTuple):
    """What an import works with. ``now``: µs since the epoch."""

    catalog: Catalog
    store: Callable[[], Store]
    make_stats: MakeStats
    now: Callable[[], int]


class Keeping:
    """One import's way into the rooms; each step may be done again."""

    def __init__(self, rooms: Rooms, row: ImportRow) -> None:
        self._rooms = rooms
        self._row = row
        options = row.options
        #: The span that is imported, Unix seconds.
        self._since: int = options.get("since", 0)
        self._until: int = options.get("until", row.started_at // 1_000_000 + 1)
        self._dry: bool = options.get("dry_run", False)

    def _step(self, **changes: Any) -> None:
        with self._rooms.catalog.write() as connection:
            project = by_number(connection, self._row.project)
            if project is None or project.state != "live" or not imports.step(connection, self._row, **changes):
                raise Ended
        self._row = self._row._replace(**changes)

    def _fail(self, failures: Sequence[tuple[str, str]], **changes: Any) -> None:
        """Tells of stats that could not be imported: (name, why)."""
        told = [*self._row.failures, *({"name": name[:TOLD], "error": text} for name, text in failures)]
        self._step(stats_failed=self._row.stats_failed + len(failures), failures=told[:FAILURES_TOLD], **changes)

    def _finish(self, **changes: Any) -> None:
        self._step(status="completed", current_stat=None, token="", finished_at=self._rooms.now(), **changes)

    def _now_s(self) -> int:
        return self._rooms.now() // 1_000_000

    def _own(self, group: Sequence[Stat]) -> dict[str, StatRow]:
        """Our stats by the names they have there: those that came from the same ones before, else those of the same name."""
        with self._rooms.catalog.read() as connection:
            before = stats.by_origins(connection, self._row.project, [stat.id for stat in group if stat.id])
        rows = {stat.name: before[stat.id] for stat in group if stat.id in before and before[stat.id].type == stat.type}
        left = [stat for stat in group if stat.name not in rows]
        if left:
            made = self._rooms.make_stats(self._row.project, [(stat.name, stat.type) for stat in left])
            rows |= {stat.name: row for stat, row in zip(left, made, strict=True) if row is not None}
        return rows

    def _refusal(self, stat: Stat, row: StatRow | None) -> str:
        """Why the history of ``stat`` cannot be kept in ``row``, "" when it can."""
        if row is not None and row.type != stat.type:
            return f"here it is a {row.type}"
        return "stat limit reached" if row is None and not self._dry else ""

    def _keep(self, stat: Stat, row: StatRow, points: list[tuple[int, float]], start: int, end: int) -> None:
        """Makes ``points`` (ms, value) the history of ``row`` in [``start``, ``end``) Unix seconds."""
        replace_history(
            self._rooms.store(),
            row.project,
            row.stat_id,
            points,
            start=start * 1000,
            end=end * 1000,
            batch=self._row.batch,
        )
        self._note(stat, row, points[-1][0] if points else None)

    def _note(self, stat: Stat, row: StatRow, last_ms: int | None) -> None:
        """Notes where a history came from and how far it reaches."""
        with self._rooms.catalog.write() as connection:
            stats.imported(connection, row, stat.id, last_ms)
