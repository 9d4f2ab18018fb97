"""A person's session where a vendor's API would ask for a key (rulings 1 and 2): the key that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

import msgspec

from headrace.api.errors import ApiError
from headrace.api.people import COOKIE, CSRF_HEADER, SAFE_METHODS, check_origin, check_token
from headrace.api.services import Context, ServiceError, sessions
from headrace.api.services.base import SESSION
from headrace.catalog.keys import KeyRow
from headrace.dialects.base import Refusal
from headrace.records.intents import Answer


def session_key(
    context: Context, method: str, headers: Mapping[str, str], query: Mapping[str, str], address: str
) -> KeyRow | None:
    """The key that the session of the request's cookie stands for: in the project that the query names (``project``), else in the
    account's first. None without a session. Raises :class:`Refusal` 403 for a change that does not come from one of our own pages and
    for whoever may not manage keys there, 404 for a project that is not theirs.
    """
    viewer = sessions.find(context, _token(headers.get("cookie", "")), address)
    if viewer is None:
        return None
    try:
        if method not in SAFE_METHODS:
            check_origin(headers)
            check_token(viewer, headers.get(CSRF_HEADER))
        places = (
            [sessions.project(context, viewer, query["project"])]
            if "project" in query
            else sessions.projects(context, viewer)
        )
    except ApiError as error:
        raise _refusal(403, error.message) from None
    except ServiceError as error:
        raise _refusal(404, error.message) from None
    if not places or not places[0].allows("admin"):
        raise _refusal(403, "this needs the role admin in a project")
    info, _, actor = places[0]
    return KeyRow(
        id=viewer.account.id,
        account=actor.account or viewer.account.id,
        project=info.number,
        project_id=info.id,
        reach="project",
        kind=SESSION,
        scopes=actor.scopes,
        secret_sha256=b"",
        bindings={},
        rate=None,
        burst=None,
        unlimited=False,
        expires_at=None,
        last_used_at=None,
        name=viewer.account.email,
    )


def _token(cookies: str) -> str:
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _refusal(status: int, message: str) -> Refusal:
    body = msgspec.json.encode({"error": message})
    return Refusal(Answer(status, body, ((b"content-type", b"application/json"),), reason=message))
