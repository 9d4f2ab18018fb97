"""What is sent to a server in trouble, and what must be found in it afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import requests
from endpoints import MAIN, Endpoint
from wire import TIMEOUT_S, Client, assert_form, settle

#: The dialects that show their limits on every answer once it was charged.
SHOWS_LIMITS = ("slowstats", "logister")


def until(check: Callable[[], Any], what: str) -> Any:
    """Polls ``check`` until it gives something true, which is returned."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := check()):
        assert time.monotonic() < deadline, f"waited {TIMEOUT_S:g} s in vain for {what}"
        time.sleep(0.02)
    return found


def send_all(client: Client, name: str) -> None:
    """One record of every dialect, each of which must be accepted."""
    for endpoint in MAIN:
        answer = endpoint.post(client, name=name)
        assert answer.status_code == endpoint.status, (endpoint.path, answer.text)


def assert_refused(client: Client, name: str, *, key: str | None = None) -> None:
    """Every dialect says 503 in its own form, and when to come back."""
    for endpoint in MAIN:
        assert_unavailable(endpoint, endpoint.post(client, name=name, key=key))


def assert_unavailable(endpoint: Endpoint, answer: requests.Response) -> None:
    assert answer.status_code == 503, (endpoint.path, answer.status_code, answer.text)
    assert_form(endpoint.dialect.name, answer)
    assert int(answer.headers["retry-after"]) >= 1


def readiness(server: Any) -> tuple[int, list[str], list[str]]:
    """Status, reasons and degradations of ``/readyz``."""
    answer = requests.get(f"{server.url}/readyz", timeout=TIMEOUT_S)
    body = answer.json()
    return answer.status_code, body["reasons"], body["degraded"]


def names_held(client: Client) -> dict[str, int]:
    """How often each record of :func:`send_all` is there, by its name and kind of row, once the store has caught up."""
    settle(client.server)
    held = {f"point {stat}": count for stat, count in client.points().items()}
    for row in client.rows("events"):
        if row["dialect"] != "slowstats":  # its rows have no name; its points tell
            name = f"event {row['dialect']} {row['name'] or row['message']}"
            held[name] = held.get(name, 0) + 1
    for row in client.rows("requests"):
        held[f"request {row['path']}"] = held.get(f"request {row['path']}", 0) + 1
    return held


class Load:
    """Threads that post points one after the other until :meth:`stop`; each keeps to a stat of its own. ``acknowledged`` counts the
    2xx by stat, ``sent`` what left for the server, whatever became of it.
    """

    def __init__(self, client: Client, threads: int, prefix: str) -> None:
        self._client = client
        self._ended = threading.Event()
        self.acknowledged: dict[str, int] = {}
        self.sent: dict[str, int] = {}
        self.statuses: set[int] = set()
        self._threads = [threading.Thread(target=self._post, args=(f"{prefix}{n}",)) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def _post(self, stat: str) -> None:
        self.acknowledged[stat] = self.sent[stat] = 0
        headers = {"Authorization": f"Bearer {self._client.key}"}
        with requests.Session() as session:
            while not self._ended.is_set():
                self.sent[stat] += 1
                try:
                    answer = session.post(
                        f"{self._client.server.url}/v1/ingest",
                        json={"stat": stat, "count": 1},
                        headers=headers,
                        timeout=TIMEOUT_S,
                    )
                except requests.RequestException:
                    self._ended.wait(0.01)
                    continue
                self.statuses.add(answer.status_code)
                self.acknowledged[stat] += answer.status_code == 202

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def total(self) -> int:
        return sum(self.acknowledged.values())

    def assert_kept(self, *, under_way: int = 0) -> None:
        """What was acknowledged is there, but for ``under_way`` records of each sender at most; nothing is there twice."""
        settle(self._client.server)
        held = self._client.points()
        for stat, count in self.acknowledged.items():
            found = held.get(f"stat:{stat}:counter", 0)
            assert count - under_way <= found <= self.sent[stat], (stat, count, found, self.sent[stat])
