"""Annotations: notes on the timeline."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from headrace.api.auth import reads, writes
from headrace.api.deps import TheServices, TheTarget
from headrace.api.services import annotations as notes
from headrace.api.services.annotations import LIST_MAX, AnnotationInfo
from headrace.api.times import moment, when

Kind = Literal["deploy", "incident", "change", "note"]


class Annotation(msgspec.Struct, frozen=True):
    """``ts`` is the moment noted; ``stat_id`` null: on all charts."""

    id: str
    text: str
    kind: str
    url: str | None
    stat_id: str | None
    ts: str
    created_at: str


class Annotations(msgspec.Struct, frozen=True):
    annotations: list[Annotation]


class NewAnnotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``text``: 1 to 1,000 characters. ``stat``: id or name, absent for all charts. ``ts``: ISO 8601 with an offset, default now."""

    text: str
    ts: str | None = None
    stat: str | None = None
    kind: Kind = "note"
    url: str | None = None


def _view(info: AnnotationInfo) -> Annotation:
    return Annotation(info.id, info.text, info.kind, info.url, info.stat_id, when(info.ts), when(info.created_at))


@get("/annotations", guards=[reads], sync_to_thread=True, summary="List annotations")
def list_annotations(
    services: TheServices,
    target: TheTarget,
    start: Annotated[str | None, QueryParameter(name="from")] = None,
    end: Annotated[str | None, QueryParameter(name="to")] = None,
    stat: FromQuery[str | None] = None,
    limit: FromQuery[int] = LIST_MAX,
) -> Annotations:
    """Oldest first, from ``from`` (inclusive) to ``to`` (exclusive); with ``stat`` its own and those on all charts."""
    now = services.context.now()
    found = notes.list_all(
        services.context,
        target.actor,
        project=target.project,
        start=None if start is None else moment(start, "from", now),
        end=None if end is None else moment(end, "to", now),
        stat=stat,
        limit=limit,
    )
    return Annotations([_view(info) for info in found])


@post(
    "/annotations",
    guards=[writes],
    sync_to_thread=True,
    summary="Note something on the timeline",
    opt={"sample": {"text": "Release 2.4", "kind": "deploy"}},
)
def create_annotation(services: TheServices, target: TheTarget, data: JSONBody[NewAnnotation]) -> Annotation:
    """A deploy, an incident, a change: shown on every chart, or on one stat's."""
    made = notes.create(
        services.context,
        target.actor,
        project=target.project,
        text=data.text,
        ts=None if data.ts is None else moment(data.ts, "ts", services.context.now()),
        stat=data.stat,
        kind=data.kind,
        url=data.url,
    )
    return _view(made)


@delete("/annotations/{annotation:str}", guards=[writes], sync_to_thread=True, summary="Delete an annotation")
def delete_annotation(services: TheServices, target: TheTarget, annotation: FromPath[str]) -> None:
    """Gone at once."""
    notes.delete(services.context, target.actor, project=target.project, annotation_id=annotation)


HANDLERS = (list_annotations, create_annotation, delete_annotation)
