"""Everything that comes in, each in one line: rows of every table and points, in one form for lists, live feeds and overviews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from headrace.records.tables import EVENT_TYPES, EVENTS, REQUESTS, SPANS

#: What an event without an environment belongs to (rulings 3): a filter for it finds both.
DEFAULT_ENVIRONMENT: Final = "production"
#: What a row of these tables is called; events have types of their own.
REQUEST, SPAN, POINT = "request", "span", "point"
#: The tables in which rows are listed, with the types that their rows have.
TYPES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    EVENTS.name: EVENT_TYPES,
    REQUESTS.name: (REQUEST,),
    SPANS.name: (SPAN,),
}
#: Every type of a row.
ROW_TYPES: Final = tuple(kind for kinds in TYPES_OF.values() for kind in kinds)
_COMMON = ("ts", "received_at", "id", "dialect", "environment", "status", "duration_ms")
#: The columns that one line needs.
COLUMNS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    EVENTS.name: (*_COMMON, "type", "level", "name", "message", "value"),
    REQUESTS.name: (*_COMMON, "direction", "method", "host", "path"),
    SPANS.name: (*_COMMON, "name", "operation", "service"),
}
#: Characters of a name and of a text in one line; the record itself has all of them.
NAME_MAX, TEXT_MAX = 200, 300
#: From here on a status of HTTP is a failure of the server, and of the caller.
_SERVER_ERROR, _CLIENT_ERROR = 500, 400


class Record(msgspec.Struct, frozen=True):
    """One thing that came in. ``type`` is an event's type, request, span or point. ``id`` opens it: of a point it is the stat's. A point's
    ``dialect`` is its stat's source (``stat``: StatFlow or StatHat). ``text`` is a line for people. Times in µs.
    """

    id: str
    ts: int
    received_at: int
    dialect: str
    type: str
    name: str
    level: str = ""
    environment: str = ""
    text: str = ""


def from_row(table: str, row: Mapping[str, Any]) -> Record:
    """A row as ``store.events`` gives it, in one line."""
    kind, name, level, text = _PARTS[table](row)
    return Record(
        id=row["id"],
        ts=row["ts"],
        received_at=row["received_at"],
        dialect=row["dialect"],
        type=kind,
        name=_cut(name, NAME_MAX),
        level=level,
        environment=row["environment"],
        text=_cut(" ".join(text.split()), TEXT_MAX),
    )


def milliseconds(value: float) -> str:
    """A duration as a line shows it: ``34 ms``, ``1.2 s``."""
    return f"{value:.3g} ms" if value < 999.5 else f"{value / 1000:,.1f} s"


def _event(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What was measured, and the message or else how it ended."""
    measured = [
        "" if row["duration_ms"] is None else milliseconds(row["duration_ms"]),
        "" if row["value"] is None else f"{row['value']:.12g}",
    ]
    # Figures first: they set the direction of the line, whatever the message is written in.
    parts = [*measured, row["message"] or row["status"]]
    return row["type"], row["name"], row["level"], " · ".join(part for part in parts if part)


def _request(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    status = row["status"]
    level = "error" if status >= _SERVER_ERROR else "warning" if status >= _CLIENT_ERROR else ""
    host = f"{row['direction']} {row['host']}".strip()
    parts = [str(status) if status else "no answer", milliseconds(row["duration_ms"]), host]
    return REQUEST, f"{row['method']} {row['path']}".strip(), level, " · ".join(part for part in parts if part)


def _span(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    level = "error" if row["status"] == "error" else ""
    parts = [row["operation"], milliseconds(row["duration_ms"]), row["service"]]
    return SPAN, row["name"], level, " · ".join(part for part in parts if part)


_PARTS = {EVENTS.name: _event, REQUESTS.name: _request, SPANS.name: _span}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
