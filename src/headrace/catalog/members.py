"""Members: who else belongs to a project, in which role. The account that owns it is no member (``projects.account_id``)."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from headrace.catalog.projects import ProjectRow
from headrace.catalog.tables import accounts, members, projects


class MemberRow(NamedTuple):
    """``role``: owner, admin, member or viewer."""

    project: int
    account_id: str
    email: str
    name: str
    role: str
    created_at: int


def add(conn: Connection, *, project: int, account_id: str, role: str, at: int) -> None:
    """Raises ``IntegrityError`` when the account is a member already."""
    conn.execute(insert(members).values(project=project, account_id=account_id, role=role, created_at=at))


def role_of(conn: Connection, project: int, account_id: str) -> str | None:
    """The role of a member, None for anybody else."""
    query = select(members.c.role).where(members.c.project == project, members.c.account_id == account_id)
    return conn.execute(query).scalar_one_or_none()


def load(conn: Connection, project: int) -> list[MemberRow]:
    """A project's members, those who came first first."""
    columns = (
        members.c.project,
        accounts.c.id,
        accounts.c.email,
        accounts.c.name,
        members.c.role,
        members.c.created_at,
    )
    query = select(*columns).join(accounts, accounts.c.id == members.c.account_id).where(members.c.project == project)
    return [MemberRow(*row) for row in conn.execute(query.order_by(members.c.created_at, accounts.c.id))]


def projects_of(conn: Connection, account_id: str) -> list[tuple[ProjectRow, str]]:
    """The projects that an account is a member of, each with its role, by number."""
    query = select(projects, members.c.role).join(members, members.c.project == projects.c.number)
    found = conn.execute(query.where(members.c.account_id == account_id).order_by(projects.c.number))
    return [(ProjectRow(*row[:-1]), str(row[-1])) for row in found]


def change(conn: Connection, project: int, account_id: str, *, old: str, new: str) -> bool:
    """Compare-and-set of a member's role; False when it is no longer ``old``."""
    wanted = (members.c.project == project, members.c.account_id == account_id, members.c.role == old)
    return conn.execute(update(members).where(*wanted).values(role=new)).rowcount == 1


def remove(conn: Connection, project: int, account_id: str) -> bool:
    """False when the account is no member."""
    wanted = (members.c.project == project, members.c.account_id == account_id)
    return conn.execute(delete(members).where(*wanted)).rowcount == 1
