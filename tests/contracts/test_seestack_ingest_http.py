"""SeeStack's errors, logs, replays, heartbeats, spans and sessions against a real server, and the bytes its SDKs send (3.1, 3.2)."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from typing import Any

import pytest
import requests
from endpoints import BY_PATH, Endpoint, make_monitor, path_of, x_seestack_key
from wire import TIMEOUT_S, Client, Connection, assert_form, settle

ENDPOINTS = [BY_PATH[path] for path in BY_PATH if path.startswith("/ingest/v1/")]
EVERY = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
BY_NAME = {endpoint.path.removeprefix("/ingest/v1/"): endpoint for endpoint in ENDPOINTS}
CAPS = {"http-requests": 10, "replay": 10, "spans": 10}


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    made = Client(server, "seestack records", style="seestack")
    make_monitor(made, "good")
    return made


def refused(answer: requests.Response) -> tuple[int, str]:
    assert_form("seestack", answer)
    return answer.status_code, answer.json()["error"]["code"]


# --- what every endpoint has in common


@EVERY
def test_both_key_headers_and_every_encoding(client: Client, endpoint: Endpoint) -> None:
    body = endpoint.body(client)
    for name in ("X-SeeStack-Key", "X-Seestack-Key", "X-AllStak-Key", "x-allstak-key"):
        headers = {name: client.key, "Content-Type": "application/json"}
        assert client.call("POST", endpoint.path, headers=headers, data=body).status_code == 202
    for encoding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body)):
        assert endpoint.post(client, packed, headers={"Content-Encoding": encoding}).status_code == 202
    assert refused(endpoint.post(client, body, headers={"Content-Encoding": "gzip"})) == (400, "BAD_REQUEST")
    answer = endpoint.post(client, body, headers={"Content-Encoding": "br"})
    assert refused(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


@EVERY
def test_the_first_header_decides_alone(client: Client, endpoint: Endpoint) -> None:
    headers = {"X-SeeStack-Key": "nobody's", "X-AllStak-Key": client.key, "Authorization": f"Bearer {client.key}"}
    answer = client.call("POST", endpoint.path, headers=headers, data=b"{")
    assert refused(answer) == (401, "INVALID_API_KEY")


@EVERY
def test_the_order_of_refusals(client: Client, endpoint: Endpoint) -> None:
    """Key, then path and method, then media type, then body."""
    assert refused(endpoint.post(client, b"{", key="nobody's")) == (401, "INVALID_API_KEY")
    headers = x_seestack_key(client.key)
    answer = client.call("PUT", endpoint.path, headers=headers, data=b"{")
    assert refused(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"
    assert refused(client.call("POST", endpoint.path + "/", headers=headers)) == (404, "NOT_FOUND")
    answer = endpoint.post(client, b"{", headers={"Content-Type": "text/plain"})
    assert refused(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert refused(endpoint.post(client, b"{")) == (400, "BAD_REQUEST")
    assert refused(endpoint.post(client, b"{}")) == (422, "VALIDATION_ERROR")


@EVERY
def test_the_size_of_a_body(client: Client, endpoint: Endpoint) -> None:
    cap = CAPS.get(endpoint.path.removeprefix("/ingest/v1/"), 2) * 1024 * 1024
    body = endpoint.body(client)
    assert [endpoint.post(client, body.ljust(size)).status_code for size in (cap - 1, cap)] == [202, 202]
    for large, encoding in ((body.ljust(cap + 1), "identity"), (gzip.compress(body.ljust(cap + 1)), "gzip")):
        answer = endpoint.post(client, large, headers={"Content-Encoding": encoding})
        assert refused(answer) == (413, "PAYLOAD_TOO_LARGE")


@EVERY
def test_browsers_may_post(client: Client, endpoint: Endpoint) -> None:
    preflight = client.call("OPTIONS", endpoint.path, headers={"Origin": "https://shop.example"})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert "x-seestack-key" in allowed
    assert "x-allstak-key" in allowed
    for answer in (endpoint.post(client), endpoint.post(client, b"{"), endpoint.post(client, key="nobody's")):
        assert answer.headers["access-control-allow-origin"] == "*"


# --- what becomes of records


def test_an_error_and_a_log_are_found_again(server: Any) -> None:
    client = Client(server, "seestack found")
    error = {
        "exceptionClass": "TypeError",
        "message": "no such order",
        "stackTrace": ["at a (a.js:1)"],
        "sessionId": "s1",
        "user": {"id": "u1", "email": "a@b.co"},
        "breadcrumbs": [{"type": "http", "message": "GET /", "level": "info"}],
        "metadata": {"order": 7},
    }
    log = {"level": "info", "message": "hello", "spanId": "p1", "requestId": "r1", "userId": "u2"}
    error_id = BY_NAME["errors"].post(client, error).json()["data"]["id"]
    log_id = BY_NAME["logs"].post(client, log).json()["data"]["id"]
    settle(server)
    found = client.api(f"/events/{error_id}")
    assert found["raw"] == error
    columns = ("type", "name", "message", "level", "session_id", "user_id", "labels")
    assert [found[name] for name in columns] == [
        *("error", "TypeError", "no such order", "error", "s1", "u1", {"order": "7"}),
    ]
    assert re.fullmatch(r"[0-9a-f]{64}", found["fingerprint"])
    assert client.rows("events", fingerprint=found["fingerprint"])[0]["id"] == error_id
    found = client.api(f"/events/{log_id}")
    assert found["raw"] == log
    columns = ("type", "level", "span_id", "request_id", "user_id")
    assert [found[name] for name in columns] == ["log", "info", "p1", "r1", "u2"]


def test_a_bad_item_leaves_nothing_of_its_batch(server: Any) -> None:
    client = Client(server, "seestack whole batches")
    for name, field in (("spans", "spans"), ("db", "queries")):
        items = BY_NAME[name].record(client.project, "good")[field]
        assert BY_NAME[name].post(client, {field: [*items, {}]}).status_code == 422
    assert client.totals() == {"events": 0, "requests": 0, "spans": 0, "points": {}}


def stored_replays(server: Any) -> list[dict[str, Any]]:
    """The replays of the first project that another than the owner's own made, from a stopped server's folder."""
    script = (
        "import json, sys; from pathlib import Path; from headrace.store import Sql, Store\n"
        "store = Store.open('chdb', folder=Path(sys.argv[1]))\n"
        "sql = Sql('SELECT session_id, event_type, url, raw FROM replays WHERE project = {project:UInt32}', {})\n"
        "print(json.dumps(store.query(2, sql).dicts())); store.close()"
    )
    command = [sys.executable, "-c", script, str(server.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_replays_are_stored_masked(own_server: Any) -> None:
    """Read with the store's own engine: what is on the disk is what counts."""
    own_server.start()
    client = Client(own_server, "seestack replay")
    events = [
        {
            "eventType": "input",
            "eventData": '{"type":"password","value":"hunter2"}',
            "url": "https://shop.example/?q=1",
        },
        {"eventType": "input", "eventData": '{"card":"4111 1111 1111 1234","cvv":"123"}'},
    ]
    answer = BY_NAME["replay"].post(client, {"fingerprint": "s1", "sessionId": "s1", "events": events})
    assert (answer.status_code, answer.json()["data"]) == (202, {"eventsReceived": 2})
    assert BY_NAME["replay"].post(client, {"fingerprint": "s1", "sessionId": "s1"}).status_code == 422
    settle(own_server)
    assert own_server.stop() == 0
    found = stored_replays(own_server)
    assert [(row["session_id"], row["event_type"]) for row in found] == [("s1", "input")] * 2
    assert sorted(json.loads(row["raw"])["eventData"] for row in found) == [
        '{"card":"****-****-****-1234","cvv":"***REDACTED***"}',
        '{"type":"password","value":"***REDACTED***"}',
    ]
    held = b"".join(path.read_bytes() for path in own_server.data.glob("journal.db*"))
    assert b"hunter2" not in held


