"""Accounts and their passwords."""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from headrace.api.services import audit
from headrace.api.services.base import Actor, Context, ServiceError, Who, line, require
from headrace.catalog import accounts, logins
from headrace.catalog.accounts import AccountRow
from headrace.records.text import clean_text

#: Characters of a password that a person chooses, whichever way the account is made; the most are SeeStack's (seestack.md 4).
PASSWORD_MIN, PASSWORD_MAX = 12, 128
#: Characters of an address (RFC 5321).
EMAIL_MAX = 254

# What could not be kept is read as U+FFFD: two people's addresses must not become one.
_EMAIL = re.compile(r"[^\s@\0\ufffd]+@[^\s@\0\ufffd]+\Z")
# 19 MiB, two passes: OWASP's first choice for argon2id on a server that does other things besides.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Compared with when the address is unknown, so that both answers take the same time. No password matches it.
_nobody = _hasher.hash("")


class AccountInfo(msgspec.Struct, frozen=True):
    id: str
    email: str
    name: str
    role: str
    created_at: int


def create(
    context: Context,
    actor: Actor,
    *,
    email: str,
    password: str,
    name: str = "",
    role: Literal["owner", "member"] | None = None,
) -> AccountInfo:
    """A new account, by the operator or an owner; without ``role`` the first one is an owner, others are members. Raises ``invalid``, ``conflict`` (address taken), ``forbidden``."""
    row = prepare(context, email=email, password=password, name=name, role=role or "member")
    with context.catalog.write() as conn:
        _require_owner(conn, actor)
        if role is None and not accounts.count(conn):
            row = row._replace(role="owner")
        add(conn, row)
        audit.note(context, conn, actor, "made an account", subject_id=row.id, subject=row.email, details=row.role)
    return info(row)


def list_all(context: Context, actor: Actor) -> list[AccountInfo]:
    """Oldest first; for the operator and owners."""
    with context.catalog.read() as conn:
        _require_owner(conn, actor)
        return [info(row) for row in accounts.load_all(conn)]


def find(context: Context, account_id: str) -> AccountInfo | None:
    """The account with this id."""
    with context.catalog.read() as conn:
        row = accounts.by_id(conn, account_id)
    return None if row is None else info(row)


def verify_password(context: Context, email: str, password: str) -> AccountInfo | None:
    """The account whose address and password these are, else None; takes as long either way."""
    with context.catalog.read() as conn:
        row = accounts.by_email(conn, clean_text(email).strip().casefold())
    stored = row.password_hash if row else _nobody
    try:
        _hasher.verify(stored, clean_text(password)[: PASSWORD_MAX + 1])
    except (VerificationError, InvalidHashError):
        return None
    if row is None or not password:
        return None
    if _hasher.check_needs_rehash(stored):
        with context.catalog.write() as conn:
            accounts.replace_hash(conn, row.id, stored, _hasher.hash(clean_text(password)))
    return info(row)


def change_password(context: Context, who: Who, login: str, *, old: str, new: str) -> None:
    """Another password for the account ``who`` is; every session of it but ``login`` ends. Two argon2 hashes. Raises ``invalid`` (the
    new one will not do), ``forbidden`` (the old one is wrong).
    """
    check_password(new)
    account = verify_password(context, who.name, old)
    if account is None or account.id != who.id:
        raise ServiceError("forbidden", "the present password is another one")
    fresh = _hasher.hash(clean_text(new))
    with context.catalog.write() as conn:
        row = accounts.by_id(conn, who.id)
        if row is None or not accounts.replace_hash(conn, row.id, row.password_hash, fresh):
            raise ServiceError("conflict", "the account was changed meanwhile: try again")
        ended = logins.end_others(conn, row.id, login)
        audit.note(context, conn, who, "changed the password", details=f"{ended} other sessions ended" if ended else "")


def rename(context: Context, who: Who, name: str) -> None:
    """Another name for the account ``who`` is. Raises ``invalid``."""
    shown = line(name, "name")
    with context.catalog.write() as conn:
        accounts.rename(conn, who.id, shown)
        audit.note(context, conn, who, "changed the name", details=shown)


def check_password(password: str) -> None:
    """Raises ``invalid`` unless ``password`` is long enough and not too long."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise ServiceError("invalid", f"password must be {PASSWORD_MIN} to {PASSWORD_MAX} characters")


def is_email(text: str) -> bool:
    """Whether ``text`` looks like an address."""
    return _EMAIL.match(text) is not None


def check_email(email: str) -> str:
    """The address in the form that is compared. Raises ``invalid``."""
    address = line(email, "email", EMAIL_MAX).casefold()
    if not is_email(address):
        raise ServiceError("invalid", "email must be an address such as name@example.org")
    return address


def prepare(context: Context, *, email: str, password: str, name: str, role: str) -> AccountRow:
    """A checked account with its password hashed (20 ms, so outside any transaction)."""
    if role not in ("owner", "member"):
        raise ServiceError("invalid", "role must be owner or member")
    address = check_email(email)
    check_password(password)
    shown = line(name, "name") if name.strip() else address.partition("@")[0][:64]
    return AccountRow(context.new_id(), address, shown, _hasher.hash(clean_text(password)), role, context.now())


def add(conn: Connection, row: AccountRow) -> AccountInfo:
    """Stores a prepared account; raises ``conflict`` when its address is taken."""
    try:
        accounts.add(conn, row)
    except IntegrityError:
        raise ServiceError("conflict", "an account with this email exists already") from None
    return info(row)


def _require_owner(conn: Connection, actor: Actor) -> None:
    if actor.account is None:
        return
    require(actor, "manage")
    row = accounts.by_id(conn, actor.account)
    if row is None or row.role != "owner" or actor.project is not None:
        raise ServiceError("forbidden", "only an owner may manage accounts")


def info(row: AccountRow) -> AccountInfo:
    return AccountInfo(row.id, row.email, row.name, row.role, row.created_at)
