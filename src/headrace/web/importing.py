"""Import: a file with the history of stats is sent here, and what became of the last one."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response

from headrace.api.deps import TheServices
from headrace.api.imports.files import FILE_MAX
from headrace.api.services import imports
from headrace.api.services.imports import ImportInfo
from headrace.web.door import TheProject, TheViewer, needs
from headrace.web.frame import Frame, get_page, page

#: How the states of an import are shown: (tone, word).
_STATES = {
    "queued": ("info", "waits"),
    "running": ("info", "runs"),
    "completed": ("good", "completed"),
    "failed": ("bad", "failed"),
    "cancelled": ("warn", "cancelled"),
}
_OPEN = ("queued", "running")


class ImportView(msgspec.Struct, frozen=True):
    """``last`` is the project's last import, None before its first; ``under_way``: no other can begin yet."""

    last: ImportInfo | None
    under_way: bool


@get_page("/app/p/{slug:str}/import", guards=[needs("member")])
def import_page(
    request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer, project: TheProject
) -> Response[Any]:
    """The form, above it the last import."""
    info = imports.status(services.context, project.actor, project=project.info.number)
    last = None if info.status == imports.IDLE.status else info
    view = ImportView(last, last is not None and last.status in _OPEN)
    tone, word = _STATES[info.status] if last else ("", "")
    frame = Frame(request, services, viewer, project, here="stats")
    return page(
        request,
        services,
        "stats/import.html",
        view,
        frame=frame,
        tone=tone,
        word=word,
        largest=FILE_MAX,
        command=f"headrace import FILE --project {project.info.slug}",
    )


HANDLERS = (import_page,)
