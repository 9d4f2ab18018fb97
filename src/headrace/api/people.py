"""People's requests: the cookie that says whose session it is, and what a change must bring besides.

A cookie is sent by the browser whoever makes it send, so a change must come from one of our own pages: the browser names the site that
it comes from, and the page knows its session's token.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from anyio import CapacityLimiter
from litestar.connection import ASGIConnection

from headrace.api.deps import Asking, Services
from headrace.api.errors import ApiError
from headrace.api.services import sessions
from headrace.api.services.sessions import Viewer

#: Passwords checked at the same time: each takes 19 MiB and a core for 20 ms.
HASHING = CapacityLimiter(2)

COOKIE = "headrace_session"
CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

Connection = ASGIConnection[Any, Any, Any, Any]


def changes(connection: Connection) -> bool:
    """Whether the request may change something, by its method."""
    return connection.scope["method"] not in SAFE_METHODS  # type: ignore[typeddict-item]


def find_viewer(connection: Connection, services: Services) -> Viewer | None:
    """Whose cookie it is, None without one. Asks the catalog: for worker threads."""
    token = connection.cookies.get(COOKIE, "")
    return sessions.find(services.context, token, services.door.address(connection.scope)) if token else None


def check_origin(headers: Mapping[str, str]) -> None:
    """403 for a change from another site. What names no site is no browser, and cannot be made to act for somebody."""
    origin = headers.get("origin")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") or (
        origin is not None and urlsplit(origin).netloc != headers.get("host", "")
    ):
        raise ApiError(403, "foreign_origin", "this request comes from another site")


def check_token(viewer: Viewer, sent: str | None) -> None:
    """403 unless ``sent`` is the token of the viewer's session."""
    if not hmac.compare_digest((sent or "").encode(), viewer.csrf.encode()):
        raise ApiError(403, "bad_token", "this page is out of date: load it again, then repeat what you did")


def find_asking(connection: Connection, services: Services) -> tuple[Viewer, Asking]:
    """Who is behind the cookie, and as whom they act: in the project that path or query name, else on their own (``project`` None).
    Asks the catalog: for worker threads. Raises :class:`ApiError` 401, and ``not_found`` for a project that is not theirs.
    """
    viewer = find_viewer(connection, services)
    if viewer is None:
        raise ApiError(401, "signed_out", "sign in, or send an API key as Authorization: Bearer …")
    named = connection.path_params.get("project") or connection.query_params.get("project")
    if not named:
        return viewer, Asking(viewer.actor, None)
    place = sessions.project(services.context, viewer, named)
    return viewer, Asking(place.actor, place.info.number)
