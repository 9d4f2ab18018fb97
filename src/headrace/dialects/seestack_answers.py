"""SeeStack's answers as the reference pages show them."""

from __future__ import annotations

_META = '"meta":{"requestId":"2f6f8f0e-5c0e-4f57-9a52-2f3d3c9d1f10","timestamp":"2026-04-02T10:00:00.000Z"}'

Answers = tuple[tuple[int, str], ...]


def error(code: str, message: str, details: str = "") -> str:
    """An error in the envelope."""
    return f'{{"success":false,"error":{{"code":"{code}","message":"{message}"{details}}},{_META}}}'


def success(data: str) -> str:
    """A success in the envelope; ``data`` is JSON."""
    return f'{{"success":true,"data":{data},{_META}}}'


def invalid(path: str, problem: str) -> tuple[int, str]:
    """The 422 of one field."""
    return 422, error("VALIDATION_ERROR", "Validation failed", f',"details":{{"{path}":"{problem}"}}')


def keyed(scope: str) -> Answers:
    """What every endpoint with a key may answer."""
    return (
        (401, error("INVALID_API_KEY", "Invalid or missing API key")),
        (403, error("FORBIDDEN", f"This key lacks the {scope} scope")),
        (429, error("RATE_LIMITED", "Rate limit exceeded")),
        (500, error("INTERNAL_ERROR", "An unexpected error occurred")),
        (503, error("SERVICE_UNAVAILABLE", "Service temporarily unavailable")),
    )


def bodied(cap: int) -> Answers:
    """What every endpoint with a body may answer; ``cap`` in bytes."""
    return (
        (400, error("BAD_REQUEST", "Malformed request body")),
        (413, error("PAYLOAD_TOO_LARGE", f"Request body exceeds {cap} bytes")),
        (
            415,
            error("UNSUPPORTED_MEDIA_TYPE", "Send application/json, plain or compressed with gzip, deflate or zstd"),
        ),
    )
