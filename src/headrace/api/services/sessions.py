"""Sessions of people: opened with a password, found by the token that the browser holds, listed and ended.

The catalog keeps a token's SHA-256, never the token. A session that is not used for its length of life is over; every use moves the
end on.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from headrace.api.services import accounts, audit, roles
from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import Actor, Context, ServiceError, Who
from headrace.api.services.roles import Membership
from headrace.catalog import accounts as account_rows
from headrace.catalog import logins
from headrace.catalog.accounts import AccountRow
from headrace.catalog.logins import PROGRAM_PREFIX, PROGRAM_PREFIXES, LoginRow
from headrace.catalog.projects import KEPT_STATES
from headrace.records.text import clean_text

#: Random bytes of a token.
TOKEN_BYTES = 32
#: A session's life without use, µs, unless the settings say otherwise.
IDLE_US = 30 * 24 * 3_600 * 1_000_000
#: A use is noted this often at most, µs: a page must not cost a write.
SEEN_EVERY_US = 5 * 60 * 1_000_000
#: Characters kept of a browser's description, and what stands before that of a program.
AGENT_MAX = 200
PROGRAM_AGENT = "API, "


class Viewer(NamedTuple):
    """Who looks at a page. ``session`` is the session's id, ``csrf`` what every form must bring back; ``actor`` is the account on its own,
    in a project it is :attr:`Membership.actor`.
    """

    account: AccountInfo
    session: str
    csrf: str
    actor: Actor

    @property
    def is_owner(self) -> bool:
        """Whether this is an owner of the instance."""
        return self.account.role == "owner"


class SessionInfo(msgspec.Struct, frozen=True):
    """A browser or program that is signed in. ``current``: the one that asks. Times in µs."""

    id: str
    created_at: int
    seen_at: int
    address: str
    agent: str
    current: bool


def open(  # noqa: A001 - sessions.open reads as what it does
    context: Context, email: str, password: str, address: str, agent: str, *, idle_us: int = IDLE_US
) -> str:
    """Signs in; gives the token. Takes the time of an argon2 hash whoever is named. Raises ``forbidden`` with the same words for an
    unknown address and a wrong password.
    """
    account = prove(context, email, password, address)
    with context.catalog.write() as conn:
        return begin(context, conn, account, address, agent, idle_us=idle_us)


def prove(context: Context, email: str, password: str, address: str) -> AccountInfo:
    """The account whose password this is. A failure is told in the audit log; raises as :func:`open`."""
    account = accounts.verify_password(context, email, password)
    if account is not None:
        return account
    with context.catalog.write() as conn:
        known = account_rows.by_email(conn, clean_text(email).strip().casefold())
        # What was typed is not kept: it may be the password, in the wrong field.
        who = Who("visitor", known.id, known.email, address) if known else Who("visitor", address=address)
        audit.note_failure(context, conn, who)
    raise ServiceError("forbidden", "this e-mail address and password do not belong together")


def begin(
    context: Context,
    conn: Connection,
    account: AccountInfo,
    address: str,
    agent: str,
    *,
    idle_us: int = IDLE_US,
    prefix: str = "",
) -> str:
    """A session of an account that has proved itself (by its password, or a link made for it); gives the token, which begins with
    ``prefix``.
    """
    token = prefix + base64.urlsafe_b64encode(context.random(TOKEN_BYTES)).rstrip(b"=").decode()
    now = context.now()
    described = " ".join(clean_text(agent).split())
    shown = (PROGRAM_AGENT + described if prefix == PROGRAM_PREFIX else described)[:AGENT_MAX]
    row = LoginRow(context.new_id(), account.id, _digest(token), now, now, now + idle_us, address, shown)
    logins.forget_expired(conn, now)
    logins.add(conn, row)
    audit.note(context, conn, Who("account", account.id, account.email, address), "signed in", details=shown)
    return token


def find(context: Context, token: str, address: str = "") -> Viewer | None:
    """Whose session it is, None when it is over or never was, and for the token of a program."""
    found = None if token.startswith(PROGRAM_PREFIXES) else look_up(context, token)
    if found is None:
        return None
    login, account = found
    note_seen(context, login, address, until=context.now() + login.expires_at - login.seen_at)
    who = Who("account", account.id, account.email, address)
    return Viewer(accounts.info(account), login.id, _csrf(token), Actor(account.id, who=who))


def look_up(context: Context, token: str) -> tuple[LoginRow, AccountRow] | None:
    """The live login with this token, and its account."""
    with context.catalog.read() as conn:
        found = logins.find(conn, _digest(token))
    return None if found is None or found[0].expires_at <= context.now() else found


def project(context: Context, viewer: Viewer, ref: str | int) -> Membership:
    """The viewer's place in the live project ``ref`` (number, id, slug). Raises ``not_found``, the same for projects of others."""
    with context.catalog.read() as conn:
        return roles.membership(conn, viewer.account, ref, viewer.actor.who)


def projects(context: Context, viewer: Viewer) -> list[Membership]:
    """Every live project that the viewer belongs to, by number."""
    return roles.memberships(context, viewer.account, viewer.actor.who)


def retired(context: Context, viewer: Viewer) -> list[Membership]:
    """The projects that are archived or being deleted and that the viewer owns, by number."""
    places = roles.memberships(context, viewer.account, viewer.actor.who, ("archived", "deleting"))
    return [place for place in places if place.allows("owner")]


def kept_project(context: Context, viewer: Viewer, ref: str | int) -> Membership:
    """As :func:`project`, but archived ones are found, too."""
    with context.catalog.read() as conn:
        return roles.membership(conn, viewer.account, ref, viewer.actor.who, KEPT_STATES)


def list_open(context: Context, viewer: Viewer) -> list[SessionInfo]:
    """The account's sessions, the last seen first."""
    with context.catalog.read() as conn:
        rows = logins.load(conn, viewer.account.id, context.now())
    return [
        SessionInfo(row.id, row.created_at, row.seen_at, row.address, row.agent, row.id == viewer.session)
        for row in rows
    ]


def close(context: Context, viewer: Viewer, session: str | None = None) -> None:
    """Ends a session of the viewer's account, by default the present one. Raises ``not_found``."""
    with context.catalog.write() as conn:
        if not logins.end(conn, viewer.account.id, clean_text(session or viewer.session)):
            raise ServiceError("not_found", "session not found")
        own = session in (None, viewer.session)
        audit.note(context, conn, viewer.actor, "signed out" if own else "ended a session", subject_id=session or "")


def note_seen(context: Context, login: LoginRow, address: str, *, until: int) -> None:
    """Notes now and then that a login is in use, and that it ends at ``until`` µs."""
    now = context.now()
    if now - login.seen_at < SEEN_EVERY_US:
        return
    try:
        with context.catalog.write() as conn:
            logins.touch(conn, login.id, seen_at=now, expires_at=until, address=address)
    except OperationalError:
        # Reading goes on when nothing can be written (a full disk): that is when people want to look.
        return


def _csrf(token: str) -> str:
    """Made from the token, so that nothing need be kept and no other session's will do."""
    return hmac.digest(token.encode("utf-8", "replace"), b"csrf", "sha256").hex()


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
