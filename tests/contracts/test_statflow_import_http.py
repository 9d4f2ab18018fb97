"""StatFlow's import from a StatHat export: our own, read by another project of a real server (contract 1.9, vector 13; StatHat's
vector 19).
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from wire import TIMEOUT_S, Client, bearer, settle

from headrace.cli.deleting import wait_gone

HELD = Path(__file__).parent.parent / "operations" / "ops_held.py"
DAY, QUARTER = 86_400, 900
IDLE: dict[str, Any] = {
    **dict.fromkeys(("stats_total", "stats_done", "stats_failed", "points_imported"), 0),
    **dict.fromkeys(("current_stat", "started_at", "finished_at", "error")),
    "status": "idle",
    "failures": [],
}


class Project(Client):
    """A project, which may be a source or what is imported into."""

    def begin(self, **body: Any) -> requests.Response:
        return self.call("POST", "/v1/import/stathat", json=body)

    def status(self) -> dict[str, Any]:
        answer = self.call("GET", "/v1/import/stathat/status")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def finish(self) -> dict[str, Any]:
        """Waits for the import's end."""
        deadline = time.monotonic() + 6 * TIMEOUT_S
        while (found := self.status())["status"] in ("queued", "running"):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def x(self, path: str) -> Any:
        answer = requests.get(f"{self.server.url}/x/{self.key}{path}", timeout=TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def series(self, t: str, start: int) -> dict[str, Any]:
        """Datasets of all stats by name."""
        ids = [stat["id"] for stat in self.x("/statlist")]
        groups = ["/".join(ids[first : first + 5]) for first in range(0, len(ids), 5)]
        sets = [one for group in groups for one in self.x(f"/data/{group}?t={t}&start={start}")]
        return {one["name"]: one["points"] for one in sets}


@pytest.fixture(scope="module")
def importing(server_class: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that may read from this machine."""
    own = server_class(tmp_path_factory.mktemp("import") / "data", env={"HEADRACE_IMPORT_PRIVATE": "yes"})
    own.init()
    own.start()
    yield own
    if own.process is not None:
        assert own.stop() == 0


def filled(server: Any, name: str, stats: int) -> Project:
    """A project with a history: counters with many points in a quarter hour, values with one."""
    source = Project(server, name)
    chance = random.Random(stats)
    now = int(time.time())
    items: list[dict[str, Any]] = []
    for number in range(stats):
        reach = 119 if number == 1 else 12
        for place in range(60):
            moment = now - (chance.randrange(60, reach * DAY) if place else reach * DAY)
            if number % 2:
                moment = moment // QUARTER * QUARTER
            items.append(
                {
                    "stat": f"stat {number} é",
                    "value" if number % 2 else "count": chance.choice((1, 2.5, 0.1, -3)),
                    "t": moment,
                }
            )
    one_each = {(item["stat"], item["t"]): item for item in items if "value" in item}
    sent = [item for item in items if "count" in item] + list(one_each.values())
    answer = requests.post(f"{server.url}/ez", json={"ezkey": source.key, "data": sent}, timeout=TIMEOUT_S)
    assert answer.json()["multiple"] == len(sent)
    settle(server)
    return source


def test_19_13_a_history_comes_over_and_a_second_time_changes_nothing(importing: Any) -> None:
    source, target = filled(importing, "source", 7), Project(importing, "target")
    before = target.call("GET", "/api/headrace/projects").json()
    assert target.status() == IDLE
    start = int(time.time()) // DAY * DAY - 13 * DAY
    windows = (("1w15m", start + 7 * DAY), ("1w15m", start), ("1y1d", start - 400 * DAY), ("2y1d", start - 550 * DAY))
    for _ in range(2):
        answer = target.begin(access_token=source.key, base_url=importing.url)
        assert answer.status_code == 202
        assert set(answer.json()) == set(IDLE)
        assert source.key not in answer.text
        done = target.finish()
        assert (done["status"], done["error"], done["failures"]) == ("completed", None, [])
        assert (done["stats_total"], done["stats_done"], done["stats_failed"]) == (7, 7, 0)
        assert done["started_at"] <= done["finished_at"]
        for t, first in windows:
            theirs, ours = source.series(t, first), target.series(t, first)
            assert list(ours) == list(theirs)
            for name, points in theirs.items():
                assert [point["time"] for point in ours[name]] == [point["time"] for point in points]
                counts = "2" in name or "4" in name or "6" in name or "0" in name
                # A mean over a day is one of its quarter hours' means: each has one point here.
                assert [point["value"] for point in ours[name]] == pytest.approx([p["value"] for p in points]), (
                    counts,
                    t,
                )
    types = {stat["name"]: stat["counter"] for stat in source.x("/statlist")}
    assert {stat["name"]: stat["counter"] for stat in target.x("/statlist")} == types
    # Nothing that came over counts as received.
    (usage,) = [
        one for one in target.call("GET", "/api/headrace/projects").json()["projects"] if one["id"] == target.project
    ]
    assert usage in before["projects"]
    shown = target.call("GET", "/v1/stats").json()["stats"]
    assert all(stat["last_point_at"] for stat in shown)
    exported = target.call("GET", f"/v1/stats/{shown[0]['id']}/export").text.splitlines()
    assert len(exported) > 10


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "access_token is required"),
        ({"access_token": " "}, "access_token is required"),
        ({"access_token": 7}, "access_token is required"),
        ({"access_token": "x" * 1_001}, "access_token must be at most 1000 printable characters"),
        ({"access_token": "a\nb"}, "access_token must be at most 1000 printable characters"),
        ({"token": "x", "base_url": "ftp://a"}, "base_url must be an https address"),
        ({"token": "x", "base_url": 7}, "base_url must be a string"),
        ({"accessToken": "x", "since": "whenever"}, "since must be ISO 8601 with an offset, a date, Unix seconds, now"),
        ({"accessToken": "x", "since": True}, "since must be ISO 8601 with an offset, a date, or Unix seconds"),
        ({"accessToken": "x", "since": 20, "until": 20}, "since must be before until"),
        ({"accessToken": "x", "until": 0}, "since must be before until"),
        ({"accessToken": "x", "stats": []}, "stats must be a list of 1 to 10,000 names"),
        ({"accessToken": "x", "stats": ["a"] * 10_001}, "stats must be a list of 1 to 10,000 names"),
        ({"accessToken": "x", "stats": "a"}, "stats must be a list of 1 to 10,000 names"),
        ({"accessToken": "x", "dry_run": 1}, "dry_run must be true or false"),
    ],
)
def test_imports_that_are_refused(server: Any, request: pytest.FixtureRequest, body: Any, text: str) -> None:
    project = Project(server, request.node.name)
    answer = project.begin(**body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(text)
    assert project.status() == IDLE


def test_a_server_asks_no_private_address_by_itself(server: Any) -> None:
    """Neither by an address nor by a name; plain http is refused at once."""
    project = Project(server, "safe")
    answer = project.begin(access_token="x", base_url="http://127.0.0.1:1")
    assert (answer.status_code, answer.json()["error"][:33]) == (400, "base_url must be an https address")
    for base_url in ("https://127.0.0.1:1", "https://[::1]:1/", "https://localhost:1", "https://0x7f.1:1"):
        assert project.begin(access_token="x", base_url=base_url).status_code == 202
        done = project.finish()
        assert (done["status"], done["error"]) == (
            "failed",
            "the host has a private address: import_private=yes allows it",
        )


def test_a_token_that_opens_nothing(importing: Any) -> None:
    target = Project(importing, "wrong token")
    assert target.begin(token="wrong", base_url=importing.url).status_code == 202
    done = target.finish()
    assert (done["status"], done["error"]) == ("failed", "the source does not take this access token")
    # What failed can be begun again.
    source = filled(importing, "right token", 1)
    assert target.begin(token=source.key, base_url=importing.url + "/", dry_run=True).status_code == 202
    done = target.finish()
    assert (done["status"], done["stats_done"]) == ("completed", 1)
    assert done["points_imported"] > 10
    assert target.x("/statlist") == []


def test_who_may_import(importing: Any) -> None:
    target = Project(importing, "scopes")
    for scopes, missing in ((["read"], "write"), (["write"], "read")):
        key = target.make_key(scopes=scopes, unlimited=True)
        for method, path in (("POST", "/v1/import/stathat"), ("GET", "/v1/import/stathat/status")):
            answer = target.call(method, path, headers=bearer(key), json={"access_token": "x"})
            assert (answer.status_code, answer.json()) == (403, {"error": f"this key lacks the {missing} scope"})


class Gate:
    """Stands between an import and its source: lets so many requests through, then holds them until it is opened."""

    def __init__(self, url: str) -> None:
        self.open = threading.Event()
        self.free = 0
        self.asked: list[str] = []
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gate.asked.append(self.path)
                if len(gate.asked) > gate.free:
                    gate.open.wait()
                try:
                    answer = requests.get(url + self.path, timeout=TIMEOUT_S)
                    self.send_response(answer.status_code)
                    self.end_headers()
                    self.wfile.write(answer.content)
                except OSError:  # one of both is gone
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.open.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.mark.parametrize(
    ("end", "ahead"), [("stop", 1), ("kill", 22)], ids=["a stop at the beginning", "a kill when five stats are there"]
)
def test_it_goes_on_after_a_restart(importing: Any, end: str, ahead: int) -> None:
    """For the first five stats the list, two years of days and 17 or 18 weeks are asked for, for the others two of each."""
    source, target = filled(importing, f"source {end}", 7), Project(importing, f"target {end}")
    gate = Gate(importing.url)
    try:
        gate.free = ahead
        assert target.begin(access_token=source.key, base_url=gate.url).status_code == 202
        assert target.begin(access_token=source.key, base_url=gate.url).status_code == 409
        deadline = time.monotonic() + TIMEOUT_S
        while target.status()["stats_done"] < 5 and len(gate.asked) <= gate.free:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert target.status()["status"] == "running"
        done = target.status()["stats_done"]
        assert source.key not in importing.log.read_text()
        getattr(importing, end)()
        gate.open.set()
        asked = len(gate.asked)
        importing.start()
        found = target.finish()
        assert (found["status"], found["stats_done"], found["stats_failed"]) == ("completed", 7, 0)
        first = next(stat["id"] for stat in source.x("/statlist") if stat["name"] == "stat 0 é")
        again = [path for path in gate.asked[asked:] if first in path]
        assert bool(again) == (done < 5)
        start = int(time.time()) // DAY * DAY - 12 * DAY
        assert target.series("2w1h", start) == {
            name: [{"time": p["time"], "value": pytest.approx(p["value"])} for p in points]
            for name, points in source.series("2w1h", start).items()
        }
        held = [
            path for path in importing.data.glob("*") if path.is_file() and source.key.encode() in path.read_bytes()
        ]
        assert held == []
    finally:
        gate.stop()


def test_a_project_that_is_deleted_meanwhile_gets_nothing_more(importing: Any) -> None:
    """What the source was asked for before comes afterwards; the deletion waits for the import's end."""
    source, target = filled(importing, "source of a deleted one", 1), Project(importing, "deleted meanwhile")
    assert target.begin(access_token=source.key, base_url=importing.url).status_code == 202
    assert target.finish()["points_imported"] > 10
    (number,) = [one["number"] for one in importing.call("project.list") if one["id"] == target.project]
    gate = Gate(importing.url)
    try:
        gate.free = 2
        assert target.begin(access_token=source.key, base_url=gate.url).status_code == 202
        deadline = time.monotonic() + TIMEOUT_S
        while len(gate.asked) <= gate.free:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        importing.call("project.delete", project=target.project)
        assert target.call("GET", "/v1/import/stathat/status").status_code == 401
        other = Project(importing, "deleted behind it")
        importing.call("project.delete", project=other.project)
        assert wait_gone(importing, [other.project])
        assert target.project in {one["id"] for one in importing.call("project.list")}
        gate.open.set()
        assert wait_gone(importing, [target.project])
    finally:
        gate.stop()
    assert importing.stop() == 0
    command = [sys.executable, str(HELD), str(importing.data), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    importing.start()
    held = json.loads(done.stdout)["held"][str(number)]
    assert not any(held.values()), held
