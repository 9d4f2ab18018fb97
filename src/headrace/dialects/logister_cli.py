"""What Logister's command-line API says when it refuses (contract 1.11), and the scopes of its keys."""

from __future__ import annotations

from typing import Any

from headrace.dialects.answers import Headers, json_answer, retry_after
from headrace.dialects.base import Fault, FaultDetail
from headrace.records.intents import Answer

#: What a key may be asked to let in, and does unless less is asked for.
SCOPES = (
    "projects:read",
    "project_summary:read",
    "events:read",
    "errors:read",
    "ai_context:read",
    "traces:read",
    "monitors:read",
    "deployments:read",
    "insights:read",
    "metrics:read",
)

_LOG_IN = "Log in again: this key is unknown, was ended or has expired."


def refusal(
    status: int,
    error: str,
    code: str,
    message: str,
    headers: Headers = (),
    *,
    reason: str = "",
    **more: Any,
) -> Answer:
    """An error in the API's form. ``message`` never repeats what was sent unless ``reason`` is given."""
    body = {"error": error, "code": code, "message": message, **more}
    return json_answer(status, body, headers, reason=reason or message)


def invalid(parameter: str, message: str) -> Answer:
    """422 for a query parameter or field that cannot be."""
    return refusal(422, "Invalid parameter", "invalid_parameter", message, parameter=parameter)


def not_found() -> Answer:
    """404, the same for what is not there and what is somebody else's."""
    return refusal(404, "Not found", "not_found", "There is nothing here that this key may see.")


def lacks(scopes: tuple[str, ...]) -> Answer:
    """403 for a key that was let in for less."""
    message = "Log in again and approve the scopes that this needs."
    return refusal(403, "Forbidden", "insufficient_scope", message, required_scopes=list(scopes))


def fault(kind: Fault, detail: FaultDetail) -> Answer:
    """What the gateway refuses under the API's own routes."""
    match kind:
        case Fault.NO_KEY:
            return refusal(401, "Unauthorized", "unauthorized", "Send a key of `logister auth login` as Bearer token.")
        case Fault.BAD_KEY:
            return refusal(401, "Unauthorized", "unauthorized", _LOG_IN)
        case Fault.NO_SCOPE:
            message = "Only keys of `logister auth login` read here; keys of programs do not."
            return refusal(403, "Forbidden", "forbidden", message)
        case Fault.TOO_LARGE:
            return refusal(413, "Request too large", "request_bytes", f"The body exceeds {detail.limit} bytes.")
        case Fault.ENCODING:
            return refusal(
                415, "Unsupported encoding", "unsupported_encoding", "Content-Encoding must be gzip, deflate or zstd."
            )
        case Fault.RATE | Fault.AUTH_RATE:
            wait = max(1, detail.retry_after)
            message = f"Too many requests: ask again in {wait} s."
            return refusal(429, "Rate limited", "rate_limited", message, (retry_after(wait),), retry_after=wait)
        case Fault.UNAVAILABLE:
            return unavailable(detail.retry_after)
        case Fault.INTERNAL:
            return refusal(500, "Internal Server Error", "internal_error", "Something went wrong on the server.")
        case _:
            return refusal(400, "Bad request", "bad_request", "The body cannot be read.")


def unavailable(seconds: int) -> Answer:
    """503 for a read that cannot be made now."""
    message = "This cannot be read now: ask again in a moment."
    return refusal(503, "Service Unavailable", "unavailable", message, (retry_after(seconds),))


def timed_out() -> Answer:
    """503 for a read that would take too much."""
    message = "The query would take too long. Narrow the time range or the filters and ask again."
    return refusal(503, "Query unavailable", "query_timeout", message)
