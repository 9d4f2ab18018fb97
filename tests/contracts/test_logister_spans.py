"""Logister's spans (contract 1.5): where each value is looked up, defaults, and identity."""

from __future__ import annotations

from typing import Any
from uuid import UUID as Uuid

import pytest
from inbound import NOW_US, FakeInbound
from logister_requests import OTHER_UUID, UUID, Ledger, context, intent, post, stored
from outcomes import accepted, answered, refusal

from headrace.dialects.logister_identity import legacy_id, span_uuid

START_US = NOW_US - 3_600_000_000  # 09:00
START = "2026-04-02T09:00:00Z"


def span(**fields: Any) -> FakeInbound:
    given = {"event_type": "span", "trace_id": "t1", "span_id": "s1", "started_at": START, **fields}
    return post({"event": {name: value for name, value in given.items() if value is not ...}})


def test_a_span_goes_to_the_spans() -> None:
    found = intent(span())
    assert [row.table for row in found.rows] == ["spans"]
    assert not found.points
    assert not found.facts
    record_id = span_uuid(1, "t1", "s1")
    assert answered(accepted(span())) == (
        201,
        {"id": record_id, "legacy_id": legacy_id(1, record_id), "status": "accepted", "type": "span"},
    )


@pytest.mark.parametrize(
    ("fields", "column", "value"),
    [
        *(
            pytest.param({key: ..., **form}, key, "v", id=f"{key}-{number}")
            for key, camel in (("trace_id", "traceId"), ("span_id", "spanId"), ("parent_span_id", "parentSpanId"))
            for number, form in enumerate(
                (
                    {camel: "v"},
                    {key: "v", "context": {key: "w"}},
                    {"context": {key: "v"}},
                    {"context": {camel: "v", "trace": {camel: "w"}}},
                    {"context": {"trace": {camel: "v"}}},
                )
            )
        ),
        pytest.param({}, "parent_span_id", "", id="root"),
        pytest.param({"parent_span_id": " "}, "parent_span_id", "", id="blank-parent"),
        pytest.param({"name": "n", "message": "m"}, "name", "n", id="name"),
        pytest.param({"message": "m", "context": {"name": "c"}}, "name", "m", id="name-from-message"),
        pytest.param({"context": {"name": "c", "span_name": "d"}}, "name", "c", id="name-from-context"),
        pytest.param({"context": {"spanName": "d"}}, "name", "d", id="span-name"),
        pytest.param({"name": ""}, "name", "span", id="default-name"),
        pytest.param({"kind": "server", "span_kind": "db"}, "kind", "server", id="kind"),
        pytest.param({"spanKind": "db"}, "kind", "db", id="span-kind"),
        pytest.param({"context": {"kind": "cache"}}, "kind", "cache", id="kind-from-context"),
        pytest.param({"context": {"span_kind": "queue"}}, "kind", "queue", id="span-kind-from-context"),
        pytest.param({"kind": "Http"}, "kind", "http", id="kind-in-capitals"),
        pytest.param({"kind": "consumer"}, "kind", "internal", id="unknown-kind"),
        pytest.param({}, "kind", "internal", id="default-kind"),
        pytest.param({"status": "ok", "context": {"status": "error"}}, "status", "ok", id="status"),
        pytest.param({"context": {"status": "error"}}, "status", "error", id="status-from-context"),
        pytest.param({"duration_ms": 1.5}, "duration_ms", 1.5, id="duration"),
        pytest.param({"context": {"durationMs": "2.5"}}, "duration_ms", 2.5, id="duration-from-context"),
        pytest.param({"duration_ms": -1}, "duration_ms", 0.0, id="negative-duration"),
        pytest.param({"duration_ms": "fast"}, "duration_ms", 0.0, id="no-duration"),
        pytest.param({}, "duration_ms", 0.0, id="default-duration"),
        pytest.param({"service": "api"}, "service", "api", id="service"),
        pytest.param({"request_id": "r"}, "request_id", "r", id="request"),
        pytest.param({"environment": "staging"}, "environment", "staging", id="environment"),
        pytest.param({}, "environment", "production", id="default-environment"),
    ],
)
def test_look_up(fields: dict[str, Any], column: str, value: Any) -> None:
    assert stored(span(**fields))[column] == value


