"""What SeeStack shows of an error beyond its columns (contract 2.2)."""

from __future__ import annotations

from json import dumps
from typing import Any

import pytest

from headrace.api.compat.seestack_detail import NORMALIZED_MAX, Details, details_of, impact, normalized, patterns

UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@pytest.mark.parametrize(
    ("occurrences", "active", "quiet"),
    [
        (1, "LOW", "LOW"),
        (2, "MEDIUM", "LOW"),
        (4, "MEDIUM", "LOW"),
        (5, "HIGH", "MEDIUM"),
        (24, "HIGH", "MEDIUM"),
        (25, "HIGH", "HIGH"),
        (26, "HIGH", "HIGH"),
    ],
)
def test_impact(occurrences: int, active: str, quiet: str) -> None:
    assert (impact(occurrences, active=True), impact(occurrences, active=False)) == (active, quiet)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("cart 17 of 3", "cart <n> of <n>"),
        (f"no user {UUID}", "no user <uuid>"),
        (f"no user {UUID.upper()}", "no user <uuid>"),
        ("v1.22 and a17", "v1.<n> and a17"),
        ("x" * NORMALIZED_MAX, "x" * NORMALIZED_MAX),
        ("x" * (NORMALIZED_MAX + 1), "x" * NORMALIZED_MAX + "…"),
        ("", ""),
    ],
)
def test_messages_are_compared_without_what_differs(message: str, expected: str) -> None:
    assert normalized(message) == expected


def details(**record: Any) -> Details:
    return details_of(dumps(record))


def logister(exception: Any = None, **context: Any) -> Details:
    return details(context={"exception": exception, "telemetry_evidence": {"source": "sdk"}, **context})


@pytest.mark.parametrize(
    ("found", "stack"),
    [
        (details(stackTrace=["at a (b.js:1)", " at c\n    x = 1\n\n    ^^^", "", None]), ["at a (b.js:1)", "at c", "x = 1", "^^^"]),
        (details(stackTrace=None), []),
        (details(stackTrace="one\r\ntwo"), ["one", "two"]),
        (logister({"backtrace": ["app.rb:3", 7]}), ["app.rb:3", "7"]),
        (logister({"stack": "Error: x\n    at f (a.js:1:2)", "frames": [{}]}), ["Error: x", "at f (a.js:1:2)"]),
        (
            logister({"frames": [{"filename": "a.py", "lineno": 3, "name": "f"}, {"filename": "b.py"}, {}, [1]]}),
            ["f (a.py:3)", "b.py"],
        ),
        (logister("Boom"), []),
        (details(), []),
    ],
)  # fmt: skip
def test_the_stack_one_frame_a_line(found: Details, stack: list[str]) -> None:
    assert found.stack == stack
    assert found.top_frame == (stack[0] if stack else "")


@pytest.mark.parametrize(
    ("found", "user"),
    [
        (details(user={"id": 7, "email": "x@y.z", "ip": "", "more": 1}), {"id": "7", "email": "x@y.z", "ip": None}),
        (details(user={"id": {}}), None),
        (details(user=None), None),
        (logister(user={"email": "x@y.z"}), {"id": None, "email": "x@y.z", "ip": None}),
        (logister(user_id=7), {"id": "7", "email": None, "ip": None}),
        (logister(user="7"), None),
    ],
)
def test_who_met_it(found: Details, user: Any) -> None:
    assert found.user == user


@pytest.mark.parametrize(
    ("found", "metadata", "endpoint"),
    [
        (details(metadata={"url": "/u", "path": "/p"}), {"url": "/u", "path": "/p"}, "/p"),
        (details(metadata={"path": {}, "route": 3}), {"path": {}, "route": 3}, "3"),
        (details(metadata=["path"]), ["path"], ""),
        (details(metadata=None, meta={"endpoint": "/e"}), {"endpoint": "/e"}, "/e"),
        (logister({"class": "E"}, a=1), {"exception": {"class": "E"}, "a": 1}, ""),
        (details(metadata={}), {}, ""),
        (details(), None, ""),
    ],
)
def test_where_it_happened(found: Details, metadata: Any, endpoint: str) -> None:
    assert (found.metadata, found.endpoint) == (metadata, endpoint)


def test_what_repeats() -> None:
    def one(frame: str, path: str) -> Details:
        return details(stackTrace=[frame] if frame else [], metadata={"path": path})

    assert patterns([]) == []
    assert patterns([one("f", "/a"), one("g", "/b"), one("", "")]) == []
    assert patterns([one("", ""), one("", "")]) == []
    found = patterns([one("g", "/a"), one("f", "/b"), one("f", "/b"), one("f", "")])
    assert found == ["3 of the last 4 errors begin at f", "2 of the last 4 errors happened at /b"]
    assert patterns([one("at f (a.js:1:2)", "")] * 2) == ["2 of the last 2 errors begin at f (a.js:1:2)"]
