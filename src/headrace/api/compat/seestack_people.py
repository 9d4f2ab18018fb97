"""SeeStack's registration and sign-in (contract 4): what a program is given that acts as a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from anyio import to_thread

from headrace.api.compat.base import CompatServices, Handler, ReadRequest
from headrace.api.compat.seestack_guard import guarded
from headrace.api.compat.seestack_lists import private
from headrace.api.people import HASHING
from headrace.api.services import ServiceError, login_tokens, registration
from headrace.api.services.accounts import EMAIL_MAX, PASSWORD_MAX, PASSWORD_MIN, AccountInfo, is_email
from headrace.api.services.base import NAME_MAX
from headrace.dialects.base import Fault, FaultDetail
from headrace.dialects.seestack_fields import Fields
from headrace.dialects.seestack_forms import Unreadable, envelope, envelope_error, fault, read_object, unreadable
from headrace.records.intents import Answer, StreamAnswer

_CLOSED = "Registration is closed on this server: ask for an invitation"


class Credentials(NamedTuple):
    """What somebody says of themselves."""

    email: str
    password: str
    name: str


Read = Callable[[Fields], Credentials]
Act = Callable[[CompatServices, ReadRequest, Credentials], Answer]


def handlers(services: CompatServices) -> dict[str, Handler]:
    """The handlers by the names that ``dialects.seestack_people_reads`` gives them."""
    login, register = _counted(services, _sign_in, _log_in), _counted(services, _registration, _register)
    return {"seestack.login": login, "seestack.register": register if services.open_registration else _closed}


async def _closed(_request: ReadRequest) -> Answer:
    return envelope_error(403, "FORBIDDEN", _CLOSED)


def _counted(services: CompatServices, read: Read, act: Act) -> Handler:
    """Each try is counted before a hash is paid for, as those on the page are."""

    async def handle(request: ReadRequest) -> Answer | StreamAnswer:
        who = await asyncio.to_thread(_credentials, request, read)
        wait = services.charge_sign_in(request.address, who.email.strip().casefold()[:EMAIL_MAX])
        if wait:
            return fault(Fault.RATE, FaultDetail(retry_after=wait))

        def work(with_: CompatServices, asked: ReadRequest) -> Answer:
            return private(act(with_, asked, who))

        return await to_thread.run_sync(guarded, services, request, work, limiter=HASHING)

    return handle


def _credentials(request: ReadRequest, read: Read) -> Credentials:
    fields = Fields(read_object(request.body))
    try:
        found = read(fields)
    except Unreadable as error:
        raise unreadable(str(error)) from None
    fields.check()
    return found


def _sign_in(fields: Fields) -> Credentials:
    return Credentials(fields.required("email"), fields.required("password"), "")


def _registration(fields: Fields) -> Credentials:
    """An account's own rules, which are stricter than upstream's."""
    found = Credentials(fields.required("email"), fields.required("password"), fields.text("name"))
    if len(found.email.strip()) > EMAIL_MAX or not is_email(found.email.strip()):
        fields.refuse("email", "must be a well-formed email address")
    if not PASSWORD_MIN <= len(found.password) <= PASSWORD_MAX:
        fields.refuse("password", f"size must be between {PASSWORD_MIN} and {PASSWORD_MAX}")
    if len(found.name.strip()) > NAME_MAX:
        fields.refuse("name", f"size must be between 0 and {NAME_MAX}")
    return found


def _log_in(services: CompatServices, request: ReadRequest, who: Credentials) -> Answer:
    try:
        opened = login_tokens.open(services.context, who.email, who.password, request.address, _agent(request))
    except ServiceError as error:
        return envelope_error(401, "UNAUTHORIZED", error.message[:1].upper() + error.message[1:])
    return envelope({"token": opened.token, "user": _user(opened.account), "project": None}, 200)


def _register(services: CompatServices, request: ReadRequest, who: Credentials) -> Answer:
    made = registration.register(
        services.context,
        email=who.email,
        password=who.password,
        name=who.name,
        address=request.address,
        agent=_agent(request),
    )
    project, key = made.first
    shown = {"id": project.id, "name": project.name, "slug": project.slug, "apiKey": key.key}
    return envelope({"token": made.token, "user": _user(made.account), "project": shown}, 201)


def _user(account: AccountInfo) -> dict[str, Any]:
    return {"id": account.id, "email": account.email, "name": account.name}


def _agent(request: ReadRequest) -> str:
    return (request.header(b"user-agent") or b"").decode("latin-1")