def test_a_heartbeat_moves_its_monitor_at_once(server: Any) -> None:
    client = Client(server, "seestack heartbeat")
    beat = BY_NAME["heartbeat"]
    unknown = beat.post(client, {"slug": "nightly", "status": "success"})
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"ok": False, "code": "NOT_FOUND", "message": "No cron monitor found with slug: nightly"},
    )
    monitor_id = make_monitor(client, "nightly")
    answer = beat.post(client, {"slug": "nightly", "status": "FAILED", "durationMs": 12.7, "message": "disk full"})
    assert (answer.status_code, answer.json()) == (202, {"ok": True, "monitorId": monitor_id})
    assert beat.post(client, {"slug": "nightly", "status": "late"}).json()["code"] == "VALIDATION_ERROR"
    assert beat.post(Client(server, "seestack other"), {"slug": "nightly", "status": "failed"}).status_code == 404
    settle(server)
    (shown,) = client.api("/monitors")["monitors"]
    columns = ("id", "state", "last_status", "last_duration_ms", "last_message", "environment")
    assert [shown[name] for name in columns] == [monitor_id, "error", "failed", 12.0, "disk full", "production"]
    (event,) = client.rows("events")
    assert (event["type"], event["name"], event["status"]) == ("check_in", "nightly", "failed")


