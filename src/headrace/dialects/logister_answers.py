"""What Logister says about a single record (contract 1.4, 1.7, 1.9)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from headrace.dialects.answers import json_answer, refuse
from headrace.dialects.base import Refusal
from headrace.dialects.logister_identity import legacy_id
from headrace.records.intents import NEW, Answer, Decision, Render, Verdict

#: Bytes of a UUID, as claims give it back.
UUID_BYTES = 16
UUID_INVALID = "Uuid is invalid"
UUID_TAKEN = "Uuid has already been used for another telemetry signal"
TYPE_UNKNOWN = "Event type is not included in the list"
MESSAGE_BLANK = "Message can't be blank"
TRACE_BLANK = "Trace can't be blank"
SPAN_BLANK = "Span can't be blank"
STARTED_AT_BLANK = "Started at can't be blank"
SPAN_TAKEN = "Span has already been taken"
NOT_JSON = "Request body is not valid JSON"


class InvalidRecord(Refusal):
    """A record that lacks what it needs: 422 with one sentence per problem, or its line's part of a batch's answer."""

    def __init__(self, errors: Sequence[str], *, reason: str = "") -> None:
        super().__init__(invalid(errors, reason=reason))
        self.errors = tuple(errors)


def invalid(errors: Sequence[str], *, reason: str = "") -> Answer:
    """422 with one sentence per problem. ``reason`` as for :func:`error_answer`."""
    return json_answer(422, {"errors": list(errors)}, reason=reason or "; ".join(errors))


def missing_envelope(name: str) -> Refusal:
    """400 for a body without a usable object under ``name``."""
    return refuse(400, f"param is missing or the value is empty or invalid: {name}")


def not_json() -> Refusal:
    """400 for a body that is no JSON."""
    return refuse(400, NOT_JSON)


def first_id(held: bytes, record_id: str) -> str:
    """The id that a replayed record got the first time: what its claim gives back, else its own UUID."""
    return str(UUID(bytes=held)) if len(held) == UUID_BYTES else record_id


def accepted(project: int, record_id: str, *, with_legacy_id: bool = True, is_span: bool = False) -> Render:
    """Renders the answer for one record once it is decided: 201, 200 for a replay, 422 for another family's UUID."""
    return partial(_told, project, record_id, with_legacy_id, is_span)


def _told(project: int, record_id: str, with_legacy_id: bool, is_span: bool, decisions: Sequence[Decision]) -> Answer:
    decision = decisions[0]
    if decision is not NEW:
        if decision.verdict is Verdict.CONFLICT:
            return invalid([UUID_TAKEN])
        record_id = first_id(decision.value, record_id)
    # Bytes put together: nothing of them needs escaping.
    number = f',"legacy_id":{legacy_id(project, record_id)}' if with_legacy_id else ""
    what = ',"type":"span"' if is_span else ""
    if decision is NEW:
        return Answer(201, f'{{"id":"{record_id}"{number},"status":"accepted"{what}}}'.encode())
    return Answer(200, f'{{"id":"{record_id}"{number},"status":"accepted"{what},"duplicate":true}}'.encode())
