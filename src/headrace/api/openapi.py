"""One OpenAPI 3.1 document for every endpoint: ours from Litestar's own schema, the vendors' from the route table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from headrace import __version__
from headrace.api.errors import API_PREFIX
from headrace.api.people import COOKIE, SAFE_METHODS
from headrace.api.samples import body_text, example
from headrace.api.services.base import LOGIN
from headrace.dialects.base import Dialect, Route

Json = dict[str, Any]

OWN_TAG = "headrace"
#: Security schemes by the place where a key is read (``dialects.base.KeyPlace``).
SCHEME_NAMES = {
    "bearer": "bearer",
    "Bearer": "bearer",
    "x-api-key": "xApiKey",
    "x-seestack-key": "xSeeStackKey",
    "x-allstak-key": "xAllStakKey",
}
KEY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "xApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "xSeeStackKey": {"type": "apiKey", "in": "header", "name": "X-SeeStack-Key"},
    "xAllStakKey": {"type": "apiKey", "in": "header", "name": "X-AllStak-Key"},
}
#: A person's session, where no key is sent: the cookie, and for a change the token besides that each page of theirs carries.
SESSION_SCHEMES: Json = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A person who is signed in; `project` names the project, their role in it decides.",
    },
    "csrfToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The session's token, `data-csrf` of any page's root element: with every change.",
    },
}
SECURITY_SCHEMES: Json = KEY_SCHEMES | SESSION_SCHEMES
#: Refusals that every endpoint of our own API may answer with, beside those that Litestar lists.
_OWN_ERRORS = (400, 401, 403, 404, 405, 409, 422, 429, 500, 503)
_BODY_ERRORS = (413, 415)
#: What a path holds in place of a key in a header, and where the scopes of such a key are told.
_TOKEN = "{token}"  # noqa: S105 - a placeholder
TOKEN_SCOPES = "x-token-scopes"  # noqa: S105 - a name
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def build_document(own: Json, dialects: Sequence[Dialect]) -> Json:
    """The whole document. ``own`` is Litestar's schema of our API; nothing of it is changed in place."""
    paths: Json = {}
    schemas: Json = dict(own.get("components", {}).get("schemas", {}))
    schemas["ErrorBody"] = _ERROR_SCHEMA
    for path, item in own.get("paths", {}).items():
        paths[path] = {method: _own_operation(path, operation, schemas) for method, operation in item.items()}
    for dialect in dialects:
        names = _component_namer(dialect.name)
        schemas.update(_body_schemas(dialect, names))
        for route in dialect.routes:
            for path in (route.path, *route.aliases):
                paths.setdefault(path, {})[route.method.lower()] = _operation(dialect, route, path, schemas, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headrace",
            "version": __version__,
            "description": "Every endpoint of this server: its own API and the dialects that programs already speak.",
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": OWN_TAG, "description": "Headrace's own API"},
            *({"name": dialect.name, "description": dialect.title} for dialect in dialects),
        ],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": SECURITY_SCHEMES},
    }


def by_session(method: str, scopes: Sequence[str]) -> Json:
    """What a route that takes sessions asks of one for ``method``: a security requirement, all of whose schemes hold together."""
    schemes = ("session",) if method.upper() in SAFE_METHODS else ("session", "csrfToken")
    return {name: list(scopes) for name in schemes}


_ERROR_SCHEMA: Json = {
    "type": "object",
    "title": "ErrorBody",
    "description": "Every error of Headrace's own API.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


def _own_operation(path: str, operation: Json, schemas: Json) -> Json:
    """A Litestar operation with our tag, our error form, our keys and an example of each body."""
    result = dict(operation, tags=[OWN_TAG])
    responses: Json = {}
    for status, answer in operation.get("responses", {}).items():
        if int(status) < HTTPStatus.BAD_REQUEST:
            responses[status] = _with_examples(answer, schemas) | {"description": HTTPStatus(int(status)).phrase}
    if "requestBody" in operation:
        result["requestBody"] = _with_examples(operation["requestBody"], schemas)
    if not path.startswith(API_PREFIX):
        return result | {"responses": responses}
    statuses = (*_OWN_ERRORS, *_BODY_ERRORS) if "requestBody" in operation else _OWN_ERRORS
    for status in sorted(statuses):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
        }
    return result | {"responses": responses}


