"""Logister: errors, logs, metrics, transactions, spans and check-ins; deployments, tokens for mobile apps (contract 1.1 to 1.10)."""

from __future__ import annotations

from headrace.dialects import logister_cli
from headrace.dialects.answers import QUOTA_USED, error_answer, json_answer, retry_after
from headrace.dialects.base import Dialect, Fault, FaultDetail, LimitState
from headrace.dialects.logister_answers import NOT_JSON
from headrace.dialects.logister_cli_logins import ROUTES as CLI_LOGIN_ROUTES
from headrace.dialects.logister_cli_reads import PREFIX as CLI_PREFIX
from headrace.dialects.logister_cli_reads import ROUTES as CLI_ROUTES
from headrace.dialects.logister_routes import BODY_CAP, LIMIT, ROUTES
from headrace.records.intents import Answer

__all__ = ["BODY_CAP", "DIALECT", "IP_LIMITS", "LIMIT", "fault", "limit_headers"]

#: Requests per client address before the look-up, and failed look-ups, in each minute of the epoch (1.10).
IP_LIMITS = (12_000, 120)


def limit_headers(state: LimitState) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that describe a limit after a charge (1.10)."""
    return (
        (b"x-ratelimit-limit", b"%d" % state.limit),
        (b"x-ratelimit-remaining", b"%d" % max(0, state.remaining)),
        (b"x-ratelimit-reset", b"%d" % state.reset),
    )


def fault(kind: Fault, detail: FaultDetail) -> Answer:
    """Logister's words for what the gateway refuses (1.2, 1.4, 1.10; the rulings' table of keys), on the routes of its command line that
    API's (1.11).
    """
    if detail.inbound is not None and detail.inbound.route.path.startswith(CLI_PREFIX):
        return logister_cli.fault(kind, detail)
    match kind:
        case Fault.NOT_FOUND | Fault.METHOD:
            return error_answer(404, "Not Found")
        case Fault.NO_KEY | Fault.BAD_KEY:
            return error_answer(401, "Unauthorized")
        case Fault.NO_SCOPE:
            return error_answer(403, "Forbidden")
        case Fault.TOO_LARGE:
            return _too_large(detail)
        case Fault.ENCODING:
            text = "Content-Encoding must be gzip, deflate or zstd"
            return json_answer(415, {"error": text, "code": "unsupported_encoding"}, reason=text)
        case Fault.UNREADABLE if detail.encoding and _is_batch(detail):
            text = "Batch is not valid gzip"
            return json_answer(400, {"error": text, "code": "invalid_gzip"}, reason=text)
        case Fault.UNREADABLE:
            return error_answer(400, NOT_JSON)
        case Fault.QUOTA:
            return error_answer(403, "Plan limit reached", reason=QUOTA_USED)
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


def _is_batch(detail: FaultDetail) -> bool:
    return detail.inbound is not None and detail.inbound.route.decode is not None


def _too_large(detail: FaultDetail) -> Answer:
    text, code = f"telemetry request exceeds {detail.limit} bytes", "request_bytes"
    if _is_batch(detail):
        side = "decompressed" if detail.decoded else "compressed"
        text, code = f"telemetry batch exceeds {detail.limit} {side} bytes", f"{side}_bytes"
    return json_answer(413, {"error": text, "code": code, "limit": detail.limit}, reason=text)


def _too_many(detail: FaultDetail, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    state = detail.state
    body = {
        "error": "Rate limit exceeded",
        "limit": state.limit if state else 0,
        "window_seconds": state.window_s if state else 60,
        "retry_after": max(1, detail.retry_after),
    }
    return json_answer(429, body, (*headers, retry_after(detail.retry_after)), reason="Rate limit exceeded")


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
        "/up",
        "/health",
    ),
    routes=(*ROUTES, *CLI_LOGIN_ROUTES, *CLI_ROUTES),
    key_places=("Bearer", "x-api-key"),
    fault=fault,
    limit_headers=limit_headers,
    method_is_not_found=True,
    lenient_paths=True,
    ip_limits=IP_LIMITS,
)
