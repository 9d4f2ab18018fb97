"""Runs PyPI ``stathat`` 0.0.2 behind the shim that it needs today, against a Headrace server: by hand, since it can only be built
with a setuptools of its time.

    python tests/clients/pypi_stathat.py http://127.0.0.1:8787 EZKEY

Needs uv. ``tests/contracts/test_stathat_http.py`` makes the same calls without it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "stathat==0.0.2"
BUILD = "setuptools<58"
SCRIPT = """
import sys, requests
request = requests.Session.request
requests.Session.request = lambda self, *args, prefetch=None, **more: request(self, *args, **more)
from stathat import StatHat
StatHat.STATHAT_URL, email = sys.argv[1:]
stats = StatHat(email)
assert stats.count("pypi count", 10) is True
assert stats.value("pypi value", 0.5) is True
print("count and value: True")
"""


def main(url: str, key: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "build.txt"
        constraints.write_text(BUILD + "\n")
        target = Path(folder) / "packages"
        uv = ["uv", "pip", "install", "--quiet", "--target", str(target), "--build-constraints", str(constraints)]
        subprocess.run([*uv, PACKAGE], check=True)
        subprocess.run([sys.executable, "-c", SCRIPT, url, key], check=True, env={"PYTHONPATH": str(target)})


if __name__ == "__main__":
    main(*sys.argv[1:])
