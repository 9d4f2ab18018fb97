"""What SlowStats says: its fixed texts, faults and limit headers (contract 1.2, 1.9, 1.10)."""

from __future__ import annotations

from headrace.dialects.answers import QUOTA_USED, Headers, error_answer, retry_after
from headrace.dialects.base import Encoding, Fault, FaultDetail, Limit, LimitState
from headrace.records.intents import Answer

#: Bytes of a body, as sent and decoded (1.9).
BODY_CAP = 1024 * 1024
ENCODINGS: tuple[Encoding, ...] = ("gzip", "deflate", "zstd")
#: Characters of an event's type (1.10).
TYPE_MAX = 255
#: Requests in the 60 s that start at the first one, reads and posts together (1.10).
LIMIT = Limit("window", per_minute=60)

NO_PROJECT = "Project ID is required."
NO_PAYLOAD = "Metric payload is required and must be an object."
BAD_EVENT = "Invalid request body."
NO_KEY = "Unauthorized: You must provide a valid API Key."
QUOTA_REACHED = "Plan limit reached."
NO_ACCESS = "Forbidden: You do not have access to this project."

EVENTS_PATH = "/api/slowstats/ingest-events"

#: Examples of what every route may answer, for the documentation.
REFUSALS: tuple[tuple[int, str], ...] = (
    (401, '{"error":"Unauthorized: You must provide a valid API Key."}'),
    (429, '{"error":"Too many requests."}'),
    (500, '{"error":"An internal server error occurred."}'),
    (503, '{"error":"Service unavailable."}'),
)
NOT_YOURS: tuple[int, str] = (403, '{"error":"Forbidden: You do not have access to this project."}')
BODY_REFUSALS: tuple[tuple[int, str], ...] = (
    NOT_YOURS,
    (413, '{"error":"Request body too large."}'),
    (415, '{"error":"Unsupported content encoding."}'),
    *REFUSALS,
)


def fault(kind: Fault, detail: FaultDetail) -> Answer:
    """``{"error": text}`` for everything (1.2, 1.9; the rulings' table of keys). What a 429 says of the limit comes from
    :func:`limit_headers`.
    """
    match kind:
        case Fault.NOT_FOUND:
            return error_answer(404, "Not found.")
        case Fault.METHOD:
            return error_answer(405, "Method not allowed.", ((b"allow", detail.allow.encode()),))
        case Fault.NO_KEY | Fault.BAD_KEY:
            return error_answer(401, NO_KEY)
        case Fault.NO_SCOPE:
            return error_answer(403, NO_ACCESS)
        case Fault.TOO_LARGE:
            return error_answer(413, "Request body too large.")
        case Fault.ENCODING:
            return error_answer(415, "Unsupported content encoding.")
        case (
            Fault.UNREADABLE
        ):  # as any other body from which nothing can be read: each endpoint has its own text for that
            of_event = detail.inbound is not None and detail.inbound.route.path == EVENTS_PATH
            return error_answer(400, BAD_EVENT if of_event else NO_PROJECT)
        case Fault.QUOTA:
            return error_answer(403, QUOTA_REACHED, reason=QUOTA_USED)
        case Fault.RATE | Fault.AUTH_RATE:
            return error_answer(429, "Too many requests.")
        case Fault.IDEMPOTENCY_KEY:
            return error_answer(400, "Idempotency-Key must be 1 to 255 visible ASCII characters.")
        case Fault.UNAVAILABLE:
            return error_answer(503, "Service unavailable.", (retry_after(detail.retry_after),))
        case Fault.INTERNAL:
            return error_answer(500, "An internal server error occurred.")


def limit_headers(state: LimitState) -> Headers:
    """``X-RateLimit-Limit`` and ``-Remaining``; on a refusal also ``-Reset`` (Unix seconds, rounded up) and ``Retry-After`` (1.10)."""
    headers: Headers = (
        (b"x-ratelimit-limit", b"%d" % state.limit),
        (b"x-ratelimit-remaining", b"%d" % state.remaining),
    )
    if state.allowed:
        return headers
    return (*headers, (b"x-ratelimit-reset", b"%d" % state.reset), retry_after(state.retry_after))
