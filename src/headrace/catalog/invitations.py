"""Invitations into a project. One that is used or revoked is gone; the audit log remembers it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, insert, select

from headrace.catalog.tables import accounts, invitations


class InvitationRow(NamedTuple):
    """``email`` "" when whoever has the link may use it; ``account_id`` is who invites. Times in µs."""

    id: str
    project: int
    role: str
    email: str
    token_sha256: bytes
    account_id: str
    created_at: int
    expires_at: int


class Invited(NamedTuple):
    """An invitation as it is listed; ``by`` is the address of who invites."""

    id: str
    project: int
    role: str
    email: str
    by: str
    created_at: int
    expires_at: int


def add(conn: Connection, row: InvitationRow) -> None:
    conn.execute(insert(invitations).values(row._asdict()))


def find(conn: Connection, token_sha256: bytes, at: int) -> Invited | None:
    """The invitation with this token, None when it is over at ``at`` µs or never was."""
    live = (invitations.c.token_sha256 == token_sha256, invitations.c.expires_at > at)
    row = conn.execute(_listed().where(*live)).one_or_none()
    return None if row is None else Invited(*row)


def load(conn: Connection, project: int, at: int) -> list[Invited]:
    """A project's invitations that are open at ``at`` µs, oldest first."""
    live = (invitations.c.project == project, invitations.c.expires_at > at)
    query = _listed().where(*live).order_by(invitations.c.created_at, invitations.c.id)
    return [Invited(*row) for row in conn.execute(query)]


def remove(conn: Connection, invitation_id: str, project: int) -> bool:
    """Uses an invitation of ``project`` up, or takes it back; False when it is gone already."""
    wanted = (invitations.c.id == invitation_id, invitations.c.project == project)
    return conn.execute(delete(invitations).where(*wanted)).rowcount == 1


def forget_expired(conn: Connection, at: int) -> None:
    conn.execute(delete(invitations).where(invitations.c.expires_at <= at))


def _listed() -> Select[Any]:
    columns = (invitations.c.id, invitations.c.project, invitations.c.role, invitations.c.email, accounts.c.email)
    times = (invitations.c.created_at, invitations.c.expires_at)
    return select(*columns, *times).join(accounts, accounts.c.id == invitations.c.account_id)
