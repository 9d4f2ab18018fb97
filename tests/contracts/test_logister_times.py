"""When a Logister event happened (contract 1.6; the rulings' clamp)."""

from __future__ import annotations

from typing import Any

import pytest
from inbound import NOW_US
from logister_requests import event, intent, stored

from headrace.records.tables import PointFlag

NOW_TEXT = "2026-04-02T10:00:00.000000Z"
BEFORE_US = NOW_US - 3_600_000_000  # 09:00


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
