"""Activity: everything that came in, in one list, and each record with all that is stored of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery, QueryParameter

from headrace.api.deps import Services, TheServices
from headrace.api.services import ServiceError, activity
from headrace.api.services.activity import RELATED, ActivityPage, Detail, Wanted
from headrace.api.services.records import ROW_TYPES
from headrace.api.services.roles import Membership
from headrace.web.door import TheProject, TheViewer
from headrace.web.first_command import EVENT, first_command
from headrace.web.frame import TWIN, Frame, get_page, page

Texts = FromQuery[list[str] | None]


@get_page("/app/p/{slug:str}/activity")
def activity_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    kind: Annotated[list[str] | None, QueryParameter(name="type")] = None,
    level: Texts = None,
    environment: Texts = None,
    dialect: Texts = None,
    name: FromQuery[str] = "",
    q: FromQuery[str] = "",
    cursor: FromQuery[str | None] = None,
    open: FromQuery[str] = "",  # noqa: A002 - the query parameter's name
) -> Response[Any]:
    """The list as the URL narrows it; ``open`` shows a record beside it."""
    frame = Frame(request, services, viewer, project, here="activity", ranged=True, live=True)
    assert frame.range is not None
    wanted = Wanted(
        types=_some(kind),
        levels=_some(level),
        environments=_some(environment),
        dialects=_some(dialect),
        name=name,
        text=q,
        related={column: frame.query[column] for column in RELATED if frame.query.get(column)},
        start=frame.range.start_us,
        end=None if frame.range.name != "custom" else frame.range.end_us,
    )
    found = _page(services, project, wanted, cursor)
    shown = _open(services, project, open)
    return page(
        request,
        services,
        "activity/index.html",
        msgspec.structs.replace(found, open=shown),
        frame=frame,
        wanted=wanted,
        types=ROW_TYPES,
        asked=open,
        command=first_command(request, services, EVENT),
        links=[frame.link(open=record.id) for record in found.records],
        later=bool(cursor),
        unrelated=dict.fromkeys(RELATED),
        narrowed=any((wanted.types, wanted.levels, wanted.environments, wanted.dialects, name, q, wanted.related)),
    )


@get("/app/p/{slug:str}/activity/{record:str}", include_in_schema=False, sync_to_thread=True)
def record_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    record: FromPath[str],
) -> Response[Any]:
    """One record on a page of its own."""
    view = activity.detail(
        services.context,
        services.store(),
        project.actor,
        project=project.info.number,
        record_id=record.removesuffix(TWIN),
    )
    frame = Frame(request, services, viewer, project, here="activity")
    return page(request, services, "activity/record.html", view, frame=frame)


def _page(services: Services, project: Membership, wanted: Wanted, cursor: str | None) -> ActivityPage:
    store, number = services.store(), project.info.number
    return activity.page(services.context, store, project.actor, project=number, wanted=wanted, cursor=cursor)


def _open(services: Services, project: Membership, record_id: str) -> Detail | None:
    if not record_id:
        return None
    number = project.info.number
    try:
        return activity.detail(services.context, services.store(), project.actor, project=number, record_id=record_id)
    except ServiceError:  # a copied link outlives what it shows
        return None


def _some(values: list[str] | None) -> tuple[str, ...]:
    """What was chosen; a form sends a choice of all as an empty value."""
    return tuple(value for value in values or () if value)


HANDLERS = (activity_page, record_page)
