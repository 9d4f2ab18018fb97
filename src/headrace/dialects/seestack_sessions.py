"""Sessions as SeeStack's clients tell of them: ``POST /ingest/v1/sessions/start`` and ``…/end`` (contract 3.4, rulings 1)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from headrace.dialects.answers import json_answer
from headrace.dialects.base import Inbound
from headrace.dialects.seestack_fields import LONG_MAX, Fields, reading, submission
from headrace.records.intents import SESSION_STATUSES, Intent, SessionFact, Submission


class SessionStart(msgspec.Struct, rename="camel", omit_defaults=True):
    """A program's run begins."""

    session_id: Annotated[str, msgspec.Meta(min_length=1, examples=["1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"])]
    release: Annotated[str, msgspec.Meta(min_length=1, examples=["1.4.2"])]
    environment: str | None = None
    user_id: str | None = None


class SessionEnd(msgspec.Struct, rename="camel", omit_defaults=True):
    """A program's run has ended after ``durationMs`` ms. A session only ever gets worse: of two ends the graver counts."""

    session_id: Annotated[str, msgspec.Meta(min_length=1, examples=["1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"])]
    status: Literal["ok", "errored", "abnormal", "crashed"] | None = None
    duration_ms: int | None = None


@reading
def parse_session_start(inbound: Inbound, fields: Fields) -> Submission:
    """The session's release, environment and beginning. Clients always know their release (3.4)."""
    return _told(inbound, fields, ended=False, release=fields.required("release"))


@reading
def parse_session_end(inbound: Inbound, fields: Fields) -> Submission:
    """How the session ended: ``ok`` unless the client says otherwise."""
    status = fields.text("status").lower() or SESSION_STATUSES[0]
    if status not in SESSION_STATUSES:
        fields.refuse("status", f'must match "{"|".join(SESSION_STATUSES)}"')
    duration_ms = float(max(0, fields.integer("durationMs", LONG_MAX)))
    return _told(inbound, fields, ended=True, status=status, duration_ms=duration_ms)


def _told(
    inbound: Inbound,
    fields: Fields,
    *,
    ended: bool,
    release: str = "",
    status: str = SESSION_STATUSES[0],
    duration_ms: float | None = None,
) -> Submission:
    session_id = fields.required("sessionId")
    fields.check()
    fact = SessionFact(
        project=inbound.project,
        session_id=session_id,
        ended=ended,
        environment=fields.spare("environment"),
        release=release,
        user_id=fields.spare("userId"),
        status=status,
        ts=inbound.received_us,
        duration_ms=duration_ms,
    )
    return submission([Intent(facts=[fact])], json_answer(202, {"ok": True}))
