"""The audit log, for owners of the instance."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.params import FromQuery

from headrace.api.deps import TheServices
from headrace.api.services import audit
from headrace.web.door import TheViewer, instance_owner
from headrace.web.frame import Frame, get_page, page

#: Lines on a page.
PAGE = 50


@get_page("/app/audit", guards=[instance_owner])
def audit_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    action: FromQuery[str] = "",
    who: FromQuery[str] = "",
    slug: FromQuery[str] = "",
    cursor: FromQuery[int | None] = None,
) -> Response[Any]:
    """Who did what, the newest first."""
    view = audit.page(services.context, viewer.actor, action=action, who=who, project=slug, cursor=cursor, limit=PAGE)
    frame = Frame(request, services, viewer, here="audit")
    chosen = {"action": action, "who": who, "slug": slug}
    return page(
        request, services, "audit/audit.html", view, frame=frame, actions=audit.ACTIONS, chosen=chosen, cursor=cursor
    )


HANDLERS = (audit_page,)
