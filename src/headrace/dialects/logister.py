"""Logister: errors, logs, metrics, transactions, spans and check-ins, one a request (contract 1.1 to 1.7, 1.9, 1.10)."""

from __future__ import annotations

from headrace.dialects.answers import error_answer, json_answer, retry_after
from headrace.dialects.base import Dialect, Encoding, Fault, FaultDetail, Limit, LimitState, Route
from headrace.dialects.logister_answers import NOT_JSON
from headrace.dialects.logister_check_ins import parse_check_in
from headrace.dialects.logister_events import parse_event
from headrace.dialects.logister_schema import LogisterCheckInBody, LogisterEventBody
from headrace.records.intents import Answer

#: Bytes of a body, as sent and decoded (1.3; for check-ins the rulings).
BODY_CAP = 2 * 1024 * 1024
#: Requests per key and endpoint group in each minute of the epoch (1.10).
LIMIT = Limit("aligned", per_minute=1_200)
#: Requests per client address before the look-up, and failed look-ups, in each minute of the epoch (1.10).
IP_LIMITS = (12_000, 120)

_ENCODINGS: tuple[Encoding, ...] = ("gzip", "deflate", "zstd")


def limit_headers(state: LimitState) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that describe a limit after a charge (1.10)."""
    return (
        (b"x-ratelimit-limit", b"%d" % state.limit),
        (b"x-ratelimit-remaining", b"%d" % max(0, state.remaining)),
        (b"x-ratelimit-reset", b"%d" % state.reset),
    )


def fault(kind: Fault, detail: FaultDetail) -> Answer:
    """Logister's words for what the gateway refuses (1.2, 1.4, 1.10; the rulings' table of keys)."""
    match kind:
        case Fault.NOT_FOUND | Fault.METHOD:
            return error_answer(404, "Not Found")
        case Fault.NO_KEY | Fault.BAD_KEY:
            return error_answer(401, "Unauthorized")
        case Fault.NO_SCOPE:
            return error_answer(403, "Forbidden")
        case Fault.TOO_LARGE:
            text = f"telemetry request exceeds {detail.limit} bytes"
            return json_answer(413, {"error": text, "code": "request_bytes", "limit": detail.limit}, reason=text)
        case Fault.ENCODING:
            text = "Content-Encoding must be gzip, deflate or zstd"
            return json_answer(415, {"error": text, "code": "unsupported_encoding"}, reason=text)
        case Fault.UNREADABLE:
            return error_answer(400, NOT_JSON)
        case Fault.RATE:
            return _too_many(detail)
        case Fault.AUTH_RATE:
            # No limit of a key was charged, so nobody else adds the headers.
            return _too_many(detail, limit_headers(detail.state) if detail.state else ())
        case Fault.IDEMPOTENCY_KEY:
            return error_answer(400, "Idempotency-Key must be 1 to 255 visible ASCII characters")
        case Fault.UNAVAILABLE:
            return error_answer(503, "Service Unavailable", (retry_after(detail.retry_after),))
        case Fault.INTERNAL:
            return error_answer(500, "Internal Server Error")


def _too_many(detail: FaultDetail, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    state = detail.state
    body = {
        "error": "Rate limit exceeded",
        "limit": state.limit if state else 0,
        "window_seconds": state.window_s if state else 60,
        "retry_after": max(1, detail.retry_after),
    }
    return json_answer(429, body, (*headers, retry_after(detail.retry_after)), reason="Rate limit exceeded")


_SHARED_ANSWERS = (
    (401, '{"error":"Unauthorized"}'),
    (403, '{"error":"Forbidden"}'),
    (415, '{"error":"Content-Encoding must be gzip, deflate or zstd","code":"unsupported_encoding"}'),
    (429, '{"error":"Rate limit exceeded","limit":1200,"window_seconds":60,"retry_after":17}'),
    (500, '{"error":"Internal Server Error"}'),
    (503, '{"error":"Service Unavailable"}'),
)

_EVENTS = Route(
    path="/api/v1/ingest_events",
    method="POST",
    dialect="logister",
    # 1.3: flood, size, key, rate, body. A known Idempotency-Key is charged nothing, so it stands before the rate.
    steps=(
        "ip_guard",
        "declared_size",
        "auth",
        "scope",
        "idempotency",
        "charge_request",
        "body",
        "parse",
        "append",
    ),
    summary="Store one error, log, metric, transaction, span or check-in.",
    parse=parse_event,
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=_ENCODINGS,
    cors=True,
    group="ingest",
    limit=LIMIT,
    body_type=LogisterEventBody,
    sample='{"event":{"event_type":"log","message":"Worker started","level":"info","context":{"service":"mailer"}}}',
    answers=(
        (200, '{"id":"0b9e…","legacy_id":2251799813685,"status":"accepted","duplicate":true}'),
        (201, '{"id":"0b9e…","legacy_id":2251799813685,"status":"accepted"}'),
        (400, '{"error":"param is missing or the value is empty or invalid: event"}'),
        (
            413,
            '{"error":"telemetry payload context depth exceeds 16","code":"context_depth","limit":16,"actual":17}',
        ),
        (422, '{"errors":["Event type is not included in the list","Message can\'t be blank"]}'),
        *_SHARED_ANSWERS,
    ),
)

_CHECK_INS = Route(
    path="/api/v1/check_ins",
    method="POST",
    dialect="logister",
    # 1.3: no size is looked at before the key here; the cap holds when the body is read.
    steps=("ip_guard", "auth", "scope", "idempotency", "charge_request", "body", "parse", "append"),
    summary="Tell a monitor that its job ran.",
    parse=parse_check_in,
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=_ENCODINGS,
    cors=True,
    group="check_in",
    limit=LIMIT,
    body_type=LogisterCheckInBody,
    sample='{"check_in":{"slug":"nightly-backup","status":"ok","expected_interval_seconds":86400}}',
    answers=(
        (200, '{"id":"0b9e…","status":"accepted","duplicate":true}'),
        (201, '{"id":"0b9e…","status":"accepted"}'),
        (400, '{"error":"param is missing or the value is empty or invalid: check_in"}'),
        (413, '{"error":"telemetry request exceeds 2097152 bytes","code":"request_bytes","limit":2097152}'),
        (422, '{"errors":["Message can\'t be blank"]}'),
        *_SHARED_ANSWERS,
    ),
)

DIALECT = Dialect(
    name="logister",
    title="Logister",
    # Whole families of paths answer in Logister's form, also where nothing is served (rulings 1).
    prefixes=(
        "/api/v1/ingest_events",
        "/api/v1/check_ins",
        "/api/v1/deployments",
        "/api/v1/mobile_ingest_tokens",
        "/api/v1/cli",
    ),
    routes=(_EVENTS, _CHECK_INS),
    key_places=("Bearer", "x-api-key"),
    fault=fault,
    limit_headers=limit_headers,
    method_is_not_found=True,
    lenient_paths=True,
    ip_limits=IP_LIMITS,
)
