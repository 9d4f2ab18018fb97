"""Spans as traces: those that began something, and all spans of one trace."""

from __future__ import annotations

from typing import Any, Final

from headrace.records.tables import SPANS
from headrace.store.client import Store
from headrace.store.events import names_of, outward, shown_columns
from headrace.store.filters import Filter, conditions
from headrace.store.reader import DEFAULT, Budget, Sql

#: Spans without a parent, and those that took a request in, whoever sent it (logister.md 2.4).
_ROOTS: Final = "(parent_span_id = '' OR kind IN ('server', 'browser'))"
#: What a span is about: its operation, else what its context calls it, else its name.
_OPERATION: Final = (
    "multiIf(operation != '', operation, labels['route'] != '', labels['route'], labels['http.route'] != '', "
    "labels['http.route'], labels['transaction_name'] != '', labels['transaction_name'], name)"
)
_WITHIN: Final = (
    "ts >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND ts < fromUnixTimestamp64Micro({end:Int64}, 'UTC')"
)


def list_roots(
    store: Store,
    project: int,
    wanted: Filter,
    start: int,
    end: int,
    *,
    operation: str = "",
    unset: bool = False,
    before: tuple[int, str] | None = None,
    limit: int,
    budget: Budget = DEFAULT,
) -> list[dict[str, Any]]:
    """Spans with ``start`` ≤ ts < ``end`` (µs) that began something, newest first. ``unset``: only those whose status is neither ok nor
    error; ``before``: (ts, id) of the one before the page.
    """
    sql = roots_sql(wanted, start, end, operation=operation, unset=unset, before=before, limit=limit)
    return store.query(project, sql, budget).dicts()


def list_spans(
    store: Store, project: int, trace_id: str, start: int, end: int, *, limit: int, budget: Budget = DEFAULT
) -> list[dict[str, Any]]:
    """Spans of one trace with ``start`` ≤ ts < ``end`` (µs), the earliest first, raw records included."""
    return store.query(project, spans_sql(trace_id, start, end, limit), budget).dicts()


def roots_sql(
    wanted: Filter,
    start: int,
    end: int,
    *,
    operation: str,
    unset: bool,
    before: tuple[int, str] | None,
    limit: int,
) -> Sql:
    """The query behind :func:`list_roots`."""
    shown = shown_columns(SPANS, raw=False)
    clauses, params = conditions(SPANS.name, wanted)
    clauses += [_WITHIN, _ROOTS]
    params |= {"start": start, "end": end, "limit": limit}
    if operation:
        clauses.append(f"{_OPERATION} = {{operation:String}}")
        params["operation"] = operation
    if unset:
        clauses.append("status NOT IN ('ok', 'error')")
    if before is not None:
        moment = "fromUnixTimestamp64Micro({before:Int64}, 'UTC')"
        clauses.append(f"ts <= {moment} AND (ts, id) < ({moment}, {{before_id:UUID}})")
        params |= {"before": before[0], "before_id": before[1]}
    return Sql(
        f"SELECT {outward(shown)}\nFROM (\n    SELECT {names_of(shown)} FROM {SPANS.name}\n"
        f"    WHERE project = {{project:UInt32}} AND {' AND '.join(clauses)}\n"
        "    ORDER BY ts DESC, id DESC LIMIT {limit:UInt32}\n) AS row\nORDER BY row.ts DESC, row.id DESC",
        params,
    )


def spans_sql(trace_id: str, start: int, end: int, limit: int) -> Sql:
    """The query behind :func:`list_spans`."""
    shown = shown_columns(SPANS, raw=True)
    return Sql(
        f"SELECT {outward(shown)}\nFROM (\n    SELECT {names_of(shown)} FROM {SPANS.name}\n"
        f"    WHERE project = {{project:UInt32}} AND {_WITHIN} AND trace_id = {{trace:String}}\n"
        "    ORDER BY ts, id LIMIT {limit:UInt32}\n) AS row\nORDER BY row.ts, row.id",
        {"start": start, "end": end, "trace": trace_id, "limit": limit},
    )
