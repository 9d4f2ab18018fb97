"""Contexts as they leave the house for a command line or an AI: what names a secret or a person's address is masked (logister.md 1.11).

The names are looked at, never the values: a key's letters and digits, without regard to case. Ids of traces and requests stay: they
are what an investigation goes by.
"""

from __future__ import annotations

import re
from typing import Any

from headrace.dialects.jsontext import MAX_DEPTH

REDACTED = "[REDACTED]"
_NOT_WORD = re.compile(r"[^a-z0-9]+")
#: Anywhere in a name.
_STEMS = re.compile(
    r"passw|passphrase|secret|token|apikey|privatekey|accesskey|authorization|cookie|credential|crypt|certificate|email|creditcard|cardnumber"
)
#: A whole name, or a word of one.
_WORDS = frozenset(
    (
        *("key", "salt", "otp", "pin", "ssn", "cvv", "cvc", "iban", "auth", "pwd", "passwd", "jwt", "csrf", "dsn"),
        *("deviceid", "androidid", "idfa", "idfv", "imei", "meid", "installationid", "installationidhash", "subscriberid"),
    )
)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_sensitive(name: str) -> bool:
    """Whether what stands under ``name`` is masked."""
    words = [word for word in _NOT_WORD.split(_CAMEL.sub("_", name).lower()) if word]
    joined = "".join(words)
    return joined in _WORDS or _STEMS.search(joined) is not None or not _WORDS.isdisjoint(words)


def redacted(value: Any, depth: int = 0) -> Any:
    """A JSON value with what is sensitive masked; true, false and null stay: they tell nothing."""
    if depth > MAX_DEPTH:
        return REDACTED
    if isinstance(value, list):
        return [redacted(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: REDACTED if is_sensitive(name) and not (item is None or isinstance(item, bool)) else redacted(item, depth + 1)
        for name, item in value.items()
    }  # fmt: skip
