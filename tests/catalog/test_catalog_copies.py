"""Daily copies of the catalog: whole, beside writers, as many as wanted, and never a broken one in a good one's place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from headrace.catalog import Catalog, copies, meta
from headrace.catalog.db import newest_revision

DAY = date(2026, 11, 21)


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def path(catalog: Catalog, tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "backups"
    assert not list((tmp_path / "backups").glob("catalog.draft*"))


def make(path: Path, folder: Path, day: date = DAY, *, keep: int = 7, min_free: int = 0) -> Path | None:
    return copies.make(path, folder, day, keep=keep, min_free_bytes=min_free)


def epoch(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        number: int = db.execute("SELECT key_epoch FROM meta").fetchone()[0]
    return number


def test_a_copy_a_day_of_what_is_committed(catalog: Catalog, path: Path, folder: Path) -> None:
    with catalog.write() as conn:
        meta.bump_key_epoch(conn)
    committed = epoch(path)
    with catalog.write() as conn:
        meta.bump_key_epoch(conn)
        made = make(path, folder)
        assert make(path, folder) is None
    assert made == folder / "catalog-20261121.db"
    assert copies.look_at(made) == (newest_revision(), "")
    assert epoch(made) == committed
    assert epoch(path) == committed + 1
    assert [file.name for file in folder.iterdir()] == [made.name]
    assert folder.stat().st_mode & 0o077 == 0
    assert copies.day_of(made) == "2026-11-21"


@pytest.mark.parametrize("keep", [1, 2, 7])
def test_the_oldest_go(path: Path, folder: Path, keep: int) -> None:
    days = [DAY + timedelta(number) for number in range(-2, keep - 1)]
    for day in days:
        make(path, folder, day, keep=keep)
    (folder / "mine.db").touch()
    assert [copies.day_of(copy) for copy in copies.copies(folder)] == [day.isoformat() for day in reversed(days[1:])]
    assert (folder / "mine.db").exists()


def test_no_copy_of_a_broken_catalog_pushes_a_good_one_out(path: Path, folder: Path, catalog: Catalog) -> None:
    good = make(path, folder)
    catalog.close()
    data = bytearray(path.read_bytes())
    data[3 * 4096 : 4 * 4096] = b"\xff" * 4096
    path.write_bytes(data)
    assert copies.look_at(path).trouble
    with pytest.raises(sqlite3.DatabaseError):
        make(path, folder, DAY + timedelta(1), keep=1)
    assert copies.copies(folder) == [good]


def test_no_copy_where_ingest_needs_the_room(path: Path, folder: Path) -> None:
    with pytest.raises(OSError, match="too little room"):
        make(path, folder, min_free=1 << 60)
    assert copies.copies(folder) == []


def test_the_newest_sound_one_is_chosen(path: Path, folder: Path) -> None:
    assert copies.newest_sound(folder) is None
    good = make(path, folder)
    later = make(path, folder, DAY + timedelta(1))
    assert later is not None
    assert copies.newest_sound(folder) == later
    later.write_bytes(b"not a database\n" * 100)
    (folder / "catalog-20261123.db").mkdir()
    assert copies.newest_sound(folder) == good


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/c.db", Path("/var/c.db")),
        ("sqlite://", None),
        ("postgresql://host/name", None),
        ("no url", None),
    ],
)
def test_which_catalog_is_a_file(url: str, path: Path | None) -> None:
    assert copies.sqlite_path(url) == path
