"""Servers on folders of their own, some of them on a small file system that fills up or breaks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ops_disk import Disk

FAULTS = Path(__file__).parent.parent / "crash" / "shim" / "faults.c"


@pytest.fixture(scope="session")
def initialised(server_class: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an account and a project, to be copied: making one costs a second."""
    template = server_class(tmp_path_factory.mktemp("template") / "data")
    template.init()
    return template.data


@pytest.fixture
def make_server(server_class: Any, initialised: Path, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes servers that are not started yet, on a copy of the initialised folder (``data``: where). None may stumble."""
    made: list[Any] = []

    def make(data: Path | None = None, **options: Any) -> Any:
        data = data or tmp_path / f"data{len(made)}"
        shutil.copytree(initialised, data)
        server = server_class(data, **options)
        server.log = tmp_path / f"server{len(made)}.log"
        made.append(server)
        return server

    yield make
    for server in made:
        if server.process is not None:
            server.kill()
        assert not server.log.exists() or "Traceback" not in server.log.read_text(), server.log.read_text()[-4000:]


@pytest.fixture
def free_port(server_class: Any) -> int:
    port: int = server_class.free_port()
    return port


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    """A tmpfs of 64 MiB."""
    with Disk.tmpfs(tmp_path / "disk", 64) as disk:
        yield disk


@pytest.fixture
def breaking_disk(tmp_path: Path) -> Iterator[Disk]:
    """An ext4 file system in a file, which :meth:`Disk.abort` makes read-only for good, as an input/output error does."""
    with Disk.ext4(tmp_path / "disk", tmp_path / "disk.img", 96) as disk:
        yield disk


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes system calls of a server fail."""
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(FAULTS), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library
