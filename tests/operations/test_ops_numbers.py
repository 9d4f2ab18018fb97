"""Segment numbers when the clock or the journal is not what it was: no number is used twice in one catalog."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from headrace import app
from headrace.app import House
from headrace.catalog import Catalog, dead_letters, progress
from headrace.settings import load_settings

NOW_US = 1_790_000_000_000_000
NOW_MS = NOW_US // 1000


@pytest.fixture
def open_house(initialised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], House]:
    """Opens catalog and journal of one folder, as a start at the given time (µs) does."""
    data = tmp_path / "data"
    data.mkdir()
    with (
        closing(sqlite3.connect(initialised / "catalog.db")) as source,
        closing(sqlite3.connect(data / "catalog.db")) as copy,
    ):
        source.backup(copy)

    def open_(now_us: int) -> House:
        monkeypatch.setattr(app, "clock", lambda: now_us)
        settings = load_settings({"data": str(data)}, {})
        house = House(settings, Catalog.open(settings.catalog_url), None)
        house._open_journal(data)
        return house

    return open_


def write_and_project(house: House, segments: int) -> int:
    """Has ``segments`` segments written and projected; gives the number of the last one."""

    async def write() -> None:
        for _ in range(segments):
            batch = house.journal.batch(1, 4)
            batch.add_rows("points", 2026, b"[1]\n", 1)
            await batch.done
            house.journal.seal()

    asyncio.run(write())
    last = house.journal.segment - 1
    with house.catalog.write() as conn:
        progress.set(conn, house.journal.uuid, last)
    return last


@pytest.mark.parametrize("clock_us", [NOW_US, NOW_US - 10**15, 10**15, 1], ids=["right", "back", "1970s", "zero"])
def test_a_new_journal_begins_above_all_that_were(open_house: Callable[[int], House], clock_us: int) -> None:
    house = open_house(NOW_US)
    assert house.journal.segment == NOW_MS
    last = write_and_project(house, 3)
    assert last == NOW_MS + 2
    uuid, folder = house.journal.uuid, house.settings.data
    house.close()
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    house = open_house(clock_us)
    assert house.journal.uuid != uuid
    assert house.journal.segment == last + 1
    house.close()


def test_a_clock_set_forward_leaves_a_gap(open_house: Callable[[int], House]) -> None:
    house = open_house(NOW_US)
    last = write_and_project(house, 1)
    house.close()
    house = open_house(NOW_US + 10**12)  # an old journal goes on where it was
    assert house.journal.segment == last + 1
    house.close()


def test_a_rescued_journal_carries_on_where_the_damaged_one_was(open_house: Callable[[int], House]) -> None:
    """What the catalog learned of its segments, and which rows are dead letters, is known under the new name."""
    house = open_house(NOW_US)
    last = write_and_project(house, 2)
    with house.catalog.write() as conn:
        dead_letters.add(
            conn,
            journal=house.journal.uuid,
            segment=last,
            table="points",
            partition="2026",
            row_index=0,
            project=1,
            row="[1]",
            reason="no",
            at=NOW_US,
        )
    old, path = house.journal.uuid, house.journal.path
    house.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE stats (no' WHERE name = 'stats'")
    house = open_house(NOW_US - 10**15)
    new = house.journal.uuid
    assert new != old
    assert house.journal.segment == last + 1
    with house.catalog.read() as conn:
        assert progress.get(conn, new) == last
        assert dead_letters.indexes(conn, new) == {(last, "points", 2026): {0}}
        assert dead_letters.indexes(conn, old) == {}
    house.close()
    assert open_house(NOW_US).journal.uuid == new
