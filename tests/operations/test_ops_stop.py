"""Stops: nothing acknowledged is lost, the exit code is 0, and no client or query holds the server back for long."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests
from endpoints import BY_PATH
from ops_load import Load, names_held, send_all, until
from wire import TIMEOUT_S, Client, Connection, bearer, request_bytes

SLOW_READS = Path(__file__).parent / "ops_slow_reads.py"
#: A stop takes a few seconds when something holds it back; without bounds it took minutes.
BOUND_S = 50.0
#: The owner that ``Server.init`` makes.
EMAIL, PASSWORD = "owner@example.test", "correct horse battery"


def end(server: Any, number: int) -> None:
    """Asks the server to stop, by any signal, and expects it to end well."""
    server.process.send_signal(number)
    started = time.monotonic()
    assert server.process.wait(TIMEOUT_S) == 0
    assert time.monotonic() - started < BOUND_S
    server.process = None


def test_stops_under_load_lose_nothing(make_server: Callable[..., Any]) -> None:
    server = make_server().start()
    client = Client(server, "load")
    loads = []
    for number in (signal.SIGTERM, signal.SIGINT):
        load = Load(client, 4, f"{number.name}.")
        until(lambda load=load: load.total() > 150, "some load")
        end(server, number)
        load.stop()
        loads.append(load)
        server.start()
    for load in loads:
        assert load.statuses <= {202, 503}
        load.assert_kept()
    person = requests.Session()
    form = {"email": EMAIL, "password": PASSWORD}
    assert person.post(f"{server.url}/app/sign-in", form, allow_redirects=False, timeout=TIMEOUT_S).status_code == 303
    slug = next(one["slug"] for one in server.call("project.list") if one["id"] == client.project)
    with person.get(f"{server.url}/app/p/{slug}/live", stream=True, timeout=TIMEOUT_S) as feed:
        said = feed.iter_content(None)
        assert next(said).startswith(b"retry: ")
        # A second request to stop, while the first is under way, does not spoil it.
        server.process.send_signal(signal.SIGTERM)
        # The feed is told to end: one that is broken off in the middle fails here.
        assert b"ended" not in b"".join(said)
        end(server, signal.SIGTERM)


def test_neither_clients_nor_queries_hold_a_stop_back(make_server: Callable[..., Any], tmp_path: Path) -> None:
    """Not clients that never finish what they send, and not queries that take a minute."""
    flag = tmp_path / "slow"
    server = make_server(wrapper=(sys.executable, str(SLOW_READS)), env={"SLOW_READS": str(flag)}).start()
    client = Client(server, "half")
    endpoint = BY_PATH["/v1/ingest"]
    whole = request_bytes("POST", endpoint.path, endpoint.header(client.key), endpoint.body(client, "whole"))
    half = request_bytes("POST", endpoint.path, endpoint.header(client.key), b'{"stat":"half",', length=1000)
    api = request_bytes("POST", "/api/headrace/series", bearer(client.key), b"{", length=1000)
    answers: list[int] = []

    def read(path: str) -> None:
        try:
            answers.append(client.call("GET", path).status_code)
        except requests.RequestException:
            answers.append(0)

    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server)) for _ in range(5)]
        for connection, data in zip(connections, (b"", b"POST /v1/ing", whole[:-3], half, api), strict=True):
            connection.send(data)
        send_all(client, "beside")
        connections[2].send(whole[-3:])
        reply = connections[2].reply()
        assert reply is not None
        assert reply.status == 202
        server.process.send_signal(signal.SIGHUP)  # changes nothing
        send_all(client, "after SIGHUP")
        held = names_held(client)
        assert {"point stat:whole:counter", "event logister beside", "event logister after SIGHUP"} <= set(held)
        assert not [name for name in held if "half" in name]
        stat = client.call("GET", "/v1/stats").json()["stats"][0]["id"]
        flag.touch()
        paths = ("/api/headrace/events", f"/v1/stats/{stat}/data")
        readers = [threading.Thread(target=read, args=(path,)) for path in paths]
        for reader in readers:
            reader.start()
        until(lambda: server.log.read_text().count("slow read") >= len(paths), "the queries to run")
        end(server, signal.SIGTERM)
        # The client that was cut off in the middle of its body is told to come back: nothing of it was stored.
        reply = connections[3].reply()
        assert reply is None or reply.status == 503
        for reader in readers:
            reader.join(TIMEOUT_S)
    assert len(answers) == len(paths)
    assert 200 not in answers


def test_a_stop_during_the_start(make_server: Callable[..., Any]) -> None:
    server = make_server()
    server.start(wait=False)
    # The lock is taken first of all that is opened.
    until((server.data / "headrace.lock").exists, "the start")
    end(server, signal.SIGTERM)
