"""The gate before every page: who looks, whether they may, and whether a change was asked for by one of our own pages.

Everything behind it is closed unless its handler says otherwise: ``opt=OPEN`` asks nobody, ``opt=VISITOR`` shows itself to anyone and
knows the viewer if there is one. Handlers take ``viewer: TheViewer``, under ``/app/p/{slug:str}/`` also ``project: TheProject``, and ``form: TheForm`` where one is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import quote

from anyio import to_thread
from litestar import MediaType, Request, Response, Router
from litestar.datastructures import Cookie
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import SkipValidation
from litestar.types import Guard

from headrace.api.deps import Services
from headrace.api.errors import ApiError
from headrace.api.people import COOKIE, CSRF_HEADER, Connection, changes, check_origin, check_token, find_viewer
from headrace.api.services import sessions
from headrace.api.services.roles import Membership
from headrace.api.services.sessions import Viewer
from headrace.web.forms import Form, is_form, read_form

#: Seconds that a browser keeps the cookie, as long as browsers do; the server decides when a session ends.
COOKIE_MAX_AGE = 400 * 24 * 3_600
#: Where forms carry the session's token; scripts send it in a header.
CSRF_FIELD = "csrf"

#: For a handler's ``opt``.
OPEN = {"door": "open"}
VISITOR = {"door": "visitor"}

TheViewer = NamedDependency[SkipValidation[Viewer]]
TheVisitor = NamedDependency[SkipValidation[Viewer | None]]
TheForm = NamedDependency[SkipValidation[Form]]
TheProject = NamedDependency[SkipValidation[Membership]]


class SignedOut(Exception):
    """Nobody is signed in. ``sign_in`` is where to."""

    def __init__(self, sign_in: str) -> None:
        super().__init__(sign_in)
        self.sign_in = sign_in


def behind(handlers: Sequence[HTTPRouteHandler]) -> Router:
    """``handlers`` behind the gate."""
    return Router(
        "/",
        route_handlers=list(handlers),
        guards=[_gate],
        dependencies={
            "viewer": Provide(_viewer, sync_to_thread=False),
            "visitor": Provide(_visitor, sync_to_thread=False),
            "project": Provide(_project, sync_to_thread=False),
            "form": Provide(read_form),
        },
        exception_handlers={SignedOut: _to_sign_in},
    )


def needs(role: str) -> Guard:
    """A guard for handlers under ``/app/p/{slug:str}/``: 403 unless the viewer's role in the project is ``role`` or more."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        if not connection.state.membership.allows(role):
            raise ApiError(403, "forbidden", f"this needs the role {role} in the project")

    return guard


async def instance_owner(connection: Connection, _handler: BaseRouteHandler) -> None:
    """A guard for pages about the whole instance. Anybody else learns only that there is nothing for them."""
    if not connection.state.viewer.is_owner:
        raise ApiError(404, "not_found", "nothing is served at this path")


def session_cookie(request: Request[Any, Any, Any], services: Services, token: str) -> Cookie:
    """The cookie that signs a browser in; with an empty token the one that signs it out."""
    return Cookie(
        COOKIE,
        value=token,
        path=f"{services.path_prefix}/",
        max_age=COOKIE_MAX_AGE if token else 0,
        httponly=True,
        samesite="lax",
        secure=request.scope["scheme"] == "https",
    )


def redirect(location: str, *cookies: Cookie) -> Response[str]:
    """To another page after a form, as a GET."""
    headers = {"location": location, "cache-control": "no-store"}
    return Response("", status_code=303, media_type=MediaType.HTML, headers=headers, cookies=cookies)


def wait_text(seconds: int) -> str:
    """A wait as it is told."""
    if seconds < 60:
        return f"{seconds} second{'s' if seconds > 1 else ''}"
    minutes = -(-seconds // 60)
    return f"{minutes} minute{'s' if minutes > 1 else ''}"


def local_path(services: Services, wanted: str) -> str:
    """Where to go after signing in: ``wanted`` if it is a page of ours, else the first page."""
    home = f"{services.path_prefix}/app/"
    return wanted if wanted.startswith(home) and wanted.isprintable() and "\\" not in wanted else home


async def _gate(connection: Connection, handler: BaseRouteHandler) -> None:
    services: Services = connection.app.state.services
    if changes(connection):
        check_origin(connection.headers)
    how = handler.opt.get("door", "")
    connection.state.viewer = None
    if how == "open":
        return
    slug = None if how else connection.path_params.get("slug")
    found = await to_thread.run_sync(look, connection, services, slug)
    connection.state.viewer, connection.state.membership = found
    if how:
        return
    if found[0] is None:
        raise _signed_out(connection, services)
    if changes(connection):
        await check_form(cast("Request[Any, Any, Any]", connection), found[0])


def look(connection: Connection, services: Services, slug: str | None) -> tuple[Viewer | None, Membership | None]:
    """Who is there, and their place in the project ``slug`` if one is named. Asks the catalog: for worker threads. Raises ``not_found``
    for a project that is not theirs.
    """
    viewer = find_viewer(connection, services)
    if viewer is None or slug is None:
        return viewer, None
    return viewer, sessions.project(services.context, viewer, slug)


async def check_form(request: Request[Any, Any, Any], viewer: Viewer) -> None:
    """403 unless the request brings the session's token, in a header or in its form."""
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and is_form(request):
        sent = (await read_form(request)).get(CSRF_FIELD)
    check_token(viewer, sent)


def _signed_out(connection: Connection, services: Services) -> Exception:
    path = connection.scope["path"]
    sign_in = f"{services.path_prefix}/app/sign-in"
    if connection.scope["method"] == "GET" and path.rstrip("/") != "/app":  # type: ignore[typeddict-item]
        query = connection.scope["query_string"].decode("latin-1")
        here = services.path_prefix + quote(path) + (f"?{query}" if query else "")
        sign_in += f"?next={quote(here, safe='/')}"
    if "hx-request" in connection.headers:
        return ApiError(401, "signed_out", "sign in first", {"hx-redirect": sign_in})
    if path.endswith((".json", "/live")) or "text/event-stream" in connection.headers.get("accept", ""):
        return ApiError(401, "signed_out", "sign in first")
    return SignedOut(sign_in)


def _to_sign_in(_request: Request[Any, Any, Any], error: SignedOut) -> Response[str]:
    return redirect(error.sign_in)


def _viewer(request: Request[Any, Any, Any]) -> Viewer:
    viewer: Viewer = request.state.viewer
    return viewer


def _visitor(request: Request[Any, Any, Any]) -> Viewer | None:
    viewer: Viewer | None = request.state.viewer
    return viewer


def _project(request: Request[Any, Any, Any]) -> Membership:
    membership: Membership = request.state.membership
    return membership
