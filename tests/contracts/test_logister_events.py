"""Logister's ``/api/v1/ingest_events`` (contract 1.3, 1.4, 1.6, 1.7): the five types of event, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from inbound import NOW_US
from logister_requests import OTHER_UUID, UUID, Ledger, context, event, intent, log, post, stored
from outcomes import accepted, answered, refusal

from headrace.dialects.base import Refusal
from headrace.dialects.logister_answers import MESSAGE_BLANK, TYPE_UNKNOWN, UUID_INVALID, UUID_TAKEN
from headrace.dialects.logister_identity import legacy_id
from headrace.dialects.logister_normalize import HARDWARE_IDS, both_spellings, snake_key
from headrace.records.intents import CheckInFact, PointIn
from headrace.records.tables import PointFlag

NOW_TEXT = "2026-04-02T10:00:00.000000Z"
BEFORE_US = NOW_US - 3_600_000_000  # 09:00
MISSING = {"error": "param is missing or the value is empty or invalid: event"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("event_type", "event_type"),
        ("eventType", "event_type"),
        ("EventType", "event_type"),
        ("EVENT_TYPE", "event_type"),
        ("event-type", "event_type"),
        ("Event-Type", "event_type"),
        ("TRACEID", "traceid"),
        ("HTTPStatusCode", "http_status_code"),
        ("sha256Sum", "sha256_sum"),
        ("Foo::BarBaz", "foo/bar_baz"),
        ("event type", "event type"),
        ("k" * 70 + "Id", "k" * 70 + "_id"),
        ("", ""),
    ],
)
def test_keys_become_snake_case(given: str, expected: str) -> None:
    assert snake_key(given) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"event": log()}, id="event"),
        pytest.param({"EVENT": log()}, id="upper-case"),
        pytest.param({"event": {}, "EVENT": log()}, id="empty-then-upper-case"),
        pytest.param({"event": {"eventType": "log", "MESSAGE": "hello"}}, id="camel-and-upper"),
        pytest.param({"event": {"event-type": "error", "message": "hello", "eventType": "log"}}, id="later-wins"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps({"event": log()}).encode(), id="byte-order-mark"),
    ],
)
def test_envelopes(body: object) -> None:
    row = stored(post(body))
    assert (row["type"], row["message"]) == ("log", "hello")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        {},
        {"event": {}},
        {"event": []},
        {"event": ""},
        {"event": None},
        {"event": 5},
        {"event": [log()]},
        {"Event": log()},
        {"ingest_event": log()},
        log(),
        [log()],
        5,
        None,
        "event",
    ],
    ids=repr,
)
def test_a_missing_envelope(body: object) -> None:
    assert refusal(post(body)) == (400, MISSING)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"event[message]=x",
        b'{"event":{"message":"\xff"}}',
        b'{"event":{"a":NaN}}',
        b'{"event":{"a":1e999}}',
        b"[" * 100000,
        b'{"event":' + b'{"x":' * 300 + b"1" + b"}" * 301,
        b'{"event":{}} {}',
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_what_is_no_json(body: bytes) -> None:
    assert refusal(post(body)) == (400, {"error": "Request body is not valid JSON"})


@pytest.mark.parametrize("value", ["error", "metric", "transaction", "log", "check_in"])
def test_types(value: str) -> None:
    assert stored(event(event_type=value))["type"] == value
    number = ("error", "metric", "transaction", "log", "check_in").index(value)
    assert stored(event(event_type=number))["type"] == value


@pytest.mark.parametrize("value", [..., None, "", "Error", " log", "logs", -1, 5, 1.0, True, ["log"], {}], ids=repr)
def test_unknown_types(value: Any) -> None:
    assert refusal(event(event_type=value)) == (422, {"errors": [TYPE_UNKNOWN]})


@pytest.mark.parametrize(
    ("value", "text"),
    [("m", "m"), (" m\n", " m\n"), (5, "5"), (1.5, "1.5"), (True, "true"), ({"a": ["é"]}, '{"a":["é"]}')],
    ids=repr,
)
def test_messages(value: Any, text: str) -> None:
    assert stored(event(message=value))["message"] == text


@pytest.mark.parametrize("value", [..., None, "", " \t\n", "\u2003"], ids=repr)
def test_blank_messages(value: Any) -> None:
    assert refusal(event(message=value)) == (422, {"errors": [MESSAGE_BLANK]})


@pytest.mark.parametrize(
    ("fields", "status", "body"),
    [
        pytest.param(
            {"event_type": "x", "message": ""}, 422, {"errors": [TYPE_UNKNOWN, MESSAGE_BLANK]}, id="type-then-message"
        ),
        pytest.param({"uuid": "x", "event_type": "x", "message": ""}, 422, {"errors": [UUID_INVALID]}, id="uuid-alone"),
        pytest.param({"uuid": "x", "event_type": "span"}, 422, {"errors": [UUID_INVALID]}, id="uuid-before-a-span"),
    ],
)
def test_order_of_checks(fields: dict[str, Any], status: int, body: Any) -> None:
    assert refusal(event(**fields)) == (status, body)


def test_limits_come_before_the_uuid() -> None:
    assert refusal(event(uuid="x", event_type="x", message="m" * 70_000))[1]["code"] == "message_bytes"


def test_the_refusal_note_never_repeats_the_body() -> None:
    for request in (
        event(event_type="SECRET"),
        event(uuid="SECRET"),
        event(message="SECRET" * 20_000),
        post(b"SECRET"),
    ):
        with pytest.raises(Refusal) as refused:
            request.route.parse(request)
        assert refused.value.answer.reason
        assert "SECRET" not in refused.value.answer.reason + refused.value.answer.body.decode()


# -- the copy rules


@pytest.mark.parametrize(
    ("fields", "key", "value"),
    [
        *(
            pytest.param({name: "v"}, name, "v", id=name)
            for name in [
                "release",
                "branch",
                "trace_id",
                "request_id",
                "session_id",
                "user_id",
                "transaction_name",
                "commit_sha",
                "repository",
                "check_in_slug",
                "telemetry_schema_version",
                "error_mechanism",
                "installation_id_hash",
            ]
        ),
        pytest.param({"durationMs": 5}, "duration_ms", 5, id="camel-case"),
        pytest.param({"RELEASE": "v"}, "release", "v", id="upper-case"),
        pytest.param({"sha": "v"}, "commit_sha", "v", id="sha"),
        pytest.param({"sha": "w", "commit_sha": "v"}, "commit_sha", "v", id="commit-sha-wins"),
        pytest.param({"sha": "v", "commit_sha": " "}, "commit_sha", "v", id="a-blank-commit-sha-does-not"),
        pytest.param({"repo": "v"}, "repository", "v", id="repo"),
        pytest.param({"githubRepository": "v"}, "repository", "v", id="github-repository"),
        pytest.param({"github_repository": "w", "repo": "v"}, "repository", "v", id="repo-wins"),
        pytest.param({"monitorSlug": "v"}, "check_in_slug", "v", id="monitor-slug"),
        pytest.param({"mechanism": "v"}, "error_mechanism", "v", id="mechanism"),
        pytest.param({"expected_interval_seconds": 60}, "expected_interval_seconds", 60, id="interval"),
        pytest.param({"handled": True}, "handled", True, id="handled"),
        pytest.param({"in_foreground": 0}, "in_foreground", 0, id="zero-is-not-blank"),
        pytest.param({"release": "v", "context": {"release": " "}}, "release", "v", id="over-a-blank"),
        pytest.param({"release": "v", "context": {"release": None}}, "release", "v", id="over-a-null"),
        pytest.param({"release": "v", "context": {"release": "w"}}, "release", "w", id="not-over-a-value"),
        pytest.param({"event_type": "transaction", "status": 500}, "transaction_status", 500, id="transaction"),
        pytest.param(
            {"event_type": "transaction", "status": "w", "transaction_status": "v"},
            "transaction_status",
            "v",
            id="transaction-status-wins",
        ),
        pytest.param({"event_type": "check_in", "status": "v"}, "check_in_status", "v", id="check-in"),
        pytest.param({"event_type": "check_in", "checkInStatus": "v"}, "check_in_status", "v", id="check-in-status"),
    ],
)
def test_copied_into_the_context(fields: dict[str, Any], key: str, value: Any) -> None:
    assert context(event(**fields)) == {**fields.get("context", {}), key: value}


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        pytest.param({"handled": False}, {}, id="false-is-blank"),
        pytest.param({"release": ""}, {}, id="blank"),
        pytest.param({"trace_id": {"a": 1}}, {}, id="object"),
        pytest.param({"status": "ok"}, {}, id="status-of-a-log"),
        pytest.param({"transaction_status": "ok"}, {}, id="transaction-status-of-a-log"),
        pytest.param(
            {"span_id": "s", "parent_span_id": "p", "kind": "k", "started_at": "x", "service": "x"},
            {},
            id="a-spans-own",
        ),
        pytest.param({"whatever": 1, "tags": {"a": 1}}, {}, id="unknown"),
        pytest.param({"trace_id": "t", "context": {"traceId": "u"}}, {"traceId": "u"}, id="twin-holds-it"),
        pytest.param({"context": [1]}, {}, id="context-array"),
        pytest.param({"context": None}, {}, id="context-null"),
        pytest.param({"context": "x"}, {}, id="context-scalar"),
    ],
)
def test_not_copied(fields: dict[str, Any], left: dict[str, Any]) -> None:
    assert context(event(**fields)) == left


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "production"),
        ({"environment": "staging"}, "staging"),
        ({"environment": "staging", "context": {"environment": "test"}}, "test"),
        ({"context": {"Environment": "test"}}, "test"),
        ({"environment": " ", "context": {"environment": ""}}, "production"),
        ({"context": {"environment": {"name": "x"}}}, "production"),
    ],
)
def test_environment(fields: dict[str, Any], expected: str) -> None:
    assert stored(event(**fields))["environment"] == expected


def test_a_twin_never_replaces_what_was_sent_and_is_not_stored() -> None:
    sent = {"userId": "a", "user_id": "b", "Order-Id": 1, "orderId": 2, "nested": [{"innerKey": 1}]}
    assert context(event(context=sent)) == sent
    view = both_spellings(sent)
    assert (view["user_id"], view["order_id"]) == ("b", 1)
    assert both_spellings(view["nested"][0]) == {"innerKey": 1, "inner_key": 1}


@pytest.mark.parametrize("name", sorted(HARDWARE_IDS))
def test_hardware_ids_are_removed_at_any_depth(name: str) -> None:
    spelled = f"_{name[0].upper()}-{name[1:]}"
    sent = {name: 1, spelled: 2, "a": [{"b": {spelled: {"c": 3}, "kept": 4}}, [{name: 5}]]}
    assert context(event(context=sent)) == {"a": [{"b": {"kept": 4}}, [{}]]}


def test_keys_that_only_resemble_hardware_ids_stay() -> None:
    sent = {"serials": 1, "serialisation": {"imeis": 2}, "android": {"id": 3}}
    assert context(event(context=sent)) == sent
    assert context(event(context=sent)) == sent  # the second time from memory


def test_evidence_is_copied_by_its_list() -> None:
    evidence = {
        "source": "crash",
        "captureMode": "live",
        "secret": 1,
        "kind": "",
        "identity_scope": {"no": 1},
        "reporting_period": {"start": "2026-04-01", "end": None, "x": 1},
        "producer": {"sdkName": "s", "sdk_version": "1", "decoder_version": "2", "x": 1},
    }
    kept = {
        "source": "crash",
        "capture_mode": "live",
        "reporting_period": {"start": "2026-04-01"},
        "producer": {"sdk_name": "s", "sdk_version": "1", "decoder_version": "2"},
    }
    row = stored(event(evidence=evidence))
    assert row["raw"]["context"]["evidence"] == kept
    assert row["raw"]["context"]["telemetry_evidence"]["source"] == "crash"
    assert context(event(evidence=evidence, context={"evidence": {"mine": 1}})) == {"evidence": {"mine": 1}}
    assert context(event(evidence=[1])) == {}


@pytest.mark.parametrize("name", ["telemetry_evidence", "telemetryEvidence", "TELEMETRY-EVIDENCE"])
def test_the_servers_own_evidence_replaces_the_clients(name: str) -> None:
    row = stored(event(context={name: {"forged": 1}}, occurred_at="2026-04-02T09:00:00Z"))
    assert row["raw"]["context"] == {
        "environment": "production",
        "telemetry_evidence": {
            "schema_version": 1,
            "source": "api",
            "time": {"precision": "exact", "received_at": NOW_TEXT, "occurred_at": "2026-04-02T09:00:00.000000Z"},
        },
    }


def test_what_is_stored_of_an_event() -> None:
    fields = {"level": "warning", "fingerprint": "f", "occurredAt": "2026-04-02T09:00:00Z", "uuid": UUID, "x": 1}
    raw = stored(event(**fields))["raw"]
    raw.pop("context")
    assert raw == {
        "event_type": "log",
        "message": "hello",
        "level": "warning",
        "fingerprint": "f",
        "occurred_at": "2026-04-02T09:00:00Z",
    }


# -- time


@pytest.mark.parametrize(
    "sent",
    [
        "2026-04-02T09:00:00Z",
        "2026-04-02T09:00:00.000000Z",
        "2026-04-02T11:00:00+02:00",
        "2026-04-02T11:00:00+0200",
        "2026-04-02 09:00:00",
        "2026-04-02T09:00",
        " 2026-04-02T09:00:00Z ",
        "2026-04-02 09:00:00 UTC",
        "2026-04-02 11:00:00 +0200",
        "Thu, 02 Apr 2026 09:00:00 GMT",
        "Thu, 02 Apr 2026 11:00:00 +0200",
        "20260402T090000Z",
        BEFORE_US // 1_000_000,
        BEFORE_US // 1_000,
        float(BEFORE_US // 1_000_000),
    ],
)
def test_times(sent: Any) -> None:
    row = stored(event(occurred_at=sent))
    assert (row["ts"], row["ts_source"], row["ts_sent"]) == (BEFORE_US, "exact", "")


@pytest.mark.parametrize(
    ("sent", "ts"),
    [
        ("2026-04-02T09:00:00.123456Z", BEFORE_US + 123_456),
        ("2026-04-02T09:00:00.123456789Z", BEFORE_US + 123_456),
        ("2026-04-02", NOW_US - 36_000_000_000),
        (BEFORE_US / 1e6 + 0.5, BEFORE_US + 500_000),
    ],
)
def test_times_to_the_microsecond(sent: Any, ts: int) -> None:
    assert stored(event(occurred_at=sent))["ts"] == ts


@pytest.mark.parametrize(
    "sent",
    [None, "", "soon", "2026-13-01T00:00:00Z", "12:30", "2" * 5_000, True, [], {}, {"a": 1}, 10**16, 10**400, -1e18],
    ids=lambda sent: repr(sent)[:20],
)
def test_no_time_at_all_is_receipt(sent: Any) -> None:
    row = stored(event(occurred_at=sent))
    assert (row["ts"], row["ts_source"]) == (NOW_US, "received")
    assert row["raw"]["context"]["telemetry_evidence"]["time"] == {
        "precision": "received_only",
        "received_at": NOW_TEXT,
    }


@pytest.mark.parametrize(
    ("sent", "ts", "source", "kept"),
    [
        pytest.param("2000-01-01T00:00:00Z", 946_684_800_000_000, "exact", "", id="earliest"),
        pytest.param("1999-12-31T23:59:59Z", NOW_US, "received", "1999-12-31T23:59:59Z", id="too-early"),
        pytest.param("2026-04-02T10:05:00Z", NOW_US + 300_000_000, "exact", "", id="latest"),
        pytest.param("2026-04-02T10:05:01Z", NOW_US, "received", "2026-04-02T10:05:01Z", id="too-late"),
        pytest.param("9999-12-31T23:59:59Z", NOW_US, "received", "9999-12-31T23:59:59Z", id="far"),
        pytest.param(0, NOW_US, "received", "0", id="epoch"),
    ],
)
def test_times_that_cannot_be_true(sent: Any, ts: int, source: str, kept: str) -> None:
    row = stored(event(occurred_at=sent))
    assert (row["ts"], row["ts_source"], row["ts_sent"]) == (ts, source, kept)


@pytest.mark.parametrize(
    ("fields", "ts", "source"),
    [
        pytest.param(
            {"occurred_at": "?", "context": {"diagnostic": {"occurredAt": "2026-04-02T09:00:00Z"}}},
            BEFORE_US,
            "exact",
            id="diagnostic",
        ),
        pytest.param({"evidence": {"occurred_at": "2026-04-02T09:00:00Z"}}, BEFORE_US, "exact", id="evidence"),
        pytest.param(
            {
                "context": {"diagnostic": {"occurred_at": "2026-04-02T09:00:00Z"}},
                "evidence": {"occurred_at": "2026-04-01"},
            },
            BEFORE_US,
            "exact",
            id="diagnostic-before-evidence",
        ),
        pytest.param(
            {"evidence": {"reporting_start": "2026-04-01", "reporting_end": "2026-04-02T09:00:00Z"}},
            BEFORE_US,
            "interval",
            id="interval-end",
        ),
        pytest.param({"evidence": {"reportingStart": "2026-04-02T09:00:00Z"}}, BEFORE_US, "interval", id="start"),
        pytest.param(
            {"context": {"evidence": {"reportingPeriod": {"start": "2026-04-01", "end": "2026-04-02T09:00:00Z"}}}},
            BEFORE_US,
            "interval",
            id="period",
        ),
    ],
)
def test_where_else_a_time_may_stand(fields: dict[str, Any], ts: int, source: str) -> None:
    row = stored(event(**fields))
    assert (row["ts"], row["ts_source"]) == (ts, source)
    precision = {"exact": "exact", "interval": "reporting_interval"}[source]
    assert row["raw"]["context"]["telemetry_evidence"]["time"]["precision"] == precision


# -- columns


@pytest.mark.parametrize(
    ("sent", "column", "value"),
    [
        *(
            pytest.param(sent, column, "v", id=next(iter(sent)) + "-" + column)
            for column, forms in {
                "trace_id": [{"trace_id": "v"}, {"traceId": "v"}, {"trace": {"traceId": "v"}}],
                "request_id": [{"request_id": "v"}, {"requestId": "v"}, {"trace": {"requestId": "v"}}],
                "session_id": [{"session_id": "v"}, {"sessionId": "v"}, {"session": {"id": "v"}}],
                "user_id": [{"user_id": "v"}, {"userId": "v"}, {"user": {"id": "v"}}],
                "span_id": [{"spanId": "v"}],
                "service": [{"service": "v"}],
                "release": [{"release": "v"}],
                "status": [
                    {"status": "v"},
                    {"statusCode": "v"},
                    {"http_status_code": "v"},
                    {"response": {"status": "v"}},
                ],
            }.items()
            for sent in forms
        ),
        pytest.param({"user": {"id": 42}}, "user_id", "42", id="number-as-text"),
        pytest.param({"trace_id": {"x": 1}}, "trace_id", "", id="no-scalar"),
        pytest.param({"durationMs": 12.5}, "duration_ms", 12.5, id="duration"),
        pytest.param({"duration_ms": "12.5"}, "duration_ms", 12.5, id="duration-as-text"),
        pytest.param({"duration_ms": -1}, "duration_ms", None, id="negative-duration"),
        pytest.param({"duration_ms": "fast"}, "duration_ms", None, id="no-duration"),
        pytest.param({"duration_ms": 10**400}, "duration_ms", None, id="beyond-a-double"),
        pytest.param({"environment": "e" * 300}, "environment", "e" * 255, id="long-label"),
        pytest.param(
            {"tags": {"region": "eu", "Bad Name": 1}, "orderId": 5, "sql": "s" * 201, "handled": True, "user_id": "u"},
            "labels",
            {"order_id": "5", "handled": "true", "region": "eu"},
            id="labels",
        ),
    ],
)
def test_columns(sent: dict[str, Any], column: str, value: Any) -> None:
    assert stored(event(context=sent))[column] == value


@pytest.mark.parametrize(
    ("event_type", "sent", "name"),
    [
        ("error", {"exception": {"class": "KeyError", "type": "x"}}, "KeyError"),
        ("error", {"exception": {"type": "TypeError"}}, "TypeError"),
        ("error", {"EXCEPTION": {"CLASS": "Oops"}}, "Oops"),
        ("error", {"exception": "text"}, ""),
        ("metric", {"metric": {"name": "queue.depth"}}, "queue.depth"),
        ("metric", {}, "hello"),
        ("transaction", {"transactionName": "GET /"}, "GET /"),
        ("check_in", {"check_in_slug": "nightly"}, "nightly"),
        ("log", {"logger_name": "app"}, "app"),
        ("log", {"logger": {"name": "app"}}, "app"),
    ],
)
def test_names(event_type: str, sent: dict[str, Any], name: str) -> None:
    assert stored(event(event_type=event_type, context=sent))["name"] == name


@pytest.mark.parametrize(
    ("sent", "level", "fingerprint"),
    [
        ({}, "", ""),
        ({"level": None}, "", ""),
        ({"level": "Critical", "fingerprint": "f"}, "Critical", "f"),
        ({"level": 3}, "3", ""),
    ],
)
def test_level_and_fingerprint(sent: dict[str, Any], level: str, fingerprint: str) -> None:
    row = stored(event(**sent))
    assert (row["level"], row["fingerprint"]) == (level, fingerprint)


def test_text_that_the_store_cannot_hold_is_repaired() -> None:
    row = stored(post(b'{"event":{"event_type":"log","message":"a\\u0000b\\ud800","context":{"k\\udfff":"\\u0000"}}}'))
    assert row["message"] == "a\ufffdb\ufffd"
    assert row["raw"]["context"]["k\ufffd"] == "\ufffd"


# -- metrics


@pytest.mark.parametrize(
    ("sent", "name", "value"),
    [
        ({"value": 3}, "hello", 3.0),
        ({"value": "3.5"}, "hello", 3.5),
        ({"metric": {"name": "q", "value": 2, "unit": "s"}}, "q", 2.0),
        ({"metric": {"name": "q", "value": 2}, "value": 5}, "q", 5.0),
        ({"metric": {"name": " ", "value": 2}, "value": "x"}, "hello", 2.0),
    ],
)
def test_a_metric_with_a_value_is_a_point(sent: dict[str, Any], name: str, value: float) -> None:
    found = intent(event(event_type="metric", context=sent))
    assert list(found.points) == [PointIn(name, "value", NOW_US // 1000, value, 0)]
    assert stored(event(event_type="metric", context=sent))["value"] == value


@pytest.mark.parametrize(
    ("fields", "ts", "flags"),
    [
        ({"occurred_at": "2026-04-02T09:00:00Z"}, BEFORE_US, PointFlag.BACKDATED),
        ({"occurred_at": "1999-01-01"}, NOW_US, PointFlag.CLAMPED),
        ({}, NOW_US, 0),
    ],
)
def test_when_a_point_lies(fields: dict[str, Any], ts: int, flags: int) -> None:
    (point,) = intent(event(event_type="metric", context={"value": 1}, **fields)).points
    assert (point.ts, point.flags) == (ts // 1000, flags)


@pytest.mark.parametrize(
    "value", [None, True, "", "x", "1e999", "nan", 10**400, [1], {"a": 1}], ids=lambda v: repr(v)[:9]
)
def test_a_metric_without_a_value_is_none(value: Any) -> None:
    assert not intent(event(event_type="metric", context={"value": value})).points


def test_names_of_points_end_at_255_characters() -> None:
    for length, count in ((254, 1), (255, 1), (256, 0)):
        assert len(intent(event(event_type="metric", message="n" * length, context={"value": 1})).points) == count


def test_only_metrics_are_points() -> None:
    assert not intent(event(event_type="log", context={"value": 1})).points


# -- check-ins sent as events


@pytest.mark.parametrize(
    ("fields", "slug", "status", "ok", "interval"),
    [
        pytest.param({}, "hello", "ok", True, 300, id="message-is-the-slug"),
        pytest.param({"check_in_slug": " nightly "}, "nightly", "ok", True, 300, id="slug"),
        pytest.param({"monitor_slug": "nightly", "status": "error"}, "nightly", "error", False, 300, id="error"),
        pytest.param({"status": "in_progress"}, "hello", "in_progress", True, 300, id="any-other-word"),
        pytest.param({"status": "ERROR"}, "hello", "ERROR", True, 300, id="only-the-exact-word"),
        pytest.param({"context": {"status": "error"}}, "hello", "error", False, 300, id="status-in-the-context"),
        pytest.param({"expected_interval_seconds": "60.9"}, "hello", "ok", True, 60, id="interval"),
        pytest.param({"context": {"expectedIntervalSeconds": -5}}, "hello", "ok", True, 300, id="no-interval"),
        pytest.param({"expected_interval_seconds": 1e30}, "hello", "ok", True, 2**31 - 1, id="endless"),
    ],
)
def test_check_in_events(fields: dict[str, Any], slug: str, status: str, ok: bool, interval: int) -> None:
    (fact,) = intent(event(event_type="check_in", uuid=UUID, duration_ms=5, **fields)).facts
    assert fact == CheckInFact(
        project=1,
        slug=slug,
        environment="production",
        ok=ok,
        status=status,
        ts=NOW_US,
        received_at=NOW_US,
        interval_s=interval,
        duration_ms=5.0,
        message="" if slug == "hello" else "hello",
        event_id=UUID,
        creates=True,
    )


def test_other_events_move_no_monitor() -> None:
    assert not intent(event(check_in_slug="x", status="error")).facts


# -- identity


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"uuid": UUID}, UUID),
        ({"uuid": UUID.upper()}, UUID),
        ({"UUID": UUID}, UUID),
        ({"eventId": UUID}, UUID),
        ({"uuid": UUID, "event_id": OTHER_UUID}, UUID),
        ({"uuid": UUID, "event_id": "x"}, UUID),
        ({"uuid": " ", "event_id": UUID}, UUID),
        ({"uuid": "00000000-0000-0000-0000-000000000000"}, "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_client_uuids(fields: dict[str, Any], expected: str) -> None:
    request = event(**fields)
    assert answered(accepted(request)) == (
        201,
        {"id": expected, "legacy_id": legacy_id(1, expected), "status": "accepted"},
    )
    assert stored(request)["id"] == expected


@pytest.mark.parametrize(
    "value",
    [
        "x",
        UUID[:-1],
        UUID + "0",
        UUID.replace("-", ""),
        "{" + UUID + "}",
        UUID + "\n",
        UUID.replace("0b", "0g"),
        5,
        [UUID],
    ],
)
def test_invalid_uuids(value: Any) -> None:
    assert refusal(event(uuid=value)) == (422, {"errors": [UUID_INVALID]})


def test_events_without_a_uuid_are_never_duplicates() -> None:
    ledger = Ledger()
    first, second = ledger.send(event()), ledger.send(event(uuid="", event_id=None))
    assert first[0] == second[0] == 201
    assert first[1]["id"] != second[1]["id"]
    assert not ledger.held


def test_a_replay_gets_the_first_answer() -> None:
    ledger = Ledger()
    status, body = ledger.send(event(uuid=UUID))
    assert ledger.send(event(uuid=UUID.upper(), event_type="error", message="other")) == (
        200,
        {**body, "duplicate": True},
    )
    assert status == 201


def test_a_uuid_belongs_to_one_family() -> None:
    span = {"event_type": "span", "trace_id": "t", "span_id": "s"}
    taken = (422, {"errors": [UUID_TAKEN]})
    ledger = Ledger()
    assert ledger.send(event(uuid=UUID))[0] == 201
    assert ledger.send(event(uuid=UUID, **span)) == taken
    assert ledger.send(event(uuid=OTHER_UUID, **span))[0] == 201
    assert ledger.send(event(uuid=OTHER_UUID)) == taken


def test_a_uuid_of_another_project_is_another() -> None:
    ledger = Ledger()
    body = {"event": log(uuid=UUID)}
    assert ledger.send(post(body))[0] == 201
    assert ledger.send(post(body, project=2))[0] == 201


def test_legacy_ids_are_stable_and_exact_in_a_double() -> None:
    assert legacy_id(1, UUID) == legacy_id(1, UUID)
    ids = {legacy_id(project, f"{n}") for project in (1, 2) for n in range(500)}
    assert len(ids) == 1000
    assert 2**48 < max(ids) < 2**52
