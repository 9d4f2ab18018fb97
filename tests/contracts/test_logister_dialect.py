"""Logister's routes, limits and words for refusals (contract 1.1 to 1.3, 1.10), and its parsers under any bytes."""

from __future__ import annotations

from typing import Any

import pytest
from bodies import bodies, document, text, values
from hypothesis import example, given
from hypothesis import strategies as st
from inbound import FakeInbound
from logister_requests import CHECK_INS, EVENTS, UUID
from outcomes import answered, check_storable, shown

from headrace.dialects.base import Fault, FaultDetail, LimitState, Refusal
from headrace.dialects.logister import DIALECT, limit_headers
from headrace.dialects.logister_body import read_exactly, read_fast
from headrace.records.intents import CheckInFact

MIB = 1024 * 1024


def test_routes() -> None:
    middle = ("auth", "scope", "idempotency", "charge_request", "body", "parse")
    assert EVENTS.steps == ("ip_guard", "wire_size", *middle, "quota", "append")
    assert CHECK_INS.steps == ("ip_guard", *middle, "append")  # taken whatever the quota says
    for route, group in ((EVENTS, "ingest"), (CHECK_INS, "check_in")):
        assert (route.method, route.scope, route.group, route.cors) == ("POST", "write", group, True)
        assert (route.cap, route.decoded_cap, route.encodings) == (2 * MIB, 2 * MIB, ("gzip", "deflate", "zstd"))
        assert route.limit == ("aligned", 1200, 0)
    assert DIALECT.ip_limits == (12_000, 120)
    assert DIALECT.key_places == ("Bearer", "x-api-key")
    assert DIALECT.method_is_not_found
    assert DIALECT.lenient_paths


@pytest.mark.parametrize("route", [EVENTS, CHECK_INS], ids=["events", "check-ins"])
def test_the_sample_is_accepted(route: Any) -> None:
    assert answered(route.parse(FakeInbound(route, route.sample.encode())))[0] == 201


RATE = LimitState(allowed=False, limit=1200, remaining=0, reset=1_775_124_060, window_s=60, retry_after=17)
TOO_MANY = {"error": "Rate limit exceeded", "limit": 1200, "window_seconds": 60, "retry_after": 17}
RATE_HEADERS = {
    b"x-ratelimit-limit": b"1200",
    b"x-ratelimit-remaining": b"0",
    b"x-ratelimit-reset": b"1775124060",
}
TOO_LARGE = {"error": "telemetry request exceeds 2097152 bytes", "code": "request_bytes", "limit": 2_097_152}
ENCODING = {"error": "Content-Encoding must be gzip, deflate or zstd", "code": "unsupported_encoding"}
RETRY_KEY = {"error": "Idempotency-Key must be 1 to 255 visible ASCII characters"}


@pytest.mark.parametrize(
    ("fault", "detail", "status", "body", "headers"),
    [
        (Fault.NOT_FOUND, {}, 404, {"error": "Not Found"}, {}),
        (Fault.METHOD, {"allow": "POST"}, 404, {"error": "Not Found"}, {}),
        (Fault.NO_KEY, {}, 401, {"error": "Unauthorized"}, {}),
        (Fault.BAD_KEY, {}, 401, {"error": "Unauthorized"}, {}),
        (Fault.NO_SCOPE, {"scope": "write"}, 403, {"error": "Forbidden"}, {}),
        (Fault.TOO_LARGE, {"limit": 2 * MIB}, 413, TOO_LARGE, {}),
        (Fault.TOO_LARGE, {"limit": 2 * MIB, "decoded": True}, 413, TOO_LARGE, {}),
        (Fault.ENCODING, {"encoding": "br"}, 415, ENCODING, {}),
        (Fault.UNREADABLE, {"encoding": "gzip"}, 400, {"error": "Request body is not valid JSON"}, {}),
        # The headers of a key's own limit come from the gateway, which charged it.
        (Fault.RATE, {"state": RATE, "retry_after": 17}, 429, TOO_MANY, {b"retry-after": b"17"}),
        (Fault.AUTH_RATE, {"state": RATE, "retry_after": 17}, 429, TOO_MANY, {b"retry-after": b"17", **RATE_HEADERS}),
        (Fault.IDEMPOTENCY_KEY, {}, 400, RETRY_KEY, {}),
        (Fault.UNAVAILABLE, {"retry_after": 5}, 503, {"error": "Service Unavailable"}, {b"retry-after": b"5"}),
        (Fault.INTERNAL, {}, 500, {"error": "Internal Server Error"}, {}),
    ],
)
def test_faults(fault: Fault, detail: dict[str, Any], status: int, body: Any, headers: dict[bytes, bytes]) -> None:
    answer = DIALECT.fault(fault, FaultDetail(**detail))
    assert shown(answer) == (status, body)
    assert dict(answer.headers) == {b"content-type": b"application/json", **headers}
    assert answer.reason


