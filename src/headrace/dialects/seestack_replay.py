"""SeeStack's session replay: ``POST /ingest/v1/replay`` (contract 1.6)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text
from headrace.dialects.rows import replay_row
from headrace.dialects.seestack_fields import LONG_MAX, Fields, arrived, happened, reading, submission
from headrace.dialects.seestack_forms import envelope
from headrace.dialects.seestack_masking import mask
from headrace.records.ids import uuid7
from headrace.records.intents import Intent, RowIn, Submission


class ReplayEvent(msgspec.Struct, rename="camel", omit_defaults=True):
    """One thing that happened in a session. ``eventData`` is JSON as text; passwords, card numbers and secrets in it are masked
    before it is stored. ``timestampMillis`` 0 or absent is the receipt.
    """

    event_data: Annotated[str, msgspec.Meta(examples=['{"x":12,"y":40}'])]
    event_type: Annotated[str, msgspec.Meta(examples=["click"])] = ""
    url: str | None = None
    timestamp_millis: int = 0


class Replay(msgspec.Struct, rename="camel"):
    """Events of one session. ``fingerprint`` is the session's id in all known clients."""

    fingerprint: Annotated[str, msgspec.Meta(min_length=1, examples=["5f1c"])]
    session_id: Annotated[str, msgspec.Meta(min_length=1, examples=["5f1c"])]
    events: Annotated[list[ReplayEvent], msgspec.Meta(min_length=1, max_length=10_000)]


@reading
def parse_replay(inbound: Inbound, fields: Fields) -> Submission:
    """One row of ``replays`` per event. Of an event only what the contract names is kept: nothing else has been masked."""
    shared = arrived(inbound)
    shared["session_id"] = fields.required("sessionId")
    shared["fingerprint"] = fields.required("fingerprint")
    rows = [_row(shared, event, inbound.received_us, number) for number, event in enumerate(fields.items("events"))]
    fields.check()
    return submission([Intent(rows=rows)], envelope({"eventsReceived": len(rows)}))


def _row(shared: dict[str, str], event: Fields, received_us: int, number: int) -> RowIn:
    kept = {"eventType": event.text("eventType"), "eventData": mask(event.text("eventData")), "url": event.text("url")}
    if event.sent.get("eventData") is None:
        event.refuse("eventData", "must not be null")
    sent = event.sent.get("timestampMillis")
    event.integer("timestampMillis", LONG_MAX)
    when = happened(sent, received_us)
    if sent is not None:
        kept["timestampMillis"] = sent
    return replay_row(
        # Events of one moment stay in the order in which they were sent: their ids are a microsecond apart.
        **{**shared, "ts": when.ts, "ts_source": when.source, "id": uuid7(received_us + number)},
        ts_sent=when.sent,
        event_type=kept["eventType"],
        url=kept["url"],
        raw=compact_text(kept),
    )
