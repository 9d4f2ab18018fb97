"""SeeStack's replay without a server: contract 1.6, its masking above all."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from bodies import bodies, document, text, values
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US
from seestack_bodies import check_any, invalid, problem, row, rows, submit, told, wrong

from headrace.dialects.seestack_fields import MAX_ITEMS
from headrace.dialects.seestack_masking import MASK, mask

EVENT: dict[str, Any] = {
    "eventType": "input",
    "eventData": '{"tag":"input"}',
    "url": "https://shop.example/?q=1",
    "timestampMillis": NOW_US // 1000 - 5,
}


def replay(*events: Any, **more: Any) -> dict[str, Any]:
    return {"fingerprint": "f1", "sessionId": "s1", "events": list(events), **more}


# --- masking


@pytest.mark.parametrize(
    ("data", "masked"),
    [
        # 1: the value of a password input
        ('{"type":"password","value":"hunter2"}', '{"type":"password","value":"%s"}'),
        (
            '{"type" : "password" , "name":"p", "value" : "hunter2"}',
            '{"type" : "password" , "name":"p", "value" : "%s"}',
        ),
        ('{"type":"password","value":""}', '{"type":"password","value":"%s"}'),
        (r'{"type":"password","value":"a\"b\\"}', '{"type":"password","value":"%s"}'),
        (
            '{"type":"password","style":{"a":{}},"value":"hunter2"}',
            '{"type":"password","style":{"a":{}},"value":"%s"}',
        ),
        (
            '[{"type":"password","value":"a"},{"type":"text","value":"b"}]',
            '[{"type":"password","value":"%s"},{"type":"text","value":"b"}]',
        ),
        ('{"type":"password"},{"value":"b"}', '{"type":"password"},{"value":"b"}'),
        ('{"type":"password","in":{"value":"b"}}', '{"type":"password","in":{"value":"b"}}'),
        ('{"in":{"type":"password"},"value":"b"}', '{"in":{"type":"password"},"value":"b"}'),
        ('{"value":"b","type":"password"}', '{"value":"b","type":"password"}'),
        ('{"type":"text","value":"b"}', '{"type":"text","value":"b"}'),
        ('{"type":"password","value":7}', '{"type":"password","value":7}'),
        ('{"type":"password","note":"a } b","value":"c"}', '{"type":"password","note":"a } b","value":"%s"}'),
        # 2: card numbers
        ("4111111111111234", "****-****-****-1234"),
        ('{"t":"4111 1111 1111 1234."}', '{"t":"****-****-****-1234."}'),
        ("4111-1111-1111-1234", "****-****-****-1234"),
        ("4111-11111111 1234", "****-****-****-1234"),
        ("41111111111112345", "41111111111112345"),
        ("411111111111123", "411111111111123"),
        ("4111--1111-1111-1234", "4111--1111-1111-1234"),
        ('{"at":1743588000000}', '{"at":1743588000000}'),
        ('{"x":0.5423728813559322,"n":4111111111111234}', '{"x":0.5423728813559322,"n":****-****-****-1234}'),
        ("x4111111111111234y", "x****-****-****-1234y"),
        # 3: keys that name secrets
        *[
            (f'{{"{key}":"s"}}', f'{{"{key}":"%s"}}')
            for key in ("password", "secret", "token", "ssn", "cvv", "cvc", "pin")
        ],
        ('{"Password" : "s", "TOKEN":"t"}', '{"Password" : "%s", "TOKEN":"%s"}'),
        (r'{"token":"a\"b","x":"c"}', '{"token":"%s","x":"c"}'),
        ('{"pin":1234,"pins":"5"}', '{"pin":1234,"pins":"5"}'),
        # all of them at once, and text that is no JSON
        (
            '{"type":"password","value":"4111111111111234","card":"4111111111115678","cvv":"123"}',
            '{"type":"password","value":"%s","card":"****-****-****-5678","cvv":"%s"}',
        ),
        ("", ""),
        ('"', '"'),
        ('}}{"type":"password","value":"a"', '}}{"type":"password","value":"%s"'),
        ('{"type":"password","value":"open', '{"type":"password","value":"open'),
    ],
)
def test_masking(data: str, masked: str) -> None:
    expected = masked.replace("%s", MASK)
    assert mask(data) == expected
    stored = json.loads(row("replay", replay(EVENT | {"eventData": data}))["raw"])
    assert stored["eventData"] == expected


@pytest.mark.parametrize(
    "piece",
    [
        *('"type":"password"', '{"type":"password",', '"value":"', '{"a":', '"pin":"', '"pin"  ', '"token":"\\', "}"),
        *('\\"', "1234-", "1111 ", "{", '"'),
    ],
)
def test_masking_takes_time_in_proportion(piece: str) -> None:
    """A body of 1 MiB made to hurt: were any rule quadratic it would take minutes."""
    started = time.process_time()
    mask(piece * ((1 << 20) // len(piece)))
    assert time.process_time() - started < 30


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(['"type":"password"', '"value":"x"', "{", "}", ",", '"pin":"y"', '"'])).map("".join)
)
def test_masking_takes_any_text(data: str) -> None:
    assert isinstance(mask(data), str)


@given(values)
def test_whatever_lies_between_hides_no_password(value: Any) -> None:
    body = json.dumps({"type": "password", "more": value, "value": "hunter2-hunter2", "pin": "tiger-tiger"})
    assert "hunter2-hunter2" not in mask(body)
    assert "tiger-tiger" not in mask(body)


# --- what is stored


def test_an_event_becomes_a_row() -> None:
    stored = row("replay", replay(EVENT | {"unknown": "never masked, so not kept"}))
    assert stored.pop("id")
    assert json.loads(stored.pop("raw")) == EVENT
    shown = {key: value for key, value in stored.items() if value != ""}
    assert shown == {
        "project": 1,
        "ts": NOW_US - 5_000,
        "received_at": NOW_US,
        "ts_source": "exact",
        "dialect": "seestack",
        "session_id": "s1",
        "fingerprint": "f1",
        "event_type": "input",
        "url": EVENT["url"],
    }


@pytest.mark.parametrize("count", [1, 2, 250])
def test_the_answer_counts_the_events(count: int) -> None:
    submission = submit("replay", replay(*[EVENT] * count))
    status, body = told(submission)
    assert (status, body["success"], body["data"]) == (202, True, {"eventsReceived": count})
    assert len({stored["id"] for stored in rows(submission)}) == count


@pytest.mark.parametrize(
    ("sent", "ts", "source", "kept"),
    [
        (..., NOW_US, "received", ""),
        (None, NOW_US, "received", ""),
        (0, NOW_US, "received", ""),
        (NOW_US // 1000 - 1, NOW_US - 1_000, "exact", ""),
        (str(NOW_US // 1000 - 1), NOW_US - 1_000, "exact", ""),
        (NOW_US // 1000 - 0.5, NOW_US - 500, "exact", ""),
        (NOW_US // 1_000_000 - 1, NOW_US - 1_000_000, "exact", ""),  # seconds
        (NOW_US // 1000 + 300_000, NOW_US + 300_000_000, "exact", ""),
        (NOW_US // 1000 + 300_001, NOW_US, "received", str(NOW_US // 1000 + 300_001)),
        (2**63 - 1, NOW_US, "received", str(2**63 - 1)),
        (-1, NOW_US, "received", "-1"),
    ],
    ids=str,
)
def test_times(sent: Any, ts: int, source: str, kept: str) -> None:
    event = {key: value for key, value in (EVENT | {"timestampMillis": sent}).items() if value is not ...}
    stored = row("replay", replay(event))
    assert (stored["ts"], stored["ts_source"], stored["ts_sent"]) == (ts, source, kept)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (replay(EVENT, fingerprint=" "), invalid(fingerprint="must not be blank")),
        (replay(EVENT, sessionId=None), invalid(sessionId="must not be blank")),
        (replay(), invalid(events="must not be empty")),
        (replay(events=None), invalid(events="must not be empty")),
        (replay(EVENT, None), invalid(**{"events[1]": "must not be null"})),
        (replay(EVENT, {"eventType": "x"}), invalid(**{"events[1].eventData": "must not be null"})),
        (replay(events={}), wrong("events")),
        (replay(EVENT, "x"), wrong("events[1]")),
        (replay({"eventData": {}}), wrong("events[0].eventData")),
        (replay({"eventData": "", "eventType": []}), wrong("events[0].eventType")),
        (replay({"eventData": "", "url": {}}), wrong("events[0].url")),
        (replay({"eventData": "", "timestampMillis": "noon"}), wrong("events[0].timestampMillis")),
        (replay({"eventData": "", "timestampMillis": 2**63}), wrong("events[0].timestampMillis")),
        (replay({"eventData": "", "timestampMillis": True}), wrong("events[0].timestampMillis")),
    ],
)
def test_what_is_refused(body: Any, expected: Any) -> None:
    assert problem("replay", body) == expected


@pytest.mark.parametrize("count", [MAX_ITEMS - 1, MAX_ITEMS, MAX_ITEMS + 1])
def test_the_number_of_events(count: int) -> None:
    body = replay(*[{"eventData": ""}] * count)
    if count <= MAX_ITEMS:
        assert told(submit("replay", body))[0] == 202
    else:
        assert problem("replay", body) == invalid(events=f"size must be between 0 and {MAX_ITEMS}")


def test_only_event_data_is_needed() -> None:
    stored = row("replay", replay({"eventData": 5}))
    assert json.loads(stored["raw"]) == {"eventType": "", "eventData": "5", "url": ""}


_events = document(
    {"eventData": text},
    {"eventType": text, "url": text | st.none(), "timestampMillis": st.integers(-1, 2**63) | st.floats() | text},
)
_replays = document({"fingerprint": text, "sessionId": text, "events": st.lists(_events, max_size=3)}, {})


@given(bodies(_replays))
def test_any_replay_is_stored_or_refused(body: bytes) -> None:
    check_any("replay", body)
