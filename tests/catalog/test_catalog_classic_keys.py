"""Classic keys of stats: made with them, and for those of a catalog that is older than they are."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from headrace.catalog import Catalog, keys, meta, projects, stats, tables
from headrace.catalog.stats import StatRow
from headrace.records.ids import CLASSIC_KEY_BYTES, classic_key

ROWS = [StatRow(number, 1, source, f"stat {number}", "counter", 7) for number, source in ((5, "stat"), (6, "logister"))]


def held(catalog: Catalog) -> dict[int, bytes | None]:
    with catalog.read() as conn:
        return {row[0]: row[1] for row in conn.execute(sa.select(tables.stats.c.stat_id, tables.stats.c.classic_key))}


def test_a_key_depends_on_instance_and_stat() -> None:
    keys_of = {(secret, stat): classic_key(secret, stat) for secret in (b"a" * 32, b"b" * 32) for stat in (1, 2)}
    assert len(set(keys_of.values())) == 4
    assert {len(key) for key in keys_of.values()} == {CLASSIC_KEY_BYTES}
    # The first half of HMAC-SHA256 over the stat's id as people see it.
    assert classic_key(b"secret", 1).hex() == "19573bc4e05f8708fe91d00b0b5a0c9d"


def test_stats_of_source_stat_have_one(catalog: Catalog) -> None:
    with catalog.write() as conn:
        stats.add_missing(conn, ROWS)
        secret = meta.instance_secret(conn)
    assert held(catalog) == {5: classic_key(secret, 5), 6: None}
    with catalog.read() as conn:
        assert stats.by_classic_key(conn, 1, classic_key(secret, 5)) == ROWS[0]
        assert stats.by_classic_key(conn, 2, classic_key(secret, 5)) is None
        assert stats.by_classic_key(conn, 1, classic_key(secret, 6)) is None


def test_an_older_catalog_gets_them(new_url: str) -> None:
    old = Catalog.open(new_url)
    with old.write() as conn:
        stats.add_missing(conn, ROWS)
        secret = meta.instance_secret(conn)
        for statement in (
            "DROP INDEX stats_by_classic_key",
            "ALTER TABLE stats DROP COLUMN classic_key",
            "ALTER TABLE projects DROP COLUMN ez",
            "ALTER TABLE projects DROP COLUMN browsers",
        ):
            conn.exec_driver_sql(statement)
        _upgrade(conn)
    assert held(old) == {5: classic_key(secret, 5), 6: None}
    with old.write() as conn:
        indexes = {index["name"] for index in sa.inspect(conn).get_indexes("stats")}
    assert "stats_by_classic_key" in indexes
    old.close()


def _upgrade(conn: sa.Connection) -> None:
    """Runs the one migration; the later ones are there already."""
    from importlib import import_module

    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    migration = import_module("headrace.catalog.migrations.versions.0002_stathat")
    with Operations.context(MigrationContext.configure(conn)):
        migration.upgrade()


@pytest.mark.parametrize("project", [1, 2])
def test_switches_are_seen_by_their_number(catalog: Catalog, project: int) -> None:
    with catalog.write() as conn:
        conn.execute(
            sa.insert(tables.accounts).values(
                id="a", email="a@example.test", name="", password_hash="", role="owner", created_at=1
            )
        )
        for number in (1, 2):
            projects.add(conn, project_id=f"p{number}", slug=f"s{number}", name="n", account_id="a", at=1)
        before = meta.key_epoch(conn)
        assert projects.load_features(conn) == {1: {"ez"}, 2: {"ez"}}
        projects.switch(conn, f"p{project}", ez=False, browsers=True)
        assert projects.load_features(conn) == {1: {"ez"}, 2: {"ez"}, project: {"browsers"}}
        assert meta.key_epoch(conn) == before + 1
        assert not keys.is_live(conn, b"unknown")
