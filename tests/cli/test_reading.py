"""``stats``, ``events`` and ``tail``: beside a running server and without one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
import requests
from wire import TIMEOUT_S

from headrace.cli.read import tail_line

NOW = 1_700_000_000_000_000


def send(server, key: str, number: int) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    answer = requests.post(
        f"{server.url}/v1/ingest", json={"stat": "jobs.done", "count": number}, headers=headers, timeout=TIMEOUT_S
    )
    assert answer.status_code in (200, 202), answer.text
    event = {"event": {"event_type": "log", "level": "error", "message": f"disk \x1b[31m{number}"}}
    answer = requests.post(f"{server.url}/api/v1/ingest_events", json=event, headers=headers, timeout=TIMEOUT_S)
    assert answer.status_code in (201, 202), answer.text


def wait_for(look):
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_what_came_in_is_read_beside_a_server(server):
    project = server.project("reading beside")
    send(server, server.key(project), 3)
    (event,) = wait_for(lambda: server.cli("events", "--project", project, "--json"))
    assert (event["type"], event["level"]) == ("log", "error")
    assert "disk" in event["message"]
    assert "raw" not in event
    assert server.cli("events", "--project", project, "--raw", "--json")[0]["raw"]
    (stat,) = server.cli("stats", "--project", "reading beside", "--source", "stat", "--json")
    assert (stat["name"], stat["type"]) == ("jobs.done", "counter")
    share = ("stat", "share", "jobs.done", "--project", project)
    shared = server.cli(*share, "--embed", "--public", "--json")
    assert (shared["id"], shared["public"], len(shared["embed_key"])) == (stat["id"], True, 22)
    assert shared["embed_key"] in server.cli(*share)
    private = server.cli(*share, "--no-embed", "--private", "--json")
    assert (private["public"], private["embed_key"]) == (False, None)
    assert "\x1b" not in server.cli("events", "--project", project)
    assert server.cli("events", "--project", project, "--level", "info", "--json") == []
    assert server.cli("events", "--project", project, "--until", "1h", "--json") == []
    report = server.cli("doctor", "--json")
    assert {row["check"] for row in report["checks"] if row["state"] == "fail"} == set()


def _heed_ctrl_c() -> None:
    """What a shell starts in the background ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_tail_shows_each_row_once_and_ends_with_ctrl_c(server):
    project = server.project("tailing")
    key = server.key(project)
    send(server, key, 1)
    command = [sys.executable, "-m", "headrace", "tail", "--project", project, "--since", "1h", "--json"]
    tail = subprocess.Popen(
        [*command, "--data", str(server.data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_heed_ctrl_c,  # noqa: PLW1509
    )
    with tail:
        rows = [json.loads(tail.stdout.readline()) for _ in range(2)]
        send(server, key, 2)
        rows += [json.loads(tail.stdout.readline()) for _ in range(2)]
        tail.send_signal(signal.SIGINT)
        rest, errors = tail.communicate(timeout=TIMEOUT_S)
    assert (tail.returncode, rest, errors) == (0, b"", b"")
    points = [(row["name"], row["value"]) for row in rows if row["table"] == "points"]
    assert points == [("jobs.done", 1.0), ("jobs.done", 2.0)]
    assert sorted(row["message"][-1] for row in rows if row["table"] == "events") == ["1", "2"]


def test_what_waits_in_the_journal_is_read_without_a_server(own_server):
    own_server.start()
    project = own_server.project("alone")
    send(own_server, own_server.key(project), 5)
    own_server.kill()
    assert len(own_server.cli("events", "--project", "alone", "--json")) == 1
    assert [row["name"] for row in own_server.cli("stats", "--project", "alone", "--json")] == ["jobs.done"]
    shared = own_server.cli("stat", "share", "jobs.done", "--public", "--project", "alone")
    assert "Public:    yes\nEmbed key: -" in shared
    shown = own_server.cli("tail", "--project", "alone", "--since", "1h")
    assert "jobs.done = 5" in shown
    assert "disk" in shown


LINES = {
    "point": ({"table": "points", "name": "a.b", "value": 2.5}, "points  a.b = 2.5"),
    "event": (
        {
            "table": "events",
            "type": "error",
            "level": "fatal",
            "name": "KeyError",
            "message": "a\nb",
            "service": "api",
            "environment": "production",
        },
        "error  fatal  KeyError  a b  [api/production]",
    ),
    "request": (
        {
            "table": "requests",
            "method": "GET",
            "host": "x.test",
            "path": "/y",
            "status": 200,
            "duration_ms": 12.0,
            "service": "",
            "environment": "",
        },
        "request  GET  x.test/y  200  12 ms",
    ),
    "span": (
        {
            "table": "spans",
            "operation": "db",
            "name": "SELECT",
            "status": "",
            "duration_ms": 1.5,
            "service": "",
            "environment": "dev",
        },
        "span  db  SELECT  1.5 ms  [dev]",
    ),
}


@pytest.mark.parametrize(("row", "line"), LINES.values(), ids=LINES.keys())
def test_lines_of_tail(row, line):
    shown = tail_line({"ts": NOW, **row})
    assert shown.startswith("2023-11-14T22:13:20Z  ")
    assert shown.split()[1:] == line.replace("points", "point").split()
