"""SeeStack's uptime monitors against a real server that may look at public addresses only (contract 2.5 and 4)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from endpoints import x_seestack_key
from seestack_envelope import data, refused
from wire import Client, bearer, settle, wait_for

PATH = "/api/v1/monitors"
#: An address that nothing is sent to: it is private.
SHOP = {"name": "Shop", "url": "http://127.0.0.1:9/health?deep=1", "intervalMinutes": 1}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PRIVATE = "the host has a private address: uptime_private=yes allows it"


@pytest.fixture
def client(server: Any, request: pytest.FixtureRequest) -> Client:
    return Client(server, f"seestack uptime {request.node.name}")


def checked(client: Client, monitor: str) -> Any:
    """The monitor once it was looked at, and its checks."""
    path = f"{PATH}/{monitor}"
    wait_for(lambda: data(client.call("GET", path))["lastCheckedAt"], "nobody looks at it")
    settle(client.server)
    return data(client.call("GET", path)), data(client.call("GET", f"{path}/checks"))


def test_a_monitors_life(client: Client) -> None:
    made = data(client.call("POST", PATH, json=SHOP), 201)
    assert TIME.fullmatch(made["createdAt"])
    assert {key: value for key, value in made.items() if key not in ("id", "createdAt")} == {
        "projectId": client.project,
        **SHOP,
        "isActive": True,
        "status": "pending",
        "lastResponseTimeMs": 0,
        "uptimePercentage": 0.0,
        "lastCheckedAt": None,
        "lastStatusCode": 0,
        "lastReason": "",
    }
    seen, found = checked(client, made["id"])
    told = {"status": "down", "lastReason": PRIVATE, "lastStatusCode": 0, "uptimePercentage": 0.0}
    assert seen == made | told | {name: seen[name] for name in ("lastCheckedAt", "lastResponseTimeMs")}
    (check,) = found.pop("checks")
    assert found == {"monitorId": made["id"], "uptimePercentage": 0.0, "totalChecks": 1}
    assert check == {
        "timestamp": seen["lastCheckedAt"],
        "status": 0,
        "responseTimeMs": seen["lastResponseTimeMs"],
        "statusCode": 0,
        "reason": PRIVATE,
    }
    assert data(client.call("GET", PATH)) == {
        "items": [seen],
        "pagination": {"page": 1, "perPage": 20, "total": 1},
    }

    change = {"name": "Shop 2", "intervalMinutes": 7, "isActive": False, "unknown": 1}
    changed = data(client.call("PUT", f"{PATH}/{made['id']}", json=change))
    assert changed == seen | {"name": "Shop 2", "intervalMinutes": 5, "isActive": False, "status": "paused"}

    gone = client.call("DELETE", f"{PATH}/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    unknown = (404, "NOT_FOUND", f"Monitor not found: {made['id']}")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/checks")):
        assert refused(client.call(method, f"{PATH}/{made['id']}{path}")) == unknown
    assert refused(client.call("PUT", f"{PATH}/{made['id']}", json={})) == unknown
    assert data(client.call("GET", PATH))["items"] == []


def test_what_a_look_finds_is_no_record_of_the_project(client: Client) -> None:
    """It counts for no quota, moves no cron monitor, and is in no list of what came in."""
    client.set_quota(0)
    data(client.call("POST", "/api/v1/cron-monitors", json={"name": "n", "slug": "shop", "schedule": "1d"}), 201)
    made = data(client.call("POST", PATH, json=SHOP | {"name": "shop"}), 201)
    _, found = checked(client, made["id"])
    assert found["totalChecks"] == 1
    assert client.totals() == {"events": 0, "requests": 0, "spans": 0, "points": {}}
    (cron,) = data(client.call("GET", "/api/v1/cron-monitors"))["items"]
    assert cron["currentStatus"] == "pending"
    (project,) = [one for one in client.server.call("project.list") if one["id"] == client.project]
    assert project["used"] == 0


def test_pages_of_a_list(client: Client) -> None:
    for number in range(3):
        data(client.call("POST", PATH, json=SHOP | {"name": str(number), "isActive": False}), 201)
    names = [
        [one["name"] for one in data(client.call("GET", PATH, params={"page": page, "perPage": 2}))["items"]]
        for page in (1, 2, 3)
    ]
    assert names == [["2", "1"], ["0"], []]
    whole = data(client.call("GET", PATH, params={"page": 2, "perPage": 999}))
    assert whole == {"items": [], "pagination": {"page": 2, "perPage": 200, "total": 3}}
    answer = client.call("GET", PATH, params={"page": "0"})
    assert refused(answer)[:2] == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("range_", ["1h", "24h", "7d", "30d", "", "2y"])
def test_ranges_of_checks(server: Any, client: Client, range_: str) -> None:
    made = data(client.call("POST", PATH, json=SHOP | {"isActive": False}), 201)
    empty = {"monitorId": made["id"], "uptimePercentage": 0.0, "totalChecks": 0, "checks": []}
    assert data(client.call("GET", f"{PATH}/{made['id']}/checks", params={"timeRange": range_})) == empty


BLANK = "must not be blank"
NO_URL = "must be a valid HTTP/HTTPS URL"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": " "}, {"name": BLANK}),
        ({"name": ..., "url": None}, {"name": BLANK, "url": BLANK}),
        *[({"url": url}, {"url": NO_URL}) for url in ("shop.example", "ftp://shop.example/", "http://", "http://a b/")],
        ({"url": "https://user:word@shop.example/"}, {"url": "must not hold a user or a password"}),
        ({"url": "https://shop.example/" + "x" * 1_980}, {"url": "must be at most 2,000 characters"}),
        ({"name": "n" * 101}, "Name must be at most 100 characters"),
    ],
    ids=str,
)
def test_what_a_monitor_cannot_be(client: Client, change: dict[str, Any], expected: Any) -> None:
    body = {key: value for key, value in (SHOP | change).items() if value is not ...}
    assert refused(client.call("POST", PATH, json=body)) == (422, "VALIDATION_ERROR", expected)
    assert data(client.call("GET", PATH))["items"] == []


def test_the_limits_themselves(client: Client) -> None:
    sent = {"name": "n" * 100, "url": "https://shop.example/" + "x" * 1_979, "isActive": False}
    made = data(client.call("POST", PATH, json=sent), 201)
    assert {key: made[key] for key in sent} == sent
    assert made["intervalMinutes"] == 5


def test_malformed_bodies(client: Client) -> None:
    headers = bearer(client.key)
    for body in (b"", b"{", b"[]"):
        answer = client.call("POST", PATH, headers={**headers, "Content-Type": "application/json"}, data=body)
        assert refused(answer) == (400, "BAD_REQUEST", "Malformed request body")
    assert refused(client.call("POST", PATH, headers={**headers, "Content-Type": "text/plain"}, data=b"{}"))[0] == 415
    made = data(client.call("POST", PATH, json=SHOP | {"isActive": False}), 201)
    path = f"{PATH}/{made['id']}"
    for body in ({"isActive": "no"}, {"name": []}, {"intervalMinutes": "soon"}):
        assert refused(client.call("PUT", path, json=body))[:2] == (400, "BAD_REQUEST")
    assert refused(client.call("PUT", path, json={"name": "", "url": "nowhere"}))[2] == {"name": BLANK, "url": NO_URL}
    assert data(client.call("GET", path)) == made


def test_who_may(client: Client) -> None:
    made = data(client.call("POST", PATH, json=SHOP | {"isActive": False}), 201)
    path = f"{PATH}/{made['id']}"
    calls = (("POST", PATH), ("GET", PATH), ("GET", path), ("GET", f"{path}/checks"), ("PUT", path))
    for scope, allowed in (("read", {"GET"}), ("write", set()), ("manage", {"POST", "PUT"})):
        key = client.make_key(scopes=[scope])
        for method, place in calls:
            answer = client.call(method, place, headers=bearer(key), json=SHOP | {"isActive": False})
            assert answer.status_code == ({"POST": 201}.get(method, 200) if method in allowed else 403), answer.text
    for headers in ({}, bearer("nobody's"), x_seestack_key("nobody's")):
        assert refused(client.call("GET", PATH, headers=headers))[:2] == (401, "INVALID_API_KEY")
    assert data(client.call("GET", PATH, headers=x_seestack_key(client.key)))["items"]


def test_projects_that_are_named(server: Any, client: Client) -> None:
    mine, other = client, Client(server, "seestack uptime other")
    unreached = (404, "NOT_FOUND", f"Project not found: {other.project}")
    sent = SHOP | {"isActive": False}
    assert refused(mine.call("POST", PATH, json=sent | {"projectId": other.project})) == unreached
    assert refused(mine.call("GET", PATH, params={"projectId": other.project})) == unreached
    both = other.make_key(account_wide=True, scopes=["read", "manage"])
    made = data(other.call("POST", PATH, headers=bearer(both), json=sent | {"projectId": mine.project}), 201)
    path = f"{PATH}/{made['id']}"
    assert data(mine.call("GET", path)) == made
    for method in ("GET", "DELETE"):
        assert refused(other.call(method, path))[0] == 404
    for body in ({"name": "theirs"}, {"name": "theirs", "projectId": mine.project}):
        assert refused(other.call("PUT", path, json=body))[0] == 404
    renamed = other.call("PUT", path, headers=bearer(both), json={"name": "wide", "projectId": mine.project})
    assert data(renamed) == made | {"name": "wide"}
