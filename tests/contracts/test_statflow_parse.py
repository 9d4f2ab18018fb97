"""StatFlow bodies (contract 1.2-1.4, 1.11): every field, limit and text, without a server."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from bodies import bodies, document, finite, text
from hypothesis import example, given
from hypothesis import strategies as st
from inbound import NOW_US, FakeInbound, route_of
from outcomes import accepted, answered, outcome, points_of, refusal, shown

from headrace.dialects.base import Fault, FaultDetail, Refusal
from headrace.dialects.jsontext import NotJson
from headrace.dialects.statflow import BODY_CAP, DIALECT, LIMIT
from headrace.dialects.statflow_points import exact_batch, exact_point, fast_batch, fast_point
from headrace.records.intents import Decision, PointIn, Verdict

NOW_MS = NOW_US // 1000
NOW_S = NOW_US // 1_000_000
AHEAD_MS = 5 * 60 * 1000
Y2000_S = 946_684_800


def single(body: object, path: str = "/v1/ingest") -> FakeInbound:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FakeInbound(route_of(DIALECT, path), data)


def batch(body: object) -> FakeInbound:
    return single(body, "/v1/ingest/batch")


def point(**fields: object) -> dict[str, object]:
    return {"stat": "x", "value": 1, **fields}


def only_point(request: FakeInbound) -> PointIn:
    (intent,) = accepted(request).intents
    assert (intent.source, intent.rows) == ("stat", ())
    (found,) = points_of(intent)
    return PointIn(*found)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(point(type="counter"), ("x", "counter", NOW_MS, 1.0, 0), id="documented-counter"),
        pytest.param(point(type="value", value=-0.5), ("x", "value", NOW_MS, -0.5, 0), id="negative-value"),
        pytest.param(point(), ("x", None, NOW_MS, 1.0, 0), id="no-type"),
        pytest.param(point(type=None, timestamp=None, t=None), ("x", None, NOW_MS, 1.0, 0), id="nulls-are-absent"),
        pytest.param({"stat": "x", "count": 2}, ("x", "counter", NOW_MS, 2.0, 0), id="count-implies-counter"),
        pytest.param(
            {"stat": "x", "count": 2, "type": "counter"}, ("x", "counter", NOW_MS, 2.0, 0), id="count-and-counter"
        ),
        pytest.param(point(stat="  Page Views.a \t"), ("Page Views.a", None, NOW_MS, 1.0, 0), id="trimmed"),
        pytest.param(point(stat="n" * 255), ("n" * 255, None, NOW_MS, 1.0, 0), id="name-of-255"),
        pytest.param(point(stat=" " + "𝒳" * 255), ("𝒳" * 255, None, NOW_MS, 1.0, 0), id="255-astral-after-trimming"),
        pytest.param(point(stat="a\ud83db"), ("a\ufffdb", None, NOW_MS, 1.0, 0), id="lone-surrogate"),
        pytest.param(point(stat="a\0b"), ("a\ufffdb", None, NOW_MS, 1.0, 0), id="nul"),
        pytest.param(point(value=10**30), ("x", None, NOW_MS, 1e30, 0), id="huge-integer"),
        pytest.param(point(host="a", tags={"deep": [1]}), ("x", None, NOW_MS, 1.0, 0), id="unknown-fields"),
        pytest.param(b'\xef\xbb\xbf{"stat":"x","value":1}', ("x", None, NOW_MS, 1.0, 0), id="byte-order-mark"),
        pytest.param(b'{"stat":"y","stat":"x","value":1}', ("x", None, NOW_MS, 1.0, 0), id="last-key-wins"),
        pytest.param(b'{"stat":"x","value":1,"z":NaN}', ("x", None, NOW_MS, 1.0, 0), id="nan-in-unknown-field"),
    ],
)
def test_accepted_points(body: object, expected: tuple[object, ...]) -> None:
    assert only_point(single(body)) == expected
    assert only_point(single(body, "/v1/stat")) == expected


@pytest.mark.parametrize("field", ["timestamp", "t"])
@pytest.mark.parametrize(
    ("sent", "expected_ms"),
    [
        pytest.param(NOW_S - 60, NOW_MS - 60_000, id="seconds"),
        pytest.param(NOW_S - 59.877, NOW_MS - 59_877, id="fractional-seconds"),
        pytest.param(NOW_MS - 5, NOW_MS - 5, id="milliseconds"),
        pytest.param(Y2000_S, Y2000_S * 1000, id="earliest"),
        pytest.param((NOW_MS + AHEAD_MS) / 1000, NOW_MS + AHEAD_MS, id="five-minutes-ahead"),
        pytest.param(NOW_MS + AHEAD_MS, NOW_MS + AHEAD_MS, id="five-minutes-ahead-ms"),
        pytest.param("2026-04-02T12:00:00+02:00", NOW_MS, id="iso-offset"),
        pytest.param("2026-04-02T12:00:00+0200", NOW_MS, id="iso-basic-offset"),
        pytest.param("2026-04-02t09:59:59.25z", NOW_MS - 750, id="iso-lower-case-fraction"),
        pytest.param("2026-04-02T10:04:59.9999999Z", NOW_MS + AHEAD_MS - 1, id="iso-long-fraction-is-cut"),
        pytest.param("2026-04-02T10:05:00Z", NOW_MS + AHEAD_MS, id="iso-five-minutes-ahead"),
        pytest.param("2000-01-01T00:00:00Z", Y2000_S * 1000, id="iso-earliest"),
    ],
)
def test_accepted_times(field: str, sent: object, expected_ms: int) -> None:
    assert only_point(single(point(**{field: sent}))) == ("x", None, expected_ms, 1.0, 1)
    ((intent),) = accepted(batch({"items": [point(), point(**{field: sent})]})).intents
    assert [(found.ts, found.flags) for found in map(PointIn._make, points_of(intent))] == [
        (NOW_MS, 0),
        (expected_ms, 1),
    ]


def test_timestamp_wins_over_its_alias() -> None:
    assert only_point(single(point(timestamp=NOW_S - 1, t=NOW_S - 9))).ts == NOW_MS - 1000
    assert only_point(single(point(timestamp=None, t=NOW_S - 9))).ts == NOW_MS - 9000


TIME_FORM = "must be ISO 8601 with an offset, or Unix seconds"
TIME_RANGE = "must lie between 2000-01-01 and 5 minutes from now"
BAD_POINTS = [
    pytest.param({"value": 1}, "stat is required", id="no-stat"),
    pytest.param(point(stat=None), "stat is required", id="stat-null"),
    pytest.param({}, "stat is required", id="stat-before-value"),
    pytest.param(point(stat=7), "stat must be a string of 1 to 255 characters", id="stat-number"),
    pytest.param(point(stat=""), "stat must be a string of 1 to 255 characters", id="stat-empty"),
    pytest.param(point(stat=" \t\u00a0"), "stat must be a string of 1 to 255 characters", id="stat-blank"),
    pytest.param(point(stat="n" * 256), "stat must be a string of 1 to 255 characters", id="name-of-256"),
    pytest.param(point(stat="a~b"), 'stat must not contain "~"', id="tilde"),
    pytest.param(b'{"stat":"a\\u007eb","value":1}', 'stat must not contain "~"', id="escaped-tilde"),
    pytest.param({"stat": "x"}, "value is required", id="no-value"),
    pytest.param(point(value=None), "value is required", id="value-null"),
    pytest.param({"stat": "x", "type": "gauge"}, "value is required", id="value-before-type"),
    pytest.param(point(count=1), "value and count must not both be sent", id="value-and-count"),
    pytest.param(point(value=True), "value must be a finite number", id="value-boolean"),
    pytest.param(point(value="1"), "value must be a finite number", id="value-string"),
    pytest.param(point(value=[1]), "value must be a finite number", id="value-array"),
    pytest.param(point(value=float("nan")), "value must be a finite number", id="nan"),
    pytest.param(point(value=float("-inf")), "value must be a finite number", id="infinity"),
    pytest.param(b'{"stat":"x","value":1e400}', "value must be a finite number", id="overflowing-float"),
    pytest.param(point(value=10**400), "value must be a finite number", id="overflowing-integer"),
    pytest.param({"stat": "x", "count": "2"}, "count must be a finite number", id="count-string"),
    pytest.param(point(type="gauge"), 'type must be "counter" or "value"', id="gauge"),
    pytest.param(point(type="Counter"), 'type must be "counter" or "value"', id="type-case"),
    pytest.param(point(type=["counter"]), 'type must be "counter" or "value"', id="type-array"),
    pytest.param(point(type="gauge", t="x"), 'type must be "counter" or "value"', id="type-before-time"),
    pytest.param(
        {"stat": "x", "count": 1, "type": "value"}, 'type must be "counter" when count is sent', id="count-as-value"
    ),
    pytest.param(point(timestamp="soon"), f"timestamp {TIME_FORM}", id="time-text"),
    pytest.param(point(timestamp="2026-04-02"), f"timestamp {TIME_FORM}", id="time-date-only"),
    pytest.param(point(timestamp="2026-04-02T10:00:00"), f"timestamp {TIME_FORM}", id="time-without-offset"),
    pytest.param(point(timestamp="1775124000"), f"timestamp {TIME_FORM}", id="time-number-as-string"),
    pytest.param(point(timestamp=True), f"timestamp {TIME_FORM}", id="time-boolean"),
    pytest.param(point(timestamp=float("nan")), f"timestamp {TIME_FORM}", id="time-nan"),
    pytest.param(point(t={}), f"t {TIME_FORM}", id="alias-object"),
    pytest.param(point(t=NOW_S + 301), f"t {TIME_RANGE}", id="alias-too-far-ahead"),
    pytest.param(point(timestamp=NOW_MS + AHEAD_MS + 1), f"timestamp {TIME_RANGE}", id="a-millisecond-too-far"),
    pytest.param(point(timestamp="2026-04-02T10:05:00.001Z"), f"timestamp {TIME_RANGE}", id="iso-too-far-ahead"),
    pytest.param(point(timestamp=Y2000_S - 1), f"timestamp {TIME_RANGE}", id="before-2000"),
    pytest.param(point(timestamp="1999-12-31T23:59:59.999Z"), f"timestamp {TIME_RANGE}", id="iso-before-2000"),
    pytest.param(point(timestamp=0), f"timestamp {TIME_RANGE}", id="time-zero"),
    pytest.param(point(timestamp=1e300), f"timestamp {TIME_RANGE}", id="time-huge"),
]


@pytest.mark.parametrize(("body", "problem"), BAD_POINTS)
def test_refused_points(body: object, problem: str) -> None:
    assert refusal(single(body)) == (400, {"error": problem})
    item = body if isinstance(body, bytes) else json.dumps(body).encode()
    items = b'{"items":[{"stat":"ok","value":1},%b]}' % item
    assert refusal(batch(items)) == (400, {"error": f"items[1].{problem}"})


NOT_JSON = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="truncated"),
    pytest.param(b'{"stat":"x\xff","value":1}', id="bad-utf-8"),
    pytest.param('{"stat":"x","value":1}'.encode("utf-16"), id="utf-16"),
    pytest.param(b'{"stat":"x","value":1} {}', id="two-documents"),
    pytest.param(b'{"stat":"x","value":%b}' % (b"9" * 5000), id="integer-over-the-digit-limit"),
    pytest.param(b'{"stat":"x","value":1,"z":%b}' % (b"[" * 100_000), id="recursion"),
    pytest.param(b'{"z":%b%b}' % (b"[" * 300, b"]" * 300), id="too-deep"),
    pytest.param(b"stat=x&value=1", id="form"),
]


@pytest.mark.parametrize("body", NOT_JSON)
def test_what_is_not_json(body: bytes) -> None:
    assert refusal(single(body)) == (400, {"error": "body is not valid JSON"})
    assert refusal(batch(body)) == (400, {"error": "body is not valid JSON"})


@pytest.mark.parametrize("body", [[], "x", None, 1, [{"stat": "x", "value": 1}]])
def test_a_single_body_is_an_object(body: object) -> None:
    assert refusal(single(body)) == (400, {"error": "body must be an object"})


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param([], 'body must be an object with an "items" array', id="array"),
        pytest.param({}, 'body must be an object with an "items" array', id="no-items"),
        pytest.param({"items": {}}, 'body must be an object with an "items" array', id="items-object"),
        pytest.param({"items": []}, "items must hold at least 1 point", id="none"),
        pytest.param({"items": [point()] * 1001}, "items must hold at most 1000 points, got 1001", id="1001"),
        pytest.param({"items": [1] * 1001}, "items must hold at most 1000 points, got 1001", id="count-before-items"),
        pytest.param({"items": [point(), 7]}, "items[1] must be an object", id="item-number"),
        pytest.param({"items": [point()] * 7 + [point(value="1")]}, "items[7].value must be a finite number", id="7th"),
        pytest.param({"items": [{}, 7]}, "items[0].stat is required", id="first-problem-wins"),
    ],
)
def test_refused_batches(body: object, problem: str) -> None:
    assert refusal(batch(body)) == (400, {"error": problem})


@pytest.mark.parametrize("count", [1, 999, 1000])
def test_a_batch_is_one_intent_and_costs_its_points(count: int) -> None:
    submission = accepted(batch({"items": [point(stat=f"s{index}") for index in range(count)]}))
    assert (len(submission.intents), submission.cost, submission.atomic, submission.project) == (1, count, True, None)
    assert [found[0] for found in points_of(submission.intents[0])] == [f"s{index}" for index in range(count)]
    assert answered(submission) == (202, {"accepted": count})


def test_a_conflict_names_the_stat_and_its_type_but_not_in_the_note() -> None:
    submission = accepted(single(point(stat='my "stat"', type="value")))
    answer = submission.render([Decision(Verdict.CONFLICT, stat='my "stat"', stat_type="counter")])
    assert shown(answer) == (409, {"error": 'stat "my "stat"" is a counter'})
    assert answer.body == b'{"error":"stat \\"my \\"stat\\"\\" is a counter"}'
    assert "my" not in answer.reason


@pytest.mark.parametrize(
    ("body", "fast"),
    [
        pytest.param(
            [point(type="counter", timestamp=NOW_S), point(stat="é", t="2026-04-02T10:00:00Z")], True, id="times"
        ),
        pytest.param([point(), {"stat": "y", "count": 3}], True, id="values-and-counts"),
        pytest.param([point(stat="\u00e9"), point(t=NOW_S - 0.5)], True, id="escapes-and-floats"),
        pytest.param([point(host="a")], False, id="unknown-field"),
    ],
)
def test_what_the_fast_reader_takes(body: list[object], fast: bool) -> None:
    data = json.dumps({"items": body}).encode()
    found = fast_batch(data, NOW_US)
    assert (found is not None) is fast
    if found is not None:
        assert tuple(found.rows()) == exact_batch(data, NOW_US)


moments = (
    st.floats(Y2000_S - 1, NOW_S + 301)
    | st.integers(Y2000_S * 1000 - 1, NOW_MS + AHEAD_MS + 1)
    | st.datetimes(datetime(1999, 12, 31), datetime(2026, 4, 2, 10, 6)).map(lambda moment: moment.isoformat() + "Z")
    | st.sampled_from(["2026-04-02T10:04:59.9999999Z", "2026-04-02 10:00:00+0200", "2026-04-02T10:00:60Z"])
)
kinds = st.sampled_from(["counter", "value", None])
points = document({"stat": text | st.just("x"), "value": finite}, {"type": kinds, "timestamp": moments, "t": moments})
counts = document({"stat": st.text(), "count": finite}, {"type": st.just("counter"), "value": st.none()})
batches = document({"items": st.lists(points | counts, min_size=1, max_size=3)}, {})


@given(bodies(points | counts))
@example(b'{"stat":"x","value":1,"t":1e308}')
def test_any_body_is_answered(body: bytes) -> None:
    assert outcome(single(body)) in {202, 400}


@given(bodies(batches))
def test_any_batch_is_answered(body: bytes) -> None:
    assert outcome(batch(body)) in {202, 400}


@given(bodies(points | counts))
@example(b'{"stat":"x","value":1,"t":"2026-04-02T09:59:59.1239999Z"}')
def test_what_the_fast_reader_accepts_the_exact_one_accepts_alike(body: bytes) -> None:
    found = fast_point(body, NOW_US)
    if found is not None:
        assert found == exact_point(body, NOW_US)


@given(bodies(batches))
def test_readers_agree_on_batches(body: bytes) -> None:
    found = fast_batch(body, NOW_US)
    if found is not None:
        assert tuple(found.rows()) == exact_batch(body, NOW_US)


@pytest.mark.parametrize(
    ("fault", "detail", "status", "text", "headers"),
    [
        (Fault.NOT_FOUND, {}, 404, "not found", {}),
        (Fault.METHOD, {"allow": "POST"}, 405, "method not allowed", {b"allow": b"POST"}),
        (Fault.NO_KEY, {}, 401, "missing API key", {b"www-authenticate": b"Bearer"}),
        (Fault.BAD_KEY, {}, 401, "invalid API key", {b"www-authenticate": b"Bearer"}),
        (Fault.NO_SCOPE, {"scope": "write"}, 403, "this key lacks the write scope", {}),
        (Fault.NO_SCOPE, {"scope": "read"}, 403, "this key lacks the read scope", {}),
        (Fault.TOO_LARGE, {"limit": BODY_CAP}, 413, "body too large", {}),
        (Fault.ENCODING, {"encoding": "br"}, 415, "unsupported content encoding", {}),
        (Fault.UNREADABLE, {}, 400, "body does not match its content encoding", {}),
        (Fault.RATE, {"retry_after": 7}, 429, "rate limit exceeded", {b"retry-after": b"7"}),
        (Fault.AUTH_RATE, {"retry_after": 0}, 429, "rate limit exceeded", {b"retry-after": b"1"}),
        (Fault.IDEMPOTENCY_KEY, {}, 400, "Idempotency-Key must be 1 to 255 visible ASCII characters", {}),
        (Fault.UNAVAILABLE, {"retry_after": 5}, 503, "service unavailable", {b"retry-after": b"5"}),
        (Fault.INTERNAL, {}, 500, "internal error", {}),
    ],
)
def test_faults(fault: Fault, detail: dict[str, object], status: int, text: str, headers: dict[bytes, bytes]) -> None:
    answer = DIALECT.fault(fault, FaultDetail(**detail))
    assert shown(answer) == (status, {"error": text})
    assert dict(answer.headers) == {b"content-type": b"application/json", **headers}
    assert answer.reason


def test_every_fault_has_words() -> None:
    assert {DIALECT.fault(fault, FaultDetail()).status for fault in Fault} >= {400, 401, 403, 404, 405, 413, 415, 429}


@pytest.mark.parametrize("path", ["/v1/ingest", "/v1/stat", "/v1/ingest/batch"])
def test_routes(path: str) -> None:
    route = route_of(DIALECT, path)
    assert route.steps == (
        "auth",
        "scope",
        "idempotency",
        "declared_size",
        "body",
        "parse",
        "decide",
        "quota",
        "charge_cost",
        "append",
    )
    assert (route.cap, route.decoded_cap, route.scope) == (4 * 1024 * 1024, 4 * 1024 * 1024, "write")
    assert route.encodings == ("gzip", "deflate", "zstd")
    assert route.limit == LIMIT == ("bucket", 36_000, 10_000)


def test_the_refusal_note_is_the_text() -> None:
    request = single({"stat": "x"})
    with pytest.raises(Refusal) as refused:
        request.route.parse(request)
    assert refused.value.answer.reason == "value is required"


def test_the_exact_reader_speaks_of_json() -> None:
    with pytest.raises(NotJson):
        exact_point(b"{", NOW_US)
