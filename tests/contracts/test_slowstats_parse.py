"""SlowStats metric bodies (contract 1.1-1.3, 1.9, 1.10): every field, limit and text, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bodies import bodies, document, finite, text
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US, FakeInbound, route_of
from outcomes import accepted, answered, outcome, refusal, row_of, shown

from headrace.dialects.base import Fault, FaultDetail, LimitState
from headrace.dialects.slowstats import DIALECT, Problem, exact_metric, fast_metric

NOW_MS = NOW_US // 1000
NO_PROJECT = (400, {"error": "Project ID is required."})
NO_PAYLOAD = (400, {"error": "Metric payload is required and must be an object."})
NO_ACCESS = (403, {"error": "Forbidden: You do not have access to this project."})


def request(body: object, path: str = "/api/slowstats/ingest-metrics") -> FakeInbound:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FakeInbound(route_of(DIALECT, path), data, reachable={"abc123": 7}, project=1)


def metric(payload: object) -> dict[str, object]:
    return {"projectId": "abc123", "payload": payload}


def points(payload: object) -> list[tuple[str, float]]:
    (intent,) = accepted(request(metric(payload))).intents
    return [(name, value) for name, _, _, value, _ in intent.points]


@pytest.mark.parametrize("path", ["/api/slowstats/ingest-metrics", "/api/slowstats/ingest-metric"])
def test_the_documented_metric(path: str) -> None:
    submission = accepted(request(metric({"temperature": 72.5, "humidity": 45}), path))
    assert answered(submission) == (200, {"message": "Metric ingested successfully."})
    assert (submission.project, submission.cost, len(submission.intents)) == (7, 1, 1)
    (intent,) = submission.intents
    assert intent.source == "slowstats"
    assert list(intent.points) == [
        ("temperature", "value", NOW_MS, 72.5, 0),
        ("humidity", "value", NOW_MS, 45.0, 0),
    ]
    row = row_of(intent)
    assert (row["project"], row["dialect"], row["type"], row["name"]) == (7, "slowstats", "metric", "")
    assert (row["ts"], row["received_at"], row["ts_source"]) == (NOW_US, NOW_US, "received")
    assert row["raw"] == '{"temperature":72.5,"humidity":45}'
    assert row["message"] == "temperature 72.5, humidity 45"


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        ({}, ""),
        ({"text": "only"}, ""),
        ({f"n{n}": n for n in range(4)}, "n0 0, n1 1, n2 2, n3 3"),
        ({f"n{n}": n for n in range(5)}, "n0 0, n1 1, n2 2, n3 3"),
        ({"cpu": {"load": -0.25}, "up": True}, "cpu.load -0.25, up 1"),
        (
            {"below": 10**15 - 1, "from": 10**15, "huge": 1e300},
            "below 999999999999999, from 1000000000000000.0, huge 1e+300",
        ),
    ],
)
def test_a_metric_tells_its_first_numbers_in_a_line(payload: dict[str, Any], line: str) -> None:
    (intent,) = accepted(request(metric(payload))).intents
    assert row_of(intent)["message"] == line


def nested(depth: int) -> dict[str, Any]:
    """One number under so many keys."""
    value: Any = 1
    for _ in range(depth):
        value = {"k": value}
    return value


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param({}, [], id="empty"),
        pytest.param(
            {"cpu": {"load": 1, "cores": {"a": 2}}, "n": 3}, [("cpu.load", 1), ("cpu.cores.a", 2), ("n", 3)], id="paths"
        ),
        pytest.param({"up": True, "down": False}, [("up", 1), ("down", 0)], id="booleans"),
        pytest.param({"s": "1", "z": None, "a": [1, {"b": 2}], "n": 1}, [("n", 1)], id="other-leaves-stay-raw"),
        pytest.param({"big": 10**30, "bigger": 10**400}, [("big", 1e30)], id="beyond-a-double-stays-raw"),
        pytest.param({"": 1, " ": 2, "x": {"": 3}}, [("x.", 3)], id="nameless-stays-raw"),
        pytest.param({"n" * 255: 1, "m" * 256: 2}, [("n" * 255, 1)], id="name-of-255-and-256"),
        pytest.param({"a\ud83d": 1}, [("a\ufffd", 1)], id="lone-surrogate"),
        pytest.param({"a\0": 1}, [("a\ufffd", 1)], id="nul"),
        pytest.param(nested(15), [(".".join(["k"] * 15), 1)], id="depth-15"),
        pytest.param(nested(16), [(".".join(["k"] * 16), 1)], id="depth-16"),
        pytest.param(nested(17), [], id="depth-17"),
        pytest.param(nested(100), [], id="depth-100"),
    ],
)
def test_numeric_leaves(payload: object, expected: list[tuple[str, float]]) -> None:
    assert points(payload) == expected


@pytest.mark.parametrize(("sent", "kept"), [(999, 999), (1000, 1000), (1001, 1000)])
def test_a_payload_yields_at_most_1000_leaves(sent: int, kept: int) -> None:
    found = points({f"k{index}": index for index in range(sent)})
    assert found == [(f"k{index}", index) for index in range(kept)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"payload": {}}, NO_PROJECT, id="no-project"),
        pytest.param({}, NO_PROJECT, id="neither"),
        pytest.param({"projectId": 5, "payload": []}, NO_PROJECT, id="project-number"),
        pytest.param({"projectId": None, "payload": {}}, NO_PROJECT, id="project-null"),
        pytest.param({"projectId": "", "payload": {}}, NO_PROJECT, id="project-empty"),
        pytest.param({"projectId": " \t", "payload": {}}, NO_PROJECT, id="project-blank"),
        pytest.param(b"", NO_PROJECT, id="empty-body"),
        pytest.param(b"{oops", NO_PROJECT, id="malformed"),
        pytest.param(b'{"projectId":"abc123","payload":{"a":"\xff"}}', NO_PROJECT, id="bad-utf-8"),
        pytest.param(b'{"projectId":"abc123","payload":{"a":%b}}' % (b"[" * 100_000), NO_PROJECT, id="recursion"),
        pytest.param(
            b'{"projectId":"abc123","payload":{"a":%b%b}}' % (b"[" * 300, b"]" * 300), NO_PROJECT, id="too-deep"
        ),
        pytest.param(b'{"projectId":"abc123","payload":{"a":%b}}' % (b"9" * 5000), NO_PROJECT, id="too-many-digits"),
        pytest.param([metric({})], NO_PROJECT, id="array"),
        pytest.param("abc123", NO_PROJECT, id="string"),
        pytest.param({"projectId": "abc123"}, NO_PAYLOAD, id="no-payload"),
        pytest.param(metric(None), NO_PAYLOAD, id="payload-null"),
        pytest.param(metric([1]), NO_PAYLOAD, id="payload-array"),
        pytest.param(metric("x"), NO_PAYLOAD, id="payload-string"),
        pytest.param(metric({"a": [{"b": float("nan")}]}), NO_PAYLOAD, id="payload-nan"),
        pytest.param(b'{"projectId":"abc123","payload":{"a":1e400}}', NO_PAYLOAD, id="payload-overflow"),
        pytest.param({"projectId": "foreign"}, NO_PAYLOAD, id="payload-before-ownership"),
        pytest.param({"projectId": "foreign", "payload": {}}, NO_ACCESS, id="foreign-or-unknown-project"),
        pytest.param({"projectId": " abc123", "payload": {}}, NO_ACCESS, id="ids-are-exact"),
    ],
)
def test_refused_bodies(body: object, expected: tuple[int, object]) -> None:
    assert refusal(request(body)) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'\xef\xbb\xbf{"projectId":"abc123","payload":{}}', id="byte-order-mark"),
        pytest.param(b'{"projectId":"x","payload":1,"projectId":"abc123","payload":{}}', id="last-key-wins"),
        pytest.param({**metric({}), "eventType": [float("nan")]}, id="unknown-field"),
        pytest.param(b'{"projectId":"abc123","payload":{"a":%b%b}}' % (b"[" * 250, b"]" * 250), id="deep-enough"),
    ],
)
def test_lenient_reading(body: object) -> None:
    assert outcome(request(body)) == 200


payloads = st.dictionaries(
    text,
    st.recursive(finite | text | st.booleans(), lambda inner: st.dictionaries(text, inner, max_size=3)),
    max_size=4,
)
metrics = document({"projectId": st.sampled_from(["abc123", "abc123", "foreign", " "]), "payload": payloads}, {})


@given(bodies(metrics))
def test_any_body_is_answered(body: bytes) -> None:
    assert outcome(request(body)) in {200, 400, 403}


@given(bodies(metrics))
def test_what_the_fast_reader_accepts_the_exact_one_accepts_alike(body: bytes) -> None:
    found = fast_metric(body)
    if found is not None:
        assert found == exact_metric(body)


def test_the_readers_differ_only_in_who_refuses() -> None:
    assert fast_metric(json.dumps(metric({"a": {"b": 1}})).encode()) == ("abc123", {"a": {"b": 1}})
    assert fast_metric(b"[]") is None
    with pytest.raises(Problem):
        exact_metric(b"[]")


@pytest.mark.parametrize(
    ("fault", "detail", "status", "text", "headers"),
    [
        (Fault.NOT_FOUND, {}, 404, "Not found.", {}),
        (Fault.METHOD, {"allow": "POST"}, 405, "Method not allowed.", {b"allow": b"POST"}),
        (Fault.NO_KEY, {}, 401, "Unauthorized: You must provide a valid API Key.", {}),
        (Fault.BAD_KEY, {}, 401, "Unauthorized: You must provide a valid API Key.", {}),
        (Fault.NO_SCOPE, {}, 403, "Forbidden: You do not have access to this project.", {}),
        (Fault.TOO_LARGE, {"limit": 1_048_576}, 413, "Request body too large.", {}),
        (Fault.ENCODING, {"encoding": "br"}, 415, "Unsupported content encoding.", {}),
        (Fault.UNREADABLE, {}, 400, "Project ID is required.", {}),
        (Fault.RATE, {"retry_after": 5}, 429, "Too many requests.", {}),
        (Fault.AUTH_RATE, {"retry_after": 5}, 429, "Too many requests.", {}),
        (Fault.IDEMPOTENCY_KEY, {}, 400, "Idempotency-Key must be 1 to 255 visible ASCII characters.", {}),
        (Fault.UNAVAILABLE, {"retry_after": 5}, 503, "Service unavailable.", {b"retry-after": b"5"}),
        (Fault.INTERNAL, {}, 500, "An internal server error occurred.", {}),
    ],
)
def test_faults(fault: Fault, detail: dict[str, Any], status: int, text: str, headers: dict[bytes, bytes]) -> None:
    answer = DIALECT.fault(fault, FaultDetail(**detail))
    assert shown(answer) == (status, {"error": text})
    assert dict(answer.headers) == {b"content-type": b"application/json", **headers}


def test_limit_headers() -> None:
    assert DIALECT.limit_headers is not None
    state = LimitState(allowed=True, limit=60, remaining=59, reset=1_775_124_060, window_s=60)
    assert DIALECT.limit_headers(state) == ((b"x-ratelimit-limit", b"60"), (b"x-ratelimit-remaining", b"59"))
    refused = state._replace(allowed=False, remaining=0, retry_after=17)
    assert DIALECT.limit_headers(refused) == (
        (b"x-ratelimit-limit", b"60"),
        (b"x-ratelimit-remaining", b"0"),
        (b"x-ratelimit-reset", b"1775124060"),
        (b"retry-after", b"17"),
    )


def test_route() -> None:
    route = route_of(DIALECT, "/api/slowstats/ingest-metrics")
    assert route.steps == (
        "auth",
        "scope",
        "idempotency",
        "charge_request",
        "declared_size",
        "body",
        "parse",
        "quota",
        "append",
    )
    assert (route.cap, route.decoded_cap, route.cors) == (1_048_576, 1_048_576, False)
    assert route.encodings == ("gzip", "deflate", "zstd")
    assert route.limit == ("window", 60, 0)
    assert DIALECT.key_places == ("x-api-key",)
