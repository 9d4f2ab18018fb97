"""How an older data folder becomes today's: numbered steps, forward only, recorded in the table ``migrations``.

A released step never changes. When ``records.tables`` changes after a release, the golden test of step 1 fails: freeze its
text, then add a step. The engine has no transactions for this, so every statement may be repeated after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from headrace.records.tables import EVENTS, POINTS, REPLAYS, REQUESTS, SPANS, TABLES, UPTIME_CHECKS
from headrace.store import grouping, history, rollups, schema, visitors
from headrace.store.errors import StoreUnavailable

Execute = Callable[[str], object]
Fetch = Callable[[str], Sequence[Sequence[Any]]]


class Migration(NamedTuple):
    number: int
    name: str
    statements: tuple[str, ...]


MIGRATIONS: Final[tuple[Migration, ...]] = (
    Migration(1, "tables", schema.create_statements(POINTS, EVENTS, REQUESTS, SPANS)),
    Migration(2, "replays", schema.create_statements(REPLAYS)),
    Migration(3, "visitors", visitors.create_statements()),
    Migration(4, "rollups of rollups", rollups.view_statements()),
    Migration(5, "history", history.create_statements()),
    Migration(6, "points by the minute", rollups.projection_statements()),
    Migration(7, "history in buckets", history.bucket_statements()),
    Migration(8, "uptime checks", schema.create_statements(UPTIME_CHECKS)),
    Migration(9, "issues", grouping.projection_statements()),
)

_LEDGER: Final = (
    "CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied_at DateTime('UTC')) "
    "ENGINE = MergeTree ORDER BY number SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
)


def migrate(execute: Execute, fetch: Fetch, now: int, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Applies every step that the ledger lacks; ``now`` in Unix seconds.

    Raises :class:`StoreUnavailable` when the store is newer than this program or does not hold the expected columns.
    """
    execute(_LEDGER)
    done = {int(row[0]) for row in fetch("SELECT number FROM migrations")}
    newest = max((migration.number for migration in migrations), default=0)
    if done and max(done) > newest:
        raise StoreUnavailable(
            f"the store was written by a newer Headrace (schema {max(done)}, this one knows {newest}): use that version"
        )
    for migration in migrations:
        if migration.number in done:
            continue
        for statement in migration.statements:
            execute(statement)
        execute(f"INSERT INTO migrations SELECT {migration.number}, '{migration.name}', fromUnixTimestamp({now})")
    _assert_columns(fetch)


def _assert_columns(fetch: Fetch) -> None:
    """Rows are sent by position: a column too few or out of place would put values into the wrong ones."""
    found: dict[str, list[str]] = {}
    for table, column in fetch(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND default_kind != 'EPHEMERAL' "
        "ORDER BY table, position"
    ):
        found.setdefault(table, []).append(column)
    for table in TABLES.values():
        for name in {table.name, schema.probe_of(table.name), schema.entry_of(table.name)}:
            if tuple(found.get(name, ())) != table.names:
                raise StoreUnavailable(f"the store's table {name} does not have the columns this Headrace writes")
