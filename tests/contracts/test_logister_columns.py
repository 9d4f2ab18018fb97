"""What is read from a Logister event for filters, charts and monitors (contract 2.1, 2.5, 2.6)."""

from __future__ import annotations

from typing import Any

import pytest
from inbound import NOW_US
from logister_requests import UUID, event, intent, post, stored

from headrace.records.intents import CheckInFact, PointIn


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
    "value", [None, True, "", "x", "1e999", "nan", 10**400, [1], {"a": 1}], ids=lambda v: repr(v)[:9]
)
def test_a_metric_without_a_value_is_none(value: Any) -> None:
    assert not intent(event(event_type="metric", context={"value": value})).points


def test_names_of_points_end_at_255_characters() -> None:
    for length, count in ((254, 1), (255, 1), (256, 0)):
        assert len(intent(event(event_type="metric", message="n" * length, context={"value": 1})).points) == count


def test_only_metrics_are_points() -> None:
    assert not intent(event(event_type="log", context={"value": 1})).points


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
