"""SeeStack's errors as they are read and triaged against a real server (contract 2.2, 4)."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import pytest
import requests
from endpoints import BY_PATH
from seestack_envelope import data, refused
from wire import Client, bearer, settle

PATH = "/api/v1/errors"
ERRORS, LOGISTER, CANARYHUB = (
    BY_PATH[path] for path in ("/ingest/v1/errors", "/api/v1/ingest_events", "/api/v1/events")
)
#: The contract's check vector: class and frames, and their fingerprint.
JAVA: dict[str, Any] = {
    "exceptionClass": "java.lang.NullPointerException",
    "stackTrace": [
        "com.example.Service.doWork(Service.java:42)",
        "org.springframework.Web.call(Web.java:1)",
        "com.example.Controller.handle(Controller.java:18)",
    ],
}
FINGERPRINT = "22c42f4040e4ba5204a93135c5d1377ce56d610c807a812fd82044dfea94e28c"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FIELDS = (
    *("id", "fingerprint", "exceptionClass", "title", "level", "environment", "status", "occurrences"),
    *("firstSeen", "lastSeen", "traceId"),
)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def fail(client: Client, message: str = "m", **fields: Any) -> str:
    """An error; gives its id."""
    answer = ERRORS.post(client, {"exceptionClass": "E", "message": message, **fields})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["id"])


def listed(client: Client, **query: Any) -> tuple[list[str], int]:
    """The classes of a page, and how many there are in all."""
    found = data(client.call("GET", PATH, params=query))
    assert list(found) == ["items", "pagination"]
    return [item["exceptionClass"] for item in found["items"]], found["pagination"]["total"]


def one(client: Client, fingerprint: str = FINGERPRINT) -> Any:
    return data(client.call("GET", f"{PATH}/{fingerprint}"))


def triage(client: Client, status: Any, fingerprint: str = FINGERPRINT, **more: Any) -> requests.Response:
    return client.call("PATCH", f"{PATH}/{fingerprint}/status", json={"status": status, **more})


@pytest.fixture(scope="module")
def five(server: Any) -> Client:
    """A project with the classes C0 to C4, the last one newest."""
    client = Client(server, "seestack errors five")
    for number in range(5):
        fail(
            client, exceptionClass=f"C{number}", level="warn" if number % 2 else "fatal", environment=f"e{number // 3}"
        )
    settle(server)
    return client


@pytest.fixture
def client(server: Any, request: pytest.FixtureRequest) -> Client:
    return Client(server, f"seestack errors {request.node.name}")


def test_an_error_in_full(client: Client) -> None:
    fail(client, "cart 17 is null", **JAVA, level="warn", environment="staging", metadata={"path": "/checkout"})
    latest = fail(
        client,
        "cart 18 is null",
        **JAVA,
        level="fatal",
        environment="production",
        release="1.4",
        traceId="t1",
        user={"id": "42", "email": "x@y.z"},
        metadata={"path": "/checkout", "items": [1, None]},
    )
    settle(client.server)
    found = one(client)
    assert tuple(found)[: len(FIELDS)] == FIELDS
    listing = data(client.call("GET", PATH))
    assert listing["pagination"] == {"page": 1, "perPage": 20, "total": 1}
    assert listing["items"] == [{name: found[name] for name in FIELDS}]
    assert UUID.fullmatch(found["id"])
    assert TIME.fullmatch(found["firstSeen"])
    assert TIME.fullmatch(found["lastSeen"])
    assert {name: found[name] for name in FIELDS if name not in ("id", "firstSeen", "lastSeen")} == {
        "fingerprint": FINGERPRINT,
        "exceptionClass": JAVA["exceptionClass"],
        # What an issue is called, its level and environment are those of its first error.
        "title": "cart 17 is null",
        "level": "warn",
        "environment": "staging",
        "status": "unresolved",
        "occurrences": 2,
        "traceId": "t1",
    }
    assert found["message"] == "cart 18 is null"
    assert found["stackTrace"] == JAVA["stackTrace"]
    assert found["release"] == "1.4"
    assert found["userContext"] == {"id": "42", "email": "x@y.z", "ip": None}
    assert found["metadata"] == {"path": "/checkout", "items": [1, None]}
    assert [set(row) for row in found["recentOccurrences"]] == [{"id", "timestamp", "environment", "level"}] * 2
    assert found["recentOccurrences"][0] == {
        "id": latest,
        "timestamp": found["lastSeen"],
        "environment": "production",
        "level": "fatal",
    }
    insights = found["insights"]
    timeline = insights.pop("timeline")
    assert len(timeline) == 24
    assert all(TIME.fullmatch(hour["bucket"]) for hour in timeline)
    assert sum(hour["count"] for hour in timeline) == 2
    assert insights.pop("fingerprint").items() >= {
        ("exceptionClass", JAVA["exceptionClass"]),
        ("normalizedMessage", "cart <n> is null"),
        ("topFrame", JAVA["stackTrace"][0]),
    }
    assert insights == {
        "impactLevel": "MEDIUM",
        "recentActivity": "Active recently",
        "activeRecently": True,
        "totalOccurrences": 2,
        "firstSeen": found["firstSeen"],
        "lastSeen": found["lastSeen"],
        "patterns": [
            "2 of the last 2 errors begin at com.example.Service.doWork(Service.java:42)",
            "2 of the last 2 errors happened at /checkout",
        ],
    }


def test_an_error_of_which_little_is_known(client: Client) -> None:
    fail(client, "x" * 501, exceptionClass=" Rare ")
    settle(client.server)
    found = one(client, digest("Rare"))
    assert found["title"] == "x" * 500
    assert found["message"] == "x" * 501
    assert (found["level"], found["environment"], found["traceId"]) == ("error", None, "")
    nothing = ("stackTrace", "release", "userContext", "metadata")
    assert [found[name] for name in nothing] == [[], None, None, None]
    assert (found["insights"]["impactLevel"], found["insights"]["patterns"]) == ("LOW", [])
    assert found["insights"]["fingerprint"]["topFrame"] == ""


def test_the_latest_25_are_shown(client: Client) -> None:
    ids = [fail(client) for _ in range(26)]
    settle(client.server)
    found = one(client, digest("E"))
    assert [row["id"] for row in found["recentOccurrences"]] == ids[:0:-1]
    assert (found["occurrences"], found["insights"]["impactLevel"]) == (26, "HIGH")


def test_errors_of_every_dialect_are_addressed(client: Client) -> None:
    fail(client, exceptionClass="One", fingerprint="own one")
    LOGISTER.post(
        client, {"event": {"event_type": "error", "message": "two\n2", "fingerprint": "own one", "level": "fatal"}}
    )
    context = {"exception": {"class": "Boom", "backtrace": ["app.rb:3", "lib.rb:4"]}, "user": {"id": 7}}
    LOGISTER.post(client, {"event": {"event_type": "error", "message": "three\n3", "context": context}})
    CANARYHUB.post(client, {"events": [{"type": "error", "name": "four", "meta": {"url": "/pay"}}] * 2})
    settle(client.server)
    found = {item["fingerprint"]: item for item in data(client.call("GET", PATH))["items"]}
    assert {fingerprint: item["occurrences"] for fingerprint, item in found.items()} == {
        digest("own one"): 2,
        digest("logister/1\0three"): 1,
        digest("canaryhub/1\0four"): 2,
    }
    shared = one(client, "own%20one")
    assert shared == one(client, digest("own one").upper())
    assert (shared["exceptionClass"], shared["message"]) == ("One", "two\n2")
    boom = one(client, digest("logister/1\0three"))
    assert (boom["exceptionClass"], boom["stackTrace"]) == ("Boom", ["app.rb:3", "lib.rb:4"])
    assert boom["userContext"] == {"id": "7", "email": None, "ip": None}
    four = one(client, digest("canaryhub/1\0four"))
    assert (four["title"], four["metadata"]) == ("four", {"url": "/pay"})
    assert four["insights"]["patterns"] == ["2 of the last 2 errors happened at /pay"]


def test_the_session_of_an_error_with_a_fingerprint_of_its_own(client: Client) -> None:
    fail(client, fingerprint="own/two", sessionId="s1")
    event = {"eventType": "click", "eventData": "{}"}
    BY_PATH["/ingest/v1/replay"].post(client, {"fingerprint": "s1", "sessionId": "s1", "events": [event]})
    settle(client.server)
    found = data(client.call("GET", f"{PATH}/{digest('own/two')}/replay"))
    assert [row["eventType"] for row in found["events"]] == ["click"]


@pytest.mark.parametrize(
    ("query", "classes", "total"),
    [
        ({}, "C4 C3 C2 C1 C0", 5),
        ({"perPage": 2}, "C4 C3", 5),
        ({"perPage": 2, "page": 3}, "C0", 5),
        ({"perPage": 2, "page": 4}, "", 5),
        ({"page": 2**31 - 1, "perPage": 101}, "", 5),
        ({"level": "warn"}, "C3 C1", 2),
        ({"level": "fatal", "environment": "e1", "perPage": 1}, "C4", 1),
        ({"environment": "e0", "status": "unresolved", "perPage": 1, "page": 2}, "C1", 3),
        ({"environment": "e\x00"}, "", 0),
        ({"level": "nothing"}, "", 0),
        ({"status": "resolved"}, "", 0),
        ({"status": "", "level": ""}, "C4 C3 C2 C1 C0", 5),
    ],
)
def test_pages_and_filters(five: Client, query: dict[str, Any], classes: str, total: int) -> None:
    assert listed(five, **query) == (classes.split(), total)
    assert listed(five, projectId=five.project, **query) == (classes.split(), total)


def test_a_project_without_errors(client: Client) -> None:
    assert listed(client) == ([], 0)


NO_PAGE = "must be a whole number from 1 to 2147483647"
BAD_STATUS = 'must match "unresolved|resolved|ignored"'


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ({"page": "0"}, {"page": NO_PAGE}),
        ({"perPage": "0"}, {"perPage": NO_PAGE}),
        ({"perPage": "abc", "page": "-1"}, {"page": NO_PAGE, "perPage": NO_PAGE}),
        ({"page": str(2**31)}, {"page": NO_PAGE}),
        ({"status": "archived"}, {"status": BAD_STATUS}),
        ({"status": "Resolved", "page": "x"}, {"page": NO_PAGE, "status": BAD_STATUS}),
    ],
)
def test_a_list_that_cannot_be(five: Client, query: dict[str, str], details: dict[str, str]) -> None:
    assert refused(five.call("GET", PATH, params=query)) == (422, "VALIDATION_ERROR", details)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("unknown", "unknown"),
        ("0" * 64, "0" * 64),
        ("a%00b", "a\ufffdb"),
        ("%ed%a0%80", "\ufffd" * 3),
        ("%ff", "\ufffd"),
        ("x" * 3000, "x" * 100),
        ("%2e%2e", ".."),
    ],
)
def test_an_error_that_is_not_there(five: Client, name: str, told: str) -> None:
    assert refused(five.call("GET", f"{PATH}/{name}")) == (404, "NOT_FOUND", f"Error not found: {told}")
    assert refused(triage(five, "resolved", name)) == (404, "NOT_FOUND", f"Error not found: {told}")


def test_triage(client: Client) -> None:
    fail(client, **JAVA)
    fail(client, exceptionClass="Other")
    settle(client.server)
    before = data(client.call("GET", PATH))["items"][1]
    for status in ("resolved", "resolved", "ignored", "unresolved", "resolved"):
        assert data(triage(client, status)) == before | {"status": status}
        assert one(client)["status"] == status
        expected = {"unresolved": 1, "resolved": 0, "ignored": 0}
        expected[status] += 1
        assert {name: listed(client, status=name)[1] for name in expected} == expected
    fail(client, **JAVA)
    settle(client.server)
    assert (one(client)["status"], one(client)["occurrences"]) == ("unresolved", 2)
    assert listed(client, status="unresolved", perPage=1)[1] == 2
    assert data(triage(client, "ignored", projectId=client.project))["status"] == "ignored"
    fail(client, **JAVA)
    settle(client.server)
    assert (one(client)["status"], one(client)["occurrences"]) == ("ignored", 3)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"status":"archived"}', (422, "VALIDATION_ERROR", {"status": BAD_STATUS})),
        ('{"status":"\\u0000\\ud800"}', (422, "VALIDATION_ERROR", {"status": BAD_STATUS})),
        ('{"status":null}', (422, "VALIDATION_ERROR", {"status": "must not be blank"})),
        ("{}", (422, "VALIDATION_ERROR", {"status": "must not be blank"})),
        ('{"status":["resolved"]}', (400, "BAD_REQUEST", "Malformed request body: status has the wrong type")),
        ("[]", (400, "BAD_REQUEST", "Malformed request body")),
        ("", (400, "BAD_REQUEST", "Malformed request body")),
        ('{"status":"resolved","projectId":"nobody\'s"}', (404, "NOT_FOUND", "Project not found: nobody's")),
    ],
)
def test_a_status_that_cannot_be(five: Client, body: str, answer: Any) -> None:
    headers = {"Content-Type": "application/json", **bearer(five.key)}
    assert refused(five.call("PATCH", f"{PATH}/{digest('C0')}/status", data=body, headers=headers)) == answer


def test_no_project_sees_or_changes_another(five: Client, client: Client) -> None:
    fail(client, exceptionClass="C0")
    settle(client.server)
    missing = (404, "NOT_FOUND", f"Error not found: {digest('C1')}")
    unknown = (404, "NOT_FOUND", f"Project not found: {five.project}")
    assert refused(client.call("GET", f"{PATH}/{digest('C1')}")) == missing
    assert refused(triage(client, "resolved", digest("C1"))) == missing
    for path in (PATH, f"{PATH}/{digest('C0')}"):
        assert refused(client.call("GET", path, params={"projectId": five.project})) == unknown
    assert refused(triage(client, "resolved", digest("C0"), projectId=five.project)) == unknown
    assert data(triage(client, "resolved", digest("C0")))["status"] == "resolved"
    theirs = one(five, digest("C0"))
    assert (theirs["status"], theirs["occurrences"]) == ("unresolved", 1)
    assert theirs["id"] != one(client, digest("C0"))["id"]


def test_keys_that_may_not(five: Client) -> None:
    write, read = (bearer(five.make_key(scopes=[scope])) for scope in ("write", "read"))
    lacks = "This key lacks the {} scope".format
    assert refused(five.call("GET", PATH, headers=write)) == (403, "FORBIDDEN", lacks("read"))
    path = f"{PATH}/{digest('C0')}/status"
    answer = five.call("PATCH", path, headers=read, json={"status": "resolved"})
    assert refused(answer) == (403, "FORBIDDEN", lacks("manage"))
    assert refused(five.call("GET", PATH, headers={}))[:2] == (401, "INVALID_API_KEY")
