"""What happened in a browser session, oldest first: read by the session's id, or by the fingerprint that the events came with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from headrace.records.tables import EVENTS, REPLAYS
from headrace.store.client import Store
from headrace.store.events import Page
from headrace.store.filters import BadFilter, Filter, conditions
from headrace.store.reader import DEFAULT, Budget, Sql

#: Events of one page.
MAX_PAGE: Final = 1_000
#: Sessions of an error that are looked for, the latest first.
SESSIONS: Final = 100

#: By which column events are found.
Key = Literal["session_id", "fingerprint"]


def list_replay(
    store: Store,
    project: int,
    key: Key,
    value: str,
    *,
    limit: int,
    cursor: str | None = None,
    budget: Budget = DEFAULT,
) -> Page:
    """Events with ``key`` = ``value``, oldest first; of one moment in the order in which they were sent. ``cursor`` is the ``next`` of the page before.
    Raises :class:`BadFilter` for a limit that cannot be, and what :meth:`Store.query` raises.
    """
    if not 0 < limit <= MAX_PAGE:
        raise BadFilter(f"limit: 1 to {MAX_PAGE:,}")
    rows = store.query(project, replay_sql(key, value, limit + 1, cursor), budget).dicts()
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], f"{last['ts']}.{last['id']}")


def replay_sql(key: Key, value: str, limit: int, cursor: str | None) -> Sql:
    """The query behind :func:`list_replay`."""
    params: dict[str, object] = {"value": value, "limit": limit}
    after = ""
    if cursor is not None:
        ts, _, params["after_id"] = cursor.partition(".")
        params["after"] = int(ts)
        moment = "fromUnixTimestamp64Micro({after:Int64}, 'UTC')"
        after = f" AND ts >= {moment} AND (ts, toString(id)) > ({moment}, {{after_id:String}})"
    # The engine sorts ids by their second half, which is chance; as text they sort by time.
    return Sql(
        "SELECT toUnixTimestamp64Micro(row.ts) AS ts, row.seq AS id, row.event_type AS event_type, row.url AS url, "
        f"row.raw AS raw\nFROM (\n    SELECT ts, toString(id) AS seq, event_type, url, raw FROM {REPLAYS.name}\n"
        f"    WHERE project = {{project:UInt32}} AND {key} = {{value:String}}{after}\n"
        "    ORDER BY ts, seq LIMIT {limit:UInt32}\n) AS row\nORDER BY row.ts, row.seq",
        params,
    )


def count_replays(
    store: Store, project: int, key: Key, values: Sequence[str], budget: Budget = DEFAULT
) -> dict[str, int]:
    """How many events there are with each of ``values`` in ``key``; nothing of those without any."""
    text = (
        f"SELECT {key}, count() AS found FROM {REPLAYS.name}\n"
        f"WHERE project = {{project:UInt32}} AND {key} IN {{values:Array(String)}} GROUP BY {key}"
    )
    rows = store.query(project, Sql(text, {"values": list(values)}), budget).rows
    return {str(value): int(found) for value, found in rows}


def sessions_of_errors(store: Store, project: int, wanted: Filter, budget: Budget = DEFAULT) -> list[str]:
    """Ids of the sessions in which errors that are ``wanted`` happened, the latest first, at most ``SESSIONS``; "" stands for those that
    named none.
    """
    clauses, params = conditions(EVENTS.name, wanted)
    text = (
        f"SELECT session_id FROM {EVENTS.name}\n"
        f"WHERE project = {{project:UInt32}} AND {' AND '.join(clauses)}\n"
        "GROUP BY session_id ORDER BY max(ts) DESC, session_id LIMIT {limit:UInt32}"
    )
    rows = store.query(project, Sql(text, params | {"limit": SESSIONS}), budget).rows
    return [str(row[0]) for row in rows]