def _with_examples(part: Json, schemas: Json) -> Json:
    """A request or response of ours with an example for each JSON body."""
    content = {
        kind: {"examples": {"1": {"value": example(media["schema"], schemas)}}} | media
        if kind == "application/json" and media.get("schema")
        else media
        for kind, media in part.get("content", {}).items()
    }
    return part | {"content": content} if content else part


def _component_namer(dialect: str) -> Callable[[str], str]:
    """Two dialects may both call a body ``Event``: component names carry the dialect."""
    return lambda name: f"{dialect}.{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"


def _body_schemas(dialect: Dialect, named: Callable[[str], str]) -> Json:
    types = [route.body_type for route in dialect.routes if route.body_type is not None]
    if not types:
        return {}
    _, components = msgspec.json.schema_components(types, ref_template=f"#/components/schemas/{named('')}{{name}}")
    return {named(name): schema for name, schema in components.items()}


def _body_schema(route: Route, named: Callable[[str], str]) -> Json:
    if route.body_type is None:
        return {}
    (schema,), _ = msgspec.json.schema_components(
        [route.body_type], ref_template=f"#/components/schemas/{named('')}{{name}}"
    )
    return dict(schema)


def _operation(dialect: Dialect, route: Route, path: str, schemas: Json, named: Callable[[str], str]) -> Json:
    scopes = [route.scope] if isinstance(route.scope, str) else list(route.scope)
    # Where no header of the dialect's own is sent the others are read; the token of a login is shown as a bearer's.
    places = (*dialect.key_places, "bearer") if LOGIN in route.kinds else dialect.key_places
    security = [{SCHEME_NAMES[place]: scopes} for place in places]
    if route.sessions:
        security.append(by_session(route.method, scopes))
    operation: Json = {
        "tags": [dialect.name],
        "operationId": "_".join((dialect.name, route.method.lower(), *re.findall(r"\w+", path))),
        "summary": route.summary,
        "security": security if "auth" in route.steps else [],
        "responses": _responses(route),
    }
    if _TOKEN in path:  # the path says who asks, which no scheme can tell
        operation |= {"security": [], TOKEN_SCOPES: scopes}
    if path != route.path:
        operation["description"] = f"The same as `{route.path}`."
    if parameters := _parameters(route, path):
        operation["parameters"] = parameters
    if route.content_types and (route.parse is not None or route.body_type is not None):
        schema = _body_schema(route, named)
        sample = _sample(route, schema, schemas)
        operation["requestBody"] = {
            "required": True,
            "content": {kind: _content(kind, schema, sample) for kind in route.content_types},
        }
    return operation


def _sample(route: Route, schema: Json, schemas: Json) -> Any:
    """The route's own sample where it has one: parsed if it is a single JSON value, else as text."""
    if not route.sample:
        return example(schema, schemas) if schema else None
    return _example_of(route.sample)[1]


def _content(kind: str, schema: Json, sample: Any) -> Json:
    content: Json = {"schema": schema}
    if sample is not None:
        value = sample if kind.endswith("json") and "ndjson" not in kind else body_text(sample, kind)
        if isinstance(value, str) and kind == "application/json":
            return content  # the sample is a form
        content["examples"] = {"1": {"value": value}}
    return content


def _parameters(route: Route, path: str) -> list[Json]:
    """Path parameters by the path's placeholders; of the others a name with a dash is a header, the rest is the query."""
    texts = dict(route.parameters)
    placeholders = _PLACEHOLDER.findall(path)
    result: list[Json] = []
    for name in (*placeholders, *(name for name in texts if name not in placeholders)):
        place = "path" if name in placeholders else "header" if "-" in name else "query"
        result.append(
            {
                "name": name,
                "in": place,
                "required": place == "path",
                "description": texts.get(name, ""),
                "schema": {"type": "string"},
            }
        )
    return result


def _responses(route: Route) -> Json:
    """One entry per status, its examples numbered when there are several."""
    responses: Json = {}
    for status, text in route.answers:
        entry = responses.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        if not text:
            continue
        kind, value = _example_of(text)
        examples = entry.setdefault("content", {}).setdefault(kind, {}).setdefault("examples", {})
        examples[str(len(examples) + 1)] = {"value": value}
    return responses or {"200": {"description": "OK"}}


def _example_of(text: str) -> tuple[str, Any]:
    try:
        return "application/json", msgspec.json.decode(text)
    except msgspec.DecodeError:
        return "text/plain", text


def document_bytes(document: Mapping[str, Any]) -> bytes:
    """The document as JSON, the same bytes for the same document."""
    return msgspec.json.encode(document)
