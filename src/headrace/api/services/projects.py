"""Projects: made, listed, archived."""

from __future__ import annotations

import re
import unicodedata

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from headrace.api.services.base import Actor, Context, ServiceError, any_project, line, require
from headrace.catalog import accounts, projects
from headrace.catalog.projects import DEFAULT_PLATFORM, PLATFORMS, ProjectRow

#: Characters of a slug before the number that makes it unique.
SLUG_MAX = 60
#: The slug of a name without any letter or digit of ASCII.
_SLUGLESS = "project"
#: An id that a project brings from where its programs sent before.
_BROUGHT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ProjectInfo(msgspec.Struct, frozen=True):
    """``number`` is what the project's rows carry; ``platform`` what it is for. Times in µs."""

    id: str
    name: str
    slug: str
    number: int
    state: str
    created_at: int
    archived_at: int | None
    platform: str


def create(
    context: Context,
    actor: Actor,
    *,
    name: str,
    account: str | None = None,
    platform: str = DEFAULT_PLATFORM,
    id: str | None = None,  # noqa: A002 - the word that people know it by
) -> ProjectInfo:
    """A new project of the actor's account; the operator may name an ``account`` (id or email), default the oldest owner, and
    an ``id`` that deployed programs already send (SlowStats' ``projectId``). ``platform``: one of ``PLATFORMS``, for good.
    Raises ``invalid``, ``forbidden``, ``conflict`` (no account yet, id taken), ``not_found`` (account).
    """
    require(actor, "manage")
    if actor.project is not None:
        raise ServiceError("forbidden", "a key of one project cannot make another")
    title = line(name, "name")
    if platform not in PLATFORMS:
        raise ServiceError("invalid", f"platform must be one of {', '.join(PLATFORMS)}")
    if id is not None and (actor.account is not None or not _BROUGHT_ID.fullmatch(id)):
        raise ServiceError("invalid", "an id of your own is 1 to 64 letters, digits, dots, dashes or underscores")
    with context.catalog.write() as conn:
        account_id = actor.account or _account(conn, account)
        if id is not None and projects.by_id(conn, id) is not None:
            raise ServiceError("conflict", "another project has this id")
        return info(add(context, conn, title, account_id, platform, id))


def list_all(context: Context, actor: Actor, *, archived: bool = False) -> list[ProjectInfo]:
    """The projects that the actor reaches, by number; archived ones only when asked for."""
    with context.catalog.read() as conn:
        rows = projects.load_all(conn, actor.account)
    return [info(row) for row in rows if actor.reaches(row) and (archived or row.state == "live")]


def get(context: Context, actor: Actor, ref: str | int) -> ProjectInfo:
    """The project with this id, slug, number or name. Raises ``not_found``, ``conflict`` (ambiguous name)."""
    with context.catalog.read() as conn:
        return info(any_project(conn, actor, ref))


def archive(context: Context, actor: Actor, ref: str | int) -> ProjectInfo:
    """Archives a project and revokes its keys at once. Raises ``not_found``, ``conflict`` when it is archived already."""
    require(actor, "manage")
    with context.catalog.write() as conn:
        project = any_project(conn, actor, ref)
        if not projects.archive(conn, project.id, context.now()):
            raise ServiceError("conflict", "this project is archived already")
        return info(any_project(conn, actor, project.number))


def add(
    context: Context,
    conn: Connection,
    name: str,
    account_id: str,
    platform: str = DEFAULT_PLATFORM,
    project_id: str | None = None,
) -> ProjectRow:
    """Stores a project under the first free slug of its name, and under a new id unless it brings one."""
    base = _slug(name)
    slug, tries = base, 1
    while projects.by_slug(conn, slug) is not None:
        tries += 1
        slug = f"{base}-{tries}"
    try:
        return projects.add(
            conn,
            project_id=project_id or context.new_id(),
            slug=slug,
            name=name,
            account_id=account_id,
            at=context.now(),
            platform=platform,
        )
    except IntegrityError:
        raise ServiceError("conflict", "another project took this name just now: try again") from None


def info(row: ProjectRow) -> ProjectInfo:
    return ProjectInfo(row.id, row.name, row.slug, row.number, row.state, row.created_at, row.archived_at, row.platform)


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:SLUG_MAX].strip("-") or _SLUGLESS


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
