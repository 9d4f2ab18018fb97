"""JSON as deployed programs send it, read exactly.

The typed decoders that the dialects try first only accept; whatever they do not like comes here. This reader takes what
lenient senders produce (a byte-order mark, repeated keys, NaN literals, halves of surrogate pairs) and turns everything
else, including what makes Python's own parser fail in odd ways, into one exception.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from headrace.records.text import clean_json

#: Levels of arrays and objects that are read. Python's parser gives up near 1,000, at a depth that depends on its caller's
#: stack; this bound is the same everywhere and leaves room for whoever walks the value again.
MAX_DEPTH = 256

# The reader below gets text that was valid UTF-8 and refuses raw control characters, so a lone surrogate or a NUL can only
# come from an escape.
_SUSPECT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")

_encode = msgspec.json.Encoder().encode
_TOO_DEEP = "nested too deeply"


class NotJson(ValueError):
    """A body that cannot be read as JSON. The text says which rule failed, never what the body holds."""


def read_json(body: bytes) -> Any:
    """``body`` as Python values: UTF-8, a byte-order mark allowed, of repeated keys the last.

    Lone surrogates and NUL become U+FFFD in keys and strings. NaN, Infinity and numbers such as 1e400 come out as
    non-finite floats, for the caller to refuse where it uses them (:func:`is_finite`). Raises :class:`NotJson` for anything
    else: bad UTF-8, bad JSON, more than ``MAX_DEPTH`` levels, an integer over Python's digit limit.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except ValueError:  # UnicodeDecodeError and JSONDecodeError are kinds of it
        raise NotJson("not valid JSON") from None
    if too_deep(body, value):
        raise NotJson(_TOO_DEEP)
    # At most 256 levels are two frames each in the walk below: far from the interpreter's limit of 1,000.
    return clean_json(value) if _SUSPECT.search(body) else value


def too_deep(body: bytes, value: Any) -> bool:
    """Whether ``value``, read from ``body``, has more than ``MAX_DEPTH`` levels."""
    if may_be_shallow(body):
        return False
    level = [value] if type(value) in (dict, list) else []
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in (dict, list)
        ]
    return False


def may_be_shallow(body: bytes) -> bool:
    """Whether ``body`` has too few bytes or brackets to be too deep: True is certain, False needs a look."""
    return len(body) <= 2 * MAX_DEPTH or body.count(b"[") + body.count(b"{") <= MAX_DEPTH


def is_finite(value: Any) -> bool:
    """Whether no number anywhere in a read value is NaN or infinite."""
    pending = [value]
    while pending:
        node = pending.pop()
        if type(node) is float:
            if not math.isfinite(node):
                return False
        elif type(node) is dict:
            pending.extend(node.values())
        elif type(node) is list:
            pending.extend(node)
    return True


def number(value: Any) -> float | None:
    """A JSON number as a finite float; None for booleans, strings, NaN, infinities and integers beyond a double."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is not int:
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def compact(value: Any) -> bytes:
    """``value`` as JSON without spaces, non-ASCII unescaped, in UTF-8. It must be clean and finite: the encoder writes NaN as
    null and raises on lone surrogates.
    """
    return _encode(value)


def compact_text(value: Any) -> str:
    """:func:`compact` as text, for a row's ``raw``."""
    return _encode(value).decode()
