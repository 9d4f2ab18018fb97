"""Letting a command line in: the code that it shows, what it asks for, and the answer of whoever is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery

from headrace.api.deps import Services, TheServices
from headrace.api.services import ServiceError, device_logins
from headrace.api.services.sessions import Viewer
from headrace.web.door import OPEN, TheForm, TheViewer, redirect, wait_text
from headrace.web.frame import Frame, get_page, page

#: What the page says after an answer, by what its URL says was done.
_DONE = {
    "approved": "The command line is let in. Go back to your terminal.",
    "denied": "The command line is not let in.",
}
#: What each scope lets a command line read.
_READS: Mapping[str, str] = {
    "projects:read": "the names of your projects",
    "project_summary:read": "what came in, counted",
    "events:read": "events and logs",
    "errors:read": "errors and their groups",
    "ai_context:read": "bundles about an error, made for an AI",
    "traces:read": "traces",
    "monitors:read": "monitors",
    "deployments:read": "deployments",
    "insights:read": "insights",
    "metrics:read": "metrics",
}
UNKNOWN = "No command line waits with this code. Codes last ten minutes and are good once."
_DAY_S = 86_400


class DeviceView(msgspec.Struct, frozen=True):
    """``code`` as it was typed; ``client`` and ``reads``: who asks for what, empty while no code is known. ``days``: how long it is let
    in.
    """

    code: str = ""
    client: str = ""
    reads: list[str] = []
    days: int = device_logins.KEY_LIFE_S // _DAY_S


@get_page("/app/device")
def device_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    code: FromQuery[str] = "",
    done: FromQuery[str] = "",
) -> Response[Any]:
    """Asks for a code, or, with one, whether whoever shows it is let in. Looking a code up is counted: it is short."""
    if not code.strip():
        return _page(request, services, viewer, DeviceView(), notice=_DONE.get(done, ""))
    wait = _charge(request, services, viewer)
    if wait:
        return _too_many(request, services, viewer, code, wait)
    try:
        asked = device_logins.look(services.context, code)
    except ServiceError:
        return _page(request, services, viewer, DeviceView(code), problem=UNKNOWN, status=404)
    reads = [_READS.get(scope, scope) for scope in asked.scopes]
    return _page(request, services, viewer, DeviceView(code, asked.client_name, reads))


@get("/cli/device", opt=OPEN, include_in_schema=False, sync_to_thread=False)
def upstream_path(request: Request[Any, Any, Any], services: TheServices) -> Response[str]:
    """Where Logister has this page (logister.md 1.11)."""
    query = request.scope["query_string"].decode("latin-1").replace("user_code=", "code=")
    return redirect(f"{services.path_prefix}/app/device" + (f"?{query}" if query else ""))


@post("/app/device", include_in_schema=False, sync_to_thread=True)
def answer(request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, form: TheForm) -> Response[Any]:
    """Lets the command line in, or not."""
    code, approve = form.get("code"), form.get("answer") == "approve"
    wait = _charge(request, services, viewer)
    if wait:
        return _too_many(request, services, viewer, code, wait)
    try:
        device_logins.decide(services.context, viewer.actor.who, code, approve=approve)
    except ServiceError:
        return _page(request, services, viewer, DeviceView(code), problem=UNKNOWN, status=404)
    return redirect(f"{services.path_prefix}/app/device?done={'approved' if approve else 'denied'}")


def _charge(request: Request[Any, Any, Any], services: Services, viewer: Viewer) -> int:
    """Seconds to wait until a code is looked up, 0 for none. As many as tries to sign in, and counted apart from those of the account."""
    return services.door.charge(request.scope, f"code of {viewer.account.email}")


def _too_many(
    request: Request[Any, Any, Any], services: Services, viewer: Viewer, code: str, wait: int
) -> Response[Any]:
    problem = f"Too many codes. Wait {wait_text(wait)}, then try again."
    answer = _page(request, services, viewer, DeviceView(code), problem=problem, status=429)
    answer.headers["retry-after"] = str(wait)
    return answer


def _page(
    request: Request[Any, Any, Any],
    services: Services,
    viewer: Viewer,
    view: DeviceView,
    problem: str = "",
    notice: str = "",
    status: int = 200,
) -> Response[Any]:
    frame = Frame(request, services, viewer, here="device")
    extras = {"problem": problem, "notice": notice}
    return page(request, services, "account/device.html", view, frame=frame, status=status, **extras)


HANDLERS = (device_page, upstream_path, answer)
