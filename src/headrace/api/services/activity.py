"""Activity: all rows of all dialects in one list, newest first, filtered; and one of them with everything that is stored of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from headrace.api.services.base import Actor, Context, ServiceError, between, live_project, require
from headrace.api.services.records import COLUMNS_OF, DEFAULT_ENVIRONMENT, ROW_TYPES, SPAN, TYPES_OF, Record, from_row
from headrace.records.tables import EVENTS, REQUESTS
from headrace.store.client import Store
from headrace.store.events import get_row, list_rows
from headrace.store.facets import Facets, read_facets
from headrace.store.filters import BadFilter, Filter

#: Rows on a page.
PAGE, PAGE_MAX = 50, 500
#: What is listed unless types are asked for: one trace has hundreds of spans.
DEFAULT_TYPES: Final = tuple(kind for kind in ROW_TYPES if kind != SPAN)
#: Ids that several records share. Each is a link from a record to the others.
RELATED: Final[tuple[str, ...]] = (
    "trace_id",
    "request_id",
    "session_id",
    "user_id",
    "release",
    "service",
    "fingerprint",
)
#: The order of tables at one and the same moment.
_TABLES: Final = tuple(TYPES_OF)
_CURSOR: Final = re.compile(r"(\d{1,17})\.([0-9a-f-]{36})\.([a-z]{1,20})\Z", re.ASCII)
#: Columns that the head of a record shows, or nobody.
_NO_FIELD: Final = frozenset(("id", "ts", "received_at", "labels", "raw", "message", "type", "level", "dialect"))


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is listed; what is empty does not narrow. All conditions hold at once, the values of one are alternatives. ``name`` is exact (of
    a request its path), ``text`` a part of name or message. ``related``: a column of ``RELATED`` → its value. ``start`` ≤ ts < ``end``, µs.
    """

    types: Sequence[str] = ()
    levels: Sequence[str] = ()
    environments: Sequence[str] = ()
    dialects: Sequence[str] = ()
    name: str = ""
    text: str = ""
    related: Mapping[str, str] = {}
    start: int | None = None
    end: int | None = None


class Detail(msgspec.Struct, frozen=True):
    """One record with everything stored. ``fields``: the other columns that hold something. ``related``: shared ids among them. ``raw`` is
    the record as it was accepted, as JSON; ``raw_text`` the same to read, also when it is no JSON.
    """

    record: Record
    message: str
    fields: dict[str, str]
    related: dict[str, str]
    labels: dict[str, str]
    raw: Any
    raw_text: str


class ActivityPage(msgspec.Struct, frozen=True):
    """``next`` is the cursor of older records, None when there are none. ``facets``: what the range holds to choose from. ``open``: the
    record that is looked at beside the list, if any.
    """

    records: list[Record]
    next: str | None
    facets: Facets
    open: Detail | None = None


class _Place(NamedTuple):
    """Where a page begins: after the row ``id`` of ``table`` at ``ts`` µs."""

    ts: int
    id: str
    table: str


def page(
    context: Context,
    store: Store,
    actor: Actor,
    *,
    project: str | int,
    wanted: Wanted,
    limit: int = PAGE,
    cursor: str | None = None,
    facets: bool = True,
) -> ActivityPage:
    """One page of what is ``wanted``. Raises ``invalid``, ``forbidden``, ``not_found`` and what the store raises."""
    require(actor, "read")
    between(limit, "limit", 1, PAGE_MAX)
    after = None if not cursor else _read_cursor(cursor)
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    found: list[tuple[int, int, Mapping[str, Any]]] = []
    for table, chosen in filters(wanted):
        rank = _TABLES.index(table)
        end, own = _bounds(after, rank, wanted.end)
        rows = list_rows(
            store,
            number,
            table,
            chosen,
            start=wanted.start,
            end=end,
            limit=limit + 1,
            cursor=own,
            columns=COLUMNS_OF[table],
        ).rows
        found += [(-row["ts"], rank, row) for row in rows]
    found.sort(key=lambda one: one[:2])  # stable: rows of one table stay in the engine's order
    shown = found[:limit]
    following = None
    if len(found) > limit:
        _, rank, last = shown[-1]
        following = f"{last['ts']}.{last['id']}.{_TABLES[rank]}"
    choices = read_facets(store, number, wanted.start, wanted.end) if facets else Facets()
    return ActivityPage([from_row(_TABLES[rank], row) for _, rank, row in shown], following, choices)


