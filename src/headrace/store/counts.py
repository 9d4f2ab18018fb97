"""How much came in: rows by dialect and points, bucket by bucket. Cheaper than a :class:`~headrace.store.series.Series`, because
nothing but times is read, and whole buckets are counted even where they reach over the ends of a window.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from headrace.store import schema
from headrace.store.buckets import Grid
from headrace.store.client import Store
from headrace.store.filters import BadFilter, row_table
from headrace.store.reader import DEFAULT, Budget, Sql
from headrace.store.series import bucket_of

#: Stats that one question may name: their numbers stay below the engine's bound for the text of a query (256 KiB).
MAX_NAMED: Final = 10_000


def count_rows(
    store: Store, project: int, table: str, buckets: Grid, budget: Budget = DEFAULT
) -> dict[str, dict[int, int]]:
    """Rows of ``table`` in the buckets' range: dialect → start of a bucket (ms) → count. Empty buckets are left out."""
    found: dict[str, dict[int, int]] = {}
    for dialect, start, count in store.query(project, rows_sql(table, buckets), budget).rows:
        found.setdefault(dialect, {})[start] = count
    return found


def count_points(
    store: Store,
    project: int,
    buckets: Grid,
    *,
    only: Collection[int] | None = None,
    but: Collection[int] = (),
    budget: Budget = DEFAULT,
) -> dict[int, int]:
    """Points in the buckets' range, of the stats ``only`` or of all ``but`` some: start of a bucket (ms) → count."""
    rows = store.query(project, points_sql(buckets, only, but), budget).rows
    return {start: count for start, count in rows}  # noqa: C416 - says what the columns are


def rows_sql(table: str, buckets: Grid) -> Sql:
    """The query behind :func:`count_rows`."""
    params: dict[str, Any] = {"start": buckets.starts[0], "end": buckets.end}
    return Sql(
        f"SELECT dialect, {bucket_of('toUnixTimestamp64Milli(ts)', buckets, params)} AS bucket, count() AS n\n"
        f"FROM {row_table(table).name} WHERE project = {{project:UInt32}}"
        " AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')\n"
        "GROUP BY dialect, bucket ORDER BY dialect, bucket",
        params,
    )


def points_sql(buckets: Grid, only: Collection[int] | None, but: Collection[int]) -> Sql:
    """The query behind :func:`count_points`, over the coarsest rollup that fits the buckets. Raises :class:`BadFilter`."""
    rollups = [rollup for rollup in schema.ROLLUPS if buckets.aligned(rollup.width)]
    params: dict[str, Any] = {"start": buckets.starts[0], "end": buckets.end}
    chosen = ""
    if only is not None or but:
        named = but if only is None else only
        if len(named) > MAX_NAMED:
            raise BadFilter(f"stats: at most {MAX_NAMED:,}")
        params["stats"] = list(named)
        chosen = f" AND stat {'NOT IN' if only is None else 'IN'} {{stats:Array(UInt64)}}"
    return Sql(
        f"SELECT {bucket_of('toUnixTimestamp64Milli(ts)', buckets, params)} AS bucket, sum(count) AS n\n"
        f"FROM {rollups[-1].name} WHERE project = {{project:UInt32}}{chosen}"
        " AND ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')\n"
        "GROUP BY bucket ORDER BY bucket",
        params,
    )
