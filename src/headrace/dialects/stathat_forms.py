"""What StatHat's clients really send (contract 1.7): half-escaped forms, numbers in several spellings, JSON with a comma too many."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from headrace.dialects.answers import Problem
from headrace.dialects.jsontext import NotJson, number, read_json
from headrace.records.intents import PlainPoint, StatType
from headrace.records.tables import PointFlag
from headrace.records.text import clean_text
from headrace.records.times import EARLIEST_US, FUTURE_US

#: Characters of a stat's name (1.2).
MAX_NAME = 255
#: Stats that one name with ``~`` may stand for (1.3).
MAX_PARTS = 100
#: Characters of a number: more than any double has, and little work.
MAX_NUMBER = 400
#: Fewer digits than this need no look at their form.
PLAIN_DIGITS = 16
#: A time above this is in milliseconds (1.7).
SECONDS_BELOW = 1e11

NO_STAT, TOO_LONG, NO_NUMBER = "no stat", "stat name too long", "no count or value"
BAD_COUNT, BAD_VALUE, BAD_TIME = "invalid count", "invalid value", "invalid t"

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BYTES = {b"%02x" % code: bytes((code,)) for code in range(256)}
# Go prints 1,000,000 as 1e+06; a sender that does not escape the plus makes it a blank.
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+ -]?)(\d+))?\s*\Z", re.ASCII)
# Strings are matched whole, so that a comma inside one stays; one that never ends is matched to the end, at once.
_LAST_COMMA = re.compile(rb'("(?:[^"\\]|\\.)*+"?)|,(?=[ \t\r\n]*+[\]}])', re.DOTALL)


def read_form(raw: bytes) -> dict[str, str]:
    """The parameters of a query or a form body; of a repeated one the last. Nothing is refused: pieces without ``=`` are dropped, a
    ``%`` that escapes nothing stays, and bytes that are not UTF-8 are Latin-1.
    """
    if raw.isascii() and b"%" not in raw:  # most of them: a third of the cost
        text = raw.decode().replace("+", " ")
        return dict([piece.split("=", 1) for piece in text.split("&") if "=" in piece])
    found: dict[str, str] = {}
    for piece in raw.split(b"&"):
        name, equals, value = piece.partition(b"=")
        if equals:
            found[_text(name)] = _text(value)
    return found


def _text(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = _ESCAPE.sub(lambda match: _BYTES[match[1].lower()], raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def read_lenient_json(body: bytes) -> Any:
    """``body`` as JSON; the commas before a closing bracket that the manual's own sample has are forgiven (1.4). Raises ``NotJson``."""
    try:
        return read_json(body)
    except NotJson:
        mended = _LAST_COMMA.sub(lambda match: match[1] or b"", body)
        if len(mended) == len(body):
            raise
        return read_json(mended)


def amount(sent: Any) -> float | None:
    """A number as StatHat's clients write it, in JSON or as text; None when it is none or not finite."""
    if type(sent) is not str:
        return number(sent)
    if len(sent) < PLAIN_DIGITS and sent.isascii() and sent.isdigit():
        return float(sent)
    match = _NUMBER.match(sent) if len(sent) <= MAX_NUMBER else None
    if match is None:
        return None
    digits, sign, exponent = match.groups()
    value = float(f"{digits}e{sign.strip()}{exponent}" if exponent else digits)
    return value if math.isfinite(value) else None


def moment(sent: Any, received_us: int) -> tuple[int, int]:
    """The time of a point in ms, and its flags. Empty, 0 and negative mean now; so does what cannot be true, flagged. Raises
    :class:`Problem`.
    """
    now_ms = received_us // 1000
    if sent is None or (type(sent) is str and not sent.strip()):
        return now_ms, 0
    seconds = amount(sent)
    if seconds is None:
        raise Problem(BAD_TIME)
    if seconds <= 0:
        return now_ms, 0
    ms = seconds if seconds > SECONDS_BELOW else seconds * 1000
    if not EARLIEST_US <= ms * 1000 <= received_us + FUTURE_US:
        return now_ms, PointFlag.CLAMPED
    return round(ms), PointFlag.BACKDATED


