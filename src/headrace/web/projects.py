"""The projects that the viewer belongs to: listed, made, archived, deleted."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.params import FromPath

from headrace.api.deps import Services, TheServices
from headrace.api.errors import ApiError
from headrace.api.services import ServiceError, projects, sessions
from headrace.api.services.projects import ProjectInfo
from headrace.api.services.roles import Membership
from headrace.api.services.sessions import Viewer
from headrace.web.door import TheForm, TheProject, TheViewer, needs, redirect
from headrace.web.frame import Frame, get_page, page

_DONE = {
    "archived": "The project is archived: its keys are refused, what it holds stays.",
    "deleting": "The project is being deleted: its keys are unknown from now on, what it holds goes within minutes.",
}


class ProjectLine(msgspec.Struct, frozen=True):
    """A project and the viewer's role in it."""

    project: ProjectInfo
    role: str


class ProjectsView(msgspec.Struct, frozen=True):
    """``may_create``: whether the viewer may make another one; ``retired``: those of the viewer's own that are archived or being deleted."""

    projects: list[ProjectLine]
    may_create: bool
    retired: list[ProjectLine]


@get_page("/app/projects")
def projects_page(request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer) -> Response[Any]:
    """Every live project that the viewer belongs to."""
    return _page(request, services, viewer, notice=_DONE.get(request.query_params.get("done", ""), ""))


@post("/app/projects", include_in_schema=False, sync_to_thread=True)
def create_project(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, form: TheForm
) -> Response[Any]:
    """Makes a project and leads to where its first record is sent."""
    try:
        made = projects.create(services.context, viewer.actor, name=form.get("name"))
    except ServiceError as error:
        return _page(request, services, viewer, problem=error.message, name=form.get("name"))
    return redirect(f"{services.path_prefix}/app/p/{made.slug}/connect")


@post("/app/p/{slug:str}/archive", guards=[needs("owner")], include_in_schema=False, sync_to_thread=True)
def archive_project(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, project: TheProject
) -> Response[Any]:
    """Archives the project."""
    try:
        projects.archive(services.context, project.actor, project.info.number)
    except ServiceError as error:
        return _page(request, services, viewer, problem=error.message)
    return redirect(f"{services.path_prefix}/app/projects?done=archived")


@post("/app/projects/{project_id:str}/delete", include_in_schema=False, sync_to_thread=True)
def delete_project(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, form: TheForm, project_id: FromPath[str]
) -> Response[Any]:
    """Deletes a live or archived project once its name was typed."""
    place = sessions.kept_project(services.context, viewer, project_id)
    if not place.allows("owner"):
        raise ApiError(403, "forbidden", "this needs the role owner in the project")
    if form.get("name").strip() != place.info.name:
        problem = f"Nothing was deleted: what you typed is not the name of {place.info.name}."
        return _page(request, services, viewer, problem=problem)
    projects.delete(services.context, place.actor, place.info.number)
    return redirect(f"{services.path_prefix}/app/projects?done=deleting")


def _page(
    request: Request[Any, Any, Any],
    services: Services,
    viewer: Viewer,
    *,
    notice: str = "",
    problem: str = "",
    name: str = "",
) -> Response[Any]:
    found = sessions.projects(services.context, viewer)
    may_create = projects.may_create(services.context, viewer.account.id)
    view = ProjectsView(_lines(found), may_create, _lines(sessions.retired(services.context, viewer)))
    frame = Frame(request, services, viewer, here="projects")
    status = 422 if problem else 200
    return page(
        request,
        services,
        "projects/index.html",
        view,
        frame=frame,
        status=status,
        notice=notice,
        problem=problem,
        name=name,
    )


def _lines(places: list[Membership]) -> list[ProjectLine]:
    return [ProjectLine(one.info, one.role) for one in places]


HANDLERS = (projects_page, create_project, archive_project, delete_project)
