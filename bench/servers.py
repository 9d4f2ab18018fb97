"""The servers under measurement: Headrace, VictoriaMetrics, InfluxDB, each a process with an empty folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

READY_S = 60.0
#: The account that Headrace is set up with.
EMAIL, PASSWORD = "bench@example.test", "bench bench bench"


class Server:
    """A running server: ``url``, the process id, and for Headrace a key without limits and the project's id."""

    def __init__(self, name: str, url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.name = name
        self.url = url
        self.process = process
        self.folder = folder
        self.key = ""
        self.project = ""
        self.ready_s = 0.0

    def memory_mb(self) -> float:
        """Resident memory, MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1000
        return 0.0

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"Bearer {self.key}"} if self.key else {}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            body: bytes = answer.read()
            return body

    def metric(self, name: str) -> float:
        """Sum of a Prometheus metric over its labels."""
        total = 0.0
        for line in self.get("/metrics").decode().splitlines():
            if line.startswith(name) and line[len(name)] in " {":
                total += float(line.rsplit(" ", 1)[1])
        return total


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError(f"{url} does not answer")


@contextmanager
def _running(
    name: str, command: list[str], url: str, ready: str, folder: Path, env: dict[str, str]
) -> Iterator[Server]:
    started = time.monotonic()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **env})
    server = Server(name, url, process, folder)
    try:
        _wait(url + ready, process)
        server.ready_s = time.monotonic() - started
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def headrace(data: Path | None = None, **env: str) -> Iterator[Server]:
    """Headrace with one project and one key; ``data``: an existing folder to go on with."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as root:
        folder = Path(root)
        data = data or folder / "data"
        base = [sys.executable, "-m", "headrace"]
        made: dict[str, Any] = {}
        if not (data / "catalog.db").exists():
            init = [
                *base,
                "init",
                "--data",
                str(data),
                "--email",
                EMAIL,
                "--password",
                PASSWORD,
                "--json",
            ]
            made = json.loads(subprocess.run(init, check=True, capture_output=True).stdout)
        project = (
            made["project"]["id"] if made else json.loads(_run(base, "project", "list", "--json", data=data))[0]["id"]
        )
        key = json.loads(
            _run(
                base,
                "key",
                "create",
                "--project",
                project,
                "--scope",
                "write",
                "--scope",
                "read",
                "--no-rate-limit",
                "--json",
                data=data,
            )
        )["key"]
        port = _port()
        command = [*base, "serve", "--data", str(data), "--port", str(port)]
        with _running("headrace", command, f"http://127.0.0.1:{port}", "/readyz", folder, env) as server:
            server.key, server.project = key, project
            yield server


def _run(base: list[str], *args: str, data: Path) -> bytes:
    return subprocess.run([*base, *args, "--data", str(data)], check=True, capture_output=True).stdout


@contextmanager
def victoria() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="victoria-bench-") as root:
        port = _port()
        command = [
            shutil.which("victoria-metrics") or "victoria-metrics",
            f"-storageDataPath={root}/data",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=12",
        ]
        with _running("victoriametrics", command, f"http://127.0.0.1:{port}", "/health", Path(root), {}) as server:
            yield server


@contextmanager
def influx() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="influx-bench-") as root:
        port = _port()
        config = Path(root) / "influxdb.conf"
        config.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{_port()}"\n'
            f'[meta]\ndir = "{root}/meta"\n[data]\ndir = "{root}/data"\nwal-dir = "{root}/wal"\n'
            f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n[logging]\nlevel = "error"\n'
        )
        command = [shutil.which("influxd") or "influxd", "-config", str(config)]
        with _running("influxdb", command, f"http://127.0.0.1:{port}", "/ping", Path(root), {}) as server:
            made = urllib.request.Request(f"{server.url}/query?q=CREATE%20DATABASE%20bench", method="POST")
            urllib.request.urlopen(made, timeout=10).close()
            yield server


def installed(name: str) -> bool:
    return shutil.which(name) is not None
