"""The measurements, one function each; every one gives rows for the table and the JSON file."""

from __future__ import annotations

import json
import statistics
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from bench import bodies, claims, load, storage
from bench import pages as web_pages
from bench.load import closed, open_loop, percentile
from bench.servers import Server, headrace, influx, installed, victoria

#: More Logister batches than a server takes in a second on one machine with its load.
BATCHES_PER_S = 600


class Row(NamedTuple):
    """One figure. ``ratio``: against ``beside`` in the same run; ``goal`` as the project sets it, "" where it sets none."""

    section: str
    name: str
    value: float
    unit: str
    beside: str = ""
    ratio: float | None = None
    goal: str = ""


class Options(NamedTuple):
    seconds: float
    rounds: int
    sustained_s: float
    points: int
    claims: int
    events: int


def _headers(server: Server) -> dict[str, str]:
    return {**bodies.JSON, "Authorization": f"Bearer {server.key}"}


@contextmanager
def _all() -> Iterator[dict[str, Server]]:
    """Headrace and whichever rivals are installed, running side by side so that every round meets the same machine."""
    with ExitStack() as stack:
        running = {"headrace": stack.enter_context(headrace())}
        if installed("victoria-metrics"):
            running["victoriametrics"] = stack.enter_context(victoria())
        if installed("influxd"):
            running["influxdb"] = stack.enter_context(influx())
        yield running


