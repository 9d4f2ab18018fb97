"""Logister's payload limits (contract 1.4): what one event may hold, counted on the event as it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from headrace.dialects.answers import json_answer
from headrace.dialects.base import Refusal
from headrace.dialects.jsontext import compact_text

#: UTF-8 bytes of the value under the top-level key that is literally ``message``.
MESSAGE_BYTES = 65_536
#: UTF-8 bytes of any one string value.
STRING_BYTES = 262_144
#: Items of any one array.
ARRAY_LENGTH = 1_000
#: Object keys in the whole event, summed over all its objects.
CONTEXT_KEYS = 512
#: Levels below the event object, which is level 0; a value one level deeper is refused.
CONTEXT_DEPTH = 16
#: Sum over all keys and scalars of their UTF-8 length and ``ENTRY_BYTES``.
EVENT_BYTES = 1_048_576
#: What each key and each scalar counts beyond its own bytes.
ENTRY_BYTES = 4
#: Bytes of a body that cannot hold a text message, a string or an event beyond its limit.
SMALL_BYTES = 65_536
#: Bytes of a body that cannot break any limit but that of depth.
SHALLOW_BYTES = min(2 * ARRAY_LENGTH, 4 * CONTEXT_KEYS)


class Excess(NamedTuple):
    """The limit that an event breaks: its ``code``, the ``limit`` and the ``actual`` figure."""

    code: str
    limit: int
    actual: int


def check_limits(event: dict[str, Any], body: bytes) -> None:
    """Raises :class:`Refusal` with Logister's 413 when ``event``, read from ``body``, breaks a limit."""
    if fits(event, body):
        return
    excess = first_excess(event)
    if excess is not None:
        raise Refusal(limit_answer(excess))


def limit_answer(excess: Excess) -> Any:
    """The 413 of contract 1.4 for ``excess``."""
    text = limit_text(excess)
    return json_answer(413, {"error": text, **excess._asdict()}, reason=text)


def limit_text(excess: Excess) -> str:
    """The sentence of contract 1.4 for ``excess``."""
    return f"telemetry payload {excess.code.replace('_', ' ')} exceeds {excess.limit}"


def fits(event: dict[str, Any], body: bytes) -> bool:
    """Whether ``event``, read from ``body``, keeps every limit."""
    return (surely_within(body) and _message_fits(event)) or within_limits(event)


def surely_within(body: bytes) -> bool:
    """Whether ``body`` is too small, and has too few commas, colons and brackets, for an event in it to break a limit, unless its
    message is no text: True is certain, False needs a look. A value takes no more bytes than it was sent with, but for numbers such
    as 1e15, which grow fivefold.
    """
    return (
        len(body) <= SMALL_BYTES
        and (len(body) <= 2 * ARRAY_LENGTH or body.count(b",") < ARRAY_LENGTH)
        and (len(body) <= 4 * CONTEXT_KEYS or body.count(b":") <= CONTEXT_KEYS)
        and body.count(b"{") + body.count(b"[") <= CONTEXT_DEPTH
    )


def within_limits(event: dict[str, Any]) -> bool:
    """Whether ``event`` keeps every limit: True exactly when :func:`first_excess` finds none.

    Goes through the event level by level, so that depth costs nothing per value; every accepted post passes here.
    """
    if not _message_fits(event):
        return False
    keys = size = 0
    level: list[Any] = [event]
    for _ in range(CONTEXT_DEPTH):
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                keys += len(node)
                size += ENTRY_BYTES * len(node)
                for key in node:
                    size += len(key) if key.isascii() else len(key.encode())
                values: Any = node.values()
            else:
                if len(node) > ARRAY_LENGTH:
                    return False
                values = node
            for value in values:
                kind = type(value)
                if kind is str:
                    length = len(value) if value.isascii() else len(value.encode())
                    if length > STRING_BYTES:
                        return False
                    size += length + ENTRY_BYTES
                elif kind is dict or kind is list:
                    below.append(value)
                else:
                    size += _scalar_bytes(value) + ENTRY_BYTES
        level = below
        if not below:
            break
    return not any(level) and keys <= CONTEXT_KEYS and size <= EVENT_BYTES


def first_excess(event: dict[str, Any]) -> Excess | None:
    """The limit that answers for ``event``, None when it keeps all. The message comes first, then whichever single value
    stands first in the document, then the two sums, whose ``actual`` is the whole event's.
    """
    if not _message_fits(event):
        return Excess("message_bytes", MESSAGE_BYTES, _message_bytes(event))
    keys = size = 0
    for value, depth, is_key in _in_document_order(event):
        if is_key:
            keys += 1
        elif depth > CONTEXT_DEPTH:
            return Excess("context_depth", CONTEXT_DEPTH, depth)
        if type(value) is str:
            length = len(value.encode())
            if length > STRING_BYTES and not is_key:
                return Excess("string_bytes", STRING_BYTES, length)
            size += length + ENTRY_BYTES
        elif type(value) is list:
            if len(value) > ARRAY_LENGTH:
                return Excess("array_length", ARRAY_LENGTH, len(value))
        elif type(value) is not dict:
            size += _scalar_bytes(value) + ENTRY_BYTES
    if keys > CONTEXT_KEYS:
        return Excess("context_keys", CONTEXT_KEYS, keys)
    return Excess("event_bytes", EVENT_BYTES, size) if size > EVENT_BYTES else None


def _in_document_order(event: Any) -> Iterator[tuple[Any, int, bool]]:
    """Every key and value below ``event`` with its depth, and whether it is a key, as the document has them."""
    pending: list[tuple[Any, int, bool]] = [(event, 0, False)]
    while pending:
        value, depth, is_key = entry = pending.pop()
        yield entry
        if is_key:
            continue
        if type(value) is dict:
            for key in reversed(value):
                pending.append((value[key], depth + 1, False))
                pending.append((key, depth + 1, True))
        elif type(value) is list:
            pending.extend((item, depth + 1, False) for item in reversed(value))


def _message_fits(event: dict[str, Any]) -> bool:
    message = event.get("message")
    # No character takes more than four bytes, so most messages need no second look.
    return (type(message) is str and 4 * len(message) <= MESSAGE_BYTES) or _message_bytes(event) <= MESSAGE_BYTES


def _message_bytes(event: dict[str, Any]) -> int:
    message = event.get("message")
    if message is None:
        return 0
    return len((message if type(message) is str else compact_text(message)).encode())


def _scalar_bytes(value: Any) -> int:
    """Bytes of a number, boolean or null as text; null has none."""
    if value is None:
        return 0
    if value is True:
        return 4
    if value is False:
        return 5
    return len(repr(value))
