"""The first account, project and key: by ``headrace init``, or through the one-time link that ``serve`` prints."""

from __future__ import annotations

import secrets
from hashlib import sha256

import msgspec
from sqlalchemy import Connection

from headrace.api.services import accounts, keys, projects
from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import Actor, Context, ServiceError, line
from headrace.api.services.keys import KeySpec, NewKey
from headrace.api.services.projects import ProjectInfo
from headrace.catalog import accounts as account_rows
from headrace.catalog import meta
from headrace.catalog.accounts import AccountRow

#: The first project's name when none is given.
FIRST_PROJECT = "First project"
#: Random bytes of a set-up token.
TOKEN_BYTES = 32


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


def complete(context: Context, token: str, *, email: str, password: str, project: str = FIRST_PROJECT) -> SetUp:
    """Uses the token up and makes owner, project and key. A refusal of the form leaves the token valid. Raises
    ``invalid``, ``forbidden`` for a token that is not (or no longer) the valid one.
    """
    row = accounts.prepare(context, email=email, password=password, name="", role="owner")
    title = line(project, "project")
    with context.catalog.write() as conn:
        if not meta.take_setup_token(conn, _digest(token)):
            raise ServiceError("forbidden", "this set-up link is not valid any more: restart headrace for a new one")
        return _begin(context, conn, row, title)


def init(context: Context, *, email: str, password: str, project: str = FIRST_PROJECT) -> SetUp:
    """The same for the operator, without a token. Raises ``invalid``, ``conflict`` when there is an account."""
    row = accounts.prepare(context, email=email, password=password, name="", role="owner")
    title = line(project, "project")
    with context.catalog.write() as conn:
        meta.drop_setup_token(conn)
        return _begin(context, conn, row, title)


def _begin(context: Context, conn: Connection, row: AccountRow, title: str) -> SetUp:
    if account_rows.count(conn):
        raise ServiceError("conflict", "this instance is set up already")
    account = accounts.add(conn, row)
    project = projects.add(context, conn, title, row.id)
    key = keys.add(context, conn, Actor(row.id), project, KeySpec(name="first key"))
    return SetUp(account, projects.info(project), key)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
