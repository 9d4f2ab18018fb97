"""Uptime monitors of a real server: pages are looked at, what is found is stored once, outlives the process, and goes with its project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ops_holding import held
from watched_pages import Pages, head
from wire import Client, settle, wait_for

from headrace.cli.deleting import wait_gone

PATH = "/api/v1/monitors"


@pytest.fixture
def pages() -> Iterator[Pages]:
    made = Pages({"/up": [head(200)], "/broken": [head(500)], "/hangs": [None]})
    yield made
    made.stop()


@pytest.fixture
def watching(make_server: Callable[..., Any]) -> Any:
    """A server that may look at loopback addresses."""
    return make_server(env={"HEADRACE_UPTIME_PRIVATE": "yes"}).start()


def monitors(client: Client) -> dict[str, Any]:
    answer = client.call("GET", PATH)
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["data"]["items"]}


def checks(client: Client, name: str) -> Any:
    return client.call("GET", f"{PATH}/{monitors(client)[name]['id']}/checks").json()["data"]


def test_a_monitors_looks_outlive_the_process(watching: Any, pages: Pages) -> None:
    server, client, other = watching, Client(watching, "watched"), Client(watching, "also watched")
    for one in (client, other):
        for name in ("up", "broken"):
            sent = {"name": name, "url": f"{pages.url}/{name}", "intervalMinutes": 10}
            assert one.call("POST", PATH, json=sent).status_code == 201
    for one in (client, other):
        wait_for(lambda one=one: all(found["lastCheckedAt"] for found in monitors(one).values()), "nobody looks")
    settle(server)
    for one in (client, other):
        seen = {name: (found["status"], found["uptimePercentage"]) for name, found in monitors(one).items()}
        assert seen == {"up": ("up", 100.0), "broken": ("down", 0.0)}
        assert [checks(one, name)["totalChecks"] for name in seen] == [1, 1]
        assert checks(one, "broken")["checks"][0]["statusCode"] == 500

    # One that hangs is under way when the process dies: after the start everything is as it was, and nothing is looked at twice.
    sent = {"name": "hangs", "url": f"{pages.url}/hangs", "intervalMinutes": 10}
    assert client.call("POST", PATH, json=sent).status_code == 201
    wait_for(lambda: any("/hangs" in asked for asked in pages.asked), "nobody looks")
    before = {name: (monitors(client)[name], checks(client, name)) for name in ("up", "broken")}
    server.kill()
    server.start()
    assert {name: (monitors(client)[name], checks(client, name)) for name in ("up", "broken")} == before
    assert sum("/hangs" not in asked for asked in pages.asked) == 4

    numbers = {one["id"]: str(one["number"]) for one in server.call("project.list")}
    server.call("project.delete", project=client.project)
    assert wait_gone(server, [client.project])
    assert monitors(other)["up"]["status"] == "up"
    # A stop does not wait for a page that hangs.
    sent = {"name": "hangs", "url": f"{pages.url}/hangs", "intervalMinutes": 10}
    hanging = sum("/hangs" in asked for asked in pages.asked)
    assert other.call("POST", PATH, json=sent).status_code == 201
    wait_for(lambda: sum("/hangs" in asked for asked in pages.asked) > hanging, "nobody looks")
    assert server.stop() == 0
    found = held(server, numbers[client.project], numbers[other.project])["held"]
    gone, kept = found[numbers[client.project]], found[numbers[other.project]]
    assert (gone["uptime_checks"], gone["uptime_monitors"]) == (0, 0)
    assert kept["uptime_monitors"] == 3
    assert kept["uptime_checks"] in (2, 3), "on a slow machine the last look has ended"
