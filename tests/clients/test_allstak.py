"""PyPI's ``allstak`` 0.2.1 as it is, against a real server (seestack.md 3.4)."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from endpoints import make_monitor
from wire import TIMEOUT_S, Client, settle

PROGRAM = Path(__file__).with_name("allstak_program.py")


def run(client: Client, folder: Path, what: str, *, key: str | None = None, code: int = 0) -> dict[str, Any]:
    """What the program says; it ends with ``code``."""
    folder.mkdir(exist_ok=True)
    ours = ("PYTEST_CURRENT_TEST", "ALLSTAK_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), client.server.url, client.key if key is None else key, str(folder), what],
        env=environment | {"HOME": str(folder), "TMPDIR": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == code, done.stderr
    settle(client.server)
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    made = Client(server, "allstak", style="seestack")
    make_monitor(made, "nightly")
    return made


@pytest.fixture(scope="module")
def said(client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The program has done everything it can."""
    return run(client, tmp_path_factory.mktemp("allstak"), "everything")


def test_it_is_the_version_that_the_contract_names() -> None:
    assert version("allstak") == "0.2.1"


def test_nothing_was_refused_but_the_unknown_monitor(said: dict[str, Any]) -> None:
    diagnostics = said["diagnostics"]
    assert not diagnostics["disabled"]
    assert (diagnostics["eventsFailed"], diagnostics["retryAttempts"], diagnostics["rateLimitedCount"]) == (1, 0, 0)
    assert (said["beat"], said["unknown"]) == (True, False)


def test_errors_with_breadcrumbs(client: Client, said: dict[str, Any]) -> None:
    """The id that the client got is the event's."""
    found = client.api(f"/events/{said['error']}")
    columns = ("name", "message", "level", "environment", "release", "user_id")
    assert [found[name] for name in columns] == ["ValueError", "no such order", "error", "staging", "1.4.2", "u1"]
    assert found["labels"]["order"] == "o-7"
    assert found["trace_id"]
    assert found["session_id"]
    assert len(found["fingerprint"]) == 64
    sent = found["raw"]
    # The client's own posts are among them.
    crumbs = {crumb["message"]: crumb for crumb in sent["breadcrumbs"]}
    assert crumbs["opened the basket"]["type"] == "navigation"
    assert (crumbs["GET /orders"]["level"], crumbs["GET /orders"]["data"]) == ("warn", {"status": 503})
    assert (sent["user"]["email"], sent["sdkName"], sent["platform"]) == (
        "ann@example.test",
        "allstak-python",
        "python",
    )
    assert sent["frames"][0]["function"] == "everything"


def test_compressed_bodies(client: Client, said: dict[str, Any]) -> None:
    assert said["diagnostics"]["compressedPayloads"] >= 1
    found = client.api(f"/events/{said['large']}")
    assert (found["name"], found["message"]) == ("Overflow", "too long: " + "x" * 5_000)


def test_logs(client: Client, said: dict[str, Any]) -> None:
    assert said
    found = {row["message"]: row for row in client.rows("events", type="log", environment="staging")}
    placed = found["order placed"]
    assert [placed[name] for name in ("level", "service", "request_id", "user_id")] == ["info", "shop", "r1", "u1"]
    assert placed["labels"]["basket"] == "b-1"
    assert found["slow answer"]["level"] == "warn"


def test_requests(client: Client, said: dict[str, Any]) -> None:
    assert said
    found = client.rows("requests")
    assert sorted(row["status"] for row in found) == [0, 200]
    for row in found:
        assert [row[name] for name in ("method", "host", "path", "is_slow")] == ["POST", "pay.example", "/charges", 1]
        assert row["ts_source"] == "exact"


def test_heartbeats(client: Client, said: dict[str, Any]) -> None:
    assert said["beat"]
    (monitor,) = client.api("/monitors")["monitors"]
    assert (monitor["slug"], monitor["state"], monitor["last_status"]) == ("nightly", "ok", "success")
    beats = client.rows("events", type="check_in")
    assert sorted(row["message"] for row in beats) == ["", "42 rows"]


def test_spans_and_queries(client: Client, said: dict[str, Any]) -> None:
    assert said
    found = client.rows("spans")
    (root,) = [row for row in found if row["operation"] == "checkout"]
    assert (root["name"], root["labels"]) == ("the whole checkout", {"items": "3"})
    (query,) = [row for row in found if row["kind"] == "db"]
    assert (query["operation"], query["name"], query["status"]) == ("db.query", "SELECT ? WHERE ? = ?", "ok")
    assert (query["trace_id"], query["parent_span_id"]) == (root["trace_id"], root["span_id"])
    assert query["labels"]["db.system"] == "sqlite"


def test_replays(client: Client, said: dict[str, Any]) -> None:
    assert said
    answer = client.call("GET", "/api/v1/replay/session-1")
    assert answer.status_code == 200, answer.text
    (event,) = answer.json()["data"]["events"]
    assert (event["eventType"], event["url"]) == ("input", "https://shop.example/?q=1")
    assert json.loads(event["eventData"]) == {"type": "password", "value": "***REDACTED***"}


def test_its_release_is_a_deployment(client: Client, said: dict[str, Any]) -> None:
    assert said
    with closing(sqlite3.connect(client.server.data / "catalog.db")) as catalog:
        found = catalog.execute(
            "SELECT d.release, d.environment, d.source FROM deployments d JOIN projects p ON p.number = d.project "
            "WHERE p.id = ?",
            (client.project,),
        ).fetchall()
    assert found == [("1.4.2", "staging", "telemetry")]


def sessions(client: Client) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(client.server.data / "catalog.db")) as catalog:
        return catalog.execute(
            "SELECT s.release, s.environment, s.status, s.ended_at IS NULL FROM sessions s "
            "JOIN projects p ON p.number = s.project WHERE p.id = ?",
            (client.project,),
        ).fetchall()


def test_its_session_ends_as_the_program_did(server: Any, client: Client, said: dict[str, Any], tmp_path: Path) -> None:
    assert said
    assert ("1.4.2", "staging", "errored", 0) in sessions(client)
    crashed = Client(server, "allstak crash")
    run(crashed, tmp_path, "crash", code=1)
    assert sessions(crashed) == [("1.4.2", "staging", "crashed", 0)]
    (error,) = crashed.rows("events")
    assert (error["name"], error["message"]) == ("RuntimeError", "nobody catches this")


def test_what_waits_is_sent_at_the_exit(server: Any, tmp_path: Path) -> None:
    client = Client(server, "allstak exit")
    run(client, tmp_path, "exit")
    assert [row["message"] for row in client.rows("events")] == ["said at the very end"]


def test_an_unknown_key_switches_it_off(server: Any, tmp_path: Path) -> None:
    client = Client(server, "allstak refused")
    said = run(client, tmp_path, "refused", key="ask_live_nobodys")
    assert said["diagnostics"]["disabled"]
    assert (said["error"], said["beats"]) == (None, [False] * 5)
    assert client.totals() == {"events": 0, "requests": 0, "spans": 0, "points": {}}


def test_a_key_that_may_not_write_does_not(server: Any, tmp_path: Path) -> None:
    client = Client(server, "allstak forbidden")
    said = run(client, tmp_path, "refused", key=client.make_key(scopes=["read"]))
    assert not said["diagnostics"]["disabled"], "403 is no reason to fall silent for good"
    assert (said["error"], said["beats"]) == (None, [False] * 5)
