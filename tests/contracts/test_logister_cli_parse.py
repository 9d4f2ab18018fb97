"""What a command line asks, read from its query; cursors; what is masked; how a monitor is (logister.md 1.11, 2.6)."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from headrace.api.compat.base import CompatServices
from headrace.api.compat.logister_cli import handlers
from headrace.api.compat.logister_cli_asked import CURSOR_MAX, RANGE_MAX_US, RANGE_US, Cursors, Query
from headrace.api.compat.logister_cli_events import wanted_events
from headrace.api.compat.logister_cli_reading import Reading
from headrace.api.compat.logister_cli_redact import REDACTED, redacted
from headrace.api.compat.logister_cli_shown import CONTEXT_MAX, MESSAGE_MAX, event
from headrace.api.compat.logister_cli_watching import status_at
from headrace.api.services import device_logins
from headrace.catalog.monitors import MonitorRow
from headrace.dialects.base import Refusal
from headrace.dialects.logister_cli import SCOPES
from headrace.records.intents import Answer
from headrace.store import BudgetExceeded, StoreUnavailable
from headrace.store.filters import Filter

NOW = 1_775_000_000_000_000
SECOND, MINUTE, DAY = 1_000_000, 60_000_000, 86_400_000_000


def refused(call: Any, *args: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as error:
        call(*args)
    body = error.value.answer.body.decode()
    return error.value.answer.status, body


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        ("", (NOW - RANGE_US, NOW, True)),
        ("since=1m", (NOW - MINUTE, NOW, True)),
        ("since=2h", (NOW - 120 * MINUTE, NOW, True)),
        ("since=90d", (NOW - RANGE_MAX_US, NOW, True)),
        ("since=12w", (NOW - 84 * DAY, NOW, True)),
        ("until=2026-03-30T00:00:00Z", (1_774_742_400 * SECOND, 1_774_828_800 * SECOND, False)),
        ("since=2026-03-30T00:00:00&until=2026-03-30T00:00:00.000001Z", (1_774_828_800 * SECOND, 1_774_828_800 * SECOND + 1, False)),
        ("since=2026-03-30T02:00:00+02:00", (1_774_828_800 * SECOND, NOW, True)),
        ("since=2026-03-30T02:00:00%2B02:00", (1_774_828_800 * SECOND, NOW, True)),
        ("since=&until=", (NOW - RANGE_US, NOW, True)),
    ],
)  # fmt: skip
def test_ranges(sent: str, wanted: tuple[int, int, bool]) -> None:
    assert Query(sent.encode()).range(NOW) == wanted


@pytest.mark.parametrize(
    ("sent", "parameter"),
    [
        ("since=91d", "since"),
        ("since=0h", "since"),
        ("since=13w", "since"),
        ("since=1y", "since"),
        ("since=-1h", "since"),
        ("since=999999999w", "since"),
        ("since=%D9%A1h", "since"),
        ("until=1h", "until"),
        ("until=yesterday", "until"),
        ("since=2026-03-30T00:00:00Z&until=2026-03-30T00:00:00Z", "since"),
        ("since=2030-01-01T00:00:00Z", "since"),
    ],
)
def test_ranges_that_cannot_be(sent: str, parameter: str) -> None:
    status, body = refused(Query(sent.encode()).range, NOW)
    assert status == 422
    assert f'"parameter":"{parameter}"' in body
    assert '"code":"invalid_parameter"' in body


@pytest.mark.parametrize(("sent", "found"), [("", 50), ("1", 1), ("100", 100), ("0", None), ("101", None), ("x", None), ("1.0", None), ("²", None), ("1" * 99, None)])  # fmt: skip
def test_limits(sent: str, found: int | None) -> None:
    query = Query(f"limit={sent}".encode())
    if found is None:
        assert refused(query.limit)[0] == 422
    else:
        assert query.limit() == found


@pytest.mark.parametrize(("sent", "found"), [("0", 0.0), ("86400000", 86_400_000.0), ("1.5", 1.5), ("86400001", None), ("-1", None), ("nan", None), ("inf", None), ("x", None)])  # fmt: skip
def test_durations(sent: str, found: float | None) -> None:
    query = Query(f"min_duration_ms={sent}".encode())
    if found is None:
        assert refused(query.milliseconds, "min_duration_ms")[0] == 422
    else:
        assert query.milliseconds("min_duration_ms") == found


def test_texts_and_repeated_parameters() -> None:
    query = Query(b"q=+a+&q=b&attribute[]=x=1&attribute=y=2&attribute[]=x=1&bad=%ff&nul=%00")
    assert query.text("q") == "a"
    assert query.several("attribute") == ["x=1", "y=2"]
    assert query.get("nul") == "\ufffd"
    assert query.get("bad") == "\ufffd"
    assert Query(b"q=" + b"x" * 200).text("q") == "x" * 200
    assert refused(Query(b"q=" + b"x" * 201).text, "q")[0] == 422
    assert Query(b"window=6H").choice("window", ("1h", "6h")) == "6h"
    assert refused(Query(b"window=2h").choice, "window", ("1h", "6h"))[0] == 422


def test_filters_of_events() -> None:
    assert wanted_events(Query(b"")) == Filter(within=wanted_events(Query(b"")).within)
    asked = wanted_events(
        Query(b"type=log,error&level=warn,+error&environment=production&status=500,404&q=x&min_duration_ms=3")
    )
    assert asked.equals == {
        "type": ["log", "error"],
        "level": ["warn", "error"],
        "environment": ["production", ""],
        "status": ["500", "404"],
    }
    assert (asked.text, asked.least_ms, asked.outcome) == ("x", 3.0, "")
    assert wanted_events(Query(b"status=Failed")).outcome == "errored"
    assert wanted_events(Query(b"status=success&type=all")) == wanted_events(Query(b"status=ok"))
    assert wanted_events(Query(b"event_type=log")).equals == {"type": ["log"]}
    for bad in (b"type=span", b"type=log,nope", b"level=" + b"x" * 33, b"level=" + b"a," * 11):
        assert refused(wanted_events, Query(bad))[0] == 422


def test_a_cursor_is_good_for_its_own_list_alone() -> None:
    own = Cursors("events", "p1", {"type": ["log"]})
    made = own.make(7, "id")
    assert own.read(made, int, str) == [7, "id"]
    assert own.read("", int, str) is None
    others = [
        Cursors("traces", "p1", {"type": ["log"]}),
        Cursors("events", "p2", {"type": ["log"]}),
        Cursors("events", "p1", {}),
    ]
    for other in others:
        assert refused(other.read, made, int, str) == refused(own.read, "nonsense", int, str)
    for bad in (
        made[:-2],
        made + "AAAA",
        own.make("7", "id"),
        own.make(7),
        own.make(True, "id"),
        "é",
        "=",
        "W10",
        "bnVsbA",
        "x" * (CURSOR_MAX + 1),
    ):
        status, body = refused(own.read, bad, int, str)
        assert (status, '"code":"invalid_cursor"' in body) == (422, True), bad


def test_what_is_masked() -> None:
    sent = {
        "password": "p",
        "user": {"email": "a@b.co", "id": 7, "name": "Ann"},
        "request": {"headers": {"Authorization": "Bearer x", "X-Api-Key": "k", "accept": "*/*"}, "cookies": {"a": "b"}},
        "accessToken": "t",
        "tokens": [1, 2],
        "private-key": {"pem": "x"},
        "list": [{"secret": "s"}, "plain"],
        "has_password": True,
        "token": None,
        "trace_id": "t1",
        "keyboard": "qwerty",
        "monkey": "see",
        "pinned": "yes",
        "author": "Ann",
    }
    found = redacted(sent)
    assert found["user"] == {"email": REDACTED, "id": 7, "name": "Ann"}
    assert found["request"] == {
        "headers": {"Authorization": REDACTED, "X-Api-Key": REDACTED, "accept": "*/*"},
        "cookies": REDACTED,
    }
    assert found["list"] == [{"secret": REDACTED}, "plain"]
    masked = {name for name in sent if found[name] == REDACTED}
    assert masked == {"password", "accessToken", "tokens", "private-key"}
    for name in ("has_password", "token", "trace_id", "keyboard", "monkey", "pinned", "author"):
        assert found[name] == sent[name]
    deep: Any = "secret"
    for _ in range(300):
        deep = [deep]
    assert "secret" not in repr(redacted(deep))


def row(**more: Any) -> dict[str, Any]:
    texts = (
        "level",
        "fingerprint",
        "environment",
        "release",
        "name",
        "trace_id",
        "request_id",
        "session_id",
        "user_id",
        "status",
    )
    return dict.fromkeys(texts, "") | {
        "id": "u", "type": "log", "message": "m", "ts": 1, "received_at": 2, "labels": {}, "duration_ms": None, "dialect": "logister", "raw": "{}",
    } | more  # fmt: skip


def test_what_is_nothing_is_left_out() -> None:
    assert event(row()) == {
        "uuid": "u",
        "event_type": "log",
        "message": "m",
        "occurred_at": "1970-01-01T00:00:00.000001Z",
        "created_at": "1970-01-01T00:00:00.000002Z",
    }
    shown = event(row(type="transaction", name="GET /", duration_ms=0.0, status="500"), "g")
    assert {name: shown[name] for name in ("transaction_name", "duration_ms", "status", "error_group_uuid")} == {
        "transaction_name": "GET /",
        "duration_ms": 0.0,
        "status": "500",
        "error_group_uuid": "g",
    }


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_long_messages_and_contexts(over: int) -> None:
    assert event(row(message="x" * (MESSAGE_MAX + over))).get("summary_truncated", False) == (over > 0)
    raw = '{"context":{"a":"' + "x" * (CONTEXT_MAX + over - 20) + '"}}'
    assert len(raw) == CONTEXT_MAX + over
    shown = event(row(raw=raw), context=True)
    assert ("context" in shown, shown.get("context_truncated", False)) == (over <= 0, over > 0)
    other = event(row(dialect="seestack", raw='{"message":"m","token":"t"}'), context=True)
    assert other["context"] == {"message": "m", "token": REDACTED}
    assert event(row(raw="no json"), context=True)["context"] == {}


def monitor(**more: Any) -> MonitorRow:
    given: dict[str, Any] = {
        "id": "m",
        "project": 1,
        "slug": "s",
        "environment": "production",
        "name": "s",
        "interval_s": 300,
    }
    given |= {
        "interval_edited": False,
        "state": "ok",
        "last_check_in_at": NOW,
        "last_received_at": NOW,
        "last_status": "ok",
    }
    given |= {
        "last_duration_ms": None,
        "last_message": "",
        "last_event_id": "",
        "created_at": NOW - DAY,
        "created_by": "dialect",
    }
    return MonitorRow(**(given | more))


@pytest.mark.parametrize(
    ("given", "after_s", "status"),
    [
        ({}, 450, "ok"),
        ({}, 450.000001, "missed"),
        ({"interval_s": 10}, 40, "ok"),  # half the interval, at least 30 s
        ({"interval_s": 10}, 40.000001, "missed"),
        ({"interval_s": 301}, 451, "ok"),  # half of it, rounded down
        ({"interval_s": 301}, 451.000001, "missed"),
        ({"state": "error"}, 1, "error"),
        ({"state": "error"}, 10**6, "error"),
        ({"state": "error", "active": False}, 1, "paused"),
        ({"active": False}, 10**6, "paused"),
        ({"state": "new", "last_check_in_at": None, "created_at": NOW}, 450, "ok"),
        ({"state": "new", "last_check_in_at": None, "created_at": NOW}, 450.000001, "missed"),
        ({"schedule": "1h", "interval_s": 3_600, "grace_min": 5}, 3_900, "ok"),
        ({"schedule": "1h", "interval_s": 3_600, "grace_min": 5}, 3_900.000001, "missed"),
    ],
)  # fmt: skip
def test_how_a_monitor_is(given: dict[str, Any], after_s: float, status: str) -> None:
    assert status_at(monitor(**given), NOW + round(after_s * SECOND)) == status


class FakeStore:
    """A store whose every question ends in ``error``."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def query(self, *_: Any) -> Any:
        raise self.error


