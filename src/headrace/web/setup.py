"""The one-time set-up page. The token in its path is the secret that nobody else has."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from headrace.api.deps import Services, TheServices
from headrace.api.errors import not_found
from headrace.api.services import ServiceError, setup
from headrace.api.services.accounts import PASSWORD_MIN
from headrace.api.setup_token import is_valid
from headrace.web.door import OPEN, TheForm, redirect, session_cookie
from headrace.web.forms import Form
from headrace.web.render import Pages

_SHOWN = ("email", "name", "project")


@get("/app/setup/{token:str}", opt=OPEN, include_in_schema=False, sync_to_thread=True)
def setup_form(services: TheServices, token: FromPath[str]) -> Response[str]:
    """The form; 404 for a link that is wrong or was used."""
    if not is_valid(services.context, token):
        raise not_found("this set-up link")
    return _form(services, Form([]), "")


@post("/app/setup/{token:str}", opt=OPEN, include_in_schema=False, sync_to_thread=True)
def set_up(
    request: Request[Any, Any, Any], services: TheServices, token: FromPath[str], form: TheForm
) -> Response[str]:
    """Makes account and project, signs the owner in and leads them to the project's first page; a form that does not do is shown again
    with the reason.
    """
    if not is_valid(services.context, token):
        raise not_found("this set-up link")
    try:
        made = setup.complete(
            services.context,
            token,
            email=form.get("email"),
            password=form.get("password"),
            name=form.get("name"),
            project=form.get("project") or setup.FIRST_PROJECT,
            address=services.door.address(request.scope),
            agent=request.headers.get("user-agent", ""),
            idle_us=services.session_idle_us,
        )
    except ServiceError as error:
        if error.code == "forbidden":  # used by somebody else a moment ago
            raise not_found("this set-up link") from None
        return _form(services, form, error.message)
    connect = f"{services.path_prefix}/app/p/{made.project.slug}/connect"
    return redirect(connect, session_cookie(request, services, made.token))


def _form(services: Services, form: Form, problem: str) -> Response[str]:
    shown = {name: form.get(name) for name in _SHOWN}
    status = 422 if problem else 200
    pages = Pages(services.path_prefix)
    return pages.answer("setup.html", status=status, form=shown, problem=problem, password_min=PASSWORD_MIN)


HANDLERS = (setup_form, set_up)
