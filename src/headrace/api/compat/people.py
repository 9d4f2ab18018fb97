"""A person where a vendor's API would ask for a key (rulings 1 and 2): the keys that their session, or the token of a program that signed
in as them, stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

import msgspec

from headrace.api.errors import ApiError
from headrace.api.people import COOKIE, CSRF_HEADER, SAFE_METHODS, check_origin, check_token
from headrace.api.services import Context, ServiceError, login_tokens, sessions
from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import LOGIN, SESSION
from headrace.api.services.roles import Membership
from headrace.catalog.keys import KeyRow
from headrace.dialects.base import Refusal
from headrace.records.intents import Answer

#: What a login may be asked for. It never ingests, whatever its person may (rulings 2).
SCOPES_OF_LOGINS = frozenset(("read", "manage"))


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
    return key_in(places[0], SESSION, viewer.account)


def login_key(context: Context, token: str, address: str) -> KeyRow | None:
    """The key that the token of a login stands for: of its account, in no project yet, with whatever the account may anywhere. None for a
    token of nobody's.
    """
    holder = login_tokens.find(context, token, address)
    if holder is None:
        return None
    return _key(
        holder.account,
        LOGIN,
        account=holder.account.id,
        project=0,
        project_id="",
        reach="account",
        scopes=SCOPES_OF_LOGINS,
    )


def key_in(place: Membership, kind: str, account: AccountInfo) -> KeyRow:
    """What stands for ``account`` in one project: the rights of its role there."""
    info, _, actor = place
    owner = actor.account or account.id
    return _key(
        account, kind, account=owner, project=info.number, project_id=info.id, reach="project", scopes=actor.scopes
    )


def _key(
    person: AccountInfo, kind: str, *, account: str, project: int, project_id: str, reach: str, scopes: frozenset[str]
) -> KeyRow:
    return KeyRow(
        id=person.id,
        account=account,
        project=project,
        project_id=project_id,
        reach=reach,
        kind=kind,
        scopes=scopes,
        secret_sha256=b"",
        bindings={},
        rate=None,
        burst=None,
        unlimited=False,
        expires_at=None,
        last_used_at=None,
        name=person.email,
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
