"""A store that does not start: ingest goes on, the journal grows, and drains once the store is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from endpoints import MAIN
from ops_load import SHOWS_LIMITS, assert_unavailable, names_held, readiness, send_all, until
from wire import TIMEOUT_S, Client, assert_form

#: Holds a store as a process that is no Headrace does, until its input ends.
HOLD = """
import sys
from pathlib import Path
from headrace.store import Store
store = Store.open("chdb://" + sys.argv[1], folder=Path(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
store.close()
"""


def journal_rows(server: Any) -> float:
    metrics = requests.get(f"{server.url}/metrics", timeout=TIMEOUT_S).text
    found = re.search(r"^headrace_journal_rows (\S+)$", metrics, re.MULTILINE)
    assert found is not None
    return float(found[1])


def assert_waiting(server: Any, client: Client) -> None:
    """Records are accepted and wait; what needs the store says so."""
    before = journal_rows(server)
    send_all(client, "waiting")
    assert journal_rows(server) > before
    until(
        lambda: any("cannot open the store" in line for line in readiness(server)[2]), "readiness to tell of the store"
    )
    assert readiness(server)[:2] == (200, [])
    read = client.call("GET", "/api/headrace/events")
    assert read.status_code == 503
    assert_form("headrace", read)
    health = requests.get(f"{server.url}/health/clickhouse", timeout=TIMEOUT_S)
    assert (health.status_code, health.json()["status"]) == (503, "unavailable")
    stats = {row["name"] for row in client.call("GET", "/v1/stats").json()["stats"]}
    assert "waiting" in stats


def assert_drained(server: Any, client: Client) -> None:
    until(lambda: journal_rows(server) == 0, "the journal to drain")
    held = names_held(client)
    assert set(held.values()) == {1}
    assert {
        "event logister waiting",
        "event canaryhub waiting",
        "request /waiting",
        "point stat:waiting:counter",
    } <= set(held)
    until(lambda: readiness(server) == (200, [], []), "readiness to say that all is well again")


def test_another_process_holds_the_store(make_server: Callable[..., Any], tmp_path: Path) -> None:
    """Once it ends the loader's thread opens the store: no restart."""
    server = make_server()
    command = [sys.executable, "-c", HOLD, str(server.data / "store"), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        server.start()
        client = Client(server, "held")
        assert_waiting(server, client)
        holder.communicate("", timeout=TIMEOUT_S)
    assert_drained(server, client)
    assert server.stop() == 0


def test_a_broken_store_repaired_between_two_starts(make_server: Callable[..., Any]) -> None:
    """A damaged table definition keeps the engine from starting, as often as it is tried."""
    server = make_server().start()
    client = Client(server, "broken")
    send_all(client, "before")
    names_held(client)
    assert server.stop() == 0
    (definition,) = (path for path in (server.data / "store").rglob("points.sql") if path.is_file())
    sound = definition.read_bytes()
    definition.write_bytes(b"no SQL\0" * 20)
    server.start()
    assert_waiting(server, client)
    assert server.stop() == 0  # nothing could be loaded: the journal keeps it
    definition.write_bytes(sound)
    server.start()
    assert_drained(server, client)
    assert server.stop() == 0


def test_a_journal_at_its_cap(make_server: Callable[..., Any]) -> None:
    """With a server as the store that refuses connections. Every dialect says when to come back, those that show limits show them."""
    journal_cap = {"HEADRACE_JOURNAL_MAX_BYTES": "1MiB"}
    server = make_server(env={**journal_cap, "HEADRACE_STORE_URL": "http://127.0.0.1:9/headrace"}).start()
    client = Client(server, "cap")
    assert_waiting(server, client)
    items = [{"stat": "bulk", "value": index, "type": "value"} for index in range(1000)]
    accepted = 0
    for size in (1000, 10, 1):  # until not even one point finds room
        while (answer := client.call("POST", "/v1/ingest/batch", json={"items": items[:size]})).status_code == 202:
            accepted += size
        assert answer.status_code == 503
    assert accepted > 5000
    # With a key whose limits count.
    limited = client.make_key(scopes=["write"])
    for endpoint in MAIN:
        answer = endpoint.post(client, key=limited, name="refused")
        assert_unavailable(endpoint, answer)
        shown = {name.lower() for name in answer.headers if name.lower().startswith("x-ratelimit")}
        assert bool(shown) == (endpoint.dialect.name in SHOWS_LIMITS), endpoint.path
    assert client.call("GET", "/v1/stats").status_code == 200
    assert server.stop() == 0
    server._env["HEADRACE_STORE_URL"] = f"chdb://{server.data / 'store'}"
    server.start()
    until(lambda: journal_rows(server) == 0, "the journal to drain")
    held = names_held(client)
    assert held.pop("point stat:bulk:value") == accepted
    assert set(held.values()) == {1}
    assert not [name for name in held if "refused" in name]
    send_all(client, "after")
    assert server.stop() == 0
