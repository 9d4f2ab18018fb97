"""StatFlow's ingest endpoints against a real server (contract 1.2-1.4, 1.11, 1.12). Its reads have a file of their own."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import requests
from endpoints import BY_PATH
from wire import TIMEOUT_S, Client, bearer

INGEST, STAT, BATCH = (BY_PATH[path] for path in ("/v1/ingest", "/v1/stat", "/v1/ingest/batch"))


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "statflow over http", style="statflow")


def told(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def points(count: int, **fields: Any) -> dict[str, Any]:
    return {"items": [{"stat": "many", "value": n, "type": "value", **fields} for n in range(count)]}


def test_1_the_documented_curl(client: Client) -> None:
    command = [
        *("curl", "-sS", "-i", "-X", "POST", client.server.url + "/v1/ingest"),
        *("-H", f"Authorization: Bearer {client.key}", "-H", "Content-Type: application/json"),
        *("-d", '{"stat": "my_first_metric", "value": 1, "type": "counter"}'),
    ]
    shown = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True).stdout
    head, _, body = shown.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"HTTP/1.1 202 Accepted"
    assert b"content-type: application/json" in head.lower().splitlines()
    assert body == b'{"accepted":1}'
    listed = client.call("GET", "/v1/stats", params={"q": "my_first_metric"}).json()["stats"]
    assert [(stat["name"], stat["type"]) for stat in listed] == [("my_first_metric", "counter")]


@pytest.mark.parametrize(("size", "status"), [(999, 202), (1000, 202), (1001, 400)])
def test_2_a_batch_is_stored_whole_or_not_at_all(server: Any, size: int, status: int) -> None:
    client = Client(server, f"statflow batch {size}")
    answer = BATCH.post(client, points(size))
    if status == 202:
        assert told(answer) == (202, {"accepted": size})
        assert client.totals()["points"] == {"stat:many:value": size}
    else:
        assert told(answer) == (400, {"error": "items must hold at most 1000 points, got 1001"})
        assert client.call("GET", "/v1/stats").json()["stats"] == []


def test_3_scopes_do_not_imply_each_other(client: Client) -> None:
    reads, writes = client.make_key(scopes=["read"]), client.make_key(scopes=["write"])
    for endpoint in (INGEST, STAT, BATCH):
        assert told(endpoint.post(client, key=reads)) == (403, {"error": "this key lacks the write scope"})
    for path in ("/v1/stats", "/v1/stats/x/data", "/v1/stats/x/export", "/v1/annotations"):
        answer = client.call("GET", path, headers=bearer(writes))
        assert told(answer) == (403, {"error": "this key lacks the read scope"})
    for path, lacking, key in (("/v1/auth/api-keys", "read", writes), ("/v1/auth/api-keys", "write", reads)):
        answer = client.call("GET", path, headers=bearer(key))
        assert told(answer) == (403, {"error": f"this key lacks the {lacking} scope"})


REFUSED = [
    (INGEST, {"stat": "x", "value": 1, "type": "gauge"}, 'type must be "counter" or "value"'),
    (INGEST, {"value": 1}, "stat is required"),
    (INGEST, {"stat": "x"}, "value is required"),
    (INGEST, {"stat": "x~y", "value": 1}, 'stat must not contain "~"'),
    (INGEST, {"stat": "x" * 256, "value": 1}, "stat must be a string of 1 to 255 characters"),
    (INGEST, {"stat": "x", "value": True}, "value must be a finite number"),
    (INGEST, b'{"stat":"x","value":1e999}', "value must be a finite number"),
    (INGEST, {"stat": "x", "count": "1"}, "count must be a finite number"),
    (INGEST, [], "body must be an object"),
    (INGEST, b"", "body is not valid JSON"),
    (STAT, b"\xff", "body is not valid JSON"),
    (BATCH, {"items": []}, "items must hold at least 1 point"),
    (BATCH, {"points": []}, 'body must be an object with an "items" array'),
    (
        BATCH,
        {"items": [{"stat": "x", "value": 1}] * 7 + [{"stat": "x", "value": "7"}]},
        "items[7].value must be a finite number",
    ),
    (
        INGEST,
        {"stat": "x", "value": 1, "timestamp": "2099-01-01T00:00:00Z"},
        "timestamp must lie between 2000-01-01 and 5 minutes from now",
    ),
]


def test_4_what_is_refused_is_named_and_leaves_nothing(server: Any) -> None:
    client = Client(server, "statflow refused")
    for endpoint, body, text in REFUSED:
        answer = endpoint.post(client, body)
        assert told(answer) == (400, {"error": text})
        assert answer.headers["content-type"] == "application/json"
    assert client.totals() == {"events": 0, "requests": 0, "spans": 0, "points": {}}
    assert client.call("GET", "/v1/stats").json() == {"stats": [], "next": None}


@pytest.mark.parametrize(("length", "status"), [(254, 202), (255, 202), (256, 400)])
def test_the_length_of_a_name(client: Client, length: int, status: int) -> None:
    for character in ("n", "\N{PILE OF POO}"):
        assert INGEST.post(client, {"stat": character * length, "value": 1}).status_code == status


def test_10_a_revoked_key_is_unknown_at_once(client: Client) -> None:
    made = client.server.call("key.create", project=client.project, unlimited=True)
    assert INGEST.post(client, key=made["key"]).status_code == 202
    client.server.call("key.revoke", id=made["id"])
    answer = INGEST.post(client, key=made["key"])
    assert told(answer) == (401, {"error": "invalid API key"})
    assert answer.headers["www-authenticate"] == "Bearer"


def test_11_count_on_the_older_path(server: Any) -> None:
    client = Client(server, "statflow older path")
    assert told(STAT.post(client, {"stat": "x", "count": 2})) == (202, {"accepted": 1})
    assert told(INGEST.post(client, {"stat": "x", "count": 3})) == (202, {"accepted": 1})
    client.totals()
    seen = client.call("GET", "/v1/stats/x/data", params={"from": "-1h", "to": "now", "resolution": "1d"}).json()
    assert sum(point["value"] for point in seen["points"]) == 5
    assert sum(point["count"] for point in seen["points"]) == 2
    assert seen["stat"]["type"] == "counter"


def test_missing_and_unknown_keys(client: Client) -> None:
    for headers, text in (({}, "missing API key"), (bearer("sf_" + "x" * 32), "invalid API key")):
        for method, path in (("POST", "/v1/ingest"), ("GET", "/v1/stats"), ("DELETE", "/v1/annotations/x")):
            answer = client.call(method, path, headers=headers)
            assert told(answer) == (401, {"error": text})
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_stat_keeps_its_type(server: Any) -> None:
    client = Client(server, "statflow types")
    assert INGEST.post(client, {"stat": "x", "value": 1, "type": "counter"}).status_code == 202
    assert told(INGEST.post(client, {"stat": "x", "value": 1, "type": "value"})) == (
        409,
        {"error": 'stat "x" is a counter'},
    )
    mixed = [{"stat": "new", "value": 1, "type": "value"}, {"stat": "new", "count": 1}]
    assert told(BATCH.post(client, {"items": mixed})) == (409, {"error": 'stat "new" is a value'})
    partly = [{"stat": "fresh", "value": 1}, {"stat": "x", "value": 1, "type": "value"}]
    assert told(BATCH.post(client, {"items": partly})) == (409, {"error": 'stat "x" is a counter'})
    # Without a type the stat's own holds; a new stat is a counter.
    assert INGEST.post(client, {"stat": "x", "value": 1}).status_code == 202
    assert client.totals()["points"] == {"stat:x:counter": 2}


def test_a_conflict_quotes_the_name_as_json(client: Client) -> None:
    name = 'a "quoted" \\ name'
    assert INGEST.post(client, {"stat": name, "value": 1, "type": "value"}).status_code == 202
    answer = INGEST.post(client, {"stat": name, "count": 1})
    assert told(answer) == (409, {"error": f'stat "{name}" is a value'})


def test_a_project_may_have_so_many_stats(server: Any) -> None:
    """Told after a conflict and before the monthly quota (1.3, 1.11); stats of other sources are not counted."""
    client = Client(server, "statflow stats", platform="http_api")
    reached = (403, {"error": "stat limit reached", "limit": 2})

    def limit(stats: int | None, quota: int | None = None) -> None:
        assert server.call("project.limits", project=client.project, stats_max=stats)["stats_max"] == stats
        client.set_quota(quota)

    limit(2)
    assert INGEST.post(client, {"stat": "a", "value": 1}).status_code == 202
    assert told(BATCH.post(client, {"items": [{"stat": name, "value": 1} for name in "abc"]})) == reached
    assert INGEST.post(client, {"stat": "b", "value": 1}).status_code == 202
    for endpoint in (INGEST, STAT):
        assert told(endpoint.post(client, {"stat": "c", "value": 1})) == reached
    assert BATCH.post(client, {"items": [{"stat": name, "value": 1} for name in "ab"]}).status_code == 202
    assert INGEST.post(client, {"stat": "a", "value": 1, "type": "value"}).status_code == 409
    ez = client.call("POST", "/ez", headers={}, data={"ezkey": client.key, "stat": "c", "count": "1"})
    assert told(ez) == (200, {"status": 500, "msg": "quota exceeded"})
    events = {"events": [{"type": "event", "name": name} for name in "cde"]}
    assert BY_PATH["/api/v1/events"].post(client, events).status_code == 202
    limit(2, quota=0)
    assert told(INGEST.post(client, {"stat": "c", "value": 1})) == reached
    assert INGEST.post(client, {"stat": "a", "value": 1}).status_code == 429
    limit(1)
    assert INGEST.post(client, {"stat": "a", "value": 1}).status_code == 202, "stats that are there stay"
    limit(3)
    assert INGEST.post(client, {"stat": "c", "value": 1}).status_code == 202
    assert INGEST.post(client, {"stat": "d", "value": 1}).status_code == 403
    limit(None)
    assert INGEST.post(client, {"stat": "d", "value": 1}).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/ingest", "POST"),
        ("PUT", "/v1/stat", "POST"),
        ("HEAD", "/v1/ingest/batch", "POST"),
        ("OPTIONS", "/v1/ingest", "POST"),
        ("POST", "/v1/stats", "GET"),
        ("DELETE", "/v1/annotations", "GET, POST"),
        ("GET", "/v1/auth/api-keys/x", "DELETE"),
    ],
)
def test_a_wrong_method_before_the_key(client: Client, method: str, path: str, allow: str) -> None:
    answer = client.call(method, path, headers={})
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert method == "HEAD" or answer.json() == {"error": "method not allowed"}
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/ingest/", "/v1/stats/x", "/v1/stats//data", "/v1/metrics"])
def test_an_unknown_path_before_the_key(client: Client, path: str) -> None:
    assert told(client.call("POST", path, headers={})) == (404, {"error": "not found"})


def test_any_content_type_is_read_as_json(client: Client) -> None:
    body = json.dumps({"stat": "typed", "value": 1}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert told(INGEST.post(client, body, headers={"Content-Type": kind})) == (202, {"accepted": 1})


def test_the_answer_to_head_is_that_to_get_without_its_body(client: Client) -> None:
    got, headed = (client.call(method, "/v1/stats", params={"limit": "0"}) for method in ("GET", "HEAD"))
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    assert headed.headers["content-length"] == str(len(got.content))
