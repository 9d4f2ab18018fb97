"""What a project's HTTP requests come to: how many failed or were slow, how long they took, which hosts fail, what belongs to a trace.

A request without a response (status 0) is not one that failed, as in SeeStack (contract 2.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from headrace.records.tables import REQUESTS
from headrace.store.client import Store
from headrace.store.reader import DEFAULT, Budget, Sql

#: From here on a status of HTTP is a failure.
FAILED: Final = 400
#: Up to so many requests percentiles are exact, which takes 8 bytes of memory each; those of more are estimated from a sample.
EXACT_MAX: Final = 10_000_000
#: Hosts, and requests of a trace, in one answer (contract 2.4).
HOSTS_MAX: Final = 20
TRACE_MAX: Final = 100

_LEVELS: Final = "0.5, 0.95, 0.99"
_WITHIN: Final = (
    "project = {project:UInt32} AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')"
    " AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')"
)


class Totals(NamedTuple):
    """Requests in all, with a status from ``FAILED`` on, that were slow, and by direction."""

    total: int
    failed: int
    slow: int
    inbound: int
    outbound: int


class Host(NamedTuple):
    """Requests made to a host, those that failed, and how long they took on average, ms."""

    host: str
    total: int
    failed: int
    mean_ms: float


def request_totals(store: Store, project: int, start: int, end: int, budget: Budget = DEFAULT) -> Totals:
    """All requests with ``start`` ≤ ts < ``end`` (µs)."""
    text = (
        "SELECT count() AS total, countIf(status >= {failed:UInt16}) AS failed, countIf(is_slow = 1) AS slow, "
        "countIf(direction = 'inbound') AS inbound, countIf(direction = 'outbound') AS outbound\n"
        f"FROM {REQUESTS.name} WHERE {_WITHIN}"
    )
    params = {"start": start, "end": end, "failed": FAILED}
    return Totals(*map(int, store.query(project, Sql(text, params), budget).rows[0]))


def request_percentiles(
    store: Store, project: int, start: int, end: int, total: int, budget: Budget = DEFAULT
) -> tuple[float, float, float]:
    """The median, 95th and 99th percentile of how long the requests with ``start`` ≤ ts < ``end`` (µs) took, ms. ``total``: about how
    many they are, at least one; up to ``EXACT_MAX`` the values are nearest ranks.
    """
    rows = store.query(project, percentiles_sql(start, end, exact=total <= EXACT_MAX), budget).rows
    median, high, highest = rows[0][0]
    return median, high, highest


def percentiles_sql(start: int, end: int, *, exact: bool) -> Sql:
    """The query behind :func:`request_percentiles`."""
    how = "quantilesExact" if exact else "quantiles"
    text = f"SELECT {how}({_LEVELS})(duration_ms) AS found\nFROM {REQUESTS.name} WHERE {_WITHIN}"
    return Sql(text, {"start": start, "end": end})


def failing_hosts(store: Store, project: int, start: int, end: int, budget: Budget = DEFAULT) -> list[Host]:
    """The ``HOSTS_MAX`` hosts to which most requests with ``start`` ≤ ts < ``end`` (µs) failed, the worst first."""
    text = (
        "SELECT host, count() AS total, countIf(status >= {failed:UInt16}) AS failed, avg(duration_ms) AS mean\n"
        f"FROM {REQUESTS.name} WHERE {_WITHIN} AND direction = 'outbound'\n"
        "GROUP BY host ORDER BY failed DESC, total DESC, host LIMIT {limit:UInt32}"
    )
    params = {"start": start, "end": end, "failed": FAILED, "limit": HOSTS_MAX}
    return [Host(*row) for row in store.query(project, Sql(text, params), budget).rows]


def requests_of_trace(
    store: Store, project: int, trace_id: str, columns: Sequence[str], budget: Budget = DEFAULT
) -> list[dict[str, Any]]:
    """The ``TRACE_MAX`` oldest requests of a trace, oldest first; of one moment as they came in. ``columns``: these, and ``ts`` (µs) and
    ``id``.
    """
    wanted = [name for name in REQUESTS.names if name in columns]
    names = ", ".join(wanted)
    shown = ", ".join(f"row.{name} AS {name}" for name in wanted)
    # The engine sorts ids by their second half, which is chance; as text they sort by time.
    text = (
        f"SELECT toUnixTimestamp64Micro(row.ts) AS ts, row.seq AS id, {shown}\nFROM (\n"
        f"    SELECT ts, toString(id) AS seq, {names} FROM {REQUESTS.name}\n"
        "    WHERE project = {project:UInt32} AND trace_id = {trace:String}\n"
        "    ORDER BY ts, seq LIMIT {limit:UInt32}\n) AS row\nORDER BY row.ts, row.seq"
    )
    return store.query(project, Sql(text, {"trace": trace_id, "limit": TRACE_MAX}), budget).dicts()
