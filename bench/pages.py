"""How long pages take with much in the store: 10,000 stats and a week of events of three dialects."""

from __future__ import annotations

import http.client
import json
import random
import time
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from bench.load import percentile
from bench.servers import EMAIL, PASSWORD, Server

STATS = 10_000
DAYS = 7
#: Items of a StatFlow batch, and records of the other dialects' batches.
ITEMS, RECORDS = 1_000, 100
#: Times that each page is asked for.
ROUNDS = 60
_WORDS = ("order", "basket", "payment", "refund", "shipment", "customer", "invoice", "search")


class Took(NamedTuple):
    """A page's times in ms, and the bytes of it as HTML, unpacked and packed."""

    page: str
    p50: float
    p95: float
    size: int
    packed: int


class Connection:
    """One connection to the server, with the key or a session."""

    def __init__(self, server: Server) -> None:
        host, port = urllib.parse.urlsplit(server.url).netloc.split(":")
        self._http = http.client.HTTPConnection(host, int(port), timeout=60)
        self._headers = {"Authorization": f"Bearer {server.key}"}

    def post(self, path: str, body: object) -> None:
        """Sends records, a list of them line by line. Raises ``RuntimeError`` when they are refused."""
        lines = isinstance(body, list)
        text = "\n".join(json.dumps(one) for one in body) if isinstance(body, list) else json.dumps(body)
        kind = {"Content-Type": "application/x-ndjson" if lines else "application/json"}
        self._http.request("POST", path, text, self._headers | kind)
        answer = self._http.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {said[:200]!r}")

    def sign_in(self) -> None:
        form = urllib.parse.urlencode({"email": EMAIL, "password": PASSWORD})
        self._http.request("POST", "/app/sign-in", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = self._http.getresponse()
        answer.read()
        cookie = answer.getheader("Set-Cookie", "").partition(";")[0]
        if answer.status != 303 or not cookie:
            raise RuntimeError(f"signing in: {answer.status}")
        self._headers = {"Cookie": cookie}

    def get(self, path: str, packed: bool = False) -> bytes:
        """A page. Raises ``RuntimeError`` unless it is one."""
        self._http.request("GET", path, headers={**self._headers, **({"Accept-Encoding": "gzip"} if packed else {})})
        answer = self._http.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return body


def fill(server: Server, points: int, events: int) -> None:
    """Sends ``points`` points and ``events`` records over a week and waits until all are in the store."""
    connection = Connection(server)
    until = datetime.now(UTC).replace(microsecond=0)
    for path, body in (*_points(points, until), *_records(events, until)):
        connection.post(path, body)
    while server.metric("headrace_journal_rows"):
        time.sleep(0.1)


def measure(server: Server) -> list[Took]:
    """Every page of the project, one after the other, as a signed-in person gets it."""
    connection = Connection(server)
    connection.sign_in()
    project = json.loads(connection.get("/app/projects.json"))["projects"][0]["project"]["slug"]
    base = f"/app/p/{project}"
    stats = [one["id"] for one in json.loads(connection.get(f"{base}/stats.json?limit=100"))["stats"]]
    record = json.loads(connection.get(f"{base}/activity.json"))["records"][0]["id"]
    more = "&".join(f"more={one}" for one in stats[1:10])
    paths = {
        "overview, 24 h": f"{base}/overview",
        "overview, 7 days": f"{base}/overview?range=7d",
        "stats by name": f"{base}/stats",
        "stats, a part of the name": f"{base}/stats?q=77",
        "stats, latest point first, 7 days": f"{base}/stats?order=last&range=7d",
        "chart of one, 24 h": f"{base}/stats/{stats[0]}",
        "chart of ten beside the week before": f"{base}/stats/{stats[0]}?{more}&range=7d&compare=1",
        "activity, 24 h": f"{base}/activity",
        "activity, errors of 7 days": f"{base}/activity?type=error&range=7d",
        "activity, a rare text in 24 h": f"{base}/activity?q=nothing+like+it",
        "one record": f"{base}/activity/{record}",
        "keys": f"{base}/keys",
        "projects": "/app/projects",
        "server": "/app/server",
    }
    return [_measure(connection, name, path) for name, path in paths.items()]


def _measure(connection: Connection, name: str, path: str) -> Took:
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        page = connection.get(path)
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    return Took(name, percentile(took, 50), percentile(took, 95), len(page), len(connection.get(path, packed=True)))


def _points(count: int, until: datetime) -> Iterator[tuple[str, object]]:
    """Each stat in turn, so that all of them reach over the whole week."""
    turns = max(1, count // STATS)
    step = timedelta(days=DAYS) / turns
    for turn in range(turns):
        at = (until - step * (turns - turn)).isoformat()
        for first in range(0, STATS, ITEMS):
            items = [
                {"stat": f"host{n // 20:03}.metric{n:05}", "value": round(50 + (n * turn % 97) / 7, 2), "type": "value", "timestamp": at}
                for n in range(first, first + ITEMS)
            ]  # fmt: skip
            yield "/v1/ingest/batch", {"items": items}


def _records(count: int, until: datetime) -> Iterator[tuple[str, object]]:
    """Half of them Logister's, a quarter each CanaryHub's events and SeeStack's requests."""
    chance = random.Random(5)
    turns = max(1, count // (4 * RECORDS))
    step = timedelta(days=DAYS) / turns
    for turn in range(turns):
        at = (until - step * (turns - turn)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for _ in range(2):
            yield "/api/v1/ingest_events/batch", [{"event": _logged(chance, at)} for _ in range(RECORDS)]
        canary = [
            {"type": "event", "name": f"{chance.choice(_WORDS)} {n % 20}", "value": n, "ts": at} for n in range(RECORDS)
        ]
        yield "/api/v1/events", {"events": canary}
        yield "/ingest/v1/http-requests", {"requests": [_request(chance, at) for _ in range(RECORDS)]}


def _logged(chance: random.Random, at: str) -> dict[str, object]:
    message = f"{chance.choice(_WORDS)} {chance.randrange(10**6)} was taken up by {chance.choice(_WORDS)} {chance.randrange(10**4)}"
    return {
        "uuid": str(uuid4()),
        "event_type": chance.choice(("log", "log", "log", "error", "transaction")),
        "level": chance.choice(("info", "info", "warn", "error")),
        "message": message,
        "occurred_at": at,
        "context": {"environment": chance.choice(("production", "staging")), "release": "1.4.2", "user_id": str(chance.randrange(500))},
    }  # fmt: skip


def _request(chance: random.Random, at: str) -> dict[str, object]:
    return {
        "traceId": f"{chance.getrandbits(128):032x}",
        "direction": "inbound",
        "method": chance.choice(("GET", "POST")),
        "host": "shop.example",
        "path": f"/{chance.choice(_WORDS)}/{chance.randrange(1_000)}",
        "statusCode": chance.choice((200, 200, 200, 404, 500)),
        "durationMs": chance.randrange(2, 900),
        "requestSize": 0,
        "responseSize": 5120,
        "timestamp": at,
    }
