"""``POST /api/v1/ingest_events/batch``: up to 100 events, one JSON object a line, all stored or none (contract 1.8).

The work is cut where the charge comes: :func:`check_headers` and :func:`decode_batch` before it, :func:`parse_batch` after it
(rulings 1, "Logister batch order").
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

from headrace.dialects.answers import json_answer
from headrace.dialects.base import Inbound, Refusal
from headrace.dialects.logister_answers import SPAN_TAKEN, UUID_TAKEN, InvalidRecord, first_id
from headrace.dialects.logister_body import read_exactly, read_fast
from headrace.dialects.logister_events import Made, make_record
from headrace.dialects.logister_identity import as_uuid, legacy_id
from headrace.dialects.logister_limits import first_excess, fits, limit_text
from headrace.dialects.logister_mobile import MOBILE, bind_event
from headrace.dialects.logister_normalize import is_blank, snake_fields
from headrace.records.intents import Answer, Decision, Submission, Verdict

#: Lines that are not blank.
EVENTS_MAX = 100
#: Bytes of the body after decompression.
DECODED_CAP = 8 * 1024 * 1024
#: Characters of ``X-Logister-Batch-Id`` that are given back.
BATCH_ID_CHARS = 128
CONTENT_TYPES = ("application/x-ndjson", "application/ndjson")
ROLLED_BACK = "Not stored because another event of the batch was rejected"

_SCHEMA = 1


class Line(NamedTuple):
    """An event of the batch: its line in the body (from 1), its snake_case fields, its UUID in lower case."""

    number: int
    fields: dict[str, Any]
    uuid: str


def check_headers(inbound: Inbound) -> None:
    """Raises :class:`Refusal` 415 for another content type, then for another encoding than gzip."""
    media = (inbound.header(b"content-type") or b"").decode("latin-1").partition(";")[0].strip().lower()
    if media not in CONTENT_TYPES:
        raise _refused(415, "Batch ingest requires application/x-ndjson", "unsupported_content_type")
    encoding = (inbound.header(b"content-encoding") or b"").decode("latin-1").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise _refused(415, "Content-Encoding must be gzip", "unsupported_encoding")


def decode_batch(inbound: Inbound) -> int:
    """Reads the lines into ``inbound.reading`` and gives their number, which is what the batch costs. Raises :class:`Refusal`
    400 and 413 for whatever is wrong with the batch as such.
    """
    lines = _lines(inbound.body)
    if not lines:
        raise _refused(400, "Batch is empty", "empty_batch")
    inbound.reading = [_read(number, line) for number, line in lines]
    return len(lines)


def parse_batch(inbound: Inbound) -> Submission:
    """The submission of the lines in ``inbound.reading``. Raises :class:`Refusal` 403 and 422 for what a mobile token may not send;
    what else is wrong with a line is told beside its neighbours' fates.
    """
    lines: list[Line] = inbound.reading
    if inbound.key_kind == MOBILE:
        for line in lines:
            bind_event(line.fields, inbound.bindings, f"line {line.number}: ")
    outcomes = [_made_or_errors(line, inbound) for line in lines]
    made = [one for one in outcomes if isinstance(one, Made)]
    head: dict[str, Any] = {"schema_version": _SCHEMA}
    batch_id = (inbound.header(b"x-logister-batch-id") or b"").decode("latin-1").strip()[:BATCH_ID_CHARS]
    if batch_id:
        head["batch_id"] = batch_id
    project = inbound.project

    def render(decisions: Sequence[Decision]) -> Answer:
        return _render(project, head, outcomes, decisions)

    return Submission(
        intents=[one.intent for one in made], render=render, cost=len(lines), void=len(made) < len(outcomes)
    )


# --- before the charge


def _lines(body: bytes) -> list[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers."""
    found: list[tuple[int, bytes]] = []
    for number, line in enumerate(BytesIO(body), 1):
        if line.isspace():
            continue
        if len(found) == EVENTS_MAX:
            text = f"Batch holds more than {EVENTS_MAX} events"
            raise _refused(413, text, "event_count", limit=EVENTS_MAX)
        found.append((number, line))
    return found


