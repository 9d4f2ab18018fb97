"""``POST /api/v1/check_ins``: a scheduled job says that it ran (contract 1.9)."""

from __future__ import annotations

from typing import Any

from headrace.dialects.base import Inbound
from headrace.dialects.logister_answers import MESSAGE_BLANK, InvalidRecord, accepted, missing_envelope
from headrace.dialects.logister_body import envelope_of, read_body
from headrace.dialects.logister_columns import duration_of, scalar_text
from headrace.dialects.logister_events import checked_uuid
from headrace.dialects.logister_identity import event_claims
from headrace.dialects.logister_limits import within_limits
from headrace.dialects.logister_mobile import MOBILE, bound_values
from headrace.dialects.logister_normalize import both_spellings, first_filled, snake_fields, stored_context, text_of
from headrace.dialects.logister_record import Record, default_source, event_intent, interval_seconds
from headrace.dialects.logister_times import Occurrence, moment_us
from headrace.records.ids import uuid7
from headrace.records.intents import Submission
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
    """The submission of a check-in, enveloped or flat. Raises :class:`Refusal`: 400 for a body without any of a check-in's
    fields, 403 and 422 for what a mobile token may not send, 422 for its UUID, then for its slug.
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
