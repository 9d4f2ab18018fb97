"""The fast readers of Logister's events and check-ins: what they accept, the exact ones store alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from bodies import bodies, document, finite, scalars, text, values
from hypothesis import example, given
from hypothesis import strategies as st
from inbound import FakeInbound
from logister_requests import CHECK_INS, EVENTS, UUID, check_in, event, log, post
from outcomes import answered, check_storable

from headrace.dialects.logister_check_ins import exact_check_in, plain_check_in
from headrace.dialects.logister_events import exact_event
from headrace.dialects.logister_plain import parse_plain
from headrace.records.intents import Submission

#: Keys of contexts that mean something, in other casings too.
KEYS = st.sampled_from(
    [
        *(
            "environment",
            "release",
            "service",
            "trace_id",
            "traceId",
            "span_id",
            "user_id",
            "session_id",
            "user",
            "session",
        ),
        *("trace", "tags", "evidence", "diagnostic", "value", "metric", "duration_ms", "status", "status_code", "http"),
        *("response", "exception", "logger_name", "transaction_name", "commit_sha", "branch", "repository", "serial"),
        *("idfa", "telemetry_evidence", "a", "A", "bC", "message"),
    ]
)
blanks = st.sampled_from(["", " ", None, False, 0, [], {}])
inner = st.dictionaries(KEYS, blanks | finite | text, max_size=3)
contexts = st.dictionaries(KEYS, blanks | finite | text | inner | st.lists(inner, max_size=2), max_size=8)
times = st.sampled_from(["2026-04-02T09:59:58Z", "2026-04-02T09:59:58.123Z", "2026-04-02T09:59:58.123456Z"]) | text
uuids = st.sampled_from([UUID, UUID.upper(), "", " ", "no"])
events = document(
    {"event_type": st.sampled_from(["error", "log", "metric", "transaction"]), "message": text},
    {
        "context": contexts | st.dictionaries(text, values, max_size=3),
        "uuid": uuids,
        "level": text,
        "fingerprint": text,
        "occurred_at": times,
        "environment": text,
    },
)
check_ins = document(
    {"slug": text},
    {
        "status": text,
        "expected_interval_seconds": st.sampled_from([1, 60, 0, 2**31 - 1, 2**31, "60"]),
        "environment": text,
        "release": text,
        "trace_id": text,
        "request_id": text,
        "duration_ms": st.sampled_from([0, 1, 0.5, 10**12, 10**12 + 1, -1, "5"]),
        "occurred_at": times | scalars,
        "uuid": uuids,
    },
)


def enveloped(name: str, inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return inner.map(lambda value: {name: value})


def told(submission: Submission, *, with_id: bool) -> Any:
    """Everything that a submission stores and answers; an id that it made up is left out."""
    check_storable(submission)
    (intent,) = submission.intents
    (row,) = intent.rows
    columns = list(row.values)
    made_up = str(columns[6])
    told = (
        (row.table, columns, [tuple(point) for point in intent.points], intent.source),
        (list(intent.claims), list(intent.facts), submission.cost, submission.atomic, answered(submission)),
    )
    if with_id:
        return repr(told)
    status, answer = answered(submission)
    return repr(told).replace(made_up, "id").replace(repr(answer.get("legacy_id")), "number"), status


def agree(
    request: FakeInbound,
    fast: Callable[[FakeInbound], Submission | None],
    exact: Callable[[FakeInbound], Submission],
) -> None:
    found = fast(request)
    if found is not None:
        sent = json.loads(request.body)
        with_id = bool(next(iter(sent.values())).get("uuid"))
        assert told(found, with_id=with_id) == told(exact(request), with_id=with_id)


@given(bodies(enveloped("event", events)), st.sampled_from(["http_api", "ios"]))
@example(json.dumps({"event": log(context={"environment": " ", "value": "7", "status": 200})}).encode(), "http_api")
@example(json.dumps({"event": log(context={"environment": {"a": 1}, "commit_sha": "no"})}).encode(), "http_api")
@example(json.dumps({"event": log(event_type="metric", context={"value": 3, "a": True})}).encode(), "http_api")
def test_a_plain_event_is_stored_as_the_exact_reader_would(body: bytes, platform: str) -> None:
    agree(FakeInbound(EVENTS, body, project_platform=platform), parse_plain, exact_event)


@given(bodies(enveloped("check_in", check_ins)))
def test_a_plain_check_in_is_stored_as_the_exact_reader_would(body: bytes) -> None:
    agree(FakeInbound(CHECK_INS, body), plain_check_in, exact_check_in)


def test_the_events_that_programs_send_are_plain() -> None:
    context = {
        "environment": "staging",
        "release": "1.4.2",
        "commit_sha": "0b9e4c6e7a0b4a539f1e0a1b2c3d4e5f00000000",
        "repository": "acme/shop",
        "exception": {"class": "TypeError", "backtrace": ["a.rb:1"]},
        "queue": "mail",
    }
    sent = event(uuid=UUID, level="info", fingerprint="f", occurred_at="2026-04-02T09:59:58Z", context=context)
    assert parse_plain(sent) is not None
    agree(sent, parse_plain, exact_event)
    told_of = check_in(
        uuid=UUID, slug="nightly", status="error", duration_ms=5, expected_interval_seconds=60, release="1"
    )
    assert plain_check_in(told_of) is not None
    agree(told_of, plain_check_in, exact_check_in)


@pytest.mark.parametrize(
    "request_",
    [
        post({"event": log(), "more": 1}),
        event(environment="staging"),
        event(context={"traceId": "t"}),
        event(context={"trace": {"trace_id": "t"}}),
        event(context={"a": [{"idfa": "1"}]}),
        event(context={"serial": "1"}),
        event(context={"telemetry_evidence": 1}),
        event(context={"a": "\0"}),
        event(uuid="no"),
        event(message=" "),
        event(event_type="check_in"),
        event(context=json.loads('{"x":' * 15 + "0" + "}" * 15)),
    ],
)
def test_the_rest_is_left_to_the_exact_reader(request_: FakeInbound) -> None:
    assert parse_plain(request_) is None


def test_a_mobile_token_is_left_to_the_exact_readers() -> None:
    sent = event()
    sent.key_kind = "mobile"
    assert parse_plain(sent) is None
    told_of = check_in(slug="nightly")
    told_of.key_kind = "mobile"
    assert plain_check_in(told_of) is None
