"""What SeeStack's programs begin with: an account of their own making where registration is open, and projects that come with their
first key (seestack.md 4).
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from headrace.api.services import accounts, audit, keys, projects, sessions
from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import Actor, Context, ServiceError, Who
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.keys import NewKey
from headrace.api.services.login_tokens import LIFE_US
from headrace.api.services.projects import ProjectInfo
from headrace.catalog import accounts as account_rows
from headrace.catalog.logins import PROGRAM_PREFIX
from headrace.catalog.projects import DEFAULT_PLATFORM

#: The project that a new account begins with.
FIRST_PROJECT = "My First Project"
#: The key that a project comes with. It stands in programs that anybody may read, so it cannot read.
INGEST_KEY = KeySpec(name="first key", style="seestack", scopes=("write",))


class NewProject(NamedTuple):
    """A project just made, and the only sight of its key."""

    project: ProjectInfo
    key: NewKey


class Registered(NamedTuple):
    """``token`` signs the account's program in (``services.login_tokens``)."""

    token: str
    account: AccountInfo
    first: NewProject


def register(context: Context, *, email: str, password: str, name: str, address: str, agent: str) -> Registered:
    """A new account, never an owner of the instance, with a project, its key and a login. The caller sees to it that registration is open.
    Raises ``invalid``, ``conflict`` (the address is taken), ``forbidden`` while the instance has no owner yet.
    """
    row = accounts.prepare(context, email=email, password=password, name=name, role="member")
    who = Who("account", row.id, row.email, address)
    with context.catalog.write() as conn:
        if not account_rows.count(conn):
            raise ServiceError("forbidden", "this server is not set up yet: its owner comes first")
        account = accounts.add(conn, row)
        audit.note(context, conn, who, "made an account", subject_id=row.id, subject=row.email, details=row.role)
        first = _add(context, conn, Actor(row.id, who=who), FIRST_PROJECT, DEFAULT_PLATFORM)
        token = sessions.begin(context, conn, account, address, agent, idle_us=LIFE_US, prefix=PROGRAM_PREFIX)
    return Registered(token, account, first)


def create_project(context: Context, actor: Actor, *, name: str, platform: str) -> NewProject:
    """A project of the actor's account with its first key, both or neither. Raises ``invalid``, and ``forbidden`` for whoever may not make one and
    for a key that does not hold ``write`` itself.
    """
    with context.catalog.write() as conn:
        projects.check_may_make(conn, actor)
        return _add(context, conn, actor, name, platform)


def _add(context: Context, conn: Connection, actor: Actor, name: str, platform: str) -> NewProject:
    assert actor.account is not None
    row = projects.add(context, conn, actor.who, name, actor.account, platform)
    return NewProject(projects.info(row), keys.add(context, conn, actor, row, INGEST_KEY))
