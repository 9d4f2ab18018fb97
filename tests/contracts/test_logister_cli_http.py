"""The command line's API against a real server (logister.md 1.11)."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
from command_lines import PASSWORD, leave, let_in, person, read
from endpoints import BY_PATH
from wire import TIMEOUT_S, Client, Connection, assert_form, bearer, request_bytes, settle, wait_for

from headrace.dialects.logister import DIALECT
from headrace.dialects.logister_cli import SCOPES
from headrace.dialects.logister_cli_reads import LIMIT, PREFIX

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


class Shop:
    """A project with something of everything, and the key of a viewer of it."""

    def __init__(self, server: Any, name: str) -> None:
        self.server, self.client = server, Client(server, name)
        self.email = f"{uuid4().hex}@example.test"
        person(server, self.email, self.client.project)
        self.key = let_in(server, self.email)
        #: The id of its error.
        self.error = ""

    def get(self, path: str, expected: int = 200, /, **query: Any) -> Any:
        """A read below the project."""
        answer = read(self.server, self.key, f"/projects/{self.client.project}{path}", **query)
        assert answer.status_code == expected, answer.text
        assert answer.headers["cache-control"] == "no-store"
        if expected >= 400:
            assert_form("logister", answer)
        return answer.json()

    def messages(self, **query: Any) -> list[str]:
        return [item["message"] for item in self.get("/events", **query)["items"]]

    def send(self, event_type: str, message: str, **fields: Any) -> str:
        """An event of half a minute ago; gives its id."""
        event = {"event_type": event_type, "message": message, "occurred_at": ago(30), **fields}
        answer = BY_PATH["/api/v1/ingest_events"].post(self.client, {"event": event})
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made


@pytest.fixture(scope="module")
def shop(server: Any) -> Shop:
    shop = Shop(server, "command line's shop")
    context = {"exception": {"class": "PaymentError", "backtrace": ["pay.rb:1", "app.rb:9"]}, "password": "hunter2"}
    at = ago(60)
    shop.error = shop.send(
        "error", "card declined\nmore", level="error", release="1.4.2", trace_id=TRACE, occurred_at=at, context=context
    )
    shop.send("log", "paying", level="info", trace_id=TRACE, occurred_at=ago(61), context={"region": "eu"})
    shop.send("log", "something else", level="warn", environment="staging", context={"region": "us"})
    shop.send("transaction", "checkout", transaction_name="POST /pay", duration_ms=120, context={"status": 502})
    shop.send("transaction", "front", transaction_name="GET /", duration_ms=20, context={"status": 200})
    for value in (1, 2, 6):
        shop.send("metric", "queue.depth", context={"value": value})
    shop.send("metric", "db.query", duration_ms=8)
    for span in (
        {"span_id": "s1", "name": "POST /pay", "kind": "server", "duration_ms": 100, "status": "ok", "context": {"route": "/pay"}},
        {"span_id": "s2", "parent_span_id": "s1", "name": "select", "kind": "db", "duration_ms": 10, "context": {"api_key": "k"}},
    ):  # fmt: skip
        span |= {"event_type": "span", "trace_id": TRACE, "started_at": ago(40)}
        assert BY_PATH["/api/v1/ingest_events"].post(shop.client, {"event": span}).status_code == 201
    for status in ("error", "ok"):
        check_in = {"slug": "nightly", "status": status, "expected_interval_seconds": 86_400}
        assert BY_PATH["/api/v1/check_ins"].post(shop.client, {"check_in": check_in}).status_code == 201
    for number, seconds in ((1, 7_200), (2, 3_600)):
        told = {"release": f"1.4.{number}", "repository": "acme/shop", "commit_sha": str(number) * 40}
        told["deployed_at"] = ago(seconds)
        assert shop.client.call("POST", "/api/v1/deployments", json={"deployment": told}).status_code == 201
    settle(server)
    return shop


# --- letting in


def test_from_the_code_to_the_key_and_to_its_end(server: Any) -> None:
    """As a command line and a browser do it, with nothing but requests."""
    email = f"{uuid4().hex}@example.test"
    client = Client(server, "a login")
    person(server, email, client.project)
    begin = f"{server.url}{PREFIX}/device_authorizations"
    asked = requests.post(begin, json={"client_name": "Logister CLI", "scopes": list(SCOPES)}, timeout=TIMEOUT_S)
    assert asked.status_code == 201
    challenge = asked.json()
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", challenge["user_code"])
    assert re.fullmatch(r"[0-9a-f]{64}", challenge["device_code"])
    assert (challenge["expires_in"], challenge["interval"], challenge["scopes"]) == (600, 3, list(SCOPES))
    assert challenge["scope"] == " ".join(SCOPES)
    assert challenge["verification_uri"] == f"{server.url}/app/device"

    def poll() -> requests.Response:
        return requests.post(f"{begin}/token", json={"device_code": challenge["device_code"]}, timeout=TIMEOUT_S)

    pending = poll()
    assert pending.status_code == 400
    assert pending.json()["error"] in ("authorization_pending", "slow_down")
    browser = requests.Session()
    form = {"email": email, "password": PASSWORD}
    browser.post(f"{server.url}/app/sign-in", data=form, timeout=TIMEOUT_S).raise_for_status()
    page = browser.get(challenge["verification_uri_complete"], timeout=TIMEOUT_S)
    assert challenge["user_code"] in page.text
    found = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert found
    form = {"csrf": found[1], "code": challenge["user_code"], "answer": "approve"}
    assert browser.post(f"{server.url}/app/device", data=form, timeout=TIMEOUT_S).status_code == 200
    granted = poll().json()
    assert re.fullmatch(r"logister_cli_[0-9a-f]{64}", granted["access_token"])
    assert (granted["token_type"], granted["scopes"]) == ("Bearer", list(SCOPES))
    left = datetime.fromisoformat(granted["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left < timedelta(days=30, minutes=1)
    assert poll().json()["error"] == "invalid_grant"

    session = read(server, granted["access_token"], "/session").json()
    assert session["accessible_project_uuids"] == [client.project]
    assert (session["accessible_project_count"], session["missing_recommended_scopes"]) == (1, [])
    assert session["token"]["name"] == "Logister CLI"
    assert browser.post(
        f"{server.url}/app/account/sessions/{session['token']['uuid']}/end", data=form, timeout=TIMEOUT_S
    ).ok
    ended = read(server, granted["access_token"], "/session")
    assert (ended.status_code, ended.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "scopes"),
    [
        ({}, list(SCOPES)),
        (None, list(SCOPES)),
        ({"scope": "events:read  projects:read"}, ["projects:read", "events:read"]),
        ({"device_authorization": {"scopes": ["events:read"]}}, ["events:read"]),
        ({"scopes": ["artifacts:write"]}, None),
        ({"scopes": "events:read nothing:read"}, None),
        ({"scopes": [1]}, None),
        ({"client_name": "x" * 81}, None),
    ],
)
def test_what_may_be_asked_for(server: Any, body: Any, scopes: list[str] | None) -> None:
    answer = requests.post(f"{server.url}{PREFIX}/device_authorizations", json=body, timeout=TIMEOUT_S)
    if scopes is None:
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
        assert_form("logister", answer)
    else:
        assert (answer.status_code, answer.json()["scopes"]) == (201, scopes)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"{", b"", b'{"device_code":7}', b'{"device_code":"nobody\'s"}'])
def test_a_device_code_that_is_none(server: Any, body: bytes) -> None:
    path = f"{server.url}{PREFIX}/device_authorizations/token"
    answer = requests.post(path, data=body, timeout=TIMEOUT_S)
    expected = "Bad request" if body in (b"[]", b"{") else "invalid_grant"
    assert (answer.status_code, answer.json()["error"]) == (400, expected)


def test_what_is_offered_is_served(server: Any) -> None:
    told = requests.get(f"{server.url}{PREFIX}/capabilities", timeout=TIMEOUT_S).json()
    assert (told["server"], told["auth"]["recommended_scopes"]) == ("logister", list(SCOPES))
    assert told["auth"]["project_ingest_keys_for_read"] is False
    assert {name for name, there in told["features"].items() if not there} == {
        *("correlations", "error_group_mutations", "mobile_artifacts")
    }
    served = {route.path for route in DIALECT.routes}
    assert set(told["endpoints"].values()) <= served


# --- whose key it is


def test_keys_that_do_not_read_here(server: Any, shop: Shop) -> None:
    paths = [f"{PREFIX}/session", f"{PREFIX}/projects/{shop.client.project}/events"]
    for path in paths:
        for headers, status in (({}, 401), (bearer("logister_cli_" + "0" * 64), 401), (bearer(shop.client.key), 403)):
            answer = requests.get(server.url + path, headers=headers, timeout=TIMEOUT_S)
            assert (answer.status_code, set(answer.json())) == (status, {"error", "code", "message"})
        assert requests.post(server.url + path, headers=bearer(shop.key), timeout=TIMEOUT_S).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/ingest_events"),
        ("GET", "/v1/stats"),
        ("GET", "/api/headrace/stats"),
        ("GET", "/api/v1/cron-monitors"),
        ("GET", "/api/v1/projects"),
        ("GET", "/api/slowstats/get-projects"),
        ("GET", "/app/projects.json"),
    ],
)
def test_a_command_lines_key_works_nowhere_else(server: Any, shop: Shop, method: str, path: str) -> None:
    answer = requests.request(method, server.url + path, headers=bearer(shop.key), json={}, timeout=TIMEOUT_S)
    assert answer.status_code in (401, 403), answer.text


def test_a_key_sees_no_more_than_it_was_let_in_for(server: Any, shop: Shop) -> None:
    key = let_in(server, shop.email, ["projects:read", "errors:read"])
    assert read(server, key, "/session").json()["missing_recommended_scopes"] == [
        scope for scope in SCOPES if scope not in ("projects:read", "errors:read")
    ]
    base = f"/projects/{shop.client.project}"
    for path in ("", "/error_groups"):
        assert read(server, key, base + path).status_code == 200
    for path, scopes in (
        ("/events", ["events:read"]),
        ("/summary", ["projects:read", "project_summary:read"]),
        (f"/error_groups/{uuid4()}/context", ["errors:read", "ai_context:read"]),
        ("/traces", ["traces:read"]),
        ("/monitors", ["monitors:read"]),
        ("/deployments", ["deployments:read"]),
        ("/insights", ["insights:read"]),
        ("/metrics/catalog", ["metrics:read"]),
    ):
        answer = read(server, key, base + path)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert answer.json()["required_scopes"] == scopes


def test_who_leaves_a_project_sees_nothing_of_it_at_once(server: Any) -> None:
    shop = Shop(server, "left behind")
    assert [one["uuid"] for one in read(server, shop.key, "/projects").json()["items"]] == [shop.client.project]
    shop.get("/events")
    leave(server, shop.email, shop.client.project)
    assert read(server, shop.key, "/projects").json()["items"] == []
    assert shop.get("/events", 404)["code"] == "not_found"
    assert shop.get("", 404)["code"] == "not_found"


def test_a_key_asks_so_often_in_a_minute(server: Any, shop: Shop) -> None:
    """Windows are minutes of the epoch: what saw two is made again."""
    while True:
        data = request_bytes("GET", f"{PREFIX}/session", bearer(let_in(server, shop.email)))
        minute = time.time() // 60
        with Connection(server) as connection:
            connection.send(data * (LIMIT.per_minute + 1))
            replies = [connection.reply() for _ in range(LIMIT.per_minute + 1)]
        if time.time() // 60 == minute:
            break
    last, over = replies[-2], replies[-1]
    assert last is not None
    assert over is not None
    assert (last.status, last.headers["x-ratelimit-remaining"]) == (200, "0")
    assert (over.status, over.json()["code"]) == (429, "rate_limited")
    assert int(over.headers["retry-after"]) == over.json()["retry_after"] >= 1


# --- projects


def test_projects(server: Any, shop: Shop) -> None:
    (project,) = read(server, shop.key, "/projects").json()["items"]
    assert project == shop.get("")
    assert set(project) == {"uuid", "name", "slug", "integration_kind", "archived", "created_at"}
    assert TIME.fullmatch(project["created_at"])
    for ref in (project["slug"], project["name"]):
        assert read(server, shop.key, f"/projects/{ref}").json() == project
    summary = shop.get("/summary")
    assert summary["events_by_type"] == {"error": 1, "log": 2, "metric": 4, "transaction": 2, "check_in": 2, "event": 0}
    assert summary["errors"] == {"unresolved": 1, "resolved": 0, "ignored": 0, "archived": 0, "all": 1}
    assert (summary["activity_events"], summary["latest_event"]["event_type"]) == (10, "check_in")
    assert sum(shop.get("/summary", since=ago(86_400), until=ago(3_600))["events_by_type"].values()) == 0


def test_archived_projects_and_names_of_several(server: Any) -> None:
    shop, email = Shop(server, "to be archived"), f"{uuid4().hex}@example.test"
    twins = [Client(server, "twins") for _ in range(2)]
    person(server, email, twins[0].project)
    for project in (twins[1].project, shop.client.project):
        server_side = let_in(server, email)
        assert read(server, server_side, f"/projects/{project}").status_code == 404
    owner = let_in(server)
    answer = read(server, owner, "/projects/twins")
    assert answer.status_code == 200, "a slug wins over a name"
    name = server.call("project.create", name="Ambiguous Twins")["name"]
    server.call("project.create", name=name)
    answer = read(server, owner, f"/projects/{name}")
    assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous_project")
    server.call("project.archive", project=shop.client.project)
    assert read(server, shop.key, "/projects").json()["items"] == []
    (kept,) = read(server, shop.key, "/projects", include_archived="true").json()["items"]
    assert (kept["archived"], bool(TIME.fullmatch(kept["archived_at"]))) == (True, True)
    assert shop.get("") == kept
    assert shop.get("/events", 404)["code"] == "not_found"


# --- events


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ({"type": "error"}, {"card declined\nmore"}),
        ({"type": "log,error", "level": "info,error"}, {"card declined\nmore", "paying"}),
        ({"status": "errored"}, {"card declined\nmore", "checkout", "nightly"}),
        ({"status": "ok", "type": "transaction"}, {"front"}),
        ({"status": "502,404"}, {"checkout"}),
        ({"environment": "staging"}, {"something else"}),
        ({"env": "staging"}, {"something else"}),
        ({"environment": "production", "type": "log"}, {"paying"}),
        ({"release": "1.4.2"}, {"card declined\nmore"}),
        ({"trace_id": TRACE}, {"card declined\nmore", "paying"}),
        ({"min_duration_ms": "20.5"}, {"checkout"}),
        ({"q": "CARD"}, {"card declined\nmore"}),
        ({"q": "post /pay"}, {"checkout"}),
        ({"q": "warn"}, {"something else"}),
        ({"q": "'; DROP"}, set()),
        ({"since": "1m", "type": "error"}, set()),
    ],
)
def test_filters(shop: Shop, query: dict[str, str], messages: set[str]) -> None:
    assert set(shop.messages(**query)) == messages


def test_one_event_with_its_context_and_lists_without(shop: Shop) -> None:
    (listed,) = shop.get("/events", type="error")["items"]
    assert "context" not in listed
    one = shop.get(f"/events/{shop.error}")
    context = one.pop("context")
    assert one == listed
    assert context["password"] == "[REDACTED]"
    assert context["exception"]["class"] == "PaymentError"
    (full,) = shop.get("/events", type="error", include_context="true")["items"]
    assert full["context"] == context
    assert {name for name in one if name.endswith("_at")} == {"occurred_at", "created_at"}
    assert all(TIME.fullmatch(one[name]) for name in ("occurred_at", "created_at"))
    for nothing in (str(uuid4()), "nothing", "%00"):
        shop.get(f"/events/{nothing}", 404)


def test_pages_hold_everything_once_and_cursors_their_filters(shop: Shop) -> None:
    everything = shop.get("/events", limit=100)
    assert "next_cursor" not in everything
    times = [item["occurred_at"] for item in everything["items"]]
    assert times == sorted(times, reverse=True)
    seen, cursor = [], None
    while True:
        page = shop.get("/events", limit=4, **({"cursor": cursor} if cursor else {}))
        seen += page["items"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
        assert len(page["items"]) == 4
        for other in ({"type": "log"}, {"since": "1h"}):
            assert shop.get("/events", 422, limit=4, cursor=cursor, **other)["code"] == "invalid_cursor"
    assert seen == everything["items"]
    assert shop.get("/events", 422, limit=101)["parameter"] == "limit"


def test_following_tells_everything_in_the_order_in_which_it_came(server: Any) -> None:
    shop = Shop(server, "followed")
    shop.send("log", "before")
    settle(server)
    first = shop.get("/events", type="log")
    poll, told = first["poll_cursor"], [item["message"] for item in first["items"]]
    assert told == ["before"]
    sent = [f"line {number}" for number in range(7)]
    for number, message in enumerate(sent):
        shop.send("log", message, occurred_at=ago(600 - number if number % 2 else number))
        shop.send("metric", "not asked for", context={"value": 1})
    heard: list[str] = []

    def more() -> bool:
        nonlocal poll
        page = shop.get("/events", type="log", limit=3, after_cursor=poll)
        heard.extend(item["message"] for item in page["items"])
        poll = page["poll_cursor"]
        return len(heard) >= len(sent)

    wait_for(more, "not everything is told")
    assert heard == sent
    assert shop.get("/events", type="log", after_cursor=poll)["items"] == []
    assert shop.get("/events", 422, type="error", after_cursor=poll)["code"] == "invalid_cursor"


# --- error groups


def test_an_error_group(shop: Shop) -> None:
    (group,) = shop.get("/error_groups")["items"]
    latest = group["latest_event"]
    assert latest["uuid"] == shop.error
    assert latest["error_group_uuid"] == group["uuid"]
    names = ("title", "subtitle", "stage", "severity", "status", "occurrence_count", "introduced_in_release")
    assert [group[name] for name in names] == [
        *("card declined", "PaymentError", "production", "error", "unresolved", 1, "1.4.2")
    ]
    assert group["first_seen_at"] == group["last_seen_at"] == latest["occurred_at"]
    shown = shop.get(f"/error_groups/{group['uuid']}", related_logs="true")
    assert shown["error_group"] == group
    assert [log["message"] for log in shown["related_logs"]] == ["paying"]
    assert "related_logs" not in shop.get(f"/error_groups/{group['uuid']}")
    for query in (
        {"q": "CARD decl"},
        {"status": "all"},
        {"introduced_today": "true", "status": "resolved"},
        {"q": "payment"},
    ):
        if "introduced_today" in query and datetime.now(UTC) - timedelta(minutes=10) < datetime.now(UTC).replace(
            hour=0, minute=0
        ):
            continue  # the error may be yesterday's
        assert shop.get("/error_groups", **query)["items"] == [group], query
    for query in ({"q": "nothing"}, {"status": "resolved"}, {"assignee": "me"}):
        assert shop.get("/error_groups", **query)["items"] == [], query
    for query in ({"sort": "impact"}, {"status": "open"}, {"assignee": "somebody"}):
        assert shop.get("/error_groups", 422, **query)["parameter"] == next(iter(query))
    shop.get(f"/error_groups/{uuid4()}", 404)


def test_a_group_that_is_closed_and_comes_back(server: Any) -> None:
    shop = Shop(server, "regressions")
    for _ in range(2):
        shop.send("error", "it broke", release="1")
    shop.send("error", "another")
    settle(server)
    page = shop.get("/error_groups", limit=1)
    rest = shop.get("/error_groups", limit=1, cursor=page["next_cursor"])
    assert "next_cursor" not in rest
    groups = {group["title"]: group for group in (*page["items"], *rest["items"])}
    assert {title: group["occurrence_count"] for title, group in groups.items()} == {"it broke": 2, "another": 1}
    broke = groups["it broke"]["uuid"]
    assert shop.client.call("PATCH", f"/api/headrace/issues/{broke}", json={"status": "resolved"}).status_code == 200
    (closed,) = shop.get("/error_groups", status="resolved")["items"]
    assert (closed["uuid"], bool(TIME.fullmatch(closed["resolved_at"]))) == (broke, True)
    assert shop.get("/summary")["errors"] == {"unresolved": 1, "resolved": 1, "ignored": 0, "archived": 0, "all": 2}
    for release in ("2", "3"):
        shop.send("error", "it broke", release=release, occurred_at=ago(-1 if release == "3" else 0))
    settle(server)
    opened = shop.get(f"/error_groups/{broke}")["error_group"]
    assert opened["status"] == "unresolved"
    names = ("introduced_in_release", "regressed_in_release", "last_seen_release", "reopen_count", "regression_count")
    assert [opened[name] for name in names] == ["1", "2", "3", 1, 1]
    assert "resolved_at" not in opened


@pytest.mark.parametrize("budget", [256, 257, 400, 600, 1_500, 4_000, 32_000])
def test_bundles_for_an_ai_keep_to_their_budget(shop: Shop, budget: int) -> None:
    (group,) = shop.get("/error_groups")["items"]
    path = f"/projects/{shop.client.project}/error_groups/{group['uuid']}/context"
    answer = read(shop.server, shop.key, path, token_budget=budget)
    told = answer.json()
    assert len(answer.content) <= told["response_byte_limit"] == 4 * budget
    assert (told["format"], told["version"], told["token_budget"]) == ("logister_ai_context", 1, budget)
    assert told["issue"]["uuid"] == group["uuid"]
    assert told["truncated"] == (budget < 1_500)
    assert "hunter2" not in answer.text
    if budget >= 1_500:
        assert told["exception"]["application_frames"] == ["pay.rb:1", "app.rb:9"]
        assert told["deployment_context"]["matched"]["release"] == "1.4.2"
        assert [log["message"] for log in told["related_logs"]["records"]] == ["paying"]


def test_budgets_that_cannot_be_and_the_export(shop: Shop) -> None:
    (group,) = shop.get("/error_groups")["items"]
    path = f"/error_groups/{group['uuid']}"
    for budget in (255, 32_001, "x"):
        assert shop.get(f"{path}/context", 422, token_budget=budget)["parameter"] == "token_budget"
    assert shop.get(f"{path}/context")["token_budget"] == 4_000
    told = shop.get(f"{path}/export")
    assert (told["export"]["format"], told["export"]["truncated"]) == ("logister_error_group", False)
    assert told["latest_event"]["context"]["password"] == "[REDACTED]"
    days = told["occurrences"]["daily_counts_last_14_days"]
    assert (len(days), sum(day["count"] for day in days)) == (14, 1)
    records = shop.get(f"{path}/export", include_occurrences="true")["occurrences"]
    assert (records["records_included"], records["truncated"]) == (1, False)
    assert [one["uuid"] for one in records["records"]] == [shop.error]


def test_a_bundle_of_a_monstrous_error_keeps_to_its_budget_too(server: Any) -> None:
    shop = Shop(server, "monstrous")
    frames = [{"filename": "ü" * 900, "lineno": number} for number in range(200)]
    shop.send("error", "é" * 30_000, release="r" * 250, context={"exception": {"class": "X" * 5_000, "frames": frames}})
    settle(server)
    (group,) = shop.get("/error_groups")["items"]
    for part, limit in (
        ("context?token_budget=256", 1_024),
        ("context?token_budget=4000", 16_000),
        ("export", 900 * 1024),
    ):
        path = f"/projects/{shop.client.project}/error_groups/{group['uuid']}/{part}"
        answer = read(server, shop.key, path)
        assert answer.status_code == 200
        assert len(answer.content) <= limit, (part, answer.text)


# --- the rest


def test_traces(shop: Shop) -> None:
    (root,) = shop.get("/traces")["items"]
    wanted = {"span_id": "s1", "operation": "/pay", "kind": "server", "status": "ok", "duration_ms": 100.0}
    assert {name: root[name] for name in wanted} == wanted
    assert root["service"] == shop.get("")["slug"]
    for query in (
        {"status": "ok"},
        {"operation": "/pay"},
        {"q": "POST"},
        {"service": root["service"]},
        {"min_duration_ms": 100},
    ):
        assert shop.get("/traces", **query)["items"] == [root], query
    for query in ({"status": "unset"}, {"status": "error"}, {"operation": "select"}, {"service": "x"}, {"min_duration_ms": 101}, {"environment": "x"}):  # fmt: skip
        assert shop.get("/traces", **query)["items"] == [], query
    trace = shop.get(f"/traces/{TRACE}")
    assert (trace["trace_id"], trace["span_count"], trace["truncated"]) == (TRACE, 2, False)
    assert [span["span_id"] for span in trace["spans"]] == ["s1", "s2"]
    assert trace["spans"][1]["parent_span_id"] == "s1"
    assert trace["spans"][1]["context"]["api_key"] == "[REDACTED]"
    shop.get("/traces/nothing", 404)
    assert shop.get("/traces/a%20b", 422)["parameter"] == "trace_id"


def test_a_long_trace_is_cut(server: Any) -> None:
    shop = Shop(server, "long trace")
    spans = [
        {"event": {"uuid": str(uuid4()), "event_type": "span", "trace_id": "long", "span_id": f"s{number}", "name": "n", "started_at": ago(300 - number)}}
        for number in range(201)
    ]  # fmt: skip
    for first in range(0, len(spans), 100):
        lines = "\n".join(json.dumps(span) for span in spans[first : first + 100]).encode()
        assert BY_PATH["/api/v1/ingest_events/batch"].post(shop.client, lines).status_code == 202
    settle(server)
    trace = shop.get("/traces/long")
    assert (trace["span_count"], trace["truncated"]) == (200, True)
    assert [span["span_id"] for span in trace["spans"]] == [f"s{number}" for number in range(200)]
    seen, cursor = [], None
    while True:
        page = shop.get("/traces", limit=100, **({"cursor": cursor} if cursor else {}))
        seen += [span["span_id"] for span in page["items"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert seen == [f"s{number}" for number in reversed(range(201))]


def test_monitors(shop: Shop) -> None:
    (monitor,) = shop.get("/monitors")["items"]
    wanted = {"slug": "nightly", "environment": "production", "status": "ok", "expected_interval_seconds": 86_400}
    assert {name: monitor[name] for name in wanted} == wanted
    assert monitor["last_error_at"] < monitor["last_check_in_at"] == monitor["last_event"]["occurred_at"]
    assert monitor["last_event"]["status"] == "ok"
    assert shop.get(f"/monitors/{monitor['uuid']}") == monitor
    for query in ({"status": "ok"}, {"q": "NIGHT"}, {"environment": "production"}):
        assert shop.get("/monitors", **query)["items"] == [monitor]
    for query in ({"status": "missed"}, {"q": "x"}, {"environment": "staging"}):
        assert shop.get("/monitors", **query)["items"] == []
    shop.get(f"/monitors/{uuid4()}", 404)
    shop.get("/monitors/nothing", 404)


def test_pages_of_monitors(server: Any) -> None:
    shop = Shop(server, "many monitors")
    slugs = [f"job-{number}" for number in range(5)]
    for slug in slugs:
        assert BY_PATH["/api/v1/check_ins"].post(shop.client, {"check_in": {"slug": slug}}).status_code == 201
    settle(server)
    seen, cursor = [], None
    while True:
        page = shop.get("/monitors", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [monitor["slug"] for monitor in page["items"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert seen == slugs[::-1]


def test_deployments(shop: Shop) -> None:
    newest, oldest = shop.get("/deployments")["items"]
    assert (newest["release"], newest["short_commit_sha"], newest["source"]) == ("1.4.2", "2222222", "api")
    assert newest["previous_deployment"]["uuid"] == oldest["uuid"]
    assert newest["links"]["compare"].endswith(f"/compare/{'1' * 40}...{'2' * 40}")
    assert "previous_deployment" not in oldest
    assert shop.get(f"/deployments/{newest['uuid']}") == newest
    page = shop.get("/deployments", limit=1)
    assert page["items"] == [newest]
    assert shop.get("/deployments", limit=1, cursor=page["next_cursor"])["items"] == [oldest]
    for query in ({"q": "222"}, {"release": "1.4.2"}, {"since": "90m"}):
        assert shop.get("/deployments", **query)["items"] == [newest], query
    for query in ({"q": "2_2"}, {"source": "telemetry"}, {"repository": "acme/other"}, {"until": ago(86_400)}):
        assert shop.get("/deployments", **query)["items"] == [], query
    assert shop.get("/deployments", 422, source="elsewhere")["parameter"] == "source"
    shop.get(f"/deployments/{uuid4()}", 404)


def value(shop: Shop, metric: str, **query: Any) -> float:
    """What a metric amounts to in all its buckets."""
    told = shop.get("/metrics/query", metric=metric, **query)
    assert told["metric"]["key"] == told["series"]["key"] == metric
    found: float = sum(point["value"] for point in told["series"]["data"])
    return found


def test_metrics(shop: Shop) -> None:
    keys = [metric["key"] for metric in shop.get("/metrics/catalog")["items"]]
    assert keys[-2:] == ["metric:queue.depth", "metric_value:queue.depth"]
    assert "metric:db.query" not in keys
    expected = {
        "events.total": 11,
        "errors.count": 1,
        "activity.count": 10,
        "logs.count": 2,
        "check_ins.count": 2,
        "transactions.count": 2,
        "db.query.count": 1,
        "metric:queue.depth": 3,
    }
    assert {metric: value(shop, metric) for metric in expected} == expected
    assert value(shop, "logs.count", **{"attribute[]": "region=eu"}) == 1
    assert value(shop, "logs.count", attribute="region=nowhere") == 0
    assert value(shop, "logs.count", environment="staging") == 1
    for window, bucket, fewest in (("1h", "minute", 60), ("6h", "hour", 6), ("24h", "hour", 24), ("7d", "day", 7)):
        told = shop.get("/metrics/query", metric="events.total", window=window)
        assert (told["window"], told["bucket"]) == (window, bucket)
        assert len(told["series"]["data"]) in (fewest, fewest + 1)
    for query in ({"metric": "nothing"}, {}, {"metric": "events.total", "window": "2h"}, {"metric": "events.total", "attribute": "x"}):  # fmt: skip
        assert shop.get("/metrics/query", 422, **query)["code"] == "invalid_parameter"
    for attribute in ("password=x", "Region=eu", "region=" + "x" * 81):
        assert shop.get("/metrics/query", 422, metric="logs.count", attribute=attribute)["parameter"] == "attribute"


def test_durations_are_those_of_the_bucket(server: Any) -> None:
    """The 95th percentile is interpolated (2.5). All of it happened in one day of UTC: the day before yesterday."""
    shop = Shop(server, "durations")
    noon = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
    for duration in (10, 20, 30, 40, 100):
        shop.send("transaction", "t", transaction_name="t", duration_ms=duration, occurred_at=noon.isoformat())
    shop.send("transaction", "no duration", occurred_at=noon.isoformat())
    settle(server)
    assert value(shop, "transactions.avg", window="7d") == 40
    assert value(shop, "transactions.p95", window="7d") == 88


def test_insights(shop: Shop) -> None:
    told = shop.get("/insights")
    summary = {
        name: told["summary"][name]
        for name in ("events", "errors", "activity", "logs", "metrics", "transactions", "check_ins")
    }
    assert summary == {
        "events": 11,
        "errors": 1,
        "activity": 10,
        "logs": 2,
        "metrics": 4,
        "transactions": 2,
        "check_ins": 2,
    }
    assert told["selected_metrics"] == ["events.total", "errors.count", "transactions.p95", "db.query.avg"]
    assert [series["key"] for series in told["metric_series"]] == told["selected_metrics"]
    assert {one["name"] for one in told["environments"]} == {"production", "staging"}
    (region,) = [one for one in told["attributes"] if one["key"] == "region"]
    assert [(one["name"], one["count"]) for one in region["values"]] == [("eu", 1), ("us", 1)]
    assert not [one for one in told["attributes"] if "password" in one["key"]]
    chosen = shop.get("/insights", **{"metric[]": ["logs.count", "metric:queue.depth"], "release": "1.4.2"})
    assert chosen["selected_metrics"] == ["logs.count", "metric:queue.depth"]
    assert (chosen["filters"], chosen["summary"]["events"]) == ({"release": "1.4.2"}, 1)
    keys = [metric["key"] for metric in told["metric_catalog"]]
    assert shop.get("/insights", **{"metric[]": keys[:8]})["selected_metrics"] == keys[:8]
    assert shop.get("/insights", 422, **{"metric[]": keys[:9]})["parameter"] == "metric"