@pytest.mark.parametrize(
    "kind", ["app", "browser", "cache", "db", "http", "internal", "queue", "render", "resource", "server"]
)
def test_kinds(kind: str) -> None:
    assert stored(span(kind=kind))["kind"] == kind


@pytest.mark.parametrize(
    ("fields", "ts", "source"),
    [
        ({"started_at": START, "occurred_at": "2026-04-01"}, START_US, "exact"),
        ({"started_at": ..., "occurred_at": START}, START_US, "exact"),
        ({"started_at": None, "context": {"startedAt": START}}, START_US, "exact"),
        ({"started_at": START_US // 1000}, START_US, "exact"),
        ({"started_at": ""}, NOW_US, "received"),
        ({"started_at": "1999-01-01"}, NOW_US, "received"),
    ],
)
def test_started_at(fields: dict[str, Any], ts: int, source: str) -> None:
    row = stored(span(**fields))
    assert (row["ts"], row["ts_source"]) == (ts, source)


@pytest.mark.parametrize(
    ("fields", "ended"),
    [
        ({"duration_ms": 1500}, START_US + 1_500_000),
        ({"ended_at": "2026-04-02T09:00:02Z", "duration_ms": 1500}, START_US + 2_000_000),
        ({"context": {"endedAt": "2026-04-02T09:00:02Z"}}, START_US + 2_000_000),
        ({"ended_at": "?", "duration_ms": 1500}, START_US + 1_500_000),
        ({"ended_at": "9999-01-01", "duration_ms": 1500}, START_US + 1_500_000),
        ({"duration_ms": 1e300}, START_US),
    ],
)
def test_ended_at(fields: dict[str, Any], ended: int) -> None:
    assert stored(span(**fields))["ended_at"] == ended


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"trace_id": ...}, ["Trace can't be blank"]),
        ({"trace_id": {"a": 1}}, ["Trace can't be blank"]),
        ({"span_id": " "}, ["Span can't be blank"]),
        ({"started_at": "soon"}, ["Started at can't be blank"]),
        ({"started_at": True}, ["Started at can't be blank"]),
        (
            {"trace_id": "", "span_id": "", "started_at": "soon", "message": ""},
            ["Trace can't be blank", "Span can't be blank", "Started at can't be blank"],
        ),
    ],
)
def test_invalid_spans(fields: dict[str, Any], errors: list[str]) -> None:
    assert refusal(span(**fields)) == (422, {"errors": errors})


def test_what_is_stored_of_a_span() -> None:
    fields = {"name": "GET /", "kind": "server", "duration_ms": 5, "service": "api", "level": "info", "serial": 1}
    request = span(**fields, context={"IMEI": 1, "telemetryEvidence": 1, "route": "/"})
    assert context(request) == {
        "trace_id": "t1",
        "span_id": "s1",
        "span_kind": "server",
        "duration_ms": 5,
        "service": "api",
        "route": "/",
    }
    raw = stored(request)["raw"]
    raw.pop("context")
    assert raw == {"event_type": "span", "name": "GET /", "started_at": START}


def test_a_spans_id_is_made_of_its_ids() -> None:
    made = span_uuid(1, "t1", "s1")
    assert Uuid(made).version == 5
    assert Uuid(made).variant == "specified in RFC 4122"
    others = {span_uuid(2, "t1", "s1"), span_uuid(1, "t1s", "1"), span_uuid(1, "t2", "s1"), span_uuid(1, "t1", "s2")}
    assert len(others | {made}) == 5
    assert stored(span())["id"] == made


def test_replays_of_a_span() -> None:
    ledger = Ledger()
    _, first = ledger.send(span(uuid=UUID))
    assert first["id"] == UUID
    replay = (200, {**first, "duplicate": True})
    assert list(replay[1]) == ["id", "legacy_id", "status", "type", "duplicate"]
    assert ledger.send(span(uuid=UUID, name="other")) == replay
    assert ledger.send(span(uuid=OTHER_UUID)) == replay  # the same place in the same trace
    assert ledger.send(span()) == replay
    assert ledger.send(span(uuid=UUID, span_id="s2")) == replay  # the same UUID elsewhere
    assert ledger.send(span(span_id="s2"))[0] == 201


def test_a_span_without_a_uuid_answers_for_later_ones() -> None:
    ledger = Ledger()
    _, first = ledger.send(span())
    assert ledger.send(span()) == ledger.send(span(uuid=UUID)) == (200, {**first, "duplicate": True})
