"""The distinct visitors of each project's SlowStats events, over all time: a sketch of a set (``uniqCombined64``) that outlives the
events it was made from.

It is fed by a view on ``events`` itself, without the table in between that rollups have: a set to which something is added
twice stays what it is, so recovery adds a whole segment again whenever in doubt and need not ask what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headrace.records.tables import EVENTS
from headrace.store import schema
from headrace.store.reader import DEFAULT, Budget, Sql

if TYPE_CHECKING:
    from headrace.store.client import Store

NAME: Final = schema.VISITORS

_SKETCH: Final = "uniqCombined64State(src.user_id) AS visitors"


def create_statements() -> tuple[str, ...]:
    """The table and the view that feeds it; each statement may be repeated."""
    table = (
        f"CREATE TABLE IF NOT EXISTS {NAME} (\n"
        "    project UInt32 CODEC(ZSTD(1)),\n"
        "    visitors AggregateFunction(uniqCombined64, String) CODEC(ZSTD(1))\n"
        f") ENGINE = AggregatingMergeTree\nORDER BY project\nSETTINGS {schema.DURABLE}"
    )
    return table, f"CREATE MATERIALIZED VIEW IF NOT EXISTS {NAME}_view TO {NAME}\nAS {select()}"


def select(where: str = "") -> str:
    """The query that makes rows from ``events``: the view and every repetition share it."""
    return (
        f"SELECT project, {_SKETCH}\nFROM {EVENTS.name} AS src\n"
        "WHERE src.dialect = 'slowstats' AND src.type = 'event' AND src.user_id != ''"
        f"{where and f' AND {where}'}\nGROUP BY project"
    )


def count_visitors(store: Store, project: int, budget: Budget = DEFAULT) -> int:
    """How many visitors the project has had: exact up to some thousands, then within about half a percent. Raises what
    :meth:`Store.query` raises.
    """
    sql = Sql(f"SELECT uniqCombined64Merge(visitors) AS visitors FROM {NAME} WHERE project = {{project:UInt32}}")
    return int(store.query(project, sql, budget).rows[0][0])
