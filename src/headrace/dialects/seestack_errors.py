"""SeeStack's errors: ``POST /ingest/v1/errors`` (contract 1.4), grouped by upstream's fingerprint (2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text, may_be_shallow
from headrace.dialects.seestack_fields import Fields, labels_of, linked, reading, submission
from headrace.dialects.seestack_forms import BLANK, Unreadable, stored, text
from headrace.records.ids import uuid7
from headrace.records.intents import Intent, RowIn, Submission
from headrace.records.tables import EVENTS
from headrace.records.text import escapes_nul

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

#: The text fields that upstream does not know, and those of the user, of which the first is its id.
_SPARE = ("service", "traceId", "spanId", "requestId", "sessionId", "fingerprint")
_USER = ("id", "email", "ip")
_TEXT = frozenset([str])
#: Programs fail in the same places again and again: fingerprints that are remembered, and the characters of a stack of which one is.
REMEMBERED, REMEMBERED_CHARS = 512, 4_096


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


class _PlainUser(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: str | None = None
    email: str | None = None
    ip: str | None = None


class _PlainError(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """An error as nearly all programs send it: every field of its own type. What else there may be is left to the exact reader."""

    exception_class: str
    message: str
    stack_trace: list[str] | None = None
    level: str | None = None
    environment: str | None = None
    release: str | None = None
    user: _PlainUser | None = None
    metadata: dict[str, Any] | None = None
    session_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    request_id: str | None = None
    service: str | None = None
    fingerprint: str | None = None
    breadcrumbs: Any = None
    request_context: Any = None


_decode = msgspec.json.Decoder(_PlainError).decode


class _Read(NamedTuple):
    """What is stored of an error: its text fields ``_SPARE`` last, "" for what is absent, and ``raw`` as JSON."""

    texts: Sequence[str]
    user_id: str
    frames: Sequence[str]
    metadata: Any
    raw: str


def parse_error(inbound: Inbound) -> Submission:
    """One event of the type ``error``."""
    read = _read_plain(inbound.body)
    return _parse_exactly(inbound) if read is None else _submission(inbound, read)


@reading
def _parse_exactly(inbound: Inbound, fields: Fields) -> Submission:
    return _submission(inbound, _read_exactly(fields))


def _submission(inbound: Inbound, read: _Read) -> Submission:
    name, message, level, environment, release, service, trace_id, span_id, request_id, session_id, own_group = (
        read.texts
    )
    metadata = read.metadata
    links = linked(metadata)
    if links is not None:
        trace_id = trace_id or links.spare("traceId")
        span_id = span_id or links.spare("spanId")
        request_id = request_id or links.spare("requestId")
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
        trace_id,
        span_id,
        "",  # parent_span_id
        request_id,
        session_id,
        read.user_id,
        "error",
        level or DEFAULT_LEVEL,
        name,
        message,
        own_group.strip(BLANK) or fingerprint(name, read.frames),
        "",  # status
        None,  # duration_ms
        None,  # value
        labels_of(metadata),
        read.raw,
    )
    return submission((Intent((RowIn(EVENTS.name, values),)),), stored(record_id))


def _read_plain(body: bytes) -> _Read | None:
    """An error in which nothing has to be converted or refused, as the exact reader reads it; None when only that one can tell."""
    if escapes_nul(body) or not may_be_shallow(body):
        return None
    try:
        error = _decode(body)
        raw = body.decode().strip()
    except (ValueError, RecursionError):
        return None
    name, message, level = error.exception_class, error.message, error.level
    if not name.strip(BLANK) or not message.strip(BLANK) or (level is not None and level not in LEVELS):
        return None
    texts = (
        name,
        message,
        level or "",
        error.environment or "",
        error.release or "",
        error.service or "",
        error.trace_id or "",
        error.span_id or "",
        error.request_id or "",
        error.session_id or "",
        error.fingerprint or "",
    )
    user_id = "" if error.user is None else error.user.id or ""
    return _Read(texts, user_id, error.stack_trace or (), error.metadata, raw)


def _read_exactly(fields: Fields) -> _Read:
    """The same fields, one by one. Raises ``Unreadable`` and the 422."""
    texts = [fields.required("exceptionClass"), fields.required("message")]
    frames = _frames(fields.sent.get("stackTrace"))
    texts += [fields.one_of("level", LEVELS), fields.text("environment"), fields.text("release")]
    user = fields.inner("user")
    user_id, *_ = [user.text(name) for name in _USER]
    fields.check()
    texts += [fields.spare(name) for name in _SPARE]
    return _Read(texts, user_id, frames, fields.sent.get("metadata"), compact_text(fields.sent))


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
    if sum(map(len, frames), len(name)) > REMEMBERED_CHARS:
        return _fingerprint(name, *frames)
    return _remembered(name, *frames)


def _fingerprint(name: str, *frames: str) -> str:
    parts = [name.strip(BLANK)]
    for frame in frames:
        trimmed = frame.strip(BLANK)
        if not trimmed.startswith(PASSED_OVER):
            parts.append(trimmed)
            if len(parts) > FINGERPRINT_FRAMES:
                break
    return sha256("|".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


_remembered = lru_cache(maxsize=REMEMBERED)(_fingerprint)
