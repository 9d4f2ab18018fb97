"""One import, stat by stat: what was fetched replaces what an import brought before, so that every step may be done again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.api.imports import grain
from headrace.api.imports.grain import DAY_S, Dataset, Stat
from headrace.api.imports.keeping import NAME_MAX, TOLD, Keeping, Rooms
from headrace.api.imports.source import Source, SourceFailed
from headrace.catalog.imports import ImportRow
from headrace.records.text import clean_text

#: Stats on a page of the source's list, and in one question for data (stathat.md 1.8).
PAGE = 10_000
GROUP = 5
#: Stats that one import fetches.
STATS_MAX = 200_000


class Job(Keeping):
    """Runs one import from where it stands. Raises :class:`SourceFailed`, ``Stopped``, :class:`~headrace.api.imports.keeping.Ended`, and
    what store and catalog raise: after any of these it can be run again.
    """

    def __init__(self, rooms: Rooms, row: ImportRow, source: Source) -> None:
        super().__init__(rooms, row)
        self._source = source
        self._names: list[str] | None = row.options.get("stats")

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
        self._finish()

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
            failure = "the source no longer has it" if stat.name not in days else self._refusal(stat, row)
            if failure:
                self._fail([(stat.name, failure)], after=stat.name)
                continue
            points = grain.choose(stat.type, days[stat.name], quarters.get(stat.name, {}), self._now_s())
            kept = [(time * 1000, value) for time, value in points if self._since <= time < self._until]
            if row is not None:
                self._keep(stat, row, kept, self._since, self._until)
            self._step(
                stats_done=self._row.stats_done + 1,
                points_imported=self._row.points_imported + len(kept),
                after=stat.name,
            )

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
