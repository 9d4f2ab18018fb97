"""A project's first page: what comes in, what came last, what was refused, and how the server is."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get

from headrace.api.deps import TheServices
from headrace.api.services import overview
from headrace.api.services.records import POINT, Record
from headrace.web.bars import bars
from headrace.web.buckets import labels
from headrace.web.door import TheProject, TheViewer, redirect
from headrace.web.first_command import POINT as POINT_COMMAND
from headrace.web.first_command import first_command
from headrace.web.frame import Frame, get_page, page
from headrace.web.names import DIALECT_SLOTS


@get("/app/p/{slug:str}", include_in_schema=False, sync_to_thread=False)
def project_home(services: TheServices, project: TheProject) -> Response[str]:
    """A project's own address leads to its first page."""
    return redirect(f"{services.path_prefix}/app/p/{project.info.slug}/overview")


@get_page("/app/p/{slug:str}/overview")
def overview_page(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, project: TheProject
) -> Response[Any]:
    """The range's rate by dialect, the newest records, refusals, health."""
    frame = Frame(request, services, viewer, project, here="overview", ranged=True, live=True)
    assert frame.range is not None
    view = overview.overview(
        services.context,
        services.store(),
        project.actor,
        project=project.info.number,
        start=frame.range.start_us,
        end=frame.range.end_us,
        health=overview.read_health(services.gauges, services.ready, reasons=viewer.is_owner),
        zone=frame.zone,
    )
    names = labels(view.rate.starts, view.rate.resolution, frame.zone)
    colours = {line.dialect: DIALECT_SLOTS[line.dialect] for line in view.rate.lines}
    drawing = bars([(colours[line.dialect], line.counts) for line in view.rate.lines], names)
    return page(
        request,
        services,
        "overview/index.html",
        view,
        frame=frame,
        labels=names,
        colours=colours,
        drawing=drawing,
        anything=bool(view.newest),
        command=first_command(request, services, POINT_COMMAND),
        links=[_link(frame, record) for record in view.newest],
    )


def _link(frame: Frame, record: Record) -> str:
    """Where a record is shown: a point on its stat's chart."""
    base = frame.path.removesuffix("/overview")
    return f"{base}/stats/{record.id}" if record.type == POINT else f"{base}/activity/{record.id}"


HANDLERS = (project_home, overview_page)
