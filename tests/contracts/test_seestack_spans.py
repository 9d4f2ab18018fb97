"""SeeStack's spans and its clients' database queries without a server: contract 1.7, 3.4 and the rulings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bodies import bodies, document, numbers, text, values
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US
from seestack_bodies import check_any, invalid, problem, row, rows, submit, told, wrong

from headrace.dialects.seestack_fields import MAX_ITEMS
from headrace.records.times import EARLIEST_US

BEGAN = NOW_US // 1000 - 500
SPAN: dict[str, Any] = {
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
    "spanId": "00f067aa0ba902b7",
    "parentSpanId": "",
    "operation": "http.request",
    "description": "GET /orders",
    "status": "ok",
    "durationMs": 120,
    "startTimeMillis": BEGAN,
    "endTimeMillis": BEGAN + 120,
    "service": "shop",
    "environment": "staging",
    "tags": {"http.status": 200, "cached": True, "deep": {"a": 1}},
    "data": "{}",
}
QUERY: dict[str, Any] = {
    "normalizedQuery": "SELECT * FROM orders WHERE id = ?",
    "queryHash": "41ba9e300c91b48b",
    "queryType": "SELECT",
    "durationMs": 40,
    "timestampMillis": BEGAN,
    "status": "success",
    "errorMessage": "",
    "databaseName": "shop",
    "databaseType": "postgresql",
    "service": "api",
    "environment": "staging",
    "traceId": "t1",
    "spanId": "p1",
    "rowsAffected": -1,
}
LIST = {"spans": SPAN, "db": QUERY}
FIELD = {"spans": "spans", "db": "queries"}
BOTH = pytest.mark.parametrize("name", LIST)


def one(name: str, **change: Any) -> dict[str, Any]:
    item = {key: value for key, value in (LIST[name] | change).items() if value is not ...}
    return row(name, {FIELD[name]: [item]})


def test_a_span_becomes_a_row() -> None:
    stored = one("spans")
    assert stored.pop("id")
    assert json.loads(stored.pop("raw")) == SPAN
    assert {key: value for key, value in stored.items() if value != ""} == {
        "project": 1,
        "ts": BEGAN * 1000,
        "received_at": NOW_US,
        "ts_source": "exact",
        "dialect": "seestack",
        "environment": "staging",
        "service": "shop",
        "trace_id": SPAN["traceId"],
        "span_id": SPAN["spanId"],
        "ended_at": (BEGAN + 120) * 1000,
        "name": "GET /orders",
        "operation": "http.request",
        "status": "ok",
        "duration_ms": 120.0,
        "labels": {"http.status": "200", "cached": "true"},
    }


def test_a_query_becomes_a_span() -> None:
    """Clients tell of a query when it has ended."""
    stored = one("db")
    assert stored.pop("id")
    assert json.loads(stored.pop("raw")) == QUERY
    assert {key: value for key, value in stored.items() if value != ""} == {
        "project": 1,
        "ts": (BEGAN - 40) * 1000,
        "received_at": NOW_US,
        "ts_source": "exact",
        "dialect": "seestack",
        "environment": "staging",
        "service": "api",
        "trace_id": "t1",
        "span_id": "p1",
        "ended_at": BEGAN * 1000,
        "name": QUERY["normalizedQuery"],
        "operation": "db.query",
        "kind": "db",
        "status": "ok",
        "duration_ms": 40.0,
        "labels": {
            "db.system": "postgresql",
            "db.name": "shop",
            "db.operation": "SELECT",
            "db.query_hash": "41ba9e300c91b48b",
        },
    }


@BOTH
@pytest.mark.parametrize("count", [1, 2, 300])
def test_the_answer_counts_the_items(name: str, count: int) -> None:
    submission = submit(name, {FIELD[name]: [LIST[name]] * count})
    assert told(submission) == (202, {"ok": True, "accepted": count})
    assert len({stored["id"] for stored in rows(submission)}) == count


@pytest.mark.parametrize(
    ("change", "column", "stored"),
    [
        ({"parentSpanId": "p0"}, "parent_span_id", "p0"),
        ({"parentSpanId": None}, "parent_span_id", ""),
        ({"description": ""}, "name", "http.request"),
        ({"description": {}}, "name", "http.request"),
        ({"operation": ...}, "operation", ""),
        ({"status": "timeout"}, "status", "timeout"),
        ({"tags": None}, "labels", {}),
        ({"tags": [1]}, "labels", {}),
        ({"durationMs": ...}, "duration_ms", 120.0),
        ({"durationMs": "x"}, "duration_ms", 120.0),
        ({"durationMs": -1}, "duration_ms", 120.0),
        ({"durationMs": 10**13}, "duration_ms", 120.0),
        ({"durationMs": ..., "endTimeMillis": ...}, "duration_ms", 0.0),
        ({"durationMs": ..., "endTimeMillis": BEGAN - 1}, "duration_ms", 0.0),
        ({"endTimeMillis": ...}, "ended_at", (BEGAN + 120) * 1000),
        ({"endTimeMillis": 2**70}, "ended_at", (BEGAN + 120) * 1000),
        ({"endTimeMillis": 0, "durationMs": 10**12}, "ended_at", NOW_US + 300_000_000),
        ({"startTimeMillis": 0}, "ts", NOW_US),
        ({"startTimeMillis": ...}, "ts_source", "received"),
        ({"startTimeMillis": []}, "ts", NOW_US),
        ({"startTimeMillis": 2**70}, "ts_sent", str(2**70)),
        ({"spanId": 7}, "span_id", "7"),
        ({"release": "1.4.2"}, "release", "1.4.2"),
    ],
    ids=str,
)
def test_values_of_a_span(change: dict[str, Any], column: str, stored: Any) -> None:
    assert one("spans", **change)[column] == stored


@pytest.mark.parametrize(
    ("change", "column", "stored"),
    [
        ({"status": "error"}, "status", "error"),
        ({"durationMs": None}, "ts", BEGAN * 1000),
        ({"timestampMillis": ...}, "ended_at", NOW_US),
        ({"durationMs": 10**12}, "ts", EARLIEST_US),
        ({"parentSpanId": "p0"}, "parent_span_id", "p0"),
    ],
    ids=str,
)
def test_values_of_a_query(change: dict[str, Any], column: str, stored: Any) -> None:
    assert one("db", **change)[column] == stored


def test_what_went_wrong_with_a_query() -> None:
    labels = one("db", status="error", errorMessage="no such table", rowsAffected=0)["labels"]
    assert (labels["error"], labels["db.rows"]) == ("no such table", "0")


@pytest.mark.parametrize(
    ("name", "items", "expected"),
    [
        *[(name, items, "must not be empty") for name in LIST for items in (..., None, [])],
        *[(name, [LIST[name]] * (MAX_ITEMS + 1), f"size must be between 0 and {MAX_ITEMS}") for name in LIST],
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_number_of_items(name: str, items: Any, expected: str) -> None:
    assert problem(name, {FIELD[name]: items}) == invalid(**{FIELD[name]: expected})


@pytest.mark.parametrize("count", [MAX_ITEMS - 1, MAX_ITEMS])
@BOTH
def test_the_largest_number_of_items(name: str, count: int) -> None:
    assert told(submit(name, {FIELD[name]: [LIST[name]] * count}))[1]["accepted"] == count


@pytest.mark.parametrize(
    ("name", "items", "expected"),
    [
        ("spans", [SPAN | {"traceId": ""}], invalid(**{"spans[0].traceId": "must not be blank"})),
        ("spans", [SPAN, {"traceId": "t"}], invalid(**{"spans[1].spanId": "must not be blank"})),
        ("spans", [None], invalid(**{"spans[0]": "must not be null"})),
        ("spans", [SPAN, "x"], wrong("spans[1]")),
        ("spans", {}, wrong("spans")),
        ("spans", [SPAN | {"spanId": []}], wrong("spans[0].spanId")),
        ("db", [QUERY, {}], invalid(**{"queries[1].normalizedQuery": "must not be blank"})),
        ("db", [QUERY | {"normalizedQuery": {}}], wrong("queries[0].normalizedQuery")),
    ],
)
def test_what_is_refused(name: str, items: Any, expected: Any) -> None:
    assert problem(name, {FIELD[name]: items}) == expected


_times = numbers | text | st.none()
_spans = document(
    {"traceId": text, "spanId": text, "normalizedQuery": text},
    {
        "durationMs": _times,
        "startTimeMillis": _times,
        "endTimeMillis": _times,
        "timestampMillis": _times,
        "tags": values,
    },
)


@given(bodies(document({"spans": st.lists(_spans, max_size=3), "queries": st.lists(_spans, max_size=3)}, {})))
def test_any_list_is_stored_or_refused(body: bytes) -> None:
    for name in LIST:
        check_any(name, body)
