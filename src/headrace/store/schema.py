"""The tables as ClickHouse statements, made from the canonical records by pure functions.

Numbers with a fraction are sent as JSON numbers but read as text into an ephemeral column, from which their own column
is computed: the engine's input formats are off by one unit in the last place for 0.4 % of two-decimal values (exact from
26.7 on), its conversion of text is not. That costs 0.1 µs a value.

``points`` is entered through ``points_in``, a table that keeps nothing and hands each block to the raw table and, by way of
``store.rollups``, to the two rollups. So any one of the three can also be filled alone, which recovery needs (a direct view on
``points`` would double a rollup when only the raw rows are missing). Each ``*_probe`` twin parses and checks rows like its
table and keeps nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from headrace.records.encode import MAX_MS, MIN_MS
from headrace.records.tables import POINTS, TABLES, Column, Kind, Table

DATABASE: Final = "headrace"

#: How the values of points and their rollups are packed. Bytes per two-decimal value: ZSTD 2.9, ALP 1.6; ALP is
#: experimental in the engine.
ValueCodec = Literal["zstd", "alp"]
VALUE_CODECS: Final[dict[ValueCodec, str]] = {"zstd": "ZSTD(1)", "alp": "ALP, ZSTD(1)"}

#: Syncs each part before an insert is reported, keeps merged sources until their merge is on disk, and guards against
#: the same token twice. Defaults here are weaker than the engine's manual says.
DURABLE: Final = (
    "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, "
    "old_parts_lifetime = 480, non_replicated_deduplication_window = 1000"
)

_TYPES: Final[dict[Kind, str]] = {
    "text": "String",
    "label": "LowCardinality(String)",
    "uuid": "UUID",
    "u8": "UInt8",
    "u16": "UInt16",
    "u32": "UInt32",
    "u64": "UInt64",
    "float": "Float64",
    "float?": "Nullable(Float64)",
    "ms": "DateTime64(3, 'UTC')",
    "us": "DateTime64(6, 'UTC')",
    "labels": "Map(LowCardinality(String), String)",
}
_PRECISION: Final[dict[Kind, int]] = {"ms": 3, "us": 6}
_FLOATS: Final[dict[Kind, str]] = {"float": "String", "float?": "Nullable(String)"}
TEXT_SUFFIX: Final = "_text"
_PARTITION: Final = {"year": "toYear(ts)", "month": "toYYYYMM(received_at)"}


class Rollup(NamedTuple):
    """A rollup of points; ``width`` is its bucket in ms."""

    name: str
    width: int


ROLLUPS: Final[tuple[Rollup, ...]] = (Rollup("points_1m", 60_000), Rollup("points_15m", 900_000))
#: See ``store.visitors``.
VISITORS: Final = "slowstats_visitors"
#: See ``store.history``.
HISTORY: Final = "history"
#: Tables that a query may read.
READABLE: Final = frozenset([*TABLES, *(rollup.name for rollup in ROLLUPS), VISITORS, HISTORY])


def rollups_of(table: str) -> tuple[str, ...]:
    """Names of the rollups that are fed from ``table``."""
    return tuple(rollup.name for rollup in ROLLUPS) if table == POINTS.name else ()


#: Everything that holds numbers of stats.
STAT_TABLES: Final = (POINTS.name, *(rollup.name for rollup in ROLLUPS), HISTORY)


def entry_of(table: str) -> str:
    """The table that rows of ``table`` are inserted into so that its rollups get them as well."""
    return f"{table}_in" if rollups_of(table) else table


def probe_of(table: str) -> str:
    """The twin of ``table`` that checks rows and keeps nothing."""
    return f"{table}_probe"


def partition_of(table: str) -> str:
    """The partition expression of a table or rollup."""
    return _PARTITION[TABLES[table].partition] if table in TABLES else _PARTITION["year"]


def create_statements(*tables: Table) -> tuple[str, ...]:
    """Everything that ``tables`` need in a database without them, in order; each statement may be repeated."""
    statements = []
    for table in tables:
        statements.append(_stored(table))
        statements.append(_keeps_nothing(table, probe_of(table.name)))
        if rollups_of(table.name):
            entry = entry_of(table.name)
            statements.append(_keeps_nothing(table, entry))
            statements.extend(_rollup(rollup) for rollup in ROLLUPS)
            statements.append(
                f"CREATE MATERIALIZED VIEW IF NOT EXISTS {table.name}_view TO {table.name}\n"
                f"AS SELECT {', '.join(table.names)} FROM {entry}"
            )
            statements.extend(
                f"CREATE MATERIALIZED VIEW IF NOT EXISTS {rollup.name}_view TO {rollup.name}\n"
                f"AS {_first_select(rollup, entry)}"
                for rollup in ROLLUPS
            )
    return tuple(statements)


def value_codec_statements(codec: ValueCodec) -> tuple[str, ...]:
    """Statements that make new parts of points and rollups use ``codec`` for their values; old parts stay readable."""
    kind = f"CODEC({VALUE_CODECS[codec]})"
    return (
        f"ALTER TABLE {POINTS.name} MODIFY COLUMN value {kind}",
        *(
            f"ALTER TABLE {rollup.name} MODIFY COLUMN {name} {kind}"
            for rollup in ROLLUPS
            for name in ("sum", "min", "max")
        ),
    )


def _first_select(rollup: Rollup, source: str) -> str:
    """The views as the first step made them; ``store.rollups`` has those that a later step put in their place."""
    ms = "toUnixTimestamp64Milli(src.ts)"
    into = f"{ms} % {rollup.width}"
    return (
        f"SELECT project, stat, fromUnixTimestamp64Milli({ms} - {into}, 'UTC') AS ts, "
        f"sum(src.value) AS sum, count() AS count, min(src.value) AS min, max(src.value) AS max, "
        f"max((toUInt32({into}), src.value)) AS last, max(src.batch) AS batch\n"
        f"FROM {source} AS src\nGROUP BY project, stat, ts"
    )


def sent_columns(table: str) -> tuple[str, ...]:
    """The columns that the values of a row of ``table`` are read into, in the row's order."""
    return tuple(_text_of(column) if column.kind in _FLOATS else column.name for column in TABLES[table].columns)


