"""SeeStack: HTTP-request telemetry in its envelope (contract 1; order of checks from the rulings)."""

from __future__ import annotations

from headrace.dialects.base import Dialect, Route
from headrace.dialects.seestack_forms import fault
from headrace.dialects.seestack_requests import HttpRequests, parse_http_requests

#: Bytes of an http-requests body, as sent and decoded (rulings 1).
BATCH_CAP = 10 * 1024 * 1024

_META = '"meta":{"requestId":"2f6f8f0e-5c0e-4f57-9a52-2f3d3c9d1f10","timestamp":"2026-04-02T10:00:00.000Z"}'


def _error(code: str, message: str, details: str = "") -> str:
    return f'{{"success":false,"error":{{"code":"{code}","message":"{message}"{details}}},{_META}}}'


_HTTP_REQUESTS = Route(
    path="/ingest/v1/http-requests",
    method="POST",
    dialect="seestack",
    # No limit unless the key has one; it counts batches, so that no batch is ever too large for it.
    steps=("auth", "scope", "idempotency", "charge_request", "body", "parse", "decide", "append"),
    summary="Store 1 to 100 HTTP requests that a program served or made, all or none.",
    parse=parse_http_requests,
    cap=BATCH_CAP,
    decoded_cap=BATCH_CAP,
    encodings=("gzip", "deflate", "zstd"),
    cors=True,
    body_type=HttpRequests,
    answers=(
        (202, '{"ok":true,"accepted":2}'),
        (400, _error("BAD_REQUEST", "Malformed request body")),
        (401, _error("INVALID_API_KEY", "Invalid or missing API key")),
        (403, _error("FORBIDDEN", "This key lacks the write scope")),
        (413, _error("PAYLOAD_TOO_LARGE", "Request body exceeds 10485760 bytes")),
        (
            415,
            _error("UNSUPPORTED_MEDIA_TYPE", "Send application/json, plain or compressed with gzip, deflate or zstd"),
        ),
        (
            422,
            _error("VALIDATION_ERROR", "Validation failed", ',"details":{"requests[0].traceId":"must not be blank"}'),
        ),
        (429, _error("RATE_LIMITED", "Rate limit exceeded")),
        (500, _error("INTERNAL_ERROR", "An unexpected error occurred")),
        (503, _error("SERVICE_UNAVAILABLE", "Service temporarily unavailable")),
    ),
)

DIALECT = Dialect(
    name="seestack",
    title="SeeStack",
    prefixes=("/ingest/", "/api/auth/", "/api/v1/"),
    routes=(_HTTP_REQUESTS,),
    key_places=("x-seestack-key", "x-allstak-key"),
    fault=fault,
    auth_first=("/ingest/",),
)
