"""What a command line asks, read from the query: texts, numbers, ranges of time, and cursors that fit their filters (logister.md 1.11)."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from headrace.dialects.base import Refusal
from headrace.dialects.logister_cli import invalid, refusal
from headrace.records.text import clean_text
from headrace.records.times import iso_us

#: Rows of a page.
LIMIT, LIMIT_MAX = 50, 100
#: Characters of a cursor, of an environment, of other texts, and the longest duration in milliseconds.
CURSOR_MAX, ENVIRONMENT_MAX, TEXT_MAX, DURATION_MAX_MS = 8_192, 100, 200, 86_400_000
#: Time that is looked back when nobody says, and at most, µs.
RANGE_US, RANGE_MAX_US = 24 * 3_600_000_000, 90 * 86_400_000_000
_UNIT_US = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 7 * 86_400_000_000}
_AGO = re.compile(r"(\d{1,9})([mhdw])\Z", re.ASCII)
_TRUE = frozenset(("1", "true", "t", "yes", "on"))
#: Bytes of what a cursor remembers of its filters: enough that nobody meets another by chance.
_BOUND_BYTES = 8


class Range(NamedTuple):
    """[``start``, ``end``) in µs. ``open``: the present was the end because nothing else was asked for."""

    start: int
    end: int
    open: bool


class Query:
    """The parameters of a request. A parameter that is empty reads as none; of a repeated one the first counts."""

    def __init__(self, query: bytes) -> None:
        pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
        self._pairs = [(clean_text(name), clean_text(value).strip()) for name, value in pairs]

    def get(self, *names: str) -> str:
        """The first of ``names`` that holds something, else ""."""
        return next((value for name in names for found, value in self._pairs if found == name and value), "")

    def several(self, *names: str) -> list[str]:
        """Every value of ``names``, each once."""
        wanted = {form for name in names for form in (name, f"{name}[]")}
        return list(dict.fromkeys(value for name, value in self._pairs if name in wanted and value))

    def others(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Everything that was sent but ``names``: what a cursor is bound to."""
        found: dict[str, list[str]] = {}
        for name, value in self._pairs:
            if name not in names and value:
                found.setdefault(name, []).append(value)
        return found

    def text(self, *names: str, longest: int = TEXT_MAX) -> str:
        """Raises :class:`Refusal` for more than ``longest`` characters."""
        value = self.get(*names)
        if len(value) > longest:
            raise wrong(names[0], f"{names[0]} must be at most {longest} characters")
        return value

    def choice(self, name: str, allowed: Sequence[str], default: str = "") -> str:
        """One of ``allowed``, else ``default``. Raises :class:`Refusal` for another word."""
        value = self.get(name).lower()
        if value and value not in allowed:
            raise wrong(name, f"{name} must be one of {', '.join(allowed)}")
        return value or default

    def listed(self, name: str, most: int, longest: int) -> list[str]:
        """Values with commas between them."""
        values = [part.strip() for part in self.get(name).split(",") if part.strip()]
        if len(values) > most or any(len(value) > longest for value in values):
            raise wrong(name, f"{name} takes up to {most} values of at most {longest} characters")
        return values

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.get(name)
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 10 and low <= int(value) <= high):
            raise wrong(name, f"{name} must be a whole number from {low} to {high}")
        return int(value)

    def milliseconds(self, name: str) -> float | None:
        value = self.get(name)
        if not value:
            return None
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if not 0 <= found <= DURATION_MAX_MS:
            raise wrong(name, f"{name} must be a number from 0 to {DURATION_MAX_MS}")
        return found

    def flag(self, name: str) -> bool:
        return self.get(name).lower() in _TRUE

    def limit(self) -> int:
        return self.whole("limit", LIMIT, 1, LIMIT_MAX)

    def moment(self, name: str, now: int) -> int | None:
        """``since`` in µs: a time, or how long before ``now``; None without one."""
        value = self.get(name)
        ago = _AGO.match(value)
        if ago is None:
            return self.time(name)
        length = int(ago[1]) * _UNIT_US[ago[2]]
        if not 0 < length <= now:
            raise wrong(name, f"{name} is outside what can be asked for")
        return now - length

    def time(self, name: str) -> int | None:
        """An ISO 8601 time in µs, None without one."""
        value = self.get(name)
        if not value:
            return None
        found = iso_us(value.replace(" ", "+"), need_offset=False)  # a plus that was not encoded
        if found is None:
            raise wrong(name, f"{name} must be an ISO 8601 time" + (" or 30m, 24h, 7d, 2w" if name == "since" else ""))
        return found

    def range(self, now: int) -> Range:
        """The time that is asked about: 24 hours unless said otherwise, 90 days at most."""
        end = self.time("until")
        last = now if end is None else end
        start = self.moment("since", now)
        first = last - RANGE_US if start is None else start
        if first >= last:
            raise wrong("since", "since must be before until")
        if last - first > RANGE_MAX_US:
            raise wrong("since", "since and until must not be more than 90 days apart")
        return Range(first, last, end is None)


def wrong(parameter: str, message: str) -> Refusal:
    return Refusal(invalid(parameter, message))


class Cursors:
    """Cursors of one list: what was asked for, apart from the page, is part of each, so that a cursor is good for its own list alone."""

    def __init__(self, resource: str, project: str, filters: Mapping[str, Any]) -> None:
        bound = msgspec.json.encode([resource, project, sorted(filters.items())])
        self._bound = sha256(bound).hexdigest()[: 2 * _BOUND_BYTES]

    def make(self, *place: int | str) -> str:
        raw = msgspec.json.encode([self._bound, *place])
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def read(self, text: str, *types: type) -> list[Any] | None:
        """The place in a cursor, None without one. Raises :class:`Refusal` 422 for what no page of this list gave."""
        if not text:
            return None
        try:
            found = msgspec.json.decode(base64.urlsafe_b64decode(text[:CURSOR_MAX] + "=" * (-len(text) % 4)))
        except (ValueError, RecursionError):  # what base64 and JSON raise
            raise _bad_cursor() from None
        if not isinstance(found, list) or found[:1] != [self._bound] or len(found) != len(types) + 1:
            raise _bad_cursor()
        place = found[1:]
        if any(type(value) is not kind for value, kind in zip(place, types, strict=True)):
            raise _bad_cursor()
        return place


def _bad_cursor() -> Refusal:
    message = "The cursor was not given by a page with this project and these filters."
    return Refusal(refusal(422, "Invalid cursor", "invalid_cursor", message))
