"""A window of events in numbers: counts and durations bucket by bucket, the metrics and the values that occur in it (logister.md 2.5)."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, Final, NamedTuple

from headrace.records.tables import EVENTS
from headrace.store.buckets import Grid
from headrace.store.client import Store
from headrace.store.filters import EVERYTHING, Filter, conditions
from headrace.store.reader import DEFAULT, Budget, Sql
from headrace.store.series import bucket_of

#: The newest metrics that are looked at for their names, and the names that are kept.
METRICS_LOOKED_AT: Final = 1_000
METRICS_MAX: Final = 12
#: The newest events that are looked at for their attributes, and the pairs of key and value that are given.
EVENTS_LOOKED_AT: Final = 500
PAIRS_MAX: Final = 900
#: Values of one column that are given.
CHOICES_MAX: Final = 20

#: The metric that tells how long a query of a database took.
DB_QUERY: Final = "db.query"

#: Values that the engine's own ``quantile`` interpolates exactly; of more it takes a sample, and one rank more or less is no matter.
_EXACT_UPTO: Final = 8_192

_QUERIES: Final = "type = 'metric' AND message = {query:String}"
_TRANSACTIONS: Final = "type = 'transaction'"


def _p95(wanted: str) -> str:
    """The interpolated 95th percentile of how long those took that are ``wanted``."""
    few = f"countIf({wanted}) <= {_EXACT_UPTO}"
    return f"if({few}, quantileIf(0.95)(duration_ms, {wanted}), quantileExactIf(0.95)(duration_ms, {wanted}))"


#: What is worked out of each bucket, by the name of its series.
STANDARD: Final[dict[str, str]] = {
    "events.total": "count()",
    "errors.count": "countIf(type = 'error')",
    "activity.count": "countIf(type != 'error')",
    "logs.count": "countIf(type = 'log')",
    "metrics.count": "countIf(type = 'metric')",
    "check_ins.count": "countIf(type = 'check_in')",
    "transactions.count": f"countIf({_TRANSACTIONS})",
    "transactions.avg": f"avgIf(duration_ms, {_TRANSACTIONS})",
    "transactions.p95": _p95(_TRANSACTIONS),
    "db.query.count": f"countIf({_QUERIES})",
    "db.query.avg": f"avgIf(duration_ms, {_QUERIES})",
    "db.query.p95": _p95(_QUERIES),
}


class Metric(NamedTuple):
    """A metric by its name: how many there were, and how many of them with a value."""

    name: str
    events: int
    values: int


class Choices(NamedTuple):
    """(value, events that have it), the most frequent first; ``pairs`` are (attribute, value, events)."""

    environments: list[tuple[str, int]]
    releases: list[tuple[str, int]]
    pairs: list[tuple[str, str, int]]


def count_types(store: Store, project: int, start: int, end: int, budget: Budget = DEFAULT) -> dict[str, int]:
    """How many events of each type happened in [``start``, ``end``) µs."""
    text = f"SELECT type, count() FROM {EVENTS.name} WHERE project = {{project:UInt32}} AND {_WITHIN_US} GROUP BY type"
    return dict(store.query(project, Sql(text, {"start": start, "end": end}), budget).rows)  # type: ignore[arg-type]


def read_buckets(
    store: Store, project: int, buckets: Grid, wanted: Filter = EVERYTHING, budget: Budget = DEFAULT
) -> dict[int, dict[str, float]]:
    """What each bucket holds, by its start (ms) and the names of ``STANDARD``; what there is none of is 0, empty buckets are left out."""
    rows = store.query(project, buckets_sql(buckets, wanted), budget).rows
    return {row[0]: dict(zip(STANDARD, (_number(value) for value in row[1:]), strict=True)) for row in rows}


def read_metrics(store: Store, project: int, start: int, end: int, budget: Budget = DEFAULT) -> list[Metric]:
    """The most frequent of the newest metrics in [``start``, ``end``) ms, queries of databases left out."""
    return [Metric(*row) for row in store.query(project, metrics_sql(start, end), budget).rows]


def read_custom(
    store: Store,
    project: int,
    buckets: Grid,
    names: Sequence[str],
    wanted: Filter = EVERYTHING,
    budget: Budget = DEFAULT,
) -> dict[str, dict[int, tuple[int, float]]]:
    """Of the metrics called ``names``: start of a bucket (ms) → (how many, the mean of their values or 0)."""
    found: dict[str, dict[int, tuple[int, float]]] = {}
    for name, start, count, mean in store.query(project, custom_sql(buckets, names, wanted), budget).rows:
        found.setdefault(name, {})[start] = (count, _number(mean))
    return found


def read_choices(store: Store, project: int, start: int, end: int, budget: Budget = DEFAULT) -> Choices:
    """What there is to narrow down to among events of [``start``, ``end``) ms."""
    environments, releases = (
        store.query(project, column_sql(name, start, end), budget).rows for name in ("environment", "release")
    )
    pairs = store.query(project, pairs_sql(start, end), budget).rows
    return Choices(
        [tuple(row) for row in environments], [tuple(row) for row in releases], [tuple(row) for row in pairs]
    )


_WITHIN: Final = (
    "ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"
)
_WITHIN_US: Final = _WITHIN.replace("Milli", "Micro")


def buckets_sql(buckets: Grid, wanted: Filter) -> Sql:
    """The query behind :func:`read_buckets`."""
    clauses, params = conditions(EVENTS.name, wanted)
    params |= {"start": buckets.start, "end": buckets.end, "query": DB_QUERY}
    bucket = bucket_of("toUnixTimestamp64Milli(ts)", buckets, params)
    where = " AND ".join(["project = {project:UInt32}", _WITHIN, *clauses])
    return Sql(
        f"SELECT {bucket} AS bucket, {', '.join(STANDARD.values())}\nFROM {EVENTS.name} WHERE {where}\nGROUP BY bucket",
        params,
    )


def metrics_sql(start: int, end: int) -> Sql:
    """The query behind :func:`read_metrics`."""
    return Sql(
        f"SELECT name, count() AS n, count(value)\nFROM (\n    SELECT name, value FROM {EVENTS.name}\n"
        f"    WHERE project = {{project:UInt32}} AND {_WITHIN} AND type = 'metric' AND message != {{query:String}} AND name != ''\n"
        f"    ORDER BY ts DESC LIMIT {METRICS_LOOKED_AT}\n)\nGROUP BY name ORDER BY n DESC, name LIMIT {METRICS_MAX}",
        {"start": start, "end": end, "query": DB_QUERY},
    )


def custom_sql(buckets: Grid, names: Sequence[str], wanted: Filter) -> Sql:
    """The query behind :func:`read_custom`."""
    clauses, params = conditions(EVENTS.name, wanted)
    params |= {"start": buckets.start, "end": buckets.end, "names": list(names), "query": DB_QUERY}
    bucket = bucket_of("toUnixTimestamp64Milli(ts)", buckets, params)
    own = "type = 'metric' AND message != {query:String} AND name IN {names:Array(String)}"
    where = " AND ".join(["project = {project:UInt32}", _WITHIN, own, *clauses])
    return Sql(
        f"SELECT name, {bucket} AS bucket, count(), avg(value)\nFROM {EVENTS.name} WHERE {where}\nGROUP BY name, bucket",
        params,
    )


def column_sql(column: str, start: int, end: int) -> Sql:
    """The most frequent values of a column."""
    return Sql(
        f"SELECT {column}, count() AS n\nFROM {EVENTS.name} WHERE project = {{project:UInt32}} AND {_WITHIN} AND {column} != ''\n"
        f"GROUP BY {column} ORDER BY n DESC, {column} LIMIT {CHOICES_MAX}",
        {"start": start, "end": end},
    )


def pairs_sql(start: int, end: int) -> Sql:
    """The most frequent attributes and their values among the newest events."""
    return Sql(
        "SELECT pair.1 AS name, pair.2 AS held, count() AS n\nFROM (\n"
        f"    SELECT arrayJoin(arrayZip(mapKeys(labels), mapValues(labels))) AS pair\n    FROM (\n"
        f"        SELECT labels FROM {EVENTS.name} WHERE project = {{project:UInt32}} AND {_WITHIN}\n"
        f"        ORDER BY ts DESC LIMIT {EVENTS_LOOKED_AT}\n    )\n)\n"
        f"GROUP BY name, held ORDER BY n DESC, name, held LIMIT {PAIRS_MAX}",
        {"start": start, "end": end},
    )


def _number(value: Any) -> float:
    """Nothing, and the mean of nothing, are 0 (logister.md 2.5)."""
    return 0 if value is None or isnan(value) else value
