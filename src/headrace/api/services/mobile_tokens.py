"""Mobile tokens: a server's key makes a short-lived one for an installation of its app (logister.md 1.9)."""

from __future__ import annotations

import secrets
from typing import Any

from headrace.api.services import key_text
from headrace.api.services.base import Context
from headrace.catalog import mobile_tokens, projects
from headrace.catalog.keys import KeyRow

#: Random bytes of a token.
_BYTES = 32


def platform_of(context: Context, number: int) -> str:
    """What the project is for; "" when it is gone."""
    with context.catalog.read() as conn:
        row = projects.by_number(conn, number)
    return "" if row is None else row.platform


def mint(context: Context, parent: KeyRow, bindings: dict[str, Any], life_s: int) -> tuple[str, int]:
    """A new token bound to ``bindings`` and its expiry (µs), which is not after its parent's."""
    now = context.now()
    text = mobile_tokens.PREFIX + secrets.token_hex(_BYTES)
    expires_at = now + life_s * 1_000_000
    if parent.expires_at is not None:
        expires_at = min(expires_at, parent.expires_at)
    with context.catalog.write() as conn:
        mobile_tokens.add(
            conn,
            key_id=context.new_id(),
            parent=parent,
            name=f"mobile token of {parent.name}",
            secret_sha256=key_text.digest(text),
            shown=text[: key_text.SHOWN],
            bindings=bindings,
            at=now,
            expires_at=expires_at,
        )
    return text, expires_at
