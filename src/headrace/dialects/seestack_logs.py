"""SeeStack's logs: ``POST /ingest/v1/logs`` (contract 1.5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text
from headrace.dialects.rows import event_row
from headrace.dialects.seestack_fields import Fields, arrived, labels_of, reading, submission
from headrace.dialects.seestack_forms import envelope
from headrace.records.intents import Intent, Submission

#: ``warning`` is not one of them, other than in errors.
LEVELS = ("debug", "info", "warn", "error", "fatal")


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
    level = fields.required("level")
    if level:
        fields.one_of("level", LEVELS)
    message = fields.required("message")
    service, trace_id = fields.text("service"), fields.text("traceId")
    fields.check()
    metadata = fields.sent.get("metadata")
    linked = Fields(metadata if type(metadata) is dict else {})
    labels = labels_of(metadata)
    if error_id := fields.spare("errorId"):
        labels["errorId"] = error_id
    shared = arrived(inbound)
    row = event_row(
        **shared,
        environment=fields.spare("environment"),
        release=fields.spare("release"),
        service=service,
        trace_id=trace_id or linked.spare("traceId"),
        span_id=fields.spare("spanId") or linked.spare("spanId"),
        parent_span_id=fields.spare("parentSpanId"),
        request_id=fields.spare("requestId") or linked.spare("requestId"),
        session_id=fields.spare("sessionId"),
        user_id=fields.spare("userId") or linked.spare("userId"),
        type="log",
        level=level,
        message=message,
        labels=labels,
        raw=compact_text(fields.sent),
    )
    return submission([Intent(rows=[row])], envelope({"id": shared["id"]}))
