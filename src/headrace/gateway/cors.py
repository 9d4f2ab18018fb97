"""What lets pages of other origins read answers, and what a preflight is told."""

from __future__ import annotations

#: CORS for browsers' ingest paths (rulings 1): any origin, never credentials.
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"),
)
PREFLIGHT = (
    *CORS,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        ", ".join(
            (
                *("Content-Type", "Content-Encoding", "Authorization", "X-Api-Key", "X-SeeStack-Key", "X-AllStak-Key"),
                *("X-Logister-Batch-Id", "Idempotency-Key", "traceparent", "tracestate", "baggage"),
            )
        ).encode(),
    ),
    (b"access-control-max-age", b"7200"),
)
