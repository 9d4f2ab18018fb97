"""Events, requests and spans: filtered lists in stable pages, newest first, and one row with what was accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation

from headrace.api.auth import reads
from headrace.api.deps import Services, Target, TheServices, TheTarget, project_number
from headrace.api.errors import ApiError, not_found
from headrace.api.services.records import DEFAULT_ENVIRONMENT
from headrace.api.times import moment, when
from headrace.records.tables import EVENTS, REQUESTS, SPANS, Kind, Table
from headrace.store.events import Page, get_row, list_rows
from headrace.store.filters import Filter

#: Rows on a page when the caller does not say.
DEFAULT_PAGE = 100
#: Columns that are ours alone.
_INTERNAL = ("project", "batch", "raw")
_TYPES: Mapping[Kind, Any] = {
    "u8": int,
    "u16": int,
    "u64": int,
    "float": float,
    "float?": float | None,
    "us": str,
    "labels": dict[str, str],
}


def _fields(table: Table) -> list[tuple[str, Any]]:
    return [(column.name, _TYPES.get(column.kind, str)) for column in table.columns if column.name not in _INTERNAL]


def _structs(name: str, table: Table) -> tuple[Any, Any, Any]:
    """The row, the row with ``raw``, and the page of rows, from the table's own columns: a new column is shown by itself."""
    options: dict[str, Any] = {"frozen": True, "module": __name__}
    row = msgspec.defstruct(name, _fields(table), **options)
    full = msgspec.defstruct(f"{name}InFull", [*_fields(table), ("raw", Any)], **options)
    page = msgspec.defstruct(f"{name}Page", [(table.name, list[row]), ("next", str | None)], **options)  # type: ignore[valid-type]
    return row, full, page


if TYPE_CHECKING:  # made at run time, so a type checker knows nothing of them
    Event: TypeAlias = Any
    EventInFull: TypeAlias = Any
    EventPage: TypeAlias = Any
    RequestRow: TypeAlias = Any
    RequestRowInFull: TypeAlias = Any
    RequestRowPage: TypeAlias = Any
    Span: TypeAlias = Any
    SpanInFull: TypeAlias = Any
    SpanPage: TypeAlias = Any
else:
    Event, EventInFull, EventPage = _structs("Event", EVENTS)
    RequestRow, RequestRowInFull, RequestRowPage = _structs("Request", REQUESTS)
    Span, SpanInFull, SpanPage = _structs("Span", SPANS)

Texts = FromQuery[list[str] | None]


class Asked(NamedTuple):
    """What every list can be asked for, as sent."""

    equals: Mapping[str, Sequence[str] | None]
    text: str
    label: Sequence[str]
    start: str | None
    end: str | None
    limit: int
    cursor: str | None


def provide_asked(
    environment: Texts = None,
    release: Texts = None,
    service: Texts = None,
    dialect: Texts = None,
    trace_id: Texts = None,
    request_id: Texts = None,
    session_id: Texts = None,
    user_id: Texts = None,
    text: FromQuery[str] = "",
    label: Texts = None,
    start: Annotated[str | None, QueryParameter(name="from")] = None,
    end: Annotated[str | None, QueryParameter(name="to")] = None,
    limit: FromQuery[int] = DEFAULT_PAGE,
    cursor: FromQuery[str | None] = None,
) -> Asked:
    """A parameter that is repeated finds any of its values. ``label`` is ``name=value``; ``text`` a part of message or name."""
    if environment and DEFAULT_ENVIRONMENT in environment:
        environment = [*environment, ""]
    equals = {
        "environment": environment,
        "release": release,
        "service": service,
        "dialect": dialect,
        "trace_id": trace_id,
        "request_id": request_id,
        "session_id": session_id,
        "user_id": user_id,
    }
    return Asked(equals, text, label or (), start, end, limit, cursor)


TheAsked = NamedDependency[SkipValidation[Asked]]


