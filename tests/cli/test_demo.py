"""``headrace demo`` against a server, and where there is none."""

from __future__ import annotations

from typing import Any

import requests
from wire import bearer, settle

from headrace.cli.main import run


def ask(server: Any, key: str, table: str, group_by: str) -> dict[str, int]:
    """Rows of the last days by what ``group_by`` says."""
    question = {"table": table, "aggregate": "count", "group_by": group_by, "from": "-3d", "resolution": "1d"}
    answer = requests.post(f"{server.url}/api/headrace/series", json=question, headers=bearer(key), timeout=20)
    assert answer.status_code == 200, answer.text
    return {line["group"]: sum(point["count"] for point in line["points"]) for line in answer.json()["lines"]}


def test_a_demo_is_filled_and_archived(own_server: Any, capsys: Any) -> None:
    data = ("--data", str(own_server.data))
    assert run(["demo", "--url", own_server.url, *data]) == 1
    told = capsys.readouterr().err
    assert "no answer from" in told
    assert "headrace serve" in told
    own_server.start()
    small = ("demo", "--url", own_server.url, "--days", "1", "--scale", "small")
    sent = own_server.cli(*small, "--json")
    project = sent["project"]
    assert sent["points"] > 2_000
    (made,) = [one for one in own_server.call("project.list") if one["id"] == project]
    assert (made["name"], made["state"]) == ("Demo", "live")

    # Everything that was sent is there, and nobody else's.
    key = own_server.key(project, scopes=["read"])
    settle(own_server)
    events = ask(own_server, key, "events", "dialect")
    assert set(events) == {"logister", "canaryhub", "slowstats", "seestack"}
    rows = sum(sum(ask(own_server, key, table, "dialect").values()) for table in ("events", "requests", "spans"))
    assert rows == sent["events"]
    stats = requests.get(f"{own_server.url}/v1/stats", headers=bearer(key), timeout=20).json()["stats"]
    assert {stat["source"] for stat in stats} == {"stat", "slowstats", "logister", "canaryhub"}
    monitors = own_server.call("monitor.list", project=project)
    assert {"nightly-backup", "hourly-report", "stock-sync", "sitemap"} <= {one["slug"] for one in monitors}
    letters = requests.get(f"{own_server.url}/api/headrace/dead-letters", headers=bearer(key), timeout=20).json()
    assert letters["dead_letters"] == []
    assert own_server.call("key.refusals", project=project) == []

    # Its key is gone, a second one waits for the removal of the first, and the removal touches nobody else.
    states = {one["name"]: one["revoked_at"] is None for one in own_server.call("key.list", project=project)}
    assert states["headrace demo"] is False
    assert run([*small, *data]) == 1
    assert "there is a project Demo already" in capsys.readouterr().err
    other = own_server.project("Demo")
    assert "Archived Demo." in own_server.cli("demo", "--remove")
    live = {one["id"] for one in own_server.call("project.list") if one["state"] == "live"}
    assert other in live
    assert project not in live
    assert "no demo" in own_server.cli("demo", "--remove")


def test_an_address_that_is_none(data: Any, capsys: Any) -> None:
    assert run(["demo", "--url", "ftp://127.0.0.1", "--data", str(data)]) == 1
    assert "is no address of a server" in capsys.readouterr().err
