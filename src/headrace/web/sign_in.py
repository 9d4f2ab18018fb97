"""Signing in and out."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from litestar import Request, Response, get, post
from litestar.params import FromQuery

from headrace.api.deps import Services, TheServices
from headrace.api.people import HASHING
from headrace.api.services import ServiceError, sessions
from headrace.web.door import (
    VISITOR,
    TheForm,
    TheViewer,
    TheVisitor,
    local_path,
    redirect,
    session_cookie,
    wait_text,
)
from headrace.web.forms import Form
from headrace.web.frame import PROJECT_COOKIE
from headrace.web.render import Pages


@get("/app/sign-in", opt=VISITOR, include_in_schema=False, name="sign_in_form")
async def sign_in_form(services: TheServices, visitor: TheVisitor, next: FromQuery[str] = "") -> Response[str]:  # noqa: A002
    """The form; whoever is signed in already is led on."""
    if visitor is not None:
        return redirect(local_path(services, next))
    return _form(services, "", next)


@post("/app/sign-in", opt=VISITOR, include_in_schema=False)
async def sign_in(request: Request[Any, Any, Any], services: TheServices, form: TheForm) -> Response[str]:
    """Opens a session; a wrong password and an unknown address are told alike."""
    email = form.get("email").strip().casefold()
    wait = services.door.charge(request.scope, email)
    if wait:
        answer = _form(
            services, f"Too many tries. Wait {wait_text(wait)}, then try again.", form.get("next"), email, 429
        )
        answer.headers["retry-after"] = str(wait)
        return answer
    try:
        token = await to_thread.run_sync(_open, request, services, form, limiter=HASHING)
    except ServiceError as error:
        return _form(services, error.message, form.get("next"), email, 422)
    return redirect(local_path(services, form.get("next")), session_cookie(request, services, token))


@post("/app/sign-out", include_in_schema=False, sync_to_thread=True)
def sign_out(request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer) -> Response[str]:
    """Ends the session, here and in the catalog."""
    sessions.close(services.context, viewer)
    return redirect(f"{services.path_prefix}/app/sign-in", session_cookie(request, services, ""))


def _open(request: Request[Any, Any, Any], services: Services, form: Form) -> str:
    return sessions.open(
        services.context,
        form.get("email"),
        form.get("password"),
        services.door.address(request.scope),
        request.headers.get("user-agent", ""),
        idle_us=services.session_idle_us,
    )


def _form(services: Services, problem: str, onwards: str, email: str = "", status: int = 200) -> Response[str]:
    pages = Pages(services.path_prefix)
    return pages.answer("door/sign_in.html", status=status, problem=problem, next=onwards, email=email)


@get("/app/", include_in_schema=False, sync_to_thread=True)
def enter(request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer) -> Response[str]:
    """The overview of the project looked at last, else of the first; without any, where a project can be made."""
    slugs = [one.info.slug for one in sessions.projects(services.context, viewer)]
    last = request.cookies.get(PROJECT_COOKIE)
    place = f"p/{last if last in slugs else slugs[0]}/overview" if slugs else "projects"
    return redirect(f"{services.path_prefix}/app/{place}")


HANDLERS = (enter, sign_in_form, sign_in, sign_out)
