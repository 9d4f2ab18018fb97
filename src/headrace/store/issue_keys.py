"""From errors to their issues: which issue an error belongs to, which issues a text is found in, which release opened one again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from headrace.records.tables import EVENTS
from headrace.store.client import Store
from headrace.store.filters import Filter, conditions
from headrace.store.grouping import ISSUE_KEY
from headrace.store.reader import DEFAULT, Budget, Sql

#: Issues that a text is found in at most.
MATCHES_MAX: Final = 1_000

_FINGERPRINT: Final = f"lower(hex({ISSUE_KEY}))"
_ERRORS: Final = "project = {project:UInt32} AND type = 'error'"


def keys_of(store: Store, project: int, places: Sequence[tuple[int, str]], budget: Budget = DEFAULT) -> dict[str, str]:
    """The fingerprints of the issues of the errors at ``places`` (ts in µs, id), by id."""
    if not places:
        return {}
    moments = [f"{ts // 1_000_000}.{ts % 1_000_000:06d}" for ts, _ in places]
    sql = Sql(
        f"SELECT toString(id), {_FINGERPRINT}\nFROM {EVENTS.name} WHERE {_ERRORS}"
        " AND ts IN {moments:Array(DateTime64(6, 'UTC'))} AND id IN {ids:Array(UUID)}",
        {"moments": moments, "ids": [event_id for _, event_id in places]},
    )
    return dict(store.query(project, sql, budget).rows)  # type: ignore[arg-type]


def keys_matching(store: Store, project: int, text: str, within: Sequence[str], budget: Budget = DEFAULT) -> list[str]:
    """The fingerprints of issues with an error that has ``text`` in one of the columns ``within``."""
    clauses, params = conditions(EVENTS.name, Filter(text=text, within=within))
    sql = Sql(
        f"SELECT DISTINCT {_FINGERPRINT}\nFROM {EVENTS.name} WHERE {_ERRORS} AND {' AND '.join(clauses)} LIMIT {MATCHES_MAX}",
        params,
    )
    return [row[0] for row in store.query(project, sql, budget).rows]


def release_after(store: Store, project: int, wanted: Filter, after: int, budget: Budget = DEFAULT) -> str:
    """The release of the first of the ``wanted`` errors that happened after ``after`` µs, "" when it had none."""
    clauses, params = conditions(EVENTS.name, wanted)
    sql = Sql(
        f"SELECT argMin(release, ts)\nFROM {EVENTS.name} WHERE project = {{project:UInt32}} AND {' AND '.join(clauses)}"
        " AND ts > fromUnixTimestamp64Micro({after:Int64}, 'UTC')",
        {**params, "after": after},
    )
    rows = store.query(project, sql, budget).rows
    return str(rows[0][0]) if rows else ""
