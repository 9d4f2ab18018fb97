"""A server that is made to die, the load on it, and the look at what it kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from crash_load import BASE, YEAR_BEFORE, Load, Sender
from crash_processes import HERE, PATIENCE_S, Launcher
from wire import TIMEOUT_S

QUARTER_S = 900
#: Acknowledged items of each sender, the first and the last of a round, that are sent once more after a restart.
RETRIED = 3


def until(check: Callable[[], Any], what: str) -> Any:
    """Polls ``check`` until it gives something true, which is returned."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := check()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s in vain for {what}"
        time.sleep(0.02)
    return found


class Rig:
    """One data folder and, one after the other, many server processes on it. ``server`` is not started yet; ``control`` is the
    folder that ``launch.py`` and the shim read.
    """

    def __init__(self, server: Any, launcher: Launcher, control: Path) -> None:
        self.server = server
        self._launcher = launcher
        self._control = control
        #: What was sent last has been looked at; with ``complete`` everything has, so that ``stored`` is all that there is.
        self.verified = True
        self.complete = True
        self.stored: Counter[str] = Counter()
        self.key = ""
        self.load: Load | None = None

    @classmethod
    def open(cls, server_class: Any, folder: Path, shim: Path) -> Rig:
        control = folder / "control"
        control.mkdir()
        env = {"CRASH_DIR": str(control), "CRASH_SHIM": str(control / "shim"), "LD_PRELOAD": str(shim)}
        launcher = Launcher(env)
        server = server_class(folder / "data")
        project = server.init()["project"]["id"]
        rig = cls(server, launcher, control)
        try:
            rig.start()
            rig.key = server.key(project, unlimited=True, scopes=["read", "write", "manage"])
            rig.load = Load(server.port, rig.key)
        except BaseException:
            rig.abandon()
            raise
        return rig

    def close(self) -> dict[str, Any]:
        """Stops everything; gives what the store holds in the end."""
        self.load.end()
        try:
            assert self.server.stop() == 0, self.log()
        finally:
            self._launcher.close()
        command = [sys.executable, str(HERE / "look.py"), str(self.server.data), "1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def abandon(self) -> None:
        """Leaves nothing running."""
        if self.load is not None:
            self.load.end()
        if self.server.process is not None:
            self.server.kill()
        self._launcher.close()

    def log(self) -> str:
        return self.server.log.read_text()[-2000:]

    # --- what is to happen

    def put(self, name: str, text: str = "") -> None:
        """Makes a control file; whoever reads it sees all of it or nothing."""
        draft = self._control / f"{name}.draft"
        draft.write_text(text)
        draft.replace(self._control / name)

    def lift(self, name: str) -> None:
        (self._control / name).unlink(missing_ok=True)

    def is_put(self, name: str) -> bool:
        return (self._control / name).exists()

    def disarm(self) -> None:
        for name in ("trigger", "shim", "hold", "nameless"):
            self.lift(name)

    def arm(self, step: str, nth: int = 1) -> None:
        """The server ends the ``nth`` time that ``step`` of ``launch.py`` is reached."""
        self.put("trigger", f"{step} {nth}")

    def arm_shim(self, call: str, part: str, action: str, nth: int = 1, times: int = 1) -> None:
        """A rule for ``shim/faults.c``."""
        self.put("shim", f"{call} {part} {action} {nth} {times}")

    def parts_of(self, table: str) -> str:
        """What the path of every part of ``table`` holds before it is renamed into place."""
        folder = (self.server.data / "store" / "data" / "headrace" / table).readlink()
        return f"{folder.name}/tmp_insert_"

    # --- dying and living on

    def alive(self) -> Rig:
        """With a server that runs and nobody sending, whatever a test before has left."""
        self.complete = self.complete and self.verified
        self.disarm()
        self.load.pause()
        if self.server.process is None or self.server.process.poll() is not None:
            self.start()
        return self

    def start(self, *, wait: bool = True) -> None:
        self.server.process = self._launcher.start(self.server)
        if wait:
            self.server.wait_ready()

    def wait_death(self) -> None:
        """Until the armed step has ended the process."""
        process = self.server.process
        until(lambda: process.poll() is not None, "the armed step\n" + self.log())
        self.server.process = None
        assert process.returncode == -signal.SIGKILL, f"ended with {process.returncode}\n{self.log()}"

    def run(self) -> None:
        """Starts a round of load."""
        self.verified = False
        self.load.run()

    def kill(self) -> None:
        self.server.kill()
        self.load.pause()

    def until_done(self, name: str) -> None:
        """Until a control file has been acted upon."""
        until(lambda: not self.is_put(name), f"{name}\n{self.log()}")

    def die_under_load(self) -> None:
        """A round of load that ends with the process."""
        self.run()
        self.wait_death()
        self.load.pause()

    def recover(self) -> None:
        """Starts anew, has everybody's last request acknowledged, waits until all is in the store."""
        self.disarm()
        self.start()
        self.finish()

    def finish(self) -> None:
        self.load.settle()
        self.load.pause()
        failures = self.load.failures()
        assert not failures, failures[0]
        until(lambda: self.gauge("loader_lag_seconds") == 0, "the loader")

    # --- looking

    def gauge(self, name: str) -> float:
        text = requests.get(f"{self.server.url}/metrics", timeout=TIMEOUT_S).text
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"headrace_{name} ")))

    def call(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = requests.request(method, self.server.url + path, headers=headers, timeout=TIMEOUT_S, **more)
        assert answer.ok, f"{answer.status_code} {answer.text}"
        return answer.json()

    def points(self, stat: str, resolution: str) -> list[dict[str, Any]]:
        """The points, or the filled buckets, of ``stat`` in both partitions."""
        found = []
        for start in (YEAR_BEFORE, BASE):
            window = {"from": start, "to": start + QUARTER_S, "resolution": resolution}
            found += self.call("GET", f"/v1/stats/{stat}/data", params=window)["points"]
        return [point for point in found if resolution == "raw" or point["count"]]

    def rows(self, table: str, **query: Any) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            page = self.call("GET", f"/api/headrace/{table}", params={**query, "limit": 1000, **cursor})
            yield from page[table]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}

    def verify(self) -> None:
        """What was acknowledged is there, once, in raw rows and in both rollups; of the rest nothing is there twice."""
        senders, name = self.load.senders, self.load.name
        for kind in ("single", "batch", "metric"):
            self._verify_points(senders[kind], f"{name}.{kind}")
        events = [row["id"] for row in self.rows("events", name=f"{name}.metric")]
        compare("events", events, [uuid for _, uuid in _records(senders["metric"])], [])
        hits = [row["path"] for row in self.rows("requests", host=name)]
        compare("requests", hits, _records(senders["requests"]), [])
        checks = [row["name"] for row in self.rows("events", type="check_in", text=f"{name}-")]
        compare("check-ins", checks, _records(senders["check_in"]), [])
        monitors = {monitor["slug"] for monitor in self.server.call("monitor.list", project="First")}
        assert set(_records(senders["check_in"])) <= monitors
        self.stored.update(events=len(events) + len(checks), requests=len(hits))
        self.verified = True

    def _verify_points(self, sender: Sender, stat: str) -> None:
        # Killed early enough, not even the stat has come to be.
        listed = self.call("GET", "/v1/stats", params={"q": stat})["stats"]
        values = [round(point["value"]) for point in self.points(stat, "raw")] if listed else []
        records = _records(sender)
        acked = [record[0] if isinstance(record, tuple) else record for record in records]
        compare(stat, values, acked, [item.records[0] for item in sender.unknown])
        for resolution in ("1m", "15m") if listed else ():
            buckets = self.points(stat, resolution)
            count = sum(bucket["count"] for bucket in buckets)
            weigh = (lambda b: b["value"] * b["count"]) if sender.kind == "metric" else (lambda b: b["value"])
            total = round(sum(weigh(bucket) for bucket in buckets))
            assert (resolution, count, total) == (resolution, len(values), sum(values)), stat
        self.stored["points"] += len(values)
        self.stored["total"] += sum(values)

    def verify_retries(self) -> None:
        """What was acknowledged before a kill is sent again: it is answered as before and stored no second time."""
        for kind in ("batch", "requests", "check_in", "metric"):
            sender = self.load.senders[kind]
            for item, first in sender.acked[:RETRIED] + sender.acked[-RETRIED:]:
                again = sender.repeat(item)
                if kind == "metric":
                    assert (again.status, json.loads(again.body).get("duplicate")) == (200, True), again.body
                    assert json.loads(again.body)["id"] == json.loads(first.body)["id"]
                else:
                    assert (again.status, again.body, again.replayed) == (first.status, first.body, True)


