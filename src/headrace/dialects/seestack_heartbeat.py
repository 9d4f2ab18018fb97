"""SeeStack's heartbeats: ``POST /ingest/v1/heartbeat`` (contract 1.7). A monitor is made by a person; a heartbeat only moves it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from headrace.dialects.answers import json_answer
from headrace.dialects.base import Inbound, Refusal
from headrace.dialects.jsontext import compact_text
from headrace.dialects.rows import event_row
from headrace.dialects.seestack_fields import LONG_MAX, Fields, arrived, labels_of, reading, submission
from headrace.dialects.seestack_forms import BLANK
from headrace.records.intents import CheckInFact, Intent, Submission

STATUSES = ("success", "failed")
#: Where a heartbeat belongs that names no environment (rulings 3).
DEFAULT_ENVIRONMENT = "production"


class Heartbeat(msgspec.Struct, rename="camel", omit_defaults=True):
    """A job says how it ended. ``slug`` names a monitor of the project; ``status`` is success or failed, in any case;
    ``durationMs`` is in ms.
    """

    slug: Annotated[str, msgspec.Meta(min_length=1, examples=["nightly-backup"])]
    status: Annotated[str, msgspec.Meta(min_length=1, examples=["success"])]
    duration_ms: Annotated[int, msgspec.Meta(examples=[1200])] = 0
    message: str | None = None
    environment: str | None = None


@reading
def parse_heartbeat(inbound: Inbound, fields: Fields) -> Submission:
    """A check-in. The status is judged before the slug is looked up; both refusals, and the answer, are outside the envelope."""
    slug = fields.required("slug")
    status = fields.required("status").lower()
    duration_ms = float(max(0, fields.integer("durationMs", LONG_MAX)))
    message = fields.text("message")
    fields.check()
    if status not in STATUSES:
        raise _refused(422, "VALIDATION_ERROR", "Status must be 'success' or 'failed'")
    environment = fields.spare("environment").strip(BLANK) or DEFAULT_ENVIRONMENT
    monitor_id = inbound.monitor_id(slug, environment)
    if monitor_id is None:
        raise _refused(404, "NOT_FOUND", "No cron monitor found with slug: ", slug)
    shared = arrived(inbound)
    row = event_row(
        **shared,
        environment=environment,
        release=fields.spare("release"),
        service=fields.spare("service"),
        trace_id=fields.spare("traceId"),
        type="check_in",
        level="info" if status == "success" else "error",
        name=slug,
        message=message,
        status=status,
        duration_ms=duration_ms,
        labels=labels_of(fields.sent.get("metadata")),
        raw=compact_text(fields.sent),
    )
    fact = CheckInFact(
        project=inbound.project,
        slug=slug,
        environment=environment,
        ok=status == "success",
        status=status,
        ts=inbound.received_us,
        received_at=inbound.received_us,
        interval_s=None,
        duration_ms=duration_ms,
        message=message,
        event_id=shared["id"],
        creates=False,
    )
    return submission([Intent(rows=[row], facts=[fact])], json_answer(202, {"ok": True, "monitorId": monitor_id}))


def _refused(status: int, code: str, message: str, slug: str = "") -> Refusal:
    """Outside the envelope (1.7). The note for the key's owner leaves out what the client sent."""
    body = {"ok": False, "code": code, "message": message + slug}
    return Refusal(json_answer(status, body, reason=message.rstrip(": ")))
