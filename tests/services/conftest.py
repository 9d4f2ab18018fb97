import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from headrace.api.services import OPERATOR, Actor, Context, setup
from headrace.api.services import projects as project_service
from headrace.api.services.projects import ProjectInfo
from headrace.api.services.setup import SetUp
from headrace.catalog import Catalog, accounts, sqlite_url
from headrace.catalog.accounts import AccountRow
from headrace.catalog.stats import StatRow

NOW = 1_790_000_000_000_000


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class House(NamedTuple):
    """An instance with an owner and their project, and another account with its own."""

    context: Context
    clock: Clock
    pending: list[StatRow]
    first: SetUp
    owner: Actor
    stranger: Actor
    foreign: ProjectInfo

    @property
    def project(self) -> ProjectInfo:
        return self.first.project


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Context]:
    """A context on an instance without an account."""
    catalog = Catalog.open(sqlite_url(tmp_path / "catalog.db"))
    yield Context(catalog, Clock())
    catalog.close()


@pytest.fixture(scope="session")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SetUp, ProjectInfo]:
    """The file of an instance that was set up once: hashing a password for every test would take most of the time."""
    path = tmp_path_factory.mktemp("template") / "catalog.db"
    catalog = Catalog.open(sqlite_url(path))
    context = Context(catalog, Clock())
    first = setup.init(context, email="owner@example.org", password="correct horse", project="Shop")
    with catalog.write() as conn:
        accounts.add(conn, AccountRow("stranger", "s@example.org", "s", "hash", "member", NOW))
    foreign = project_service.create(context, OPERATOR, name="Foreign", account="s@example.org")
    catalog.close()
    return path, first, foreign


@pytest.fixture
def house(tmp_path: Path, set_up: tuple[Path, SetUp, ProjectInfo]) -> Iterator[House]:
    template, first, foreign = set_up
    shutil.copyfile(template, tmp_path / "catalog.db")
    catalog, clock, pending = Catalog.open(sqlite_url(tmp_path / "catalog.db")), Clock(), []
    context = Context(catalog, clock, pending=lambda number: [row for row in pending if row.project == number])
    yield House(context, clock, pending, first, Actor(first.account.id), Actor("stranger"), foreign)
    catalog.close()