def filters(wanted: Wanted) -> Iterator[tuple[str, Filter]]:
    """The tables that can hold what is ``wanted``, each with its filter. Raises ``invalid`` for a type that there is none of."""
    types = tuple(wanted.types) or DEFAULT_TYPES
    unknown = next((kind for kind in types if kind not in ROW_TYPES), None)
    if unknown is not None:
        raise ServiceError("invalid", f"type must be one of {', '.join(ROW_TYPES)}")
    if any(name not in RELATED for name in wanted.related):
        raise ServiceError("invalid", f"records are related by {', '.join(RELATED)}")
    environments = list(wanted.environments)
    if DEFAULT_ENVIRONMENT in environments:
        environments.append("")
    common = {"environment": environments, "dialect": list(wanted.dialects)}
    common |= {name: [value] for name, value in wanted.related.items()}
    for table, kinds in TYPES_OF.items():
        chosen = [kind for kind in kinds if kind in types]
        if not chosen or (table != EVENTS.name and wanted.levels):
            continue
        if table not in (EVENTS.name, REQUESTS.name) and "fingerprint" in wanted.related:
            continue
        name = {"path" if table == REQUESTS.name else "name": [wanted.name] if wanted.name else []}
        own = {"type": chosen, "level": list(wanted.levels)} if table == EVENTS.name else {}
        equals = {column: values for column, values in {**common, **own, **name}.items() if values}
        yield table, Filter(equals, {}, wanted.text)


def detail(context: Context, store: Store, actor: Actor, *, project: str | int, record_id: str) -> Detail:
    """The event, request or span with this id. Raises ``not_found``, the same for another project's, and ``forbidden``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    try:
        wanted = UUID(record_id)
    except ValueError:
        raise ServiceError("not_found", "record not found") from None
    for table in _TABLES:
        row = get_row(store, number, table, wanted)
        if row is not None:
            return _detail(table, row)
    raise ServiceError("not_found", "record not found")


def _detail(table: str, row: Mapping[str, Any]) -> Detail:
    fields = {name: _field(value) for name, value in row.items() if name not in _NO_FIELD and _holds(value)}
    raw: Any = row["raw"]
    text = row["raw"]
    try:
        raw = msgspec.json.decode(text)
        text = msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, RecursionError):  # a dead letter that was repaired by hand may hold anything
        pass
    related = {name: fields[name] for name in RELATED if name in fields}
    return Detail(from_row(table, row), row.get("message", ""), fields, related, dict(row["labels"]), raw, text)


def _holds(value: Any) -> bool:
    return value is not None and value != ""


def _field(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _bounds(after: _Place | None, rank: int, end: int | None) -> tuple[int | None, str | None]:
    """The end (µs, exclusive) and the cursor with which a table goes on after ``after``: at its very moment, tables before its own
    have been listed and tables behind have not.
    """
    if after is None:
        return end, None
    own = _TABLES.index(after.table)
    if rank == own:
        return end, f"{after.ts}.{after.id}"
    reached = after.ts if rank < own else after.ts + 1
    return reached if end is None else min(end, reached), None


def _read_cursor(text: str) -> _Place:
    found = _CURSOR.match(text)
    if found is None or found[3] not in _TABLES:
        raise BadFilter("cursor: not one that a page gave")
    return _Place(int(found[1]), found[2], found[3])
