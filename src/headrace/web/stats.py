"""The list of a project's stats."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.params import FromQuery

from headrace.api.deps import TheServices
from headrace.api.services import stat_list
from headrace.api.services.charts import MAX_STATS
from headrace.api.services.stats import ORDERS, SOURCES, TYPES
from headrace.web.door import TheProject, TheViewer
from headrace.web.first_command import POINT, first_command
from headrace.web.frame import Frame, get_page, page
from headrace.web.spark import slots


@get_page("/app/p/{slug:str}/stats")
def stats_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    q: FromQuery[str] = "",
    source: FromQuery[str] = "",
    type: FromQuery[str] = "",  # noqa: A002 - the query parameter's name
    order: FromQuery[str] = "name",
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = stat_list.PAGE,
) -> Response[Any]:
    """One page of them, each with its line over the range."""
    frame = Frame(request, services, viewer, project, here="stats", ranged=True, live=True)
    assert frame.range is not None
    view = stat_list.page(
        services.context,
        services.store(),
        project.actor,
        project=project.info.number,
        start=frame.range.start_us,
        end=frame.range.end_us,
        zone=frame.zone,
        limit=limit,
        cursor=cursor,
        q=q,
        type=type,
        source=source,
        order=order,
    )
    chosen = {"q": q, "source": source, "type": type, "order": order}
    return page(
        request,
        services,
        "stats/index.html",
        view,
        frame=frame,
        chosen=chosen,
        command=first_command(request, services, POINT),
        narrowed=bool(q or source or type),
        later=bool(cursor),
        colours={stat.name: slots([stat.name])[stat.name] for stat in view.stats},
        sources=SOURCES,
        types=TYPES,
        orders=ORDERS,
        most=MAX_STATS,
    )


HANDLERS = (stats_page,)
