from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.catalog import Catalog, accounts, projects, sqlite_url
from headrace.catalog.accounts import AccountRow
from headrace.catalog.projects import ProjectRow


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "catalog.db")


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
