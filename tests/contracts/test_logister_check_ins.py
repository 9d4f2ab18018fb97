"""Logister's ``/api/v1/check_ins`` (contract 1.9), without a server."""

from __future__ import annotations

from typing import Any

import pytest
from inbound import NOW_US, FakeInbound
from logister_requests import CHECK_INS, UUID, Ledger, check_in, encode, event, intent, stored
from outcomes import accepted, answered, refusal

from headrace.records.intents import CheckInFact

BEFORE_US = NOW_US - 3_600_000_000  # 09:00
MISSING = {"error": "param is missing or the value is empty or invalid: check_in"}


def post(body: object) -> FakeInbound:
    return FakeInbound(CHECK_INS, encode(body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"check_in": {"slug": "x"}}, id="check_in"),
        pytest.param({"CHECK_IN": {"SLUG": "x"}}, id="upper-case"),
        pytest.param({"slug": "x"}, id="flat"),
        pytest.param({"Slug": "x", "whatever": 1}, id="flat-camel"),
        pytest.param({"check_in": None, "slug": "x"}, id="flat-beside-an-empty-envelope"),
    ],
)
def test_envelopes(body: object) -> None:
    assert stored(post(body))["message"] == "x"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        {},
        {"payload": {"slug": "x"}},
        {"check_in": {}},
        {"check_in": "x"},
        {"check_in": {"name": "x"}},
        [],
        5,
        {"context": {}},
        {"message": "x"},
    ],
    ids=repr,
)
def test_a_missing_envelope(body: object) -> None:
    assert refusal(post(body)) == (400, MISSING)


def test_what_is_no_json() -> None:
    assert refusal(post(b"slug=x")) == (400, {"error": "Request body is not valid JSON"})


@pytest.mark.parametrize("slug", [None, "", " \t", [], {"a": 1}], ids=repr)
def test_a_blank_slug(slug: Any) -> None:
    assert refusal(check_in(slug=slug, status="ok")) == (422, {"errors": ["Message can't be blank"]})


def test_the_uuid_comes_before_the_slug() -> None:
    assert refusal(check_in(uuid="x")) == (422, {"errors": ["Uuid is invalid"]})


def test_what_is_stored() -> None:
    fields = {
        "slug": " nightly ",
        "status": " error ",
        "expectedIntervalSeconds": "60.7",
        "environment": "staging",
        "release": "1.2",
        "duration_ms": 1500,
        "trace_id": "t",
        "request_id": "r",
        "occurred_at": "2026-04-02T09:00:00Z",
        "uuid": UUID,
        "message": "dropped",
    }
    row = stored(check_in(**fields))
    raw = row.pop("raw")
    assert (
        raw.pop("context").items()
        >= {
            "environment": "staging",
            "release": "1.2",
            "check_in_slug": "nightly",
            "check_in_status": "error",
            "expected_interval_seconds": 60,
            "duration_ms": 1500,
            "trace_id": "t",
            "request_id": "r",
        }.items()
    )
    assert raw == {
        "event_type": "check_in",
        "message": "nightly",
        "level": "error",
        "occurred_at": "2026-04-02T09:00:00Z",
    }
    assert (
        row.items()
        >= {
            "type": "check_in",
            "id": UUID,
            "level": "error",
            "name": "nightly",
            "message": "nightly",
            "status": "error",
            "environment": "staging",
            "release": "1.2",
            "trace_id": "t",
            "request_id": "r",
            "duration_ms": 1500.0,
            "ts": BEFORE_US,
            "ts_source": "exact",
            "dialect": "logister",
        }.items()
    )
    assert list(intent(check_in(**fields)).facts) == [
        CheckInFact(1, "nightly", "staging", False, "error", BEFORE_US, NOW_US, 60, 1500.0, "", UUID, True)
    ]


