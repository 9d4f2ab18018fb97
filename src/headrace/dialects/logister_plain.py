"""Logister's events as nearly all programs send them: the fast reader, which accepts or has no opinion (None).

The exact one (``logister_events``) accepts the same and more. Here a context is walked once, each key is known from the last time, and
whatever needs a closer look (another casing, nested objects with columns in them, evidence, names of devices) is left to it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from headrace.dialects.base import Inbound
from headrace.dialects.logister_answers import accepted
from headrace.dialects.logister_columns import (
    LABEL_CHARS,
    LABEL_VALUE_CHARS,
    MAX_LABELS,
    STATUS_SOURCES,
    duration_of,
    event_name,
    label_text,
    may_be_label,
    scalar_text,
    status_of,
    value_of,
)
from headrace.dialects.logister_deployments import deployment_told
from headrace.dialects.logister_identity import as_uuid, event_claims
from headrace.dialects.logister_limits import SHALLOW_BYTES, surely_within
from headrace.dialects.logister_mobile import MOBILE
from headrace.dialects.logister_normalize import (
    DEFAULT_ENVIRONMENT,
    holds_hardware_id,
    is_blank,
    names_device,
    snake_key,
)
from headrace.dialects.logister_record import default_source, points_of
from headrace.dialects.logister_times import plain_evidence, told_at
from headrace.records.ids import uuid7
from headrace.records.intents import Claim, Intent, RowIn, Submission
from headrace.records.tables import EVENTS
from headrace.records.text import escapes_nul


class PlainEvent(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An event whose environment, release and the like are in its context, where the SDKs put them. In the order in which it is
    stored (``logister_record``), its UUID left out.
    """

    event_type: Literal["error", "metric", "transaction", "log"]
    message: str
    level: str | None = None
    fingerprint: str | None = None
    occurred_at: str | None = None
    context: dict[str, Any] = {}
    uuid: str = ""


