"""Issues in our own API, against a real server."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import pytest
from endpoints import BY_PATH
from wire import Client, bearer, settle

PATH = "/api/headrace/issues"
LOGISTER = BY_PATH["/api/v1/ingest_events"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def fail(client: Client, fingerprint: str, **fields: Any) -> str:
    event = {"event_type": "error", "message": f"{fingerprint} broke", "fingerprint": fingerprint, **fields}
    answer = LOGISTER.post(client, {"event": event})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def named(client: Client, **query: Any) -> list[str]:
    """The messages of a page without what they have in common."""
    return [issue["message"].removesuffix(" broke") for issue in client.api("/issues", **query)["issues"]]


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    """A project with the issues i0 to i4, the last one newest."""
    made = Client(server, "issues")
    for number in range(5):
        fail(made, f"i{number}", level="error" if number % 2 else "fatal", environment=f"e{number // 3}")
    settle(server)
    return made


def test_an_issues_life(server: Any) -> None:
    client = Client(server, "an issue's life")
    context = {"exception": {"class": "Boom"}, "service": "shop"}
    first = fail(client, "own", level="error", context=context, release="1.0", occurred_at="2026-04-02T10:00:00Z")
    latest = fail(client, "own", level="fatal", context=context, release="1.1", environment="staging")
    settle(server)
    (issue,) = client.api("/issues")["issues"]
    assert client.api("/issues/own") == client.api(f"/issues/{issue['id']}") == issue
    assert client.api(f"/issues/{issue['fingerprint']}") == issue
    assert issue.pop("first_seen") == "2026-04-02T10:00:00.000000Z"
    assert TIME.fullmatch(issue.pop("last_seen"))
    assert issue == {
        "id": issue["id"],
        "fingerprint": sha256(b"own").hexdigest(),
        "status": "unresolved",
        "occurrences": 2,
        "name": "Boom",
        "message": "own broke",
        "level": "fatal",
        "environment": "staging",
        "release": "1.1",
        "service": "shop",
        "dialect": "logister",
        "first_event": first,
        "latest_event": latest,
        "changed_at": None,
        "changed_by": "",
        "resolved_in_release": "",
        "reopened_at": None,
        "regressed": False,
        "reopens": 0,
        "regressions": 0,
    }
    answer = client.call("PATCH", f"{PATH}/own", json={"status": "resolved"})
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert (changed["status"], changed["resolved_in_release"], changed["regressed"]) == ("resolved", "1.1", False)
    assert TIME.fullmatch(changed["changed_at"])
    fail(client, "own", occurred_at="2026-04-02T11:00:00Z")  # an old one proves nothing
    settle(server)
    assert client.api("/issues/own")["status"] == "resolved"
    fail(client, "own", release="1.2")
    settle(server)
    opened = client.api("/issues/own")
    assert (opened["status"], opened["regressed"], opened["regressions"]) == ("unresolved", True, 1)
    assert (opened["release"], opened["occurrences"]) == ("1.2", 4)
    page = client.api("/issues/own/events", limit=3)
    rest = client.api("/issues/own/events", limit=3, cursor=page["next"])
    assert [row["id"] for row in (*page["events"], *rest["events"])][-1] == first
    assert (len(rest["events"]), rest["next"]) == (1, None)


def test_pages_and_filters(client: Client) -> None:
    assert named(client) == named(client, limit=200) == ["i4", "i3", "i2", "i1", "i0"]
    page = client.api("/issues", limit=2)
    assert named(client, limit=2, cursor=page["next"]) == ["i2", "i1"]
    last = client.api("/issues", limit=3, cursor=page["next"])
    assert (len(last["issues"]), last["next"]) == (3, None)
    assert named(client, level="error") == ["i3", "i1"]
    assert named(client, level=["error", "fatal"], environment="e1") == ["i4", "i3"]
    assert named(client, status=["unresolved", "archived"], limit=1) == ["i4"]
    assert named(client, status="archived") == named(client, level="none") == []
    moment = page["issues"][1]["last_seen"]
    assert named(client, **{"from": moment}) == ["i4", "i3"]
    assert named(client, to=moment) == ["i2", "i1", "i0"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "?status=open", None, 422),
        ("GET", "?limit=0", None, 422),
        ("GET", "?limit=201", None, 422),
        ("GET", "?cursor=1.x", None, 400),
        ("GET", "?from=yesterday", None, 400),
        ("GET", "/unknown", None, 404),
        ("GET", "/a%00%ed%a0%80", None, 404),
        ("GET", "/unknown/events", None, 404),
        ("GET", "/i0/events?cursor=x", None, 400),
        ("GET", "/i0/events?limit=201", None, 422),
        ("PATCH", "/unknown", {"status": "resolved"}, 404),
        ("PATCH", "/i0", {"status": "open"}, 400),
        ("PATCH", "/i0", {}, 400),
    ],
)
def test_what_is_refused(client: Client, method: str, path: str, body: Any, status: int) -> None:
    answer = client.call(method, PATH + path, json=body)
    assert (answer.status_code, set(answer.json()["error"])) == (status, {"code", "message"}), answer.text


def test_changing_takes_the_scope_manage(client: Client) -> None:
    headers = bearer(client.make_key(scopes=["read", "write"]))
    answer = client.call("PATCH", f"{PATH}/i0", json={"status": "resolved"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_scope")