@pytest.mark.parametrize(
    ("sent", "status", "ok"),
    [
        (None, "ok", True),
        (" ", "ok", True),
        ("in_progress", "in_progress", True),
        ("Error", "Error", True),
        ("error", "error", False),
        (5, "5", True),
    ],
)
def test_status(sent: Any, status: str, ok: bool) -> None:
    (fact,) = intent(check_in(slug="x", status=sent)).facts
    assert (fact.status, fact.ok) == (status, ok)
    assert stored(check_in(slug="x", status=sent))["level"] == ("info" if ok else "error")


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (60, 60),
        (1, 1),
        (0.9, 300),
        (0, 300),
        (-5, 300),
        (None, 300),
        ("60", 60),
        ("x", 300),
        ([], 300),
        (True, 300),
        (59.9, 59),
        (2**31 - 1, 2**31 - 1),
        (2**31, 2**31 - 1),
        (10**400, 300),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_interval(sent: Any, seconds: int) -> None:
    (fact,) = intent(check_in(slug="x", expected_interval_seconds=sent)).facts
    assert fact.interval_s == seconds


@pytest.mark.parametrize(("sent", "kept"), [(5, 5.0), ("5", 5.0), (0, None), (-5, None), ("x", None), (None, None)])
def test_duration(sent: Any, kept: float | None) -> None:
    request = check_in(slug="x", duration_ms=sent)
    assert stored(request)["duration_ms"] == kept
    assert stored(request)["raw"]["context"].get("duration_ms") == kept


@pytest.mark.parametrize(
    ("fields", "ts", "source"),
    [
        ({}, NOW_US, "exact"),
        ({"occurred_at": " "}, NOW_US, "exact"),
        ({"occurred_at": "?"}, NOW_US, "received"),
        ({"occurred_at": "1999-01-01"}, NOW_US, "received"),
        ({"checked_at": "2026-04-02T09:00:00Z"}, BEFORE_US, "exact"),
        ({"checkedAt": "2026-04-02T09:00:00Z"}, BEFORE_US, "exact"),
        ({"occurred_at": "2026-04-02T09:00:00Z", "checked_at": "2026-04-01"}, BEFORE_US, "exact"),
    ],
)
def test_time(fields: dict[str, Any], ts: int, source: str) -> None:
    row = stored(check_in(slug="x", **fields))
    assert (row["ts"], row["ts_source"]) == (ts, source)


def test_a_context_is_kept_beneath_what_the_check_in_says() -> None:
    own = {"host": "a", "serial": 1, "releaseName": "n", "environment": "staging", "release": "w", "check_in_slug": "z"}
    row = stored(check_in(slug="x", release="v", context=own))
    held = row["raw"]["context"]
    assert held["telemetry_evidence"]["time"]["precision"] == "exact"
    assert {name: held[name] for name in own if name in held} == {
        "host": "a",
        "releaseName": "n",
        "environment": "staging",
        "release": "v",
        "check_in_slug": "x",
    }


@pytest.mark.parametrize(
    "own", [{"a": [0] * 1001}, {"a": "x" * 262_145}, [1], "x"], ids=["array", "string", "list", "text"]
)
def test_a_context_that_cannot_be_kept_refuses_nothing(own: Any) -> None:
    assert set(stored(check_in(slug="x", context=own))["raw"]["context"]) == {
        "environment",
        "check_in_slug",
        "check_in_status",
        "expected_interval_seconds",
        "telemetry_evidence",
    }


def test_answers_carry_no_legacy_id() -> None:
    ledger = Ledger()
    body = {"id": UUID, "status": "accepted"}
    assert ledger.send(check_in(slug="x", event_id=UUID.upper())) == (201, body)
    assert ledger.send(check_in(slug="y", uuid=UUID)) == (200, {**body, "duplicate": True})
    status, made = answered(accepted(check_in(slug="x")))
    assert (status, set(made)) == (201, {"id", "status"})


def test_check_ins_and_events_are_one_family() -> None:
    ledger = Ledger()
    assert ledger.send(check_in(slug="x", uuid=UUID))[0] == 201
    assert ledger.send(event(uuid=UUID))[0] == 200
    span = event(uuid=UUID, event_type="span", trace_id="t", span_id="s")
    assert ledger.send(span) == (422, {"errors": ["Uuid has already been used for another telemetry signal"]})
