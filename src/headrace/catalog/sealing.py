"""Secrets that have to be read again (an address to send to), encrypted under the instance's secret."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from headrace.records.ids import RandomBytes

#: What a seal is for: each purpose has a key of its own.
OUTBOX_ADDRESSES: Final = "outbox addresses"
IMPORT_TOKENS: Final = "import tokens"

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
#: Says how a text was sealed, so that another way can follow.
_FORM: Final = "1."


class NotSealed(ValueError):
    """A text that this seal has not made, or that was changed since. The text of the error never repeats it."""


class Seal:
    """AES-256-GCM under a key derived from ``secret`` for one ``purpose``. Safe to use from any thread."""

    def __init__(self, secret: bytes, purpose: str, random: RandomBytes = os.urandom) -> None:
        derive = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=f"headrace {purpose}".encode())
        self._cipher = AESGCM(derive.derive(secret))
        self._random = random

    def seal(self, text: str) -> str:
        """``text`` encrypted, in ASCII; never the same twice."""
        nonce = self._random(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), _FORM.encode())
        return _FORM + urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str) -> str:
        """What was sealed. Raises :class:`NotSealed`."""
        try:
            if not sealed.startswith(_FORM):
                raise NotSealed("not sealed in a form that is known")
            data = urlsafe_b64decode(sealed[len(_FORM) :])
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _FORM.encode()).decode()
        except (InvalidTag, ValueError):
            raise NotSealed("not sealed by this instance, or changed since") from None
