"""What /docs shows, read from the OpenAPI document: one source for people and machines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from headrace.api.openapi import KEY_SCHEMES, OWN_TAG, SESSION_SCHEMES, TOKEN_SCOPES
from headrace.api.samples import KEY_VARIABLE, Call, curl, personalize, resolve

Json = Mapping[str, Any]
#: Longest example answer or body shown whole, characters.
MAX_EXAMPLE = 1_200
_METHODS = ("get", "post", "put", "patch", "delete")
#: Host names as a Host header may carry them; anything else is not repeated to the reader.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)


class Field(NamedTuple):
    name: str
    type: str
    required: bool
    text: str


class Answer(NamedTuple):
    """``examples`` are texts to show as they are; without any, ``text`` says what the status means."""

    status: str
    tone: str
    text: str
    examples: tuple[str, ...]


class Endpoint(NamedTuple):
    """``session``: whether a person's session opens it where no key is sent."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    key_headers: tuple[str, ...]
    session: bool
    scopes: tuple[str, ...]
    parameters: tuple[Field, ...]
    content_types: tuple[str, ...]
    fields: tuple[Field, ...]
    body_text: str
    answers: tuple[Answer, ...]
    refusals: tuple[str, ...]
    curl: str


class Group(NamedTuple):
    name: str
    title: str
    endpoints: tuple[Endpoint, ...]


class Reader(NamedTuple):
    """Who the commands are for. ``base`` is scheme, host and prefix; an empty ``secret`` leaves the key to the shell."""

    base: str
    now: str
    project_id: str = ""
    secret: str = ""


def base_url(scheme: str, host: str, prefix: str) -> str:
    """Where the reader reached this server. A Host header that is no host name is replaced, not repeated."""
    good = host if _HOST.fullmatch(host) else "localhost"
    return f"{'https' if scheme == 'https' else 'http'}://{good}{prefix}"


def groups(document: Json, reader: Reader) -> tuple[Group, ...]:
    """Every endpoint by tag, in the document's order; tags without endpoints are left out."""
    by_tag: dict[str, list[Endpoint]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = item[method]
                by_tag[operation["tags"][0]].append(_endpoint(document, path, method, operation, reader))
    titles = {tag["name"]: tag["description"] for tag in document["tags"]}
    return tuple(Group(name, titles[name], tuple(endpoints)) for name, endpoints in by_tag.items() if endpoints)


def first_sends(all_groups: tuple[Group, ...]) -> Iterator[tuple[str, Endpoint]]:
    """Of each dialect (title, first endpoint that takes a record): what a newcomer tries."""
    for group in all_groups:
        for endpoint in group.endpoints if group.name != OWN_TAG else ():
            if endpoint.method == "POST" and endpoint.scopes == ("write",) and endpoint.fields:
                yield group.title, endpoint
                break


def _endpoint(document: Json, path: str, method: str, operation: Json, reader: Reader) -> Endpoint:
    schemas = document["components"]["schemas"]
    security = operation.get("security", ())
    alternatives = _by_key(operation)
    content: Json = operation.get("requestBody", {}).get("content", {})
    media: Json = next(iter(content.values()), {})
    schema = resolve(media["schema"], schemas) if media.get("schema") else {}
    answers = [_answer(status, answer) for status, answer in sorted(operation["responses"].items())]
    refusals = [answer for answer in answers if answer.status >= "400" and not answer.examples]
    return Endpoint(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        key_headers=tuple(_key_header(name)[0] for name, _ in alternatives) or _token_places(operation),
        session=any(name in SESSION_SCHEMES for item in security for name in item),
        scopes=tuple(alternatives[0][1] if alternatives else operation.get(TOKEN_SCOPES, ())),
        parameters=tuple(_parameter(item) for item in operation.get("parameters", ())),
        content_types=tuple(content),
        fields=tuple(_fields(schema, schemas)),
        body_text=" ".join(schema.get("description", "").split()),
        answers=tuple(answer for answer in answers if answer not in refusals),
        refusals=tuple(answer.status for answer in refusals),
        curl=curl(call(document, path, method, reader)),
    )


def _by_key(operation: Json) -> list[tuple[str, list[str]]]:
    """The schemes by which a key is sent, each with the scopes that it needs."""
    return [pair for item in operation.get("security", ()) for pair in item.items() if pair[0] in KEY_SCHEMES]


def _token_places(operation: Json) -> tuple[str, ...]:
    return ("token in the path",) if TOKEN_SCOPES in operation else ()


def _key_header(scheme: str) -> tuple[str, str]:
    """(as shown, header name) of a security scheme."""
    entry = KEY_SCHEMES[scheme]
    if entry["type"] == "http":
        return "Authorization: Bearer", "Authorization"
    return entry["name"], entry["name"]


def call(document: Json, path: str, method: str, reader: Reader) -> Call:
    """An endpoint's sample request with the reader's own host, project, time and key."""
    operation = document["paths"][path][method]
    content: Json = operation.get("requestBody", {}).get("content", {})
    kind: str
    media: Json
    kind, media = next(iter(content.items())) if content else ("", {})
    schemes = [name for name, _ in _by_key(operation)]
    headers: tuple[tuple[str, str], ...] = ()
    if schemes:
        shown, name = _key_header(schemes[0])
        key = reader.secret or KEY_VARIABLE
        headers = ((name, f"Bearer {key}" if "Bearer" in shown else key),)
    sample = _sample(media)
    body = None if sample is None else personalize(sample, now=reader.now, project_id=reader.project_id)
    url = reader.base + re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: match[1].upper(), path)
    return Call(method.upper(), url, headers, kind, body)


