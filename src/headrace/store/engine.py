"""The engine's settings that exactly-once rests on, and what an opened store is brought to."""

from __future__ import annotations

from typing import Any, Final

from headrace.records.tables import TABLES
from headrace.store import schema
from headrace.store.errors import StoreUnavailable

#: What cuts an insert into blocks, fixed here and asserted at start: the least block is far above the largest insert.
BLOCK_SETTINGS: Final = {
    "max_insert_block_size": 1_048_449,
    "min_insert_block_size_rows": 1_048_449,
    "min_insert_block_size_bytes": 268_402_944,
    "input_format_parallel_parsing": 0,
}
INSERT_SETTINGS: Final = {
    **BLOCK_SETTINGS,
    "async_insert": 0,
    "input_format_null_as_default": 0,
    "precise_float_parsing": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "materialized_views_ignore_errors": 0,
}

#: How unequal parts of the raw tables must be to be left alone; 5 unless said otherwise. Merging parts cost more than inserting
#: them: 0.38 ms per 1,000 points at 5, 0.23 at 10, with 14 active parts instead of 7 after 60 inserts of 200,000 rows; 16 against 9 µs
#: an error of SeeStack after 30 inserts of 4,000.
MERGE_BASE: Final = 10


def apply_merge_base(client: Any) -> None:
    """Parts of raw tables are merged less often, where the engine lets that be set. Charts read rollups, which have few rows."""
    rows = client.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        f"AND position(engine_full, 'merge_selector_base = {MERGE_BASE}') = 0 "
        "AND (SELECT count() FROM system.merge_tree_settings WHERE name = 'merge_selector_base') > 0"
    ).result_rows
    for (name,) in rows:
        if name in TABLES:
            client.command(f"ALTER TABLE {name} MODIFY SETTING merge_selector_base = {MERGE_BASE}")


def apply_value_codec(client: Any, codec: schema.ValueCodec) -> None:
    """New parts of points and rollups pack their values with ``codec``."""
    wanted = f"CODEC({schema.VALUE_CODECS[codec]})"
    rows = client.query(
        "SELECT compression_codec FROM system.columns "
        "WHERE database = currentDatabase() AND table = 'points' AND name = 'value'"
    ).result_rows
    if rows[0][0] == wanted:
        return
    for statement in schema.value_codec_statements(codec):
        client.command(statement, settings={"allow_experimental_codecs": 1})


def assert_block_settings(client: Any) -> None:
    """Raises :class:`StoreUnavailable` when the engine would cut inserts elsewhere."""
    settings = ", ".join(f"{name} = {value}" for name, value in BLOCK_SETTINGS.items())
    names = ", ".join(f"'{name}'" for name in BLOCK_SETTINGS)
    rows = client.query(
        f"SELECT name, value FROM system.settings WHERE name IN ({names}) SETTINGS {settings}"
    ).result_rows
    held = {name: int(value) for name, value in rows}
    if held != BLOCK_SETTINGS:
        raise StoreUnavailable(
            "the store's engine does not keep the insert block settings: exactly-once would not hold"
        )
