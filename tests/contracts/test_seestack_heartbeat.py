"""SeeStack's heartbeats, sessions and releases without a server: contract 1.7, 3.4 and the rulings about environments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bodies import bodies, document, text, values
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US
from seestack_bodies import check_any, invalid, problem, refused, rows, submit, told, wrong

from headrace.records.intents import CheckInFact, DeploymentFact, SessionFact

BEAT: dict[str, Any] = {"slug": "nightly", "status": "success", "durationMs": 12.7, "message": "42 rows"}
KNOWN = {"monitors": {("nightly", "production"): "m-1", ("nightly", "staging"): "m-2"}}


def test_a_heartbeat_moves_its_monitor() -> None:
    submission = submit("heartbeat", BEAT, **KNOWN)
    assert told(submission) == (202, {"ok": True, "monitorId": "m-1"})
    (stored,) = rows(submission)
    assert json.loads(stored["raw"]) == BEAT
    (intent,) = submission.intents
    assert intent.facts == [
        CheckInFact(
            project=1,
            slug="nightly",
            environment="production",
            ok=True,
            status="success",
            ts=NOW_US,
            received_at=NOW_US,
            interval_s=None,
            duration_ms=12.0,
            message="42 rows",
            event_id=stored["id"],
            creates=False,
        )
    ]
    columns = ("type", "name", "status", "level", "message", "environment", "duration_ms", "ts", "ts_source")
    assert [stored[name] for name in columns] == [
        *("check_in", "nightly", "success", "info", "42 rows", "production", 12.0, NOW_US, "received"),
    ]


@pytest.mark.parametrize(
    ("change", "fact", "level"),
    [
        ({"status": "FAILED"}, {"ok": False, "status": "failed"}, "error"),
        ({"status": "Success"}, {"ok": True, "status": "success"}, "info"),
        ({"durationMs": ...}, {"duration_ms": 0.0}, "info"),
        ({"durationMs": None}, {"duration_ms": 0.0}, "info"),
        ({"durationMs": "7"}, {"duration_ms": 7.0}, "info"),
        ({"durationMs": -5}, {"duration_ms": 0.0}, "info"),
        ({"durationMs": 2**40}, {"duration_ms": 2.0**40}, "info"),
        ({"message": None}, {"message": ""}, "info"),
        ({"message": 5}, {"message": "5"}, "info"),
        ({"environment": "staging"}, {"environment": "staging"}, "info"),
        ({"environment": " "}, {"environment": "production"}, "info"),
        ({"environment": None}, {"environment": "production"}, "info"),
        ({"environment": {}}, {"environment": "production"}, "info"),
    ],
    ids=str,
)
def test_values_are_taken(change: dict[str, Any], fact: dict[str, Any], level: str) -> None:
    submission = submit("heartbeat", BEAT | change, **KNOWN)
    (made,) = submission.intents[0].facts
    assert {name: getattr(made, name) for name in fact} == fact
    assert rows(submission)[0]["level"] == level


def bare(change: dict[str, Any], **known: Any) -> tuple[int, Any, str]:
    answer = refused("heartbeat", BEAT | change, **(known or KNOWN))
    return answer.status, json.loads(answer.body), answer.reason


STATUS = {"ok": False, "code": "VALIDATION_ERROR", "message": "Status must be 'success' or 'failed'"}


@pytest.mark.parametrize("status", ["ok", "success ", "1", 0, True])
def test_a_status_of_its_own_is_refused_before_the_slug_is_looked_up(status: Any) -> None:
    assert bare({"status": status})[:2] == (422, STATUS)
    assert bare({"status": status, "slug": "nobody's"})[:2] == (422, STATUS)


def test_an_unknown_slug() -> None:
    status, body, reason = bare({"slug": "nobody's"})
    assert (status, body) == (
        404,
        {"ok": False, "code": "NOT_FOUND", "message": "No cron monitor found with slug: nobody's"},
    )
    assert reason == "No cron monitor found with slug"
    assert bare({"environment": "development"})[0] == 404


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        *[
            ({field: value}, invalid(**{field: "must not be blank"}))
            for field in ("slug", "status")
            for value in (..., None, "", "\t")
        ],
        ({"slug": "", "status": "?"}, invalid(slug="must not be blank")),
        ({"slug": []}, wrong("slug")),
        ({"status": {}}, wrong("status")),
        ({"message": {}}, wrong("message")),
        ({"durationMs": "soon"}, wrong("durationMs")),
        ({"durationMs": 2**63}, wrong("durationMs")),
    ],
    ids=str,
)
def test_other_refusals_come_in_the_envelope(change: dict[str, Any], expected: Any) -> None:
    assert problem("heartbeat", BEAT | change, **KNOWN) == expected


_beats = document(
    {"slug": st.just("nightly") | text, "status": st.sampled_from(["success", "failed", "Failed", "no"])},
    {"durationMs": st.integers() | st.floats(), "message": text | st.none(), "environment": values, "metadata": values},
)


@given(bodies(_beats))
def test_any_heartbeat_is_stored_or_refused(body: bytes) -> None:
    check_any("heartbeat", body, **KNOWN)


# --- sessions

START = {
    "sessionId": "s1",
    "release": "1.4.2",
    "environment": "staging",
    "userId": None,
    "sdkName": "allstak-python",
    "sdkVersion": "0.2.1",
    "platform": "python",
}
END = {"sessionId": "s1", "durationMs": 3700, "status": "errored"}


def session(name: str, body: Any) -> SessionFact:
    submission = submit(f"sessions/{name}", body)
    assert told(submission) == (202, {"ok": True})
    assert rows(submission) == []
    (fact,) = submission.intents[0].facts
    return fact


def test_a_session_begins_and_ends() -> None:
    assert session("start", START) == SessionFact(1, "s1", False, "staging", "1.4.2", "", "ok", NOW_US, None)
    assert session("end", END) == SessionFact(1, "s1", True, "", "", "", "errored", NOW_US, 3700.0)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        *[({"status": word}, word.lower()) for word in ("ok", "errored", "abnormal", "CRASHED")],
        ({"status": None}, "ok"),
    ],
)
def test_how_a_session_ends(change: dict[str, Any], status: str) -> None:
    assert session("end", END | change).status == status


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("start", START | {"sessionId": " "}, invalid(sessionId="must not be blank")),
        ("start", START | {"release": None}, invalid(release="must not be blank")),
        ("start", START | {"release": []}, wrong("release")),
        ("end", END | {"sessionId": ...}, invalid(sessionId="must not be blank")),
        ("end", END | {"status": "exploded"}, invalid(status='must match "ok|errored|abnormal|crashed"')),
        ("end", END | {"durationMs": []}, wrong("durationMs")),
    ],
)
def test_what_a_session_cannot_be(name: str, body: Any, expected: Any) -> None:
    assert problem(f"sessions/{name}", body) == expected


# --- releases

RELEASE = {
    "version": "1.4.2",
    "environment": "staging",
    "commitSha": None,
    "branch": "main",
    "author": "allstak-python/0.2.1",
    "message": "Registered automatically",
}


def release(**change: Any) -> DeploymentFact:
    submission = submit("releases", RELEASE | change)
    assert told(submission) == (202, {"ok": True})
    (fact,) = submission.intents[0].facts
    return fact


def test_a_release_is_a_deployment() -> None:
    details = {"author": "allstak-python/0.2.1", "message": "Registered automatically"}
    assert release() == DeploymentFact(1, "", "staging", "1.4.2", "", "main", NOW_US, NOW_US, "telemetry", details)
    assert release(environment=None).environment == "production"
    assert release(commitSha="abc", author=[]).commit_sha == "abc"


def test_what_a_release_cannot_be() -> None:
    assert problem("releases", RELEASE | {"version": " "}) == invalid(version="must not be blank")
    assert problem("releases", RELEASE | {"version": {}}) == wrong("version")


@given(bodies(document({"version": text}, {"environment": values, "commitSha": values, "message": values})))
def test_any_release_is_taken_or_refused(body: bytes) -> None:
    check_any("releases", body)


_sessions = document(
    {"sessionId": text, "release": text},
    {"status": st.sampled_from(["ok", "Crashed", "?"]), "durationMs": st.integers() | st.floats(), "userId": values},
)


@given(bodies(_sessions), st.sampled_from(["start", "end"]))
def test_any_session_is_taken_or_refused(body: bytes, name: str) -> None:
    check_any(f"sessions/{name}", body)