def type_of(column: Column) -> str:
    """The engine's type of a column."""
    return _TYPES[column.kind]


def _text_of(column: Column) -> str:
    return f"{column.name}{TEXT_SUFFIX}"


def _column(column: Column, codec: bool = True) -> str:
    default = ""
    before = ""
    if column.kind in _FLOATS:
        text = _text_of(column)
        number = f"ifNull(toFloat64OrNull({text}), nan)"  # what is no number becomes one that the constraint refuses
        default = f" DEFAULT {number if column.kind == 'float' else f'if(isNull({text}), NULL, {number})'}"
        before = f"    {text} {_FLOATS[column.kind]} EPHEMERAL,\n"
    packing = "Delta, ZSTD(1)" if column.kind in _PRECISION or column.name == "batch" else "ZSTD(1)"
    return f"{before}    {column.name} {_TYPES[column.kind]}{default}" + (f" CODEC({packing})" if codec else "")


def _constraint(table: Table) -> str:
    """What the engine would otherwise store without a word: null as 0, NaN, times outside what a row may carry."""
    checks = ["project > 0"]
    for column in table.columns:
        if column.kind in _PRECISION:
            low, high = (_time(ms, _PRECISION[column.kind]) for ms in (MIN_MS, MAX_MS))
            checks.append(f"{column.name} >= {low} AND {column.name} < {high}")
        elif column.kind == "float":
            checks.append(f"isFinite({column.name})")
        elif column.kind == "float?":
            checks.append(f"isFinite(ifNull({column.name}, 0))")
    return f"    CONSTRAINT sane CHECK {' AND '.join(checks)}"


def _time(ms: int, precision: int) -> str:
    text = datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"toDateTime64('{text}', {precision}, 'UTC')"


#: Recovery asks for one batch; the index makes that 40 ms in 100 M rows.
_BY_BATCH: Final = "    INDEX by_batch batch TYPE minmax GRANULARITY 1"
#: One record is opened by its id, which no sort key leads to.
_BY_ID: Final = "    INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 1"


def _stored(table: Table) -> str:
    lines = [_column(column) for column in table.columns] + [_BY_BATCH]
    if "id" in table.names:
        lines.append(_BY_ID)
    lines.append(_constraint(table))
    return (
        f"CREATE TABLE IF NOT EXISTS {table.name} (\n{_listed(lines)}\n) ENGINE = MergeTree\n"
        f"PARTITION BY {partition_of(table.name)} ORDER BY ({', '.join(table.sort_key)})\nSETTINGS {DURABLE}"
    )


def _keeps_nothing(table: Table, name: str) -> str:
    lines = [_column(column, codec=False) for column in table.columns]
    lines.append(_constraint(table))
    return f"CREATE TABLE IF NOT EXISTS {name} (\n{_listed(lines)}\n) ENGINE = Null"


def _rollup(rollup: Rollup) -> str:
    lines = [
        "    project UInt32 CODEC(ZSTD(1))",
        "    stat UInt64 CODEC(ZSTD(1))",
        "    ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))",
        "    sum SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1))",
        "    count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))",
        "    min SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1))",
        "    max SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1))",
        "    last SimpleAggregateFunction(max, Tuple(UInt32, Float64)) CODEC(ZSTD(1))",
        "    batch SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1))",
        _BY_BATCH,
    ]
    return (
        f"CREATE TABLE IF NOT EXISTS {rollup.name} (\n{_listed(lines)}\n) ENGINE = AggregatingMergeTree\n"
        f"PARTITION BY {partition_of(rollup.name)} ORDER BY (project, stat, ts)\nSETTINGS {DURABLE}"
    )


def _listed(lines: list[str]) -> str:
    return ",\n".join(lines)
