"""One import, stat by stat: what was fetched replaces what an import brought before, so that every step may be done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from headrace.api.imports import grain
from headrace.api.imports.grain import DAY_S, Dataset, Stat
from headrace.api.imports.source import Source, SourceFailed
from headrace.catalog import imports, stats
from headrace.catalog.db import Catalog
from headrace.catalog.imports import ImportRow
from headrace.catalog.projects import by_number
from headrace.catalog.stats import StatRow
from headrace.records.text import clean_text
from headrace.store import Store
from headrace.store.history import replace_history

#: Stats on a page of the source's list, and in one question for data (stathat.md 1.8).
PAGE = 10_000
GROUP = 5
#: Stats that one import fetches, and failures that it tells of one by one.
STATS_MAX = 200_000
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


class Job:
    """Runs one import from where it stands. Raises :class:`SourceFailed`, ``Stopped``, :class:`Ended`, and what store and catalog raise:
    after any of these it can be run again.
    """

    def __init__(self, rooms: Rooms, row: ImportRow, source: Source) -> None:
        self._rooms = rooms
        self._row = row
        self._source = source
        options = row.options
        #: The span that is imported, Unix seconds, whole days at both ends but for what the user says.
        self._since: int = options.get("since", 0)
        self._until: int = options.get("until", row.started_at // 1_000_000 + 1)
        self._names: list[str] | None = options.get("stats")
        self._dry: bool = options.get("dry_run", False)

    def run(self) -> None:
        """Fetches the list, then the stats behind the last one that is done with."""
        found, failures = self._list()
        self._step(status="running", stats_total=len(found) + len(failures))
        if not self._row.after:
            self._row = self._row._replace(stats_failed=0, failures=[])
            self._fail(failures)
        left = [stat for stat in found if stat.name > self._row.after]
        for first in range(0, len(left), GROUP):
            self._group(left[first : first + GROUP])
        self._step(status="completed", current_stat=None, token="", finished_at=self._rooms.now())

    def _step(self, **changes: Any) -> None:
        with self._rooms.catalog.write() as connection:
            project = by_number(connection, self._row.project)
            if project is None or project.state != "live" or not imports.step(connection, self._row, **changes):
                raise Ended
        self._row = self._row._replace(**changes)

    def _fail(self, failures: Sequence[tuple[str, str]], **changes: Any) -> None:
        told = [*self._row.failures, *({"name": name[:TOLD], "error": text} for name, text in failures)]
        self._step(stats_failed=self._row.stats_failed + len(failures), failures=told[:FAILURES_TOLD], **changes)

    # --- the list

    def _list(self) -> tuple[list[Stat], list[tuple[str, str]]]:
        """The stats to fetch by name, and those that cannot be: (name, why)."""
        found: dict[str, Stat] = {}
        failures: dict[str, str] = {}
        for item in self._items():
            stat = grain.read_stat(item)
            if stat is None:
                raise SourceFailed("what the source sends is no list of stats")
            name = clean_text(stat.name).strip()
            if self._names is not None and stat.name not in self._names and name not in self._names:
                continue
            if not 1 <= len(name) <= NAME_MAX or "~" in name:
                failures[name] = "not a name that a stat can have here"
            else:
                found[name] = stat._replace(name=name)
        for name in self._names or ():
            if name not in found and name not in failures:
                failures[name] = "the source has no such stat"
        return sorted(found.values(), key=lambda stat: stat.name), sorted(failures.items())

    def _items(self) -> Iterator[Any]:
        offset = 0
        while True:
            page = self._source.stats(offset)
            yield from page
            offset += len(page)
            if len(page) < PAGE:
                return
            if offset >= STATS_MAX:
                raise SourceFailed(f"the source has more than {STATS_MAX:,} stats: name those to import")

    # --- stats

    def _group(self, group: list[Stat]) -> None:
        """The history of up to five stats."""
        self._step(current_stat=group[0].name[:TOLD])
        days, quarters = self._fetch(group)
        rows = {} if self._dry else self._own(group)
        for stat in group:
            row = rows.get(stat.name)
            failure = ""
            if stat.name not in days:
                failure = "the source no longer has it"
            elif row is not None and row.type != stat.type:
                failure = f"here it is a {row.type}"
            elif row is None and not self._dry:
                failure = "stat limit reached"
            if failure:
                self._fail([(stat.name, failure)], after=stat.name)
                continue
            points = grain.choose(stat.type, days[stat.name], quarters.get(stat.name, {}), self._now_s())
            kept = [(time * 1000, value) for time, value in points if self._since <= time < self._until]
            if row is not None:
                self._keep(stat, row, kept)
            self._step(
                stats_done=self._row.stats_done + 1,
                points_imported=self._row.points_imported + len(kept),
                after=stat.name,
            )

    def _now_s(self) -> int:
        return self._rooms.now() // 1_000_000

    def _fetch(self, group: list[Stat]) -> tuple[dict[str, Dataset], dict[str, Dataset]]:
        """Days and quarter hours of the stats that the source still has, by name; the newest are asked for first."""
        upper = -(-self._until // DAY_S) * DAY_S
        lower = self._since // DAY_S * DAY_S
        first = min(stat.created for stat in group) // DAY_S * DAY_S
        days: dict[str, dict[int, float]] = {}
        for start in grain.years(lower, upper):
            found = self._data(group, grain.DAYS, start, start + grain.YEAR_DAYS * DAY_S)
            for name, dataset in found.items():
                days.setdefault(name, {}).update(dataset)
            # What was back-dated lies before its stat's beginning: as long as there is something, there may be more.
            if start <= first and not any(any(dataset.values()) for dataset in found.values()):
                break
        quarters: dict[str, dict[int, float]] = {}
        for start in grain.weeks(days):
            for name, dataset in self._data(group, grain.QUARTERS, start, min(start + grain.WEEK_S, upper)).items():
                quarters.setdefault(name, {}).update(dataset)
        return dict(days), dict(quarters)

    def _data(self, group: list[Stat], timeframe: str, start: int, end: int) -> dict[str, dict[int, float]]:
        """Datasets by name: the source leaves out what it does not know."""
        wanted = {stat.name for stat in group}
        datasets: dict[str, dict[int, float]] = {}
        for item in self._source.data([stat.id for stat in group], timeframe, start) or ():
            read = grain.read_dataset(item, start, end)
            if read is None:
                raise SourceFailed("what the source sends is no dataset")
            name = clean_text(read[0]).strip()
            if name in wanted:
                datasets[name] = read[1]
        return datasets

    def _own(self, group: list[Stat]) -> dict[str, StatRow]:
        """Our stats by the names they have there: those that came from the same ones before, else those of the same name."""
        with self._rooms.catalog.read() as connection:
            before = stats.by_origins(connection, self._row.project, [stat.id for stat in group])
        rows = {stat.name: before[stat.id] for stat in group if stat.id in before and before[stat.id].type == stat.type}
        left = [stat for stat in group if stat.name not in rows]
        if left:
            made = self._rooms.make_stats(self._row.project, [(stat.name, stat.type) for stat in left])
            rows |= {stat.name: row for stat, row in zip(left, made, strict=True) if row is not None}
        return rows

    def _keep(self, stat: Stat, row: StatRow, points: list[tuple[int, float]]) -> None:
        replace_history(
            self._rooms.store(),
            row.project,
            row.stat_id,
            points,
            start=self._since * 1000,
            end=self._until * 1000,
            batch=self._row.batch,
        )
        with self._rooms.catalog.write() as connection:
            stats.imported(connection, row, stat.id, points[-1][0] if points else None)