def test_limit_headers() -> None:
    assert dict(limit_headers(RATE)) == RATE_HEADERS
    assert dict(limit_headers(RATE._replace(remaining=-3)))[b"x-ratelimit-remaining"] == b"0"


FIELDS = {
    "uuid": st.sampled_from([UUID, UUID.upper(), "", "x"]),
    "level": values,
    "occurred_at": values | st.datetimes().map(str),
    "context": st.dictionaries(
        st.sampled_from(
            [
                "traceId",
                "trace_id",
                "IMEI",
                "evidence",
                "value",
                "metric",
                "durationMs",
                "user",
                "status",
                "check_in_slug",
                "tags",
            ]
        )
        | text,
        values,
        max_size=5,
    ),
    "started_at": values,
    "ended_at": values,
    "duration_ms": values,
    "evidence": values,
    "status": values,
    "environment": values,
    "expectedIntervalSeconds": values,
}
EVENT = {
    "event_type": st.sampled_from(["error", "metric", "transaction", "log", "check_in", "span"]),
    "message": text,
    "trace_id": text,
    "span_id": text,
}


# Composites, because their repr is short: Hypothesis warns of long ones.
@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    return {"event": draw(document(EVENT, FIELDS))}


@st.composite
def check_ins(draw: st.DrawFn) -> dict[str, Any]:
    return {"check_in": draw(document({"slug": text}, {"checked_at": values, **FIELDS}))}


def check_outcome(request: FakeInbound) -> None:
    """Fails unless the request comes to a storable submission or a 4xx in Logister's form."""
    try:
        submission = request.route.parse(request)
    except Refusal as refused:
        answer = refused.answer
    else:
        check_storable(submission)
        for intent in submission.intents:
            for fact in intent.facts:
                assert isinstance(fact, CheckInFact)
                assert 0 < len(fact.slug) <= 255
                assert 1 <= (fact.interval_s or 0) < 2**31
        assert answered(submission)[0] == 201
        return
    status, body = shown(answer)
    assert answer.reason
    assert set(body) in ({"error"}, {"errors"}, {"error", "code", "limit", "actual"})
    assert status in (400, 413, 422)


@given(bodies(events()))
@example(b'{"event":{"event_type":"metric","message":"\\ud800","context":{"value":1}}}')
@example(b'{"event":{"event_type":"span","trace_id":"\\u0000","span_id":"\\udfff","started_at":1e15}}')
@example(b'{"event":{"event_type":"log","message":"m","occurred_at":"0001-01-01T00:00:00+23:59"}}')
@example(b'{"event":{"event_type":"log","message":"m","evidence":{"reporting_start":1e15,"reporting_end":-1e15}}}')
def test_any_event_is_stored_or_refused(body: bytes) -> None:
    check_outcome(FakeInbound(EVENTS, body))


@given(bodies(check_ins()))
def test_any_check_in_is_stored_or_refused(body: bytes) -> None:
    check_outcome(FakeInbound(CHECK_INS, body))


@given(bodies(events()))
@example(b'{"a":"\\u0000"}')
@example(b'{"a":"\\ud83d\\ude00"}')
@example(b"[-0, -0.0, 1e-400, 123456789012345678901234567890, 1.0]")
@example(b'{"a":1,"b":2,"a":3}')
@example(b'"' + "\u2028\x7f".encode() + b'"')
def test_what_the_fast_reader_accepts_the_exact_one_reads_the_same(body: bytes) -> None:
    accepted, value = read_fast(body)
    if accepted:
        exact = read_exactly(body)
        assert repr(exact) == repr(value)  # tells 1 from 1.0 and -0.0 from 0.0, and the order of keys
