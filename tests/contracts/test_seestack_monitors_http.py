"""SeeStack's cron monitors against a real server (contract 2.6 and 4)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from endpoints import BY_PATH, x_seestack_key
from seestack_envelope import data, refused
from wire import Client, bearer, settle

PATH = "/api/v1/cron-monitors"
NIGHTLY = {"name": "Nightly backup", "slug": "nightly", "schedule": "1d", "gracePeriodMin": 10}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def client(server: Any, request: pytest.FixtureRequest) -> Client:
    return Client(server, f"seestack monitors {request.node.name}")


def beat(client: Client, slug: str, status: str = "success") -> None:
    answer = BY_PATH["/ingest/v1/heartbeat"].post(client, {"slug": slug, "status": status, "durationMs": 12})
    assert answer.status_code == 202


def test_a_monitors_life(client: Client) -> None:
    made = data(client.call("POST", PATH, json=NIGHTLY), 201)
    assert TIME.fullmatch(made["createdAt"])
    assert TIME.fullmatch(made["nextExpectedAt"])
    assert {key: value for key, value in made.items() if key not in ("id", "createdAt", "nextExpectedAt")} == {
        "name": "Nightly backup",
        "slug": "nightly",
        "schedule": "1d",
        "gracePeriodMin": 10,
        "isActive": True,
        "currentStatus": "pending",
        "lastPingAt": None,
        "lastDurationMs": None,
        "lastMessage": "",
        "environment": "production",
    }
    assert data(client.call("GET", PATH)) == {"items": [made]}
    assert data(client.call("GET", f"{PATH}/{made['id']}")) == made

    beat(client, "nightly")
    settle(client.server)
    seen = data(client.call("GET", f"{PATH}/{made['id']}"))
    assert (seen["currentStatus"], seen["lastDurationMs"]) == ("healthy", 12)
    assert TIME.fullmatch(seen["lastPingAt"])
    assert seen["nextExpectedAt"][11:] == seen["lastPingAt"][11:], "a day later"
    beat(client, "nightly", "failed")
    settle(client.server)
    assert data(client.call("GET", f"{PATH}/{made['id']}"))["currentStatus"] == "failed"

    change = {"name": "Backup", "slug": "nightly", "schedule": "0 3 * * *", "isActive": False, "unknown": 1}
    changed = data(client.call("PUT", f"{PATH}/{made['id']}", json=change))
    assert [changed[name] for name in ("name", "schedule", "isActive", "gracePeriodMin")] == [
        "Backup",
        "0 3 * * *",
        False,
        10,
    ]
    assert changed["nextExpectedAt"].endswith("T03:00:00.000Z")
    beat(client, "nightly")

    gone = client.call("DELETE", f"{PATH}/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    unknown = (404, "NOT_FOUND", f"Cron monitor not found: {made['id']}")
    for method in ("GET", "DELETE"):
        assert refused(client.call(method, f"{PATH}/{made['id']}")) == unknown
    assert refused(client.call("PUT", f"{PATH}/{made['id']}", json={})) == unknown
    assert data(client.call("GET", PATH)) == {"items": []}
    answer = BY_PATH["/ingest/v1/heartbeat"].post(client, {"slug": "nightly", "status": "success"})
    assert answer.status_code == 404


def test_a_slug_is_taken_once(client: Client) -> None:
    data(client.call("POST", PATH, json=NIGHTLY), 201)
    answer = client.call("POST", PATH, json=NIGHTLY | {"name": "Another"})
    assert refused(answer)[:2] == (409, "CONFLICT")
    data(Client(client.server, "seestack monitors elsewhere").call("POST", PATH, json=NIGHTLY), 201)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": " "}, {"name": "must not be blank"}),
        ({"slug": ...}, {"slug": "must not be blank"}),
        ({"schedule": None}, {"schedule": "must not be blank"}),
        *[({"slug": slug}, {"slug": 'must match "^[a-z0-9\\-]+$"'}) for slug in ("Nightly", "a b", "a_b", "a\n", "é")],
        *[({"gracePeriodMin": grace}, {"gracePeriodMin": "must be between 1 and 1440"}) for grace in (-1, 0, 1441)],
        ({"name": "n" * 101}, "Name must be at most 100 characters"),
        ({"slug": "s" * 256}, "Slug must be 1 to 255 of a-z, 0-9 and -"),
        ({"schedule": "s" * 101}, "Schedule must be at most 100 characters"),
    ],
    ids=str,
)
def test_what_a_monitor_cannot_be(client: Client, change: dict[str, Any], expected: Any) -> None:
    body = {key: value for key, value in (NIGHTLY | change).items() if value is not ...}
    assert refused(client.call("POST", PATH, json=body)) == (422, "VALIDATION_ERROR", expected)
    assert data(client.call("GET", PATH)) == {"items": []}


def test_the_limits_themselves(client: Client) -> None:
    for grace, length in ((1, 255), (1440, 254)):
        sent = {"name": "n" * 100, "slug": "s" * length, "schedule": "1" * 100, "gracePeriodMin": grace}
        made = data(client.call("POST", PATH, json=sent), 201)
        assert {key: made[key] for key in sent} == sent


def test_what_cannot_change(client: Client) -> None:
    made = data(client.call("POST", PATH, json=NIGHTLY), 201)
    path = f"{PATH}/{made['id']}"
    for body, details in (
        ({"slug": "other"}, {"slug": "must not be changed"}),
        (
            {"name": "", "gracePeriodMin": 0},
            {"name": "must not be blank", "gracePeriodMin": "must be between 1 and 1440"},
        ),
    ):
        assert refused(client.call("PUT", path, json=body)) == (422, "VALIDATION_ERROR", details)
    for body in ({"isActive": "no"}, {"name": []}, {"gracePeriodMin": "soon"}):
        assert refused(client.call("PUT", path, json=body))[:2] == (400, "BAD_REQUEST")
    assert data(client.call("GET", path)) == made


def test_malformed_bodies(client: Client) -> None:
    headers = bearer(client.key)
    for body in (b"", b"{", b"[]"):
        answer = client.call("POST", PATH, headers={**headers, "Content-Type": "application/json"}, data=body)
        assert refused(answer) == (400, "BAD_REQUEST", "Malformed request body")
    answer = client.call("POST", PATH, headers={**headers, "Content-Type": "text/plain"}, data=b"{}")
    assert refused(answer)[0] == 415


def test_who_may(client: Client) -> None:
    made = data(client.call("POST", PATH, json=NIGHTLY), 201)
    reader, writer, manager = ({"scopes": [scope]} for scope in ("read", "write", "manage"))
    calls = (("POST", PATH), ("GET", PATH), ("GET", f"{PATH}/{made['id']}"), ("PUT", f"{PATH}/{made['id']}"))
    for options, allowed in ((reader, {"GET"}), (writer, set()), (manager, {"POST", "PUT"})):
        key = client.make_key(**options)
        for method, path in calls:
            status = client.call(
                method, path, headers=bearer(key), json=NIGHTLY | {"slug": options["scopes"][0]}
            ).status_code
            # The monitor's own slug cannot change, which only somebody who may change it is told.
            assert status == {True: {"POST": 201, "GET": 200, "PUT": 422}[method], False: 403}[method in allowed]
    for headers in ({}, bearer("nobody's"), x_seestack_key("nobody's")):
        assert refused(client.call("GET", PATH, headers=headers))[:2] == (401, "INVALID_API_KEY")
    assert data(client.call("GET", PATH, headers=x_seestack_key(client.key)))["items"]


def test_projects_that_are_named(server: Any, client: Client) -> None:
    mine, other = client, Client(server, "seestack monitors other")
    unreached = (404, "NOT_FOUND", f"Project not found: {other.project}")
    assert refused(mine.call("POST", PATH, json=NIGHTLY | {"projectId": other.project})) == unreached
    assert refused(mine.call("GET", PATH, params={"projectId": other.project})) == unreached
    both = other.make_key(account_wide=True, scopes=["read", "manage"])
    made = data(other.call("POST", PATH, headers=bearer(both), json=NIGHTLY | {"projectId": mine.project}), 201)
    assert data(mine.call("GET", PATH)) == {"items": [made]}
    assert data(other.call("GET", PATH)) == {"items": []}
    assert refused(other.call("GET", f"{PATH}/{made['id']}"))[0] == 404
    assert refused(other.call("DELETE", f"{PATH}/{made['id']}"))[0] == 404
    named = {"name": "wide", "projectId": mine.project}
    assert refused(other.call("PUT", f"{PATH}/{made['id']}", json=named))[0] == 404
    changed = other.call("PUT", f"{PATH}/{made['id']}", headers=bearer(both), json=named)
    assert data(changed)["name"] == "wide"


def test_monitors_of_others_have_a_schedule_too(server: Any, client: Client) -> None:
    server.call("monitor.create", project=client.project, slug="hourly", interval_s=3600)
    (shown,) = data(client.call("GET", PATH))["items"]
    assert (shown["schedule"], shown["gracePeriodMin"], shown["currentStatus"]) == ("60m", 5, "pending")


def history(client: Client, monitor: str, **query: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    found = data(client.call("GET", f"{PATH}/{monitor}/history", params=query))
    return found["items"], found["pagination"]


def test_the_history_of_a_monitor(client: Client) -> None:
    made = data(client.call("POST", PATH, json=NIGHTLY), 201)
    data(client.call("POST", PATH, json=NIGHTLY | {"slug": "other"}), 201)
    assert history(client, made["id"]) == ([], {"page": 1, "perPage": 50, "total": 0})
    beat(client, "other")
    for status, message in (("success", "one"), ("failed", "two"), ("success", "three")):
        sent = {"slug": "nightly", "status": status, "durationMs": 12, "message": message}
        assert BY_PATH["/ingest/v1/heartbeat"].post(client, sent).status_code == 202
    elsewhere = {"slug": "nightly", "status": "success", "environment": "staging"}
    assert BY_PATH["/ingest/v1/heartbeat"].post(client, elsewhere).status_code == 404
    assert BY_PATH["/api/v1/check_ins"].post(client, {"check_in": elsewhere}).status_code == 201
    settle(client.server)

    items, pagination = history(client, made["id"])
    assert pagination == {"page": 1, "perPage": 50, "total": 3}
    assert [(one["status"], one["message"]) for one in items] == [
        ("success", "three"),
        ("failed", "two"),
        ("success", "one"),
    ]
    for one in items:
        assert list(one) == ["id", "monitorId", "status", "durationMs", "message", "timestamp"]
        assert (one["monitorId"], one["durationMs"]) == (made["id"], 12)
        assert TIME.fullmatch(one["timestamp"])
    assert items[0]["timestamp"] == data(client.call("GET", f"{PATH}/{made['id']}"))["lastPingAt"]

    for page, expected in ((1, items[:2]), (2, items[2:]), (3, [])):
        told = {"page": page, "perPage": 2, "total": 3}
        assert history(client, made["id"], page=page, perPage=2) == (expected, told)
    for status, expected in (("success", [items[0], items[2]]), ("failed", [items[1]]), ("missed", [])):
        assert history(client, made["id"], status=status)[0] == expected
    assert history(client, made["id"], **{"from": items[1]["timestamp"]})[0][:1] == items[:1]
    assert history(client, made["id"], to="2026-01-01T00:00:00Z")[0] == []


def test_check_ins_of_others_are_history_too(client: Client) -> None:
    """As words that SeeStack has: a check-in has failed, or it has not."""
    for status, duration in (("ok", 1500.7), ("error", None), ("late", None)):
        sent = {"slug": "hourly", "status": status, "environment": "staging"}
        sent |= {} if duration is None else {"duration_ms": duration}
        assert BY_PATH["/api/v1/check_ins"].post(client, {"check_in": sent}).status_code == 201
    settle(client.server)
    (monitor,) = data(client.call("GET", PATH))["items"]
    items, _ = history(client, monitor["id"])
    assert [(one["status"], one["durationMs"], one["message"]) for one in reversed(items)] == [
        ("success", 1500, ""),
        ("failed", 0, ""),
        ("success", 0, ""),
    ]


def test_what_a_history_is_not_asked(client: Client) -> None:
    made = data(client.call("POST", PATH, json=NIGHTLY), 201)
    path = f"{PATH}/{made['id']}/history"
    for query, named in (
        ({"status": "ok"}, "status"),
        ({"page": "0"}, "page"),
        ({"perPage": "x"}, "perPage"),
        ({"from": "soon"}, "from"),
        ({"from": "2026-04-02T00:00:00Z", "to": "2026-04-01T00:00:00Z"}, "from"),
    ):
        status, code, details = refused(client.call("GET", path, params=query))
        assert (status, code, list(details)) == (422, "VALIDATION_ERROR", [named])
    assert refused(client.call("GET", f"{PATH}/{client.project}/history"))[:2] == (404, "NOT_FOUND")
    other = Client(client.server, "seestack history other")
    assert refused(other.call("GET", path))[:2] == (404, "NOT_FOUND")
    wide = other.make_key(account_wide=True, scopes=["manage"])
    assert refused(other.call("GET", path, headers=bearer(wide)))[:2] == (403, "FORBIDDEN")
