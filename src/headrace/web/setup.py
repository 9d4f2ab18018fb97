"""The one-time set-up page. The token in its path is the secret: no cookie is set, so nothing can be forged across sites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from litestar import Request, Response, get, post
from litestar.params import FromPath

from headrace.api.app import Document, TheDocument
from headrace.api.deps import Services, TheServices
from headrace.api.errors import ApiError, not_found
from headrace.api.services import ServiceError, setup
from headrace.api.services.setup import SetUp
from headrace.api.setup_token import is_valid
from headrace.web import docs
from headrace.web.pages import reader
from headrace.web.render import Pages

#: Bytes of a form and how many fields are read from it.
MAX_FORM = 16 * 1024
MAX_FIELDS = 16
#: Characters of the owner's password: this account may do everything, so the page asks for more than the API does.
PASSWORD_MIN = 12
_FIELDS = ("email", "password", "project")


@get("/app/setup/{token:str}", include_in_schema=False, sync_to_thread=True)
def setup_form(services: TheServices, token: FromPath[str]) -> Response[str]:
    """The form; 404 for a link that is wrong or was used."""
    if not is_valid(services.context, token):
        raise not_found("this set-up link")
    return _form(services, {}, "")


@post("/app/setup/{token:str}", include_in_schema=False)
async def set_up(
    request: Request[Any, Any, Any], services: TheServices, document: TheDocument, token: FromPath[str]
) -> Response[str]:
    """Makes account, project and key and shows the key; a form that does not do is shown again with the reason."""
    form = await _read_form(request)
    return await to_thread.run_sync(_complete, request, services, document, token, form)


def _complete(
    request: Request[Any, Any, Any], services: Services, document: Document, token: str, form: dict[str, str]
) -> Response[str]:
    if not is_valid(services.context, token):
        raise not_found("this set-up link")
    if len(form["password"]) < PASSWORD_MIN:
        return _form(services, form, f"password must be at least {PASSWORD_MIN} characters")
    try:
        made = setup.complete(
            services.context,
            token,
            email=form["email"],
            password=form["password"],
            project=form["project"] or setup.FIRST_PROJECT,
        )
    except ServiceError as error:
        if error.code == "forbidden":  # used by somebody else a moment ago
            raise not_found("this set-up link") from None
        return _form(services, form, error.message)
    return _done(request, services, document, made)


def _form(services: Services, form: dict[str, str], problem: str) -> Response[str]:
    shown = {name: form.get(name, "") for name in _FIELDS if name != "password"}
    pages = Pages(services.path_prefix)
    return pages.answer(
        "setup.html", status=422 if problem else 200, form=shown, problem=problem, password_min=PASSWORD_MIN
    )


def _done(request: Request[Any, Any, Any], services: Services, document: Document, made: SetUp) -> Response[str]:
    asker = reader(request, services)._replace(project_id=made.project.id, secret=made.key.key)
    sends: Sequence[tuple[str, docs.Endpoint]] = list(docs.first_sends(docs.groups(document.value, asker)))
    return Pages(services.path_prefix).answer(
        "setup_done.html",
        project_name=made.project.name,
        project_id=made.project.id,
        secret=made.key.key,
        scopes=made.key.scopes,
        sends=sends,
    )


async def _read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise ApiError(415, "unsupported_media_type", "send the form as application/x-www-form-urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise ApiError(413, "too_large", "the form is too large")
    try:
        sent = dict(parse_qsl(body.decode("ascii", "replace"), max_num_fields=MAX_FIELDS, keep_blank_values=True))
    except ValueError:
        raise ApiError(400, "bad_request", "the form has too many fields") from None
    return {name: sent.get(name, "") for name in _FIELDS}