def _medians(rounds: int, cases: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Each case once per round, in turn."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            found[name].append(case())
    return found


def _rival_ratio(found: dict[str, list[float]], ours: str, rival: str, records: int) -> float | None:
    if rival not in found:
        return None
    return statistics.median(a / b for a, b in zip(found[ours], found[rival], strict=True)) * records


def singles(options: Options) -> list[Row]:
    """Single posts on 64 connections: per dialect, beside the rivals' single points."""
    with _all() as servers:
        ours = servers["headrace"]
        cases: dict[str, Callable[[], float]] = {}
        for name, (path, body, script) in bodies.singles(ours.project).items():
            cases[name] = lambda path=path, body=body, script=script: _rate(ours, path, body, options, script)  # type: ignore[misc]
        if "victoriametrics" in servers:
            vm = servers["victoriametrics"]
            cases["victoriametrics"] = lambda: _rate(vm, "/api/v1/import", bodies.victoria_lines(1), options)
            cases["victoriametrics influx"] = lambda: _rate(vm, "/write", bodies.influx_lines(1), options)
        if "influxdb" in servers:
            cases["influxdb"] = lambda: _rate(servers["influxdb"], "/write?db=bench", bodies.influx_lines(1), options)
        found = _medians(options.rounds, cases)
    rows = [Row("singles", name, statistics.median(values), "posts/s") for name, values in found.items()]
    for rival, goal in (("victoriametrics", "≥ 0.5"), ("influxdb", "≥ 1.0")):
        ratio = _rival_ratio(found, "statflow", rival, 1)
        if ratio is not None:
            rows.append(Row("singles", "statflow durable posts", ratio, "times", rival, ratio, goal))
    return rows


def _rate(server: Server, path: str, body: str, options: Options, script: str = "", connections: int = 64) -> float:
    headers = _headers(server) if server.key else {}
    result = closed(server.url + path, body, headers, seconds=options.seconds, script=script, connections=connections)
    if result.errors:
        raise RuntimeError(f"{server.name} refused {result.errors} posts to {path}")
    return result.per_s


def batches(options: Options) -> list[Row]:
    """Batches on 16 connections, in records per second, beside the rivals' batches of 1,000 points."""
    with _all() as servers:
        ours = servers["headrace"]
        cases: dict[str, Callable[[], float]] = {}
        for name, (path, body, records) in bodies.batches().items():
            cases[name] = lambda path=path, body=body, records=records: (  # type: ignore[misc]
                _rate(ours, path, body, options, connections=16) * records
            )
        cases["logister 100 events, gzip"] = lambda: _logister_batches(ours, options)
        if "victoriametrics" in servers:
            vm, lines = servers["victoriametrics"], bodies.victoria_lines(1_000)
            cases["victoriametrics"] = lambda: _rate(vm, "/api/v1/import", lines, options, connections=16) * 1_000
        if "influxdb" in servers:
            flux, other = servers["influxdb"], bodies.influx_lines(1_000)
            cases["influxdb"] = lambda: _rate(flux, "/write?db=bench", other, options, connections=16) * 1_000
        found = _medians(options.rounds, cases)
    rows = [Row("batches", name, statistics.median(values), "records/s") for name, values in found.items()]
    for rival, goal in (("victoriametrics", "≥ 1.0"), ("influxdb", "")):
        ratio = _rival_ratio(found, "statflow 1,000 points", rival, 1)
        if ratio is not None:
            rows.append(Row("batches", "1,000-point batches", ratio, "times", rival, ratio, goal))
    return rows


def _logister_batches(server: Server, options: Options) -> float:
    """Events per second. Enough bodies that none is sent twice: a replay would cost less."""
    with bodies.logister_batches(int(BATCHES_PER_S * options.seconds)) as script:
        return _rate(server, "/api/v1/ingest_events/batch", "", options, script, connections=16) * 100


def latency(options: Options) -> list[Row]:
    """Acknowledgement at 1,000 single posts a second."""
    with headrace() as server:
        headers = _headers(server)
        body = b'{"stat":"page.views","value":1,"type":"counter"}'
        result = open_loop(server.url + "/v1/ingest", lambda _: body, headers, per_s=1_000, seconds=options.seconds * 2)
    return _latency_rows("latency", "statflow at 1,000/s", result)


def _latency_rows(section: str, name: str, result: load.Open) -> list[Row]:
    if result.errors:
        raise RuntimeError(f"{result.errors} of {result.sent} posts were refused")
    return [
        Row(section, f"{name}, p50", result.p50, "ms"),
        Row(section, f"{name}, p99", result.p99, "ms", goal="< 25"),
        Row(section, f"{name}, worst", result.worst, "ms"),
    ]


def held_claims(options: Options) -> list[Row]:
    """Acknowledgement of new Logister events at 1,000 a second with many claims held."""
    with claims.folder(options.claims) as data, headrace(data) as server:
        headers = _headers(server)

        def body(_: int) -> bytes:
            event = {"uuid": str(uuid.uuid4()), "event_type": "log", "level": "info", "message": "order placed"}
            return json.dumps({"event": event}).encode()

        memory = server.memory_mb()
        result = open_loop(
            server.url + "/api/v1/ingest_events", body, headers, per_s=1_000, seconds=options.seconds * 2
        )
    rows = _latency_rows("claims", f"logister at 1,000/s, {options.claims:,} claims held", result)
    return [
        *rows,
        Row("claims", "start to ready", server.ready_s, "s", goal="≤ 3"),
        Row("claims", "memory", memory, "MB"),
    ]


def readable(_options: Options) -> list[Row]:
    """From acknowledgement to the point's value in an answer."""
    with headrace() as server:
        took = []
        for number in range(20):
            _post(server, "/v1/ingest", {"stat": f"probe.{number}", "value": 1, "type": "counter"})
            acknowledged = time.perf_counter()
            while not _value(server, f"probe.{number}"):
                time.sleep(0.005)
            took.append((time.perf_counter() - acknowledged) * 1000)
            time.sleep(0.05)
    took.sort()
    return [
        Row("readable", "acknowledged to readable, p50", percentile(took, 50), "ms"),
        Row("readable", "acknowledged to readable, worst of 20", took[-1], "ms", goal="≤ 1,000"),
    ]


def _post(server: Server, path: str, body: Any) -> None:
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), _headers(server))
    urllib.request.urlopen(request, timeout=30).close()


def _value(server: Server, stat: str) -> float:
    points = json.loads(server.get(f"/v1/stats/{stat}/data?from=-1h&resolution=1h"))["points"]
    return float(sum(point["value"] or 0 for point in points))


