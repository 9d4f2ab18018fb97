"""Load: closed loop with wrk, open loop (a fixed rate, whatever the server does) with a small client of our own."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


class Closed(NamedTuple):
    """Answers per second and latencies in ms; ``errors`` counts answers that are not 2xx or 3xx."""

    per_s: float
    p50: float
    p99: float
    errors: int


def closed(
    url: str, body: str, headers: dict[str, str], *, connections: int = 64, seconds: float = 5.0, script: str = ""
) -> Closed:
    """wrk with one thread. ``script``: Lua that replaces the fixed body (gets ``body`` and ``headers`` set)."""
    lines = ['wrk.method = "POST"', f"wrk.body = {_lua(body)}"]
    lines += [f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in headers.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write("\n".join([*lines, script]))
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-s", file.name, url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))  # type: ignore[union-attr]
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Closed(rate, _latency(text, "50"), _latency(text, "99"), int(errors.group(1)) if errors else 0)


def _latency(text: str, percent: str) -> float:
    found = re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s|m)", text)
    assert found is not None, text
    return float(found.group(1)) * _UNITS[found.group(2)]


def _lua(text: str) -> str:
    return json.dumps(text)


class Open(NamedTuple):
    """Latencies in ms from the moment each request was due, so a server that stalls is charged for all that wait."""

    sent: int
    errors: int
    p50: float
    p99: float
    worst: float


def open_loop(
    url: str,
    bodies: Callable[[int], bytes],
    headers: dict[str, str],
    *,
    per_s: int,
    seconds: float,
    connections: int = 64,
) -> Open:
    """``per_s`` posts a second on ``connections`` keep-alive connections; ``bodies`` gives the n-th body."""
    return asyncio.run(_open_loop(url, bodies, headers, per_s, seconds, connections))


async def _open_loop(
    url: str, bodies: Callable[[int], bytes], headers: dict[str, str], per_s: int, seconds: float, connections: int
) -> Open:
    target = urlsplit(url)
    head = f"POST {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in headers.items()
    )
    total = int(per_s * seconds)
    start = time.perf_counter() + 0.2
    took: list[float] = []
    errors = 0

    async def one(first: int) -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        for number in range(first, total, connections):
            due = start + number / per_s
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            body = bodies(number)
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
            if length is not None:
                await reader.readexactly(int(length.group(1)))
            took.append((time.perf_counter() - due) * 1000)
            errors += not answer.startswith(b"HTTP/1.1 2")
        writer.close()

    await asyncio.gather(*(one(first) for first in range(connections)))
    took.sort()
    return Open(total, errors, percentile(took, 50), percentile(took, 99), took[-1])


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
