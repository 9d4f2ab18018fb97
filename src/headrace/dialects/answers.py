"""Answers that several dialects share: a JSON body, and the flat ``{"error": text}``."""

from __future__ import annotations

from typing import Any

from headrace.dialects.base import Refusal
from headrace.dialects.jsontext import compact
from headrace.records.intents import Answer

Headers = tuple[tuple[bytes, bytes], ...]

JSON_TYPE: tuple[bytes, bytes] = (b"content-type", b"application/json")


#: What the owner of a key reads about records beyond the project's monthly quota.
QUOTA_USED = "monthly quota used up"


class Problem(Exception):
    """The first thing wrong with a body. Its text is the answer's: it names fields and positions, never contents."""


def json_answer(status: int, value: Any, headers: Headers = (), *, reason: str = "") -> Answer:
    """``value`` as a JSON answer; ``headers`` follow the content type. ``reason`` as in :class:`Answer`."""
    return Answer(status, compact(value), (JSON_TYPE, *headers), reason)


def error_answer(status: int, text: str, headers: Headers = (), *, reason: str = "") -> Answer:
    """``{"error": text}``. The refusal counter's note is ``text`` unless ``reason`` is given, as it must be when the text
    repeats anything of the body.
    """
    return json_answer(status, {"error": text}, headers, reason=reason or text)


def refuse(status: int, text: str, headers: Headers = (), *, reason: str = "") -> Refusal:
    """:func:`error_answer` as an exception to raise."""
    return Refusal(error_answer(status, text, headers, reason=reason))


def retry_after(seconds: int) -> tuple[bytes, bytes]:
    """The ``Retry-After`` header; whole seconds, at least 1."""
    return b"retry-after", b"%d" % max(1, seconds)
