"""SlowStats' metric endpoint against a real server (contract 1.1-1.3, 1.8-1.10, 1.12)."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest
import requests
from endpoints import BY_PATH, x_api_key
from wire import TIMEOUT_S, Client, settle

METRICS, METRIC = BY_PATH["/api/slowstats/ingest-metrics"], BY_PATH["/api/slowstats/ingest-metric"]
OK = (200, {"message": "Metric ingested successfully."})
NO_KEY = (401, {"error": "Unauthorized: You must provide a valid API Key."})
NO_PROJECT = (400, {"error": "Project ID is required."})
NO_PAYLOAD = (400, {"error": "Metric payload is required and must be an object."})
NO_ACCESS = (403, {"error": "Forbidden: You do not have access to this project."})
CAP = 1024 * 1024


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "slowstats over http", style="slowstats")


def told(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def test_1_a_metric(server: Any) -> None:
    client = Client(server, "slowstats documented")
    payload = {"temperature": 72.5, "humidity": 45, "cpu": {"load": 0.5, "hot": True, "name": "a"}, "list": [1]}
    for endpoint in (METRICS, METRIC):
        assert told(endpoint.post(client, {"projectId": client.project, "payload": payload})) == OK
    assert client.totals()["points"] == {
        f"slowstats:{name}:value": 2 for name in ("temperature", "humidity", "cpu.load", "cpu.hot")
    }
    newest = client.rows("events")[0]
    assert (newest["dialect"], newest["type"]) == ("slowstats", "metric")
    assert client.api(f"/events/{newest['id']}")["raw"] == payload


def test_the_guides_curl(client: Client) -> None:
    command = [
        *("curl", "-sS", "-X", "POST", client.server.url + "/api/slowstats/ingest-metrics"),
        *("-H", f"x-api-key: {client.key}", "-H", "Content-Type: application/json"),
        *("-d", json.dumps({"projectId": client.project, "payload": {"members": 7}})),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
    assert shown == '{"message":"Metric ingested successfully."}'


def test_2_and_3_what_is_refused_leaves_nothing(server: Any) -> None:
    client = Client(server, "slowstats refused")
    project = client.project
    for body, answer in (
        ({"payload": {"a": 1}}, NO_PROJECT),
        ({"projectId": project}, NO_PAYLOAD),
        ({"projectId": project, "payload": [1]}, NO_PAYLOAD),
        ({"projectId": project, "payload": None}, NO_PAYLOAD),
        ({"projectId": project, "payload": "x"}, NO_PAYLOAD),
        ({}, NO_PROJECT),
        ({"projectId": 1, "payload": {}}, NO_PROJECT),
        ({"projectId": " ", "payload": {}}, NO_PROJECT),
        ([], NO_PROJECT),
        (b"", NO_PROJECT),
        (b'{"projectId":', NO_PROJECT),
        ({"projectId": "no such project", "payload": [1]}, NO_PAYLOAD),
        ({"projectId": "no such project", "payload": {}}, NO_ACCESS),
    ):
        assert told(METRICS.post(client, body)) == answer
    assert client.totals() == {"events": 0, "requests": 0, "spans": 0, "points": {}}


def test_4_missing_and_wrong_keys_are_told_alike(client: Client) -> None:
    for headers in ({}, x_api_key("wrong.key"), x_api_key("")):
        for path in ("/api/slowstats/ingest-metrics", "/api/slowstats/ingest-metric"):
            answer = client.call("POST", path, headers=headers, json={})
            assert told(answer) == NO_KEY
            assert "www-authenticate" not in answer.headers


def test_5_projects_out_of_reach(server: Any, client: Client) -> None:
    """Of another account, of the same account with a key for one project, archived, unknown: told alike."""
    server.call("account.create", email="slow@example.test", password="correct horse battery")
    foreign = Client(server, "slowstats foreign", account="slow@example.test")
    sibling = Client(server, "slowstats sibling")
    gone = Client(server, "slowstats archived")
    server.call("project.archive", project=gone.project)
    wide = client.make_key(account_wide=True, unlimited=True)
    for key, project, answer in (
        (client.key, foreign.project, NO_ACCESS),
        (client.key, sibling.project, NO_ACCESS),
        (wide, foreign.project, NO_ACCESS),
        (wide, gone.project, NO_ACCESS),
        (wide, "unknown", NO_ACCESS),
        (wide, sibling.project, OK),
        (wide, client.project, OK),
    ):
        assert told(METRICS.post(client, {"projectId": project, "payload": {"a": 1}}, key=key)) == answer
    assert foreign.totals()["events"] == 0
    assert sibling.totals()["events"] == 1


def test_11_the_61st_request_of_a_minute(server: Any) -> None:
    """The minute begins with the first one: where it was over before all were sent, they are sent again with another key."""
    while True:
        client = Client(server, "slowstats window", unlimited=False)
        started = time.time()
        answers = [METRICS.post(client)]
        begun = time.time()
        # Every second one is refused for its body, and charged all the same.
        answers += [METRICS.post(client) if number % 2 else METRICS.post(client, b"{}") for number in range(2, 61)]
        refused, again = METRICS.post(client), METRICS.post(client)
        if time.time() < started + 60:
            break
    for number, answer in enumerate(answers, 1):
        assert answer.status_code == (200 if number % 2 else 400)
        assert answer.headers["x-ratelimit-limit"] == "60"
        assert answer.headers["x-ratelimit-remaining"] == str(60 - number)
        assert "x-ratelimit-reset" not in answer.headers
    assert told(refused) == (429, {"error": "Too many requests."})
    assert refused.headers["x-ratelimit-remaining"] == "0"
    reset, wait = int(refused.headers["x-ratelimit-reset"]), int(refused.headers["retry-after"])
    assert started + 60 <= reset <= begun + 61
    assert 1 <= wait <= 60
    # The reset does not move with further refusals.
    assert again.headers["x-ratelimit-reset"] == str(reset)
    assert client.totals()["events"] == 30


def test_12_a_wrong_method(client: Client) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        answer = client.call(method, "/api/slowstats/ingest-metrics", headers={"Origin": "https://shop.example"})
        assert told(answer) == (405, {"error": "Method not allowed."})
        assert answer.headers["allow"] == "POST"
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["ingest-event", "get-project", "ingest-metrics/", "", "x/y"])
def test_an_unknown_path(client: Client, path: str) -> None:
    assert told(client.call("POST", f"/api/slowstats/{path}", headers={})) == (404, {"error": "Not found."})


@pytest.mark.parametrize(("size", "status"), [(CAP - 1, 200), (CAP, 200), (CAP + 1, 413)])
def test_the_size_of_a_body(client: Client, size: int, status: int) -> None:
    answer = METRICS.post(client, METRICS.body(client).ljust(size))
    assert told(answer) == (OK if status == 200 else (413, {"error": "Request body too large."}))


def test_leaves_beyond_the_limits_stay_raw(server: Any) -> None:
    client = Client(server, "slowstats leaves")
    deep: dict[str, Any] = {"sixteenth": 1, "k16": {"seventeenth": 1}}
    for level in range(15, 0, -1):
        deep = {f"k{level}": deep}
    wide = {f"n{number:04}": number for number in range(1001)}
    for payload in (deep, wide, {}):
        assert told(METRICS.post(client, {"projectId": client.project, "payload": payload})) == OK
    for part, there in (("sixteenth", True), ("seventeenth", False), ("n0999", True), ("n1000", False)):
        assert bool(client.api("/stats", q=part)["stats"]) is there
    settle(server)
    raws = [client.api(f"/events/{row['id']}")["raw"] for row in client.rows("events")]
    assert all(payload in raws for payload in (deep, wide, {}))


def test_a_key_without_the_write_scope(client: Client) -> None:
    assert told(METRICS.post(client, key=client.make_key(scopes=["read"]))) == NO_ACCESS
