"""Members of a project, and the links that invite new ones."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.params import FromPath, FromQuery

from headrace.api.deps import Services, TheServices
from headrace.api.services import ServiceError, invitations, members
from headrace.api.services.invitations import InvitationInfo
from headrace.api.services.members import MemberInfo
from headrace.api.services.roles import Membership
from headrace.api.services.sessions import Viewer
from headrace.web.docs import base_url
from headrace.web.door import TheForm, TheProject, TheViewer, needs, redirect
from headrace.web.frame import Frame, get_page, page

_DONE = {
    "role": "The role is changed.",
    "removed": "The member is removed. Keys that they made go on working: see Keys.",
    "revoked": "The invitation is taken back. Its link no longer works.",
}
_BASE = "/app/p/{slug:str}/members"


class MembersView(msgspec.Struct, frozen=True):
    """``roles`` are those that the viewer may give; without any, invitations are not shown to them."""

    members: list[MemberInfo]
    invitations: list[InvitationInfo]
    roles: list[str]


@get_page(_BASE)
def members_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    done: FromQuery[str] = "",
) -> Response[Any]:
    """Who is in the project, in which role, and which invitations are open."""
    return _page(request, services, viewer, project, notice=_DONE.get(done, ""))


@post(_BASE + "/{account:str}/role", guards=[needs("admin")], include_in_schema=False, sync_to_thread=True)
def change_role(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    account: FromPath[str],
    form: TheForm,
) -> Response[Any]:
    """Gives a member another role."""
    try:
        members.change_role(services.context, project, account, form.get("role"))
    except ServiceError as error:
        return _page(request, services, viewer, project, problem=error.message)
    return _back(services, project, "role")


@post(_BASE + "/{account:str}/remove", guards=[needs("viewer")], include_in_schema=False, sync_to_thread=True)
def remove(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    account: FromPath[str],
) -> Response[Any]:
    """Ends a membership: somebody else's, or one's own."""
    try:
        members.remove(services.context, project, account)
    except ServiceError as error:
        return _page(request, services, viewer, project, problem=error.message)
    if account == viewer.account.id:
        return redirect(f"{services.path_prefix}/app/")
    return _back(services, project, "removed")


@post(_BASE + "/invitations", guards=[needs("admin")], include_in_schema=False, sync_to_thread=True)
def invite(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    form: TheForm,
) -> Response[Any]:
    """Makes an invitation and shows its link, this once."""
    typed = {"role": form.get("role"), "email": form.get("email")}
    try:
        made = invitations.create(services.context, project, **typed)
    except ServiceError as error:
        return _page(request, services, viewer, project, problem=error.message, typed=typed)
    base = base_url(str(request.scope["scheme"]), request.headers.get("host", ""), services.path_prefix)
    return _page(request, services, viewer, project, link=f"{base}/app/invitation/{made.token}")


@post(
    _BASE + "/invitations/{invitation:str}/revoke",
    guards=[needs("admin")],
    include_in_schema=False,
    sync_to_thread=True,
)
def revoke(services: TheServices, project: TheProject, invitation: FromPath[str]) -> Response[Any]:
    """Takes an invitation back; one that is gone already is as good as revoked."""
    try:
        invitations.revoke(services.context, project, invitation)
    except ServiceError as error:
        if error.code != "not_found":
            raise
    return _back(services, project, "revoked")


def _page(
    request: Request[Any, Any, Any],
    services: Services,
    viewer: Viewer,
    project: Membership,
    *,
    problem: str = "",
    notice: str = "",
    link: str = "",
    typed: dict[str, str] | None = None,
) -> Response[Any]:
    roles = members.grantable(project)
    view = MembersView(
        members.list_all(services.context, project),
        invitations.list_open(services.context, project) if roles else [],
        list(roles),
    )
    frame = Frame(request, services, viewer, project, here="members")
    extras = {"problem": problem, "notice": notice, "link": link, "typed": typed or {"role": "member", "email": ""}}
    status = 422 if problem else 200
    return page(request, services, "members/members.html", view, frame=frame, status=status, **extras)


def _back(services: Services, project: Membership, done: str) -> Response[Any]:
    return redirect(f"{services.path_prefix}/app/p/{project.info.slug}/members?done={done}")


HANDLERS = (members_page, change_role, remove, invite, revoke)
