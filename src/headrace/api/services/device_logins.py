"""Device logins: a command line asks to be let in, a person says yes or no in the browser (RFC 8628; logister.md 1.11)."""

from __future__ import annotations

import hmac
import secrets
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from headrace.api.services import accounts, audit, key_text, roles, sessions
from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import Context, ServiceError, Who, line
from headrace.api.services.roles import Membership
from headrace.catalog import accounts as account_rows
from headrace.catalog import device_logins, logins, meta
from headrace.catalog.accounts import AccountRow
from headrace.catalog.device_logins import DeviceLogin
from headrace.catalog.logins import CLI_PREFIX, LoginRow
from headrace.catalog.projects import KEPT_STATES

#: Random bytes of a key, which are 64 hex digits behind ``CLI_PREFIX``, and of what a command line polls with.
_KEY_BYTES = 32
#: What a command line may do at most, whatever the role of its person (rulings 2).
READ = frozenset(("read",))
#: Life of a code and of the key that it becomes, and the shortest time between two questions for it, seconds.
CODE_LIFE_S = 600
KEY_LIFE_S = 30 * 86_400
INTERVAL_S = 3
#: How long a code that is over is remembered, µs: until then its command line is told that it came too late.
_KEPT_US = 3_600 * 1_000_000
#: Codes that may wait at once: whoever asks has shown nothing yet.
PENDING_MAX = 1_000
#: Characters of the name that a command line gives itself.
CLIENT_NAME_MAX = 80
#: Codes are read aloud and typed: no vowels, so no words, and nothing that looks like something else. Eight of 20 are 34 bits.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
CODE_LENGTH = 8
_TRIES = 5

State = Literal["authorization_pending", "slow_down", "access_denied", "expired_token", "invalid_grant"]


class Challenge(NamedTuple):
    """``device_code`` is the command line's secret, ``user_code`` what a person types."""

    device_code: str
    user_code: str
    scopes: tuple[str, ...]


class Asked(NamedTuple):
    """What a person decides on."""

    client_name: str
    scopes: tuple[str, ...]


class Granted(NamedTuple):
    """The key, this one time; ``expires_at`` in µs."""

    key: str
    expires_at: int
    scopes: tuple[str, ...]


class SignedIn(NamedTuple):
    """A command line that is in: its login, and the account that it acts as."""

    login: LoginRow
    account: AccountInfo


def begin(context: Context, *, client_name: str, scopes: tuple[str, ...]) -> Challenge:
    """A code that waits for a person. Raises ``invalid`` (name) and ``conflict`` (too many wait)."""
    name = line(client_name, "client_name", CLIENT_NAME_MAX)
    now = context.now()
    with context.catalog.write() as conn:
        device_logins.forget_expired(conn, now - _KEPT_US)
        if device_logins.count_pending(conn) >= PENDING_MAX:
            raise ServiceError("conflict", "too many logins wait for approval")
        for _ in range(_TRIES):
            challenge = Challenge(secrets.token_hex(_KEY_BYTES), _new_code(), scopes)
            row = DeviceLogin(
                id=context.new_id(),
                device_sha256=key_text.digest(challenge.device_code),
                user_digest=_digest(conn, challenge.user_code),
                client_name=name,
                scopes=scopes,
                state="pending",
                account_id=None,
                created_at=now,
                expires_at=now + CODE_LIFE_S * 1_000_000,
                polled_at=None,
            )
            if device_logins.by_user_code(conn, row.user_digest) is None:
                device_logins.add(conn, row)
                return challenge
    raise ServiceError("conflict", "no code is free")


def look(context: Context, code: str) -> Asked:
    """What waits under the code, however it is typed. Raises ``not_found`` for a code that nobody waits with (any more)."""
    with context.catalog.read() as conn:
        found = _waiting(context, conn, code)
    return Asked(found.client_name, found.scopes)


def decide(context: Context, who: Who, code: str, *, approve: bool) -> Asked:
    """The answer of the account ``who`` is. Raises ``not_found`` as :func:`look` does."""
    with context.catalog.write() as conn:
        found = _waiting(context, conn, code)
        state = "approved" if approve else "denied"
        if not device_logins.decide(conn, found.id, state=state, account_id=who.id):
            raise ServiceError("not_found", "no login waits with this code")
    return Asked(found.client_name, found.scopes)


