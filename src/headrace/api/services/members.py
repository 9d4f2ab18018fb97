"""Members of a project: who they are, what they may, and how they go.

| who asks | changes or removes viewers, members, admins | changes or removes owners | leaves |
|---|---|---|---|
| viewer, member | no | no | yes |
| admin | yes, up to admin | no | yes |
| owner | yes | yes | yes, if another owner stays |

The account that owns the project in the catalog goes as any owner does: the project, with its keys, passes to the owner who came
first of those who stay.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from headrace.api.services import audit
from headrace.api.services.base import Context, ServiceError
from headrace.api.services.roles import ROLES, Membership
from headrace.catalog import accounts, members, projects
from headrace.catalog.projects import ProjectRow
from headrace.records.text import clean_text


class MemberInfo(msgspec.Struct, frozen=True):
    """``since`` in µs; ``you``: the one who asks; ``may_change``: whether the one who asks may change the role, ``may_go`` whether they may
    end the membership.
    """

    id: str
    email: str
    name: str
    role: str
    since: int
    you: bool
    may_change: bool
    may_go: bool


def grantable(place: Membership) -> tuple[str, ...]:
    """The roles that whoever asks may give, from the least to the most."""
    if not place.allows("admin"):
        return ()
    return ROLES if place.role == "owner" else ROLES[: ROLES.index("owner")]


def list_all(context: Context, place: Membership) -> list[MemberInfo]:
    """Everybody in the project: owners first, then by role and time."""
    with context.catalog.read() as conn:
        people = _people(conn, _project(conn, place))
    owners = sum(role == "owner" for *_, role, _ in people)
    return [
        MemberInfo(account_id, email, name, role, since, *_rights(place, account_id, role, owners))
        for account_id, email, name, role, since in people
    ]


def change_role(context: Context, place: Membership, account_id: str, role: str) -> None:
    """Gives a member another role. Raises ``invalid``, ``forbidden``, ``not_found``, ``conflict`` (the last owner)."""
    if role not in ROLES:
        raise ServiceError("invalid", f"role must be one of {', '.join(ROLES)}")
    if role not in grantable(place):
        raise ServiceError("forbidden", f"your role does not let you make somebody {role}")
    with context.catalog.write() as conn:
        project = _project(conn, place)
        email, old = _may_move(conn, place, project, clean_text(account_id))
        if old == role:
            return
        _move(context, conn, project, clean_text(account_id), old, role)
        audit.note(
            context,
            conn,
            place.actor,
            "changed a role",
            subject_id=account_id,
            subject=email,
            project=project.number,
            details=f"{old} → {role}",
        )


def remove(context: Context, place: Membership, account_id: str) -> None:
    """Ends a membership; anybody may end their own. Raises ``forbidden``, ``not_found``, ``conflict`` (the last owner)."""
    with context.catalog.write() as conn:
        project = _project(conn, place)
        email, old = _may_move(conn, place, project, clean_text(account_id))
        _move(context, conn, project, clean_text(account_id), old, None)
        audit.note(
            context, conn, place.actor, "removed a member", subject_id=account_id, subject=email, project=project.number
        )


def _project(conn: Connection, place: Membership) -> ProjectRow:
    project = projects.by_number(conn, place.info.number)
    if project is None or project.state != "live":
        raise ServiceError("not_found", "project not found")
    return project


def _people(conn: Connection, project: ProjectRow) -> list[tuple[str, str, str, str, int]]:
    """(account id, address, name, role, since) of everybody."""
    owner = accounts.by_id(conn, project.account_id)
    assert owner is not None
    rows = [
        (row.account_id, row.email, row.name, row.role, row.created_at) for row in members.load(conn, project.number)
    ]
    rows.sort(key=lambda row: -ROLES.index(row[3]))
    return [(owner.id, owner.email, owner.name, "owner", project.created_at), *rows]


def _rights(place: Membership, account_id: str, role: str, owners: int) -> tuple[bool, bool, bool]:
    you = account_id == place.actor.who.id
    last = role == "owner" and owners == 1
    over = role in grantable(place)
    return you, over and not last, (over or you) and not last


def _may_move(conn: Connection, place: Membership, project: ProjectRow, account_id: str) -> tuple[str, str]:
    """The member's address and role, if whoever asks may change or end the membership."""
    people = _people(conn, project)
    found = next((person for person in people if person[0] == account_id), None)
    if found is None:
        raise ServiceError("not_found", "member not found")
    owners = sum(person[3] == "owner" for person in people)
    role = found[3]
    if role not in grantable(place) and account_id != place.actor.who.id:
        raise ServiceError(
            "forbidden",
            f"your role does not let you change or remove {'an' if role in ('admin', 'owner') else 'a'} {role}",
        )
    if role == "owner" and owners == 1:
        raise ServiceError("conflict", "the last owner of a project stays: make somebody else owner first")
    return found[1], role


def _move(context: Context, conn: Connection, project: ProjectRow, account_id: str, old: str, new: str | None) -> None:
    if account_id == project.account_id:
        heir = next(row.account_id for row in members.load(conn, project.number) if row.role == "owner")
        members.remove(conn, project.number, heir)
        projects.hand_over(conn, project.number, old=account_id, new=heir, at=context.now())
        if new is not None:
            members.add(conn, project=project.number, account_id=account_id, role=new, at=project.created_at)
        return
    if new is None:
        members.remove(conn, project.number, account_id)
    else:
        members.change(conn, project.number, account_id, old=old, new=new)
