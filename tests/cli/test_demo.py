"""``headrace demo`` against a server, and where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests
from wire import TIMEOUT_S, bearer, settle

from headrace.cli.deleting import wait_gone
from headrace.cli.main import run
from headrace.demo.sending import Sender, SendError


def ask(server: Any, key: str, table: str, group_by: str) -> dict[str, int]:
    """Rows of the last days by what ``group_by`` says."""
    question = {"table": table, "aggregate": "count", "group_by": group_by, "from": "-3d", "resolution": "1d"}
    answer = requests.post(f"{server.url}/api/headrace/series", json=question, headers=bearer(key), timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return {line["group"]: sum(point["count"] for point in line["points"]) for line in answer.json()["lines"]}


def test_a_demo_is_filled_and_deleted(server: Any, capsys: Any) -> None:
    def demo(*options: str) -> tuple[int, str, str]:
        code = run(["demo", *options, "--data", str(server.data)])
        return (code, *capsys.readouterr())

    small = ("--url", server.url, "--days", "1", "--scale", "small")
    code, out, told = demo(*small, "--json")
    assert (code, told) == (0, "")
    sent = json.loads(out)
    project = sent["project"]
    assert sent["points"] > 2_000
    (made,) = [one for one in server.call("project.list") if one["id"] == project]
    assert (made["name"], made["state"]) == ("Demo", "live")

    # Everything that was sent is there.
    key = server.key(project, scopes=["read"])
    settle(server)
    assert set(ask(server, key, "events", "dialect")) == {"logister", "canaryhub", "slowstats", "seestack"}
    rows = sum(sum(ask(server, key, table, "dialect").values()) for table in ("events", "requests", "spans"))
    assert rows == sent["events"]
    stats = requests.get(f"{server.url}/v1/stats", headers=bearer(key), timeout=TIMEOUT_S).json()["stats"]
    assert {stat["source"] for stat in stats} == {"stat", "slowstats", "logister", "canaryhub"}
    monitors = server.call("monitor.list", project=project)
    assert {"nightly-backup", "hourly-report", "stock-sync", "sitemap"} <= {one["slug"] for one in monitors}
    letters = requests.get(f"{server.url}/api/headrace/dead-letters", headers=bearer(key), timeout=TIMEOUT_S).json()
    assert letters["dead_letters"] == []
    assert server.call("key.refusals", project=project) == []

    # Its key is gone, a second one waits for the removal of the first, and the removal touches nobody else.
    live_keys = {one["name"]: one["revoked_at"] is None for one in server.call("key.list", project=project)}
    assert live_keys["headrace demo"] is False
    code, _, told = demo(*small)
    assert code == 1
    assert "there is a project Demo already" in told
    other = server.project("Demo")
    assert demo("--remove") == (0, "Deleted Demo and everything in it.\n", "")
    left = {one["id"] for one in server.call("project.list")}
    assert other in left
    assert project not in left
    assert demo("--remove") == (0, "There is no demo to remove.\n", "")


def test_a_demo_that_stops_half_way_is_deleted(server: Any, capsys: Any, monkeypatch: Any) -> None:
    def refuse(_sender: Sender, shipment: Any) -> None:
        raise SendError(f"{shipment.path} answered 500")

    monkeypatch.setattr(Sender, "send", refuse)
    before = {one["id"] for one in server.call("project.list")}
    assert run(["demo", "--url", server.url, "--days", "1", "--scale", "small", "--data", str(server.data)]) == 1
    assert "answered 500; the demo is deleted as far as it came" in capsys.readouterr().err
    made = {one["id"] for one in server.call("project.list")} - before
    assert wait_gone(server, list(made))


def test_without_a_server(data: Path, server: Any, capsys: Any) -> None:
    for url, told in (
        ("ftp://127.0.0.1", "is no address of a server"),
        ("http://127.0.0.1:1", "start the server with `headrace serve`"),
        (server.url, "there is no data folder"),  # that of another server, or of none
    ):
        assert run(["demo", "--url", url, "--data", str(data)]) == 1
        assert told in capsys.readouterr().err
    data.mkdir()
    assert run(["demo", "--url", server.url, "--data", str(data)]) == 1
    assert "no server runs on the folder" in capsys.readouterr().err
