"""One folder, on which a server dies again and again, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_processes import build_shim
from crash_rig import Rig, opened


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="module")
def shared_rig(server_class: Any, shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with opened(server_class, tmp_path_factory.mktemp("crash"), shim) as rig:
        yield rig


@pytest.fixture
def rig(shared_rig: Rig) -> Rig:
    """The shared rig with a server that runs and nothing armed."""
    return shared_rig.alive()
