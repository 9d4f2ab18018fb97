"""What an alert of StatHat's is made from (contract 1.9): a form or JSON, in whose words each kind has its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from headrace.dialects.answers import Problem
from headrace.dialects.jsontext import NotJson
from headrace.dialects.stathat_answers import BAD_JSON
from headrace.dialects.stathat_forms import amount, read_form, read_lenient_json
from headrace.records.text import clean_text

#: Bytes of a body, as sent and decoded (rulings 1).
BODY_CAP = 1024 * 1024

KINDS = ("value", "delta", "data")
#: Windows and distances, as StatHat has them.
WINDOWS = ("5m", "1h", "3h", "1d", "1w", "1M", "1y")
#: Operators by all their names: those of the command line are short.
OPERATORS: Mapping[str, str] = {
    **{name: name for name in ("greater than", "less than", "different than")},
    "gt": "greater than",
    "lt": "less than",
    "dt": "different than",
}
#: The operators of each kind; data has none.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "value": ("greater than", "less than"),
    "delta": ("greater than", "less than", "different than"),
}
_WINDOW_WORDS = " ".join(WINDOWS)


class NewAlert(msgspec.Struct):
    """An alert to keep, as a form or as JSON. ``value`` compares with ``threshold``, ``delta`` by ``percentage`` with what was
    ``time_delta`` ago, ``data`` waits for data to fail. Operators: greater than, less than, of delta also different than (or gt, lt, dt).
    """

    stat_id: str
    kind: Literal["value", "delta", "data"]
    time_window: Literal["5m", "1h", "3h", "1d", "1w", "1M", "1y"]
    operator: str | None = None
    threshold: float | None = None
    percentage: float | None = None
    time_delta: str | None = None


class Alert(NamedTuple):
    """An alert as it is kept: what is not of its kind is None or ""."""

    stat_id: str
    kind: str
    time_window: str
    operator: str = ""
    threshold: float | None = None
    percentage: float | None = None
    time_delta: str = ""


def read_alert(body: bytes, content_type: bytes) -> Alert:
    """The alert of a body. Raises :class:`Problem` for the first thing wrong."""
    sent = fields(body, content_type)
    stat_id = text_of(sent, "stat_id")
    if not stat_id:
        raise Problem("stat_id is required")
    kind = _one_of(sent, "kind", KINDS, "value, delta or data")
    window = _one_of(sent, "time_window", WINDOWS, f"one of {_WINDOW_WORDS}")
    if kind == "data":
        return Alert(stat_id, kind, window)
    operator = OPERATORS.get(text_of(sent, "operator"), "")
    if operator not in ALLOWED[kind]:
        raise Problem(f"operator must be {' or '.join(ALLOWED[kind])}")
    if kind == "value":
        return Alert(stat_id, kind, window, operator, threshold=_number(sent, "threshold"))
    percentage = _number(sent, "percentage")
    if percentage <= 0:
        raise Problem("percentage must be above 0")
    distance = _one_of(sent, "time_delta", WINDOWS, f"one of {_WINDOW_WORDS}")
    return Alert(stat_id, kind, window, operator, percentage=percentage, time_delta=distance)


def fields(body: bytes, content_type: bytes) -> Mapping[str, Any]:
    """What a form or a JSON object holds. Raises :class:`Problem`."""
    if content_type.partition(b";")[0].strip().lower() != b"application/json":
        return read_form(body)
    try:
        sent = read_lenient_json(body)
    except NotJson:
        sent = None
    if type(sent) is not dict:
        raise Problem(BAD_JSON)
    return sent


def text_of(sent: Mapping[str, Any], name: str) -> str:
    """The field as text without blanks around it, "" when it is not there or no text."""
    value = sent.get(name)
    return clean_text(value).strip() if type(value) is str else ""


def _one_of(sent: Mapping[str, Any], name: str, values: tuple[str, ...], words: str) -> str:
    value = text_of(sent, name)
    if value not in values:
        raise Problem(f"{name} must be {words}")
    return value


def _number(sent: Mapping[str, Any], name: str) -> float:
    value = amount(sent.get(name))
    if value is None:
        raise Problem(f"{name} must be a number")
    return value
