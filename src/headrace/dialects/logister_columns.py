"""The typed columns of Logister's rows, read leniently from a context seen through both spellings (contract 2.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from headrace.dialects.jsontext import number
from headrace.dialects.logister_normalize import DEFAULT_ENVIRONMENT, both_spellings, is_blank, text_of

#: Characters of a column with few distinct values (environment, release, …); the context keeps the whole text.
LABEL_CHARS = 255
#: Attributes of one row that are kept as labels, and characters of a label's value; longer ones are no filter.
MAX_LABELS = 64
LABEL_VALUE_CHARS = 200
#: Milliseconds beyond which a duration is no measurement (about 31 years).
LONGEST_MS = 10**12

_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*\Z", re.ASCII)
#: Characters of a label's name.
LABEL_NAME_CHARS = 64
_LABEL_NAME = re.compile(r"[a-z][a-z0-9_.:-]*\Z")
#: Context keys that have columns of their own, or mean one occurrence only.
_NOT_LABELS = frozenset(
    [
        "environment",
        "release",
        "service",
        "trace_id",
        "span_id",
        "parent_span_id",
        "request_id",
        "session_id",
        "user_id",
        "duration_ms",
        "value",
        "started_at",
        "ended_at",
        "occurred_at",
        "checked_at",
        "message",
        "check_in_slug",
        "check_in_status",
        "expected_interval_seconds",
        "telemetry_schema_version",
        "installation_id_hash",
    ]
)
_STATUS_NAMES = ("status", "transaction_status", "status_code", "http_status_code")
#: Keys of a context that tell a status at all, of events other than check-ins.
STATUS_SOURCES = frozenset([*_STATUS_NAMES, "http", "response"])


def scalar_text(value: Any) -> str:
    """A non-blank scalar as text, else ""."""
    if type(value) is str:
        return "" if value.isspace() else value
    if value is None or value is False or type(value) is dict or type(value) is list:
        return ""
    return text_of(value)


def label_text(value: Any) -> str:
    """:func:`scalar_text` for a column with few distinct values."""
    return scalar_text(value)[:LABEL_CHARS]


def number_of(value: Any) -> float | None:
    """A finite number, also when it is sent as text; None for anything else."""
    if type(value) is str:
        if len(value) > 64 or _NUMBER.match(value) is None:
            return None
        return number(float(value))
    return number(value)


def duration_of(value: Any) -> float | None:
    """Milliseconds that something can have taken, None for anything else."""
    figure = number_of(value)
    return figure if figure is not None and 0 <= figure <= LONGEST_MS else None


def shared_columns(view: dict[str, Any]) -> dict[str, str]:
    """The columns that events and spans have in common besides their times and ids."""
    trace = both_spellings(view["trace"]) if "trace" in view else {}
    return {
        "environment": label_text(view.get("environment")) or DEFAULT_ENVIRONMENT,
        "release": label_text(view.get("release")),
        "service": label_text(view.get("service")),
        "trace_id": scalar_text(view.get("trace_id")) or scalar_text(trace.get("trace_id")),
        "span_id": scalar_text(view.get("span_id")) or scalar_text(trace.get("span_id")),
        "parent_span_id": scalar_text(view.get("parent_span_id")) or scalar_text(trace.get("parent_span_id")),
        "request_id": scalar_text(view.get("request_id")) or scalar_text(trace.get("request_id")),
        "session_id": scalar_text(view.get("session_id")) or _inner(view, "session", "id"),
        "user_id": scalar_text(view.get("user_id")) or _inner(view, "user", "id"),
    }


def event_name(event_type: str, view: dict[str, Any], message: str) -> str:
    """What people group an event by: exception class, metric, transaction, monitor or logger name."""
    if event_type == "error":
        return _inner(view, "exception", "class") or _inner(view, "exception", "type")
    if event_type == "metric":
        return _inner(view, "metric", "name") or message.strip()
    if event_type == "transaction":
        return scalar_text(view.get("transaction_name"))
    if event_type == "check_in":
        return check_in_slug(view, message)
    return scalar_text(view.get("logger_name")) or _inner(view, "logger", "name")


def check_in_slug(view: dict[str, Any], message: str) -> str:
    """The monitor that a check-in belongs to: ``check_in_slug``, else the message."""
    return (scalar_text(view.get("check_in_slug")) or message).strip()[:LABEL_CHARS]


def status_of(event_type: str, view: dict[str, Any]) -> str:
    """How it went: a check-in's own word (``ok`` without one), else the status under any name that clients use."""
    if event_type == "check_in":
        return label_text(view.get("check_in_status")) or label_text(view.get("status")) or "ok"
    for name in _STATUS_NAMES:
        found = label_text(view.get(name))
        if found:
            return found
    return _inner(view, "http", "status_code")[:LABEL_CHARS] or _inner(view, "response", "status")[:LABEL_CHARS]


def value_of(view: dict[str, Any]) -> float | None:
    """The measurement that a context carries: its numeric ``value``, else that of its ``metric``."""
    value = number_of(view.get("value"))
    if value is None and "metric" in view:
        return number_of(both_spellings(view["metric"]).get("value"))
    return value


def labels_of(view: dict[str, Any]) -> dict[str, str]:
    """The attributes that events can be filtered by: scalars at the top of the context (contract 2.5) and its ``tags``."""
    labels: dict[str, str] = {}
    tags = view.get("tags")
    for source in (view, tags) if type(tags) is dict else (view,):
        for name, value in source.items():
            kind = type(value)
            if kind is dict or kind is list or not may_be_label(name) or name in labels or is_blank(value):
                continue
            text = value if kind is str else text_of(value)
            if len(text) <= LABEL_VALUE_CHARS:
                labels[name] = text
                if len(labels) == MAX_LABELS:
                    return labels
    return labels


def may_be_label(name: str) -> bool:
    """Whether an attribute of that name can be filtered by."""
    return len(name) <= LABEL_NAME_CHARS and _is_label_name(name)


@lru_cache(maxsize=8192)
def _is_label_name(name: str) -> bool:
    """Remembered: telemetry repeats the same few hundred names."""
    return name not in _NOT_LABELS and _LABEL_NAME.match(name) is not None


def _inner(view: dict[str, Any], outer: str, name: str) -> str:
    inner = view.get(outer)
    return scalar_text(both_spellings(inner).get(name)) if type(inner) is dict else ""
