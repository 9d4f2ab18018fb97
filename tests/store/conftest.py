"""One store for all tests of this folder: the embedded engine holds one path per process."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from file_place import Importing
from pages_place import US, Place
from sqlalchemy import update
from store_rows import START, line_of, numbers, resolved, row_of

from headrace.api.services import Actor, Context
from headrace.catalog import Catalog, accounts, projects, sqlite_url, tables
from headrace.catalog.accounts import AccountRow
from headrace.records.encode import partition_of
from headrace.records.points import encode_points
from headrace.records.tables import TABLES
from headrace.store import PointRecords, Store


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store-tests")


@pytest.fixture(scope="session")
def store(folder: Path) -> Iterator[Store]:
    opened = Store.open("chdb", folder=folder, clock=lambda: START / 1000)
    yield opened
    opened.close()


@pytest.fixture
def project() -> int:
    return next(numbers)


@pytest.fixture
def batch() -> int:
    return next(numbers)


@pytest.fixture
def put(store: Store) -> Callable[..., None]:
    """Stores points (stat, ts in ms, value) of a project as the loader does."""

    def put(project: int, points: Sequence[tuple[int, int, float]], batch: int | None = None) -> None:
        number = batch or next(numbers)
        for records, rows in encode_points(project, resolved((*point, 0) for point in points)).values():
            store.insert("points", PointRecords(records, number), rows, str(uuid4()))

    return put


@pytest.fixture
def put_rows(store: Store) -> Callable[..., list[UUID]]:
    """Stores rows of a table, each given as a dict of what matters, and gives their ids, if they have any."""

    def put_rows(table: str, project: int, rows: Sequence[dict[str, Any]]) -> list[UUID]:
        full = [row_of(table, project, **row) for row in rows]
        number = next(numbers)
        months: dict[int, list[bytes]] = {}
        for row in full:
            months.setdefault(partition_of(TABLES[table], row), []).append(line_of(table, row, number))
        for lines in months.values():
            store.insert(table, b"".join(lines), len(lines), str(uuid4()))
        return [row[TABLES[table].position("id")] for row in full] if "id" in TABLES[table].names else []

    return put_rows


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "catalog.db"
    catalog = Catalog.open(sqlite_url(path))
    with catalog.write() as conn:
        for who in ("ann", "bob"):
            accounts.add(conn, AccountRow(who, f"{who}@example.org", who, "hash", "member", 1))
    catalog.close()
    return path.read_bytes()


@pytest.fixture
def place(tmp_path, empty_catalog, store):
    path = tmp_path / "catalog.db"
    path.write_bytes(empty_catalog)
    catalog = Catalog.open(sqlite_url(path))
    found = []
    with catalog.write() as conn:
        for who in ("ann", "bob"):
            # Numbers are shared by all tests of this store.
            conn.execute(update(tables.meta).values(last_project=next(numbers)))
            row = projects.add(conn, project_id=f"p-{who}", slug=who, name=who, account_id=who, at=1)
            found.append(row.number)
            while next(numbers) < row.number:
                pass
    yield Place(Context(catalog, lambda: US), store, Actor("ann"), found[0], Actor("bob"), found[1])
    catalog.close()


@pytest.fixture
def into(place: Place, tmp_path: Path) -> Importing:
    """Ann's project, into which files are imported."""
    return Importing(place, tmp_path)
