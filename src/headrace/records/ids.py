"""Ids: UUIDv7 text, and a stat's 64-bit number as the 11 base-62 characters that people and programs see."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from uuid import UUID, uuid5

#: Gives that many random bytes. Injected where a test needs the same ids twice.
RandomBytes = Callable[[int], bytes]

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Characters of a stat id: 62^11 > 2^63.
STAT_ID_LENGTH = 11
#: Stat numbers lie in [1, 2^63): they fit a signed BIGINT and the store's UInt64.
STAT_NUMBER_END = 1 << 63
#: The version of the UUIDs that :func:`uuid7` makes.
UUID7 = 7

#: The name space of deployments' ids. Any UUID, ours alone, for ever.
DEPLOYMENTS = UUID("6f1a7c52-3b0e-5d5c-9a43-4c1f0d6be8a7")

#: Bytes of a stat's classic key.
CLASSIC_KEY_BYTES = 16

_DIGIT = {character: value for value, character in enumerate(BASE62)}


def uuid7(now_us: int, random: RandomBytes = os.urandom) -> str:
    """A UUIDv7 for ``now_us`` (µs since the epoch). The 12 bits after the millisecond hold its fraction, so that ids
    made µs apart still sort by time (RFC 9562, 6.2 method 3).
    """
    ms, us = divmod(now_us, 1000)
    value = (ms & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | (us * 4096 // 1000) << 64
    value |= 0b10 << 62 | int.from_bytes(random(8), "big") >> 2
    return str(UUID(int=value))


def uuid7_us(text: str) -> int | None:
    """The moment (µs since the epoch) in an id that :func:`uuid7` made, None when ``text`` is no UUIDv7."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    if value.version != UUID7 or str(value) != text.lower():
        return None
    ms, fraction = value.int >> 80, value.int >> 64 & 0xFFF
    return ms * 1000 + -(-fraction * 1000 // 4096)


def deployment_id(project: int, repository: str, environment: str, release: str) -> str:
    """A deployment's id: the same for every report of it (rulings 3)."""
    return str(uuid5(DEPLOYMENTS, "\x1f".join((str(project), repository, environment, release))))


def new_stat_number(random: RandomBytes = os.urandom) -> int:
    """A random stat number in [1, 2^63)."""
    while True:
        number = int.from_bytes(random(8), "big") >> 1
        if number:
            return number


def classic_key(secret: bytes, stat: int) -> bytes:
    """StatHat's private key of a stat, 16 bytes that are shown as 32 hex digits; ``secret`` is the instance's (rulings 3)."""
    return hmac.digest(secret, stat_text(stat).encode(), "sha256")[:CLASSIC_KEY_BYTES]


def stat_text(number: int) -> str:
    """The 11 characters of a stat number. Raises ``ValueError`` outside [0, 2^63)."""
    if not 0 <= number < STAT_NUMBER_END:
        raise ValueError("a stat number is a 63-bit integer")
    digits = []
    for _ in range(STAT_ID_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits))


def stat_number(text: str) -> int | None:
    """The number behind 11 characters, None when ``text`` is no stat id (a name, for example)."""
    if len(text) != STAT_ID_LENGTH:
        return None
    number = 0
    for character in text:
        digit = _DIGIT.get(character)
        if digit is None:
            return None
        number = number * 62 + digit
    return number if number < STAT_NUMBER_END else None
