"""A real server process for tests that talk HTTP, and what they need around it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck
from hypothesis import settings as examples
from postgres import Postgres, running
from wire import TIMEOUT_S

from headrace.cli.control import Control

# A busy machine makes an example in seconds: that is no finding about what is tested.
examples.register_profile("headrace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("headrace")

#: Where servers listen, and seconds until one that starts has to, or one that is told to stop has ended: a busy machine takes ten
#: times as long as an idle one.
PORTS, START_S, STOP_S = (10_000, 32_000), 120.0, 60.0
#: For commands, seconds.
COMMAND_S = 120.0
#: Of its own: with the seed that the tests share, processes side by side would choose the same ports.
_random = random.SystemRandom()

EMAIL, PASSWORD = "owner@example.test", "correct horse battery"


def free_port() -> int:
    """A port below those that the system gives to clients: none of theirs takes it before the server does."""
    while True:
        port = _random.randrange(*PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(check: Callable[[], Any], timeout_s: float = TIMEOUT_S, what: str = "it") -> Any:
    """Polls ``check`` until it gives something true, which is returned; fails after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(0.02)


class Server:
    """One ``headrace serve`` process on a folder of its own. ``wrapper`` goes before the command (a tracer, a shim)."""

    free_port = staticmethod(free_port)

    def __init__(self, data: Path, *, env: dict[str, str] | None = None, wrapper: tuple[str, ...] = ()) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = {**os.environ, "PYTHONWARNINGS": "default", **(env or {})}
        self._wrapper = wrapper
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data.parent / f"{data.name}.log"
        self._account = ""

    def init(self) -> dict[str, Any]:
        """Makes the owner's account, the first project and its first key; gives what the command prints."""
        return self.cli("init", "--email", EMAIL, "--password", PASSWORD, "--project", "First", "--json")

    def start(self, *flags: str, wait: bool = True) -> Server:
        command = [
            sys.executable,
            "-m",
            "headrace",
            "serve",
            "--data",
            str(self.data),
            *(() if "--listen" in flags else ("--port", str(self.port))),
            *flags,
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*self._wrapper, *command], env=self._env, stdout=log, stderr=log)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                pytest.fail(f"the server ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")
            try:
                return requests.get(self.url + "/readyz", timeout=5).status_code == 200
            except (requests.ConnectionError, requests.Timeout):
                return False

        wait_until(ready, START_S, what="/readyz")

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(STOP_S)
        self.process = None
        return code

    def cli(self, *args: str, code: int = 0) -> Any:
        """Runs a command on the folder, which must end with ``code``; gives its JSON (``--json``) or its text."""
        command = [sys.executable, "-m", "headrace", *args, "--data", str(self.data)]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=COMMAND_S)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if "--json" in args else done.stdout

    def call(self, op: str, **args: Any) -> Any:
        """An operation through the control socket, without the cost of a process."""
        control = Control.connect(self.data)
        assert control is not None, "no server answers on the control socket"
        try:
            return control.call(op, args)
        finally:
            control.close()

    def project(self, name: str) -> str:
        """Makes a project; gives its id."""
        return self.call("project.create", name=name)["id"]

    def key(self, project: str, **options: Any) -> str:
        """Makes a key; gives its secret."""
        return self.call("key.create", project=project, **options)["key"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of the suite's own."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def server_class() -> type[Server]:
    """For tests that start servers in ways of their own."""
    return Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that most tests share; each makes projects of its own in it."""
    shared = Server(tmp_path_factory.mktemp("server") / "data")
    shared.init()
    shared.start()
    yield shared
    assert shared.stop() == 0, shared.log.read_text()[-4000:]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, initialised but not started."""
    own = Server(tmp_path / "data")
    own.init()
    yield own
    if own.process is not None:
        own.kill()
