"""Text that every part of the house can hold: valid UTF-8, no lone surrogates, no NUL."""

from __future__ import annotations

from typing import Any

REPLACEMENT = "\ufffd"


def clean_text(text: str) -> str:
    """``text`` with lone surrogates and NUL replaced by U+FFFD; the same object when nothing had to change."""
    if text.isascii():
        return text.replace("\x00", REPLACEMENT) if "\x00" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        # A surrogate pair that Python holds as two code points becomes the character it stands for.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", REPLACEMENT) if "\x00" in text else text


def clean_json(value: Any) -> Any:
    """A parsed JSON value with every key and string cleaned. Depth is bounded by the parser that made it."""
    if type(value) is str:
        return clean_text(value)
    if type(value) is dict:
        return {clean_text(key): clean_json(item) for key, item in value.items()}
    if type(value) is list:
        return [clean_json(item) for item in value]
    return value


def escapes_nul(json: bytes) -> bool:
    """Whether JSON holds the escape of a NUL, in one of its strings or as text in one that was escaped twice. Looked for from the end:
    that takes half the time, because backslashes are rarer than zeros.
    """
    return b"\\" in json and json.rfind(b"\\u0000") >= 0