class _PlainBody(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    event: PlainEvent


_decode = msgspec.json.Decoder(_PlainBody).decode
_encode = msgspec.json.Encoder().encode
#: Remembered: there are few levels.
_level = lru_cache(maxsize=256)(label_text)

#: Keys of a context that are columns as they stand, in the order of the columns; those before ``_LONG`` have few distinct values.
_COLUMNS = (
    "environment",
    "release",
    "service",
    "trace_id",
    "span_id",
    "parent_span_id",
    "request_id",
    "session_id",
    "user_id",
)
_LONG = _COLUMNS.index("trace_id")
_NOTHING = [DEFAULT_ENVIRONMENT] + [""] * (len(_COLUMNS) - 1)
#: Keys under which columns, times or labels may lie deeper, and the server's own.
_DEEP = frozenset(["trace", "session", "user", "evidence", "diagnostic", "tags", "telemetry_evidence"])
#: Where a context may hold a measurement.
_VALUES = frozenset(["value", "metric"])
#: Where a context may hold any of the details below, of which many have none.
_DETAILS = frozenset(
    [*STATUS_SOURCES, *_VALUES, "duration_ms", "exception", "transaction_name", "logger_name", "logger"]
)

#: What a key of a context means, as far as it alone tells: its place among ``_COLUMNS``, from 1, or one of these. Remembered: telemetry repeats
#: the same few hundred keys.
_LABEL, _OTHER, _CLOSER = -1, -2, -3
_meanings: dict[str, int] = {}
_REMEMBERED_KEY = 64
_REMEMBERED_KEYS = 8192


def parse_plain(inbound: Inbound) -> Submission | None:
    """The submission of a single event, equal to that of the exact reader; None when only that one can tell."""
    body = inbound.body
    if inbound.key_kind == MOBILE or escapes_nul(body) or (len(body) > SHALLOW_BYTES and not surely_within(body)):
        return None
    try:
        event = _decode(body).event
    except (ValueError, RecursionError):
        return None
    if not event.message or event.message.isspace():
        return None
    uuid = as_uuid(event.uuid) if event.uuid else ""
    if uuid is None or (found := columns_of(event.context, body)) is None:
        return None
    project, received_us = inbound.project, inbound.received_us
    record_id = uuid or uuid7(received_us)
    source = default_source(inbound.project_platform)
    intent = _intent(event, project, record_id, received_us, source, *found, event_claims(project, uuid))
    return Submission((intent,), accepted(project, record_id))


def _intent(
    event: PlainEvent,
    project: int,
    record_id: str,
    received_us: int,
    source: str,
    columns: list[str],
    labels: dict[str, str],
    claims: tuple[Claim, ...],
) -> Intent:
    """As ``logister_record.event_intent``, of a context that is its own view."""
    kind, message, context = event.event_type, event.message, event.context
    if columns[0] is DEFAULT_ENVIRONMENT and is_blank(context.get("environment")):
        context["environment"] = DEFAULT_ENVIRONMENT
    happened = told_at(event.occurred_at, received_us)
    details = _NO_DETAILS if kind != "metric" and _DETAILS.isdisjoint(context) else _details_of(kind, context, message)
    name, status, duration, value = details
    context["telemetry_evidence"] = plain_evidence(source, happened, received_us)
    event.uuid = ""  # is the row's id
    values = (  # the columns of ``EVENTS``
        project,
        happened.ts,
        received_us,
        happened.source,
        happened.sent,
        "logister",
        record_id,
        *columns,
        kind,
        _level(event.level) if event.level else "",
        name,
        message,
        scalar_text(event.fingerprint) if event.fingerprint else "",
        status,
        duration,
        value,
        labels,
        _encode(event).decode(),
    )
    told = "commit_sha" in context and deployment_told(context, project, columns[0], happened.ts, received_us)
    points = points_of(context, message, value, happened) if kind == "metric" else ()
    return Intent((RowIn(EVENTS.name, values),), points, "logister", claims, (told,) if told else ())


class _Details(NamedTuple):
    name: str = ""
    status: str = ""
    duration_ms: float | None = None
    value: float | None = None


_NO_DETAILS = _Details()


def _details_of(kind: str, context: dict[str, Any], message: str) -> _Details:
    duration = context.get("duration_ms")
    return _Details(
        event_name(kind, context, message),
        "" if STATUS_SOURCES.isdisjoint(context) else status_of(kind, context),
        None if duration is None else duration_of(duration),
        None if _VALUES.isdisjoint(context) else value_of(context),
    )


def columns_of(context: dict[str, Any], body: bytes) -> tuple[list[str], dict[str, str]] | None:
    """``_COLUMNS`` and the labels of a context, read from ``body``, that shows them all at its top; None when it needs a closer look."""
    columns = _NOTHING.copy()
    labels: dict[str, str] = {}
    nested = False
    for name, value in context.items():
        meaning = _meanings.get(name) or _meaning(name)
        kind = type(value)
        if meaning == _CLOSER:
            return None
        if kind is dict or kind is list:
            nested = True
            continue
        text = value if kind is str else scalar_text(value)
        if meaning == _OTHER or not text or text.isspace():
            continue
        if meaning == _LABEL:
            if len(text) <= LABEL_VALUE_CHARS and len(labels) < MAX_LABELS:
                labels[name] = text
        else:
            columns[meaning - 1] = text if meaning > _LONG else text[:LABEL_CHARS]
    if nested and (not surely_within(body) or holds_hardware_id(context)):
        return None
    return columns, labels


def _meaning(name: str) -> int:
    if name in _COLUMNS:
        found = _COLUMNS.index(name) + 1
    elif name in _DEEP or snake_key(name) != name or names_device(name):
        found = _CLOSER
    else:
        found = _LABEL if may_be_label(name) else _OTHER
    if len(name) <= _REMEMBERED_KEY and len(_meanings) < _REMEMBERED_KEYS:
        _meanings[name] = found
    return found
