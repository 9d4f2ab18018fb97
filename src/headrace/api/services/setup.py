"""The first account, project and key: by ``headrace init``, or through the one-time link that ``serve`` prints."""

from __future__ import annotations

import secrets
from hashlib import sha256

import msgspec
from sqlalchemy import Connection

from headrace.api.services import accounts, audit, keys, projects, sessions
from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import OPERATOR, Actor, Context, ServiceError, Who, line
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.keys import NewKey
from headrace.api.services.projects import ProjectInfo
from headrace.catalog import accounts as account_rows
from headrace.catalog import meta
from headrace.catalog.accounts import AccountRow
from headrace.catalog.projects import ProjectRow

#: The first project's name when none is given.
FIRST_PROJECT = "First project"
#: Random bytes of a set-up token.
TOKEN_BYTES = 32


class Founded(msgspec.Struct, frozen=True):
    """What the set-up link makes: its first key is made where it is shown. ``token`` signs the owner in."""

    account: AccountInfo
    project: ProjectInfo
    token: str


class SetUp(msgspec.Struct, frozen=True):
    """All that an instance begins with."""

    account: AccountInfo
    project: ProjectInfo
    key: NewKey


def issue_token(context: Context) -> str | None:
    """A new set-up token, which ends any older one; None when the instance has an account. Only its SHA-256 is kept."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with context.catalog.write() as conn:
        if account_rows.count(conn):
            return None
        meta.put_setup_token(conn, _digest(token))
    return token


def complete(
    context: Context,
    token: str,
    *,
    email: str,
    password: str,
    name: str = "",
    project: str = FIRST_PROJECT,
    address: str = "",
    agent: str = "",
    idle_us: int = sessions.IDLE_US,
) -> Founded:
    """Uses the token up, makes owner and project and signs the owner in (``address``, ``agent`` and ``idle_us`` of the session). A refusal
    of the form leaves the token valid. Raises ``invalid``, ``forbidden`` for a token that is not (or no longer) the valid one.
    """
    row = accounts.prepare(context, email=email, password=password, name=name, role="owner")
    title = line(project, "project")
    with context.catalog.write() as conn:
        if not meta.take_setup_token(conn, _digest(token)):
            raise ServiceError("forbidden", "this set-up link is not valid any more: restart headrace for a new one")
        who = Who("account", row.id, row.email, address)
        account, made = _begin(context, conn, row, title, who)
        session = sessions.begin(context, conn, account, address, agent, idle_us=idle_us)
        return Founded(account, projects.info(made), session)


def init(context: Context, *, email: str, password: str, project: str = FIRST_PROJECT) -> SetUp:
    """The same for the operator, without a token. Raises ``invalid``, ``conflict`` when there is an account."""
    row = accounts.prepare(context, email=email, password=password, name="", role="owner")
    title = line(project, "project")
    with context.catalog.write() as conn:
        meta.drop_setup_token(conn)
        account, made = _begin(context, conn, row, title, OPERATOR.who)
        key = keys.add(context, conn, Actor(row.id), made, KeySpec(name="first key"))
        return SetUp(account, projects.info(made), key)


def _begin(context: Context, conn: Connection, row: AccountRow, title: str, who: Who) -> tuple[AccountInfo, ProjectRow]:
    if account_rows.count(conn):
        raise ServiceError("conflict", "this instance is set up already")
    account = accounts.add(conn, row)
    audit.note(context, conn, who, "made an account", subject_id=row.id, subject=row.email, details=row.role)
    return account, projects.add(context, conn, who, title, row.id)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
