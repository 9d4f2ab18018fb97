"""Keys of a project: made, shown once, watched, revoked."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.params import FromPath

from headrace.api.deps import Services, TheServices
from headrace.api.services import ServiceError, keys
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.key_text import STYLES
from headrace.api.services.keys import KeyInfo, KeyRefusals, NewKey
from headrace.api.services.roles import Membership
from headrace.api.services.sessions import Viewer
from headrace.web.door import TheForm, TheProject, TheViewer, needs, redirect
from headrace.web.forms import Form
from headrace.web.frame import Frame, get_page, page
from headrace.web.ranges import DAY_US

_BASE = "/app/p/{slug:str}/keys"
#: Lives that the form offers, in days; 0 never ends.
LIVES = ((0, "Never"), (30, "After 30 days"), (90, "After 90 days"), (365, "After a year"))
#: Vendors' names as they write them.
_TITLES = {
    "headrace": "Headrace",
    "statflow": "StatFlow",
    "canaryhub": "CanaryHub",
    "seestack": "SeeStack",
    "logister": "Logister",
    "slowstats": "SlowStats",
    "stathat": "StatHat",
}
_DONE = {"revoked": "The key is revoked: whatever sends it is refused from now on."}


class KeyLine(msgspec.Struct, frozen=True):
    """A key and, if requests with it were refused, how often, why and when last."""

    key: KeyInfo
    refusals: KeyRefusals | None


class KeysView(msgspec.Struct, frozen=True):
    """``revoked``: whether the list holds revoked keys, too. ``styles`` that a key's text may have."""

    keys: list[KeyLine]
    revoked: bool
    styles: list[str]


@get_page(_BASE, guards=[needs("admin")])
def keys_page(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, project: TheProject
) -> Response[Any]:
    """The keys that live; with ``?revoked=1`` all that ever were."""
    return _page(request, services, viewer, project, notice=_DONE.get(request.query_params.get("done", ""), ""))


@post(_BASE, guards=[needs("admin")], include_in_schema=False, sync_to_thread=True)
def create_key(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, project: TheProject, form: TheForm
) -> Response[Any]:
    """Makes a key and shows it, once."""
    try:
        spec = _spec(form, services.context.now())
        made = keys.create(services.context, project.actor, project=project.info.number, spec=spec)
    except ServiceError as error:
        return _page(request, services, viewer, project, problem=error.message, form=form)
    return _page(request, services, viewer, project, made=made)


@post(_BASE + "/{key:str}/revoke", guards=[needs("admin")], include_in_schema=False, sync_to_thread=True)
def revoke_key(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    key: FromPath[str],
) -> Response[Any]:
    """Revokes a key of this project."""
    shown = keys.list_all(services.context, project.actor, project=project.info.number, revoked=False)
    if key not in {one.id for one in shown}:
        return _page(request, services, viewer, project, problem="this key is revoked already, or not of this project")
    keys.revoke(services.context, project.actor, key)
    return redirect(f"{services.path_prefix}/app/p/{project.info.slug}/keys?done=revoked")


def _page(
    request: Request[Any, Any, Any],
    services: Services,
    viewer: Viewer,
    project: Membership,
    *,
    notice: str = "",
    problem: str = "",
    made: NewKey | None = None,
    form: Form | None = None,
) -> Response[Any]:
    revoked = request.query_params.get("revoked") == "1"
    context, actor, number = services.context, project.actor, project.info.number
    refused = {one.id: one for one in keys.refusals(context, actor, project=number)}
    found = keys.list_all(context, actor, project=number, revoked=revoked)
    view = KeysView(
        keys=[KeyLine(one, refused.get(one.id)) for one in reversed(found)],
        revoked=revoked,
        styles=list(STYLES),
    )
    frame = Frame(request, services, viewer, project, here="keys")
    status = 422 if problem else 201 if made else 200
    return page(
        request,
        services,
        "keys/index.html",
        view,
        frame=frame,
        status=status,
        notice=notice,
        problem=problem,
        made=made,
        typed=form or Form([("scope", "write"), ("scope", "read")]),
        lives=LIVES,
        styles=[(name, _TITLES.get(name, name)) for name in view.styles],
    )


def _spec(form: Form, now: int) -> KeySpec:
    """What the form asks for. Raises ``invalid`` for a number that is none."""
    days = _number(form, "days") or 0
    secret = form.get("secret")
    return KeySpec(
        name=form.get("name"),
        style=form.get("style") or "headrace",
        scopes=form.all("scope"),
        expires_at=now + days * DAY_US if days else None,
        secret=secret or None,
        rate=_number(form, "rate"),
    )


def _number(form: Form, name: str) -> int | None:
    text = form.get(name).strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ServiceError("invalid", f"{name} must be a whole number")
    return int(text)


HANDLERS = (keys_page, create_key, revoke_key)
