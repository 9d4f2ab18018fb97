"""Opening, migrating, and what other connections and threads see."""

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from headrace.catalog import Catalog, CatalogError, keys, meta, sqlite_url, tables
from headrace.catalog.db import newest_revision
from headrace.catalog.projects import ProjectRow

#: For what the other engine does not have.
only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_migrations_from_empty_make_the_tables_the_code_uses(new_url: str) -> None:
    catalog = Catalog.open(new_url)
    with catalog.read() as conn:
        assert compare_metadata(MigrationContext.configure(conn), tables.metadata) == []
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == newest_revision()
    catalog.close()


@only_sqlite
def test_migrations_make_the_partial_indexes_that_the_code_uses(catalog: Catalog) -> None:
    """``compare_metadata`` does not look at their conditions."""
    with catalog.read() as conn:
        found = {
            row.name: row.sql.replace("\n", "")
            for row in conn.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'"
            )
        }
    own = ("by_name", "own_names", "by_classic_key", "by_embed_key", "in_trash")
    assert set(found) == {f"stats_{name}" for name in own}
    for index in tables.stats.indexes:
        condition = str(index.dialect_options["sqlite"]["where"])
        assert found[index.name].endswith(f"WHERE {condition}")


def test_what_a_new_instance_gets_once_stays(url: str) -> None:
    seen = []
    for _ in range(2):
        catalog = Catalog.open(url)
        with catalog.read() as conn:
            seen.append((meta.instance_id(conn), meta.instance_secret(conn), meta.key_epoch(conn)))
        catalog.close()
    assert seen[0] == seen[1]
    assert len(seen[0][1]) == 32
    assert len(seen[0][0]) == 36


@only_sqlite
def test_sqlite_is_durable_private_and_holds_references(catalog: Catalog, tmp_path: Path) -> None:
    for transaction in (catalog.read, catalog.write):
        with transaction() as conn:
            values = [conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")]
            assert values == ["wal", 2]
    assert stat.S_IMODE((tmp_path / "catalog.db").stat().st_mode) == 0o600
    with pytest.raises(IntegrityError), catalog.write() as conn:
        _add_key(conn, "k", project=77)


def test_a_newer_schema_is_refused_in_one_line(url: str) -> None:
    catalog = Catalog.open(url)
    with catalog.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    catalog.close()
    with pytest.raises(CatalogError) as refused:
        Catalog.open(url)
    text = str(refused.value)
    assert "9999" in text
    assert newest_revision() in text
    assert "\n" not in text


def _folder(path: Path) -> str:
    path.mkdir()
    return sqlite_url(path)


def _not_a_database(path: Path) -> str:
    path.write_bytes(b"no database " * 100)
    return sqlite_url(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda path: "sqlite://", "file", id="in memory"),
        pytest.param(lambda path: "sqlite:///:memory:", "file", id="in memory, by name"),
        pytest.param(lambda path: "mysql://host/name", "SQLite or PostgreSQL", id="another engine"),
        pytest.param(lambda path: "catalog.db", "URL", id="no URL"),
        pytest.param(lambda path: sqlite_url(path / "missing" / "c.db"), "No such file", id="missing folder"),
        pytest.param(_folder, "directory", id="a folder"),
        pytest.param(_not_a_database, "not a database", id="another file"),
    ],
)
def test_what_cannot_be_opened_says_why_in_one_line(tmp_path: Path, make, says: str) -> None:
    with pytest.raises(CatalogError) as refused:
        Catalog.open(make(tmp_path / "c.db"))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_failed_transaction_leaves_nothing_and_reading_never_writes(catalog: Catalog) -> None:
    def fail_half_way() -> None:
        with catalog.write() as conn:
            meta.put_setup_token(conn, b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with catalog.read() as conn:
        meta.put_setup_token(conn, b"y")
    with catalog.read() as conn:
        assert conn.execute(sa.select(tables.meta.c.setup_sha256)).scalar_one() is None


@only_sqlite
def test_data_version_moves_when_anyone_commits(catalog: Catalog, url: str, tmp_path: Path) -> None:
    versions = [catalog.data_version()]
    assert catalog.data_version() == versions[0]

    with catalog.write() as conn:
        meta.bump_key_epoch(conn)
    versions.append(catalog.data_version())

    second = Catalog.open(url)
    with second.write() as conn:
        meta.bump_key_epoch(conn)
    second.close()
    versions.append(catalog.data_version())

    other = sqlite3.connect(tmp_path / "catalog.db")
    other.execute("UPDATE meta SET key_epoch = key_epoch + 1")
    before_commit = catalog.data_version()
    other.commit()
    other.close()
    versions.append(catalog.data_version())

    assert before_commit == versions[-2]
    assert len(set(versions)) == 4
    assert catalog.is_sqlite


def test_the_key_epoch_tells_of_changes_in_any_process(catalog: Catalog, url: str) -> None:
    before = catalog.data_version()
    other = Catalog.open(url)
    with other.write() as conn:
        meta.bump_key_epoch(conn)
        if not catalog.is_sqlite:
            assert catalog.data_version() == before
    other.close()
    assert catalog.data_version() > before


def test_writers_wait_for_each_other_and_lose_nothing(catalog: Catalog) -> None:
    def work() -> None:
        for _ in range(20):
            with catalog.write() as conn:
                epoch = meta.key_epoch(conn)  # read, then write: safe only when the lock is taken first
                conn.execute(sa.update(tables.meta).values(key_epoch=epoch + 1))

    with catalog.read() as conn:
        before = meta.key_epoch(conn)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with catalog.read() as conn:
        assert meta.key_epoch(conn) == before + 40


@only_sqlite
def test_closing_gives_every_file_back(url: str, tmp_path: Path) -> None:
    catalog = Catalog.open(url)
    catalog.close()
    catalog.close()
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.db"]


def test_project_numbers_are_never_reused(catalog: Catalog, project: ProjectRow) -> None:
    from headrace.catalog import projects

    with catalog.write() as conn:
        second = projects.add(conn, project_id="p2", slug="two", name="Two", account_id="a", at=1)
        conn.execute(sa.delete(tables.projects).where(tables.projects.c.id == "p2"))
        third = projects.add(conn, project_id="p3", slug="three", name="Three", account_id="a", at=1)
    assert (project.number, second.number, third.number) == (1, 2, 3)


def _add_key(conn: sa.Connection, key_id: str, project: int) -> None:
    keys.add(
        conn,
        key_id=key_id,
        account_id="a",
        project=project,
        reach="project",
        kind="key",
        style="headrace",
        name="",
        scopes=frozenset(("write",)),
        secret_sha256=key_id.encode(),
        shown="",
        at=1,
    )
