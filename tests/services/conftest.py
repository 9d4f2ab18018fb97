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


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def empty(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """A context on an instance without an account."""
    if engine == "sqlite":
        url = sqlite_url(tmp_path / "catalog.db")
    else:
        url = request.getfixturevalue("postgres").filled("catalog", lambda new: Catalog.open(new).close()).url
    catalog = Catalog.open(url)
    yield Context(catalog, Clock())
    catalog.close()


class Template(NamedTuple):
    """An instance that was set up once: hashing a password for every test would take most of the time."""

    first: SetUp
    foreign: ProjectInfo


def _set_up(url: str) -> Template:
    catalog = Catalog.open(url)
    context = Context(catalog, Clock())
    first = setup.init(context, email="owner@example.org", password="correct horse", project="Shop")
    with catalog.write() as conn:
        accounts.add(conn, AccountRow("stranger", "s@example.org", "s", "hash", "member", NOW))
    foreign = project_service.create(context, OPERATOR, name="Foreign", account="s@example.org")
    catalog.close()
    return Template(first, foreign)


@pytest.fixture(scope="session")
def in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Template]:
    path = tmp_path_factory.mktemp("template") / "catalog.db"
    return path, _set_up(sqlite_url(path))


@pytest.fixture
def house(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    if engine == "sqlite":
        path, template = request.getfixturevalue("in_sqlite")
        shutil.copyfile(path, tmp_path / "catalog.db")
        url = sqlite_url(tmp_path / "catalog.db")
    else:
        database = request.getfixturevalue("postgres").filled("services", _set_up)
        url, template = database.url, database.given
    catalog, clock, pending = Catalog.open(url), Clock(), []
    context = Context(catalog, clock, pending=lambda number: [row for row in pending if row.project == number])
    owner, stranger = Actor(template.first.account.id), Actor("stranger")
    yield House(context, clock, pending, template.first, owner, stranger, template.foreign)
    catalog.close()
