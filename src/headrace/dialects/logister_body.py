"""Logister's request bodies: JSON whatever the content type says, and the object under the envelope's key."""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.dialects.jsontext import NotJson, is_finite, read_json, too_deep
from headrace.dialects.logister_answers import not_json
from headrace.records.text import escapes_nul

_decode = msgspec.json.Decoder().decode


def read_body(body: bytes) -> Any:
    """``body`` as Python values, None when it is empty. Raises :class:`Refusal` with 400 for what is no JSON; NaN,
    infinities and numbers beyond a double are none.
    """
    if not body or body.isspace():
        return None
    known, value = read_fast(body)
    return value if known else read_exactly(body)


def read_fast(body: bytes) -> tuple[bool, Any]:
    """(True, value) for a body that :func:`read_exactly` would read as the same ``value``; (False, None) when only that
    can tell. Three times as fast on an error with its stack.
    """
    if escapes_nul(body):
        return False, None
    try:
        value = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False, None
    return (False, None) if too_deep(body, value) else (True, value)


def read_exactly(body: bytes) -> Any:
    """``body`` as Python values. Raises :class:`Refusal` with 400."""
    try:
        value = read_json(body)
    except NotJson:
        raise not_json() from None
    if not is_finite(value):
        raise not_json()
    return value


def envelope_of(value: Any, *names: str) -> dict[str, Any] | None:
    """The first non-empty object under one of ``names``, None when there is none."""
    if type(value) is not dict:
        return None
    for name in names:
        inner = value.get(name)
        if inner and type(inner) is dict:
            return inner
    return None
