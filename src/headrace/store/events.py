"""Lists of events, requests and spans: filtered, newest first, in pages that stay stable while rows arrive."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec import structs

from headrace.records.tables import EVENT_TYPES, Column, Table
from headrace.store.client import Store
from headrace.store.filters import EVERYTHING, BadFilter, Filter, conditions, row_table
from headrace.store.reader import DEFAULT, Budget, Sql

#: Rows of one page.
MAX_PAGE: Final = 1_000

_CURSOR: Final = re.compile(r"(\d{1,17})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z", re.ASCII)
_NOT_SHOWN: Final = frozenset(["project", "batch"])


class Page(NamedTuple):
    """``rows``: column → value; times are µs since the epoch, ids text, labels a dict. ``next``: the cursor of the page after
    this one, None on the last.
    """

    rows: list[dict[str, Any]]
    next: str | None


def list_rows(
    store: Store,
    project: int,
    table: str,
    wanted: Filter = EVERYTHING,
    *,
    start: int | None = None,
    end: int | None = None,
    limit: int = 100,
    cursor: str | None = None,
    raw: bool = False,
    columns: Collection[str] = (),
    budget: Budget = DEFAULT,
) -> Page:
    """Rows of ``table`` (events, requests or spans) with ``start`` ≤ ts < ``end`` (µs), newest first.

    ``raw`` adds the accepted record as JSON text. ``columns``: only these (``ts`` and ``id`` in any case); a third of the columns takes
    two thirds of the time. Raises :class:`BadFilter` for a filter, limit or cursor that cannot be,
    and what :meth:`Store.query` raises.
    """
    if not 0 < limit <= MAX_PAGE:
        raise BadFilter(f"limit: 1 to {MAX_PAGE:,}")
    sql = list_sql(table, wanted, start=start, end=end, limit=limit + 1, cursor=cursor, raw=raw, columns=columns)
    rows = store.query(project, sql, budget).dicts()
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], f"{last['ts']}.{last['id']}")


def count_rows(
    store: Store,
    project: int,
    table: str,
    wanted: Filter = EVERYTHING,
    *,
    start: int | None = None,
    end: int | None = None,
    budget: Budget = DEFAULT,
) -> int:
    """How many rows :func:`list_rows` would give in all."""
    return int(store.query(project, count_sql(table, wanted, start, end), budget).rows[0][0])


def cursor_behind(
    store: Store,
    project: int,
    table: str,
    wanted: Filter = EVERYTHING,
    *,
    start: int | None = None,
    end: int | None = None,
    rows: int,
    budget: Budget = DEFAULT,
) -> str | None:
    """The cursor with which :func:`list_rows` goes on behind the first ``rows`` (from 1), None when there are fewer. Costs what sorting so
    many times and ids does, whatever else the rows hold.
    """
    sql = list_sql(table, wanted, start=start, end=end, limit=1, cursor=None, raw=False, columns=("ts",), skip=rows - 1)
    found = store.query(project, sql, budget).dicts()
    return f"{found[0]['ts']}.{found[0]['id']}" if found else None


def list_newest(
    store: Store,
    project: int,
    table: str,
    since: int,
    *,
    limit: int,
    columns: Collection[str] = (),
    budget: Budget = DEFAULT,
) -> list[dict[str, Any]]:
    """As the first page of :func:`list_rows` of all rows with ``since`` (µs) ≤ ts. All of them are sorted: where these are thousands it
    takes a fifth of the time, where they are millions more.
    """
    return store.query(project, newest_sql(table, since, limit, columns), budget).dicts()


def newest_sql(table: str, since: int, limit: int, columns: Collection[str]) -> Sql:
    """The query behind :func:`list_newest`, one arm for all types."""
    shown = shown_columns(row_table(table), raw=False, chosen=columns)
    return Sql(
        f"SELECT {outward(shown)}\nFROM (\n    SELECT {names_of(shown)} FROM {table}\n"
        "    WHERE project = {project:UInt32} AND ts >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')\n"
        "    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}\n) AS row\nORDER BY row.ts DESC, row.id DESC",
        {"since": since, "limit": limit},
    )


def newest_us(store: Store, project: int, table: str, budget: Budget = DEFAULT) -> int | None:
    """The ``ts`` of the newest row (µs), None when there is no row."""
    rows = store.query(project, newest_us_sql(table), budget).rows
    return rows[0][0] if rows else None


def newest_us_sql(table: str) -> Sql:
    """The query behind :func:`newest_us`: it reads one column, which is a fifth of what walking back through every type costs."""
    return Sql(
        f"SELECT toUnixTimestamp64Micro(max(ts)) AS ts FROM {row_table(table).name} WHERE project = {{project:UInt32}}"
        " HAVING count() > 0",
        {},
    )


def list_arrived(
    store: Store,
    project: int,
    table: str,
    after: int,
    upto: int,
    *,
    limit: int,
    columns: Collection[str] = (),
    budget: Budget = DEFAULT,
) -> list[dict[str, Any]]:
    """Rows of ``table`` (``columns`` as for :func:`list_rows`) that came with the journal segments ``after`` < segment ≤ ``upto``: the ``limit`` received
    last, the latest first.
    """
    return store.query(project, arrived_sql(table, after, upto, limit, columns), budget).dicts()


def arrived_sql(table: str, after: int, upto: int, limit: int, columns: Collection[str]) -> Sql:
    """The query behind :func:`list_arrived`: the index on ``batch`` leaves little but what is new to be read."""
    shown = shown_columns(row_table(table), raw=False, chosen=("received_at", *columns) if columns else ())
    return Sql(
        f"SELECT {outward(shown)}\nFROM (\n    SELECT {names_of(shown)} FROM {table}\n"
        "    WHERE project = {project:UInt32} AND batch > {after:UInt64} AND batch <= {upto:UInt64}\n"
        "    ORDER BY received_at DESC, id DESC LIMIT {limit:UInt32}\n) AS row\nORDER BY row.received_at DESC, row.id DESC",
        {"after": after, "upto": upto, "limit": limit},
    )


def get_row(store: Store, project: int, table: str, row_id: UUID, budget: Budget = DEFAULT) -> dict[str, Any] | None:
    """The row of ``table`` with this id, raw record included, or None."""
    found = row_table(table)
    columns = shown_columns(found, raw=True)
    text = (
        f"SELECT {outward(columns)}\nFROM (SELECT {names_of(columns)} FROM {table} "
        "WHERE project = {project:UInt32} AND id = {id:UUID} LIMIT 1) AS row"
    )
    rows = store.query(project, Sql(text, {"id": str(row_id)}), budget).dicts()
    return rows[0] if rows else None


def list_sql(
    table: str,
    wanted: Filter,
    *,
    start: int | None,
    end: int | None,
    limit: int,
    cursor: str | None,
    raw: bool,
    columns: Collection[str] = (),
    skip: int = 0,
) -> Sql:
    """The query behind :func:`list_rows`, one arm per event type: within a type the sort key already is the order of the
    page, so an arm stops after ``limit`` rows instead of sorting everything. ``skip``: rows of the list to pass over.
    """
    shown = shown_columns(row_table(table), raw=raw, chosen=columns)
    types = _types(wanted) if table == "events" else ()
    rest = structs.replace(wanted, equals={name: value for name, value in wanted.equals.items() if name != "type"})
    clauses, params = conditions(table, rest)
    params["limit"] = limit
    most, page = "{limit:UInt32}", "{limit:UInt32}"
    if skip:
        params |= {"skip": skip, "most": skip + limit}
        most, page = "{most:UInt64}", "{limit:UInt32} OFFSET {skip:UInt64}"
    clauses += _between(start, end, params)
    if cursor is not None:
        params["before"], params["before_id"] = _cursor(cursor)
        before = "fromUnixTimestamp64Micro({before:Int64}, 'UTC')"
        clauses.append(f"ts <= {before} AND (ts, id) < ({before}, {{before_id:UUID}})")
    arms = []
    for number, one in enumerate(types or ("",)):
        where = ["project = {project:UInt32}"]
        if types:
            where.append(f"type = {{type{number}:String}}")
            params[f"type{number}"] = one
        arms.append(
            f"    SELECT {names_of(shown)} FROM {table}\n"
            f"    WHERE {' AND '.join(where + clauses)}\n"
            f"    ORDER BY ts DESC, id DESC LIMIT {most}"
        )
    union = "\n    UNION ALL\n".join(arms)
    return Sql(
        f"SELECT {outward(shown)}\nFROM (\n{union}\n) AS row\nORDER BY row.ts DESC, row.id DESC LIMIT {page}",
        params,
    )


def count_sql(table: str, wanted: Filter, start: int | None, end: int | None) -> Sql:
    """The query behind :func:`count_rows`."""
    clauses, params = conditions(table, wanted)
    clauses += _between(start, end, params)
    where = " AND ".join(["project = {project:UInt32}", *clauses])
    return Sql(f"SELECT count() AS total FROM {table} WHERE {where}", params)


def _between(start: int | None, end: int | None, params: dict[str, Any]) -> list[str]:
    clauses = []
    if start is not None:
        clauses.append("ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')")
        params["start"] = start
    if end is not None:
        clauses.append("ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')")
        params["end"] = end
    return clauses


def _types(wanted: Filter) -> tuple[str, ...]:
    types = tuple(dict.fromkeys(str(one) for one in wanted.equals.get("type", EVENT_TYPES)))
    if not types or not set(types) <= set(EVENT_TYPES):
        raise BadFilter(f"type: one or more of {', '.join(EVENT_TYPES)}")
    return types


def shown_columns(table: Table, *, raw: bool, chosen: Collection[str] = ()) -> list[Column]:
    """The columns of ``table`` that are given to anybody: those of ``chosen``, or all when it is empty."""
    wanted = {"ts", "id", *chosen}
    return [
        column
        for column in table.columns
        if column.name not in _NOT_SHOWN and (raw or column.name != "raw") and (not chosen or column.name in wanted)
    ]


def names_of(columns: list[Column]) -> str:
    """``columns`` as the list of an inner SELECT."""
    return ", ".join(column.name for column in columns)


def outward(columns: list[Column]) -> str:
    """Columns as the client can read them without loss: the engine's own time values lose µs or raise when out of range."""
    forms = {"us": "toUnixTimestamp64Micro(row.{0}) AS {0}", "uuid": "toString(row.{0}) AS {0}"}
    return ", ".join(forms.get(column.kind, "row.{0} AS {0}").format(column.name) for column in columns)


def _cursor(text: str) -> tuple[int, str]:
    found = _CURSOR.match(text)
    if found is None:
        raise BadFilter("cursor: not one that a page gave")
    return int(found[1]), found[2]
