"""Logister's ``/api/v1/ingest_events`` (contract 1.3, 1.4): envelopes, the order of checks, and every text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from logister_requests import UUID, event, log, post, stored
from outcomes import refusal

from headrace.dialects.base import Refusal
from headrace.dialects.logister_answers import MESSAGE_BLANK, TYPE_UNKNOWN, UUID_INVALID

MISSING = {"error": "param is missing or the value is empty or invalid: event"}


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
