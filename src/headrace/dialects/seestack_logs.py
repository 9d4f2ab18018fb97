"""SeeStack's logs: ``POST /ingest/v1/logs`` (contract 1.5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text
from headrace.dialects.seestack_fields import Fields, labels_of, linked, reading, submission
from headrace.dialects.seestack_forms import BLANK, stored
from headrace.records.ids import uuid7
from headrace.records.intents import Intent, RowIn, Submission
from headrace.records.tables import EVENTS

#: ``warning`` is not one of them, other than in errors.
LEVELS = ("debug", "info", "warn", "error", "fatal")

#: The text fields: those that may be refused, and those that upstream does not know, in the order of their columns.
_CHECKED = ("level", "message", "service", "traceId")
_SPARE = (
    *("environment", "release", "spanId", "parentSpanId"),
    *("requestId", "sessionId", "userId", "errorId"),
)
_TEXTS = (*_CHECKED, *_SPARE)


class LogEntry(msgspec.Struct, rename="camel", omit_defaults=True):
    """One line of a log. Its time is its receipt. Other fields are kept."""

    level: Literal["debug", "info", "warn", "error", "fatal"]
    message: Annotated[str, msgspec.Meta(min_length=1, examples=["order placed"])]
    service: str | None = None
    trace_id: str | None = None
    metadata: Any = None
    environment: str | None = None
    release: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    request_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    error_id: str | None = None


@reading
def parse_log(inbound: Inbound, fields: Fields) -> Submission:
    """One event of the type ``log``."""
    texts = fields.plain(_TEXTS)
    if texts is None or texts[0] not in LEVELS or not texts[1].strip(BLANK):
        texts = _exact(fields)
    level, message, service, trace_id, environment, release, span_id, parent_span_id, *rest = texts
    request_id, session_id, user_id, error_id = rest
    metadata = fields.sent.get("metadata")
    links = linked(metadata)
    if links is not None:
        trace_id = trace_id or links.spare("traceId")
        span_id = span_id or links.spare("spanId")
        request_id = request_id or links.spare("requestId")
        user_id = user_id or links.spare("userId")
    labels = labels_of(metadata)
    if error_id:
        labels["errorId"] = error_id
    received, record_id = inbound.received_us, uuid7(inbound.received_us)
    values = (  # the columns of ``EVENTS``
        inbound.project,
        received,
        received,
        "received",
        "",  # ts_sent
        "seestack",
        record_id,
        environment,
        release,
        service,
        trace_id,
        span_id,
        parent_span_id,
        request_id,
        session_id,
        user_id,
        "log",
        level,
        "",  # name
        message,
        "",  # fingerprint
        "",  # status
        None,  # duration_ms
        None,  # value
        labels,
        compact_text(fields.sent),
    )
    return submission((Intent((RowIn(EVENTS.name, values),)),), stored(record_id))


def _exact(fields: Fields) -> list[str]:
    """The same fields, one by one. Raises ``Unreadable`` and the 422."""
    level = fields.required("level")
    if level:
        fields.one_of("level", LEVELS)
    texts = [level, fields.required("message"), fields.text("service"), fields.text("traceId")]
    fields.check()
    return texts + [fields.spare(name) for name in _SPARE]
