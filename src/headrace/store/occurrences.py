"""The errors of one issue, and when they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from headrace.records.tables import EVENTS
from headrace.store.client import Store
from headrace.store.filters import MAX_TEXT, Filter, conditions
from headrace.store.issues import find_issue, fingerprint_of
from headrace.store.reader import DEFAULT, Budget, Sql

#: µs.
HOUR: Final = 3_600_000_000

#: Characters of a message and of any other text that :func:`read_errors` gives; the record itself has all of them. What is longer than a filter
#: takes can be told by its length.
MESSAGE_MAX: Final = 2_000
SHOWN_MAX: Final = MAX_TEXT + 1

#: What is shown of an error without opening it.
COLUMNS: Final = (
    *("dialect", "environment", "release", "service", "trace_id", "request_id", "session_id", "user_id"),
    *("level", "name", "message", "fingerprint"),
)
_SHOWN: Final = ", ".join(
    f"leftUTF8(row.{name}, {MESSAGE_MAX if name == 'message' else SHOWN_MAX}) AS {name}" for name in COLUMNS
)


def errors_of(fingerprint: str, one: Mapping[str, Any]) -> Filter:
    """What finds the errors of an issue; ``one`` is the row of any of them. Looking at columns is three times as quick as working out each
    error's fingerprint, which is left for those that share nothing else.
    """
    shared, equals = one["fingerprint"], {"type": ["error"]}
    if len(shared) > MAX_TEXT:
        return Filter(equals, issue=fingerprint)
    if shared:
        return Filter(equals | {"fingerprint": [shared, fingerprint]})
    equals["fingerprint"] = [""]
    if one["dialect"] == "canaryhub":
        return Filter(equals | {"dialect": ["canaryhub"], "name": [one["name"]]})
    return Filter(equals, issue=fingerprint)


def errors_named(store: Store, project: int, text: str, budget: Budget = DEFAULT) -> Filter | None:
    """What finds the errors of the issue whose fingerprint is ``text``, or the fingerprint that clients gave them; None without any."""
    found = find_issue(store, project, fingerprint_of(text), budget=budget)
    if found is None:
        return None
    rows = read_errors(store, project, [(found.last_seen, found.latest)], budget)
    return errors_of(found.fingerprint, rows[found.latest]) if rows else None


def read_errors(
    store: Store, project: int, places: Sequence[tuple[int, str]], budget: Budget = DEFAULT
) -> dict[str, dict[str, Any]]:
    """The errors at ``places`` (ts in µs, id), by id: ``COLUMNS``, cut, and ``ts``. What is not there is left out."""
    if not places:
        return {}
    text = (
        f"SELECT toString(id) AS id, toUnixTimestamp64Micro(ts) AS ts, {_SHOWN}\n"
        f"FROM {EVENTS.name} AS row WHERE project = {{project:UInt32}} AND type = 'error'"
        " AND row.ts IN {moments:Array(DateTime64(6, 'UTC'))} AND row.id IN {ids:Array(UUID)}"
    )
    moments = [f"{ts // 1_000_000}.{ts % 1_000_000:06d}" for ts, _ in places]
    params = {"moments": moments, "ids": [event_id for _, event_id in places]}
    return {row["id"]: row for row in store.query(project, Sql(text, params), budget).dicts()}


def count_by_hour(
    store: Store, project: int, wanted: Filter, start: int, hours: int, budget: Budget = DEFAULT
) -> list[int]:
    """How many errors came in each of ``hours`` hours from ``start`` (µs)."""
    clauses, params = conditions(EVENTS.name, wanted)
    text = (
        f"SELECT intDiv(toUnixTimestamp64Micro(ts) - {{start:Int64}}, {HOUR}) AS hour, count()\n"
        f"FROM {EVENTS.name} WHERE project = {{project:UInt32}} AND {' AND '.join(clauses)}"
        " AND ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')"
        " GROUP BY hour"
    )
    params |= {"start": start, "end": start + hours * HOUR}
    counts = [0] * hours
    for hour, count in store.query(project, Sql(text, params), budget).rows:
        counts[hour] = count
    return counts
