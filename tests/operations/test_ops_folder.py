"""One folder, one server: what a second one, commands beside it and a killed one's leavings meet."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops_load import names_held, send_all
from wire import TIMEOUT_S, Client


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "headrace", *args], capture_output=True, text=True, timeout=TIMEOUT_S)


def test_a_second_server_and_commands_beside_the_first(make_server: Callable[..., Any], free_port: int) -> None:
    server = make_server().start()
    client = Client(server, "folder")
    send_all(client, "kept")
    second = run("serve", "--data", str(server.data), "--port", str(free_port))
    assert second.returncode == 1
    assert second.stdout == ""
    line = f"headrace: another Headrace process (pid {server.process.pid}) is using {server.data}\n"
    assert second.stderr == line
    # The first has not noticed, and serves commands: this one reads the store, which one process alone can open.
    names_held(client)
    events = server.cli("events", "--project", client.project, "--json")
    assert any(row["message"] == "kept" for row in events)
    server.kill()
    assert {"headrace.lock", "control.sock"} <= {path.name for path in server.data.iterdir()}
    # Nobody answers on the socket that was left: commands open the folder themselves, and a server starts.
    assert any(row["name"] == "folder" for row in server.cli("project", "list", "--json"))
    server.start()
    assert names_held(client)["event logister kept"] == 1
    assert server.stop() == 0


def test_an_address_that_is_taken(make_server: Callable[..., Any]) -> None:
    server = make_server()
    with socket.create_server(("127.0.0.1", server.port)):
        refused = run("serve", "--data", str(server.data), "--port", str(server.port))
    assert refused.returncode == 1
    assert refused.stderr == f"headrace: cannot listen on 127.0.0.1:{server.port}: Address already in use\n"


def test_a_folder_that_cannot_be_written(make_server: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run("serve", "--data", str(tmp_path / "file" / "data"))
    assert refused.returncode == 1
    assert refused.stderr == f"headrace: {tmp_path / 'file' / 'data'}: Not a directory\n"
