"""StatHat's packages on npm and PyPI, unmodified but for their host, against a real server (stathat.md 1.13, 3.1). Flask-StatHat is in
``tests/contracts/test_stathat_http.py``, which also sends what these send byte by byte.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
import requests
from npm_stathat import OK, PACKAGE, track
from wire import EzClient, settle


class Project(EzClient):
    """A project that says what is in it."""

    def sums(self) -> dict[str, float]:
        """Sum of each stat, by name."""
        settle(self.server)
        found = {}
        for stat in self.api("/stats")["stats"]:
            span = {"from": "-2h", "to": "now", "resolution": "raw"}
            points = self.call("GET", f"/v1/stats/{stat['id']}/data", params=span).json()["points"]
            found[stat["name"]] = sum(point["value"] for point in points)
        return found


@pytest.fixture
def project(server: Any, request: pytest.FixtureRequest) -> Project:
    return Project(server, request.node.name)


def test_it_is_the_version_that_the_contract_names() -> None:
    assert json.loads((PACKAGE / "package.json").read_text())["version"] == "0.0.8"


def test_2_npm(project: Project) -> None:
    a_minute_ago = int(time.time()) - 60
    names = {"count": "trackEZCount", "value": "trackEZValue"}
    calls = [[call, project.ez, f"a {name}", 2.5] for name, call in names.items()]
    calls += [[f"{call}WithTime", project.ez, f"a {name}", 1e-7, a_minute_ago] for name, call in names.items()]
    assert track(project.server, *calls) == [[200, OK]] * 4
    keys = {stat["name"]: stat["classic_key"] for stat in project.api("/stats")["stats"]}
    classic = [
        ["trackCount", project.user_key, keys["a count"], 3],
        ["trackCountWithTime", project.user_key, keys["a count"], 4, a_minute_ago],
        ["trackValue", project.user_key, keys["a value"], 5],
        ["trackValueWithTime", project.user_key, keys["a value"], 6, a_minute_ago],
    ]
    assert track(project.server, *classic) == [[200, OK]] * 4
    assert project.sums() == pytest.approx({"a count": 9.5 + 1e-7, "a value": 13.5 + 1e-7}, rel=1e-12)


def test_4_5_npm_names_that_it_does_not_escape(project: Project) -> None:
    """Of a name beyond ASCII it sends a part: that is refused, and what follows in a connection of its own is stored."""
    ez = project.ez
    found = track(
        project.server,
        ["trackEZCount", ez, "100% a=b#c", 1],
        ["trackEZCount", ez, "é", 37],
        ["trackEZCount", ez, "after it", 2],
        ["trackEZCount", "unknown", "x", 1],
    )
    assert found == [
        [200, OK],
        [200, [200, '{"status":500,"msg":"invalid count"}']],
        [200, OK],
        [200, [200, '{"status":500,"msg":"invalid ezkey"}']],
    ]
    assert project.sums() == {"100% a=b#c": 1, "after it": 2}


@pytest.fixture
def pypi_stathat(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package of 2012, behind the shim that its contract names: requests knows no ``prefetch`` any more."""
    stathat = pytest.importorskip("stathat", reason="`make test` installs it where Python is 3.11")
    request: Callable[..., Any] = requests.Session.request

    def without_prefetch(self: requests.Session, *args: Any, prefetch: bool, **more: Any) -> Any:
        assert prefetch
        return request(self, *args, **more)

    monkeypatch.setattr(requests.Session, "request", without_prefetch)
    assert version("stathat") == "0.0.2"
    return stathat


def test_1_pypi(project: Project, pypi_stathat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypi_stathat.StatHat, "STATHAT_URL", project.server.url)
    stats = pypi_stathat.StatHat(project.ez)
    with stats.session:
        assert stats.count("pypi count", 10) is True
        assert stats.value("pypi value é", 0.5) is True
    monkeypatch.undo()
    assert project.sums() == {"pypi count": 10, "pypi value é": 0.5}
