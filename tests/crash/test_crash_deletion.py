"""A project is being deleted while the server is killed: at each step of it the next start goes on, until nothing of the project is left;
what others were acknowledged meanwhile is there exactly once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from crash_load import BASE, YEAR_BEFORE
from crash_rig import Rig, opened, until
from wire import TIMEOUT_S

from headrace.cli.errors import CliError

SCRIPT = Path(__file__).parent.parent / "operations" / "ops_held.py"

#: Where the process ends, by ``launch.py``'s name of the step, and at which time of reaching it; each start comes one step further.
STEPS = (
    ("delete.begun", 1),
    ("delete.closed", 1),
    ("delete.drained", 1),
    # Claims of events are forgotten, those of spans are not.
    ("delete.claims", 1),
    # The engine was asked for some tables and not for others.
    ("delete.asked", 4),
    ("delete.rows", 1),
    # In the transaction that clears a part of the catalog.
    ("delete.clearing", 3),
    ("delete.ending", 1),
    ("delete.ended", 1),
)


class Doomed:
    """A rig, and the numbers of the projects that were deleted on it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.numbers: list[str] = []

    def project(self, name: str) -> tuple[str, str]:
        """A project with something in every table that claims, rollups and projections come from; gives its id and a key."""
        server = self.rig.server
        made = server.call("project.create", name=name)
        self.numbers.append(str(made["number"]))
        key = server.key(made["id"], unlimited=True)
        items = [{"stat": f"s{n}", "value": n, "timestamp": then} for n in range(8) for then in (BASE, YEAR_BEFORE)]
        log = {"event_type": "log", "message": name, "uuid": str(uuid4())}
        span = {"event_type": "span", "name": name, "trace_id": name, "span_id": "1", "uuid": str(uuid4())}
        for path, body in (
            ("/v1/ingest/batch", {"items": items}),
            ("/api/v1/ingest_events", {"event": log}),
            ("/api/v1/ingest_events", {"event": span}),
            ("/api/v1/check_ins", {"check_in": {"slug": name}}),
            ("/ingest/v1/http-requests", {"requests": [_request(name)]}),
        ):
            headers = {"Authorization": f"Bearer {key}"}
            assert requests.post(server.url + path, json=body, headers=headers, timeout=TIMEOUT_S).ok, path
        return made["id"], key


def _request(host: str) -> dict[str, Any]:
    timing = {"statusCode": 200, "durationMs": 1, "timestamp": BASE * 1000}
    return {"traceId": host, "direction": "inbound", "method": "GET", "host": host, "path": "/", **timing}


def test_a_kill_at_each_step(server_class: Any, shim: Path, tmp_path: Path) -> None:
    with opened(server_class, tmp_path, shim) as rig:
        doomed = Doomed(rig)
        first, _ = doomed.project("first")
        until(lambda: rig.gauge("loader_lag_seconds") == 0, "the loader")
        rig.run()
        rig.put("hold")  # rows of the second one are still in the journal when the process ends for the second time
        second, key = doomed.project("second")
        rig.server.call("project.delete", project=first)
        rig.arm(*STEPS[0])
        with pytest.raises((CliError, AssertionError)):  # it ended before it answered
            rig.server.call("project.delete", project=second)
        rig.wait_death()
        rig.load.pause()
        for step in STEPS[1:]:
            rig.arm(*step)
            rig.start(wait=False)
            rig.wait_death()
            rig.lift("hold")
        rig.recover()
        answer = requests.get(
            f"{rig.server.url}/v1/stats", headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_S
        )
        assert answer.status_code == 401
        until(lambda: {first, second}.isdisjoint(_listed(rig)), "the deletion")
        for project in (first, second):
            with pytest.raises(CliError, match="had it before it was deleted"):
                rig.server.call("project.create", name="again", id=project)
        rig.verify_retries()
        rig.verify()
    command = [sys.executable, str(SCRIPT), str(rig.server.data), *doomed.numbers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout)["held"]
    assert not any(rows for one in held.values() for rows in one.values()), held


def _listed(rig: Rig) -> set[str]:
    return {one["id"] for one in rig.server.call("project.list")}
