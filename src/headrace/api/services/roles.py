"""Roles: what an account may do in a project.

| role | reads | writes (notes, replays) | manages (keys, monitors, members) | archives, deletes |
|---|---|---|---|---|
| viewer | yes | no | no | no |
| member | yes | yes | no | no |
| admin | yes | yes | yes | no |
| owner | yes | yes | yes | yes |

The account that owns a project is its owner, and so is every owner of the instance.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import SCOPES, Actor, Context, ServiceError, Who
from headrace.api.services.projects import ProjectInfo, info
from headrace.catalog import members, projects
from headrace.catalog.projects import ProjectRow
from headrace.records.text import clean_text

#: The states of projects that people look into.
LIVE = ("live",)
#: From the least to the most.
ROLES = ("viewer", "member", "admin", "owner")
#: What a role may do, in the words that keys use.
SCOPES_OF = {
    "viewer": frozenset(("read",)),
    "member": frozenset(("read", "write")),
    "admin": SCOPES,
    "owner": SCOPES,
}


class Membership(NamedTuple):
    """A project, the role that an account has in it, and the actor that services are given there."""

    info: ProjectInfo
    role: str
    actor: Actor

    def allows(self, role: str) -> bool:
        """Whether the account's role is ``role`` or more."""
        return ROLES.index(self.role) >= ROLES.index(role)


def membership(
    conn: Connection, account: AccountInfo, ref: str | int, who: Who, states: Collection[str] = LIVE
) -> Membership:
    """The account's place in the live project with this number, id or slug, or in one whose state is among ``states``. Raises
    ``not_found``, the same for projects that the account does not belong to.
    """
    project = projects.by_number(conn, ref) if isinstance(ref, int) else _by_text(conn, clean_text(ref))
    role = None if project is None or project.state not in states else _role(conn, account, project)
    if project is None or role is None:
        raise ServiceError("not_found", "project not found")
    return Membership(info(project), role, _actor(account, project, role, who))


def memberships(context: Context, account: AccountInfo, who: Who, states: Collection[str] = LIVE) -> list[Membership]:
    """Every live project that the account belongs to, or those whose state is among ``states``, by number; all of them for an owner of
    the instance.
    """
    with context.catalog.read() as conn:
        return places(conn, account, who, states)


def places(conn: Connection, account: AccountInfo, who: Who, states: Collection[str] = LIVE) -> list[Membership]:
    """As :func:`memberships`, within a transaction."""
    if account.role == "owner":
        found = [(row, "owner") for row in projects.load_all(conn)]
    else:
        own = [(row, "owner") for row in projects.load_all(conn, account.id)]
        found = [*own, *members.projects_of(conn, account.id)]
    wanted = sorted((pair for pair in found if pair[0].state in states), key=lambda pair: pair[0].number)
    return [Membership(info(row), role, _actor(account, row, role, who)) for row, role in wanted]


def _by_text(conn: Connection, ref: str) -> ProjectRow | None:
    return projects.by_slug(conn, ref) or projects.by_id(conn, ref)


def _role(conn: Connection, account: AccountInfo, project: ProjectRow) -> str | None:
    if account.role == "owner" or project.account_id == account.id:
        return "owner"
    return members.role_of(conn, project.number, account.id)


def _actor(account: AccountInfo, project: ProjectRow, role: str, who: Who) -> Actor:
    """Acts with the account that owns the project. Only that account itself, and an owner of the instance, reach what spans several
    projects of it (keys of the whole account).
    """
    whole = project.account_id == account.id or account.role == "owner"
    return Actor(project.account_id, None if whole else project.number, SCOPES_OF[role], None, who, role)
