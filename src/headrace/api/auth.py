"""Who is asking: the key, its scope, its project. Another tenant's ids do not exist (404)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from headrace.api.deps import Asking, Services
from headrace.api.errors import ApiError
from headrace.api.people import COOKIE, CSRF_HEADER, changes, check_origin, check_token, find_asking
from headrace.api.services import key_actor
from headrace.catalog.keys import KeyRow

#: Other dialects' key headers, tried in this order when there is no Bearer token (rulings 2).
KEY_HEADERS = ("x-api-key", "x-seestack-key", "x-allstak-key")
_CHALLENGE = {"www-authenticate": "Bearer"}


def sent_secret(headers: Mapping[str, str]) -> str | None:
    """The key as sent, None when no header carries one. A Bearer token decides alone; ``Authorization`` with another
    scheme counts as absent.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    for name in KEY_HEADERS:
        if name in headers:
            return headers[name].strip()
    return None


def authenticate(services: Services, headers: Mapping[str, str], scope: str) -> KeyRow:
    """The caller's key. Raises :class:`ApiError` 401 (none, unknown), 403 (without ``scope``), 429 (its own limit)."""
    secret = sent_secret(headers)
    if secret is None:
        raise ApiError(401, "no_key", "send an API key as Authorization: Bearer …", _CHALLENGE)
    key = services.keys.find(secret) if secret else None
    if key is None:
        raise ApiError(401, "bad_key", "this API key is unknown, revoked or expired", _CHALLENGE)
    if key.kind != "key" or scope not in key.scopes:
        raise ApiError(403, "no_scope", f"this key lacks the {scope} scope")
    wait = services.keys.charge(key)
    if wait:
        raise ApiError(429, "rate_limited", "rate limit exceeded", {"retry-after": str(wait)})
    return key


class Guard:
    """A route guard for ``scope``: runs before the body is read and leaves in ``state.asking`` who asks, in ``state.viewer`` the person.
    A cookie counts only where no key is sent.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        services: Services = connection.app.state.services
        connection.state.viewer = None
        if sent_secret(connection.headers) is not None or COOKIE not in connection.cookies:
            key = authenticate(services, connection.headers, self.scope)
            actor = key_actor(key, services.door.address(connection.scope))
            connection.state.asking = Asking(actor, key.project)
            return
        viewer, asking = await to_thread.run_sync(find_asking, connection, services)
        if changes(connection):
            check_origin(connection.headers)
            check_token(viewer, connection.headers.get(CSRF_HEADER))
        if self.scope not in asking.actor.scopes:
            raise ApiError(403, "forbidden", f"your role in this project lacks the {self.scope} scope")
        connection.state.viewer, connection.state.asking = viewer, asking


reads = Guard("read")
writes = Guard("write")
manages = Guard("manage")