def test_the_command_makes_monitors_too(server: Any) -> None:
    client = Client(server, "seestack command")
    made = server.call("monitor.create", project=client.project, slug="nightly", interval_s=60)
    staging = server.call("monitor.create", project=client.project, slug="nightly", environment="staging")
    beat = BY_NAME["heartbeat"]
    sent = {"slug": "nightly", "status": "success"}
    assert beat.post(client, sent).json()["monitorId"] == made["id"]
    assert beat.post(client, sent | {"environment": "staging"}).json()["monitorId"] == staging["id"]


def test_check_ins_of_logister_make_what_heartbeats_find(server: Any) -> None:
    client = Client(server, "seestack and logister")
    assert BY_PATH["/api/v1/check_ins"].post(client, {"check_in": {"slug": "nightly"}}).status_code == 201
    settle(server)
    assert BY_NAME["heartbeat"].post(client, {"slug": "nightly", "status": "success"}).status_code == 202


def test_sessions_become_a_releases_health(server: Any) -> None:
    client = Client(server, "seestack sessions")
    for number, status in enumerate(("ok", "errored", "crashed")):
        start = {"sessionId": f"s{number}", "release": "1.4.2", "environment": "staging", "userId": None}
        assert BY_NAME["sessions/start"].post(client, start).json() == {"ok": True}
        end = {"sessionId": f"s{number}", "durationMs": 5, "status": status}
        assert BY_NAME["sessions/end"].post(client, end).status_code == 202
    settle(server)
    number = next(row["number"] for row in server.call("project.list") if row["id"] == client.project)
    with closing(sqlite3.connect(server.data / "catalog.db")) as catalog:
        found = catalog.execute(
            "SELECT id, release, environment, status, duration_ms FROM sessions WHERE project = ? ORDER BY id",
            (number,),
        ).fetchall()
    assert found == [
        ("s0", "1.4.2", "staging", "ok", 5.0),
        ("s1", "1.4.2", "staging", "errored", 5.0),
        ("s2", "1.4.2", "staging", "crashed", 5.0),
    ]


def test_up(client: Client) -> None:
    answer = client.call("GET", "/actuator/health", headers={})
    assert (answer.status_code, answer.json()) == (200, {"status": "UP"})
    head = client.call("HEAD", "/actuator/health", headers={})
    assert (head.status_code, head.content) == (200, b"")


# --- the bytes of upstream's SDKs

ERROR = {
    "exceptionClass": "TypeError",
    "message": "Cannot read properties of undefined",
    "stackTrace": ["    at main (/app/index.js:3:9)", "    at node:internal/main/run_main_module:23:47"],
    "level": "error",
    "environment": "development",
    "release": None,
    "user": None,
    "metadata": None,
}


def raw(client: Client, path: str, lines: list[str], body: bytes) -> bytes:
    head = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{client.server.port}", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def java_lines(key: str) -> list[str]:
    """JDK 11's client: it offers HTTP/2 with each request, its body sent all the same."""
    return [
        "Connection: Upgrade, HTTP2-Settings",
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
        "Upgrade: h2c",
        "User-Agent: Java-http-client/17.0.9",
        "Content-Type: application/json",
        f"X-SeeStack-Key: {key}",
    ]


def python_lines(key: str) -> list[str]:
    """urllib: it writes header names in its own way, and closes."""
    return [
        "Accept-Encoding: identity",
        "Content-Type: application/json",
        "User-Agent: Python-urllib/3.11",
        f"X-Seestack-Key: {key}",
        "Connection: close",
    ]


