"""Old times: rows in every month since 2000, beside normal load."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests
from endpoints import BY_PATH, request_item
from ops_load import Load, until
from wire import TIMEOUT_S, Client

NOW = datetime.now(UTC)
#: One time in each month from January 2000 to the last one.
MONTHS = [
    f"{year}-{month:02}-15T12:30:15Z"
    for year in range(2000, NOW.year + 1)
    for month in range(1, 13)
    if (year, month) < (NOW.year, NOW.month)
]


def lag(server: Any) -> float:
    metrics = requests.get(f"{server.url}/metrics", timeout=TIMEOUT_S).text
    found = re.search(r"^headrace_loader_lag_seconds (\S+)$", metrics, re.MULTILINE)
    assert found is not None
    return float(found[1])


def partitions(server: Any) -> dict[str, set[str]]:
    """Partitions of points and requests by table, as their folders are named."""
    found: dict[str, set[str]] = {"points": set(), "requests": set()}
    for table, names in found.items():
        folder = server.data / "store" / "data" / "headrace" / table
        names |= {path.name.partition("_")[0] for path in folder.iterdir() if re.fullmatch(r"\d+(_\d+)+", path.name)}
    return found


def times(client: Client, path: str, table: str) -> list[str]:
    """The times of all rows, to the second, page by page."""
    found: list[str] = []
    cursor = None
    while True:
        page = client.api(path, limit=200, **({"cursor": cursor} if cursor else {}))
        found += [f"{row['ts'][:19]}Z" for row in page[table]]
        cursor = page["next"]
        if cursor is None:
            return found


def test_a_row_in_every_month_since_2000(make_server: Callable[..., Any]) -> None:
    server = make_server().start()
    client, busy = Client(server, "old"), Client(server, "busy")
    load = Load(busy, 2, "load")
    until(lambda: load.total() > 50, "some load")
    items = [{"stat": "old", "value": 1, "type": "value", "timestamp": moment} for moment in MONTHS]
    assert BY_PATH["/v1/ingest/batch"].post(client, {"items": items}).status_code == 202
    for first in range(0, len(MONTHS), 100):
        chunk = MONTHS[first : first + 100]
        events = [{"type": "event", "name": "old", "ts": moment} for moment in chunk]
        assert BY_PATH["/api/v1/events"].post(client, {"events": events}).status_code == 202
        body = {"requests": [request_item("old", timestamp=moment) for moment in chunk]}
        assert BY_PATH["/ingest/v1/http-requests"].post(client, body).status_code == 202
    until(lambda: client.points().get("stat:old:value", 0) == len(MONTHS), "the old points")
    until(lambda: lag(server) < 2, "the loader to catch up")
    until(lambda: len(times(client, "/requests", "requests")) == len(MONTHS), "the old requests")
    load.stop()
    load.assert_kept()
    assert client.points() == {
        "stat:old:value": len(MONTHS),
        "canaryhub:old:counter": len(MONTHS),
    }
    for table in ("events", "requests"):
        assert times(client, f"/{table}", table) == sorted(MONTHS, reverse=True)
    received = {f"{moment.year}{moment.month:02}" for moment in (NOW, datetime.now(UTC))}
    held = partitions(server)
    assert held["points"] == {str(year) for year in range(2000, NOW.year + 1)}
    assert held["requests"]
    assert held["requests"] <= received
    assert server.stop() == 0
