"""Logister's payload limits (contract 1.4): each at n-1, n and n+1, and which one answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logister_requests import log, post
from outcomes import accepted, refusal

from headrace.dialects import logister_limits
from headrace.dialects.logister_limits import check_limits, first_excess, within_limits


def with_message(size: int) -> dict[str, Any]:
    return log(message="é" * (size // 2) + "m" * (size % 2))


def with_string(size: int) -> dict[str, Any]:
    return log(context={"deep": [{"s": "é" * (size // 2) + "m" * (size % 2)}]})


def with_array(size: int) -> dict[str, Any]:
    return log(context={"a": [None] * size})


def with_keys(size: int) -> dict[str, Any]:
    """event_type, message, context and a are four; the rest lie in two objects."""
    return log(context={"a": [{f"k{n}": n for n in range(200)}, {f"k{n}": n for n in range(size - 204)}]})


def with_depth(depth: int) -> dict[str, Any]:
    """context is 1, so the innermost scalar lies at ``depth``."""
    value: Any = 0
    for level in range(depth - 1):
        value = {"x": value} if level % 2 else [value]
    return log(context={"x": value} if depth < 2 else value if isinstance(value, dict) else {"x": value[0]})


def with_bytes(size: int) -> dict[str, Any]:
    event = log(context={"a": ["x" * 262_144] * 3, "n": [12, -1.5, True, False, None]})
    strings = ("event_type", "log", "message", "hello", "context", "a", "n", "12", "-1.5", "true", "false", "", "rest")
    counted = sum(len(text) + 4 for text in strings) + 3 * 262_148
    event["context"]["rest"] = "x" * (size - counted - 4)
    return event


LIMITS = [
    pytest.param(with_message, "message_bytes", 65_536, id="message-bytes"),
    pytest.param(with_string, "string_bytes", 262_144, id="string-bytes"),
    pytest.param(with_array, "array_length", 1_000, id="array-length"),
    pytest.param(with_keys, "context_keys", 512, id="context-keys"),
    pytest.param(with_depth, "context_depth", 16, id="context-depth"),
    pytest.param(with_bytes, "event_bytes", 1_048_576, id="event-bytes"),
]


@pytest.mark.parametrize(("build", "code", "limit"), LIMITS)
def test_a_limit_holds_at_its_figure(build: Any, code: str, limit: int) -> None:
    for size in (limit - 1, limit):
        event = build(size)
        assert first_excess(event) is None
        accepted(post({"event": event}))
    words = code.replace("_", " ")
    assert refusal(post({"event": build(limit + 1)})) == (
        413,
        {
            "error": f"telemetry payload {words} exceeds {limit}",
            "code": code,
            "limit": limit,
            "actual": limit + 1,
        },
    )


@pytest.mark.parametrize(
    ("event", "code", "actual"),
    [
        pytest.param(log(message="m" * 300_000), "message_bytes", 300_000, id="message-before-string"),
        pytest.param(log(message=[1] * 40_000), "message_bytes", 80_001, id="message-as-text"),
        pytest.param(log(MESSAGE="m" * 262_145), "string_bytes", 262_145, id="another-spelling-is-a-string"),
        pytest.param(log(context={"s": "x" * 262_145, "a": [0] * 1001}), "string_bytes", 262_145, id="string-first"),
        pytest.param(log(context={"a": [0] * 1001, "s": "x" * 262_145}), "array_length", 1001, id="array-first"),
        pytest.param(log(context={"a": [{"k": 0}] * 1001}), "array_length", 1001, id="array-before-keys"),
        pytest.param(
            log(context={f"k{n}": "x" * 2_000 for n in range(600)}), "context_keys", 603, id="keys-before-bytes"
        ),
        pytest.param(log(tags={f"k{n}": 0 for n in range(600)}), "context_keys", 603, id="keys-outside-the-context"),
        pytest.param(log(context=json.loads('{"x":' * 200 + "0" + "}" * 200)), "context_depth", 17, id="very-deep"),
        pytest.param(log(context={"x" * 1_100_000: 1}), "event_bytes", 1_100_061, id="a-long-key-is-no-string"),
    ],
)
def test_which_limit_answers(event: dict[str, Any], code: str, actual: int) -> None:
    status, body = refusal(post({"event": event}))
    assert (status, body["code"], body["actual"]) == (413, code, actual)


def test_an_empty_container_at_the_last_level_holds_no_value_beyond_it() -> None:
    event = with_depth(16)
    text = json.dumps(event)
    for empty in ("{}", "[]"):
        sent = text.replace("0", empty)
        check_limits(json.loads(sent), sent.encode())


def test_a_message_as_long_as_a_message_may_be_is_stored_whole() -> None:
    (intent,) = accepted(post({"event": with_message(65_536)})).intents
    assert "é" * 32_768 in intent.rows[0].values


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
_events = st.dictionaries(
    st.sampled_from(["message", "context", "é", "k"]),
    st.recursive(
        _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
)


@given(_events)
def test_the_fast_walk_and_the_exact_one_agree(event: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, figure in (
            ("MESSAGE_BYTES", 8),
            ("STRING_BYTES", 8),
            ("ARRAY_LENGTH", 3),
            ("CONTEXT_KEYS", 5),
            ("CONTEXT_DEPTH", 2),
            ("EVENT_BYTES", 60),
        ):
            patch.setattr(logister_limits, name, figure)
        assert within_limits(event) == (first_excess(event) is None)
