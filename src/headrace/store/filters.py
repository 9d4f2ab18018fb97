"""What a page or a chart asks of rows, as SQL conditions with typed parameters: no text of a user ever becomes SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from headrace.records.tables import EVENTS, REQUESTS, SPANS, Kind, Table
from headrace.store.grouping import ISSUE_KEY

#: Tables of rows (points have their own, narrower questions).
ROW_TABLES: Final[dict[str, Table]] = {table.name: table for table in (EVENTS, REQUESTS, SPANS)}

#: Where a text filter looks.
_TEXT_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "events": ("message", "name"),
    "requests": ("path", "host"),
    "spans": ("name", "operation"),
}
_FILTER_TYPES: Final[dict[Kind, str]] = {
    "text": "String",
    "label": "String",
    "uuid": "UUID",
    "u8": "UInt8",
    "u16": "UInt16",
}
#: Long texts have the substring filter; whose rows they are is not a filter.
_NOT_FILTERED: Final = frozenset(["message", "raw", "ts_sent"])

#: An event that failed (logister.md 1.11, 2.4): by its level, by a word, or by a status of HTTP.
_ERRORED: Final = (
    "(level IN ('error', 'fatal') OR lower(status) IN ('error', 'errored', 'failed') OR toUInt32OrZero(status) >= 500)"
)
#: Values in one condition, and characters in one value or substring.
MAX_VALUES: Final = 100
MAX_TEXT: Final = 1_000


class BadFilter(ValueError):
    """A filter that the table cannot answer; the text names the field."""


class Filter(msgspec.Struct, frozen=True):
    """All conditions hold at once. ``equals``: column → the values it may have (text, or integers for status and is_slow).
    ``labels``: label → value. ``text``: a substring of message or name (requests: path or host; spans: name or
    operation), without regard to case; ``within`` names other columns to look in. ``issue``: the fingerprint of one (``store.grouping``), for events.
    ``least_ms``: it took at least so long. ``outcome``, of events alone: ``errored`` are those of level error or fatal and those whose status
    says so, ``ok`` all others.
    """

    equals: Mapping[str, Sequence[str | int]] = {}
    labels: Mapping[str, str] = {}
    text: str = ""
    within: Sequence[str] = ()
    issue: str = ""
    least_ms: float | None = None
    outcome: Literal["", "ok", "errored"] = ""


EVERYTHING: Final = Filter()


def row_table(name: str) -> Table:
    """The table of rows called ``name``. Raises :class:`BadFilter`."""
    if name not in ROW_TABLES:
        raise BadFilter(f"{name}: not events, requests or spans")
    return ROW_TABLES[name]


def filterable(table: str) -> tuple[str, ...]:
    """Columns of ``table`` that ``Filter.equals`` may name."""
    return tuple(
        column.name
        for column in row_table(table).columns
        if column.kind in _FILTER_TYPES and column.name not in _NOT_FILTERED
    )


def conditions(table: str, wanted: Filter) -> tuple[list[str], dict[str, Any]]:
    """``wanted`` as conditions on ``table`` and their parameters. Raises :class:`BadFilter`."""
    names = filterable(table)
    kinds = {column.name: column.kind for column in row_table(table).columns}
    clauses: list[str] = []
    params: dict[str, Any] = {}
    for number, (name, values) in enumerate(sorted(wanted.equals.items())):
        if name not in names:
            raise BadFilter(f"{name}: not a field of {table} to filter by")
        kind = _FILTER_TYPES[kinds[name]]
        clauses.append(f"{name} IN {{equals{number}:Array({kind})}}")
        params[f"equals{number}"] = _values(name, kind, values)
    for number, (label, value) in enumerate(sorted(wanted.labels.items())):
        clauses.append(f"labels[{{label{number}:String}}] = {{labelled{number}:String}}")
        params[f"label{number}"] = _text("labels", label)
        params[f"labelled{number}"] = _text("labels", value)
    if wanted.text:
        columns = wanted.within or _TEXT_COLUMNS[table]
        for name in columns:
            if kinds.get(name) not in ("text", "label"):
                raise BadFilter(f"{name}: not a text of {table} to look in")
        found = (f"positionCaseInsensitiveUTF8({name}, {{text:String}}) > 0" for name in columns)
        clauses.append(f"({' OR '.join(found)})")
        params["text"] = _text("text", wanted.text)
    if wanted.issue:
        if table != EVENTS.name:
            raise BadFilter(f"issue: {table} belong to none")
        clauses.append(f"{ISSUE_KEY} = unhex({{issue:String}})")
        params["issue"] = _text("issue", wanted.issue)
    if wanted.least_ms is not None:
        clauses.append("duration_ms >= {least_ms:Float64}")
        params["least_ms"] = wanted.least_ms
    if wanted.outcome:
        if table != EVENTS.name:
            raise BadFilter(f"outcome: {table} have none")
        clauses.append(_ERRORED if wanted.outcome == "errored" else f"NOT {_ERRORED}")
    return clauses, params


def _values(name: str, kind: str, values: Sequence[str | int]) -> list[Any]:
    if not 0 < len(values) <= MAX_VALUES:
        raise BadFilter(f"{name}: 1 to {MAX_VALUES} values")
    return [_value(name, kind, value) for value in values]


def _value(name: str, kind: str, value: str | int) -> Any:
    if kind == "String":
        return _text(name, value)
    try:
        if kind == "UUID":
            return str(UUID(str(value)))
        number = int(value)
    except ValueError:
        raise BadFilter(f"{name}: not a {'UUID' if kind == 'UUID' else 'number'}") from None
    if not 0 <= number < 1 << int(kind[4:]):
        raise BadFilter(f"{name}: not a number in its range")
    return number


def _text(name: str, value: str | int) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise BadFilter(f"{name}: text of at most {MAX_TEXT:,} characters")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadFilter(f"{name}: not valid Unicode") from None
    return value
