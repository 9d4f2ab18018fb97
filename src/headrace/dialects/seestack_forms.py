"""SeeStack's words: the envelope (contract 1.8), its errors (1.9, 1.11) and how a scalar becomes a field (1.2)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from math import isfinite
from typing import Any

from headrace.dialects.answers import Headers, json_answer, retry_after
from headrace.dialects.base import Fault, FaultDetail, Inbound, Refusal
from headrace.dialects.jsontext import NotJson, is_finite, read_json
from headrace.records.ids import uuid4_text
from headrace.records.intents import Answer
from headrace.records.times import iso_text, iso_us

#: The contract's integers are 32 bits wide (1.2): what is longer is an unreadable body.
INT_MAX = 2**31 - 1
#: A numeric time above this is in milliseconds (rulings 1).
SECONDS_BELOW = 10**11
#: Doubles from here on have no fraction; scaled as integers they cannot overflow.
_WHOLE_ABOVE = 2.0**53
#: Characters that count as blank: the space and everything below it, which is what upstream trims.
BLANK = "".join(map(chr, range(0x21)))
#: Characters of a string that may stand for an integer; longer ones overflow or are padding.
_MAX_DIGITS = 64

# What a number that is not finite must look like; without it the walk over a big body is saved.
_MAYBE_INFINITE = re.compile(rb"NaN|Infinity|[eE]\+?\d{3}|\d{200}")

NOT_BLANK = "must not be blank"


class Unreadable(ValueError):
    """A value of the wrong JSON type, or beyond its integer. The text is the field's path."""


def envelope_error(
    status: int,
    code: str,
    message: str,
    headers: Headers = (),
    *,
    details: Mapping[str, str] | None = None,
    reason: str = "",
) -> Answer:
    """An error in the envelope, ``meta`` always included (1.11, 6). ``details``: path → message of a validation error."""
    error: dict[str, Any] = {"code": code, "message": message}
    if details is not None:
        error["details"] = details
    body = {"success": False, "error": error, "meta": _meta()}
    return json_answer(status, body, headers, reason=reason or message)


def envelope(data: Any, status: int = 202) -> Answer:
    """A success in the envelope (1.8)."""
    return json_answer(status, {"success": True, "data": data, "meta": _meta()})


def stored(record_id: str) -> Answer:
    """The success of one record, in the envelope: bytes put together, as nothing of them needs escaping."""
    meta = f'"meta":{{"requestId":"{uuid4_text()}","timestamp":"{iso_text(time.time_ns() // 1000, 3)}"}}'
    return Answer(202, f'{{"success":true,"data":{{"id":"{record_id}"}},{meta}}}'.encode())


