"""SeeStack's errors: ``POST /ingest/v1/errors`` (contract 1.4), grouped by upstream's fingerprint (2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text
from headrace.dialects.rows import event_row
from headrace.dialects.seestack_fields import Fields, arrived, labels_of, reading, submission
from headrace.dialects.seestack_forms import BLANK, Unreadable, envelope, text
from headrace.records.intents import Intent, Submission

#: ``warning`` is kept as it is sent.
LEVELS = ("debug", "info", "warn", "error", "fatal", "warning")
#: The level of an error that names none, as the published reference says.
DEFAULT_LEVEL = "error"
#: Frames that a fingerprint looks at, and the beginnings of those that it passes over: runtime and frameworks (2.2).
FINGERPRINT_FRAMES = 5
PASSED_OVER = (
    "java.",
    "javax.",
    "jakarta.",
    "sun.",
    "com.sun.",
    "org.springframework.",
    "org.apache.",
    "io.netty.",
)


class ErrorUser(msgspec.Struct, omit_defaults=True):
    """Who met the error."""

    id: str | None = None
    email: str | None = None
    ip: str | None = None


class ErrorEvent(msgspec.Struct, rename="camel", omit_defaults=True):
    """One error. Its time is its receipt. ``fingerprint`` groups it with others; without one the class and the first frames do.
    Other fields are kept.
    """

    exception_class: Annotated[str, msgspec.Meta(min_length=1, examples=["TypeError"])]
    message: Annotated[str, msgspec.Meta(min_length=1, examples=["cannot read properties of undefined"])]
    stack_trace: list[str] | None = None
    level: Literal["debug", "info", "warn", "error", "fatal", "warning"] | None = None
    environment: str | None = None
    release: str | None = None
    user: ErrorUser | None = None
    metadata: Any = None
    session_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    request_id: str | None = None
    service: str | None = None
    fingerprint: str | None = None
    breadcrumbs: list[dict[str, Any]] | None = None
    request_context: dict[str, Any] | None = None


@reading
def parse_error(inbound: Inbound, fields: Fields) -> Submission:
    """One event of the type ``error``."""
    name = fields.required("exceptionClass")
    message = fields.required("message")
    frames = _frames(fields.sent.get("stackTrace"))
    level = fields.one_of("level", LEVELS)
    environment, release = fields.text("environment"), fields.text("release")
    user = fields.inner("user")
    user_id = user.text("id")
    for other in ("email", "ip"):
        user.text(other)
    fields.check()
    metadata = fields.sent.get("metadata")
    linked = Fields(metadata if type(metadata) is dict else {})
    shared = arrived(inbound)
    row = event_row(
        **shared,
        environment=environment,
        release=release,
        service=fields.spare("service"),
        trace_id=fields.spare("traceId") or linked.spare("traceId"),
        span_id=fields.spare("spanId") or linked.spare("spanId"),
        request_id=fields.spare("requestId") or linked.spare("requestId"),
        session_id=fields.spare("sessionId"),
        user_id=user_id,
        type="error",
        level=level or DEFAULT_LEVEL,
        name=name,
        message=message,
        fingerprint=fields.spare("fingerprint").strip(BLANK) or fingerprint(name, frames),
        labels=labels_of(metadata),
        raw=compact_text(fields.sent),
    )
    return submission([Intent(rows=[row])], envelope({"id": shared["id"]}))


def _frames(sent: Any) -> list[str]:
    if sent is None:
        return []
    if type(sent) is not list:
        raise Unreadable("stackTrace")
    return [text(frame, f"stackTrace[{index}]") for index, frame in enumerate(sent) if frame is not None]


def fingerprint(name: str, frames: Sequence[str]) -> str:
    """Upstream's grouping (2.2): 64 hex characters of the trimmed class and the first frames of the program's own."""
    parts = [name.strip(BLANK)]
    for frame in frames:
        trimmed = frame.strip(BLANK)
        if not trimmed.startswith(PASSED_OVER):
            parts.append(trimmed)
            if len(parts) > FINGERPRINT_FRAMES:
                break
    return sha256("|".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
