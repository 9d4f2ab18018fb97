"""SeeStack's errors: ``POST /ingest/v1/errors`` (contract 1.4), grouped by upstream's fingerprint (2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text
from headrace.dialects.seestack_fields import Fields, labels_of, linked, reading, submission
from headrace.dialects.seestack_forms import BLANK, Unreadable, stored, text
from headrace.records.ids import uuid7
from headrace.records.intents import Intent, RowIn, Submission
from headrace.records.tables import EVENTS

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

#: The text fields: those that may be refused, and those that upstream does not know. The first of the user's is its id.
_CHECKED = ("exceptionClass", "message", "level", "environment", "release")
_SPARE = ("service", "traceId", "spanId", "requestId", "sessionId", "fingerprint")
_TEXTS = (*_CHECKED, *_SPARE)
_USER = ("id", "email", "ip")
_TEXT = frozenset([str])


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
    texts, user_id = _plain(fields) or _exact(fields)
    name, message, level, environment, release, service, trace_id, span_id, request_id, session_id, own_group = texts
    metadata = fields.sent.get("metadata")
    links = linked(metadata)
    received, record_id = inbound.received_us, uuid7(inbound.received_us)
    values = (  # the columns of ``EVENTS``
        inbound.project,
        received,
        received,
        "received",
        "",  # ts_sent
        "seestack",
        record_id,
        environment,
        release,
        service,
        trace_id or links.spare("traceId"),
        span_id or links.spare("spanId"),
        "",  # parent_span_id
        request_id or links.spare("requestId"),
        session_id,
        user_id,
        "error",
        level or DEFAULT_LEVEL,
        name,
        message,
        own_group.strip(BLANK) or fingerprint(name, _frames(fields.sent.get("stackTrace"))),
        "",  # status
        None,  # duration_ms
        None,  # value
        labels_of(metadata),
        compact_text(fields.sent),
    )
    return submission((Intent((RowIn(EVENTS.name, values),)),), stored(record_id))


def _plain(fields: Fields) -> tuple[list[str], str] | None:
    """The text fields and the user's id of an error in which nothing has to be converted or refused, else None."""
    texts = fields.plain(_TEXTS)
    if texts is None or not texts[0].strip(BLANK) or not texts[1].strip(BLANK):
        return None
    if texts[2] not in LEVELS and fields.sent.get("level") is not None:
        return None
    frames, user = fields.sent.get("stackTrace"), fields.sent.get("user")
    if frames is not None and (type(frames) is not list or not _TEXT.issuperset(map(type, frames))):
        return None
    if user is None:
        return texts, ""
    known = Fields(user).plain(_USER) if type(user) is dict else None
    return None if known is None else (texts, known[0])


def _exact(fields: Fields) -> tuple[list[str], str]:
    """The same fields, one by one. Raises ``Unreadable`` and the 422."""
    texts = [fields.required("exceptionClass"), fields.required("message")]
    _frames(fields.sent.get("stackTrace"))
    texts += [fields.one_of("level", LEVELS), fields.text("environment"), fields.text("release")]
    user = fields.inner("user")
    user_id, *_ = [user.text(name) for name in _USER]
    fields.check()
    return texts + [fields.spare(name) for name in _SPARE], user_id


def _frames(sent: Any) -> list[str]:
    if sent is None:
        return []
    if type(sent) is not list:
        raise Unreadable("stackTrace")
    if _TEXT.issuperset(map(type, sent)):
        return list(sent)
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
