"""Ids: UUIDv7 text, and a stat's 64-bit number as the 11 base-62 characters that people and programs see."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from struct import iter_unpack
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
#: The name space of issues' ids, likewise.
ISSUES = UUID("c2d49f0e-58b1-5b7e-8f36-91a07e5d3c14")

#: Bytes of a stat's classic key.
CLASSIC_KEY_BYTES = 16

_DIGIT = {character: value for value, character in enumerate(BASE62)}


#: The digit that names a UUID's variant (RFC 9562) and keeps two bits of a random one; a millisecond's fraction as twelve bits.
_VARIANT = {digit: "89ab"[value % 4] for value, digit in enumerate("0123456789abcdef")}
_FRACTION = tuple(f"{us * 4096 // 1000:03x}" for us in range(1000))

#: Random bytes are asked of the system for so many ids at once: each question costs more than all the rest of an id.
_DRAWN = 256
_drawn: Iterator[tuple[bytes]] = iter(())


def _eight_random_bytes(_count: int) -> bytes:
    """Bytes that nobody else has got, whichever thread asks: an iterator gives each of its items once."""
    global _drawn  # noqa: PLW0603 - what is left over of the last question
    for (found,) in _drawn:
        return found
    _drawn = iter_unpack("8s", os.urandom(8 * _DRAWN))
    return os.urandom(8)


def uuid7(now_us: int, random: RandomBytes = _eight_random_bytes) -> str:
    """A UUIDv7 for ``now_us`` (µs since the epoch). The 12 bits after the millisecond hold its fraction, so that ids
    made µs apart still sort by time (RFC 9562, 6.2 method 3).
    """
    chance = random(8).hex()
    return f"{_begin_uuid7(now_us // 1000)}{_FRACTION[now_us % 1000]}-{_VARIANT[chance[0]]}{chance[1:4]}-{chance[4:]}"


@lru_cache(maxsize=64)
def _begin_uuid7(ms: int) -> str:
    """What all ids of a millisecond begin with."""
    return f"{ms >> 16 & 0xFFFFFFFF:08x}-{ms & 0xFFFF:04x}-7"


def uuid4_text(random: RandomBytes = _eight_random_bytes) -> str:
    """A random UUID (version 4), as :func:`uuid.uuid4` makes them, for a fifth of its cost."""
    high, low = random(8).hex(), random(8).hex()
    return f"{high[:8]}-{high[8:12]}-4{high[13:]}-{_VARIANT[low[0]]}{low[1:4]}-{low[4:]}"


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


def issue_id(project: int, fingerprint: str) -> str:
    """The id of an issue: made of what identifies it, so that it needs no record."""
    return str(uuid5(ISSUES, f"{project}/{fingerprint}"))


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
