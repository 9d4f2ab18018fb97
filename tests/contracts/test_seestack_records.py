"""SeeStack's errors and logs without a server: contract 1.2, 1.4, 1.5, 1.8, 1.11 and the grouping of 2.2."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from bodies import bodies, document, text, values
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US
from seestack_bodies import check_any, invalid, problem, row, submit, told, wrong

from headrace.dialects import seestack_errors, seestack_fields, seestack_logs
from headrace.dialects.base import Refusal
from headrace.dialects.seestack_errors import fingerprint
from headrace.dialects.seestack_fields import MAX_LABEL, MAX_LABELS, fast_object
from headrace.dialects.seestack_forms import read_object

ERROR: dict[str, Any] = {"exceptionClass": "TypeError", "message": "x is undefined"}
LOG: dict[str, Any] = {"level": "warn", "message": "slow query"}
GOOD = {"errors": ERROR, "logs": LOG}
BOTH = pytest.mark.parametrize("name", GOOD)


# --- what is stored


@BOTH
def test_the_answer_names_the_event(name: str) -> None:
    submission = submit(name, GOOD[name])
    status, body = told(submission)
    assert status == 202
    assert list(body) == ["success", "data", "meta"]
    assert body["success"] is True
    assert body["data"] == {"id": row_id(submission)}
    assert UUID(body["meta"]["requestId"]).version == 4
    assert body["meta"]["timestamp"].endswith("Z")
    assert submit(name, GOOD[name]).intents[0].rows[0] != submission.intents[0].rows[0], (
        "each event has an id of its own"
    )


def row_id(submission: Any) -> str:
    return submission.intents[0].rows[0].values[6]


def test_an_error_with_everything() -> None:
    sent = ERROR | {
        "stackTrace": ["at a (a.js:1)", None, "at b (b.js:2)"],
        "level": "warning",
        "environment": "staging",
        "release": "1.4.2",
        "user": {"id": "u1", "email": "a@b.co", "ip": "10.0.0.1"},
        "metadata": {"order": 7, "traceId": "from metadata", "nested": {"a": 1}},
        "sessionId": "s1",
        "traceId": "t1",
        "spanId": "p1",
        "requestId": "r1",
        "service": "shop",
        "breadcrumbs": [{"type": "http", "message": "GET /", "level": "info", "timestamp": "x"}],
        "requestContext": {"method": "GET"},
        "projectId": "not looked at",
    }
    stored = row("errors", sent)
    UUID(stored.pop("id"))
    assert json.loads(stored.pop("raw")) == sent
    assert stored == {
        "project": 1,
        "ts": NOW_US,
        "received_at": NOW_US,
        "ts_source": "received",
        "ts_sent": "",
        "dialect": "seestack",
        "environment": "staging",
        "release": "1.4.2",
        "service": "shop",
        "trace_id": "t1",
        "span_id": "p1",
        "parent_span_id": "",
        "request_id": "r1",
        "session_id": "s1",
        "user_id": "u1",
        "type": "error",
        "level": "warning",
        "name": "TypeError",
        "message": "x is undefined",
        "fingerprint": fingerprint("TypeError", ["at a (a.js:1)", "at b (b.js:2)"]),
        "status": "",
        "duration_ms": None,
        "value": None,
        "labels": {"order": "7"},
    }


def test_a_log_with_everything() -> None:
    sent = LOG | {
        "service": "api",
        "traceId": "t1",
        "metadata": {"table": "orders", "spanId": "not this one"},
        "environment": "staging",
        "release": "2",
        "spanId": "p1",
        "parentSpanId": "p0",
        "requestId": "r1",
        "sessionId": "s1",
        "userId": "u1",
        "errorId": "e1",
    }
    stored = row("logs", sent)
    assert json.loads(stored["raw"]) == sent
    shown = {key: value for key, value in stored.items() if value not in ("", None) and key not in ("raw", "id")}
    assert shown == {
        "project": 1,
        "ts": NOW_US,
        "received_at": NOW_US,
        "ts_source": "received",
        "dialect": "seestack",
        "environment": "staging",
        "release": "2",
        "service": "api",
        "trace_id": "t1",
        "span_id": "p1",
        "parent_span_id": "p0",
        "request_id": "r1",
        "session_id": "s1",
        "user_id": "u1",
        "type": "log",
        "level": "warn",
        "message": "slow query",
        "labels": {"table": "orders", "errorId": "e1"},
    }


@pytest.mark.parametrize("name", ["traceId", "spanId", "requestId"])
@pytest.mark.parametrize("endpoint", GOOD)
def test_ids_are_also_found_in_the_metadata(endpoint: str, name: str) -> None:
    column = {"traceId": "trace_id", "spanId": "span_id", "requestId": "request_id"}[name]
    stored = row(endpoint, GOOD[endpoint] | {"metadata": {name: "m"}})
    assert (stored[column], stored["labels"]) == ("m", {})
    assert row(endpoint, GOOD[endpoint] | {name: "own", "metadata": {name: "m"}})[column] == "own"


@pytest.mark.parametrize(
    ("endpoint", "field", "value", "column", "stored"),
    [
        ("errors", "level", None, "level", "error"),
        ("errors", "level", ..., "level", "error"),
        *[("errors", "level", level, "level", level) for level in seestack_errors.LEVELS],
        *[("logs", "level", level, "level", level) for level in seestack_logs.LEVELS],
        ("errors", "message", 5, "message", "5"),
        ("errors", "message", "a\x00\ud800", "message", "a\ufffd\ufffd"),
        ("errors", "exceptionClass", True, "name", "true"),
        ("errors", "environment", None, "environment", ""),
        ("errors", "release", 1.5, "release", "1.5"),
        ("errors", "user", None, "user_id", ""),
        ("errors", "user", {}, "user_id", ""),
        ("errors", "user", {"id": 42}, "user_id", "42"),
        ("errors", "metadata", None, "labels", {}),
        ("errors", "metadata", [1], "labels", {}),
        ("errors", "metadata", "text", "labels", {}),
        ("errors", "sessionId", {}, "session_id", ""),
        ("errors", "sessionId", 7, "session_id", "7"),
        ("errors", "fingerprint", "mine", "fingerprint", "mine"),
        ("errors", "fingerprint", " ", "fingerprint", fingerprint("TypeError", [])),
        ("errors", "fingerprint", ["a"], "fingerprint", fingerprint("TypeError", [])),
        ("errors", "stackTrace", None, "fingerprint", fingerprint("TypeError", [])),
        ("errors", "stackTrace", [1], "fingerprint", fingerprint("TypeError", ["1"])),
        ("logs", "service", None, "service", ""),
        ("logs", "traceId", 12, "trace_id", "12"),
        ("logs", "environment", [], "environment", ""),
        ("logs", "metadata", {"userId": "u"}, "user_id", "u"),
    ],
)
def test_values_are_taken(endpoint: str, field: str, value: Any, column: str, stored: Any) -> None:
    assert row(endpoint, GOOD[endpoint] | {field: value})[column] == stored


@pytest.mark.parametrize("count", [MAX_LABELS - 1, MAX_LABELS, MAX_LABELS + 1])
@BOTH
def test_labels_are_bounded(name: str, count: int) -> None:
    stored = row(name, GOOD[name] | {"metadata": {f"k{n}": "v" for n in range(count)}})
    assert len(stored["labels"]) == min(count, MAX_LABELS)


@pytest.mark.parametrize("extra", [-1, 0, 1])
@BOTH
def test_a_long_label_stays_in_raw(name: str, extra: int) -> None:
    length = MAX_LABEL + extra
    stored = row(name, GOOD[name] | {"metadata": {"k": "v" * length, "k" * length: 1}})
    assert len(stored["labels"]) == (2 if extra <= 0 else 0)


# --- what is refused


@pytest.mark.parametrize(
    ("endpoint", "change", "expected"),
    [
        *[
            (endpoint, {field: value}, invalid(**{field: "must not be blank"}))
            for endpoint, field in (
                ("errors", "exceptionClass"),
                ("errors", "message"),
                ("logs", "message"),
                ("logs", "level"),
            )
            for value in (..., None, "", " \t\n")
        ],
        *[
            ("errors", {"level": level}, invalid(level='must match "debug|info|warn|error|fatal|warning"'))
            for level in ("", "ERROR", "error ", "critical", 3)
        ],
        *[
            ("logs", {"level": level}, invalid(level='must match "debug|info|warn|error|fatal"'))
            for level in ("warning", "INFO", "info ", "trace", 3)
        ],
        (
            "errors",
            {"exceptionClass": "", "message": ..., "level": "x"},
            invalid(
                exceptionClass="must not be blank",
                message="must not be blank",
                level='must match "debug|info|warn|error|fatal|warning"',
            ),
        ),
        ("errors", {"message": {}}, wrong("message")),
        ("errors", {"environment": []}, wrong("environment")),
        ("errors", {"release": {}, "message": ""}, wrong("release")),
        ("errors", {"stackTrace": "at a"}, wrong("stackTrace")),
        ("errors", {"stackTrace": ["a", ["b"]]}, wrong("stackTrace[1]")),
        ("errors", {"user": "u1"}, wrong("user")),
        ("errors", {"user": {"id": {}}}, wrong("user.id")),
        ("errors", {"user": {"email": []}}, wrong("user.email")),
        ("errors", {"user": {"ip": {}}}, wrong("user.ip")),
        ("logs", {"level": {}}, wrong("level")),
        ("logs", {"service": []}, wrong("service")),
        ("logs", {"traceId": {}}, wrong("traceId")),
    ],
    ids=str,
)
def test_values_are_refused(endpoint: str, change: dict[str, Any], expected: tuple[int, str, Any]) -> None:
    assert problem(endpoint, GOOD[endpoint] | change) == expected


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"null", b"[]", b'"x"', b"\xff", b'{"message":NaN}', b'{"message":1e400}'),
        b'{"message":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"metadata":' + b"[" * 300 + b"]" * 300 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
@BOTH
def test_malformed_json(name: str, body: bytes) -> None:
    assert problem(name, body) == (400, "BAD_REQUEST", "Malformed request body")


@pytest.mark.parametrize("media", [None, b"text/plain", b"application/x-www-form-urlencoded"])
@BOTH
def test_other_media_types_come_before_the_body(name: str, media: bytes | None) -> None:
    found = problem(name, b"{", headers={} if media is None else {b"content-type": media})
    assert found[:2] == (415, "UNSUPPORTED_MEDIA_TYPE")


# --- grouping (2.2)

NULL_POINTER = "java.lang.NullPointerException"
FRAMES = ["com.example.Service.doWork(Service.java:42)", "com.example.Controller.handle(Controller.java:18)"]
ALONE = "0580e6836107c406c3b3a0cac1d8b48bc16b5e41599889bf5350ceeae81ba214"
FRAMED = "22c42f4040e4ba5204a93135c5d1377ce56d610c807a812fd82044dfea94e28c"


@pytest.mark.parametrize(
    ("name", "frames", "expected"),
    [
        (NULL_POINTER, [], ALONE),
        (f" {NULL_POINTER}\n", [], ALONE),
        (NULL_POINTER, FRAMES, FRAMED),
        (NULL_POINTER, [f"\t{frame} " for frame in FRAMES], FRAMED),
        (NULL_POINTER, [f"{prefix}x" for prefix in seestack_errors.PASSED_OVER], ALONE),
        (NULL_POINTER, ["java.util.List.of(List.java:1)", FRAMES[0], "sun.misc.X", FRAMES[1], "io.netty.Y"], FRAMED),
    ],
    ids=["class", "trimmed class", "frames", "trimmed frames", "no frame of its own", "passed over"],
)
def test_the_check_vectors(name: str, frames: list[str], expected: str) -> None:
    assert fingerprint(name, frames) == expected
    assert row("errors", {"exceptionClass": name, "message": "m", "stackTrace": frames})["fingerprint"] == expected


@pytest.mark.parametrize("count", [4, 5, 6])
def test_five_frames_count(count: int) -> None:
    frames = [f"f{n}" for n in range(count)]
    same = fingerprint("C", frames) == fingerprint("C", [*frames, "another"])
    assert same is (count >= 5)


def test_frames_of_javascript_are_never_passed_over() -> None:
    assert fingerprint("C", ["at java.x"]) != fingerprint("C", [])
    assert fingerprint("C", ["javascript:1"]) != fingerprint("C", [])


def test_the_message_is_no_part_of_it() -> None:
    prints = {row("errors", ERROR | {"message": message})["fingerprint"] for message in ("a", "b")}
    assert len(prints) == 1


# --- any body

_words = st.sampled_from(["debug", "info", "warning", "fatal", "", "Error"])
_errors = document(
    {"exceptionClass": text | st.just("E"), "message": text | st.just("m")},
    {
        "level": _words,
        "stackTrace": st.none() | st.lists(text | st.none(), max_size=8),
        "environment": text | st.none(),
        "user": st.none() | st.fixed_dictionaries({}, optional={"id": text, "email": st.none(), "ip": text}),
        "metadata": values,
        "sessionId": values,
        "fingerprint": values,
    },
)
_logs = document(
    {"level": _words, "message": text | st.just("m")},
    {"service": text | st.none(), "traceId": text, "metadata": values, "errorId": values, "userId": values},
)


@given(bodies(_errors))
def test_any_error_is_stored_or_refused(body: bytes) -> None:
    check_any("errors", body)


@given(bodies(_logs))
def test_any_log_is_stored_or_refused(body: bytes) -> None:
    check_any("logs", body)


@given(bodies(_errors | _logs))
def test_what_the_fast_reader_takes_the_exact_one_reads_alike(body: bytes) -> None:
    fast = fast_object(body)
    if fast is not None:
        assert repr(fast) == repr(read_object(body))


@BOTH
def test_the_usual_body_takes_the_fast_reader(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_: bytes) -> Any:
        raise AssertionError

    monkeypatch.setattr(seestack_fields, "read_object", slow)
    told(submit(name, GOOD[name] | {"metadata": {"a": [1, 2.5, None]}}))
    with pytest.raises(AssertionError):
        submit(name, b"\xef\xbb\xbf" + json.dumps(GOOD[name]).encode())


def test_a_byte_order_mark_is_passed_over() -> None:
    assert row("logs", b"\xef\xbb\xbf" + json.dumps(LOG).encode())["message"] == LOG["message"]


def test_numbers_beyond_pythons_digits_are_refused() -> None:
    with pytest.raises(Refusal):
        submit("logs", b'{"level":"info","message":"m","metadata":' + b"9" * 5000 + b"}")
