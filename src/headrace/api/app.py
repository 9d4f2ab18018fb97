"""The ASGI app behind the gateway: our API, health, metrics, and whatever pages the site brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from litestar import Litestar, Response, Router, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.params import SkipValidation
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry

from headrace import __version__
from headrace.api import health, metrics
from headrace.api.auth import Guard
from headrace.api.deps import Services, provide_actor, provide_person, provide_target
from headrace.api.errors import API_PREFIX, ErrorPage, make_handler
from headrace.api.openapi import KEY_SCHEMES, build_document, by_session, document_bytes
from headrace.api.requests import MAX_BODY, ApiRequest
from headrace.api.routes import HANDLERS
from headrace.api.routes.rows import provide_asked
from headrace.dialects.base import Dialect

Handlers = Sequence[HTTPRouteHandler | Router]


class Site(NamedTuple):
    """The pages: their handlers, how an error looks to a browser, and the headers that go with it. Handlers may ask for
    ``services`` and ``document``.
    """

    handlers: Handlers = ()
    error_page: ErrorPage | None = None
    page_headers: Mapping[str, str] = MappingProxyType({})


class Document:
    """The OpenAPI document, made when it is first asked for (0.1 s that a start does not need)."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._dialects = dialects

    @cached_property
    def value(self) -> dict[str, Any]:
        return build_document(own_schema(), self._dialects)

    @cached_property
    def bytes(self) -> bytes:
        return document_bytes(self.value)


TheDocument = NamedDependency[SkipValidation[Document]]


def create_api(services: Services, dialects: Sequence[Dialect], site: Site | None = None) -> ASGIApp:
    """The whole app. ``dialects`` are documented, not served: the gateway answers their paths before this app is asked."""
    site = site or Site()
    state = State(
        {
            "services": services,
            "document": Document(dialects),
            "metrics_registry": metrics.make_registry(services.gauges),
        }
    )
    app = Litestar(
        # One router: Litestar wraps a handler twice when two of one path are registered on the app one by one.
        route_handlers=[*_own_handlers(), Router("/", route_handlers=[openapi_json, *site.handlers])],
        dependencies=_DEPENDENCIES,
        exception_handlers={Exception: make_handler(site.error_page, site.page_headers)},
        request_class=ApiRequest,
        request_max_body_size=MAX_BODY,
        state=state,
        debug=False,  # never by an environment variable of the framework
        openapi_config=None,
        logging_config=None,
    )
    return answer_head(app)


def own_schema() -> dict[str, Any]:
    """Litestar's OpenAPI schema of our own endpoints, pages left out, each with the scope that its guard asks for."""
    config = OpenAPIConfig(
        title="Headrace", version=__version__, operation_id_creator=lambda handler, _method, _path: handler.handler_name
    )
    app = Litestar(_own_handlers(), dependencies=_DEPENDENCIES, openapi_config=config, logging_config=None)
    schema = app.openapi_schema.to_schema()
    handlers = {handler.handler_name: handler for handler in HANDLERS}
    for item in schema["paths"].values():
        for method, operation in item.items():
            handler = handlers.get(operation["operationId"])
            guards = [guard for guard in handler.guards or () if isinstance(guard, Guard)] if handler else []
            operation["security"] = [{name: [guard.scope]} for guard in guards for name in KEY_SCHEMES]
            operation["security"] += [by_session(method, [guard.scope]) for guard in guards]
            if handler and "binary" in handler.opt:
                content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
                body = {"required": True, "description": handler.opt["binary"], "content": content}
                operation["requestBody"] = body
            if handler and "sample" in handler.opt:
                media = operation["requestBody"]["content"]["application/json"]
                media["examples"] = {"1": {"value": handler.opt["sample"]}}
    return schema


def answer_head(app: ASGIApp) -> ASGIApp:
    """HEAD answers as GET does, without the body: Litestar has no handler for it on its own."""

    async def headed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "HEAD":
            await app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
            await send(message)

        await app(cast("Scope", {**scope, "method": "GET"}), receive, bodiless)

    return headed


@get("/docs/openapi.json", include_in_schema=False, sync_to_thread=True)
def openapi_json(document: TheDocument) -> Response[bytes]:
    """The OpenAPI 3.1 document of every endpoint."""
    return Response(document.bytes, media_type="application/json", headers={"cache-control": "no-cache"})


def _own_handlers() -> list[HTTPRouteHandler | Router]:
    return [Router(API_PREFIX, route_handlers=HANDLERS), health.healthz, health.readyz, metrics.metrics]


def _services(state: State) -> Services:
    found: Services = state.services
    return found


def _document(state: State) -> Document:
    found: Document = state.document
    return found


def _registry(state: State) -> CollectorRegistry:
    found: CollectorRegistry = state.metrics_registry
    return found


_DEPENDENCIES = {
    "services": Provide(_services, sync_to_thread=False),
    "document": Provide(_document, sync_to_thread=False),
    "actor": Provide(provide_actor, sync_to_thread=False),
    "target": Provide(provide_target, sync_to_thread=False),
    "person": Provide(provide_person, sync_to_thread=False),
    "asked": Provide(provide_asked, sync_to_thread=False),
    "metrics_registry": Provide(_registry, sync_to_thread=False),
}
