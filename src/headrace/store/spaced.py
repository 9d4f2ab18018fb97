"""Buckets that begin at any minute and are of any whole number of minutes, as StatHat spaces them (stathat.md 1.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from headrace.store import schema
from headrace.store.client import Store
from headrace.store.filters import BadFilter
from headrace.store.reader import DEFAULT, Budget, Sql
from headrace.store.series import MAX_STATS, Bucket, point_arm

_MINUTE_MS: Final = 60_000


def spaced_buckets(
    store: Store, project: int, stats: Sequence[int], start: int, width: int, count: int, budget: Budget = DEFAULT
) -> dict[int, list[Bucket]]:
    """The ``count`` buckets of each of ``stats`` from ``start`` on, each ``width`` long; both in ms and whole minutes. Raises what
    :meth:`Store.query` raises.
    """
    sql = compile_spaced(stats, start, width, count)
    found: dict[int, dict[int, Bucket]] = {stat: {} for stat in stats}
    for stat, place, *numbers in store.query(project, sql, budget).rows:
        found[int(stat)][int(place)] = Bucket(start + int(place) * width, *numbers)
    return {
        stat: [buckets.get(place) or Bucket(start + place * width) for place in range(count)]
        for stat, buckets in found.items()
    }


def compile_spaced(stats: Sequence[int], start: int, width: int, count: int) -> Sql:
    """The question as SQL and parameters, from the coarsest rollup that fits the buckets. Raises
    :class:`~headrace.store.filters.BadFilter`.
    """
    if not 0 < len(stats) <= MAX_STATS:
        raise BadFilter(f"stats: 1 to {MAX_STATS}")
    if start % _MINUTE_MS or width % _MINUTE_MS or width < _MINUTE_MS:
        raise BadFilter("buckets begin and end with a minute")
    table = next(
        rollup.name for rollup in reversed(schema.ROLLUPS) if not start % rollup.width and not width % rollup.width
    )
    params: dict[str, Any] = {
        "stats": list(stats),
        "from0": start,
        "to0": start + count * width,
        "width": width,
    }
    union = "\n    UNION ALL\n".join(point_arm(name, 0) for name in (table, schema.HISTORY))
    return Sql(
        "SELECT stat, intDiv(ms - {from0:Int64}, {width:Int64}) AS place, "
        "sum(n) AS count, sum(total) AS sum, min(low) AS min, max(high) AS max, max(latest).2 AS last\n"
        f"FROM (\n{union}\n)\nGROUP BY stat, place ORDER BY stat, place",
        params,
    )