def names_of(stat: Any) -> list[str]:
    """The stats that a name stands for (1.3): ``prefix~a,b`` is ``prefix a`` and ``prefix b``. Empty when it names none."""
    if type(stat) is not str:
        return []
    text = clean_text(stat)
    if "~" not in text:
        text = text.strip()
        return [text] if text else []
    prefix, _, rest = text.partition("~")
    parts = [part.replace("~", " ").strip() for part in rest.split(",")]
    return list(dict.fromkeys(f"{prefix.strip()} {part}".strip() for part in parts if part))


class Item(NamedTuple):
    """One measurement as sent; what is absent is None."""

    stat: Any = None
    count: Any = None
    value: Any = None
    t: Any = None


class Measured(NamedTuple):
    """A point, and the one that is stored in its place where the stat is no counter: when both numbers were sent."""

    point: PlainPoint
    otherwise: PlainPoint | None = None


def measure(item: Item, received_us: int, *, implied: bool, zero: float) -> list[Measured]:
    """The points of an item, one a name. ``implied``: without a number it counts 1; ``zero``: what a count of 0 adds. Raises
    :class:`Problem` with the first thing wrong, in the contract's order (1.12).
    """
    names = names_of(item.stat)
    if not names:
        raise Problem(NO_STAT)
    count, value = read_numbers(item, implied=implied)
    ts, flags = moment(item.t, received_us)
    check_names(names)
    if count is None:
        assert value is not None
        return [Measured((name, "value", ts, value, flags)) for name in names]
    count = count or zero
    if value is None:
        return [Measured((name, "counter", ts, count, flags)) for name in names]
    return [Measured((name, "counter", ts, count, flags), (name, "value", ts, value, flags)) for name in names]


def plain_count(params: dict[str, str], received_us: int) -> PlainPoint | None:
    """The point of a form with nothing but a stat's name and a count in digits, as most are sent: the one that :func:`measure` finds.
    None when there is more to it.
    """
    stat, count = params.get("stat", ""), params.get("count", "")
    name = stat.strip()
    if not 1 <= len(name) <= MAX_NAME or "~" in name or "value" in params or "t" in params or clean_text(name) != name:
        return None
    if len(count) >= PLAIN_DIGITS or not count.isascii() or not count.isdigit() or not count.strip("0"):
        return None
    return name, "counter", received_us // 1000, float(count), 0


def check_names(names: list[str]) -> None:
    """Raises :class:`Problem` for too many of them or one that is too long."""
    if len(names) > MAX_PARTS or any(len(name) > MAX_NAME for name in names):
        raise Problem(TOO_LONG)


def read_numbers(item: Item, *, implied: bool) -> tuple[float | None, float | None]:
    """Count and value, at least one of them. Raises :class:`Problem`."""
    if item.count is None and item.value is None:
        if not implied:
            raise Problem(NO_NUMBER)
        return 1.0, None
    return _optional(item.count, BAD_COUNT), _optional(item.value, BAD_VALUE)


def _optional(sent: Any, problem: str) -> float | None:
    if sent is None:
        return None
    found = amount(sent)
    if found is None:
        raise Problem(problem)
    return found


def classic_point(
    stat: tuple[str, str], kind: StatType, item: Item, received_us: int, *, zero: float
) -> PlainPoint | None:
    """The point of a classic post to ``stat`` (name, type), None when that is not of the path's ``kind``. Raises :class:`Problem`."""
    count, value = read_numbers(item, implied=kind == "counter")
    ts, flags = moment(item.t, received_us)
    name, known = stat
    if known != kind:
        return None
    if kind == "value":
        assert value is not None
        return name, kind, ts, value, flags
    assert count is not None
    return name, kind, ts, count or zero, flags
