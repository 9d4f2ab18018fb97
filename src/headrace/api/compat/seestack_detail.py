"""What SeeStack shows of an error beyond its columns (contract 2.2): the stack, who met it, and what repeats among the latest ones. Errors of
other dialects say the same in places of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from headrace.dialects.seestack_forms import BLANK, spare_text

#: Occurrences in a row of which something counts as repeated, and how often it has to be there.
RECENT_MAX: Final = 25
REPEATED: Final = 2
#: Characters of a message as it is compared.
NORMALIZED_MAX: Final = 200
#: An error within this time makes an issue active, µs.
ACTIVE_US: Final = 3_600_000_000
#: From how many errors on an issue is what it is, the first of each when it is active too.
HIGH: Final = 25
MEDIUM: Final = 5
SOME: Final = 2

_ENDPOINTS = ("path", "endpoint", "route", "url")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_INTEGER = re.compile(r"\b\d+\b")
_decode = msgspec.json.Decoder().decode


class Details(NamedTuple):
    """``user`` is None where nothing is known; ``metadata`` whatever the error carried."""

    stack: list[str]
    user: dict[str, str | None] | None
    metadata: Any

    @property
    def top_frame(self) -> str:
        return self.stack[0] if self.stack else ""

    @property
    def endpoint(self) -> str:
        """Where in the program it happened, as its metadata says."""
        if type(self.metadata) is not dict:
            return ""
        return next((text for name in _ENDPOINTS if (text := spare_text(self.metadata.get(name)))), "")


def details_of(raw: str) -> Details:
    """What is in the record of an error: SeeStack's fields, else Logister's context, else CanaryHub's meta."""
    record = _decode(raw)
    context = _object(record.get("context"))
    exception = _object(context.get("exception"))
    user = _object(record.get("user")) or _object(context.get("user")) or {"id": context.get("user_id")}
    known = {name: spare_text(user.get(name)) or None for name in ("id", "email", "ip")}
    metadata = next((record[name] for name in ("metadata", "context", "meta") if record.get(name) is not None), None)
    if metadata is context:
        metadata = {name: value for name, value in context.items() if name != "telemetry_evidence"}
    stack = record.get("stackTrace") or exception.get("backtrace") or exception.get("stack") or exception.get("frames")
    return Details(list(_lines(stack)), known if any(known.values()) else None, metadata)


def impact(occurrences: int, active: bool) -> str:
    """How much an issue matters: HIGH, MEDIUM or LOW."""
    if occurrences >= HIGH or (active and occurrences >= MEDIUM):
        return "HIGH"
    return "MEDIUM" if occurrences >= MEDIUM or (active and occurrences >= SOME) else "LOW"


def patterns(recent: Sequence[Details]) -> list[str]:
    """What several of the latest errors share, in words."""
    found = []
    for what, values in (
        ("begin at", [one.top_frame.removeprefix("at ") for one in recent]),
        ("happened at", [one.endpoint for one in recent]),
    ):
        value, count = next(iter(Counter(filter(None, values)).most_common(1)), ("", 0))
        if count >= REPEATED:
            found.append(f"{count} of the last {len(recent)} errors {what} {value}")
    return found


def normalized(message: str) -> str:
    """A message without what differs from one error to the next."""
    text = _INTEGER.sub("<n>", _UUID.sub("<uuid>", message))
    return text if len(text) <= NORMALIZED_MAX else f"{text[:NORMALIZED_MAX]}…"


def _lines(stack: Any) -> Iterable[str]:
    """The frames, one a line: programs send several lines in one, a text, or objects."""
    for frame in stack if type(stack) is list else [stack]:
        text = _frame(frame) if type(frame) is dict else spare_text(frame)
        yield from filter(None, (line.strip(BLANK) for line in text.splitlines()))


def _frame(frame: Mapping[str, Any]) -> str:
    file, number, name = (spare_text(frame.get(key)) for key in ("filename", "lineno", "name"))
    place = f"{file}:{number}" if number else file
    return f"{name} ({place})" if name else place


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}
