"""The key that stands for a command line that a person let in (rulings 2, kind ``cli``)."""

from __future__ import annotations

from headrace.api.services import Context, device_logins
from headrace.catalog.keys import KeyRow

#: The kind of such a key.
CLI = "cli"


def cli_key(context: Context, token: str, address: str) -> KeyRow | None:
    """None for a token of nobody's. It has no project: what its person belongs to is asked for with each request. ``bindings`` tell what
    it was let in for, when (µs) and when it was last seen.
    """
    found = device_logins.find(context, token, address)
    if found is None:
        return None
    login, account = found
    return KeyRow(
        id=login.id,
        account=account.id,
        project=0,
        project_id="",
        reach="account",
        kind=CLI,
        scopes=device_logins.READ,
        secret_sha256=login.token_sha256,
        bindings={"scopes": login.scopes.split(), "created_at": login.created_at, "seen_at": login.seen_at},
        rate=None,
        burst=None,
        unlimited=False,
        expires_at=login.expires_at,
        last_used_at=None,
        name=login.agent,
    )
