"""What ``headrace tail`` shows: rows as the store gets them, each exactly once.

Rows carry the number of the journal segment that brought them, and the catalog knows the last segment that is complete: what
lies between the last answer's segment and that one is new, in all tables and however late a client sent it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from headrace.catalog import progress, stats
from headrace.store.reader import Budget, Sql

if TYPE_CHECKING:
    from headrace.app import House

#: Rows of one table in one answer; of more only the oldest are shown, and how many are not.
ROWS_MAX: Final = 500
_BUDGET: Final = Budget(seconds=5.0, answer_rows=ROWS_MAX + 1)

_COLUMNS: Final = {
    "events": "type, level, name, message, status, value, duration_ms, environment, service, toString(id) AS id",
    "requests": "direction, method, host, path, toInt32(status) AS status, duration_ms, environment, service, toString(id) AS id",
    "spans": "name, operation, status, duration_ms, environment, service, toString(id) AS id",
    "points": "stat, value",
}
_RECEIVED: Final = {"points": "ts"}


def new_rows(house: House, project: int, after: int | None, since: int | None) -> dict[str, Any]:
    """Rows of ``project`` in segments above ``after``; without it, those received from ``since`` (µs) on, or none.

    ``cursor`` is the ``after`` of the next call; ``left_out`` counts tables of which only the oldest rows are given.
    """
    with house.catalog.read() as conn:
        upto = progress.last_segment(conn)
    rows: list[dict[str, Any]] = []
    left_out = 0
    if upto and (since is not None if after is None else upto > after):
        for table in _COLUMNS:
            result = house.store.query(
                project, _sql(table, after or 0, upto, since if after is None else None), _BUDGET
            )
            found = [{"ts": row.pop("at"), "table": table, **row} for row in result.dicts()]
            left_out += len(found) > ROWS_MAX
            rows += found[:ROWS_MAX]
    rows.sort(key=lambda row: row["ts"])
    return {"rows": _with_names(house, project, rows), "cursor": max(upto, after or 0), "left_out": left_out}


def _sql(table: str, after: int, upto: int, since: int | None) -> Sql:
    received = _RECEIVED.get(table, "received_at")
    ticks = "toUnixTimestamp64Milli(ts) * 1000" if table == "points" else "toUnixTimestamp64Micro(ts)"
    recent = f" AND {received} >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')" if since is not None else ""
    return Sql(
        f"SELECT {ticks} AS at, {_COLUMNS[table]} FROM {table} WHERE project = {{project:UInt32}}"
        f" AND batch > {{after:UInt64}} AND batch <= {{upto:UInt64}}{recent} ORDER BY {received} LIMIT {ROWS_MAX + 1}",
        {"after": after, "upto": upto} | ({} if since is None else {"since": since}),
    )


def _with_names(house: House, project: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Points by the name of their stat; its number means nothing to people."""
    numbers = {row["stat"] for row in rows if row["table"] == "points"}
    with house.catalog.read() as conn:
        found = {number: stats.by_id(conn, project, number) for number in numbers}
    for row in rows:
        if row["table"] == "points":
            stat = found[row.pop("stat")]
            row["name"] = stat.name if stat else ""
            row["source"] = stat.source if stat else ""
    return rows
