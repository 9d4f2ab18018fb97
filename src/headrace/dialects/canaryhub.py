"""CanaryHub: business events and problems, 1 to 100 a request (contract 1.1-1.7)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from headrace.dialects.answers import QUOTA_USED, Problem, error_answer, json_answer, refuse, retry_after
from headrace.dialects.base import Dialect, Fault, FaultDetail, Inbound, Limit, Route
from headrace.dialects.canaryhub_events import MAX_EVENTS, Accepted, Batch, exact_events, fast_events
from headrace.dialects.jsontext import NotJson
from headrace.records.ids import uuid7
from headrace.records.intents import Answer, Decision, Intent, PlainPoint, RowIn, Submission
from headrace.records.tables import EVENTS, PointFlag
from headrace.records.times import clamp

#: Bytes of the body as received (1.6).
BODY_CAP = 524_288
#: Events: one a second, 120 at once (1.4).
LIMIT = Limit("bucket", per_minute=60, burst=120)

#: Environment, release, service; trace, span and its parent, request, session and user: no event says any of them.
_UNKNOWN = ("",) * 9


def parse_events(inbound: Inbound) -> Submission:
    """``POST /api/v1/events``: each event a row, countable by its name and, where it has a value, summable."""
    events = fast_events(inbound.body)
    if events is None:
        try:
            events = exact_events(inbound.body)
        except NotJson:
            raise refuse(400, "body is not valid JSON") from None
        except Problem as problem:
            raise refuse(400, str(problem)) from None
    answer = _accepted(len(events))

    def render(_: Sequence[Decision]) -> Answer:  # derived stats refuse nothing and nothing is claimed
        return answer

    return Submission([_intent(event, inbound) for event in events], render, cost=len(events))


@lru_cache(maxsize=MAX_EVENTS)
def _accepted(count: int) -> Answer:
    return json_answer(202, {"accepted": count})


def _intent(event: Accepted, inbound: Inbound) -> Intent:
    received_us = inbound.received_us
    happened = clamp(event.ts_us, received_us, event.ts or "")
    values = (  # the columns of ``EVENTS``
        inbound.project,
        happened.ts,
        received_us,
        happened.source,
        happened.sent,
        "canaryhub",
        uuid7(received_us),
        *_UNKNOWN,
        event.type,
        "error" if event.type == "error" else "",  # level
        event.name,
        event.message or "",
        "",  # fingerprint
        "",  # status
        None,  # duration_ms
        event.value,
        event.labels,
        event.raw,
    )
    flags = (PointFlag.BACKDATED if event.ts is not None else 0) | (PointFlag.CLAMPED if happened.sent else 0)
    ts_ms = happened.ts // 1000
    points: list[PlainPoint] = [(event.name, "counter", ts_ms, 1.0, flags)]
    if event.value is not None:
        points.append((event.name, "value", ts_ms, event.value, flags))
    return Intent((RowIn(EVENTS.name, values),), points, "canaryhub")


_CHALLENGE = (b"www-authenticate", b"Bearer")


def fault(kind: Fault, detail: FaultDetail) -> Answer:
    """``{"error": text}`` for everything (1.3, 1.6; the rulings' table of keys)."""
    match kind:
        case Fault.NOT_FOUND:
            return error_answer(404, "not found")
        case Fault.METHOD:
            return error_answer(405, "method not allowed", ((b"allow", detail.allow.encode()),))
        case Fault.NO_KEY:
            return error_answer(401, "missing API key", (_CHALLENGE,))
        case Fault.BAD_KEY:
            return error_answer(401, "unknown or revoked API key", (_CHALLENGE,))
        case Fault.NO_SCOPE:
            return error_answer(403, "this key lacks the write scope")
        case Fault.TOO_LARGE:
            return error_answer(413, f"body must be at most {BODY_CAP} bytes")
        case Fault.ENCODING:
            return error_answer(415, "content encoding is not supported")
        case Fault.UNREADABLE:
            return error_answer(400, "body is not valid JSON")
        case Fault.QUOTA:
            return error_answer(429, QUOTA_USED, (retry_after(detail.retry_after),))
        case Fault.RATE | Fault.AUTH_RATE:
            return error_answer(429, "rate limit exceeded", (retry_after(detail.retry_after),))
        case Fault.IDEMPOTENCY_KEY:
            return error_answer(400, "Idempotency-Key must be 1 to 255 visible ASCII characters")
        case Fault.UNAVAILABLE:
            return error_answer(503, "service unavailable", (retry_after(detail.retry_after),))
        case Fault.INTERNAL:
            return error_answer(500, "internal error")


_EVENTS = Route(
    path="/api/v1/events",
    method="POST",
    dialect="canaryhub",
    # 1.5: the cost is the number of events, known only of a valid batch, so the rate comes last. What the quota refuses is charged
    # nothing.
    steps=("auth", "scope", "idempotency", "declared_size", "body", "parse", "quota", "charge_cost", "append"),
    summary="Store 1 to 100 events, all or none.",
    parse=parse_events,
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    limit=LIMIT,
    body_type=Batch,
    sample='{"events":[{"type":"event","name":"payment","value":29,"meta":{"plan":"pro"}}]}',
    answers=(
        (202, '{"accepted":3}'),
        (400, '{"error":"events[3].name is required"}'),
        (401, '{"error":"missing API key"}'),
        (403, '{"error":"this key lacks the write scope"}'),
        (413, '{"error":"body must be at most 524288 bytes"}'),
        (415, '{"error":"content encoding is not supported"}'),
        (429, '{"error":"rate limit exceeded"}'),
        (500, '{"error":"internal error"}'),
        (503, '{"error":"service unavailable"}'),
    ),
)

DIALECT = Dialect(
    name="canaryhub",
    title="CanaryHub",
    prefixes=("/api/v1/events",),
    routes=(_EVENTS,),
    key_places=("bearer",),
    fault=fault,
)
