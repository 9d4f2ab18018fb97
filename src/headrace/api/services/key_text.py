"""How a key's text looks, and what kind of key a text makes (rulings 2)."""

from __future__ import annotations

import secrets
import string
from hashlib import sha256
from typing import NamedTuple

from headrace.api.services.base import ServiceError
from headrace.records.ids import BASE62

#: Characters of a brought secret.
SECRET_MAX = 255
#: A brought secret shorter than this is a ``legacy`` key: it may only post in the StatHat dialect.
LEGACY_BELOW = 16
#: Characters of a minted key that lists show.
SHOWN = 8

_LOWER36 = string.ascii_lowercase + string.digits
_HEX = "0123456789abcdef"


class _Part(NamedTuple):
    prefix: str
    alphabet: str
    length: int


#: Each style's shape is the one that the vendor's own keys have; lengths without a vendor's figure give ≥ 95 bits.
STYLES: dict[str, tuple[_Part, ...]] = {
    "headrace": (_Part("hr_", BASE62, 32),),
    "statflow": (_Part("sf_", BASE62, 32),),
    "canaryhub": (_Part("ch_live_", BASE62, 32),),
    "seestack": (_Part("ask_live_", _LOWER36, 32),),
    "logister": (_Part("logister_", _HEX, 48),),
    "slowstats": (_Part("", BASE62, 16), _Part(".", BASE62, 32)),
    "stathat": (_Part("", BASE62, 16),),
}
#: SeeStack's keys for its environment ``test``; :data:`SHOWN` characters tell them from the others.
TEST_PARTS = (_Part("ask_test_", _LOWER36, 32),)


def digest(text: str) -> bytes:
    """What the catalog keeps of a secret."""
    return sha256(text.encode()).digest()


def mint(style: str, *, test: bool = False) -> str:
    """A new random key in ``style``, with ``test`` as SeeStack's are for its environment ``test``. Raises ``invalid`` for an unknown
    style.
    """
    if style not in STYLES:
        raise ServiceError("invalid", f"style must be one of {', '.join(STYLES)}")
    parts = TEST_PARTS if test else STYLES[style]
    return "".join(part.prefix + "".join(secrets.choice(part.alphabet) for _ in range(part.length)) for part in parts)


def check_brought(secret: str) -> str:
    """A secret that deployed programs already hold, unchanged. Raises ``invalid`` when no request could carry it."""
    if not secret or len(secret) > SECRET_MAX:
        raise ServiceError("invalid", f"secret must be 1 to {SECRET_MAX} characters")
    if not secret.isprintable() or secret != secret.strip():
        raise ServiceError("invalid", "secret must not hold control characters, nor blanks at its ends")
    if kind_of(secret) == "key" and (not secret.isascii() or " " in secret):
        raise ServiceError("invalid", "secret must be visible ASCII: it travels in a header")
    return secret


def kind_of(secret: str) -> str:
    """``legacy`` for texts that are easily guessed (an address, a short word), else ``key``."""
    return "legacy" if "@" in secret or len(secret) < LEGACY_BELOW else "key"
