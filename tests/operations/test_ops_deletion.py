"""A project is deleted from a folder: what is left of it in every file, and what is left of its neighbours."""

from __future__ import annotations

from typing import Any

import pytest
from endpoints import BY_PATH
from ops_holding import held
from victim import Victim

from headrace.cli.deleting import wait_gone
from headrace.cli.errors import CliError

#: What asks for something to be there before.
NEEDING = {"/api/v1/mobile_ingest_tokens", "/ingest/v1/heartbeat"}
#: What the victims have rows in.
FILLED = {
    "points",
    "points_1m",
    "points_15m",
    "events",
    "requests",
    "spans",
    "replays",
    "slowstats_visitors",
    "uptime_checks",
} | {
    *(
        "stats",
        "monitors",
        "annotations",
        "dead_letters",
        "daily_events",
        "usage",
        "sessions",
        "deployments",
        "keys",
        "uptime_monitors",
    )
}

#: Where the neighbour sees what it holds.
PATHS = [
    f"/api/headrace/{name}" for name in ("stats", "events", "requests", "spans", "monitors", "annotations", "keys")
]


def test_nothing_of_it_is_left_and_nothing_of_others_is_missing(own_server: Any) -> None:
    server = own_server.start()
    victim, neighbour = Victim(server), Victim(server)
    for client in (victim.client, neighbour.client):
        for endpoint in BY_PATH.values():
            if endpoint.path not in NEEDING:
                assert endpoint.post(client).status_code == endpoint.status, endpoint.path
        seen_by = {"projectId": client.project, "eventType": "seen", "payload": {"userId": "somebody"}}
        assert client.call("POST", "/api/slowstats/ingest-events", json=seen_by).status_code == 200
    number, other = victim.ids["number"], neighbour.ids["number"]
    seen = neighbour.state(PATHS)
    server.stop()
    before = held(server, number, other)
    assert all({table for table, rows in before["held"][one].items() if rows} >= FILLED for one in (number, other))
    assert before["claims"] > 0

    # Without a server the command does it all by itself, and the neighbour notices nothing.
    assert "Deleted" in server.cli("project", "delete", victim.client.project, "--yes")
    server.start()
    assert neighbour.state(PATHS) == seen
    with pytest.raises(CliError, match="had it before it was deleted"):
        server.call("project.create", name="Again", id=victim.client.project)
    # With one the server does it.
    server.call("project.delete", project=neighbour.client.project)
    assert wait_gone(server, [neighbour.client.project])
    assert [one["name"] for one in server.call("project.list")] == ["First"]
    assert server.stop() == 0
    after = held(server, number, other)
    assert not any(rows for one in after["held"].values() for rows in one.values()), after["held"]
    assert after["claims"] == 0
