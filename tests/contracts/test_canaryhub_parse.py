"""CanaryHub bodies (contract 1.2-1.6): every field, edge and text, without a server."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from bodies import bodies, document, finite, text
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US, FakeInbound, route_of
from outcomes import accepted, answered, outcome, refusal, row_of, shown

from headrace.dialects.base import Fault, FaultDetail
from headrace.dialects.canaryhub import DIALECT
from headrace.dialects.canaryhub_events import exact_events, fast_events
from headrace.records.intents import PointIn
from headrace.records.times import EARLIEST_US, FUTURE_US

NOW_MS = NOW_US // 1000


def request(body: object) -> FakeInbound:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FakeInbound(route_of(DIALECT, "/api/v1/events"), data, project=9)


def event(**fields: object) -> dict[str, object]:
    return {"type": "event", "name": "n", **fields}


def events(*items: object) -> FakeInbound:
    return request({"events": list(items)})


def row(item: object) -> dict[str, Any]:
    (intent,) = accepted(events(item)).intents
    return row_of(intent)


def test_the_documented_batch() -> None:
    submission = accepted(
        events(
            {"type": "event", "name": "user.signup"},
            {"type": "event", "name": "payment", "value": 29, "meta": {"plan": "pro", "seats": 3, "trial": False}},
            {"type": "error", "name": "job.failed", "message": "timeout"},
        )
    )
    assert answered(submission) == (202, {"accepted": 3})
    assert (submission.cost, submission.atomic, submission.project) == (3, True, None)
    signup, payment, failed = submission.intents
    assert [list(intent.points) for intent in submission.intents] == [
        [("user.signup", "counter", NOW_MS, 1.0, 0)],
        [("payment", "counter", NOW_MS, 1.0, 0), ("payment", "value", NOW_MS, 29.0, 0)],
        [("job.failed", "counter", NOW_MS, 1.0, 0)],
    ]
    assert {intent.source for intent in submission.intents} == {"canaryhub"}
    first = row_of(signup)
    assert (first["project"], first["dialect"], first["type"], first["name"], first["level"]) == (
        9,
        "canaryhub",
        "event",
        "user.signup",
        "",
    )
    assert (first["ts"], first["received_at"], first["ts_source"]) == (NOW_US, NOW_US, "received")
    assert first["raw"] == '{"type":"event","name":"user.signup"}'
    paid = row_of(payment)
    assert (paid["value"], paid["labels"]) == (29.0, {"plan": "pro", "seats": "3", "trial": "false"})
    assert paid["raw"] == (
        '{"type":"event","name":"payment","value":29.0,"meta":{"plan":"pro","seats":3,"trial":false}}'
    )
    wrong = row_of(failed)
    assert (wrong["type"], wrong["level"], wrong["message"], wrong["value"]) == ("error", "error", "timeout", None)
    assert len({row_of(intent)["id"] for intent in submission.intents}) == 3


def meta_of(size: int) -> dict[str, str]:
    """A ``meta`` of so many bytes as compact JSON, most of them in characters of three bytes."""
    room = size - len('{"k":""}')
    return {"k": "€" * (room // 3) + "x" * (room % 3)}


@pytest.mark.parametrize(
    ("item", "column", "expected"),
    [
        pytest.param(event(name="n" * 200), "name", "n" * 200, id="name-of-200"),
        pytest.param(event(name="𝒳" * 200), "name", "𝒳" * 200, id="name-of-200-astral"),
        pytest.param(event(name="  a  b "), "name", "a  b", id="name-trimmed-outside-only"),
        pytest.param(event(name=" " + "n" * 200 + " "), "name", "n" * 200, id="length-after-trimming"),
        pytest.param(event(name="cut\ud83d"), "name", "cut\ufffd", id="half-a-pair-in-name"),
        pytest.param(event(name="a\0"), "name", "a\ufffd", id="nul-in-name"),
        pytest.param(event(message="m" * 2000), "message", "m" * 2000, id="message-of-2000"),
        pytest.param(event(message="💥" * 2000), "message", "💥" * 2000, id="message-of-2000-astral"),
        pytest.param(event(message="m" * 1999 + "\ud83d"), "message", "m" * 1999 + "\ufffd", id="half-a-pair-cut"),
        pytest.param(event(message=""), "raw", '{"type":"event","name":"n"}', id="empty-message-is-absent"),
        pytest.param(event(message=" "), "message", " ", id="message-not-trimmed"),
        pytest.param(
            event(message=None, value=None, meta=None, ts=None), "raw", '{"type":"event","name":"n"}', id="nulls"
        ),
        pytest.param(event(id="x", level="y"), "raw", '{"type":"event","name":"n"}', id="unknown-fields"),
        pytest.param(event(value=-1), "value", -1.0, id="negative-value"),
        pytest.param(event(value=10**30), "value", 1e30, id="huge-integer"),
        pytest.param(event(meta={}), "raw", '{"type":"event","name":"n","meta":{}}', id="empty-meta"),
        pytest.param(
            event(meta={"k\ud83d": ["\udc00", {"x": "\0"}]}),
            "raw",
            '{"type":"event","name":"n","meta":{"k\ufffd":["\ufffd",{"x":"\ufffd"}]}}',
            id="meta-repaired",
        ),
        pytest.param(event(meta={"a": None, "b": [1], "c": {}, "d": "é"}), "labels", {"d": "é"}, id="labels"),
        pytest.param(event(meta={"n": 10**25}), "labels", {"n": str(10**25)}, id="huge-label"),
        pytest.param(event(meta=meta_of(4096)), "labels", meta_of(4096), id="meta-of-4096"),
        pytest.param(event(meta=meta_of(4095)), "labels", meta_of(4095), id="meta-of-4095"),
    ],
)
def test_accepted_fields(item: dict[str, object], column: str, expected: object) -> None:
    assert row(item)[column] == expected


def test_meta_is_measured_without_the_senders_spacing() -> None:
    spaced = json.dumps({"events": [event(meta=meta_of(4096))]}, indent=8).encode()
    assert outcome(request(spaced)) == 202


@pytest.mark.parametrize(
    ("sent", "ts", "source", "kept", "flags"),
    [
        pytest.param("2026-04-02T09:00:00Z", NOW_US - 3_600_000_000, "exact", "", 1, id="zulu"),
        pytest.param("2026-04-02t11:00:00.000001+02:00", NOW_US - 3_599_999_999, "exact", "", 1, id="fraction"),
        pytest.param("2026-04-02T11:00:00+0200", NOW_US - 3_600_000_000, "exact", "", 1, id="basic-offset"),
        pytest.param("2026-04-02T09:00:00z", NOW_US - 3_600_000_000, "exact", "", 1, id="lower-case"),
        pytest.param("2000-01-01T00:00:00Z", EARLIEST_US, "exact", "", 1, id="any-past"),
        pytest.param("2026-04-02T10:05:00Z", NOW_US + FUTURE_US, "exact", "", 1, id="five-minutes-ahead"),
        pytest.param(
            "2026-04-02T10:05:00.000001Z", NOW_US, "received", "2026-04-02T10:05:00.000001Z", 3, id="further-ahead"
        ),
        pytest.param("1999-12-31T23:59:59Z", NOW_US, "received", "1999-12-31T23:59:59Z", 3, id="before-2000"),
    ],
)
def test_times(sent: str, ts: int, source: str, kept: str, flags: int) -> None:
    (intent,) = accepted(events(event(ts=sent, value=2))).intents
    stored = row_of(intent)
    assert (stored["ts"], stored["ts_source"], stored["ts_sent"], stored["received_at"]) == (ts, source, kept, NOW_US)
    assert json.loads(stored["raw"])["ts"] == sent
    assert [(point.ts, point.flags) for point in map(PointIn._make, intent.points)] == [(ts // 1000, flags)] * 2


TYPE = '.type must be "event" or "error"'
NAME = ".name must be 1 to 200 characters"
MESSAGE = ".message must be at most 2000 characters"
VALUE = ".value must be a finite number"
META = ".meta must be an object"
TS = ".ts must be an ISO 8601 time with an offset"


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        pytest.param("x", " must be an object", id="string"),
        pytest.param(None, " must be an object", id="null"),
        pytest.param({"name": "n"}, TYPE, id="no-type"),
        pytest.param({}, TYPE, id="type-before-name"),
        pytest.param(event(type="Error"), TYPE, id="type-case"),
        pytest.param(event(type=["event"]), TYPE, id="type-array"),
        pytest.param({"type": "event"}, ".name is required", id="no-name"),
        pytest.param({"type": "event", "value": "x"}, ".name is required", id="name-before-value"),
        pytest.param(event(name=None), ".name is required", id="name-null"),
        pytest.param(event(name=""), NAME, id="name-empty"),
        pytest.param(event(name=" \n"), NAME, id="name-blank"),
        pytest.param(event(name=5), NAME, id="name-number"),
        pytest.param(event(name="n" * 201), NAME, id="name-of-201"),
        pytest.param(event(name="𝒳" * 201), NAME, id="name-of-201-astral"),
        pytest.param(event(name="n" * 201, message=1), NAME, id="name-before-message"),
        pytest.param(event(message="m" * 2001), MESSAGE, id="message-of-2001"),
        pytest.param(event(message="💥" * 2001), MESSAGE, id="message-of-2001-astral"),
        pytest.param(event(message=1), MESSAGE, id="message-number"),
        pytest.param(event(message=1, value="x"), MESSAGE, id="message-before-value"),
        pytest.param(event(value=True), VALUE, id="value-boolean"),
        pytest.param(event(value="29"), VALUE, id="value-string"),
        pytest.param(event(value=float("nan")), VALUE, id="nan"),
        pytest.param(event(value=float("inf")), VALUE, id="infinity"),
        pytest.param(event(value=10**400), VALUE, id="overflowing-integer"),
        pytest.param(event(value="x", meta=[]), VALUE, id="value-before-meta"),
        pytest.param(event(meta=[]), META, id="meta-array"),
        pytest.param(event(meta="x"), META, id="meta-scalar"),
        pytest.param(event(meta={"a": [float("nan")]}), ".meta must hold only finite numbers", id="meta-nan"),
        pytest.param(event(meta=meta_of(4097)), ".meta must be at most 4096 bytes of JSON", id="meta-of-4097"),
        pytest.param(event(meta=[], ts="x"), META, id="meta-before-ts"),
        pytest.param(event(ts="2026-04-02T10:00:00"), TS, id="ts-without-offset"),
        pytest.param(event(ts="2026-04-02"), TS, id="ts-date-only"),
        pytest.param(event(ts="2026-04-02T10:00:60Z"), TS, id="ts-leap-second"),
        pytest.param(event(ts="0000-01-01T00:00:00Z"), TS, id="ts-year-0"),
        pytest.param(event(ts=1775124000), TS, id="ts-number"),
        pytest.param(event(ts=""), TS, id="ts-empty"),
    ],
)
def test_refused_events(item: object, problem: str) -> None:
    assert refusal(events(item)) == (400, {"error": f"events[0]{problem}"})
    assert refusal(events(event(), event(), event(), item, {})) == (400, {"error": f"events[3]{problem}"})


SHAPE = 'body must be an object with an "events" array'


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(b"", "body is not valid JSON", id="empty"),
        pytest.param(b"{not json", "body is not valid JSON", id="malformed"),
        pytest.param(b'{"events":[{"type":"event","name":"\xff"}]}', "body is not valid JSON", id="bad-utf-8"),
        pytest.param(
            b'{"events":[{"type":"event","name":"n","value":%b}]}' % (b"1" * 4301),
            "body is not valid JSON",
            id="integer-over-the-digit-limit",
        ),
        pytest.param(
            b'{"events":[{"type":"event","name":"n","meta":{"a":%b%b}}]}' % (b"[" * 2000, b"]" * 2000),
            "body is not valid JSON",
            id="deep-meta",
        ),
        pytest.param(
            b'{"events":[{"type":"event","name":"n","value":1e400}]}', f"events[0]{VALUE}", id="overflowing-float"
        ),
        pytest.param([event()], SHAPE, id="array"),
        pytest.param({}, SHAPE, id="no-events"),
        pytest.param({"events": {}}, SHAPE, id="events-object"),
        pytest.param({"events": None}, SHAPE, id="events-null"),
        pytest.param(None, SHAPE, id="null"),
        pytest.param({"events": []}, "events must hold at least 1 event", id="none"),
        pytest.param({"events": [event()] * 101}, "events must hold at most 100 events, got 101", id="101"),
        pytest.param({"events": [7] * 250}, "events must hold at most 100 events, got 250", id="count-before-events"),
    ],
)
def test_refused_bodies(body: object, problem: str) -> None:
    assert refusal(request(body)) == (400, {"error": problem})


@pytest.mark.parametrize("count", [1, 99, 100])
def test_batch_sizes(count: int) -> None:
    submission = accepted(events(*[event()] * count))
    assert (len(submission.intents), submission.cost) == (count, count)
    assert answered(submission) == (202, {"accepted": count})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'\xef\xbb\xbf{"events":[{"type":"event","name":"n"}]}', id="byte-order-mark"),
        pytest.param(b'{"events":[],"events":[{"type":"x","type":"event","name":"n"}],"v":1}', id="last-key-wins"),
        pytest.param(b'{"events":[{"type":"event","name":"n"}]}' + b" " * 100, id="padding"),
    ],
)
def test_lenient_reading(body: bytes) -> None:
    assert outcome(request(body)) == 202


moments = (
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.isoformat() + "+01:00")
    | text
    | st.none()
)
metas = st.dictionaries(text, st.recursive(finite | text, lambda inner: st.lists(inner, max_size=3)), max_size=3)
single = document(
    {"type": st.sampled_from(["event", "error"]), "name": text.map("n".__add__)},
    {"message": text, "value": finite, "meta": metas | st.none(), "ts": moments},
)
batches = document({"events": st.lists(single, min_size=1, max_size=2)}, {})


@given(bodies(batches))
def test_any_body_is_answered(body: bytes) -> None:
    assert outcome(request(body)) in {202, 400}


@given(bodies(batches))
def test_what_the_fast_reader_accepts_the_exact_one_accepts_alike(body: bytes) -> None:
    found = fast_events(body)
    if found is not None:
        assert found == exact_events(body)


def test_the_fast_reader_takes_what_senders_send() -> None:
    body = request(
        {"events": [event(name="é", message="m", value=1.5, meta={"a": [1]}, ts="2026-04-02T10:00:00Z")]}
    ).body
    found = fast_events(body)
    assert found is not None
    assert found == exact_events(body)


@pytest.mark.parametrize(
    ("fault", "detail", "status", "text", "headers"),
    [
        (Fault.NOT_FOUND, {}, 404, "not found", {}),
        (Fault.METHOD, {"allow": "POST"}, 405, "method not allowed", {b"allow": b"POST"}),
        (Fault.NO_KEY, {}, 401, "missing API key", {b"www-authenticate": b"Bearer"}),
        (Fault.BAD_KEY, {}, 401, "unknown or revoked API key", {b"www-authenticate": b"Bearer"}),
        (Fault.NO_SCOPE, {"scope": "write"}, 403, "this key lacks the write scope", {}),
        (Fault.TOO_LARGE, {"limit": 524_288}, 413, "body must be at most 524288 bytes", {}),
        (Fault.ENCODING, {"encoding": "gzip"}, 415, "content encoding is not supported", {}),
        (Fault.UNREADABLE, {}, 400, "body is not valid JSON", {}),
        (Fault.RATE, {"retry_after": 20}, 429, "rate limit exceeded", {b"retry-after": b"20"}),
        (Fault.AUTH_RATE, {"retry_after": 20}, 429, "rate limit exceeded", {b"retry-after": b"20"}),
        (Fault.IDEMPOTENCY_KEY, {}, 400, "Idempotency-Key must be 1 to 255 visible ASCII characters", {}),
        (Fault.UNAVAILABLE, {"retry_after": 5}, 503, "service unavailable", {b"retry-after": b"5"}),
        (Fault.INTERNAL, {}, 500, "internal error", {}),
    ],
)
def test_faults(fault: Fault, detail: dict[str, Any], status: int, text: str, headers: dict[bytes, bytes]) -> None:
    answer = DIALECT.fault(fault, FaultDetail(**detail))
    assert shown(answer) == (status, {"error": text})
    assert dict(answer.headers) == {b"content-type": b"application/json", **headers}


def test_route() -> None:
    route = route_of(DIALECT, "/api/v1/events")
    assert route.steps == (
        "auth",
        "scope",
        "idempotency",
        "declared_size",
        "body",
        "parse",
        "quota",
        "charge_cost",
        "append",
    )
    assert (route.cap, route.decoded_cap, route.encodings, route.cors) == (524_288, 524_288, (), False)
    assert route.limit == ("bucket", 60, 120)
    assert (DIALECT.key_places, DIALECT.limit_headers) == (("bearer",), None)
