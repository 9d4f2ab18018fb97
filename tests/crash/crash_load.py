"""Senders that know what was acknowledged: threads with kept-alive connections, every record of its own kind of uniqueness."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple
from uuid import uuid4

#: How often a 503 is followed by another try, 0.1 s apart.
BUSY_TRIES = 600

#: 2026-03-01T00:00:00Z and a year before, in seconds: each round's points lie in two partitions and few rollup rows.
BASE, YEAR_BEFORE = 1_772_323_200, 1_740_787_200
#: Seconds over which points are spread: two minutes of one quarter hour.
SPREAD_S = 120
#: Points and requests of one batch.
BATCH = 20
#: Seconds between a sender's requests: enough for hundreds a round, few enough to read them all back.
PAUSE_S = 0.004
#: Check-ins make a monitor each.
CHECK_IN_PAUSE_S = 0.05
#: Seconds until a request or a whole round of requests counts as hanging.
ANSWER_S, SETTLE_S = 60.0, 120.0

Mode = Literal["run", "settle", "pause"]


class Item(NamedTuple):
    """One request. ``records`` are what a reader must find of it: values of a stat, paths, slugs or ids."""

    path: str
    body: dict[str, Any]
    retry_key: str
    records: tuple[Any, ...]


class Reply(NamedTuple):
    status: int
    body: bytes
    replayed: bool


class Sender(threading.Thread):
    """Sends items one by one. ``make`` gives the item of a number in a round.

    One that ``retries`` repeats an item until it is acknowledged, also across a restart; of the others an item whose answer never
    came may be stored or not.
    """

    def __init__(self, kind: str, make: Callable[[str, int], Item], retries: bool, port: int, key: str) -> None:
        super().__init__(name=f"sender-{kind}", daemon=True)
        self.kind = kind
        self.retries = retries
        self.acked: list[tuple[Item, Reply]] = []
        self.unknown: list[Item] = []
        self.failures: list[str] = []
        #: Requests answered by 503.
        self.refused = 0
        self._make = make
        self._port = port
        self._key = key
        self._connection: http.client.HTTPConnection | None = None
        self._changed = threading.Condition()
        self._mode: Mode = "pause"
        self._name = ""
        self._number = 0
        self._pending: Item | None = None
        self._idle = False
        self._ended = False

    # --- the test's side

    def go(self, mode: Mode) -> None:
        with self._changed:
            self._mode = mode
            self._idle = False
            self._changed.notify_all()

    def wait_idle(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._idle, SETTLE_S), f"{self.kind}: a request hangs"

    def begin(self, name: str) -> None:
        """Starts a round: its records carry ``name``."""
        with self._changed:
            self._name, self._number, self._pending = name, 0, None
            self.acked, self.unknown, self.failures, self.refused = [], [], [], 0

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.join(ANSWER_S)

    def repeat(self, item: Item) -> Reply:
        """Sends an item once more, while the sender is idle; the connection may have died with its server. A 503 asks to try again,
        as real clients do: it is given that chance for a minute."""
        try:
            reply = self.post(item)
        except (OSError, http.client.HTTPException):
            reply = self.post(item)
        for _ in range(BUSY_TRIES):
            if reply.status != 503:
                break
            time.sleep(0.1)
            reply = self.post(item)
        return reply

    # --- the thread's side

    def run(self) -> None:
        while self._may_send():
            item = self._pending or self._make(self._name, self._number)
            if self._pending is None:
                self._number += 1
                self._pending = item
            try:
                reply = self.post(item)
            except (OSError, http.client.HTTPException):
                reply = None
            self._settle(item, reply)
            time.sleep(CHECK_IN_PAUSE_S if self.kind == "check_in" else PAUSE_S)
        self._close()

    def _may_send(self) -> bool:
        with self._changed:
            while not self._ended:
                if self._mode == "run" or (self._mode == "settle" and self._pending is not None):
                    return True
                self._idle = True
                self._changed.notify_all()
                self._changed.wait()
            return False

    def _settle(self, item: Item, reply: Reply | None) -> None:
        with self._changed:
            self.refused += reply is not None and reply.status == 503
            if reply is not None and reply.status in (200, 201, 202):
                self.acked.append((item, reply))
                self._pending = None
            elif reply is not None and reply.status != 503:
                self.failures.append(f"{self.kind}: {reply.status} {reply.body!r}")
                self._pending = None
            elif not self.retries:
                self.unknown.append(item)
                self._pending = None

    def post(self, item: Item) -> Reply:
        """Sends an item on the kept connection. Raises ``OSError`` and ``HTTPException`` when no whole answer comes."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if item.retry_key:
            headers["Idempotency-Key"] = item.retry_key
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
            self._connection.request("POST", item.path, json.dumps(item.body), headers)
            answer = self._connection.getresponse()
            return Reply(answer.status, answer.read(), answer.headers["Idempotency-Replayed"] == "true")
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def when(number: int) -> int:
    """Every fifth point belongs to the year before."""
    return (YEAR_BEFORE if number % 5 == 4 else BASE) + number % SPREAD_S


