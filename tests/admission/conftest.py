"""Admission on a journal and a catalog of its own, with a clock that the test sets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from admission_room import Clock, Room

from headrace.catalog import Catalog, accounts, projects, sqlite_url
from headrace.catalog.accounts import AccountRow


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with project 1, to be copied: making one costs half a second."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.db"
    catalog = Catalog.open(sqlite_url(path))
    with catalog.write() as conn:
        accounts.add(conn, AccountRow("a", "a@example.org", "a", "hash", "owner", 1))
        projects.add(conn, project_id="p1", slug="one", name="One", account_id="a", at=1)
    catalog.close()
    return path


@pytest.fixture
def catalog(empty_catalog: Path, tmp_path: Path) -> Iterator[Catalog]:
    source, copy = sqlite3.connect(empty_catalog), sqlite3.connect(tmp_path / "catalog.db")
    source.backup(copy)
    source.close()
    copy.close()
    opened = Catalog.open(sqlite_url(tmp_path / "catalog.db"))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room(catalog: Catalog, clock: Clock, tmp_path: Path) -> Iterator[Room]:
    room = Room(catalog, clock, tmp_path)
    yield room
    room.close()
