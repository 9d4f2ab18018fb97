"""Whether a set-up link is still good, asked before its form is shown."""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa

from headrace.api.services import Context
from headrace.catalog import tables


def is_valid(context: Context, token: str) -> bool:
    """Whether ``token`` would be accepted now. Nothing is used up."""
    digest = sha256(token.encode("utf-8", "replace")).digest()
    with context.catalog.read() as conn:
        valid: bytes | None = conn.execute(sa.select(tables.meta.c.setup_sha256)).scalar_one()
    return valid == digest
