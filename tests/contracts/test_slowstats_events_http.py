"""SlowStats' events and reads against a real server (contract 1.4-1.10, 1.12)."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from endpoints import BY_PATH, x_api_key
from wire import TIMEOUT_S, Client, settle

from headrace.catalog import Catalog, sqlite_url
from headrace.catalog.meta import instance_secret
from headrace.catalog.sealing import OUTBOX_ADDRESSES, Seal

EVENTS, EVENT = BY_PATH["/api/slowstats/ingest-events"], BY_PATH["/api/slowstats/add-event"]
METRICS = BY_PATH["/api/slowstats/ingest-metrics"]
READS = ("get-projects", "get-events", "get-metrics")
OK = (200, {"message": "Event created successfully."})
NO_KEY = (401, {"error": "Unauthorized: You must provide a valid API Key."})
NO_PROJECT = (400, {"error": "Project ID is required."})
NO_ACCESS = (403, {"error": "Forbidden: You do not have access to this project."})
INVALID = (400, {"error": "Invalid request body."})
CAP = 1024 * 1024
TOKEN = "Zq7-very_secret_token_of_a_webhook"
WEBHOOK = {"url": f"https://discord.com/api/webhooks/123456789/{TOKEN}", "title": "A command was used"}


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "slowstats events over http", style="slowstats")


def told(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def send(client: Client, name: str = "x", **fields: Any) -> None:
    assert told(EVENTS.post(client, {"projectId": client.project, "eventType": name, **fields})) == OK


def get(client: Client, name: str, *, key: str | None = None, **query: Any) -> requests.Response:
    return client.call("GET", f"/api/slowstats/{name}", headers=x_api_key(key or client.key), params=query)


def events(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = get(client, "get-events", projectId=client.project, **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


def metrics(client: Client) -> dict[str, Any]:
    answer = get(client, "get-metrics", projectId=client.project)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["metrics"]
    found: dict[str, Any] = answer.json()["metrics"]
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in found]


def test_6_and_8_events_are_read_back(server: Any) -> None:
    client = Client(server, "slowstats read back")
    before = datetime.now(UTC).replace(microsecond=0)
    for number, endpoint in enumerate((EVENTS, EVENT)):
        body = {"projectId": client.project, "eventType": f"kind {number}"}
        if number:
            body |= {"description": "rolled", "payload": {"sides": [20, {"a": None}], "big": 10**30}, "color": 9175295}
        assert told(endpoint.post(client, body)) == OK
    settle(server)
    newest, oldest = events(client)
    for event in (newest, oldest):
        assert list(event) == ["id", "project_id", "type", "data", "occurred_at"]
        assert event["project_id"] == client.project
        at = datetime.strptime(event["occurred_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert before <= at <= datetime.now(UTC)
    assert names([newest, oldest]) == ["kind 1", "kind 0"]
    assert oldest["data"] == {}
    assert newest["data"] == {
        "sides": [20, {"a": None}],
        "big": 10**30,
        "description": "rolled",
        "color": 9175295,
    }
    row = client.rows("events")[0]
    assert (row["id"], row["dialect"], row["type"]) == (newest["id"], "slowstats", "event")
    assert (row["name"], row["message"]) == ("kind 1", "rolled")


def test_9_and_10_metrics_count_events_only(server: Any) -> None:
    client = Client(server, "slowstats counted")
    empty = metrics(client)
    assert list(empty) == ["total_events", "unique_visitors", "last_7_days"]
    assert (empty["total_events"], empty["unique_visitors"]) == (0, 0)
    assert METRICS.post(client, {"projectId": client.project, "payload": {"userId": 1}}).status_code == 200
    other = {"events": [{"type": "event", "name": "x", "meta": {"userId": "z"}}]}
    assert BY_PATH["/api/v1/events"].post(client, other).status_code == 202
    settle(server)
    assert {**metrics(client), "last_7_days": []} == {**empty, "last_7_days": []}
    for visitor in ({"userId": "a"}, {"userId": "a", "ip": "::1"}, {"visitorId": "b", "userId": "a"}, {}, {"ip": ""}):
        send(client, payload=visitor)
    settle(server)
    found = metrics(client)
    assert (found["total_events"], found["unique_visitors"]) == (5, 2)
    days = found["last_7_days"]
    assert all(list(day) == ["date", "events"] for day in days)
    today = datetime.now(UTC).date()
    dates = [(today - timedelta(days=back)).isoformat() for back in range(6, -1, -1)]
    if days[-1]["date"] == dates[-1] == empty["last_7_days"][-1]["date"]:  # no midnight in between
        assert [day["date"] for day in days] == dates
        assert [day["events"] for day in days] == [0, 0, 0, 0, 0, 0, 5]
    assert len(events(client)) == 5


def test_7_what_is_refused_leaves_nothing(server: Any) -> None:
    client = Client(server, "slowstats events refused")
    minimal = {"projectId": client.project, "eventType": "x"}
    for url in (
        "https://evil.example/api/webhooks/1/t",
        "http://discord.com/api/webhooks/1/t",
        "https://discord.com@evil.example/api/webhooks/1/t",
        "https://discord.com.evil.example/api/webhooks/1/t",
    ):
        assert told(EVENTS.post(client, minimal | {"discordWebhook": {**WEBHOOK, "url": url}})) == INVALID
    for body in ({}, [], b"", b"{", minimal | {"eventType": ""}, minimal | {"payload": [1]}, minimal | {"color": True}):
        assert told(EVENTS.post(client, body)) == INVALID
    assert told(EVENTS.post(client, minimal | {"projectId": "unknown"})) == NO_ACCESS
    settle(server)
    assert events(client) == []
    assert metrics(client)["total_events"] == 0


@pytest.mark.parametrize("path", ["ingest-events", "add-event"])
def test_a_body_that_is_not_what_its_encoding_says(client: Client, path: str) -> None:
    headers = {**x_api_key(client.key), "Content-Encoding": "gzip"}
    for body in (b"{}", gzip.compress(b"{}")[:-4]):
        assert told(client.call("POST", f"/api/slowstats/{path}", headers=headers, data=body)) == INVALID
    body = gzip.compress(EVENTS.body(client))
    assert told(client.call("POST", f"/api/slowstats/{path}", headers=headers, data=body)) == OK


@pytest.mark.parametrize(("size", "status"), [(CAP, 200), (CAP + 1, 413)])
def test_the_size_of_a_body(client: Client, size: int, status: int) -> None:
    answer = EVENTS.post(client, EVENTS.body(client).ljust(size))
    assert told(answer) == (OK if status == 200 else (413, {"error": "Request body too large."}))


def test_4_missing_and_wrong_keys_are_told_alike(client: Client) -> None:
    for headers in ({}, x_api_key("wrong.key")):
        for path in ("ingest-events", "add-event"):
            assert told(client.call("POST", f"/api/slowstats/{path}", headers=headers, json={})) == NO_KEY
        for path in READS:
            assert told(client.call("GET", f"/api/slowstats/{path}", headers=headers)) == NO_KEY


def test_5_projects_out_of_reach(server: Any, client: Client) -> None:
    """Of another account, of the same account with a key for one project, archived, unknown: told alike."""
    server.call("account.create", email="slow-events@example.test", password="correct horse battery")
    foreign = Client(server, "slowstats events foreign", account="slow-events@example.test")
    sibling = Client(server, "slowstats events sibling")
    gone = Client(server, "slowstats events archived")
    wide = client.make_key(account_wide=True, unlimited=True, scopes=["read", "write"])
    assert told(EVENTS.post(gone, key=wide)) == OK
    server.call("project.archive", project=gone.project)
    for key, project, allowed in (
        (client.key, foreign.project, False),
        (client.key, sibling.project, False),
        (wide, foreign.project, False),
        (wide, gone.project, False),
        (wide, "unknown", False),
        (wide, sibling.project, True),
        (wide, client.project, True),
    ):
        answer = EVENTS.post(client, {"projectId": project, "eventType": "x"}, key=key)
        assert told(answer) == (OK if allowed else NO_ACCESS)
        for path in ("get-events", "get-metrics"):
            answer = get(client, path, key=key, projectId=project)
            assert answer.status_code == (200 if allowed else 403)
            assert allowed or told(answer) == NO_ACCESS


def test_scopes(client: Client) -> None:
    writes, reads = client.make_key(scopes=["write"]), client.make_key(scopes=["read"])
    assert told(EVENTS.post(client, key=reads)) == NO_ACCESS
    assert told(EVENTS.post(client, key=writes)) == OK
    for path in READS:
        assert told(get(client, path, key=writes, projectId=client.project)) == NO_ACCESS
        assert get(client, path, key=reads, projectId=client.project).status_code == 200


@pytest.mark.parametrize("path", ["get-events", "get-metrics"])
def test_the_project_is_asked_for(client: Client, path: str) -> None:
    url = f"{client.server.url}/api/slowstats/{path}"
    for query in ("", "?projectId=", "?projectId=%20", "?project=x", f"?projectId=&projectId={client.project}"):
        assert told(requests.get(url + query, headers=x_api_key(client.key), timeout=TIMEOUT_S)) == NO_PROJECT
    both = f"?projectId={client.project}&projectId=unknown"
    assert requests.get(url + both, headers=x_api_key(client.key), timeout=TIMEOUT_S).status_code == 200


def test_projects_that_the_key_reaches(server: Any) -> None:
    server.call("account.create", email="slow-projects@example.test", password="correct horse battery")
    of = [Client(server, f"slow {name}", account="slow-projects@example.test") for name in ("b", "a", "gone")]
    wide = of[2].make_key(account_wide=True, unlimited=True, scopes=["read", "write"])
    server.call("project.archive", project=of[2].project)
    answer = get(of[0], "get-projects", key=wide)
    assert (answer.status_code, list(answer.json())) == (200, ["projects"])
    found = answer.json()["projects"]
    assert [(one["id"], one["name"]) for one in found] == [(of[0].project, "slow b"), (of[1].project, "slow a")]
    for one in found:
        assert list(one) == ["id", "name", "created_at"]
        datetime.strptime(one["created_at"], "%Y-%m-%dT%H:%M:%SZ")
    answer = get(of[1], "get-projects")
    assert [one["id"] for one in answer.json()["projects"]] == [of[1].project]
    server.call("project.archive", project=of[0].project)
    server.call("project.archive", project=of[1].project)
    assert told(get(of[0], "get-projects", key=wide)) == (200, {"projects": []})


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        *[(method, path, "POST") for path in ("ingest-events", "add-event") for method in ("GET", "PUT", "OPTIONS")],
        *[(method, path, "GET") for path in READS for method in ("POST", "DELETE", "OPTIONS")],
    ],
)
def test_12_a_wrong_method(client: Client, method: str, path: str, allow: str) -> None:
    answer = client.call(method, f"/api/slowstats/{path}", headers={"Origin": "https://shop.example"})
    assert told(answer) == (405, {"error": "Method not allowed."})
    assert answer.headers["allow"] == allow
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_12_head(client: Client) -> None:
    assert client.call("HEAD", "/api/slowstats/ingest-events", headers={}).status_code == 405
    answer = client.call("HEAD", "/api/slowstats/get-projects", headers=x_api_key(client.key))
    assert (answer.status_code, answer.content) == (200, b"")


def test_11_reads_and_posts_share_the_window(server: Any) -> None:
    """A minute that begins with the first one: where it was over before all were sent, they are sent again with another key."""
    client = Client(server, "slowstats shared window", unlimited=False)
    calls = [
        lambda: EVENTS.post(client),
        lambda: METRICS.post(client),
        lambda: get(client, "get-projects"),
        lambda: get(client, "get-events", projectId=client.project),
        lambda: get(client, "get-metrics"),
        lambda: get(client, "get-metrics", projectId="unknown"),
    ]
    while True:
        started = time.time()
        answers = [calls[0]()]
        begun = time.time()
        answers += [calls[number % 6]() for number in range(1, 60)]
        refusals = [call() for call in calls]
        if time.time() < started + 60:
            break
        client.key = client.make_key()
    for number, answer in enumerate(answers):
        assert answer.status_code == (200, 200, 200, 200, 400, 403)[number % 6]
        assert answer.headers["x-ratelimit-limit"] == "60"
        assert answer.headers["x-ratelimit-remaining"] == str(59 - number)
    for refused in refusals:
        assert told(refused) == (429, {"error": "Too many requests."})
        assert started + 60 <= int(refused.headers["x-ratelimit-reset"]) <= begun + 61
        assert 1 <= int(refused.headers["retry-after"]) <= 60


# --- pages


@pytest.fixture(scope="module")
def full(server: Any) -> Client:
    """A project with more events than one page holds: 0 to 519, every tenth of type ``ten``."""
    client = Client(server, "slowstats many events")
    with requests.Session() as session:
        for number in range(520):
            body = {
                "projectId": client.project,
                "eventType": "one" if number % 10 else "ten",
                "payload": {"n": number},
            }
            answer = session.post(
                f"{server.url}/api/slowstats/ingest-events", json=body, headers=x_api_key(client.key), timeout=TIMEOUT_S
            )
            assert answer.status_code == 200
    settle(server)
    return client


def numbers(found: list[dict[str, Any]]) -> list[int]:
    return [event["data"]["n"] for event in found]


def test_all_events_are_streamed_newest_first(full: Client) -> None:
    assert numbers(events(full)) == list(range(519, -1, -1))
    assert "content-length" not in get(full, "get-events", projectId=full.project).headers


def test_parts_of_the_events(full: Client) -> None:
    assert numbers(events(full, limit=3)) == [519, 518, 517]
    assert numbers(events(full, limit=501)) == list(range(519, 18, -1))
    assert numbers(events(full, limit=10**9)) == list(range(519, -1, -1))
    assert numbers(events(full, type="ten", limit=2)) == [510, 500]
    assert events(full, type="nothing") == []
    page = events(full, limit=300)
    rest = events(full, before=page[-1]["id"], limit="")
    assert numbers(page + rest) == list(range(519, -1, -1))
    assert events(full, before=rest[-1]["id"].upper()) == []
    assert events(full, before="2020-01-01T00:00:00Z") == []
    assert len(events(full, before=(datetime.now(UTC) + timedelta(minutes=1)).isoformat(), type="")) == 520


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "1.5"},
        {"limit": "x"},
        {"limit": "9" * 30},
        {"before": "yesterday"},
        {"before": "ffffffff-ffff-7fff-bfff-ffffffffffff"},
        {"before": "0ead102f-0031-5849-b5db-6f7525857be4"},
        {"type": "t" * 256},
    ],
    ids=lambda query: "-".join(map(str, *query.items()))[:30],
)
def test_parts_that_cannot_be(full: Client, query: dict[str, str]) -> None:
    status, body = told(get(full, "get-events", projectId=full.project, **query))
    assert (status, list(body)) == (400, ["error"])
    assert next(iter(query)) in body["error"]
    # Whose project it is comes first.
    assert told(get(full, "get-events", projectId="unknown", **query)) == NO_ACCESS


# --- Discord


def outbox(data: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(data / "catalog.db") as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute("SELECT * FROM outbox ORDER BY created_at")]
    connection.close()
    return rows


def files_with(data: Path, text: str) -> list[str]:
    """Files of a data folder, and the log beside it, that hold ``text``."""
    files = [path for path in data.rglob("*") if path.is_file() and not path.is_socket()]
    return [path.name for path in (*files, data.parent / f"{data.name}.log") if text.encode() in path.read_bytes()]


def test_a_message_survives_a_crash_and_its_address_is_nowhere_in_clear(own_server: Any) -> None:
    """Killed after the answer, with everything still in the journal; then started again."""
    own_server.start()
    client = Client(own_server, "outbox")
    marker = "a description that is no secret"
    sent = time.time_ns() // 1000
    for number in range(3):
        send(client, f"n{number}", description=marker, payload={"userId": f"u{number}"}, discordWebhook=WEBHOOK)
    bad = {"projectId": client.project, "eventType": "", "discordWebhook": WEBHOOK}
    assert told(EVENTS.post(client, bad)) == INVALID
    own_server.kill()
    assert any(name.startswith("journal.db") for name in files_with(own_server.data, marker))
    assert files_with(own_server.data, TOKEN) == []

    own_server.start()
    settle(own_server)
    rows = outbox(own_server.data)
    assert [row["event_id"] for row in rows] == [event["id"] for event in reversed(events(client))]
    found = metrics(client)
    assert (found["total_events"], found["unique_visitors"]) == (3, 3)
    for row in rows:
        assert (row["kind"], row["state"], row["attempts"]) == ("discord", "pending", 0)
        assert row["not_after"] - row["created_at"] == 3_600_000_000
        assert row["created_at"] >= sent
        embed = json.loads(row["message"])["embeds"][0]
        assert (embed["title"], embed["description"]) == ("A command was used", marker)
    assert len({row["id"] for row in rows}) == 3
    everything = [client.api(f"/events/{row['id']}") for row in client.rows("events")]
    assert TOKEN not in json.dumps(everything)
    assert own_server.stop() == 0
    assert files_with(own_server.data, TOKEN) == []
    assert TOKEN not in own_server.log.read_text()
    catalog = Catalog.open(sqlite_url(own_server.data / "catalog.db"))
    try:
        with catalog.read() as connection:
            seal = Seal(instance_secret(connection), OUTBOX_ADDRESSES)
    finally:
        catalog.close()
    assert {seal.open(row["address"]) for row in rows} == {WEBHOOK["url"]}

    # An hour later the message is not to be sent any more: the next round of housekeeping ends it.
    with sqlite3.connect(own_server.data / "catalog.db") as connection:
        connection.execute("UPDATE outbox SET not_after = ?", (sent,))
    connection.close()
    own_server._env["HEADRACE_SLOWSTATS_EVENTS_MAX"] = "2"
    own_server.start()

    def expired() -> bool:
        return {(row["state"], row["address"], row["message"]) for row in outbox(own_server.data)} == {
            ("expired", "", "{}")
        }

    deadline = time.monotonic() + TIMEOUT_S
    while not expired():
        assert time.monotonic() < deadline, "the messages do not expire"
        time.sleep(0.05)
    assert metrics(client)["total_events"] == 3

    # This start has a cap on the events of one answer.
    assert names(events(client)) == names(events(client, limit=3)) == ["n2", "n1"]
    assert names(events(client, limit=1)) == ["n2"]


def test_the_guides_curl(client: Client) -> None:
    command = [
        *("curl", "-sS", "-X", "POST", client.server.url + "/api/slowstats/ingest-events"),
        *("-H", f"x-api-key: {client.key}", "-H", "Content-Type: application/json"),
        *("-d", json.dumps({"projectId": client.project, "eventType": "curl", "discordWebhook": WEBHOOK})),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
    assert shown == '{"message":"Event created successfully."}'
