"""Example bodies from JSON schemas, and the curl line that sends one: what /docs, OpenAPI and the set-up page show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

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
#: A body of this many characters still stands on one line.
_ONE_LINE = 72


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


class Call(NamedTuple):
    """A request to show as a command or a program. ``body`` is a value, or text that goes as it is. A header or a text body may end in
    :data:`KEY_VARIABLE`: there the reader's shell or program puts the key.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    body: Any = None

    @property
    def all_headers(self) -> tuple[tuple[str, str], ...]:
        return (*self.headers, ("Content-Type", self.content_type)) if self.body is not None else self.headers


def curl(call: Call) -> str:
    """A command for a POSIX shell. What ends in :data:`KEY_VARIABLE` is left open to the shell's expansion, all else is quoted."""
    parts = ["curl"] if call.method == "GET" else ["curl", "-X", call.method]
    line = " ".join([*parts, shlex.quote(call.url)])
    for name, value in call.all_headers:
        line += f" \\\n  -H {_shell(f'{name}: {value}')}"
    if call.body is not None:
        line += f" \\\n  --data-raw {_shell(body_text(call.body, call.content_type))}"
    return line


def python(call: Call) -> str:
    """A program of the standard library alone."""
    keyed = any(value.endswith(KEY_VARIABLE) for _, value in call.all_headers) or _open_end(call.body)
    modules = ["json"] * _is_json(call) + ["os"] * keyed + ["urllib.request"]
    lines = [f"import {name}" for name in modules] + ["", "request = urllib.request.Request("]
    lines.append(f"    {_literal(call.url)},")
    if call.body is not None:
        lines.append(f"    data={_python_body(call)}.encode(),")
    lines.append("    headers={")
    lines += [f"        {_literal(name)}: {_expression(value, _PYTHON_KEY)}," for name, value in call.all_headers]
    lines += ["    },", f"    method={_literal(call.method)},", ")"]
    lines += ["with urllib.request.urlopen(request) as answer:", "    print(answer.status, answer.read().decode())"]
    return "\n".join(lines)


def javascript(call: Call) -> str:
    """A module for Node, Deno, Bun or a browser."""
    lines = [
        f"const answer = await fetch({_literal(call.url)}, {{",
        f"  method: {_literal(call.method)},",
        "  headers: {",
    ]
    lines += [f"    {_literal(name)}: {_expression(value, _NODE_KEY)}," for name, value in call.all_headers]
    lines.append("  },")
    if _is_json(call):
        lines.append(f"  body: JSON.stringify({_indented(call.body, 2)}),")
    elif call.body is not None:
        lines.append(f"  body: {_expression(body_text(call.body, call.content_type), _NODE_KEY)},")
    lines += ["});", "console.log(answer.status, await answer.text());"]
    return "\n".join(lines)


#: What JSON and Python write differently; strings are matched so that nothing inside them is.
_JSON_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b')
_PYTHON_WORDS = {"true": "True", "false": "False", "null": "None"}
_PYTHON_KEY, _NODE_KEY = 'os.environ["HEADRACE_KEY"]', "process.env.HEADRACE_KEY"


def _shell(text: str) -> str:
    return f'"{text}"' if text.endswith(KEY_VARIABLE) else shlex.quote(text)


def _is_json(call: Call) -> bool:
    """Whether the body is one JSON document, which a program makes from a value of its own."""
    return call.body is not None and not isinstance(call.body, str) and "ndjson" not in call.content_type


def _open_end(body: Any) -> bool:
    return isinstance(body, str) and body.endswith(KEY_VARIABLE)


def _literal(text: str) -> str:
    """A string as Python and JavaScript both write it."""
    return msgspec.json.encode(text).decode()


def _expression(text: str, key: str) -> str:
    """A string, or one joined to the reader's key."""
    if not text.endswith(KEY_VARIABLE):
        return _literal(text)
    before = text.removesuffix(KEY_VARIABLE)
    return f"{_literal(before)} + {key}" if before else key


def _python_body(call: Call) -> str:
    if not _is_json(call):
        text = _expression(body_text(call.body, call.content_type), _PYTHON_KEY)
        return f"({text})" if _open_end(call.body) else text
    value = _JSON_WORD.sub(lambda found: _PYTHON_WORDS.get(found[0], found[0]), _indented(call.body, 4))
    return f"json.dumps({value})"


def _indented(value: Any, by: int) -> str:
    compact = msgspec.json.encode(value)
    text = (compact if len(compact) <= _ONE_LINE else msgspec.json.format(compact, indent=2)).decode()
    return text.replace("\n", "\n" + " " * by)
