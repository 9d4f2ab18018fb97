"""An invitation's link: joins a project with the present account, or with one that is made here."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from anyio import to_thread
from litestar import Request, Response, get, post
from litestar.params import FromPath

from headrace.api.deps import Services, TheServices
from headrace.api.services import ServiceError, invitations
from headrace.api.services.accounts import PASSWORD_MIN
from headrace.api.services.sessions import Viewer
from headrace.web.door import VISITOR, TheForm, TheVisitor, check_form, redirect, session_cookie
from headrace.web.forms import Form
from headrace.web.render import Pages


@get("/app/invitation/{token:str}", opt=VISITOR, include_in_schema=False, sync_to_thread=True)
def invitation_page(services: TheServices, visitor: TheVisitor, token: FromPath[str]) -> Response[str]:
    """What is offered; 404 for a link that is over."""
    return _page(services, visitor, token, Form([]), "")


@post("/app/invitation/{token:str}", opt=VISITOR, include_in_schema=False)
async def accept(
    request: Request[Any, Any, Any], services: TheServices, visitor: TheVisitor, token: FromPath[str], form: TheForm
) -> Response[str]:
    """Joins; a form that does not do is shown again with the reason, and the link stays good."""
    if visitor is not None:
        await check_form(request, visitor)
    return await to_thread.run_sync(_accept, request, services, visitor, token, form)


def _accept(
    request: Request[Any, Any, Any], services: Services, visitor: Viewer | None, token: str, form: Form
) -> Response[str]:
    cookies = []
    try:
        if visitor is not None:
            slug = invitations.join(services.context, token, visitor.actor.who)
        else:
            slug, session = invitations.register(
                services.context,
                token,
                email=form.get("email"),
                password=form.get("password"),
                name=form.get("name"),
                address=services.door.address(request.scope),
                agent=request.headers.get("user-agent", ""),
                idle_us=services.session_idle_us,
            )
            cookies = [session_cookie(request, services, session)]
    except ServiceError as error:
        if error.code == "not_found":
            raise
        return _page(services, visitor, token, form, error.message)
    return redirect(f"{services.path_prefix}/app/p/{slug}/overview", *cookies)


def _page(services: Services, visitor: Viewer | None, token: str, form: Form, problem: str) -> Response[str]:
    offer = invitations.look(services.context, token)
    here = quote(f"{services.path_prefix}/app/invitation/{token}", safe="")
    return Pages(services.path_prefix).answer(
        "door/invitation.html",
        status=422 if problem else 200,
        offer=offer,
        visitor=visitor,
        problem=problem,
        form={name: form.get(name) for name in ("email", "name")},
        sign_in=f"{services.path_prefix}/app/sign-in?next={here}",
        password_min=PASSWORD_MIN,
    )


HANDLERS = (invitation_page, accept)
