"""Projects: listed, made, archived, deleted."""

from __future__ import annotations

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from headrace.api.auth import manages, reads
from headrace.api.deps import TheActor, ThePerson, TheServices
from headrace.api.services import projects, sessions
from headrace.api.services.projects import ProjectUse
from headrace.api.times import maybe, when
from headrace.catalog.projects import DEFAULT_PLATFORM


class Project(msgspec.Struct, frozen=True):
    """``state`` is live, archived or deleting. ``quota``: records that it may be given in a calendar month (UTC), null for any number; ``used``:
    what it was given so far.
    """

    id: str
    name: str
    slug: str
    state: str
    created_at: str
    archived_at: str | None
    platform: str
    quota: int | None
    used: int


class Projects(msgspec.Struct, frozen=True):
    projects: list[Project]


class NewProject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``name``: 1 to 100 characters. ``platform``: what the project is for; only android and ios ones make mobile tokens.
    ``quota``: records a month, null for any number.
    """

    name: str
    platform: str = DEFAULT_PLATFORM
    quota: int | None = None


class ProjectChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``quota``: records a month from 0 on, null for any number."""

    quota: int | None


def view(info: ProjectUse) -> Project:
    return Project(
        info.id,
        info.name,
        info.slug,
        info.state,
        when(info.created_at),
        maybe(info.archived_at),
        info.platform,
        info.quota,
        info.used,
    )


@get("/projects", guards=[reads], sync_to_thread=True, summary="List projects")
def list_projects(
    services: TheServices, actor: TheActor, person: ThePerson, archived: FromQuery[bool] = False
) -> Projects:
    """The projects that the key reaches, oldest first; ``archived`` adds those that are archived or being deleted."""
    found = projects.list_all(services.context, actor, archived=archived)
    if person is not None:
        own = {info.id for info in found}
        places = [place for place in sessions.projects(services.context, person) if place.info.id not in own]
        others = [projects.get(services.context, place.actor, place.info.number) for place in places]
        found = sorted([*found, *others], key=lambda info: info.number)
    return Projects([view(info) for info in found])


@post("/projects", guards=[manages], sync_to_thread=True, summary="Make a project", opt={"sample": {"name": "Shop"}})
def create_project(services: TheServices, actor: TheActor, data: JSONBody[NewProject]) -> Project:
    """Needs an account-wide key."""
    made = projects.create(services.context, actor, name=data.name, platform=data.platform, quota=data.quota)
    return view(made)


@get("/projects/{project:str}", guards=[reads], sync_to_thread=True, summary="One project")
def get_project(services: TheServices, actor: TheActor, project: FromPath[str]) -> Project:
    """By id or slug."""
    return view(projects.get(services.context, actor, project))


@patch(
    "/projects/{project:str}",
    guards=[manages],
    sync_to_thread=True,
    summary="Change a project",
    opt={"sample": {"quota": 1_000_000}},
)
def change_project(
    services: TheServices, actor: TheActor, project: FromPath[str], data: JSONBody[ProjectChange]
) -> Project:
    """Sets the monthly quota, which counts at once. Needs an account-wide key."""
    return view(projects.set_quota(services.context, actor, project, data.quota))


@post(
    "/projects/{project:str}/archive",
    guards=[manages],
    status_code=200,
    sync_to_thread=True,
    summary="Archive a project",
)
def archive_project(services: TheServices, actor: TheActor, project: FromPath[str]) -> Project:
    """Revokes the project's own keys at once, the calling one included; account-wide keys lose the project. What it holds stays."""
    return view(projects.archive(services.context, actor, project))


@delete(
    "/projects/{project:str}",
    guards=[manages],
    status_code=202,
    sync_to_thread=True,
    summary="Delete a project",
)
def delete_project(services: TheServices, actor: TheActor, project: FromPath[str]) -> Project:
    """For good, with everything in it: its keys are unknown and nothing of it is found from this answer on, what it holds goes within
    minutes. Needs an account-wide key, or an owner of the project.
    """
    return view(projects.delete(services.context, actor, project))


HANDLERS = (list_projects, create_project, get_project, change_project, archive_project, delete_project)
