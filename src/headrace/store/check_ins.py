"""What check-ins tell beyond the last one, which the catalog knows."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.records.tables import EVENTS
from headrace.store.client import Store
from headrace.store.reader import DEFAULT, Budget, Sql


def last_failures(
    store: Store, project: int, slugs: Sequence[str], budget: Budget = DEFAULT
) -> dict[tuple[str, str], int]:
    """When monitors with these slugs last told of a failure (µs), by slug and environment."""
    if not slugs:
        return {}
    sql = Sql(
        f"SELECT name, environment, toUnixTimestamp64Micro(max(ts)) AS last\nFROM {EVENTS.name} WHERE project = {{project:UInt32}} "
        "AND type = 'check_in' AND status = 'error' AND name IN {slugs:Array(String)}\nGROUP BY name, environment",
        {"slugs": list(slugs)},
    )
    return {(name, environment): last for name, environment, last in store.query(project, sql, budget).rows}