@contextmanager
def opened(server_class: Any, folder: Path, shim: Path) -> Iterator[Rig]:
    """A rig; at its end what the store holds is compared with all that was verified, so that nothing is doubled later."""
    rig = Rig.open(server_class, folder, shim)
    try:
        yield rig
    except BaseException:
        rig.abandon()
        raise
    held = rig.alive().close()
    if not rig.complete:
        return
    points = [rig.stored["points"], rig.stored["total"]]
    assert [held[table] for table in ("points", "points_1m", "points_15m")] == [points] * 3
    assert held["by_minute"] == points[:1]
    assert held["events"] == [rig.stored["events"]] * 2
    assert held["requests"] == [rig.stored["requests"]] * 2


def _records(sender: Sender) -> list[Any]:
    return [record for item, _ in sender.acked for record in item.records]


def compare(what: str, found: list[Any], acked: list[Any], unknown: list[Any]) -> None:
    """``acked`` are found once each, ``unknown`` at most once, and nothing else."""
    counted = Counter(found)
    lost = [record for record in acked if not counted[record]]
    doubled = [record for record, count in counted.items() if count > 1]
    strangers = counted.keys() - set(acked) - set(unknown)
    assert (lost, doubled, strangers) == ([], [], set()), f"{what}: lost, doubled, never sent"
