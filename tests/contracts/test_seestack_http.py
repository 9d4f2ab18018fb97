"""SeeStack's http-requests endpoint against a real server (contract 1.2, 1.3, 1.8, 1.9, 1.11; order of checks from the rulings)."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from uuid import uuid4

import pytest
import requests
from endpoints import BY_PATH, request_item, x_seestack_key
from wire import TIMEOUT_S, Client, assert_form, bearer

REQUESTS = BY_PATH["/ingest/v1/http-requests"]
CAP = 10 * 1024 * 1024


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "seestack over http", style="seestack")


def batch(*items: Any, **more: Any) -> dict[str, Any]:
    return {**more, "requests": list(items)}


def accepted(count: int) -> tuple[int, Any]:
    return 202, {"ok": True, "accepted": count}


def told(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def refused(answer: requests.Response) -> tuple[int, str, Any]:
    """Status, code and what is wrong: the details of a validation error, else the message."""
    assert_form("seestack", answer)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("details", error["message"])


def test_the_documented_curl(server: Any) -> None:
    client = Client(server, "seestack documented")
    sent = batch(
        request_item("a", userId="u1", direction="inbound", method="post", statusCode=201, durationMs=1001),
        request_item("b", statusCode=401, requestSize=0, responseSize=-1),
        projectId=str(uuid4()),
    )
    command = [
        *("curl", "-sS", "-X", "POST", server.url + "/ingest/v1/http-requests", "-w", "\n%{http_code}"),
        *("-H", f"X-SeeStack-Key: {client.key}", "-H", "Content-Type: application/json", "-d", json.dumps(sent)),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
    body, _, status = shown.rpartition("\n")
    assert (int(status), json.loads(body)) == accepted(2)
    assert client.totals()["requests"] == 2
    rows = {row["trace_id"]: row for row in client.rows("requests")}
    fields = ("direction", "method", "host", "path", "status", "duration_ms", "is_slow", "user_id", "ts")
    moment = "2026-04-02T09:58:00.123000Z"
    assert [tuple(rows[name][field] for field in fields) for name in ("a", "b")] == [
        ("inbound", "POST", "api.example.com", "/a", 201, 1001.0, 1, "u1", moment),
        ("outbound", "GET", "api.example.com", "/b", 401, 12.0, 0, "", moment),
    ]
    assert client.api(f"/requests/{rows['a']['id']}")["raw"] == sent["requests"][0]


@pytest.mark.parametrize(("size", "status"), [(0, 422), (1, 202), (99, 202), (100, 202), (101, 422)])
def test_the_size_of_a_batch(client: Client, size: int, status: int) -> None:
    answer = REQUESTS.post(client, batch(*[request_item()] * size))
    if status == 202:
        assert told(answer) == accepted(size)
    else:
        text = "size must be between 0 and 100" if size else "must not be empty"
        assert refused(answer) == (422, "VALIDATION_ERROR", {"requests": text})


REFUSED: list[tuple[Any, int, str, Any]] = [
    (b"", 400, "BAD_REQUEST", "Malformed request body"),
    (b"{", 400, "BAD_REQUEST", "Malformed request body"),
    ([], 400, "BAD_REQUEST", "Malformed request body"),
    ({"requests": {}}, 400, "BAD_REQUEST", "Malformed request body: requests has the wrong type"),
    (batch(request_item(host={})), 400, "BAD_REQUEST", "Malformed request body: requests[0].host has the wrong type"),
    (
        batch(request_item(statusCode=2**31)),
        400,
        "BAD_REQUEST",
        "Malformed request body: requests[0].statusCode has the wrong type",
    ),
    ({}, 422, "VALIDATION_ERROR", {"requests": "must not be empty"}),
    (batch(None), 422, "VALIDATION_ERROR", {"requests[0]": "must not be null"}),
    (batch(request_item(), projectId="7"), 422, "VALIDATION_ERROR", {"projectId": "must be a valid UUID"}),
    (
        batch(
            request_item(),
            request_item(traceId=..., direction="sideways", statusCode=600, durationMs=-1, timestamp="noon"),
        ),
        422,
        "VALIDATION_ERROR",
        {
            "requests[1].traceId": "must not be blank",
            "requests[1].direction": 'must match "inbound|outbound"',
            "requests[1].statusCode": "must be 0 or between 100 and 599",
            "requests[1].durationMs": "must be greater than or equal to 0",
            "requests[1].timestamp": "must be an ISO-8601 instant",
        },
    ),
]


def test_what_is_refused_is_named_and_leaves_nothing(server: Any) -> None:
    client = Client(server, "seestack refused")
    for body, status, code, problem in REFUSED:
        assert refused(REQUESTS.post(client, body)) == (status, code, problem)
    assert client.totals() == {"events": 0, "requests": 0, "spans": 0, "points": {}}


def test_a_body_cannot_choose_its_project(server: Any, client: Client) -> None:
    mine, other = Client(server, "seestack mine"), Client(server, "seestack other")
    assert told(REQUESTS.post(mine, batch(request_item(), projectId=other.project))) == accepted(1)
    assert (mine.totals()["requests"], other.totals()["requests"]) == (1, 0)


def test_both_key_headers(client: Client) -> None:
    for name in ("X-SeeStack-Key", "X-Seestack-Key", "x-seestack-key", "X-AllStak-Key"):
        headers = {name: client.key, "Content-Type": "application/json"}
        assert client.call("POST", REQUESTS.path, headers=headers, data=REQUESTS.body(client)).status_code == 202, name


UNKNOWN = (401, "INVALID_API_KEY", "Invalid or missing API key")


@pytest.mark.parametrize("path", ["/ingest/v1/http-requests", "/ingest/v1/nothing", "/ingest/x"])
def test_a_bad_key_wins_over_path_method_and_body(client: Client, path: str) -> None:
    for headers in ({}, x_seestack_key(""), x_seestack_key("ask_live_unknown"), {"X-AllStak-Key": "x"}):
        for method in ("POST", "GET", "DELETE"):
            answer = client.call(method, path, headers=headers, data=b"{")
            assert refused(answer) == UNKNOWN
            assert "www-authenticate" not in answer.headers


def test_routing_faults_with_a_good_key(client: Client) -> None:
    headers = x_seestack_key(client.key)
    answer = client.call("POST", "/ingest/v1/nothing", headers=headers)
    assert refused(answer) == (404, "NOT_FOUND", "Resource not found")
    answer = client.call("GET", "/ingest/v1/http-requests", headers=headers)
    assert refused(answer) == (405, "METHOD_NOT_ALLOWED", "Method not allowed")
    assert answer.headers["allow"] == "POST"
    head = client.call("HEAD", "/ingest/v1/http-requests", headers=headers)
    assert (head.status_code, head.content) == (405, b"")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(client: Client, kind: str) -> None:
    for body in (REQUESTS.body(client), b"{"):
        answer = REQUESTS.post(client, body, headers={"Content-Type": kind})
        assert refused(answer)[:2] == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_json_by_other_names(client: Client) -> None:
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.seestack+json"):
        assert REQUESTS.post(client, headers={"Content-Type": kind}).status_code == 202


@pytest.mark.parametrize("path", ["/api/v1/flags", "/api/v1/logs/tails", "/api/auth/me", "/api/v1/eventsx"])
def test_the_rest_of_its_paths(client: Client, path: str) -> None:
    for headers in ({}, bearer(client.key)):
        answer = client.call("GET", path, headers=headers)
        assert refused(answer) == (404, "NOT_FOUND", "Resource not found")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("size", "status"), [(CAP - 1, 202), (CAP, 202), (CAP + 1, 413)])
def test_the_size_of_a_body(client: Client, size: int, status: int) -> None:
    answer = REQUESTS.post(client, REQUESTS.body(client).ljust(size))
    if status == 202:
        assert told(answer) == accepted(1)
    else:
        assert refused(answer) == (413, "PAYLOAD_TOO_LARGE", f"Request body exceeds {CAP} bytes")


def test_a_limit_only_when_the_key_has_one(client: Client) -> None:
    free = client.make_key()
    for _ in range(3):
        answer = REQUESTS.post(client, key=free)
        assert answer.status_code == 202
        assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]
    limited = client.make_key(rate=1, burst=2)
    statuses = [REQUESTS.post(client, batch(*[request_item()] * 50), key=limited).status_code for _ in range(2)]
    assert statuses == [202, 202]
    answer = REQUESTS.post(client, key=limited)
    assert refused(answer) == (429, "RATE_LIMITED", "Rate limit exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_a_key_without_the_write_scope(client: Client) -> None:
    answer = REQUESTS.post(client, key=client.make_key(scopes=["read"]))
    assert refused(answer) == (403, "FORBIDDEN", "This key lacks the write scope")


def test_cors(client: Client) -> None:
    origin = {"Origin": "https://shop.example"}
    for path in ("/ingest/v1/http-requests", "/ingest/v1/nothing"):
        preflight = client.call("OPTIONS", path, headers=origin)
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "x-seestack-key" in preflight.headers["access-control-allow-headers"].lower()
        assert preflight.headers["access-control-max-age"] == "7200"
        assert "access-control-allow-credentials" not in preflight.headers
    for answer in (
        REQUESTS.post(client, headers=origin),
        REQUESTS.post(client, b"{", headers=origin),
        REQUESTS.post(client, key="nobody", headers=origin),
        client.call("GET", "/ingest/v1/nothing", headers={**origin, **x_seestack_key(client.key)}),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Retry-After" in answer.headers["access-control-expose-headers"]


def test_every_error_has_an_id_of_its_own(client: Client) -> None:
    ids = {REQUESTS.post(client, b"{").json()["meta"]["requestId"] for _ in range(3)}
    assert len(ids) == 3
