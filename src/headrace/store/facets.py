"""What there is to choose from: the dialects, levels and environments that occur in a project's events."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from headrace.records.tables import EVENTS
from headrace.store.client import Store
from headrace.store.reader import DEFAULT, Budget, Sql

#: Values of one field that are offered.
MAX_CHOICES: Final = 100


class Facets(msgspec.Struct, frozen=True):
    """Values in alphabetical order, the empty one left out."""

    dialects: list[str] = []
    levels: list[str] = []
    environments: list[str] = []


def read_facets(store: Store, project: int, start: int | None, end: int | None, budget: Budget = DEFAULT) -> Facets:
    """The choices among events with ``start`` ≤ ts < ``end`` (µs)."""
    dialects, levels, environments = store.query(project, facets_sql(start, end), budget).rows[0]
    return Facets(*(sorted(value for value in values if value) for values in (dialects, levels, environments)))


def facets_sql(start: int | None, end: int | None) -> Sql:
    """The query behind :func:`read_facets`: columns of few values, which cost little to read."""
    params: dict[str, Any] = {}
    bounds = ""
    if start is not None:
        bounds += " AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')"
        params["start"] = start
    if end is not None:
        bounds += " AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')"
        params["end"] = end
    chosen = ", ".join(f"groupUniqArray({MAX_CHOICES})({name})" for name in ("dialect", "level", "environment"))
    return Sql(f"SELECT {chosen}\nFROM {EVENTS.name} WHERE project = {{project:UInt32}}{bounds}", params)