def _sample(media: Json) -> Any:
    return next((entry["value"] for entry in media.get("examples", {}).values()), None)


def _parameter(item: Json) -> Field:
    place = "" if item["in"] == "path" else f" ({item['in']})"
    text = item.get("description", "") or ""
    return Field(item["name"], type_text(item.get("schema", {}), {}) + place, bool(item.get("required")), text)


def _fields(schema: Json, schemas: Mapping[str, Json], prefix: str = "", depth: int = 0) -> Iterator[Field]:
    """Rows of a body's table; what lies inside an object or a list of objects follows with a dotted name."""
    required = set(schema.get("required", ()))
    for name, raw in schema.get("properties", {}).items():
        prop = resolve(raw, schemas)
        yield Field(prefix + name, type_text(raw, schemas), name in required, _text(raw, prop))
        inner, suffix = prop, "."
        if prop.get("type") == "array" and isinstance(prop.get("items"), Mapping):
            inner, suffix = resolve(prop["items"], schemas), "[]."
        if depth < 2 and inner.get("properties"):
            yield from _fields(inner, schemas, prefix + name + suffix, depth + 1)


def _text(raw: Json, prop: Json) -> str:
    """A property's own words; the description of the type behind it belongs to the type."""
    own = raw.get("description", "") or ("" if "properties" in prop else prop.get("description", ""))
    bounds = []
    if "minLength" in prop or "maxLength" in prop:
        bounds.append(f"{_range(prop, 'minLength', 'maxLength')} characters")
    if "minItems" in prop or "maxItems" in prop:
        bounds.append(f"{_range(prop, 'minItems', 'maxItems')} items")
    if "minimum" in prop or "maximum" in prop:
        bounds.append(_range(prop, "minimum", "maximum"))
    return " · ".join(part for part in (own, *bounds) if part)


def _range(prop: Json, low: str, high: str) -> str:
    if low in prop and high in prop:
        return f"{prop[low]:,} to {prop[high]:,}"
    return f"at least {prop[low]:,}" if low in prop else f"at most {prop[high]:,}"


def type_text(schema: Json, schemas: Mapping[str, Json]) -> str:
    """A schema's type in a few words: ``string``, ``"a" or "b"``, ``list of object``, ``number or null``."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        parts = [type_text(option, schemas) for option in options]
        return " or ".join(dict.fromkeys(parts))
    schema = resolve(schema, schemas) if "$ref" in schema else schema
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " or ".join("null" if value is None else f'"{value}"' for value in schema["enum"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {type_text(schema.get('items') or {}, schemas)}"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _answer(status: str, answer: Json) -> Answer:
    tone = "good" if status < "300" else "bad" if status >= "500" else "warn"
    shown: list[str] = []
    for media in answer.get("content", {}).values():
        for example in media.get("examples", {}).values():
            value = example["value"]
            shown.append(value if isinstance(value, str) else _pretty(value))
    return Answer(status, tone, answer.get("description", ""), tuple(text[:MAX_EXAMPLE] for text in shown))


def _pretty(value: Any) -> str:
    compact = msgspec.json.encode(value)
    return (compact if len(compact) <= 100 else msgspec.json.format(compact, indent=2)).decode()
