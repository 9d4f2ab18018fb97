"""Projects: made, listed, archived, deleted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from headrace.api.services import audit
from headrace.api.services.base import (
    Actor,
    Context,
    ServiceError,
    Who,
    any_project,
    between,
    line,
    live_project,
    require,
)
from headrace.catalog import accounts, projects, usage
from headrace.catalog.projects import DEFAULT_PLATFORM, PLATFORMS, ProjectRow
from headrace.records.times import month_of

#: The largest monthly quota, records.
QUOTA_MAX = 10**15
#: The largest limits that a project may have: units a minute of a key at Logister's endpoints (logister.md 1.10), stats.
LIMITS_MAX = {"logister_rate": 10_000_000, "stats_max": 10_000_000}
#: Characters of a slug before the number that makes it unique.
SLUG_MAX = 60
#: The slug of a name without any letter or digit of ASCII.
_SLUGLESS = "project"
#: An id that a project brings from where its programs sent before.
_BROUGHT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ProjectInfo(msgspec.Struct, frozen=True):
    """``number`` is what the project's rows carry; ``platform`` what it is for; ``quota`` how many records it may be given in a calendar
    month (UTC), None for any number; ``logister_rate`` how many units a minute each of its keys may send to Logister's endpoints, None for
    the dialect's own limit; ``stats_max`` how many stats programs may make in it, None for any number. Times in µs.
    """

    id: str
    name: str
    slug: str
    number: int
    state: str
    created_at: int
    archived_at: int | None
    platform: str
    quota: int | None
    logister_rate: int | None
    stats_max: int | None


class ProjectUse(ProjectInfo, frozen=True):
    """A project with what it ``used`` so far this month."""

    used: int


def create(
    context: Context,
    actor: Actor,
    *,
    name: str,
    account: str | None = None,
    platform: str = DEFAULT_PLATFORM,
    id: str | None = None,  # noqa: A002 - the word that people know it by
    quota: int | None = None,
) -> ProjectUse:
    """A new project of the actor's account; the operator may name an ``account`` (id or email), default the oldest owner, and
    an ``id`` that deployed programs already send (SlowStats' ``projectId``). ``platform``: one of ``PLATFORMS``, for good.
    ``quota``: records a month, at least 0. Raises ``invalid``, ``forbidden``, ``conflict`` (no account yet, id taken), ``not_found`` (account).
    """
    if id is not None and (actor.account is not None or not _BROUGHT_ID.fullmatch(id)):
        raise ServiceError("invalid", "an id of your own is 1 to 64 letters, digits, dots, dashes or underscores")
    with context.catalog.write() as conn:
        check_may_make(conn, actor)
        account_id = actor.account or _account(conn, account)
        if id is not None and projects.by_id(conn, id) is not None:
            raise ServiceError("conflict", "another project has this id, or had it before it was deleted")
        row = add(context, conn, actor.who, name, account_id, platform, id, quota)
        return _shown(context, conn, [row])[0]


def check_may_make(conn: Connection, actor: Actor) -> None:
    """Raises ``forbidden`` for whoever may not make a project."""
    require(actor, "manage")
    if actor.project is not None:
        raise ServiceError("forbidden", "a key of one project cannot make another")
    if actor.who.kind == "account" and not _may_create(conn, actor.who.id):
        raise ServiceError(
            "forbidden", "only owners of this server and accounts with projects of their own make projects"
        )


def may_create(context: Context, account_id: str) -> bool:
    """Whether the person of this account may make a project."""
    with context.catalog.read() as conn:
        return _may_create(conn, account_id)


def list_all(context: Context, actor: Actor, *, archived: bool = False) -> list[ProjectUse]:
    """The projects that the actor reaches, by number; those that are archived or being deleted only when asked for."""
    with context.catalog.read() as conn:
        rows = projects.load_all(conn, actor.account)
        wanted = [row for row in rows if actor.reaches(row) and (archived or row.state == "live")]
        return _shown(context, conn, wanted)


def get(context: Context, actor: Actor, ref: str | int) -> ProjectUse:
    """The project with this id, slug, number or name. Raises ``not_found``, ``conflict`` (ambiguous name)."""
    with context.catalog.read() as conn:
        return _shown(context, conn, [any_project(conn, actor, ref)])[0]


def set_quota(context: Context, actor: Actor, ref: str | int, quota: int | None) -> ProjectUse:
    """Sets how many records a project may be given in a calendar month (UTC), None for any number; it counts at once. Raises
    ``not_found``, ``invalid``, ``forbidden`` for a key of one project and for a person who is not its owner.
    """
    require(actor, "manage")
    with context.catalog.write() as conn:
        project = live_project(conn, actor, ref)
        _require_owner(actor, "a quota is set")
        projects.set_quota(conn, project.id, _quota(quota))
        told = "no quota" if quota is None else f"quota {quota} a month"
        _note_settings(context, conn, actor, project, told)
        return _shown(context, conn, [any_project(conn, actor, project.number)])[0]


def _require_owner(actor: Actor, what: str) -> None:
    """A person acts in one project, as an owner of it; a key of one project is never enough."""
    if actor.role != "owner" and (actor.role is not None or actor.project is not None):
        raise ServiceError("forbidden", f"{what} by an account-wide key or an owner of the project")


def _note_settings(context: Context, conn: Connection, actor: Actor, project: ProjectRow, told: str) -> None:
    audit.note(
        context,
        conn,
        actor,
        "changed settings",
        subject_id=project.id,
        subject=project.name,
        project=project.number,
        details=told,
    )


def set_limits(context: Context, actor: Actor, ref: str | int, limits: Mapping[str, int | None]) -> ProjectUse:
    """Sets those of ``logister_rate`` and ``stats_max`` that ``limits`` names, None for none; they count at once. Raises ``not_found``,
    ``invalid``, and ``forbidden`` for all but the operator.
    """
    if actor.account is not None:
        raise ServiceError("forbidden", "a project's limits are set by the server's operator")
    checked = {
        name: None if limit is None else between(limit, name, 1, LIMITS_MAX[name]) for name, limit in limits.items()
    }
    with context.catalog.write() as conn:
        project = live_project(conn, actor, ref)
        if checked:
            projects.set_limits(conn, project.id, checked)
            told = ", ".join(f"{name} {'none' if limit is None else limit}" for name, limit in checked.items())
            _note_settings(context, conn, actor, project, told)
        return _shown(context, conn, [any_project(conn, actor, project.number)])[0]


def archive(context: Context, actor: Actor, ref: str | int) -> ProjectUse:
    """Archives a project and revokes its keys at once. Raises ``not_found``, ``forbidden`` for a person who is not its owner,
    ``conflict`` when it is archived already.
    """
    require(actor, "manage")
    if actor.role not in (None, "owner"):
        raise ServiceError("forbidden", "only an owner of the project may archive it")
    with context.catalog.write() as conn:
        project = any_project(conn, actor, ref)
        if not projects.archive(conn, project.id, context.now()):
            raise ServiceError("conflict", "this project is archived already")
        number = project.number
        audit.note(
            context, conn, actor, "archived a project", subject_id=project.id, subject=project.name, project=number
        )
        return _shown(context, conn, [any_project(conn, actor, project.number)])[0]


def delete(context: Context, actor: Actor, ref: str | int) -> ProjectUse:
    """Begins the deletion of a live or archived project: its keys are unknown and nothing of it is found from now on; what it holds goes
    soon. Raises ``not_found`` (also when it is being deleted already), ``forbidden`` for a key of one project and for a person who is not
    its owner.
    """
    require(actor, "manage")
    with context.catalog.write() as conn:
        project = any_project(conn, actor, ref)
        _require_owner(actor, "a project is deleted")
        projects.begin_deletion(conn, project.id, context.now())
        audit.note(
            context,
            conn,
            actor,
            "deleted a project",
            subject_id=project.id,
            subject=project.name,
            project=project.number,
        )
        return _shown(context, conn, [project._replace(state="deleting")])[0]


def add(
    context: Context,
    conn: Connection,
    who: Who,
    name: str,
    account_id: str,
    platform: str = DEFAULT_PLATFORM,
    project_id: str | None = None,
    quota: int | None = None,
) -> ProjectRow:
    """Stores a project under a free slug of its name, and under a new id unless it brings one. Raises ``invalid``."""
    title = line(name, "name")
    if platform not in PLATFORMS:
        raise ServiceError("invalid", f"platform must be one of {', '.join(PLATFORMS)}")
    slug = projects.free_slug(conn, _slug(title))
    try:
        row = projects.add(
            conn,
            project_id=project_id or context.new_id(),
            slug=slug,
            name=title,
            account_id=account_id,
            at=context.now(),
            platform=platform,
            quota=_quota(quota),
        )
    except IntegrityError:
        raise ServiceError("conflict", "another project took this name just now: try again") from None
    audit.note(context, conn, who, "made a project", subject_id=row.id, subject=title, project=row.number)
    return row


def info(row: ProjectRow) -> ProjectInfo:
    return ProjectInfo(**_fields(row))


def _fields(row: ProjectRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ProjectInfo.__struct_fields__}


def _shown(context: Context, conn: Connection, rows: Sequence[ProjectRow]) -> list[ProjectUse]:
    """``rows`` with what they used: as admission counts it, or else as far as the catalog has learned."""
    month = month_of(context.now())
    learned = usage.load(conn, month)
    shown = []
    for row in rows:
        known = context.used(row.number)
        used = learned.get((row.number, month), 0) if known is None else known
        shown.append(ProjectUse(**_fields(row), used=used))
    return shown


def _quota(quota: int | None) -> int | None:
    return None if quota is None else between(quota, "quota", 0, QUOTA_MAX)


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:SLUG_MAX].strip("-") or _SLUGLESS


def _may_create(conn: Connection, account_id: str) -> bool:
    """Owners of the instance, and accounts that projects belong to: their keys for all projects make others, too. Whoever deletes their
    last one begins anew. Who came by an invitation only sees what they were invited to.
    """
    row = accounts.by_id(conn, account_id)
    return row is not None and (row.role == "owner" or projects.has_owned(conn, account_id))


def _account(conn: Connection, ref: str | None) -> str:
    if ref is None:
        owners = [row.id for row in accounts.load_all(conn) if row.role == "owner"]
        if not owners:
            raise ServiceError("conflict", "there is no owner account yet: run headrace init first")
        return owners[0]
    row = accounts.by_id(conn, ref) or accounts.by_email(conn, ref.strip().casefold())
    if row is None:
        raise ServiceError("not_found", "account not found")
    return row.id
