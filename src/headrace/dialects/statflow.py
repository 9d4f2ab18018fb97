"""StatFlow: counters and values, one or 1,000 a request (contract 1.2-1.4, 1.11; caps from the rulings)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headrace.dialects.answers import QUOTA_USED, Problem, error_answer, json_answer, refuse, retry_after
from headrace.dialects.base import Dialect, Fault, FaultDetail, Inbound, Limit, Route, Step
from headrace.dialects.jsontext import NotJson
from headrace.dialects.statflow_points import Batch, Point, exact_batch, exact_point, fast_batch, fast_point
from headrace.dialects.statflow_reads import ROUTES as READS
from headrace.records.intents import Answer, Decision, Intent, PlainPoint, PointColumns, PointIn, Submission, Verdict

#: Bytes of a body, as sent and decoded (rulings 1).
BODY_CAP = 4 * 1024 * 1024
#: Points: 600 a second, ten full batches at once (1.11).
LIMIT = Limit("bucket", per_minute=36_000, burst=10_000)


#: What a project is told that may have no more stats (1.3).
STAT_LIMIT = "stat limit reached"

_ONE = json_answer(202, {"accepted": 1})


def parse_point(inbound: Inbound) -> Submission:
    """``POST /v1/ingest`` and its older form ``/v1/stat``."""
    points: Sequence[PlainPoint] | None = fast_point(inbound.body, inbound.received_us)
    if points is None:
        points = _checked(exact_point, inbound)
    return _submission(points, 1)


def parse_batch(inbound: Inbound) -> Submission:
    """``POST /v1/ingest/batch``."""
    columns = fast_batch(inbound.body, inbound.received_us)
    if columns is not None:
        return _submission(columns, len(columns.names))
    points = _checked(exact_batch, inbound)
    return _submission(points, len(points))


def _submission(points: Sequence[PlainPoint] | PointColumns, count: int) -> Submission:
    answer = _ONE if count == 1 else json_answer(202, {"accepted": count})

    def render(decisions: Sequence[Decision]) -> Answer:
        decision = decisions[0]
        return _conflict(decision) if decision.verdict is Verdict.CONFLICT else answer

    return Submission([Intent(points=points, source="stat")], render, cost=count)


def _conflict(decision: Decision) -> Answer:
    return error_answer(409, f'stat "{decision.stat}" is a {decision.stat_type}', reason="stat has the other type")


def _checked(exact: Callable[[bytes, int], tuple[PointIn, ...]], inbound: Inbound) -> tuple[PointIn, ...]:
    try:
        return exact(inbound.body, inbound.received_us)
    except NotJson:
        raise refuse(400, "body is not valid JSON") from None
    except Problem as problem:
        raise refuse(400, str(problem)) from None


# --- what the gateway refuses, in StatFlow's words (1.3) ---

_CHALLENGE = (b"www-authenticate", b"Bearer")


def fault(kind: Fault, detail: FaultDetail) -> Answer:
    """``{"error": text}`` for everything (1.3; the rulings' table of keys)."""
    match kind:
        case Fault.NOT_FOUND:
            return error_answer(404, "not found")
        case Fault.METHOD:
            return error_answer(405, "method not allowed", ((b"allow", detail.allow.encode()),))
        case Fault.NO_KEY:
            return error_answer(401, "missing API key", (_CHALLENGE,))
        case Fault.BAD_KEY:
            return error_answer(401, "invalid API key", (_CHALLENGE,))
        case Fault.NO_SCOPE:
            return error_answer(403, f"this key lacks the {detail.scope or 'write'} scope")
        case Fault.TOO_LARGE:
            return error_answer(413, "body too large")
        case Fault.ENCODING:
            return error_answer(415, "unsupported content encoding")
        case Fault.UNREADABLE:
            return error_answer(400, "body does not match its content encoding")
        case Fault.QUOTA if detail.limit:
            return json_answer(403, {"error": STAT_LIMIT, "limit": detail.limit}, reason=STAT_LIMIT)
        case Fault.QUOTA:  # in the same words as a rate (1.3)
            return error_answer(429, "rate limit exceeded", (retry_after(detail.retry_after),), reason=QUOTA_USED)
        case Fault.RATE | Fault.AUTH_RATE:
            return error_answer(429, "rate limit exceeded", (retry_after(detail.retry_after),))
        case Fault.IDEMPOTENCY_KEY:
            return error_answer(400, "Idempotency-Key must be 1 to 255 visible ASCII characters")
        case Fault.UNAVAILABLE:
            return error_answer(503, "service unavailable", (retry_after(detail.retry_after),))
        case Fault.INTERNAL:
            return error_answer(500, "internal error")


# --- routes ---

#: 1.11: key, scope, size, body, type conflict, quota, rate. A known Idempotency-Key is answered before the body is read.
STEPS: tuple[Step, ...] = (
    "auth",
    "scope",
    "idempotency",
    "declared_size",
    "body",
    "parse",
    "decide",
    "quota",
    "charge_cost",
    "append",
)

_REFUSALS = (
    (401, '{"error":"missing API key"}'),
    (403, '{"error":"this key lacks the write scope"}'),
    (409, '{"error":"stat \\"page.views\\" is a counter"}'),
    (413, '{"error":"body too large"}'),
    (415, '{"error":"unsupported content encoding"}'),
    (429, '{"error":"rate limit exceeded"}'),
    (500, '{"error":"internal error"}'),
    (503, '{"error":"service unavailable"}'),
)

_INGEST = Route(
    path="/v1/ingest",
    method="POST",
    dialect="statflow",
    steps=STEPS,
    summary="Store one point; a stat is created by its first one.",
    parse=parse_point,
    aliases=("/v1/stat",),
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=("gzip", "deflate", "zstd"),
    limit=LIMIT,
    body_type=Point,
    sample='{"stat":"page.views","value":1,"type":"counter"}',
    answers=((202, '{"accepted":1}'), (400, '{"error":"value must be a finite number"}'), *_REFUSALS),
)

_BATCH = _INGEST._replace(
    path="/v1/ingest/batch",
    summary="Store up to 1,000 points, all or none.",
    parse=parse_batch,
    aliases=(),
    body_type=Batch,
    sample='{"items":[{"stat":"page.views","value":1,"type":"counter"},{"stat":"load.time","value":0.42,"type":"value"}]}',
    answers=((202, '{"accepted":1000}'), (400, '{"error":"items[7].value must be a finite number"}'), *_REFUSALS),
)

DIALECT = Dialect(
    name="statflow",
    title="StatFlow",
    prefixes=("/v1/",),
    routes=(_INGEST, _BATCH, *READS),
    key_places=("bearer",),
    fault=fault,
)
