from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.catalog import Catalog, accounts, projects, sqlite_url
from headrace.catalog.accounts import AccountRow
from headrace.catalog.projects import ProjectRow


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A catalog of the test's own: no file yet, or a database with the newest schema."""
    if engine == "sqlite":
        return sqlite_url(tmp_path / "catalog.db")
    made: str = request.getfixturevalue("postgres").filled("catalog", lambda new: Catalog.open(new).close()).url
    return made


@pytest.fixture
def new_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where there is no schema yet."""
    if engine == "sqlite":
        yield sqlite_url(tmp_path / "catalog.db")
        return
    with request.getfixturevalue("postgres").new() as made:
        yield made


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    opened = Catalog.open(url)
    yield opened
    opened.close()


@pytest.fixture
def project(catalog: Catalog) -> ProjectRow:
    """Project 1 of account ``a``, live."""
    with catalog.write() as conn:
        accounts.add(conn, AccountRow("a", "a@example.org", "a", "hash", "owner", 1))
        return projects.add(conn, project_id="p1", slug="one", name="One", account_id="a", at=1)
