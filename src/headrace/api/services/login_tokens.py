"""Tokens of programs that sign in as a person (seestack.md 4; the kind ``login`` of rulings 2).

A token is a login beside those of browsers: it is listed and ended with them, and a new password ends it. It holds no rights of its own:
what its account may do is asked for with every request, so that a role that changes counts at once. It lives for seven days, used or not.
"""

from __future__ import annotations

from typing import NamedTuple

from headrace.api.services import sessions
from headrace.api.services.accounts import AccountInfo, info
from headrace.api.services.base import Context, Who
from headrace.catalog.logins import PROGRAM_PREFIX

#: A token's life, µs (upstream's figure).
LIFE_US = 7 * 24 * 3_600 * 1_000_000


class Holder(NamedTuple):
    """Whose token it is, as whom the audit log names them, and when it ends (µs)."""

    account: AccountInfo
    who: Who
    expires_at: int


class Opened(NamedTuple):
    """A token just made: the only time that it is seen."""

    token: str
    account: AccountInfo


def open(context: Context, email: str, password: str, address: str, agent: str) -> Opened:  # noqa: A001 - as ``sessions.open``
    """Signs a program in. Raises as :func:`sessions.open`, with the same words."""
    account = sessions.prove(context, email, password, address)
    with context.catalog.write() as conn:
        token = sessions.begin(context, conn, account, address, agent, idle_us=LIFE_US, prefix=PROGRAM_PREFIX)
    return Opened(token, account)


def find(context: Context, token: str, address: str) -> Holder | None:
    """Whose token it is, None when it has ended, never was, or is that of a browser."""
    found = sessions.look_up(context, token) if token.startswith(PROGRAM_PREFIX) else None
    if found is None:
        return None
    login, account = found
    sessions.note_seen(context, login, address, until=login.expires_at)
    return Holder(info(account), Who("account", account.id, account.email, address), login.expires_at)
