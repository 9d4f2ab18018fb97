"""SeeStack's spans (contract 1.7) and its clients' database queries, which become spans (rulings 1)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from headrace.dialects.answers import json_answer
from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text, number
from headrace.dialects.rows import span_row
from headrace.dialects.seestack_fields import Fields, arrived, happened, labels_of, reading, submission
from headrace.dialects.seestack_forms import spare_text
from headrace.records.intents import Intent, RowIn, Submission
from headrace.records.times import EARLIEST_US, FUTURE_US

#: Milliseconds beyond which a duration is no measurement (about 31 years).
LONGEST_MS = 10**12
#: The operation of a database query's span.
QUERY = "db.query"
#: What a query's labels take from its fields.
QUERY_LABELS = {
    "databaseType": "db.system",
    "databaseName": "db.name",
    "queryType": "db.operation",
    "queryHash": "db.query_hash",
    "rowsAffected": "db.rows",
    "errorMessage": "error",
}


class Span(msgspec.Struct, rename="camel", omit_defaults=True):
    """One span. Ids are 32 or 16 hex characters; a root has an empty ``parentSpanId``. Times in ms since the epoch."""

    trace_id: Annotated[str, msgspec.Meta(min_length=1, examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
    span_id: Annotated[str, msgspec.Meta(min_length=1, examples=["00f067aa0ba902b7"])]
    parent_span_id: str = ""
    operation: Annotated[str, msgspec.Meta(examples=["http.request"])] = ""
    description: str = ""
    status: Annotated[str, msgspec.Meta(examples=["ok"])] = ""
    duration_ms: float = 0
    start_time_millis: int = 0
    end_time_millis: int = 0
    service: str = ""
    environment: str = ""
    tags: dict[str, Any] = {}
    data: str = ""


class Spans(msgspec.Struct):
    """Spans that have ended."""

    spans: Annotated[list[Span], msgspec.Meta(min_length=1, max_length=10_000)]


class Query(msgspec.Struct, rename="camel", omit_defaults=True):
    """One database query that ended at ``timestampMillis``, its literals replaced by ``?``. ``rowsAffected`` -1: not known."""

    normalized_query: Annotated[str, msgspec.Meta(examples=["SELECT * FROM orders WHERE id = ?"])]
    duration_ms: Annotated[float, msgspec.Meta(examples=[4])] = 0
    timestamp_millis: int = 0
    status: Annotated[str, msgspec.Meta(examples=["success"])] = ""
    query_hash: str = ""
    query_type: str = ""
    error_message: str = ""
    database_name: str = ""
    database_type: str = ""
    service: str = ""
    environment: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    rows_affected: int = -1


class Queries(msgspec.Struct):
    """Queries that have ended."""

    queries: Annotated[list[Query], msgspec.Meta(min_length=1, max_length=10_000)]


@reading
def parse_spans(inbound: Inbound, fields: Fields) -> Submission:
    """One row of ``spans`` per span. Upstream defines nothing here, so only what a span cannot be without is asked for."""
    return _accepted(fields, [_span(inbound, span) for span in fields.items("spans")])


@reading
def parse_queries(inbound: Inbound, fields: Fields) -> Submission:
    """One row of ``spans`` per query."""
    return _accepted(fields, [_query(inbound, query) for query in fields.items("queries")])


def _accepted(fields: Fields, rows: list[RowIn]) -> Submission:
    fields.check()
    return submission([Intent(rows=rows)], json_answer(202, {"ok": True, "accepted": len(rows)}))


def _span(inbound: Inbound, span: Fields) -> RowIn:
    sent, received = span.sent, inbound.received_us
    trace_id, span_id = span.required("traceId"), span.required("spanId")
    began = happened(sent.get("startTimeMillis"), received)
    ended = happened(sent.get("endTimeMillis"), received)
    duration_ms = _duration(sent.get("durationMs"))
    if duration_ms is None:
        known = began.source == ended.source == "exact"
        duration_ms = max(0, ended.ts - began.ts) / 1000 if known else 0.0
    operation = span.spare("operation")
    return span_row(
        **_shared(inbound, span),
        ts=began.ts,
        ts_source=began.source,
        ts_sent=began.sent,
        trace_id=trace_id,
        span_id=span_id,
        ended_at=ended.ts if ended.source == "exact" else _after(began.ts, duration_ms, received),
        name=span.spare("description") or operation,
        operation=operation,
        status=span.spare("status"),
        duration_ms=duration_ms,
        labels=labels_of(sent.get("tags")),
        raw=compact_text(sent),
    )


def _query(inbound: Inbound, query: Fields) -> RowIn:
    sent = query.sent
    name = query.required("normalizedQuery")
    ended = happened(sent.get("timestampMillis"), inbound.received_us)
    duration_ms = _duration(sent.get("durationMs")) or 0.0
    status = query.spare("status")
    labels = {label: spare_text(sent.get(field)) for field, label in QUERY_LABELS.items()}
    return span_row(
        **_shared(inbound, query),
        ts=max(EARLIEST_US, ended.ts - round(duration_ms * 1000)),
        ts_source=ended.source,
        ts_sent=ended.sent,
        trace_id=query.spare("traceId"),
        span_id=query.spare("spanId"),
        ended_at=ended.ts,
        name=name,
        operation=QUERY,
        kind="db",
        status="ok" if status == "success" else status,
        duration_ms=duration_ms,
        labels=labels_of({label: value for label, value in labels.items() if value and value != "-1"}),
        raw=compact_text(sent),
    )


def _shared(inbound: Inbound, fields: Fields) -> dict[str, Any]:
    shared = arrived(inbound)
    del shared["ts"], shared["ts_source"]
    for column, field in (
        ("environment", "environment"),
        ("release", "release"),
        ("service", "service"),
        ("parent_span_id", "parentSpanId"),
        ("request_id", "requestId"),
        ("session_id", "sessionId"),
        ("user_id", "userId"),
    ):
        shared[column] = fields.spare(field)
    return shared


def _duration(sent: Any) -> float | None:
    figure = number(sent)
    return figure if figure is not None and 0 <= figure <= LONGEST_MS else None


def _after(ts: int, duration_ms: float, received_us: int) -> int:
    return min(ts + round(duration_ms * 1000), max(ts, received_us + FUTURE_US))
