"""How much came in: rows by dialect and points, bucket by bucket. Cheaper than a :class:`~headrace.store.series.Series`, because
nothing but times is read, and whole buckets are counted even where they reach over the ends of a window.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from headrace.store import rollups, schema
from headrace.store.buckets import Grid
from headrace.store.client import Store
from headrace.store.filters import BadFilter, row_table
from headrace.store.reader import DEFAULT, Budget, Sql
from headrace.store.series import bucket_of

#: Stats that one question may name: 1,000 of 10,000 stats over a week take 45 ms of CPU, six times what all points of the project take.
MAX_NAMED: Final = 1_000
#: More than there are dialects.
SOURCES: Final = 32

_WITHIN: Final = (
    "ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"
)


class Counts(NamedTuple):
    """``rows``: table → dialect → start of a bucket (ms) → count. ``points``: start → count, of all the project's stats; ``named``: of
    some of them. Empty buckets are left out.
    """

    rows: dict[str, dict[str, dict[int, int]]]
    points: dict[int, int]
    named: dict[int, int]


def count_all(
    store: Store,
    project: int,
    tables: Sequence[str],
    dialects: Sequence[str],
    buckets: Grid,
    *,
    named: Collection[int] = (),
    budget: Budget = DEFAULT,
) -> Counts:
    """Rows of ``tables`` and points in the buckets' range, in one question. ``dialects``: all that rows may be of, fewer than
    ``SOURCES``; ``named``: numbers of stats. Raises :class:`BadFilter` and what :meth:`Store.query` raises.
    """
    found = Counts({table: {} for table in tables}, {}, {})
    points = (found.points, found.named)
    for arm, key, count in store.query(project, counts_sql(tables, dialects, buckets, named), budget).rows:
        if arm >= len(tables):
            points[arm - len(tables)][key] = count
            continue
        start, source = divmod(key, SOURCES)
        found.rows[tables[arm]].setdefault(dialects[source], {})[start] = count
    return found


def counts_sql(tables: Sequence[str], dialects: Sequence[str], buckets: Grid, named: Collection[int] = ()) -> Sql:
    """The query behind :func:`count_all`: an arm for each table, one for all points and one for those that are named. Rows are
    counted by one number made of bucket and dialect: by two columns would take half as long again. Raises :class:`BadFilter`.
    """
    if len(named) > MAX_NAMED:
        raise BadFilter(f"stats: at most {MAX_NAMED:,}")
    params: dict[str, Any] = {"start": buckets.starts[0], "end": buckets.end}
    bucket = bucket_of("toUnixTimestamp64Milli(ts)", buckets, params)
    arms = []
    if tables:
        params |= {"dialects": list(dialects), "numbers": list(range(len(dialects)))}
        source = "transform(dialect, {dialects:Array(String)}, {numbers:Array(Int64)}, 0)"
        key = f"({bucket}) * {SOURCES} + {source}"
        arms = [_arm(at, row_table(table).name, key, "count()") for at, table in enumerate(tables)]
    # Without a stat named this is answered from the projection that `store.rollups` describes.
    arms.append(_arm(len(arms), rollups.BY_MINUTE, bucket, "sum(count)"))
    if named:
        params["stats"] = list(named)
        coarsest = [rollup.name for rollup in schema.ROLLUPS if buckets.aligned(rollup.width)][-1]
        arms.append(_arm(len(arms), coarsest, bucket, "sum(count)", " AND stat IN {stats:Array(UInt64)}"))
    return Sql("\nUNION ALL\n".join(arms), params)


def _arm(number: int, table: str, key: str, count: str, chosen: str = "") -> str:
    return (
        f"SELECT {number} AS arm, {key} AS bucket, {count} AS n\n"
        f"FROM {table} WHERE project = {{project:UInt32}} AND {_WITHIN}{chosen}\nGROUP BY bucket"
    )
