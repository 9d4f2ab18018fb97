"""Whom SeeStack's management endpoints answer (contract 4): a key, or the token of a login, which acts as its person.

Most endpoints act in one project. The step ``place`` turns a login into what stands for its person there, so that their handlers know keys
only. Those that name a project or a key in their path look for the person's place themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection

from headrace.api.compat.base import ReadRequest
from headrace.api.compat.people import key_in
from headrace.api.services import Actor, Context, ServiceError, accounts, key_actor, roles
from headrace.api.services.accounts import AccountInfo
from headrace.api.services.base import LOGIN, Who, live_project
from headrace.api.services.roles import Membership
from headrace.catalog import monitors, uptime
from headrace.catalog.keys import KeyRow
from headrace.dialects.base import Inbound, Refusal
from headrace.dialects.seestack_fields import fast_object
from headrace.dialects.seestack_forms import envelope_error
from headrace.records.text import clean_text

#: Which project what a path's ``id`` names belongs to, by the beginning of the path: nobody who knows an id need name its project.
_HOMES: dict[str, Callable[[Connection, str], int | None]] = {
    "/api/v1/cron-monitors/": monitors.project_of,
    "/api/v1/monitors/": uptime.project_of,
}


class Place(NamedTuple):
    """A project, and as whom the request acts in it."""

    project: int
    actor: Actor


def placed_key(context: Context, request: Inbound, key: KeyRow, address: str) -> KeyRow:
    """What stands for the person of the login ``key`` in the project that the request means: that of its query or its body, that of what
    its path names, else their first one. Raises :class:`Refusal` 404 for a project that is not theirs, 403 for a role that is not enough for the route.
    """
    named = request.query().get("projectId") or _named_in(request.body)
    try:
        account = person(context, key)
        home = _home(context, request) if named is None else None
        place = _place(context, account, named, who_is(account, address), home)
    except ServiceError as error:
        raise Refusal(envelope_error(404, "NOT_FOUND", error.message[:1].upper() + error.message[1:])) from None
    scope = request.route.scope if isinstance(request.route.scope, str) else request.route.scope[0]
    if scope not in place.actor.scopes:
        raise Refusal(envelope_error(403, "FORBIDDEN", lacking(place.role, scope)))
    return key_in(place, LOGIN, account)


@contextmanager
def not_found(entity: str, ref: str | int) -> Iterator[None]:
    """Says of what is not found what was asked for (contract 4)."""
    try:
        yield
    except ServiceError as error:
        if error.code != "not_found":
            raise
        raise ServiceError("not_found", f"{entity} not found: {clean_text(str(ref))}") from None


def lacking(role: str, scope: str) -> str:
    """Why a person may not do what takes ``scope``."""
    return f"Your role in this project, {role}, lacks the {scope} scope"


def places(context: Context, request: ReadRequest) -> list[Membership]:
    """Every live project of the person whose login asks, by number."""
    account = person(context, request.key)
    return roles.memberships(context, account, who_is(account, request.address))


def enter(context: Context, request: ReadRequest, ref: str | int, scope: str) -> Place:
    """The live project ``ref`` for what takes ``scope``. Raises ``not_found``, ``forbidden``."""
    if request.key.kind != LOGIN:
        actor = key_actor(request.key, request.address)
        with context.catalog.read() as conn, not_found("project", ref):
            return Place(live_project(conn, actor, ref).number, actor)
    account = person(context, request.key)
    place = _place(context, account, ref, who_is(account, request.address))
    if scope not in place.actor.scopes:
        raise ServiceError("forbidden", lacking(place.role, scope))
    return Place(place.info.number, place.actor)


def person(context: Context, key: KeyRow) -> AccountInfo:
    """The account that the login ``key`` acts as. Raises ``not_found`` for one that is gone since it was let in."""
    found = accounts.find(context, key.id)
    if found is None:
        raise ServiceError("not_found", "project not found")
    return found


def who_is(account: AccountInfo, address: str) -> Who:
    """As whom the audit log names the person."""
    return Who("account", account.id, account.email, address)


def _place(
    context: Context, account: AccountInfo, ref: str | int | None, who: Who, home: int | None = None
) -> Membership:
    """``home`` is the project that is meant, if it is one of the person's."""
    if ref is not None:
        with context.catalog.read() as conn, not_found("project", ref):
            return roles.membership(conn, account, ref, who)
    found = roles.memberships(context, account, who)
    if not found:
        raise ServiceError("not_found", "project not found")
    return next((place for place in found if place.info.number == home), found[0])


def _home(context: Context, request: Inbound) -> int | None:
    for beginning, project_of in _HOMES.items():
        if request.route.path.startswith(beginning):
            with context.catalog.read() as conn:
                return project_of(conn, clean_text(request.params["id"]))
    return None


def _named_in(body: bytes) -> str | None:
    """The project that a body names. What cannot be read is its handler's to refuse."""
    sent = fast_object(body) if body else None
    named = sent.get("projectId") if sent else None
    return named if isinstance(named, str) and named else None
