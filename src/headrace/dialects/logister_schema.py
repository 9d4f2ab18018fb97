"""The bodies of Logister's endpoints, for the reference pages; the parsers read them more leniently than this."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class LogisterEvent(msgspec.Struct, omit_defaults=True):
    """One event. Field names may be sent in any casing; further fields are ignored."""

    event_type: Literal["error", "metric", "transaction", "log", "check_in", "span"]
    message: str | None = None
    level: str | None = None
    fingerprint: str | None = None
    occurred_at: str | None = None
    uuid: str | None = None
    context: dict[str, Any] | None = None
    environment: str | None = None
    release: str | None = None
    branch: str | None = None
    commit_sha: str | None = None
    repository: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    transaction_name: str | None = None
    duration_ms: float | None = None
    status: str | int | None = None
    check_in_slug: str | None = None
    expected_interval_seconds: float | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    service: str | None = None
    evidence: dict[str, Any] | None = None


class LogisterEventBody(msgspec.Struct):
    """The envelope of ``POST /api/v1/ingest_events``; ``EVENT`` is read as well."""

    event: LogisterEvent


class LogisterCheckIn(msgspec.Struct, omit_defaults=True):
    """One check-in. Only the status ``error`` is a failure."""

    slug: str
    status: str = "ok"
    expected_interval_seconds: int = 300
    environment: str = "production"
    release: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    duration_ms: float | None = None
    occurred_at: str | None = None
    uuid: str | None = None
    context: dict[str, Any] | None = None


class LogisterCheckInBody(msgspec.Struct):
    """The envelope of ``POST /api/v1/check_ins``; ``CHECK_IN`` and a flat body are read as well."""

    check_in: LogisterCheckIn


class LogisterBatchEvent(LogisterEvent, kw_only=True):
    """An event of a batch: it must have a ``uuid``, or an ``event_id``."""

    uuid: str


class LogisterBatchLine(msgspec.Struct):
    """One line of ``POST /api/v1/ingest_events/batch``."""

    event: LogisterBatchEvent


class LogisterMobileToken(msgspec.Struct, omit_defaults=True):
    """What a token is bound to. ``platform`` must be the project's; it lives 60 to 3,600 seconds."""

    platform: Literal["android", "ios"]
    service: str
    environment: str
    release: str | None = None
    session_id: str | None = None
    expires_in_seconds: int = 900
    allowed_event_types: list[str] | None = None


class LogisterMobileTokenBody(msgspec.Struct):
    """The envelope of ``POST /api/v1/mobile_ingest_tokens``; ``MOBILE_INGEST_TOKEN`` is read as well."""

    mobile_ingest_token: LogisterMobileToken
