"""The server's page: its disk, journal, memory and versions. For owners of the instance."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response

from headrace.api.deps import TheServices
from headrace.api.services import server_state
from headrace.web.door import TheViewer, instance_owner
from headrace.web.frame import Frame, get_page, page


@get_page("/app/server", guards=[instance_owner])
def server_page(request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer) -> Response[Any]:
    """Everything measured at this moment."""
    view = server_state.read(services.holdings, services.gauges.read(), services.ready.check(), services.store)
    frame = Frame(request, services, viewer, here="server")
    return page(request, services, "server/index.html", view, frame=frame)


HANDLERS = (server_page,)