def exchange(context: Context, device_code: str, address: str) -> Granted | State:
    """The key, once a person has said yes; else how it stands. ``address`` is the command line's. A key is a login beside those of
    browsers: it is listed and ended with them.
    """
    now, digest = context.now(), key_text.digest(device_code)
    with context.catalog.read() as conn:  # whoever has no code writes nothing
        if device_logins.by_device(conn, digest) is None:
            return "invalid_grant"
    with context.catalog.write() as conn:
        found = device_logins.by_device(conn, digest)
        if found is None:
            return "invalid_grant"
        if found.expires_at <= now:
            return "expired_token"
        early = found.polled_at is not None and now - found.polled_at < INTERVAL_S * 1_000_000
        device_logins.touch(conn, found.id, now)
        if found.state == "pending":
            return "slow_down" if early else "authorization_pending"
        if found.state == "denied":
            return "access_denied"
        row = account_rows.by_id(conn, found.account_id or "")
        if row is None or not device_logins.use(conn, found.id):
            return "invalid_grant"
        return _grant(context, conn, found, row, address)


def find(context: Context, token: str, address: str) -> SignedIn | None:
    """Who is behind a command line's key, None when it has ended or never was."""
    found = sessions.look_up(context, token) if token.startswith(CLI_PREFIX) else None
    if found is None:
        return None
    login, account = found
    sessions.note_seen(context, login, address, until=login.expires_at)
    return SignedIn(login, accounts.info(account))


def place(context: Context, account_id: str, ref: str, address: str) -> Membership:
    """The place of a command line's person in the live project ``ref`` (id, slug, or a name that only one of theirs has), for reading.
    Raises ``not_found``, the same for projects of others, and ``conflict`` for a name of several.
    """
    with context.catalog.read() as conn:
        account, who = _person(conn, account_id, address)
        try:
            return _reading(roles.membership(conn, account, ref, who))
        except ServiceError as error:
            if error.code != "not_found":
                raise
        named = [one for one in roles.places(conn, account, who) if one.info.name == ref]
    if len(named) > 1:
        raise ServiceError("conflict", f"{len(named)} projects have this name: use the id or the slug")
    if not named:
        raise ServiceError("not_found", "project not found")
    return _reading(named[0])


def places(context: Context, account_id: str, address: str, *, archived: bool = False) -> list[Membership]:
    """The projects of a command line's person, by number, for reading: what they belong to is asked for each time. ``archived`` ones, too,
    if wanted.
    """
    with context.catalog.read() as conn:
        account, who = _person(conn, account_id, address)
        found = roles.places(conn, account, who, KEPT_STATES if archived else roles.LIVE)
    return [_reading(one) for one in found]


def _person(conn: Connection, account_id: str, address: str) -> tuple[AccountInfo, Who]:
    """As whom a command line acts, and how the audit log names them. Raises ``not_found`` when the account is gone."""
    row = account_rows.by_id(conn, account_id)
    if row is None:
        raise ServiceError("not_found", "account not found")
    return accounts.info(row), Who("account", row.id, row.email, address)


def _reading(found: Membership) -> Membership:
    return found._replace(actor=found.actor._replace(scopes=found.actor.scopes & READ))


def _grant(context: Context, conn: Connection, login: DeviceLogin, account: AccountRow, address: str) -> Granted:
    now = context.now()
    token = CLI_PREFIX + secrets.token_hex(_KEY_BYTES)
    end = now + KEY_LIFE_S * 1_000_000
    scopes = " ".join(login.scopes)
    logins.forget_expired(conn, now)
    logins.add(
        conn,
        LoginRow(
            context.new_id(), account.id, key_text.digest(token), now, now, end, address, login.client_name, scopes
        ),
    )
    who = Who("account", account.id, account.email, address)
    audit.note(context, conn, who, "signed in", details=login.client_name)
    return Granted(token, end, login.scopes)


def _waiting(context: Context, conn: Connection, code: str) -> DeviceLogin:
    typed = "".join(character for character in code.upper() if character.isalnum())
    found = device_logins.by_user_code(conn, _digest(conn, typed)) if len(typed) == CODE_LENGTH else None
    if found is None or found.state != "pending" or found.expires_at <= context.now():
        raise ServiceError("not_found", "no login waits with this code")
    return found


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def shown_code(code: str) -> str:
    """The code as a person reads it: ``BCDF-GHJK``."""
    return f"{code[: CODE_LENGTH // 2]}-{code[CODE_LENGTH // 2 :]}"


def _digest(conn: Connection, code: str) -> bytes:
    """Keyed: a code is too short for a hash alone to hide it."""
    return hmac.digest(meta.instance_secret(conn), b"device login " + code.encode(), "sha256")
