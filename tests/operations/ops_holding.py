"""What a data folder holds, asked in a process of its own: the embedded engine holds one path per process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from wire import TIMEOUT_S

SCRIPT = Path(__file__).parent / "ops_held.py"


def held(server: Any, *numbers: str) -> dict[str, Any]:
    """With no server on the folder."""
    command = [sys.executable, str(SCRIPT), str(server.data), *numbers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
