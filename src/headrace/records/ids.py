"""Ids: UUIDv7 text, and a stat's 64-bit number as the 11 base-62 characters that people and programs see."""

from __future__ import annotations

import os
from collections.abc import Callable
from uuid import UUID

#: Gives that many random bytes. Injected where a test needs the same ids twice.
RandomBytes = Callable[[int], bytes]

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Characters of a stat id: 62^11 > 2^63.
STAT_ID_LENGTH = 11
#: Stat numbers lie in [1, 2^63): they fit a signed BIGINT and the store's UInt64.
STAT_NUMBER_END = 1 << 63

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


def new_stat_number(random: RandomBytes = os.urandom) -> int:
    """A random stat number in [1, 2^63)."""
    while True:
        number = int.from_bytes(random(8), "big") >> 1
        if number:
            return number


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
