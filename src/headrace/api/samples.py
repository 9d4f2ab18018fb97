"""Example bodies from JSON schemas, and the curl line that sends one: what /docs, OpenAPI and the set-up page show."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headrace.records.times import iso_us

Schema = Mapping[str, Any]

#: Where the reader's own key goes; a shell expands it.
KEY_VARIABLE = "$HEADRACE_KEY"
_PROJECT_FIELDS = ("projectId", "project_id")
_TIME_FIELDS = ("ts", "timestamp", "from", "to")
EXAMPLE_TIME = "2026-01-31T12:00:00Z"
EXAMPLE_ID = "0199f3c2-7a41-7c3e-9b5d-2f6a8c1e4d70"
#: Objects in the schemas do not recurse, but a schema is data: stop somewhere.
_MAX_DEPTH = 8


def resolve(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """``schema`` with its own reference followed and of alternatives the first that is not null."""
    for _ in range(_MAX_DEPTH):
        if "$ref" in schema:
            schema = components[str(schema["$ref"]).rpartition("/")[2]]
            continue
        options = schema.get("anyOf") or schema.get("oneOf")
        if not options:
            return schema
        chosen = next((option for option in options if option.get("type") != "null"), options[0])
        schema = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")} | dict(chosen)
    return schema


def example(schema: Schema, components: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """A value that ``schema`` describes: its first example, constant or member where it has one, else the smallest. Of an
    object the required properties and those with examples; of an object without any, all.
    """
    schema = resolve(schema, components)
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" and depth < _MAX_DEPTH:
        return _object(schema, components, depth)
    if kind == "array":
        items = schema.get("items")
        return [example(items, components, name, depth + 1)] if isinstance(items, Mapping) and items else []
    if kind in ("integer", "number"):
        return max(1, int(schema.get("minimum", 1)))
    if kind == "boolean":
        return True
    if kind == "string":
        timed = schema.get("format") == "date-time" or name.endswith("_at") or name in _TIME_FIELDS
        identity = schema.get("format") == "uuid" or name in ("id", *_PROJECT_FIELDS)
        return EXAMPLE_TIME if timed else EXAMPLE_ID if identity else name or "text"
    return {}


def _object(schema: Schema, components: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    chosen = {
        key: prop
        for key, prop in properties.items()
        if key in required or resolve(prop, components).get("examples") or not required
    }
    return {key: example(prop, components, key, depth + 1) for key, prop in chosen.items()}


def personalize(value: Any, *, now: str, project_id: str) -> Any:
    """``value`` with every instant moved to ``now`` (ISO text) and the reader's own project in place of the example's."""
    if isinstance(value, dict):
        return {
            key: project_id
            if key in _PROJECT_FIELDS and project_id
            else personalize(item, now=now, project_id=project_id)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [personalize(item, now=now, project_id=project_id) for item in value]
    if isinstance(value, str) and iso_us(value) is not None:
        return now
    return value


def body_text(value: Any, content_type: str) -> str:
    """``value`` as it goes over the wire: compact JSON; for newline-delimited JSON one line per record."""
    if isinstance(value, str):
        return value
    records = value if "ndjson" in content_type and isinstance(value, list) else [value]
    return "\n".join(msgspec.json.encode(record).decode() for record in records)


def curl(method: str, url: str, headers: Sequence[tuple[str, str]], body: str | None) -> str:
    """A command for a POSIX shell. Header values that hold :data:`KEY_VARIABLE` are left open to the shell's expansion, all
    else is quoted.
    """
    parts = ["curl"] if method == "GET" else ["curl", "-X", method]
    line = " ".join([*parts, shlex.quote(url)])
    for name, value in headers:
        text = f"{name}: {value}"
        quoted = f'"{text}"' if value.endswith(KEY_VARIABLE) else shlex.quote(text)
        line += f" \\\n  -H {quoted}"
    if body is not None:
        line += f" \\\n  --data-raw {shlex.quote(body)}"
    return line
