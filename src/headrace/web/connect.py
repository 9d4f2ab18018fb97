"""Connect: for each dialect a program that sends a record to this very project, and a line that waits for it."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post

from headrace.api.app import Document, TheDocument
from headrace.api.deps import Services, TheServices
from headrace.api.openapi import OWN_TAG
from headrace.api.samples import KEY_VARIABLE, Call, curl, javascript, python
from headrace.api.services import ServiceError, keys, live
from headrace.api.services.base import SCOPES
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.keys import NewKey
from headrace.api.services.roles import Membership
from headrace.api.services.sessions import Viewer
from headrace.web import docs
from headrace.web.door import TheForm, TheProject, TheViewer, needs
from headrace.web.frame import Frame, get_page, page
from headrace.web.pages import reader

LANGUAGES = (("curl", "curl", curl), ("python", "Python", python), ("javascript", "JavaScript", javascript))
#: Where a dialect's first endpoint by path is not what a newcomer tries first.
_FIRST = {"seestack": "/ingest/v1/errors"}
#: Vendors' endpoints that read the key in the form, as their clients send it.
_KEY_FIELDS = {"stathat": "ezkey"}
KEY_NAME = "first programs"


class Guide(msgspec.Struct, frozen=True):
    """A dialect's samples: (language, its title, the program) each. ``anchor`` leads to the endpoint in the reference."""

    dialect: str
    title: str
    method: str
    path: str
    anchor: str
    samples: list[tuple[str, str, str]]


class ConnectView(msgspec.Struct, frozen=True):
    """``dialect`` and ``language`` are the samples shown first; ``may_make_key`` whether the viewer's role allows it;
    ``position``: from where on the live feed tells what this page does not know.
    """

    project_id: str
    base: str
    dialect: str
    language: str
    guides: list[Guide]
    may_make_key: bool
    position: int


@get_page("/app/p/{slug:str}/connect")
def connect_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    document: TheDocument,
) -> Response[Any]:
    """The samples, with the key left to the reader's environment."""
    return _page(request, services, document, viewer, project)


@post("/app/p/{slug:str}/connect", guards=[needs("admin")], include_in_schema=False, sync_to_thread=True)
def make_key(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    document: TheDocument,
    form: TheForm,
) -> Response[Any]:
    """Makes a key that may write and shows it, once, in every sample."""
    name = form.get("name") or KEY_NAME
    try:
        made = keys.create(
            services.context,
            project.actor,
            project=project.info.number,
            spec=KeySpec(name=name, scopes=("write",)),
        )
    except ServiceError as error:
        return _page(request, services, document, viewer, project, problem=error.message)
    return _page(request, services, document, viewer, project, made=made)


def _page(
    request: Request[Any, Any, Any],
    services: Services,
    document: Document,
    viewer: Viewer,
    project: Membership,
    *,
    made: NewKey | None = None,
    problem: str = "",
) -> Response[Any]:
    asker = reader(request, services)._replace(project_id=project.info.id, secret=made.key if made else "")
    guides = list_guides(document.value, asker)
    frame = Frame(request, services, viewer, project, here="connect")
    known = [guide.dialect for guide in guides]
    languages = [name for name, _, _ in LANGUAGES]
    view = ConnectView(
        project_id=project.info.id,
        base=asker.base,
        dialect=frame.query["dialect"] if frame.query.get("dialect") in known else known[0],
        language=frame.query["language"] if frame.query.get("language") in languages else languages[0],
        guides=guides,
        may_make_key=project.actor.scopes >= SCOPES,
        position=live.position(services.context, project.actor, project=project.info.number),
    )
    status = 422 if problem else 201 if made else 200
    return page(request, services, "connect/index.html", view, frame=frame, status=status, made=made, problem=problem)


def list_guides(document: docs.Json, asker: docs.Reader) -> list[Guide]:
    """A guide for each dialect, in the document's order."""
    titles = {tag["name"]: tag["description"] for tag in document["tags"] if tag["name"] != OWN_TAG}
    first: dict[str, str] = {}
    for path, item in document["paths"].items():
        operation = item.get("post")
        if operation is None or operation["tags"][0] not in titles:
            continue
        dialect = operation["tags"][0]
        if _takes_records(operation) and (dialect not in first or _FIRST.get(dialect) == path):
            first[dialect] = path
    return [_guide(document, name, title, first[name], asker) for name, title in titles.items() if name in first]


def _takes_records(operation: docs.Json) -> bool:
    scopes = [scope for item in operation.get("security", ()) for scope in next(iter(item.values()), ())]
    content: docs.Json = next(iter(operation.get("requestBody", {}).get("content", {}).values()), {})
    return bool(scopes) and set(scopes) == {"write"} and "examples" in content


def _guide(document: docs.Json, dialect: str, title: str, path: str, asker: docs.Reader) -> Guide:
    call = _as_clients_do(dialect, docs.call(document, path, "post", asker), asker)
    samples = [(name, shown, write(call)) for name, shown, write in LANGUAGES]
    return Guide(dialect, title, "POST", path, document["paths"][path]["post"]["operationId"], samples)


def _as_clients_do(dialect: str, call: Call, asker: docs.Reader) -> Call:
    field = _KEY_FIELDS.get(dialect)
    if field is None or not isinstance(call.body, str):
        return call
    body = f"{call.body}&{field}={asker.secret or KEY_VARIABLE}"
    return call._replace(body=body, headers=())


HANDLERS = (connect_page, make_key)