def sustained(options: Options) -> list[Row]:
    """1,000-point batches without a pause: acknowledged and readable, the loader's lag all the while."""
    with headrace() as server:
        idle = server.memory_mb()
        lags: list[float] = []
        memory: list[float] = []
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.5):
                lags.append(server.metric("headrace_loader_lag_seconds"))
                memory.append(server.memory_mb())

        watcher = threading.Thread(target=watch)
        watcher.start()
        started = time.perf_counter()
        body = bodies.points(1_000)
        result = closed(
            server.url + "/v1/ingest/batch", body, _headers(server), seconds=options.sustained_s, connections=16
        )
        acknowledged_s = time.perf_counter() - started
        over.set()
        watcher.join()
        points = result.per_s * 1_000 * options.sustained_s
        while server.metric("headrace_journal_rows") and time.perf_counter() - started < acknowledged_s + 60:
            time.sleep(0.05)
        loaded = server.metric("headrace_rows_loaded_total")
        drained_s = time.perf_counter() - started
    return [
        Row(
            "sustained",
            f"points acknowledged, {options.sustained_s:g} s",
            points / options.sustained_s,
            "points/s",
            goal="≥ 300,000",
        ),
        Row("sustained", "points in the store, drain included", loaded / drained_s, "points/s"),
        Row("sustained", "loader lag, worst", max(lags), "s", goal="< 2"),
        Row("sustained", "memory idle", idle, "MB", goal="≤ 300"),
        Row("sustained", "memory loaded, worst", max(memory), "MB"),
        Row("sustained", "start to ready", server.ready_s, "s", goal="≤ 3"),
    ]


def queries(options: Options) -> list[Row]:
    """A 24 h chart of one stat at 1 min, through HTTP, among many points."""
    with headrace() as server:
        stats = 1_000
        each = max(1, options.points // stats)
        until = datetime.now(UTC).replace(microsecond=0)
        step = timedelta(days=1) / each
        for number in range(each):
            at = (until - step * (each - number)).isoformat()
            items = [
                {"stat": f"s{n}", "value": round(50 + (n * number % 97) / 7, 2), "type": "value", "timestamp": at}
                for n in range(stats)
            ]
            _post(server, "/v1/ingest/batch", {"items": items})
        while server.metric("headrace_journal_rows"):
            time.sleep(0.1)
        rows = []
        for name, path in {
            "24 h of one stat at 1 min": "/v1/stats/s{n}/data?from=-24h&resolution=1m",
            "1 h of one stat, raw": "/v1/stats/s{n}/data?from=-1h&resolution=raw",
            "stat list, first 100": "/v1/stats?limit=100",
        }.items():
            took = []
            for number in range(200):
                started = time.perf_counter()
                server.get(path.replace("{n}", str(number % stats)))
                took.append((time.perf_counter() - started) * 1000)
            took.sort()
            goal = "< 50" if name.startswith("24 h") else ""
            rows += [
                Row("queries", f"{name}, p50", percentile(took, 50), "ms"),
                Row("queries", f"{name}, p95", percentile(took, 95), "ms", goal=goal),
            ]
        memory = server.memory_mb()
    return [
        Row("queries", "points stored", each * stats, "points"),
        *rows,
        Row("queries", "memory after", memory, "MB"),
    ]


def pages(options: Options) -> list[Row]:
    """Every page of a project with many stats, points and events, as HTML, for somebody who is signed in."""
    with headrace() as server:
        web_pages.fill(server, options.points, options.events)
        found = web_pages.measure(server)
        memory = server.memory_mb()
    rows = [
        Row("pages", "points stored", options.points, "points"),
        Row("pages", "events stored", options.events, "events"),
    ]
    for took in found:
        rows += [
            Row("pages", f"{took.page}, p50", took.p50, "ms"),
            Row("pages", f"{took.page}, p95", took.p95, "ms", goal="< 150"),
            Row("pages", f"{took.page}, packed", took.packed / 1000, "kB"),
        ]
    return [*rows, Row("pages", "memory after", memory, "MB")]


def bytes_per_point(options: Options) -> list[Row]:
    """Bytes on disk per point after merges, raw table and rollups apart."""
    count = min(options.points, 5_000_000)
    rows = []
    for kind, codec, goal in storage.KINDS:
        for table, size in storage.measure(kind, codec, count).items():
            rows.append(
                Row("storage", f"{kind} ({codec}): {table}", size, "B/point", goal=goal if table == "points" else "")
            )
    return rows


SECTIONS: dict[str, Callable[[Options], list[Row]]] = {
    "singles": singles,
    "batches": batches,
    "latency": latency,
    "readable": readable,
    "sustained": sustained,
    "queries": queries,
    "pages": pages,
    "storage": bytes_per_point,
    "claims": held_claims,
}


def write(folder: Path, rows: list[Row], about: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps({"about": about, "rows": [row._asdict() for row in rows]}, indent=1) + "\n")
    return path
