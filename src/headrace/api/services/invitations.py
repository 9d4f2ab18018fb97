"""Invitations: a link that lets one person into a project, once, within a week."""

from __future__ import annotations

import base64
from hashlib import sha256

import msgspec
from sqlalchemy import Connection

from headrace.api.services import accounts, audit, members, sessions
from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import Context, ServiceError, Who
from headrace.api.services.roles import ROLES, Membership
from headrace.catalog import invitations, projects
from headrace.catalog import members as member_rows
from headrace.catalog.accounts import AccountRow
from headrace.catalog.invitations import InvitationRow, Invited
from headrace.catalog.projects import ProjectRow
from headrace.records.text import clean_text

#: Random bytes of a token.
TOKEN_BYTES = 32
#: How long a link is good, µs.
LIFE_US = 7 * 24 * 3_600 * 1_000_000
#: Open invitations of a project.
OPEN_MAX = 100
_OVER = "this invitation is not valid: it was used or taken back, or a week has passed: ask for another"


class InvitationInfo(msgspec.Struct, frozen=True):
    """An open invitation. ``email`` "" when whoever has the link may use it; ``by`` the address of who invites. Times in µs."""

    id: str
    role: str
    email: str
    by: str
    created_at: int
    expires_at: int


class NewInvitation(msgspec.Struct, frozen=True):
    """An invitation just made: the only time that its ``token`` is seen."""

    id: str
    role: str
    email: str
    token: str
    expires_at: int


class Offer(msgspec.Struct, frozen=True):
    """What a link offers to whoever opens it."""

    project: str
    slug: str
    role: str
    email: str
    by: str
    expires_at: int


def create(context: Context, place: Membership, *, role: str, email: str = "") -> NewInvitation:
    """An invitation with ``role``; with ``email`` only for the account of that address. Raises ``invalid``, ``forbidden``,
    ``conflict``.
    """
    if role not in ROLES:
        raise ServiceError("invalid", f"role must be one of {', '.join(ROLES)}")
    if role not in members.grantable(place):
        raise ServiceError("forbidden", f"your role does not let you invite somebody as {role}")
    address = accounts.check_email(email) if email.strip() else ""
    token = base64.urlsafe_b64encode(context.random(TOKEN_BYTES)).rstrip(b"=").decode()
    now, number, who = context.now(), place.info.number, place.actor.who
    row = InvitationRow(context.new_id(), number, role, address, _digest(token), who.id, now, now + LIFE_US)
    with context.catalog.write() as conn:
        invitations.forget_expired(conn, now)
        if len(invitations.load(conn, number, now)) >= OPEN_MAX:
            raise ServiceError("conflict", f"{OPEN_MAX} invitations are open already: take one back first")
        invitations.add(conn, row)
        audit.note(
            context, conn, who, "made an invitation", subject_id=row.id, subject=address, project=number, details=role
        )
    return NewInvitation(row.id, role, address, token, row.expires_at)


def list_open(context: Context, place: Membership) -> list[InvitationInfo]:
    """Oldest first."""
    with context.catalog.read() as conn:
        rows = invitations.load(conn, place.info.number, context.now())
    return [InvitationInfo(row.id, row.role, row.email, row.by, row.created_at, row.expires_at) for row in rows]


def revoke(context: Context, place: Membership, invitation_id: str) -> None:
    """Takes an invitation back. Raises ``not_found``."""
    number = place.info.number
    with context.catalog.write() as conn:
        open_ones = {row.id: row for row in invitations.load(conn, number, context.now())}
        row = open_ones.get(clean_text(invitation_id))
        if row is None or not invitations.remove(conn, row.id, number):
            raise ServiceError("not_found", "invitation not found")
        audit.note(
            context, conn, place.actor, "revoked an invitation", subject_id=row.id, subject=row.email, project=number
        )


def look(context: Context, token: str) -> Offer:
    """What the link offers. Raises ``not_found``."""
    with context.catalog.read() as conn:
        invited, project = _found(context, conn, token)
    return Offer(project.name, project.slug, invited.role, invited.email, invited.by, invited.expires_at)


def join(context: Context, token: str, who: Who) -> str:
    """Uses the link up for the account that ``who`` is; gives the project's slug. Raises ``not_found``, ``forbidden`` (the
    link is for another address), ``conflict`` (a member already).
    """
    with context.catalog.write() as conn:
        return _use(context, conn, token, who)


def register(
    context: Context, token: str, *, email: str, password: str, name: str, address: str, agent: str, idle_us: int
) -> tuple[str, str]:
    """Makes an account, uses the link up for it and signs it in; gives the project's slug and the session's token. A refusal leaves the
    link valid. Raises as :func:`join`, ``invalid``, and ``conflict`` when the address has an account.
    """
    look(context, token)  # before a hash is paid for
    row: AccountRow = accounts.prepare(context, email=email, password=password, name=name, role="member")
    who = Who("account", row.id, row.email, address)
    with context.catalog.write() as conn:
        account: AccountInfo = accounts.add(conn, row)
        audit.note(context, conn, who, "made an account", subject_id=row.id, subject=row.email, details=row.role)
        slug = _use(context, conn, token, who)
        return slug, sessions.begin(context, conn, account, address, agent, idle_us=idle_us)


def _use(context: Context, conn: Connection, token: str, who: Who) -> str:
    invited, project = _found(context, conn, token)
    if invited.email and invited.email != who.name:
        raise ServiceError("forbidden", f"this invitation is for {invited.email}")
    if project.account_id == who.id or member_rows.role_of(conn, project.number, who.id) is not None:
        raise ServiceError("conflict", "you belong to this project already")
    if not invitations.remove(conn, invited.id, project.number):
        raise ServiceError("not_found", _OVER)
    member_rows.add(conn, project=project.number, account_id=who.id, role=invited.role, at=context.now())
    audit.note(
        context,
        conn,
        who,
        "used an invitation",
        subject_id=invited.id,
        subject=invited.by,
        project=project.number,
        details=invited.role,
    )
    return project.slug


def _found(context: Context, conn: Connection, token: str) -> tuple[Invited, ProjectRow]:
    invited = invitations.find(conn, _digest(token), context.now())
    project = None if invited is None else projects.by_number(conn, invited.project)
    if invited is None or project is None or project.state != "live":
        raise ServiceError("not_found", _OVER)
    return invited, project


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
