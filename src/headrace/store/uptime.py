"""What looks at pages have found (``records.tables.UPTIME_CHECKS``): the latest of a monitor, and how many of many found it up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from headrace.records.tables import UPTIME_CHECKS
from headrace.store.client import Store
from headrace.store.filters import BadFilter
from headrace.store.reader import DEFAULT, Budget, Sql

#: Checks of one answer.
MAX_CHECKS: Final = 1_000

_SINCE: Final = "ts >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"


class Tally(NamedTuple):
    """How many checks there were, and how many of them found the page up."""

    total: int
    up: int


def list_checks(
    store: Store, project: int, monitor: str, since: int, *, limit: int = MAX_CHECKS, budget: Budget = DEFAULT
) -> list[dict[str, Any]]:
    """Checks of a monitor (its id) from ``since`` (µs) on, the latest first: ts (µs), up (0 or 1), status, duration_ms, reason. Raises
    :class:`BadFilter` for a limit that cannot be, and what :meth:`Store.query` raises.
    """
    if not 0 < limit <= MAX_CHECKS:
        raise BadFilter(f"limit: 1 to {MAX_CHECKS:,}")
    return store.query(project, checks_sql(monitor, since, limit), budget).dicts()


def checks_sql(monitor: str, since: int, limit: int) -> Sql:
    """The query behind :func:`list_checks`."""
    return Sql(
        "SELECT toUnixTimestamp64Micro(row.ts) AS ts, row.up AS up, row.status AS status, "
        "row.duration_ms AS duration_ms, row.reason AS reason\n"
        f"FROM (\n    SELECT ts, up, status, duration_ms, reason FROM {UPTIME_CHECKS.name}\n"
        f"    WHERE project = {{project:UInt32}} AND monitor = {{monitor:UUID}} AND {_SINCE}\n"
        "    ORDER BY ts DESC LIMIT {limit:UInt32}\n) AS row\nORDER BY row.ts DESC",
        {"monitor": monitor, "since": since, "limit": limit},
    )


def tally_checks(
    store: Store, project: int, monitors: Sequence[str], since: int, budget: Budget = DEFAULT
) -> dict[str, Tally]:
    """Of each of ``monitors`` (ids) its checks from ``since`` (µs) on; nothing of those without any. Raises what :meth:`Store.query` raises."""
    if not monitors:
        return {}
    sql = Sql(
        f"SELECT toString(monitor) AS id, count() AS total, sum(up) AS up FROM {UPTIME_CHECKS.name}\n"
        f"WHERE project = {{project:UInt32}} AND monitor IN {{monitors:Array(UUID)}} AND {_SINCE}\nGROUP BY monitor",
        {"monitors": list(monitors), "since": since},
    )
    return {str(monitor): Tally(int(total), int(up)) for monitor, total, up in store.query(project, sql, budget).rows}
