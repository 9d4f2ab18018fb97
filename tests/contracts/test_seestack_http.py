"""SeeStack's http-requests against a real server: order of checks, caps, encodings, CORS, what is stored (contract 1, rulings 1)."""

from __future__ import annotations

import gzip
import http.client
import json
import time
import zlib
from typing import Any
from uuid import UUID

import pytest
import requests
import zstandard

PATH = "/ingest/v1/http-requests"
CAP = 10 * 1024 * 1024
READABLE_S = 10.0
ITEM = {
    "traceId": "t-1",
    "direction": "outbound",
    "method": "get",
    "host": "api.example.com",
    "path": "/v1",
    "statusCode": 200,
    "durationMs": 12,
    "timestamp": "2026-03-01T10:00:00.123Z",
}


class Client:
    """A project of its own and a key for it."""

    def __init__(self, server: Any, name: str) -> None:
        self.server = server
        self.project = server.project(name)
        self.key = server.key(self.project, style="seestack")

    def send(self, body: Any, method: str = "POST", path: str = PATH, **headers: str) -> requests.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"X-SeeStack-Key": self.key, "Content-Type": "application/json"} | given
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.request(method, self.server.url + path, data=raw, headers=headers, timeout=20)

    def stored(self) -> list[dict[str, Any]]:
        """The project's requests, all that were acknowledged before: one more is sent and waited for."""
        mark = str(time.monotonic_ns())
        assert self.send({"requests": [ITEM | {"traceId": mark}]}).status_code == 202
        deadline = time.monotonic() + READABLE_S
        while True:
            answer = requests.get(
                f"{self.server.url}/api/headrace/requests",
                headers={"Authorization": f"Bearer {self.key}"},
                params={"from": "2026-02-01T00:00:00Z", "limit": 1000},
                timeout=20,
            )
            assert answer.status_code == 200, answer.text
            rows = next(value for value in answer.json().values() if isinstance(value, list))
            if any(row["trace_id"] == mark for row in rows):
                return [row for row in rows if row["trace_id"] != mark]
            assert time.monotonic() < deadline, "not readable in time"
            time.sleep(0.05)


@pytest.fixture
def client(server: Any, request: pytest.FixtureRequest) -> Client:
    return Client(server, request.node.originalname)


