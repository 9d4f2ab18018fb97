"""Logister's spans (contract 1.5): events of the type ``span``, kept apart from the event stream."""

from __future__ import annotations

from typing import Any

from headrace.dialects.jsontext import compact_text
from headrace.dialects.logister_answers import SPAN_BLANK, STARTED_AT_BLANK, TRACE_BLANK, InvalidRecord
from headrace.dialects.logister_columns import duration_of, label_text, labels_of, scalar_text, shared_columns
from headrace.dialects.logister_identity import span_claims, span_uuid
from headrace.dialects.logister_normalize import (
    both_spellings,
    copy_into,
    first_filled,
    snake_key,
    stored_context,
)
from headrace.dialects.logister_times import moment_us
from headrace.dialects.rows import span_row
from headrace.records.intents import Intent
from headrace.records.times import EARLIEST_US, FUTURE_US, Happened, clamp

#: The event type that makes a span.
SPAN = "span"
#: Kinds of span; any other word means ``internal``.
KINDS = frozenset(["app", "browser", "cache", "db", "http", "internal", "queue", "render", "resource", "server"])
DEFAULT_KIND = "internal"
DEFAULT_NAME = "span"
#: What a span's context takes from its fields beyond what every event's does.
COPIED_FROM_SPAN = ("trace_id", "span_id", "parent_span_id", "duration_ms", "service", "request_id", "transaction_name")
#: The fields of a span that are stored beside its context, as they were sent.
STORED_FIELDS = ("message", "name", "status", "started_at", "occurred_at", "ended_at")


def span_intent(
    fields: dict[str, Any], uuid: str, project: int, received_us: int, *, place_is_unique: bool = False
) -> tuple[str, Intent]:
    """The id and the intent of a span from its snake_case ``fields``. ``uuid``: the client's, or "". Raises
    :class:`InvalidRecord`. ``place_is_unique`` as for :func:`span_claims`.
    """
    context, view = stored_context(fields, SPAN)
    trace_id = _trace_part(fields, view, "trace_id")
    span_id = _trace_part(fields, view, "span_id")
    happened = _started(fields, view, received_us)
    errors = []
    if not trace_id:
        errors.append(TRACE_BLANK)
    if not span_id:
        errors.append(SPAN_BLANK)
    if happened is None:
        errors.append(STARTED_AT_BLANK)
    if errors or happened is None:
        raise InvalidRecord(errors)
    for name in COPIED_FROM_SPAN:
        copy_into(context, view, name, fields.get(name))
    kind = _kind(fields, view)
    copy_into(context, view, "span_kind", kind)
    duration_ms = duration_of(_either(fields, view, "duration_ms")) or 0.0
    record_id = uuid or span_uuid(project, trace_id, span_id)
    columns = shared_columns(view)
    columns.update(trace_id=trace_id, span_id=span_id, parent_span_id=_trace_part(fields, view, "parent_span_id"))
    sent = {"event_type": SPAN}
    sent.update((name, fields[name]) for name in STORED_FIELDS if fields.get(name) is not None)
    row = span_row(
        project=project,
        ts=happened.ts,
        received_at=received_us,
        ts_source=happened.source,
        ts_sent=happened.sent,
        dialect="logister",
        id=record_id,
        ended_at=_ended(_either(fields, view, "ended_at"), happened.ts, duration_ms, received_us),
        name=_name(fields, view),
        operation=label_text(view.get("operation")),
        kind=kind,
        status=label_text(_either(fields, view, "status")),
        duration_ms=duration_ms,
        labels=labels_of(view),
        raw=compact_text({**sent, "context": context}),
        **columns,
    )
    claims = span_claims(project, uuid, record_id, trace_id, span_id, place_is_unique=place_is_unique)
    return record_id, Intent(rows=(row,), source="logister", claims=claims)


def _either(fields: dict[str, Any], view: dict[str, Any], name: str) -> Any:
    """A value from the event itself, else from its context."""
    found = first_filled(fields, name)
    return first_filled(view, name) if found is None else found


def _trace_part(fields: dict[str, Any], view: dict[str, Any], name: str) -> str:
    return scalar_text(_either(fields, view, name)) or scalar_text(both_spellings(view.get("trace")).get(name))


def _name(fields: dict[str, Any], view: dict[str, Any]) -> str:
    named = first_filled(fields, "name", "message")
    return scalar_text(first_filled(view, "name", "span_name") if named is None else named) or DEFAULT_NAME


def _kind(fields: dict[str, Any], view: dict[str, Any]) -> str:
    named = first_filled(fields, "kind", "span_kind")
    kind = snake_key(scalar_text(first_filled(view, "kind", "span_kind") if named is None else named))
    return kind if kind in KINDS else DEFAULT_KIND


def _started(fields: dict[str, Any], view: dict[str, Any], received_us: int) -> Happened | None:
    """When the span began: receipt when nothing is sent, None when what is sent is no time."""
    sent = first_filled(fields, "started_at", "occurred_at")
    if sent is None:
        sent = first_filled(view, "started_at")
    if sent is None:
        return clamp(None, received_us)
    moment = moment_us(sent)
    return None if moment is None else clamp(moment, received_us, scalar_text(sent))


def _ended(sent: Any, started_us: int, duration_ms: float, received_us: int) -> int:
    """The sent end when it can be true, else the start and the duration."""
    moment = None if sent is None else moment_us(sent)
    if moment is not None and EARLIEST_US <= moment <= received_us + FUTURE_US:
        return moment
    return started_us + round(duration_ms * 1000)
