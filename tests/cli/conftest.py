"""A data folder, and the command line run inside the test's own process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cli_owner import EMAIL, PASSWORD

from headrace.cli.main import run


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEADRACE_DATA", "HEADRACE_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def headrace(data: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a command on ``data``."""

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run([*arguments, "--data", str(data)])
        return Ran(code, *capsys.readouterr())

    return command


@pytest.fixture
def made(headrace: Callable[..., Ran]) -> dict[str, Any]:
    """What ``init`` made in ``data``."""
    return headrace("init", "--email", EMAIL, "--password", PASSWORD, "--project", "First", "--json").json
