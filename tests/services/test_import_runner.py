"""The thread that runs imports: what passes is waited for, what does not ends one import and not those behind it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from wire import TIMEOUT_S

from headrace.api.imports import runner as module
from headrace.api.imports.keeping import Rooms
from headrace.api.imports.runner import Runner
from headrace.api.imports.source import SourceFailed
from headrace.api.imports.uploads import Uploads
from headrace.api.services import imports
from headrace.store import StoreUnavailable

TOKEN = "the-secret-token"


@pytest.fixture
def engine() -> str:
    return "sqlite"


def begin(house: Any, project: str | int) -> None:
    actor = house.owner if project == "shop" else house.stranger
    imports.begin(house.context, actor, project=project, token=TOKEN, base_url="https://a.example", options={})


def run(
    house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *outcomes: Exception | None, private: bool = False
) -> list[int]:
    """Runs what waits, each try of a job with the next of ``outcomes``; gives the projects in the order of the tries."""
    tries: list[int] = []
    left = list(outcomes)

    class FakeJob:
        def __init__(self, _rooms: Rooms, row: Any, _source: Any) -> None:
            self.row = row

        def run(self) -> None:
            tries.append(self.row.project)
            if (error := left.pop(0)) is not None:
                raise error
            with house.context.catalog.write() as conn:
                module.imports.step(conn, self.row, status="completed", token="")

    monkeypatch.setattr(module, "Job", FakeJob)
    monkeypatch.setattr(module, "TROUBLE_S", 0.01)
    rooms = Rooms(house.context.catalog, lambda: pytest.fail("no store"), lambda *_: [], house.context.now)
    runner = Runner(rooms, Uploads(tmp_path, 0), private=private)
    runner.start()
    deadline = time.monotonic() + TIMEOUT_S
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
    while house_waits(house) and not left and time.monotonic() < deadline:
        time.sleep(0.01)
    runner.stop()
    assert not left
    return tries


def house_waits(house: Any) -> bool:
    with house.context.catalog.read() as conn:
        return bool(module.imports.waiting(conn))


def status(house: Any) -> tuple[str, str | None]:
    found = imports.status(house.context, house.owner, project="shop")
    return found.status, found.error


def test_what_passes_is_tried_again(house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(house, "shop")
    number = house.project.number
    assert (
        run(house, tmp_path, monkeypatch, StoreUnavailable("away"), RuntimeError("the journal is full"), None)
        == [number] * 3
    )
    assert status(house) == ("completed", None)


@pytest.mark.parametrize(
    ("error", "told"), [(SourceFailed("no export"), "no export"), (KeyError(TOKEN), "internal error")]
)
def test_what_fails_ends_alone(
    house: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    told: str,
) -> None:
    begin(house, "shop")
    house.clock.now += 1
    begin(house, house.foreign.number)
    assert run(house, tmp_path, monkeypatch, error, None) == [house.project.number, house.foreign.number]
    assert status(house) == ("failed", told)
    assert imports.status(house.context, house.stranger, project=house.foreign.number).status == "completed"
    assert TOKEN not in caplog.text
    with house.context.catalog.read() as conn:
        row = module.imports.load(conn, house.project.number)
    assert row is not None
    assert (row.token, row.finished_at) == ("", house.clock.now)
    begin(house, "shop")  # what has ended may begin again


def test_a_token_is_sealed_and_an_address_looked_at_again(
    house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(house, "shop")
    with house.context.catalog.write() as conn:
        row = module.imports.load(conn, house.project.number)
        assert row is not None
        assert TOKEN not in row.token
        module.imports.step(conn, row, base_url="http://a.example")
    run(house, tmp_path, monkeypatch)
    assert status(house)[0] == "failed"
    assert "https" in str(status(house)[1])
