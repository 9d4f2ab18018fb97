"""The control socket: its wire form, its file, and commands through it."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
from contextlib import contextmanager

import msgspec
import pytest
from cli_owner import EMAIL, PASSWORD
from wire import TIMEOUT_S

from headrace.app import House
from headrace.cli.control import Control, Request
from headrace.cli.control_server import ControlServer
from headrace.cli.errors import CliError
from headrace.cli.main import run
from headrace.cli.operations import OPERATIONS, run_operation
from headrace.settings import load_settings


@contextmanager
def serving(data):
    """A control server over the catalog of ``data`` alone, on a thread with a loop of its own."""
    house = House.open(load_settings({"data": str(data)}, {}), store=False)
    started, stop = threading.Event(), None
    loop = asyncio.new_event_loop()

    async def main() -> None:
        nonlocal stop
        stop = asyncio.Event()
        server = await ControlServer.start(house)
        started.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert started.wait(TIMEOUT_S)
        yield house
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(TIMEOUT_S)
        loop.close()
        house.close()
    assert not thread.is_alive()


@pytest.fixture
def data(tmp_path):
    """A folder whose socket's path is far longer than the 108 bytes of an address."""
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "data"
    assert len(str(deep)) > 108
    return deep


@pytest.fixture
def live(made, data):
    with serving(data) as house:
        yield house


def test_a_command_through_the_socket_does_what_it_does_without(headrace, live, data):
    through = headrace("project", "create", "--name", "Through", "--json").json
    listed = headrace("project", "list", "--json").json
    assert [row["name"] for row in listed] == ["First", "Through"]
    direct = run_operation(live, Request("project.list", {})).ok
    assert listed == direct
    assert through["id"] == direct[1]["id"]


def test_a_refusal_through_the_socket_is_the_same_line(headrace, live):
    refused = headrace("init", "--email", EMAIL, "--password", PASSWORD)
    assert (refused.code, refused.err) == (1, "headrace: this instance is set up already\n")


def test_the_socket_is_private_and_goes_with_the_server(made, data):
    with serving(data):
        mode = (data / "control.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not (data / "control.sock").exists()


def test_a_socket_left_behind_is_replaced_and_means_no_server(headrace, made, data):
    folder = os.open(data, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"/proc/self/fd/{folder}/control.sock")
    os.close(folder)
    assert Control.connect(data) is None
    assert headrace("project", "list").code == 0
    with serving(data):
        assert exchange(data, b'{"op":"account.list"}')[0]["ok"]


def exchange(data, *lines: bytes) -> list[dict]:
    folder = os.open(data, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(f"/proc/self/fd/{folder}/control.sock")
            connection.sendall(b"".join(line + b"\n" for line in lines))
            with connection.makefile("rb") as answers:
                return [msgspec.json.decode(answers.readline()) for _ in lines]
    finally:
        os.close(folder)


WIRE = {
    "not-json": (b"hello", "bad_request"),
    "not-an-object": (b"[]", "bad_request"),
    "unknown-field": (b'{"op":"account.list","x":1}', "bad_request"),
    "args-not-an-object": (b'{"op":"account.list","args":[]}', "bad_request"),
    "unknown-operation": (b'{"op":"frob"}', "unknown_op"),
    "refused": (b'{"op":"key.revoke","args":{"id":"x"}}', "not_found"),
    "wrong-type": (b'{"op":"key.create","args":{"project":"First","rate":"many"}}', "invalid"),
    "a-mistake": (b'{"op":"project.archive","args":{}}', "internal"),
}


@pytest.mark.parametrize(("line", "code"), WIRE.values(), ids=WIRE.keys())
def test_every_failure_is_answered_and_the_connection_goes_on(live, data, line, code):
    failed, fine = exchange(data, line, b'{"op":"account.list"}')
    assert failed["error"]["code"] == code
    assert failed["error"]["message"]
    assert fine["ok"][0]["email"] == EMAIL


def test_what_clients_say_never_stops_the_server(live, data):
    for ending in (b"", b'{"op":', b"\xff\n"):
        connection = Control.connect(data)
        connection._connection.sendall(ending)
        connection.close()
    assert exchange(data, b'{"op":"account.list"}')[0]["ok"]


def test_clients_side_by_side_each_get_their_own_answer(live, data):
    names = [f"p{number}" for number in range(8)]
    made: dict[str, str] = {}

    def create(name: str) -> None:
        control = Control.connect(data)
        made[name] = control.call("project.create", {"name": name})["name"]
        control.close()

    threads = [threading.Thread(target=create, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == {name: name for name in names}


def test_a_server_that_goes_away_is_one_line(made, data, tmp_path):
    folder = os.open(data, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{folder}/control.sock")
        listener.listen(1)
        control = Control.connect(data)
        accepted, _ = listener.accept()
        accepted.close()
        with pytest.raises(CliError, match="the server went away before it answered"):
            control.call("account.list", {})
        control.close()
    os.close(folder)


def test_operations_give_plain_data(live):
    for op in ("account.list", "project.list", "key.list", "key.refusals"):
        assert isinstance(run_operation(live, Request(op, {})).ok, list), op
    assert {"stats", "events", "tail", "store.check"} <= OPERATIONS.keys()


def test_nothing_is_created_by_asking_for_a_server(tmp_path):
    assert Control.connect(tmp_path / "missing") is None
    assert run(["account", "list", "--data", str(tmp_path / "missing")]) == 1
    assert list(tmp_path.iterdir()) == []