def asked_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any], Any]:
    """Status, body and headers of a read of events while the store answers with ``error``."""
    place = SimpleNamespace(info=SimpleNamespace(number=1, id="p", slug="shop"), actor=None)
    monkeypatch.setattr(device_logins, "place", lambda *_: place)
    monkeypatch.setattr(Reading, "segment", 7)
    key = SimpleNamespace(account="a", bindings={"scopes": list(SCOPES)})
    request = SimpleNamespace(key=key, params={"project": "shop"}, address="", query_bytes=lambda: b"")
    services = CompatServices(SimpleNamespace(now=lambda: NOW), lambda: FakeStore(error))  # type: ignore[arg-type, return-value]
    answer = asyncio.run(handlers(services)["logister_cli.events"](request))  # type: ignore[arg-type]
    assert isinstance(answer, Answer)
    return answer.status, json.loads(answer.body), dict(answer.headers)


@pytest.mark.parametrize(
    ("error", "code"),
    [(BudgetExceeded("time"), "query_timeout"), (BudgetExceeded("rows"), "query_timeout"), (StoreUnavailable("x"), "unavailable")],
)  # fmt: skip
def test_a_store_that_does_not_answer(error: Exception, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    status, body, headers = asked_with(error, monkeypatch)
    assert (status, body["code"], set(body)) == (503, code, {"error", "code", "message"})
    assert headers[b"cache-control"] == b"no-store"


def test_all_questions_of_a_request_share_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    request = SimpleNamespace(query_bytes=lambda: b"")
    services = CompatServices(SimpleNamespace(now=lambda: NOW), lambda: None)  # type: ignore[arg-type, return-value]
    reading = Reading(services, request)  # type: ignore[arg-type]
    found = []
    for after in (0.0, 5.0, 14.95, 60.0):
        clock[0] = 100.0 + after
        found.append(reading.budget.seconds)
    assert found == [15.0, 10.0, 0.1, 0.1]