def _list(
    services: Services, target: Target, table: Table, asked: Asked, equals: Mapping[str, Sequence[str] | None]
) -> Page:
    project = project_number(services, target)
    now = services.context.now()
    chosen = {name: tuple(values) for name, values in {**asked.equals, **equals}.items() if values}
    page = list_rows(
        services.store(),
        project,
        table.name,
        Filter(chosen, _labels(asked.label), asked.text),
        start=None if asked.start is None else moment(asked.start, "from", now),
        end=None if asked.end is None else moment(asked.end, "to", now),
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return Page([shown(row) for row in page.rows], page.next)


def _labels(sent: Sequence[str]) -> dict[str, str]:
    found = {}
    for item in sent:
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise ApiError(400, "bad_request", "label must be name=value")
        found[name] = value
    return found


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Times as text; ``raw`` as the JSON it holds, as text when a fixed dead letter put something else there."""
    shown = {name: when(value) if name in ("ts", "received_at", "ended_at") else value for name, value in row.items()}
    if "raw" in shown:
        try:
            shown["raw"] = msgspec.json.decode(shown["raw"])
        except (msgspec.DecodeError, RecursionError):
            pass
    return shown


def _one(services: Services, target: Target, table: Table, row_id: UUID, what: str) -> dict[str, Any]:
    project = project_number(services, target)
    row = get_row(services.store(), project, table.name, row_id)
    if row is None:
        raise not_found(what)
    return shown(row)


@get("/events", guards=[reads], sync_to_thread=True, summary="List events")
def list_events(
    services: TheServices,
    target: TheTarget,
    asked: TheAsked,
    kind: Annotated[list[str] | None, QueryParameter(name="type")] = None,
    level: Texts = None,
    name: Texts = None,
    fingerprint: Texts = None,
    status: Texts = None,
) -> EventPage:
    """Errors, logs, metrics, transactions, check-ins and business events, newest first. A repeated filter finds any of its
    values; ``text`` is part of message or name; ``label`` is ``name=value``.
    """
    equals = {"type": kind, "level": level, "name": name, "fingerprint": fingerprint, "status": status}
    page = _list(services, target, EVENTS, asked, equals)
    return EventPage([Event(**row) for row in page.rows], page.next)


@get("/events/{event:uuid}", guards=[reads], sync_to_thread=True, summary="One event")
def get_event(services: TheServices, target: TheTarget, event: FromPath[UUID]) -> EventInFull:
    """With ``raw``, the event as it was accepted."""
    return EventInFull(**_one(services, target, EVENTS, event, "event"))


@get("/requests", guards=[reads], sync_to_thread=True, summary="List HTTP requests")
def list_requests(
    services: TheServices,
    target: TheTarget,
    asked: TheAsked,
    direction: Texts = None,
    method: Texts = None,
    host: Texts = None,
    status: Texts = None,
    is_slow: Texts = None,
    fingerprint: Texts = None,
) -> RequestRowPage:
    """Requests that programs made or served, newest first. ``text`` is part of path or host; ``is_slow`` 0 or 1."""
    equals = {
        "direction": direction,
        "method": method,
        "host": host,
        "status": status,
        "is_slow": is_slow,
        "fingerprint": fingerprint,
    }
    page = _list(services, target, REQUESTS, asked, equals)
    return RequestRowPage([RequestRow(**row) for row in page.rows], page.next)


@get("/requests/{row:uuid}", guards=[reads], sync_to_thread=True, summary="One HTTP request")
def get_request(services: TheServices, target: TheTarget, row: FromPath[UUID]) -> RequestRowInFull:
    """With ``raw``, the request as it was accepted."""
    return RequestRowInFull(**_one(services, target, REQUESTS, row, "request"))


@get("/spans", guards=[reads], sync_to_thread=True, summary="List spans")
def list_spans(
    services: TheServices,
    target: TheTarget,
    asked: TheAsked,
    name: Texts = None,
    operation: Texts = None,
    kind: Texts = None,
    status: Texts = None,
) -> SpanPage:
    """Spans of traces, newest first. ``text`` is part of name or operation."""
    page = _list(services, target, SPANS, asked, {"name": name, "operation": operation, "kind": kind, "status": status})
    return SpanPage([Span(**row) for row in page.rows], page.next)


@get("/spans/{span:uuid}", guards=[reads], sync_to_thread=True, summary="One span")
def get_span(services: TheServices, target: TheTarget, span: FromPath[UUID]) -> SpanInFull:
    """With ``raw``, the span as it was accepted."""
    return SpanInFull(**_one(services, target, SPANS, span, "span"))


HANDLERS = (list_events, get_event, list_requests, get_request, list_spans, get_span)
