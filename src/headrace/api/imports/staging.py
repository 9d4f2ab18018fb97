"""What the files of one export say, gathered by stat before it is kept: a stat's numbers may lie in many files. On disk where it is much."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from headrace.api.imports import grain
from headrace.api.imports.grain import GROWING_S, Dataset
from headrace.api.imports.hat_files import Listed, Saved

_TABLES = (
    "CREATE TABLE listed (id TEXT, name TEXT PRIMARY KEY, type TEXT)",
    "CREATE TABLE told (name TEXT PRIMARY KEY, id TEXT, type TEXT)",
    "CREATE TABLE datasets (name TEXT, width INTEGER, times BLOB, numbers BLOB)",
    "CREATE INDEX by_name ON datasets (name)",
)
#: A stat whose own file says another name than the list is listed under the old one: that one is left out.
_STATS = (
    "SELECT name, coalesce(nullif(max(id), ''), ''), max(type) FROM ("
    " SELECT told.name, coalesce(nullif(told.id, ''), listed.id, '') AS id, coalesce(told.type, listed.type) AS type"
    " FROM told LEFT JOIN listed ON listed.name = told.name"
    " UNION ALL SELECT name, id, type FROM listed"
    " WHERE name NOT IN (SELECT name FROM told) AND id NOT IN (SELECT id FROM told WHERE id != '')"
    ") GROUP BY name ORDER BY name"
)


class Staged(NamedTuple):
    """A stat that came up; ``type`` None where no file says it."""

    id: str
    name: str
    type: str | None


class Staging:
    """A private database that nobody finds afterwards. Used by one thread."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        for statement in _TABLES:
            self._db.execute(statement)
        self._db.execute("BEGIN")

    def close(self) -> None:
        self._db.close()

    def list(self, stat: Listed) -> None:
        """A list names a stat."""
        self._db.execute("INSERT OR REPLACE INTO listed VALUES (?, ?, ?)", (stat.id, stat.name, stat.type))

    def add(self, saved: Saved) -> None:
        """A file brings numbers of a stat."""
        self._db.execute(
            "INSERT INTO told VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " id = coalesce(nullif(excluded.id, ''), id), type = coalesce(excluded.type, type)",
            (saved.name, saved.id, saved.type),
        )
        times, numbers = array("q", saved.points), array("d", saved.points.values())
        row = (saved.name, saved.width, times.tobytes(), numbers.tobytes())
        self._db.execute("INSERT INTO datasets VALUES (?, ?, ?, ?)", row)

    def count(self) -> int:
        """How many stats came up."""
        return int(self._db.execute(f"SELECT count(*) FROM ({_STATS})").fetchone()[0])

    def stats(self) -> Iterator[Staged]:
        """Those that came up, by name."""
        for row in self._db.execute(_STATS):
            yield Staged(row[1], row[0], row[2])

    def layers(self, name: str) -> dict[int, dict[int, float]]:
        """A stat's numbers by the seconds between them."""
        found: dict[int, list[Dataset]] = {}
        rows = self._db.execute("SELECT width, times, numbers FROM datasets WHERE name = ? ORDER BY rowid", (name,))
        for width, times, numbers in rows:
            dataset = dict(zip(array("q", times), array("d", numbers), strict=True))
            found.setdefault(width, []).append(dataset)
        return {width: unite(datasets, width) for width, datasets in found.items()}


def unite(datasets: Sequence[Dataset], width: int) -> dict[int, float]:
    """Datasets of one width as one; where two overlap, the one that reaches further counts: it was saved later."""
    united: dict[int, float] = {}
    floor: int | None = None
    for dataset in sorted(filter(None, reversed(datasets)), key=max, reverse=True):
        united |= {time: value for time, value in dataset.items() if floor is None or time + width <= floor}
        floor = min(dataset) if floor is None else min(floor, *dataset)
    return united


def settle(stat_type: str, layers: dict[int, dict[int, float]]) -> list[tuple[int, float]]:
    """The numbers to keep, by time: the finest that make up the coarser ones, without the zeros that stand for nothing."""
    widths = sorted(width for width, points in layers.items() if points)
    if not widths:
        return []
    values = stat_type == "value"
    finest = layers[widths[0]]
    if len(widths) == 1:
        kept = {time: value for time, value in finest.items() if value}
        return sorted((kept | (grain.lone_zeros(finest) if values else {})).items())
    growing = max(max(layers[width]) for width in widths) - GROWING_S
    kept = finest
    for place, width in enumerate(widths[1:]):
        coarse = layers[width]
        zeros = grain.lone_zeros(coarse) if values else {}
        kept = grain.refine(stat_type, coarse, width, kept, growing, zeros=zeros, settled=place > 0)
    return sorted(kept.items())
