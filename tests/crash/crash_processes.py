"""The processes of the crash tests: the compiler of the shim, the launcher, the servers that it forks."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: Seconds until what should have happened long ago counts as a failure: as long as a server may take to start.
PATIENCE_S = 120.0


def build_shim(folder: Path) -> Path:
    """Compiles the shim. Fails, rather than passing over the tests that need it, when there is no compiler."""
    library = folder / "faults.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(library)]
    done = subprocess.run([*command, str(HERE / "shim" / "faults.c"), "-ldl"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


class Launcher:
    """The process that forks the servers, one after the other."""

    def __init__(self, env: dict[str, str]) -> None:
        # Unbuffered: whether a line waits is asked of the pipe itself.
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "launch.py")],
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._child: Child | None = None

    def start(self, server: Any) -> Child:
        command = [str(server.log), "serve", "--data", str(server.data), "--port", str(server.port)]
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._child = Child(self._process.stdout)
        return self._child

    def close(self) -> None:
        """Ends it, and a server that has not ended by itself."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGKILL)
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._process.stdout.close()


class Child:
    """A forked server, as much of a ``Popen`` as the fixtures' ``Server`` needs."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines
        self._pid = int(lines.readline())
        self.returncode: int | None = None

    def poll(self, timeout: float = 0) -> int | None:
        if self.returncode is None and select.select([self._lines], [], [], timeout)[0]:
            self.returncode = int(self._lines.readline())
        return self.returncode

    def wait(self, timeout: float) -> int:
        code = self.poll(timeout)
        assert code is not None, f"the server has not ended within {timeout:g} s"
        return code

    def send_signal(self, number: int) -> None:
        os.kill(self._pid, number)
