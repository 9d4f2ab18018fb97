"""Programs that show how a record is sent."""

from __future__ import annotations

import ast
import shlex

import msgspec
import pytest

from headrace.api.samples import KEY_VARIABLE, Call, curl, javascript, python

HOSTILE = 'it\'s "<b>" \\n true, null \u2028 $(rm -rf /) `id`'
BODY = {"text": HOSTILE, "on": True, "off": False, "none": None, "list": [1, 2.5, {"true": "null"}]}
JSON = Call("POST", "http://h/x?a=b&c=d", (("X-Key", "sec'ret"),), "application/json", BODY)
LINES = Call("POST", "http://h/x", (), "application/x-ndjson", [{"a": 1}, {"b": None}])
FORM = Call("POST", "http://h/ez", (), "application/x-www-form-urlencoded", f"stat=a&ezkey={KEY_VARIABLE}")


def sent(program, environ):
    """What a Python program would send: its body and headers, read from its syntax tree with nothing run but literals and json."""
    found = {}

    class Request:
        def __init__(self, url, data, headers, method):
            found.update(url=url, data=data, headers=headers, method=method)

    import json
    from types import SimpleNamespace

    tree = ast.parse(program)
    tree.body = [node for node in tree.body if isinstance(node, ast.Assign)]
    scope = {
        "json": json,
        "os": SimpleNamespace(environ=environ),
        "urllib": SimpleNamespace(request=SimpleNamespace(Request=Request)),
    }
    exec(compile(tree, "sample", "exec"), scope)
    return found


def test_python_sends_what_the_sample_says():
    made = sent(python(JSON), {})
    assert (made["url"], made["method"]) == (JSON.url, "POST")
    assert made["headers"] == {"X-Key": "sec'ret", "Content-Type": "application/json"}
    assert msgspec.json.decode(made["data"]) == BODY
    assert sent(python(LINES), {})["data"] == b'{"a":1}\n{"b":null}'


def test_python_reads_the_key_where_none_is_given():
    assert sent(python(FORM), {"HEADRACE_KEY": "k"})["data"] == b"stat=a&ezkey=k"
    keyed = JSON._replace(headers=(("Authorization", f"Bearer {KEY_VARIABLE}"),))
    assert sent(python(keyed), {"HEADRACE_KEY": "k"})["headers"]["Authorization"] == "Bearer k"
    assert "import os" not in python(JSON)


def test_curl_leaves_only_the_key_to_the_shell():
    words = shlex.split(curl(JSON).replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "POST", JSON.url]
    assert msgspec.json.decode(words[-1]) == BODY
    assert f'"stat=a&ezkey={KEY_VARIABLE}"' in curl(FORM)
    assert "$" not in curl(JSON).replace("$(rm", "")


@pytest.mark.parametrize("call", [JSON, LINES, FORM])
def test_javascript_holds_the_body_as_a_literal(call):
    program = javascript(call)
    assert msgspec.json.encode(call.url).decode() in program
    assert ("process.env.HEADRACE_KEY" in program) is (call is FORM)
    if call is JSON:
        literal = program.partition("JSON.stringify(")[2].partition("),\n});")[0]
        assert msgspec.json.decode(literal) == BODY
