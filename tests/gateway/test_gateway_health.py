"""Logister's health checks where something is wrong."""

from __future__ import annotations

from typing import Any

import requests
from wire import TIMEOUT_S


def test_a_server_that_can_store_nothing_says_so(full_server: Any) -> None:
    assert requests.get(full_server.url + "/up", timeout=TIMEOUT_S).json() == {"status": "up"}
    answer = requests.get(full_server.url + "/health/release", timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    # The store itself is well: what waits could be read.
    assert requests.get(full_server.url + "/health/clickhouse", timeout=TIMEOUT_S).status_code == 200