def check(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (status, code)
    UUID(body["meta"]["requestId"])
    return body


# --- success ---


def test_a_batch_is_stored(client: Client) -> None:
    answer = client.send({"requests": [ITEM, ITEM | {"method": "POST", "durationMs": 1001}], "projectId": None})
    assert (answer.status_code, answer.json()) == (202, {"ok": True, "accepted": 2})
    rows = sorted(client.stored(), key=lambda row: row["duration_ms"])
    assert [(row["method"], row["duration_ms"], row["is_slow"]) for row in rows] == [
        ("GET", 12, False),
        ("POST", 1001, True),
    ]
    assert {row["dialect"] for row in rows} == {"seestack"}


@pytest.mark.parametrize("header", ["X-SeeStack-Key", "x-seestack-key", "X-Seestack-Key", "X-AllStak-Key"])
def test_both_names_of_the_key_header(client: Client, header: str) -> None:
    answer = requests.post(
        client.server.url + PATH, json={"requests": [ITEM]}, headers={header: client.key}, timeout=20
    )
    assert answer.status_code == 202


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
def test_other_headers_count_when_its_own_are_absent(client: Client, header: str) -> None:
    value = f"Bearer {client.key}" if header == "Authorization" else client.key
    body = {"requests": [ITEM]}
    alone = requests.post(client.server.url + PATH, json=body, headers={header: value}, timeout=20)
    assert alone.status_code == 202
    beside = requests.post(
        client.server.url + PATH, json=body, headers={header: value, "X-AllStak-Key": "x"}, timeout=20
    )
    check(beside, 401, "INVALID_API_KEY")


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_encodings(client: Client, encoding: str, encode: Any) -> None:
    body = json.dumps({"requests": [ITEM] * 100}).encode()
    assert client.send(encode(body), content_encoding=encoding).json() == {"ok": True, "accepted": 100}
    check(client.send(body, content_encoding=encoding), 400, "BAD_REQUEST")
    check(client.send(encode(body)[:-5], content_encoding=encoding), 400, "BAD_REQUEST")
    assert len(client.stored()) == 100


def test_a_client_that_offers_http2_and_hangs_on_to_http1(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=20)
    headers = {
        "X-SeeStack-Key": client.key,
        "Content-Type": "application/json",
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    }
    connection.request("POST", PATH, json.dumps({"requests": [ITEM]}), headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (202, {"ok": True, "accepted": 1})
    connection.close()


def test_a_retry_with_an_idempotency_key_is_one_batch(client: Client) -> None:
    first = client.send({"requests": [ITEM]}, idempotency_key="once")
    second = client.send(b"{", idempotency_key="once")
    assert second.headers["idempotency-replayed"] == "true"
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert len(client.stored()) == 1
    check(client.send({"requests": [ITEM]}, idempotency_key="x" * 256), 400, "BAD_REQUEST")


# --- refusals ---


@pytest.mark.parametrize(
    ("method", "path", "content_type", "body"),
    [
        ("POST", PATH, "application/json", b"{"),
        ("POST", PATH, "text/plain", b"{}"),
        ("GET", PATH, "application/json", b""),
        ("DELETE", "/ingest/v1/anything", "application/json", b""),
        ("POST", "/ingest/", "application/json", b""),
        ("POST", PATH, "application/json", b"x" * (CAP + 1)),
    ],
    ids=["body", "type", "method", "path and method", "path", "size"],
)
def test_a_bad_key_wins_over_everything(client: Client, method: str, path: str, content_type: str, body: bytes) -> None:
    for key in ("unknown", ""):
        answer = client.send(body, method, path, content_type=content_type, x_seestack_key=key)
        assert check(answer, 401, "INVALID_API_KEY")["error"]["message"] == "Invalid or missing API key"
        assert answer.headers["access-control-allow-origin"] == "*"
    missing = requests.request(method, client.server.url + path, data=body, timeout=20)
    check(missing, 401, "INVALID_API_KEY")


def test_routing_comes_before_the_body(client: Client) -> None:
    check(client.send(b"{", path="/ingest/v1/nothing", content_type="text/plain"), 404, "NOT_FOUND")
    wrong = client.send(b"{", "PUT", content_type="text/plain")
    check(wrong, 405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "POST"
    check(client.send(b"{", content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE")
    check(client.send(b"x" * (CAP + 1), content_encoding="br"), 415, "UNSUPPORTED_MEDIA_TYPE")
    check(client.send(b"x" * (CAP + 1)), 413, "PAYLOAD_TOO_LARGE")
    check(client.send(b"{"), 400, "BAD_REQUEST")
    check(client.send({"requests": [ITEM | {"host": "", "userId": {}}]}), 400, "BAD_REQUEST")


def test_other_paths_without_a_key_are_only_not_found(client: Client) -> None:
    for path in ("/api/v1/errors", "/api/auth/login", "/api/v1/"):
        check(requests.get(client.server.url + path, timeout=20), 404, "NOT_FOUND")


def test_nothing_of_a_refused_batch_is_stored(client: Client) -> None:
    answer = client.send({"requests": [ITEM, ITEM | {"direction": "sideways"}]})
    assert check(answer, 422, "VALIDATION_ERROR")["error"]["details"] == {
        "requests[1].direction": 'must match "inbound|outbound"'
    }
    assert client.stored() == []


@pytest.mark.parametrize("size", [CAP - 1, CAP, CAP + 1])
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_the_cap_holds_for_wire_and_decoded_bytes(client: Client, size: int, encoding: str) -> None:
    body = json.dumps({"requests": [ITEM]}).encode()
    body += b" " * (size - len(body))
    answer = client.send(gzip.compress(body, 1) if encoding else body, content_encoding=encoding or "identity")
    if size <= CAP:
        assert answer.status_code == 202
    else:
        check(answer, 413, "PAYLOAD_TOO_LARGE")


def test_a_key_without_the_write_scope(client: Client) -> None:
    reader = client.server.key(client.project, scopes=["read"])
    check(client.send(b"{", x_seestack_key=reader), 403, "FORBIDDEN")


def test_there_is_no_limit_unless_the_key_has_one(client: Client) -> None:
    answers = [client.send({"requests": [ITEM]}) for _ in range(40)]
    assert {answer.status_code for answer in answers} == {202}
    assert not [name for name in answers[0].headers if name.lower().startswith("x-ratelimit")]
    slow = client.server.key(client.project, rate=1, burst=2)
    batch = {"requests": [ITEM] * 100}
    limited = [client.send(batch, x_seestack_key=slow) for _ in range(3)]
    assert [answer.status_code for answer in limited] == [202, 202, 429]
    check(limited[2], 429, "RATE_LIMITED")
    assert int(limited[2].headers["retry-after"]) >= 1


# --- browsers ---


def test_a_preflight_needs_no_key(client: Client) -> None:
    answer = requests.options(
        client.server.url + PATH,
        headers={
            "Origin": "https://app.example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-allstak-key",
        },
        timeout=20,
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"content-type", "content-encoding", "x-seestack-key", "x-allstak-key"} <= allowed
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-max-age"] == "7200"
    assert "access-control-allow-credentials" not in answer.headers


def test_errors_are_readable_in_browsers(client: Client) -> None:
    for answer in (client.send(b"{"), client.send({"requests": [ITEM]}), client.send(b"", "GET")):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
