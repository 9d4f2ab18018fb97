"""``POST /api/v1/ingest_events``: one event of six types (contract 1.3 to 1.7)."""

from __future__ import annotations

from typing import Any, NamedTuple

from headrace.dialects.base import Inbound
from headrace.dialects.logister_answers import (
    MESSAGE_BLANK,
    TYPE_UNKNOWN,
    UUID_INVALID,
    InvalidRecord,
    accepted,
    missing_envelope,
)
from headrace.dialects.logister_body import envelope_of, read_body
from headrace.dialects.logister_columns import label_text, scalar_text
from headrace.dialects.logister_identity import InvalidUuid, client_uuid, event_claims
from headrace.dialects.logister_limits import check_limits
from headrace.dialects.logister_mobile import MOBILE, bind_event
from headrace.dialects.logister_normalize import is_blank, snake_fields, stored_context, text_of
from headrace.dialects.logister_plain import parse_plain
from headrace.dialects.logister_record import Record, default_source, event_intent
from headrace.dialects.logister_spans import SPAN, span_intent
from headrace.dialects.logister_times import occurrence
from headrace.records.ids import uuid7
from headrace.records.intents import Intent, Submission

#: The event types besides ``span``, in the order of the numbers that upstream takes for them.
TYPES = ("error", "metric", "transaction", "log", "check_in")
#: The fields of an event that are stored beside its context, as they were sent.
STORED_FIELDS = ("level", "fingerprint", "occurred_at")


class Made(NamedTuple):
    """A valid event or span: its id, and what is stored of it."""

    id: str
    intent: Intent
    is_span: bool


def parse_event(inbound: Inbound) -> Submission:
    """The submission of a single event. Raises what :func:`exact_event` raises."""
    return parse_plain(inbound) or exact_event(inbound)


def exact_event(inbound: Inbound) -> Submission:
    """As :func:`parse_plain`. Raises :class:`Refusal`: 400 without a readable envelope, 413 for a payload limit, 403 and 422 for what
    a mobile token may not send, then 422 for the UUID, and last 422 for what the fields lack.
    """
    body = inbound.body
    envelope = envelope_of(read_body(body), "event", "EVENT")
    if envelope is None:
        raise missing_envelope("event")
    check_limits(envelope, body)
    fields = snake_fields(envelope)
    if inbound.key_kind == MOBILE:
        bind_event(fields, inbound.bindings)
    made = make_record(fields, checked_uuid(fields), inbound)
    return Submission(intents=(made.intent,), render=accepted(inbound.project, made.id, is_span=made.is_span))


def checked_uuid(fields: dict[str, Any]) -> str:
    """The client's UUID in lower case, "" without one. Raises :class:`InvalidRecord` when it is none."""
    try:
        return client_uuid(fields)
    except InvalidUuid:
        raise InvalidRecord([UUID_INVALID]) from None


def make_record(fields: dict[str, Any], uuid: str, inbound: Inbound, *, place_is_unique: bool = False) -> Made:
    """The event or span of these snake_case ``fields``; ``uuid``: the client's, or "". Raises :class:`InvalidRecord`.
    ``place_is_unique`` as for :func:`span_claims`.
    """
    if fields.get("event_type") == SPAN:
        made = span_intent(fields, uuid, inbound.project, inbound.received_us, place_is_unique=place_is_unique)
        return Made(*made, is_span=True)
    return _make_event(fields, uuid, inbound)


def _make_event(fields: dict[str, Any], uuid: str, inbound: Inbound) -> Made:
    event_type = _type_of(fields.get("event_type"))
    message = text_of(fields.get("message"))
    errors = []
    if not event_type:
        errors.append(TYPE_UNKNOWN)
    if is_blank(message):
        errors.append(MESSAGE_BLANK)
    if errors:
        raise InvalidRecord(errors)
    context, view = stored_context(fields, event_type)
    sent = {"event_type": event_type, "message": message}
    sent.update((name, fields[name]) for name in STORED_FIELDS if fields.get(name) is not None)
    received_us = inbound.received_us
    record = Record(
        id=uuid or uuid7(received_us),
        type=event_type,
        level=label_text(fields.get("level")),
        message=message,
        fingerprint=scalar_text(fields.get("fingerprint")),
        occurred=occurrence(fields.get("occurred_at"), view, received_us),
        sent=sent,
        context=context,
        view=view,
        claims=event_claims(inbound.project, uuid),
        source=default_source(inbound.project_platform),
    )
    return Made(record.id, event_intent(record, inbound.project, received_us), is_span=False)


def _type_of(value: Any) -> str:
    """The event type, "" for none: its exact name, or upstream's number for it."""
    if type(value) is int and 0 <= value < len(TYPES):
        return TYPES[value]
    return value if type(value) is str and value in TYPES else ""
