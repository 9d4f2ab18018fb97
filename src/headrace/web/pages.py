"""The public pages: what this server is, its API reference, its stylesheet."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from litestar import MediaType, Request, Response, get
from litestar.params import FromPath

from headrace import __version__
from headrace.api.app import Document, TheDocument
from headrace.api.deps import Readiness, Services, TheServices
from headrace.api.errors import not_found, prefers_json
from headrace.api.openapi import OWN_TAG
from headrace.records.times import iso_text
from headrace.web import assets, docs
from headrace.web.render import PAGE_HEADERS, Pages, packed, takes_gzip


def reader(request: Request[Any, Any, Any], services: Services) -> docs.Reader:
    """Who asks, as far as commands are concerned: the host they came to and the present time."""
    host = request.headers.get("host", "")
    base = docs.base_url(str(request.scope["scheme"]), host, services.path_prefix)
    return docs.Reader(base, iso_text(services.context.now()))


@get("/", include_in_schema=False)
async def home(request: Request[Any, Any, Any], services: TheServices, document: TheDocument) -> Response[Any]:
    """What this server is and whether it accepts records: a page, or JSON by ``Accept``. Open to anyone."""
    readiness = services.ready.check()
    if not prefers_json(request):
        asker = reader(request, services)
        page = await to_thread.run_sync(_home_page, services.path_prefix, asker, document, readiness)
        page.headers["vary"] = "accept"
        return page
    state = {
        "name": "headrace",
        "version": __version__,
        "status": "unavailable" if readiness.reasons else "ready",
        "docs": f"{services.path_prefix}/docs",
        "openapi": f"{services.path_prefix}/docs/openapi.json",
        "ready": f"{services.path_prefix}/readyz",
    }
    return Response(state, headers={"cache-control": "no-store", "vary": "accept"})


def _home_page(prefix: str, asker: docs.Reader, document: Document, readiness: Readiness) -> Response[str]:
    sends = list(docs.first_sends(docs.groups(document.value, asker)))
    return Pages(prefix).answer("home.html", reasons=readiness.reasons, degraded=readiness.degraded, sends=sends)


@get("/docs", include_in_schema=False, sync_to_thread=True)
def reference(request: Request[Any, Any, Any], services: TheServices, document: TheDocument) -> Response[bytes]:
    """Every endpoint with its fields, answers and a command for the host that the request came to."""
    asker = reader(request, services)
    groups = docs.groups(document.value, asker)
    text = Pages(services.path_prefix).render("docs.html", groups=groups, base=asker.base, own=OWN_TAG)
    headers = dict(PAGE_HEADERS)
    return Response(packed(request, text.encode(), headers), media_type=MediaType.HTML, headers=headers)


@get("/app/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """A script, stylesheet, font or icon, from memory."""
    found = assets.load().served.get(name)
    if found is None:
        raise not_found("file")
    headers = {
        "cache-control": f"public, max-age={assets.MAX_AGE}, immutable",
        "x-content-type-options": "nosniff",
    }
    body = found.body
    if found.packed is not None:
        headers["vary"] = "accept-encoding"
        if takes_gzip(request):
            headers["content-encoding"] = "gzip"
            body = found.packed
    return Response(body, media_type=found.media_type, headers=headers)