def node_lines(key: str) -> list[str]:
    return [
        "connection: keep-alive",
        "Content-Type: application/json",
        f"X-SeeStack-Key: {key}",
        "accept: */*",
        "accept-language: *",
        "sec-fetch-mode: cors",
        "user-agent: node",
        "accept-encoding: gzip, deflate",
    ]


JAVA_ERROR = {
    "exceptionClass": "java.lang.RuntimeException",
    "message": "null",
    "stackTrace": ["com.example.Main.main(Main.java:5)"],
    "level": "error",
    "environment": "development",
}
#: Each frame of the Python SDK is a location and a line of source.
PYTHON_ERROR = ERROR | {
    "stackTrace": ['File "app.py", line 3, in <module>\n    main()', 'File "app.py", line 9, in main\n    1 / 0']
}


@pytest.mark.parametrize(
    ("lines", "error"),
    [(node_lines, ERROR), (python_lines, PYTHON_ERROR), (java_lines, JAVA_ERROR)],
    ids=["javascript", "python", "java"],
)
def test_the_single_file_sdks(server: Any, lines: Any, error: dict[str, Any]) -> None:
    client = Client(server, f"seestack {lines.__name__}")
    with Connection(server) as connection:
        connection.send(raw(client, "/ingest/v1/errors", lines(client.key), json.dumps(error).encode()))
        reply = connection.reply()
        assert reply is not None
        assert "upgrade" not in reply.headers
        event_id = reply.json()["data"]["id"]
        assert reply.status == 202
        if lines is not python_lines:  # the connection goes on
            connection.send(raw(client, "/ingest/v1/errors", lines(client.key), json.dumps(error).encode()))
            again = connection.reply()
            assert again is not None
            assert again.status == 202
    settle(server)
    assert client.api(f"/events/{event_id}")["raw"] == error


def test_an_upgrade_in_any_case_of_letters_keeps_the_body(client: Client) -> None:
    body = json.dumps(ERROR).encode()
    for name, value in (("UPGRADE", "h2c"), ("upgrade", "H2C"), ("Upgrade", "h2c, websocket")):
        lines = [
            f"{name}: {value}",
            "CONNECTION: upgrade, http2-settings",
            "http2-settings: AAMAAABk",
            "content-TYPE: application/json",
            f"X-SEESTACK-KEY: {client.key}",
        ]
        with Connection(client.server) as connection:
            connection.send(raw(client, "/ingest/v1/errors", lines, body))
            reply = connection.reply()
        assert reply is not None
        assert reply.status == 202, name


def test_allstak_js_posts(client: Client) -> None:
    """3.2: no projectId, sizes left out, a query in the path, status 0, fractional durations, the key from a URL."""
    headers = {"X-AllStak-Key": client.key, "Content-Type": "application/json"}
    request = {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "direction": "outbound",
        "method": "GET",
        "host": "api.example.com",
        "path": "/v1/orders?page=2",
        "statusCode": 0,
        "durationMs": 12.7,
        "timestamp": "2026-04-02T09:58:00.123Z",
    }
    replay = {
        "fingerprint": "s1",
        "sessionId": "s1",
        "events": [
            {"eventType": "snapshot", "eventData": "{}", "url": "https://x/?a=1", "timestampMillis": 1775124000000}
        ],
    }
    span = {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "spanId": "00f067aa0ba902b700f067aa0ba902b7",
        "parentSpanId": "",
        "operation": "checkout",
        "description": "",
        "status": "ok",
        "durationMs": 3,
        "startTimeMillis": 1775124000000,
        "endTimeMillis": 1775124000003,
        "service": "",
        "environment": "production",
        "tags": {"a": "b"},
        "data": "",
    }
    message = ERROR | {
        "exceptionClass": "Message",
        "level": "info",
        "sessionId": "s1",
        "breadcrumbs": [],
        "user": {"id": None},
    }
    for name, body in (
        ("http-requests", {"requests": [request]}),
        ("replay", replay),
        ("spans", {"spans": [span]}),
        ("errors", message),
        ("logs", {"level": "error", "message": "m", "errorId": None, "metadata": {"traceId": "t"}}),
        ("heartbeat", {"slug": "good", "status": "success", "durationMs": 12.7}),
    ):
        answer = client.call("POST", f"/ingest/v1/{name}", headers=headers, json=body)
        assert answer.status_code == 202, answer.text
