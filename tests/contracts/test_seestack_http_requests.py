"""SeeStack's http-requests without a server: contract 1.2, 1.3, 1.8-1.11 and the rulings."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US, FakeInbound, route_of

from headrace.dialects import seestack_requests as module
from headrace.dialects.base import Fault, FaultDetail, Refusal
from headrace.dialects.seestack import BATCH_CAP, DIALECT
from headrace.dialects.seestack_fields import MAX_LABELS
from headrace.records.encode import encode_row
from headrace.records.intents import NEW, Answer, Submission
from headrace.records.tables import REQUESTS

ROUTE = route_of(DIALECT, "/ingest/v1/http-requests")
JSON = {b"content-type": b"application/json"}
ITEM: dict[str, Any] = {
    "traceId": "t-1",
    "direction": "outbound",
    "method": "post",
    "host": "api.example.com",
    "path": "/v1/orders?id=1",
    "statusCode": 201,
    "durationMs": 1001,
    "requestSize": 12,
    "responseSize": 34,
    "userId": "u-1",
    "errorFingerprint": "fp-1",
    "timestamp": "2026-04-02T11:59:58.123456+02:00",
}


def submit(body: Any, headers: dict[bytes, bytes] = JSON) -> Submission:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = FakeInbound(ROUTE, raw, headers)
    ROUTE.check_headers(request)
    return module.parse_http_requests(request)


def batch(*items: Any, **top: Any) -> dict[str, Any]:
    return {"requests": list(items), **top}


def row(**change: Any) -> dict[str, Any]:
    """The stored row of ``ITEM`` with ``change``; a value of ``...`` takes the field away."""
    item = {key: value for key, value in (ITEM | change).items() if value is not ...}
    (stored,) = rows(submit(batch(item)))
    return stored


def rows(submission: Submission) -> list[dict[str, Any]]:
    return [
        dict(zip(REQUESTS.names[:-1], row.values, strict=True)) for intent in submission.intents for row in intent.rows
    ]


def refused(body: Any, headers: dict[bytes, bytes] = JSON) -> Answer:
    with pytest.raises(Refusal) as caught:
        submit(body, headers)
    return caught.value.answer


def details(change: dict[str, Any]) -> dict[str, str]:
    item = {key: value for key, value in (ITEM | change).items() if value is not ...}
    answer = refused(batch(item))
    assert answer.status == 422
    found: dict[str, str] = json.loads(answer.body)["error"]["details"]
    return found


def check_envelope(answer: Answer, code: str, message: str) -> dict[str, Any]:
    assert (b"content-type", b"application/json") in answer.headers
    body = json.loads(answer.body)
    assert body.keys() == {"success", "error", "meta"}
    assert body["success"] is False
    assert (body["error"]["code"], body["error"]["message"]) == (code, message)
    assert UUID(body["meta"]["requestId"]).version == 4
    assert body["meta"]["timestamp"].endswith("Z")
    return body


# --- success ---


def test_an_item_becomes_a_row() -> None:
    stored = row()
    UUID(stored.pop("id"))
    assert json.loads(stored.pop("raw")) == ITEM
    assert stored == {
        "project": 1,
        "ts": NOW_US - 1_876_544,
        "received_at": NOW_US,
        "ts_source": "exact",
        "ts_sent": "",
        "dialect": "seestack",
        "environment": "",
        "release": "",
        "service": "",
        "trace_id": "t-1",
        "span_id": "",
        "parent_span_id": "",
        "request_id": "",
        "session_id": "",
        "user_id": "u-1",
        "direction": "outbound",
        "method": "POST",
        "host": "api.example.com",
        "path": "/v1/orders?id=1",
        "status": 201,
        "duration_ms": 1001.0,
        "request_size": 12,
        "response_size": 34,
        "is_slow": 1,
        "fingerprint": "fp-1",
        "labels": {},
    }


@pytest.mark.parametrize("count", [1, 99, 100])
def test_the_answer_counts_the_items(count: int) -> None:
    submission = submit(batch(*[ITEM] * count))
    answer = submission.render([NEW] * len(submission.intents))
    assert (answer.status, json.loads(answer.body)) == (202, {"ok": True, "accepted": count})
    assert len({stored["id"] for stored in rows(submission)}) == count
    assert submission.atomic
    assert not any(intent.points or intent.claims for intent in submission.intents)


def test_extras_are_kept() -> None:
    extras = {
        "requestId": "r",
        "spanId": "s",
        "parentSpanId": "p",
        "sessionId": "x",
        "release": "1.2",
        "environment": "staging",
        "metadata": {"region": "eu", "try": 2, "cached": True, "nested": {"a": [1]}, "none": None},
        "somethingNew": [1, None],
    }
    stored = row(**extras)
    columns = ("request_id", "span_id", "parent_span_id", "session_id", "release", "environment")
    assert [stored[name] for name in columns] == ["r", "s", "p", "x", "1.2", "staging"]
    assert stored["labels"] == {"region": "eu", "try": "2", "cached": "true"}
    assert json.loads(stored["raw"]) == ITEM | extras


@pytest.mark.parametrize("name", ["requestId", "spanId", "parentSpanId", "sessionId", "release", "environment"])
@pytest.mark.parametrize("value", [None, {}, [1], 7], ids=repr)
def test_extras_never_refuse(name: str, value: Any) -> None:
    assert json.loads(row(**{name: value})["raw"])[name] == value


@pytest.mark.parametrize("count", [MAX_LABELS - 1, MAX_LABELS, MAX_LABELS + 1])
def test_labels_are_bounded(count: int) -> None:
    stored = row(metadata={f"k{n}": "v" for n in range(count)})
    assert len(stored["labels"]) == min(count, MAX_LABELS)


@pytest.mark.parametrize(("length", "kept"), [(255, True), (256, True), (257, False)])
def test_a_long_label_stays_in_raw(length: int, kept: bool) -> None:
    assert ("k" in row(metadata={"k": "v" * length})["labels"]) is kept


@pytest.mark.parametrize(
    "project",
    [..., None, "8b7c1f5e-1111-4222-8333-444455556666", "00000000-0000-0000-0000-000000000000"],
    ids=["absent", "null", "another", "nil"],
)
def test_the_keys_project_decides(project: Any) -> None:
    body = batch(ITEM) if project is ... else batch(ITEM, projectId=project)
    assert rows(submit(body))[0]["project"] == 1


# --- one field at a time ---


@pytest.mark.parametrize(
    ("field", "value", "column", "stored"),
    [
        ("traceId", 12, "trace_id", "12"),
        ("traceId", True, "trace_id", "true"),
        ("host", 1.5, "host", "1.5"),
        ("path", "/\u0000\ud800", "path", "/\ufffd\ufffd"),
        ("direction", "inbound", "direction", "inbound"),
        *[("method", name, "method", name.upper()) for name in ("get", "PUT", "Delete", "patch", "HEAD", "options")],
        *[("statusCode", value, "status", value) for value in (0, 100, 101, 598, 599)],
        ("statusCode", ..., "status", 0),
        ("statusCode", None, "status", 0),
        ("statusCode", "404", "status", 404),
        ("statusCode", 200.9, "status", 200),
        ("statusCode", 599.9, "status", 599),
        ("durationMs", ..., "duration_ms", 0.0),
        ("durationMs", None, "duration_ms", 0.0),
        ("durationMs", 12.7, "duration_ms", 12.0),
        ("durationMs", -0.9, "duration_ms", 0.0),
        ("durationMs", " 12.7 ", "duration_ms", 12.0),
        ("durationMs", "1e3", "duration_ms", 1000.0),
        ("durationMs", 2**31 - 2, "duration_ms", 2.0**31 - 2),
        ("durationMs", 2**31 - 1, "duration_ms", 2.0**31 - 1),
        ("durationMs", 999, "is_slow", 0),
        ("durationMs", 1000, "is_slow", 0),
        ("durationMs", 1000.9, "is_slow", 0),
        ("durationMs", 1001, "is_slow", 1),
        ("requestSize", ..., "request_size", 0),
        ("requestSize", "7", "request_size", 7),
        ("requestSize", -1, "request_size", 0),
        ("responseSize", None, "response_size", 0),
        ("responseSize", 2**31 - 1, "response_size", 2**31 - 1),
        ("userId", ..., "user_id", ""),
        ("userId", None, "user_id", ""),
        ("userId", 42, "user_id", "42"),
        ("errorFingerprint", None, "fingerprint", ""),
        ("errorFingerprint", False, "fingerprint", "false"),
    ],
)
def test_values_are_taken(field: str, value: Any, column: str, stored: Any) -> None:
    assert row(**{field: value})[column] == stored


@pytest.mark.parametrize(
    ("timestamp", "ts", "sent"),
    [
        ("2026-04-02T09:59:59Z", NOW_US - 1_000_000, ""),
        ("2026-04-02T09:59:59.5Z", NOW_US - 500_000, ""),
        ("2026-04-02T09:59:59.123456789Z", NOW_US - 876_544, ""),
        ("2026-04-02T11:59:59+02:00", NOW_US - 1_000_000, ""),
        (NOW_US // 1_000_000 - 1, NOW_US - 1_000_000, ""),
        (NOW_US / 1_000_000 - 0.25, NOW_US - 250_000, ""),
        (NOW_US // 1000 - 1, NOW_US - 1000, ""),
        (10**11, NOW_US, "100000000000"),  # still seconds: the year 5138
        (10**11 + 1, NOW_US, "100000000001"),  # milliseconds: 1973
        (1e305, NOW_US, "1e+305"),
        (-(10**30), NOW_US, str(-(10**30))),
        (0, NOW_US, "0"),
        ("2026-04-02T10:05:00Z", NOW_US + 300_000_000, ""),
        ("2026-04-02T10:05:00.000001Z", NOW_US, "2026-04-02T10:05:00.000001Z"),
        ("2000-01-01T00:00:00Z", 946_684_800_000_000, ""),
        ("1999-12-31T23:59:59Z", NOW_US, "1999-12-31T23:59:59Z"),
    ],
    ids=str,
)
def test_times(timestamp: Any, ts: int, sent: str) -> None:
    stored = row(timestamp=timestamp)
    assert (stored["ts"], stored["ts_sent"]) == (ts, sent)
    assert stored["ts_source"] == ("received" if sent else "exact")


@pytest.mark.parametrize("field", ["traceId", "direction", "method", "host", "path", "timestamp"])
@pytest.mark.parametrize("value", [..., None, "", " \t\n\x1f"], ids=["absent", "null", "empty", "blank"])
def test_required_fields(field: str, value: Any) -> None:
    assert details({field: value}) == {f"requests[0].{field}": "must not be blank"}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("direction", "Inbound", 'must match "inbound|outbound"'),
        ("direction", "inbound ", 'must match "inbound|outbound"'),
        ("method", "TRACE", 'must match "GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS"'),
        ("method", "GET ", 'must match "GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS"'),
        *[("statusCode", value, "must be 0 or between 100 and 599") for value in (-1, 1, 99, 600, "600")],
        *[("durationMs", value, "must be greater than or equal to 0") for value in (-1, "-1", -1.5)],
        *[
            ("timestamp", value, "must be an ISO-8601 instant")
            for value in ("2026-04-02T10:00:00", "2026-04-02", "yesterday", "1790000000", True, "2026-02-30T00:00:00Z")
        ],
    ],
)
def test_values_are_refused(field: str, value: Any, message: str) -> None:
    assert details({field: value}) == {f"requests[0].{field}": message}


@pytest.mark.parametrize("value", ["not-a-uuid", "", 12, "8b7c1f5e111142228333444455556666", "８" * 36])
def test_a_malformed_project_id(value: Any) -> None:
    body = check_envelope(refused(batch(ITEM, projectId=value)), "VALIDATION_ERROR", "Validation failed")
    assert body["error"]["details"] == {"projectId": "must be a valid UUID"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "must not be empty"),
        ({"requests": None}, "must not be empty"),
        ({"requests": []}, "must not be empty"),
        (batch(*[ITEM] * 101), "size must be between 0 and 100"),
    ],
    ids=["absent", "null", "empty", "101"],
)
def test_the_batchs_size(body: Any, message: str) -> None:
    answer = refused(body)
    assert (answer.status, json.loads(answer.body)["error"]["details"]) == (422, {"requests": message})


def test_every_problem_is_named_once() -> None:
    broken = ITEM | {"traceId": " ", "method": "", "statusCode": 99, "durationMs": -5, "timestamp": ""}
    answer = refused(batch(ITEM, broken, None, ITEM | {"direction": "up"}, projectId="x"))
    body = check_envelope(answer, "VALIDATION_ERROR", "Validation failed")
    assert body["error"]["details"] == {
        "projectId": "must be a valid UUID",
        "requests[1].traceId": "must not be blank",
        "requests[1].method": "must not be blank",
        "requests[1].timestamp": "must not be blank",
        "requests[1].statusCode": "must be 0 or between 100 and 599",
        "requests[1].durationMs": "must be greater than or equal to 0",
        "requests[2]": "must not be null",
        "requests[3].direction": 'must match "inbound|outbound"',
    }
    assert answer.reason == "projectId must be a valid UUID"


# --- unreadable bodies ---


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"requests":[',
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"requests":[{"metadata":NaN}]}',
        b'{"requests":[{"metadata":-Infinity}]}',
        b'{"requests":[{"metadata":{"a":1e400}}]}',
        b'{"requests":[{"metadata":' + b"9" * 5000 + b"}]}",
        b"[" * 100_000,
        b'{"requests":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_malformed_json(body: bytes) -> None:
    answer = refused(body)
    assert answer.status == 400
    check_envelope(answer, "BAD_REQUEST", "Malformed request body")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            (field, value)
            for field in ("traceId", "direction", "method", "host", "path", "timestamp", "userId", "errorFingerprint")
            for value in ({}, ["x"])
        ],
        *[
            (field, value)
            for field in ("statusCode", "durationMs", "requestSize", "responseSize")
            for value in ({}, [1], True, "abc", "", "1_0", "٣", "nan", 2**31, -(2**31) - 1, "2147483648", 1e300)
        ],
    ],
    ids=str,
)
def test_wrong_types_in_an_item(field: str, value: Any) -> None:
    answer = refused(batch(ITEM, ITEM | {field: value, "host": value if field == "host" else ""}))
    assert answer.status == 400  # before the 422 of the blank host beside it
    check_envelope(answer, "BAD_REQUEST", f"Malformed request body: requests[1].{field} has the wrong type")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"requests": {}}, "requests"),
        ({"requests": ""}, "requests"),
        ({"requests": 1}, "requests"),
        (batch("x"), "requests[0]"),
        (batch(ITEM, [1]), "requests[1]"),
        (batch(ITEM, projectId={}), "projectId"),
    ],
    ids=str,
)
def test_wrong_types_around_the_items(body: Any, path: str) -> None:
    answer = refused(body)
    assert answer.status == 400
    check_envelope(answer, "BAD_REQUEST", f"Malformed request body: {path} has the wrong type")


@pytest.mark.parametrize(
    "media", [None, b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/jsonx"]
)
def test_other_media_types_come_before_the_body(media: bytes | None) -> None:
    answer = refused(b"{", {} if media is None else {b"content-type": media})
    assert answer.status == 415
    check_envelope(
        answer, "UNSUPPORTED_MEDIA_TYPE", "Send application/json, plain or compressed with gzip, deflate or zstd"
    )


@pytest.mark.parametrize(
    "media", [b"application/json; charset=utf-8", b"APPLICATION/JSON", b"application/problem+json"]
)
def test_json_media_types(media: bytes) -> None:
    assert len(rows(submit(batch(ITEM), {b"content-type": media}))) == 1


# --- what the gateway refuses ---


@pytest.mark.parametrize(
    ("kind", "status", "code", "message", "headers"),
    [
        (Fault.NOT_FOUND, 404, "NOT_FOUND", "Resource not found", {}),
        (Fault.METHOD, 405, "METHOD_NOT_ALLOWED", "Method not allowed", {b"allow": b"POST"}),
        (Fault.NO_KEY, 401, "INVALID_API_KEY", "Invalid or missing API key", {}),
        (Fault.BAD_KEY, 401, "INVALID_API_KEY", "Invalid or missing API key", {}),
        (Fault.NO_SCOPE, 403, "FORBIDDEN", "This key lacks the write scope", {}),
        (Fault.TOO_LARGE, 413, "PAYLOAD_TOO_LARGE", "Request body exceeds 10485760 bytes", {}),
        (Fault.UNREADABLE, 400, "BAD_REQUEST", "Request body does not match its Content-Encoding", {}),
        (Fault.QUOTA, 403, "QUOTA_EXCEEDED", "Monthly quota used up", {}),
        (Fault.RATE, 429, "RATE_LIMITED", "Rate limit exceeded", {b"retry-after": b"7"}),
        (Fault.AUTH_RATE, 429, "RATE_LIMITED", "Rate limit exceeded", {b"retry-after": b"7"}),
        (
            Fault.IDEMPOTENCY_KEY,
            400,
            "BAD_REQUEST",
            "Idempotency-Key must be 1 to 255 visible ASCII characters",
            {},
        ),
        (Fault.UNAVAILABLE, 503, "SERVICE_UNAVAILABLE", "Service temporarily unavailable", {b"retry-after": b"7"}),
        (Fault.INTERNAL, 500, "INTERNAL_ERROR", "An unexpected error occurred", {}),
        (
            Fault.ENCODING,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "Send application/json, plain or compressed with gzip, deflate or zstd",
            {},
        ),
    ],
)
def test_faults(kind: Fault, status: int, code: str, message: str, headers: dict[bytes, bytes]) -> None:
    answer = DIALECT.fault(kind, FaultDetail(limit=BATCH_CAP, retry_after=7, allow="POST", scope="write"))
    assert answer.status == status
    check_envelope(answer, code, message)
    assert dict(answer.headers) == {b"content-type": b"application/json"} | headers
    assert answer.reason


def test_every_fault_has_an_answer() -> None:
    assert all(DIALECT.fault(kind, FaultDetail()).status >= 400 for kind in Fault)


def test_the_route() -> None:
    assert (ROUTE.cap, ROUTE.decoded_cap) == (10_485_760, 10_485_760)
    assert ROUTE.encodings == ("gzip", "deflate", "zstd")
    assert ROUTE.cors
    assert ROUTE.limit is None
    assert DIALECT.key_places == ("x-seestack-key", "x-allstak-key")
    assert DIALECT.auth_first == ("/ingest/",)
    assert DIALECT.prefixes == ("/ingest/", "/api/auth/", "/api/v1/")
    for status, body in ROUTE.answers:
        assert ("meta" in json.loads(body)) is (status >= 400)


# --- any body ---

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
_near_items = st.fixed_dictionaries(
    {},
    optional={
        "traceId": st.text(max_size=3) | _scalars,
        "direction": st.sampled_from(["inbound", "outbound", "", 1]),
        "method": st.sampled_from(["GET", "post", "x", None]),
        "host": st.text(max_size=3) | _scalars,
        "path": st.sampled_from(["/", " ", "/a\x00", "/\ud800", "/\ud83d\ude00"]),
        "statusCode": st.sampled_from([200, 0, 99, "204", 200.5, None]),
        "durationMs": st.integers(-2, 2**31) | st.floats() | _scalars,
        "requestSize": st.integers(-2, 2**31),
        "userId": _scalars,
        "environment": _values,
        "metadata": _values,
        "timestamp": st.sampled_from(["2026-04-02T09:58:00.1234567Z", "2026-04-02T10:00:00+02:00", "x", "", None])
        | st.floats()
        | st.integers(),
        "other": _values,
    },
)
_near_bodies = st.fixed_dictionaries(
    {"requests": st.lists(st.builds(lambda change: ITEM | change, _near_items) | _near_items, max_size=3) | _values},
    optional={"projectId": _scalars, "other": _values},
)


def outcome(body: bytes) -> Submission | Answer:
    try:
        return submit(body)
    except Refusal as refusal:
        return refusal.answer


@given(st.binary() | st.builds(lambda value: json.dumps(value).encode(), _values | _near_bodies))
def test_any_body_is_stored_or_refused(body: bytes) -> None:
    result = outcome(body)
    if isinstance(result, Submission):
        for intent in result.intents:
            for stored in intent.rows:
                assert encode_row(REQUESTS, stored.values)
    else:
        assert result.status in (400, 422)
        assert json.loads(result.body)["meta"]["requestId"]


def without_ids(batch_: list[Any]) -> list[Any]:
    stored = [module._row(1, NOW_US, read).values for read in batch_]
    position = REQUESTS.names.index("id")
    return [(*values[:position], *values[position + 1 :]) for values in stored]


@given(st.builds(lambda value, ascii_: json.dumps(value, ensure_ascii=ascii_), _near_bodies, st.booleans()))
def test_what_the_fast_path_takes_the_exact_one_takes_alike(text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    fast = module._fast(body, NOW_US)
    if fast is not None:
        assert without_ids(fast) == without_ids(module._exact(body, NOW_US))


def test_the_usual_body_takes_the_fast_path() -> None:
    body = json.dumps(batch(*[ITEM] * 100)).encode()
    fast = module._fast(body, NOW_US)
    assert fast is not None
    assert without_ids(fast) == without_ids(module._exact(body, NOW_US))
