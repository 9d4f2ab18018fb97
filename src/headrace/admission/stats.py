"""The stat registry: (project, source, name) → number and type, without a walk to the catalog on the hot path.

In memory are the stats used of late and those the catalog does not have yet; for the rest the catalog is asked (an index look-up).
So a million idle stats cost nothing here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from headrace.admission.keys import LookUpFailed
from headrace.catalog import meta
from headrace.catalog import stats as stat_table
from headrace.catalog.db import Catalog
from headrace.catalog.stats import StatRow
from headrace.records.ids import classic_key

#: Stats held in memory; beyond it the least recently loaded project is forgotten and read again when needed.
HOT_STATS = 200_000
#: Classic keys held in memory.
HOT_CLASSIC_KEYS = 10_000


class Known(NamedTuple):
    stat_id: int
    type: str


#: name → stat. Of a derived source, which may have a counter and a value of one name, the key is (name, type).
Names = dict[str | tuple[str, str], Known]


class StatRegistry:
    """Used on the event loop's thread."""

    def __init__(
        self, catalog: Catalog, *, derived_max: int, pending: list[tuple[int, int, str, str, str, int]]
    ) -> None:
        """``pending``: stats that the journal holds and the catalog may not have yet."""
        self._catalog = catalog
        self._derived_max = derived_max
        self._names: dict[tuple[int, str], Names] = {}
        self._held = 0
        self._pending: dict[int, StatRow] = {row[0]: StatRow(*row) for row in pending}
        #: (project, classic key) → name and type, of those posted to of late.
        self._classic: dict[tuple[int, bytes], tuple[str, str]] = {}
        with catalog.read() as connection:
            self._counts = stat_table.counts(connection)
            self._secret = meta.instance_secret(connection)
        for row in self._pending.values():
            self._remember(row)
            self._counts[row.project, row.source] = self._counts.get((row.project, row.source), 0) + 1
        #: Derived stats refused because the project has its fill, since the start.
        self.refused_derived = 0

    def names(self, project: int, source: str) -> Names:
        """The stats in memory of one namespace, to be read only."""
        found = self._names.get((project, source))
        if found is None:
            found = self._names[project, source] = {}
        return found

    def look_up(self, project: int, source: str, name: str, type_: str | None) -> Known | None:
        """A stat that is not in memory, from the catalog. ``type_`` is part of the name in derived sources only. Raises
        :class:`LookUpFailed`.
        """
        told = None if source == "stat" else type_
        row = self._ask(lambda connection: stat_table.find(connection, project, source, name, told))
        if row is None:
            return None
        if self._held >= HOT_STATS:
            self._forget()
        return self._remember(row)

    def type_of(self, project: int, name: str) -> str | None:
        """Type of the stat of that name in source ``stat``. Any thread: nothing is remembered. Raises :class:`LookUpFailed`."""
        known = self.names(project, "stat").get(name)
        if known is not None:
            return known.type
        row = self._ask(lambda connection: stat_table.find(connection, project, "stat", name, None))
        return None if row is None else row.type

    def by_classic_key(self, project: int, hexadecimal: str) -> tuple[str, str] | None:
        """Name and type of the stat with that classic key (32 hex digits). Any thread. Raises :class:`LookUpFailed`."""
        key = bytes.fromhex(hexadecimal)
        known = self._classic.get((project, key))
        if known is not None:
            return known
        waiting = (row for row in self.pending(project) if row.source == "stat")
        row = next((row for row in waiting if classic_key(self._secret, row.stat_id) == key), None)
        row = row or self._ask(lambda connection: stat_table.by_classic_key(connection, project, key))
        if row is None:
            return None
        if len(self._classic) >= HOT_CLASSIC_KEYS:
            self._classic.clear()
        self._classic[project, key] = found = (row.name, row.type)
        return found

    def _ask(self, question: Callable[[Connection], StatRow | None]) -> StatRow | None:
        try:
            with self._catalog.read() as connection:
                return question(connection)
        except SQLAlchemyError as error:
            raise LookUpFailed(str(error).splitlines()[0]) from None

    def room(self, project: int, source: str, extra: int) -> bool:
        """Whether a derived source may have ``extra`` more stats."""
        return source == "stat" or self._counts.get((project, source), 0) + extra < self._derived_max

    def count(self, project: int, source: str) -> int:
        """How many stats there are that are not in the trash."""
        return self._counts.get((project, source), 0)

    @staticmethod
    def draft(project: int, source: str, name: str, type_: str, now: int) -> StatRow:
        """A new stat with a random number, 63 bits so that any SQL integer holds it."""
        return StatRow(secrets.randbits(63) or 1, project, source, name, type_, now)

    def add(self, row: StatRow) -> Callable[[], None]:
        """Makes ``row`` known; gives what takes it back."""
        self._pending[row.stat_id] = row
        self._remember(row)
        slot = (row.project, row.source)
        self._counts[slot] = self._counts.get(slot, 0) + 1

        def undo() -> None:
            self._pending.pop(row.stat_id, None)
            if self._names.get(slot, {}).pop(_key(row), None) is not None:
                self._held -= 1
            self._counts[slot] -= 1

        return undo

    def pending(self, project: int) -> list[StatRow]:
        """Stats of ``project`` that the catalog may not show yet."""
        return [row for row in list(self._pending.values()) if row.project == project]

    def projected(self, stat_ids: list[int]) -> None:
        """The catalog has these now."""
        for stat_id in stat_ids:
            self._pending.pop(stat_id, None)

    def forget_project(self, project: int) -> None:
        """Stats of ``project`` were changed behind the registry's back (renamed, trashed): they are read again."""
        self._classic.clear()
        for slot in [slot for slot in self._names if slot[0] == project]:
            self._held -= len(self._names.pop(slot))
        for row in self._pending.values():
            if row.project == project:
                self._remember(row)

    def forget_trashed(self, project: int, stat_ids: Sequence[int]) -> None:
        """Stats of ``project`` went into the trash: their names make new ones."""
        for stat_id in stat_ids:
            self._pending.pop(stat_id, None)
        self._counts[project, "stat"] = self.count(project, "stat") - len(stat_ids)
        self.forget_project(project)

    def _remember(self, row: StatRow) -> Known:
        known = Known(row.stat_id, row.type)
        self._names.setdefault((row.project, row.source), {})[_key(row)] = known
        self._held += 1
        return known

    def _forget(self) -> None:
        oldest = next(iter(self._names))
        self._held -= len(self._names[oldest])
        self._names[oldest].clear()
        self._names[oldest] = self._names.pop(oldest)
        for row in self._pending.values():
            if (row.project, row.source) == oldest:
                self._remember(row)


def _key(row: StatRow) -> str | tuple[str, str]:
    return row.name if row.source == "stat" else (row.name, row.type)
