"""The account: its name, its password, the browsers that are signed in to it."""

from __future__ import annotations

from typing import Any

import msgspec
from anyio import to_thread
from litestar import Request, Response, post
from litestar.params import FromPath, FromQuery

from headrace.api.deps import Services, TheServices
from headrace.api.people import HASHING
from headrace.api.services import ServiceError, accounts, sessions
from headrace.api.services.accounts import PASSWORD_MIN, AccountInfo
from headrace.api.services.sessions import SessionInfo, Viewer
from headrace.web.door import TheForm, TheViewer, redirect, wait_text
from headrace.web.forms import Form
from headrace.web.frame import Frame, get_page, page

#: What the page says after a change, by what its URL says was done.
_DONE = {
    "name": "Your name is changed.",
    "password": "Your password is changed. Every other browser and program is signed out.",
    "session": "It is signed out.",
}


class AccountView(msgspec.Struct, frozen=True):
    """The viewer's account and where it is signed in."""

    account: AccountInfo
    sessions: list[SessionInfo]


@get_page("/app/account")
def account_page(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, done: FromQuery[str] = ""
) -> Response[Any]:
    """Name, password and sessions."""
    return _page(request, services, viewer, notice=_DONE.get(done, ""))


@post("/app/account/name", include_in_schema=False, sync_to_thread=True)
def rename(request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, form: TheForm) -> Response[Any]:
    """Changes the name."""
    try:
        accounts.rename(services.context, viewer.actor.who, form.get("name"))
    except ServiceError as error:
        return _page(request, services, viewer, problem=("name", error.message))
    return _back(services, "name")


@post("/app/account/password", include_in_schema=False)
async def change_password(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, form: TheForm
) -> Response[Any]:
    """Changes the password and ends every other session."""
    wait = services.door.charge(request.scope, viewer.account.email)
    problem = f"too many tries: wait {wait_text(wait)}, then try again" if wait else ""
    if not problem:
        problem = await to_thread.run_sync(_change, services, viewer, form, limiter=HASHING)
    if problem:
        return await to_thread.run_sync(_page, request, services, viewer, ("password", problem))
    return _back(services, "password")


@post("/app/account/sessions/{session:str}/end", include_in_schema=False, sync_to_thread=True)
def end_session(services: TheServices, viewer: TheViewer, session: FromPath[str]) -> Response[Any]:
    """Signs another browser out; one that is gone already is as good as ended."""
    try:
        sessions.close(services.context, viewer, session)
    except ServiceError as error:
        if error.code != "not_found":
            raise
    return _back(services, "session")


def _change(services: Services, viewer: Viewer, form: Form) -> str:
    """Why not, "" when it is done."""
    who, old, new = viewer.actor.who, form.get("old"), form.get("new")
    try:
        accounts.change_password(services.context, who, viewer.session, old=old, new=new)
    except ServiceError as error:
        return error.message
    return ""


def _page(
    request: Request[Any, Any, Any],
    services: Services,
    viewer: Viewer,
    problem: tuple[str, str] = ("", ""),
    notice: str = "",
) -> Response[Any]:
    view = AccountView(viewer.account, sessions.list_open(services.context, viewer))
    frame = Frame(request, services, viewer, here="account")
    status = 422 if problem[1] else 200
    extras = {"problem": problem, "notice": notice, "password_min": PASSWORD_MIN}
    return page(request, services, "account/account.html", view, frame=frame, status=status, **extras)


def _back(services: Services, done: str) -> Response[Any]:
    return redirect(f"{services.path_prefix}/app/account?done={done}")


HANDLERS = (account_page, rename, change_password, end_session)