def _meta() -> dict[str, str]:
    return {"requestId": uuid4_text(), "timestamp": iso_text(time.time_ns() // 1000, 3)}


def unreadable(path: str = "") -> Refusal:
    """400 for a body that is no JSON or holds a value of the wrong type at ``path`` (1.11, 5)."""
    message = f"Malformed request body: {path} has the wrong type" if path else "Malformed request body"
    return Refusal(envelope_error(400, "BAD_REQUEST", message))


def invalid(details: Mapping[str, str]) -> Refusal:
    """422 with one message per path. Paths and messages are ours, so the first may be the refusal's note."""
    path, message = next(iter(details.items()))
    answer = envelope_error(422, "VALIDATION_ERROR", "Validation failed", details=details, reason=f"{path} {message}")
    return Refusal(answer)


def require_json(inbound: Inbound) -> None:
    """Raises the 415 of 1.2 for a request that does not say that its body is JSON."""
    media = (inbound.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if media != b"application/json" and not (media.startswith(b"application/") and media.endswith(b"+json")):
        raise Refusal(fault(Fault.ENCODING, FaultDetail()))


def read_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object whose numbers are all finite. Raises :class:`Refusal` 400."""
    try:
        value = read_json(body)
    except NotJson:
        raise unreadable() from None
    if type(value) is not dict or (_MAYBE_INFINITE.search(body) and not is_finite(value)):
        raise unreadable()
    return value


# --- scalars (1.2) ---


def text(value: Any, path: str) -> str:
    """A string field: numbers and booleans as text, null and absent empty. Raises :class:`Unreadable` for anything else."""
    kind = type(value)
    if kind is str:
        return str(value)
    if value is None:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if kind in (int, float):
        return repr(value)
    raise Unreadable(path)


def spare_text(value: Any) -> str:
    """A string field that upstream does not know, so that it can never be a reason to refuse: empty where it is no scalar."""
    return "" if type(value) in (dict, list) else text(value, "")


def integer(value: Any, path: str, largest: int = INT_MAX) -> int:
    """An integer field: null and absent 0, fractions truncated, numeric strings read. Raises :class:`Unreadable` for other
    types and beyond ``largest`` (32 bits).
    """
    if value is None:
        return 0
    if type(value) is str:
        value = _numeric(value, path)
    if type(value) not in (int, float):
        raise Unreadable(path)
    if not -largest - 1 <= value < largest + 1:
        raise Unreadable(path)
    return int(value)


def _numeric(value: str, path: str) -> float:
    digits = value.strip(BLANK)
    try:
        # Python also reads "1_000", and digits of other scripts.
        number = float(digits) if len(digits) <= _MAX_DIGITS and digits.isascii() and "_" not in digits else None
    except ValueError:
        number = None
    if number is None or not isfinite(number):
        raise Unreadable(path)
    return number


def moment(value: str | float) -> int | None:
    """µs of a ``timestamp``: an ISO 8601 instant, or a number of epoch seconds (above 10^11 milliseconds, rulings 1). None when
    it is neither.
    """
    if isinstance(value, str):
        return iso_us(value)
    scale = 1_000 if value > SECONDS_BELOW else 1_000_000
    if isinstance(value, float) and abs(value) < _WHOLE_ABOVE:
        return round(value * scale)
    return int(value) * scale


# --- what the gateway refuses (1.9, 1.11; the rulings' table of keys) ---


def fault(kind: Fault, detail: FaultDetail) -> Answer:
    """Every fault in the envelope. None of them is 401 but a key that was looked up and not found."""
    match kind:
        case Fault.NOT_FOUND:
            return envelope_error(404, "NOT_FOUND", "Resource not found")
        case Fault.METHOD:
            allow = ((b"allow", detail.allow.encode()),)
            return envelope_error(405, "METHOD_NOT_ALLOWED", "Method not allowed", allow)
        case Fault.NO_KEY | Fault.BAD_KEY:
            return envelope_error(401, "INVALID_API_KEY", "Invalid or missing API key")
        case Fault.NO_SCOPE:
            return envelope_error(403, "FORBIDDEN", f"This key lacks the {detail.scope or 'write'} scope")
        case Fault.TOO_LARGE:
            return envelope_error(413, "PAYLOAD_TOO_LARGE", f"Request body exceeds {detail.limit} bytes")
        case Fault.ENCODING:
            message = "Send application/json, plain or compressed with gzip, deflate or zstd"
            return envelope_error(415, "UNSUPPORTED_MEDIA_TYPE", message)
        case Fault.UNREADABLE:
            return envelope_error(400, "BAD_REQUEST", "Request body does not match its Content-Encoding")
        case Fault.QUOTA:
            return envelope_error(403, "QUOTA_EXCEEDED", "Monthly quota used up")
        case Fault.RATE | Fault.AUTH_RATE:
            wait = (retry_after(detail.retry_after),)
            return envelope_error(429, "RATE_LIMITED", "Rate limit exceeded", wait)
        case Fault.IDEMPOTENCY_KEY:
            message = "Idempotency-Key must be 1 to 255 visible ASCII characters"
            return envelope_error(400, "BAD_REQUEST", message)
        case Fault.UNAVAILABLE:
            wait = (retry_after(detail.retry_after),)
            return envelope_error(503, "SERVICE_UNAVAILABLE", "Service temporarily unavailable", wait)
        case Fault.INTERNAL:
            return envelope_error(500, "INTERNAL_ERROR", "An unexpected error occurred")
