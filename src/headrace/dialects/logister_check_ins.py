"""``POST /api/v1/check_ins``: a scheduled job says that it ran (contract 1.9)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text
from headrace.dialects.logister_answers import MESSAGE_BLANK, InvalidRecord, accepted, missing_envelope
from headrace.dialects.logister_body import envelope_of, read_body
from headrace.dialects.logister_columns import LABEL_CHARS, LONGEST_MS, duration_of, scalar_text
from headrace.dialects.logister_events import checked_uuid
from headrace.dialects.logister_identity import as_uuid, event_claims
from headrace.dialects.logister_limits import within_limits
from headrace.dialects.logister_mobile import MOBILE, bound_values
from headrace.dialects.logister_normalize import (
    DEFAULT_ENVIRONMENT,
    both_spellings,
    first_filled,
    is_blank,
    snake_fields,
    stored_context,
    text_of,
)
from headrace.dialects.logister_record import (
    DEFAULT_INTERVAL_S,
    MAX_INTERVAL_S,
    Record,
    default_source,
    event_intent,
    interval_seconds,
)
from headrace.dialects.logister_times import Occurrence, moment_us, plain_evidence
from headrace.records.ids import uuid7
from headrace.records.intents import CheckInFact, Claim, Intent, RowIn, Submission
from headrace.records.tables import EVENTS
from headrace.records.text import escapes_nul
from headrace.records.times import Happened, clamp

CHECK_IN = "check_in"
DEFAULT_STATUS = "ok"
#: The only status that means failure.
FAILED = "error"
#: The fields that make an object a check-in. ``checked_at`` is what older JavaScript clients send for ``occurred_at``.
FIELDS = frozenset(
    [
        "slug",
        "status",
        "expected_interval_seconds",
        "environment",
        "release",
        "trace_id",
        "request_id",
        "duration_ms",
        "occurred_at",
        "checked_at",
        "uuid",
        "event_id",
    ]
)


def parse_check_in(inbound: Inbound) -> Submission:
    """The submission of a check-in, enveloped or flat. Raises what :func:`exact_check_in` raises."""
    return plain_check_in(inbound) or exact_check_in(inbound)


class _PlainCheckIn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    slug: str
    status: str = DEFAULT_STATUS
    expected_interval_seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_INTERVAL_S)] | None = None
    environment: Annotated[str, msgspec.Meta(min_length=1, max_length=LABEL_CHARS)] = DEFAULT_ENVIRONMENT
    duration_ms: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_MS)] | None = None
    occurred_at: str | None = None
    uuid: str = ""
    release: Annotated[str, msgspec.Meta(max_length=LABEL_CHARS)] = ""
    trace_id: str = ""
    request_id: str = ""


class _PlainBody(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    check_in: _PlainCheckIn


_decode = msgspec.json.Decoder(_PlainBody).decode


def plain_check_in(inbound: Inbound) -> Submission | None:
    """The submission of a check-in with the fields that nearly all have, equal to that of :func:`exact_check_in`; None when only that
    one can tell.
    """
    body, received_us = inbound.body, inbound.received_us
    if inbound.key_kind == MOBILE or escapes_nul(body):
        return None
    try:
        sent = _decode(body).check_in
    except (ValueError, RecursionError):
        return None
    slug, status = sent.slug.strip(), sent.status.strip()
    uuid = as_uuid(sent.uuid) if sent.uuid else ""
    if (
        uuid is None
        or not slug
        or not status
        or sent.environment.isspace()
        or max(len(slug), len(status)) > LABEL_CHARS
    ):
        return None
    record_id = uuid or uuid7(received_us)
    intent = _plain_intent(inbound, sent, slug, status, record_id, event_claims(inbound.project, uuid))
    return Submission((intent,), accepted(inbound.project, record_id, with_legacy_id=False))


def _plain_intent(
    inbound: Inbound, sent: _PlainCheckIn, slug: str, status: str, record_id: str, claims: tuple[Claim, ...]
) -> Intent:
    project, received_us = inbound.project, inbound.received_us
    level = "error" if status == FAILED else "info"
    stored: dict[str, Any] = {"event_type": CHECK_IN, "message": slug, "level": level}
    occurred_at = None if is_blank(sent.occurred_at) else sent.occurred_at
    if occurred_at is not None:
        stored["occurred_at"] = occurred_at
    happened = _happened(occurred_at, received_us)
    interval_s = sent.expected_interval_seconds or DEFAULT_INTERVAL_S
    links = {"release": sent.release, "trace_id": sent.trace_id, "request_id": sent.request_id}
    links = {name: text for name, text in links.items() if text and not text.isspace()}
    context = stored["context"] = {
        "environment": sent.environment,
        **links,
        "check_in_slug": slug,
        "check_in_status": status,
        "expected_interval_seconds": interval_s,
    }
    if sent.duration_ms is not None:
        context["duration_ms"] = sent.duration_ms
    source = default_source(inbound.project_platform)
    context["telemetry_evidence"] = plain_evidence(source, happened, received_us)
    values: tuple[Any, ...] = (  # the columns of ``EVENTS``
        project,
        happened.ts,
        received_us,
        happened.source,
        happened.sent,
        "logister",
        record_id,
        sent.environment,
        links.get("release", ""),
        "",  # service
        links.get("trace_id", ""),
        "",  # span_id
        "",  # parent_span_id
        links.get("request_id", ""),
        "",  # session_id
        "",  # user_id
        CHECK_IN,
        level,
        slug,  # name
        slug,  # message
        "",  # fingerprint
        status,
        sent.duration_ms,
        None,  # value
        {},  # labels
        compact_text(stored),
    )
    fact = CheckInFact(
        project=project,
        slug=slug,
        environment=sent.environment,
        ok=status != FAILED,
        status=status,
        ts=happened.ts,
        received_at=received_us,
        interval_s=interval_s,
        duration_ms=sent.duration_ms,
        message="",  # the slug says it
        event_id=record_id,
        creates=True,
    )
    return Intent((RowIn(EVENTS.name, values),), (), "logister", claims, (fact,))


def exact_check_in(inbound: Inbound) -> Submission:
    """As :func:`plain_check_in`. Raises :class:`Refusal`: 400 for a body without any of a check-in's fields, 403 and 422 for what a
    mobile token may not send, 422 for its UUID, then for its slug.
    """
    fields = _fields(read_body(inbound.body))
    bound = bound_values(fields, CHECK_IN, inbound.bindings) if inbound.key_kind == MOBILE else {}
    uuid = checked_uuid(fields)
    slug = scalar_text(fields.get("slug")).strip()
    if not slug:
        raise InvalidRecord([MESSAGE_BLANK])
    status = scalar_text(fields.get("status")).strip() or DEFAULT_STATUS
    level = "error" if status == FAILED else "info"
    context = _context(fields | bound, slug, status)
    context.update(bound)
    sent = {"event_type": CHECK_IN, "message": slug, "level": level}
    occurred_at = first_filled(fields, "occurred_at", "checked_at")
    if occurred_at is not None:
        sent["occurred_at"] = occurred_at
    record = Record(
        id=uuid or uuid7(inbound.received_us),
        type=CHECK_IN,
        level=level,
        message=slug,
        fingerprint="",
        occurred=Occurrence(_happened(occurred_at, inbound.received_us)),
        sent=sent,
        context=context,
        view=both_spellings(context),
        claims=event_claims(inbound.project, uuid),
        source=default_source(inbound.project_platform),
    )
    return Submission(
        intents=(event_intent(record, inbound.project, inbound.received_us),),
        render=accepted(inbound.project, record.id, with_legacy_id=False),
    )


def _fields(value: Any) -> dict[str, Any]:
    found = envelope_of(value, "check_in", "CHECK_IN")
    if found is None and type(value) is dict:
        found = value
    fields = snake_fields(found or {})
    if FIELDS.isdisjoint(fields):
        raise missing_envelope(CHECK_IN)
    return fields


def _context(fields: dict[str, Any], slug: str, status: str) -> dict[str, Any]:
    """The context to store: the client's own, over it what the check-in says. Upstream drops the client's, so one that
    breaks an event's limits is left out rather than refused.
    """
    own = fields.get("context")
    kept = {"context": own} if type(own) is dict and within_limits({"context": own}) else {}
    context, _ = stored_context(kept, CHECK_IN)
    for name in ("environment", "release", "trace_id", "request_id"):
        text = scalar_text(fields.get(name))
        if text:
            context[name] = text
    context["check_in_slug"] = slug
    context["check_in_status"] = status
    context["expected_interval_seconds"] = interval_seconds(fields.get("expected_interval_seconds"))
    duration_ms = duration_of(fields.get("duration_ms"))
    if duration_ms:
        context["duration_ms"] = duration_ms
    return context


def _happened(occurred_at: Any, received_us: int) -> Happened:
    """Without a time of its own a check-in happens exactly when it arrives."""
    if occurred_at is None:
        return Happened(received_us, "exact")
    return clamp(moment_us(occurred_at), received_us, text_of(occurred_at))
