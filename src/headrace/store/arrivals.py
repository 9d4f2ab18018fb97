"""Events in the order in which they came, for whoever asks again and again what is new."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from headrace.records.tables import EVENTS
from headrace.store.client import Store
from headrace.store.events import names_of, outward, shown_columns
from headrace.store.filters import Filter, conditions
from headrace.store.reader import DEFAULT, Budget, Sql

#: Comes before every id.
FIRST_ID: Final = "00000000-0000-0000-0000-000000000000"


class Position(NamedTuple):
    """Where to go on: behind the row of segment ``batch`` that was received at ``received_at`` (µs) and has this id."""

    batch: int
    received_at: int = 0
    id: str = FIRST_ID


def list_after(
    store: Store,
    project: int,
    wanted: Filter,
    after: Position,
    upto: int,
    *,
    start: int,
    end: int | None,
    limit: int,
    raw: bool = False,
    columns: Collection[str] = (),
    budget: Budget = DEFAULT,
) -> list[dict[str, Any]]:
    """Up to ``limit`` events behind ``after`` that came with segments up to ``upto`` and happened in [``start``, ``end``) µs, the earliest to
    come first; each with its ``batch``.
    """
    sql = after_sql(wanted, after, upto, start=start, end=end, limit=limit, raw=raw, columns=columns)
    return store.query(project, sql, budget).dicts()


def after_sql(
    wanted: Filter,
    after: Position,
    upto: int,
    *,
    start: int,
    end: int | None,
    limit: int,
    raw: bool,
    columns: Collection[str],
) -> Sql:
    """The query behind :func:`list_after`: the index on ``batch`` leaves little but what is new to be read."""
    chosen = (*columns, "received_at", *(("raw",) if raw else ()))
    shown = shown_columns(EVENTS, raw=raw, chosen=chosen if columns else ())
    clauses, params = conditions(EVENTS.name, wanted)
    place = "({batch:UInt64}, fromUnixTimestamp64Micro({received:Int64}, 'UTC'), {id:UUID})"
    clauses += [
        "batch >= {batch:UInt64} AND batch <= {upto:UInt64}",
        f"(batch, received_at, id) > {place}",
        "ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')",
    ]
    params |= {"batch": after.batch, "received": after.received_at, "id": after.id, "upto": upto}
    params |= {"start": start, "limit": limit}
    if end is not None:
        clauses.append("ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')")
        params["end"] = end
    return Sql(
        f"SELECT {outward(shown)}, row.batch AS batch\nFROM (\n    SELECT {names_of(shown)}, batch FROM {EVENTS.name}\n"
        f"    WHERE project = {{project:UInt32}} AND {' AND '.join(clauses)}\n"
        "    ORDER BY batch, received_at, id LIMIT {limit:UInt32}\n) AS row\nORDER BY row.batch, row.received_at, row.id",
        params,
    )
