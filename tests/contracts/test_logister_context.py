"""What becomes of a Logister event's context (contract 1.4): key casing, copies, removals, evidence."""

from __future__ import annotations

from typing import Any

import pytest
from logister_requests import context, event, stored

from headrace.dialects.logister_normalize import HARDWARE_IDS, both_spellings, snake_key

NOW_TEXT = "2026-04-02T10:00:00.000000Z"


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