def single(name: str, number: int) -> Item:
    body = {"stat": f"{name}.single", "value": number, "type": "counter", "timestamp": when(number)}
    return Item("/v1/ingest", body, "", (number,))


def batch(name: str, number: int) -> Item:
    values = range(number * BATCH, (number + 1) * BATCH)
    items = [{"stat": f"{name}.batch", "value": n, "type": "counter", "timestamp": when(n)} for n in values]
    return Item("/v1/ingest/batch", {"items": items}, f"{name}-{number}", tuple(values))


def metric(name: str, number: int) -> Item:
    """A Logister metric: an event and a point under one UUID."""
    uuid = str(uuid4())
    event = {
        "uuid": uuid,
        "event_type": "metric",
        "message": f"{name}.metric",
        "occurred_at": when(number),
        "context": {"value": number},
    }
    return Item("/api/v1/ingest_events", {"event": event}, "", ((number, uuid),))


def requests(name: str, number: int) -> Item:
    paths = tuple(f"/{number}/{n}" for n in range(BATCH))
    sent = [
        {
            "traceId": name,
            "direction": "inbound",
            "method": "GET",
            "host": name,
            "path": path,
            "statusCode": 200,
            "durationMs": 1,
        }
        for path in paths
    ]
    return Item(
        "/ingest/v1/http-requests",
        {"requests": [one | {"timestamp": BASE * 1000} for one in sent]},
        f"{name}-r{number}",
        paths,
    )


def check_in(name: str, number: int) -> Item:
    slug = f"{name}-{number}"
    return Item("/api/v1/check_ins", {"check_in": {"slug": slug, "status": "ok"}}, f"{name}-c{number}", (slug,))


#: kind → (how an item is made, whether it is retried).
KINDS: dict[str, tuple[Callable[[str, int], Item], bool]] = {
    "single": (single, False),
    "batch": (batch, True),
    "metric": (metric, True),
    "requests": (requests, True),
    "check_in": (check_in, True),
}


class Load:
    """All senders together, in rounds."""

    def __init__(self, port: int, key: str) -> None:
        self.senders = {kind: Sender(kind, make, retries, port, key) for kind, (make, retries) in KINDS.items()}
        self.name = ""
        self._rounds = 0
        for sender in self.senders.values():
            sender.start()

    def run(self) -> None:
        """Begins a round and lets everybody send."""
        self._rounds += 1
        self.name = f"round{self._rounds}"
        for sender in self.senders.values():
            sender.begin(self.name)
            sender.go("run")

    def go_on(self) -> None:
        """The same round again, after a pause."""
        for sender in self.senders.values():
            sender.go("run")

    def pause(self) -> None:
        """Returns when nobody sends; what was not acknowledged waits."""
        self._all("pause")

    def settle(self) -> None:
        """Has what waits acknowledged."""
        self._all("settle")

    def _all(self, mode: Mode) -> None:
        for sender in self.senders.values():
            sender.go(mode)
        for sender in self.senders.values():
            sender.wait_idle()

    def failures(self) -> list[str]:
        return [failure for sender in self.senders.values() for failure in sender.failures]

    def refused(self) -> int:
        return sum(sender.refused for sender in self.senders.values())

    def end(self) -> None:
        for sender in self.senders.values():
            sender.end()