def _read(number: int, line: bytes) -> Line:
    known, value = read_fast(line)
    if not known:
        try:
            value = read_exactly(line)
        except Refusal:
            raise _refused(400, f"Batch line {number} is not valid JSON", "invalid_json") from None
    if type(value) is not dict:
        raise _refused(400, f"Batch line {number} is not a JSON object", "invalid_envelope")
    event = value.get("event")
    if type(event) is not dict:
        raise _refused(400, f"Batch line {number} has no event object", "missing_event")
    if not fits(event, line):
        excess = first_excess(event)
        if excess is not None:
            text = f"{limit_text(excess)} on line {number}"
            raise _refused(413, text, excess.code, limit=excess.limit, actual=excess.actual)
    fields = snake_fields(event)
    return Line(number, fields, _identity(number, fields))


def _identity(number: int, fields: dict[str, Any]) -> str:
    given = [fields[name] for name in ("uuid", "event_id") if name in fields and not is_blank(fields[name])]
    if not given:
        raise _refused(400, f"Batch line {number} has neither uuid nor event_id", "missing_identity")
    uuids = [as_uuid(value) for value in given]
    if None in uuids:
        raise _refused(400, f"Batch line {number} has a uuid or event_id that is no UUID", "invalid_identity")
    if uuids[0] != uuids[-1]:
        raise _refused(400, f"Batch line {number} has a uuid and an event_id that differ", "conflicting_identity")
    return uuids[0] or ""


def _refused(status: int, text: str, code: str, **more: int) -> Refusal:
    return Refusal(json_answer(status, {"error": text, "code": code, **more}, reason=text))


# --- after the charge


def _made_or_errors(line: Line, inbound: Inbound) -> Made | tuple[str, ...]:
    try:
        return make_record(line.fields, line.uuid, inbound, place_is_unique=True)
    except InvalidRecord as invalid:
        return invalid.errors


def _render(
    project: int, head: dict[str, Any], outcomes: Sequence[Made | tuple[str, ...]], decisions: Sequence[Decision]
) -> Answer:
    """202 when everything is stored, now or before; else 422, and nothing is stored."""
    decided = iter(decisions)
    results: list[dict[str, Any]] = []
    duplicates = 0
    refused = False
    for index, outcome in enumerate(outcomes):
        if not isinstance(outcome, Made):
            result: dict[str, Any] = {"status": "rejected", "errors": list(outcome)}
        else:
            result = _result(project, outcome, next(decided))
        refused = refused or result["status"] != "accepted"
        duplicates += result.get("duplicate", False)
        results.append({"index": index, **result})
    if refused:
        return json_answer(422, {**head, "status": "rejected", "results": results}, reason="batch rejected")
    counts = {"accepted": len(results), "duplicates": duplicates}
    return json_answer(202, {**head, "status": "accepted", **counts, "results": results})


def _result(project: int, made: Made, decision: Decision) -> dict[str, Any]:
    if decision.verdict is Verdict.CONFLICT:
        # What a span finds held with an id is its place in its trace: its UUID could only be an event's, which has none.
        return {"status": "rejected", "errors": [SPAN_TAKEN if made.is_span and decision.value else UUID_TAKEN]}
    if decision.verdict is Verdict.ROLLED_BACK:
        return {"status": "rolled_back", "errors": [ROLLED_BACK]}
    duplicate = decision.verdict is Verdict.DUPLICATE
    record_id = first_id(decision.value, made.id) if duplicate else made.id
    return {
        "status": "accepted",
        "type": "span" if made.is_span else "event",
        "id": record_id,
        "legacy_id": legacy_id(project, record_id),
        "duplicate": duplicate,
    }
