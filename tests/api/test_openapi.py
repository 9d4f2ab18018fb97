"""The OpenAPI document: valid, and complete by construction from the tables that also drive the gateway."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from headrace.api.app import Document
from headrace.api.openapi import SCHEME_NAMES, TOKEN_SCOPES
from headrace.api.people import COOKIE, CSRF_HEADER
from headrace.api.routes import HANDLERS
from headrace.api.samples import body_text
from headrace.dialects.base import Route
from headrace.dialects.registry import DIALECTS, ROUTES
from headrace.settings.table import SETTINGS_BY_NAME
from headrace.web.docs import Reader, groups

PLACES = {dialect.name: dialect.key_places for dialect in DIALECTS}
SERVED = [(route, path) for route in ROUTES for path in (route.path, *route.aliases)]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return Document(DIALECTS).value


def test_the_document_is_openapi_3_1(document):
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["openapi"].startswith("3.1")


def session(method: str, scopes: list[str]) -> dict[str, list[str]]:
    """The cookie, and for a change the token of its session besides."""
    return dict.fromkeys(("session",) if method == "GET" else ("session", "csrfToken"), scopes)


def test_sessions_are_what_people_send(document):
    schemes = document["components"]["securitySchemes"]
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", COOKIE)
    assert (schemes["csrfToken"]["in"], schemes["csrfToken"]["name"].lower()) == ("header", CSRF_HEADER)
    taken = {
        path.split("/")[1:3][-1] if path.startswith("/v1/") else "own"
        for path, item in document["paths"].items()
        for operation in item.values()
        if any("session" in one for one in operation["security"])
    }
    assert taken == {"own", "auth", "import"}


@pytest.mark.parametrize(("route", "path"), SERVED, ids=[f"{route.method} {path}" for route, path in SERVED])
def test_every_route_of_the_table_is_documented(document, route, path):
    operation = document["paths"][path][route.method.lower()]
    assert operation["tags"] == [route.dialect]
    assert operation["summary"] == route.summary
    scopes = [route.scope] if isinstance(route.scope, str) else list(route.scope)
    places = (*PLACES[route.dialect], *(["bearer"] if "login" in route.kinds else []))
    wanted = [{SCHEME_NAMES[place]: scopes} for place in places] if "auth" in route.steps else []
    if route.sessions:
        wanted.append(session(route.method, scopes))
    in_path = "{token}" in path
    assert operation["security"] == ([] if in_path else wanted)
    assert operation.get(TOKEN_SCOPES) == (scopes if in_path else None)
    assert set(operation["responses"]) == {str(status) for status, _ in route.answers}
    placed = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"}
    assert placed == set(re.findall(r"\{(\w+)\}", path))
    if route.parse is not None:
        assert set(operation.get("requestBody", {}).get("content", ())) == set(route.content_types)


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.handler_name)
def test_every_handler_of_ours_is_documented(document, handler):
    operations = [op for item in document["paths"].values() for op in item.values()]
    found = [op for op in operations if op["operationId"] == handler.handler_name]
    assert len(found) == 1
    (operation,) = found
    assert operation["tags"] == ["headrace"]
    assert operation["summary"]
    scopes = [handler.guards[0].scope]
    assert operation["security"][0] == {"bearer": scopes}
    assert operation["security"][-1] == session(next(iter(handler.http_methods - {"OPTIONS"})), scopes)
    assert {"401", "403", "404", "429", "500", "503"} <= set(operation["responses"])
    assert operation["responses"]["401"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")


def test_operation_ids_are_unique(document):
    ids = [op["operationId"] for item in document["paths"].values() for op in item.values()]
    assert sorted(ids) == sorted(set(ids))


class SampleRequest:
    """Just enough of a request for a parser."""

    method = "POST"
    project = 1
    received_us = 1_790_000_000_000_000
    key_kind = "key"
    project_platform = "http_api"
    reading = None

    def __init__(self, route: Route, kind: str, body: bytes) -> None:
        self.route = route
        self.kind = kind
        self.body = body

    def header(self, name: bytes) -> bytes | None:
        return self.kind.encode() if name == b"content-type" else None

    def query(self) -> dict[str, str]:
        return {}

    def query_bytes(self) -> bytes:
        return b""

    def option(self, name: str) -> str:
        return SETTINGS_BY_NAME[name].default

    def project_allows(self, feature: str) -> bool:
        return True

    def stat_of_classic_key(self, classic_key: str) -> tuple[str, str]:
        return "page views", {"/c": "counter", "/v": "value"}[self.route.path]

    def reachable_project(self, public_id: str) -> int | None:
        return 1

    def monitor_id(self, slug: str, environment: str) -> str:
        return "01a1fe14-497e-7a6a-a725-890b5dc146dc"


SAMPLED = [route for route in ROUTES if route.parse is not None and route.content_types]


@pytest.mark.parametrize("route", SAMPLED, ids=lambda route: route.path)
def test_the_sample_that_is_shown_is_accepted_by_its_own_parser(document, route):
    content = document["paths"][route.path][route.method.lower()]["requestBody"]["content"]
    kind, media = next(iter(content.items()))
    body = body_text(media["examples"]["1"]["value"], kind).encode()
    request = SampleRequest(route, kind, body)
    if route.decode is not None:
        assert route.decode(request) >= 1
    submission = route.parse(request)
    assert len(submission.intents) >= 1


def test_our_samples_fit_their_own_schemas(document):
    for handler in HANDLERS:
        if "sample" in handler.opt:
            body = handler.parsed_data_field.annotation
            msgspec.convert(handler.opt["sample"], body)


def test_the_reference_tells_keys_from_sessions(document):
    endpoints = [
        one for group in groups(document, Reader("http://tele.test", "2026-11-21T12:00:00Z")) for one in group.endpoints
    ]
    own = [one for one in endpoints if one.path.startswith("/api/headrace/")]
    ingest = [one for one in endpoints if one.path == "/v1/ingest"]
    assert own
    assert all(one.session for one in own)
    assert ingest
    assert not any(one.session for one in ingest)
    assert {header for one in endpoints for header in one.key_headers}.isdisjoint({COOKIE, "X-CSRF-Token"})
