"""The store's front door: opening, inserting, looking for what is there, reading."""

from __future__ import annotations

import ctypes
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from headrace.records.tables import POINTS, TABLES
from headrace.store import blocks, engine, history, migrations, rollups, schema, visitors
from headrace.store import connect as connecting
from headrace.store.blocks import PointRecords
from headrace.store.connect import DEFAULT_MEMORY_BYTES, Endpoint, TemporaryFolder
from headrace.store.engine import INSERT_SETTINGS
from headrace.store.errors import StoreError, StoreUnavailable, redacted, write_error
from headrace.store.reader import DEFAULT, Budget, QueryTimes, Reader, Result, Sql

#: One insert is one block and so one atomic part. The journal cuts its segments far below (200,000 rows, 32 MiB); this is
#: where the engine would begin to cut.
MAX_INSERT_ROWS: Final = 1_000_000
MAX_INSERT_BYTES: Final = 128 << 20

_TOKEN = re.compile(r"[A-Za-z0-9:._-]{1,255}\Z")


class TableSize(NamedTuple):
    """What a table or rollup takes on disk: ``bytes`` compressed, ``parts`` active."""

    table: str
    rows: int
    bytes: int
    parts: int


class Store:
    """One open store. Writes and recovery reads (one thread, behind a lock) have a client of their own; ``query`` may be
    called from any thread. Built by :meth:`open`.
    """

    def __init__(self, place: Endpoint, temporary: TemporaryFolder, client: Any) -> None:
        self._place = place
        self._temporary = temporary
        self._client = client
        self._lock = threading.Lock()
        self._reader = Reader(lambda: connecting.connect(place, place.database))
        self._closed = False

    @classmethod
    def open(
        cls,
        url: str,
        *,
        folder: Path,
        clock: Callable[[], float] = time.time,
        max_memory_bytes: int = DEFAULT_MEMORY_BYTES,
        value_codec: schema.ValueCodec = "zstd",
    ) -> Store:
        """Opens the engine, brings the schema up to date and checks the settings that exactly-once rests on.

        ``url`` as in :func:`headrace.store.connect.endpoint`. The first call for an embedded store comes from the main
        thread, before other threads start. Raises :class:`StoreUnavailable` with one clear line; may be called again.
        """
        place = connecting.endpoint(url, folder.absolute(), max_memory_bytes)
        if place.path is not None:
            connecting.import_engine()  # first of all: once it is imported, a later try may come from any thread
        temporary = TemporaryFolder(folder.absolute())
        client = None
        try:
            if place.path is not None:
                place.path.mkdir(parents=True, exist_ok=True)
            first = connecting.connect(place)
            try:
                first.command(f"CREATE DATABASE IF NOT EXISTS {place.database}")
            finally:
                first.close()
            client = connecting.connect(place, place.database)
            migrations.migrate(client.command, lambda sql: client.query(sql).result_rows, int(clock()))
            engine.apply_merge_base(client)
            engine.apply_value_codec(client, value_codec)
            engine.assert_block_settings(client)
        except Exception as error:
            if client is not None:
                client.close()
            temporary.restore()
            if isinstance(error, StoreError):
                raise
            raise StoreUnavailable(f"cannot open the store at {place.shown}: {redacted(error)}") from None
        return cls(place, temporary, client)

    def stop_reads(self) -> None:
        """Cancels the reads that run and refuses those that come; writes go on."""
        self._reader.close()

    def close(self) -> None:
        """Cancels reads, waits for a write that runs, lets go of the engine. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._reader.close()
        with self._lock:
            self._client.close()
        self._temporary.restore()

    # Writes and looks, for the one loader thread.

    def insert(self, table: str, payload: bytes | PointRecords, rows: int, token: str, *, rollups: bool = True) -> None:
        """Stores ``rows`` JSON lines of ``table``, or records of points, all of one partition, and feeds its rollups.

        ``token`` is used once in the life of the store: rows under a used one are dropped without a word. ``rollups``
        False stores the raw rows alone, for recovery when a rollup already holds the batch. Raises
        :class:`RowsRefused` (nothing stored) or :class:`StoreUnavailable` (look before repeating).
        """
        _table(table)
        size = len(payload if isinstance(payload, bytes) else payload.records)
        if not 0 < rows <= MAX_INSERT_ROWS or size > MAX_INSERT_BYTES:
            raise ValueError(f"an insert has 1 to {MAX_INSERT_ROWS} rows and at most {MAX_INSERT_BYTES} bytes")
        into = schema.entry_of(table) if rollups else table
        self._write(table, into, payload, {**INSERT_SETTINGS, **_token(token)})

    def probe(self, table: str, payload: bytes | PointRecords) -> None:
        """Reads and checks rows as :meth:`insert` does and stores nothing. Raises as it does."""
        self._write(table, schema.probe_of(_table(table)), payload, INSERT_SETTINGS)

    def _write(self, table: str, into: str, payload: bytes | PointRecords, settings: Mapping[str, Any]) -> None:
        if isinstance(payload, bytes):
            columns, body, form = schema.sent_columns(table), payload, "JSONCompactEachRow"
        else:
            columns, body, form = POINTS.names, blocks.block(payload), blocks.FORMAT
        with self._lock:
            try:
                self._client.raw_insert(into, columns, body, settings=dict(settings), fmt=form)
            except Exception as error:
                raise write_error(error) from None

    def rows_in(self, table: str, partition: int, batch: int) -> int:
        """How many rows of ``batch`` the raw table holds in ``partition`` (year for points, else yyyymm)."""
        return int(self._look(f"SELECT count() FROM {_table(table)} WHERE {_in(table)}", partition, batch)[0][0])

    def rollups_of(self, table: str) -> tuple[str, ...]:
        """The rollups fed from ``table``."""
        return schema.rollups_of(_table(table))

    def rollup_holds(self, rollup: str, partition: int, batch: int) -> bool:
        """Whether ``rollup`` got the rows of ``batch`` in ``partition``.

        A rollup row keeps its highest batch: once the engine has merged rows of several batches the older numbers are gone.
        So a later batch in the partition counts too: the loader begins none before the one in front of it is complete.
        """
        name = _rollup(rollup).name
        where = f"{schema.partition_of(name)} = {{partition:UInt32}} AND batch >= {{batch:UInt64}}"
        return bool(self._look(f"SELECT 1 FROM {name} WHERE {where} LIMIT 1", partition, batch))

    def rebuild_rollup(self, rollup: str, partition: int, batch: int, token: str) -> None:
        """Fills ``rollup`` from the raw rows of ``batch`` in ``partition``; call it only when it holds none of them.

        Raises :class:`StoreUnavailable`.
        """
        found = _rollup(rollup)
        where = f"toYear(src.ts) = {int(partition)} AND src.batch = {int(batch)}"
        self._insert_select(found.name, rollups.rollup_select(found, POINTS.name, where), token)

    def repeat_visitors(self, partition: int, batch: int, token: str) -> None:
        """Adds the visitors of the events of ``batch`` in ``partition`` to their projects' sets, which changes nothing where they are in
        already. Raises :class:`StoreUnavailable`.
        """
        where = f"toYYYYMM(src.received_at) = {int(partition)} AND src.batch = {int(batch)}"
        self._insert_select(visitors.NAME, visitors.select(where), token)

    def _insert_select(self, table: str, select: str, token: str) -> None:
        settings = ", ".join(f"{name} = '{value}'" for name, value in {**INSERT_SETTINGS, **_token(token)}.items())
        sql = f"INSERT INTO {table} SETTINGS {settings}\n{select}"
        with self._lock:
            try:
                self._client.command(sql)
            except Exception as error:
                raise write_error(error) from None

    def add_history(self, rows: bytes) -> None:
        """Adds rows of imported history (``store.history``). Raises :class:`StoreUnavailable`."""
        with self._lock:
            try:
                self._client.raw_insert(
                    history.NAME, history.COLUMNS, rows, settings=dict(INSERT_SETTINGS), fmt=history.FORMAT
                )
            except Exception as error:
                raise StoreUnavailable(f"the history cannot be written: {redacted(error)}") from None

    def remove_history(self, project: int, stat: int, start: int, end: int, before: int) -> None:
        """Removes what imports of a number below ``before`` brought of ``stat`` in [``start``, ``end``) ms."""
        span = f"toUnixTimestamp64Milli(ts) >= {int(start)} AND toUnixTimestamp64Milli(ts) < {int(end)}"
        self._remove(
            history.NAME, f"project = {int(project)} AND stat = {int(stat)} AND batch < {int(before)} AND {span}"
        )

    def forget_stats(self, project: int, stats: Sequence[int]) -> None:
        """Removes everything that ``stats`` of ``project`` ever were. Raises :class:`StoreUnavailable`."""
        numbers = ", ".join(str(int(stat)) for stat in stats)
        for table in schema.STAT_TABLES:
            self._remove(table, f"project = {int(project)} AND stat IN ({numbers})")
        self.sync()

    def _remove(self, table: str, where: str) -> None:
        """Marks rows as gone, if there are any; merges leave them out."""
        with self._lock:
            try:
                final = " FINAL" if table == history.NAME else ""  # rows that others have replaced are gone already
                if self._client.query(f"SELECT 1 FROM {table}{final} WHERE {where} LIMIT 1").result_rows:
                    self._client.command(f"DELETE FROM {table} WHERE {where}")
            except Exception as error:
                raise StoreUnavailable(f"rows of {table} cannot be removed: {redacted(error)}") from None

    def last_points(self, partition: int, batch: int) -> list[tuple[int, int, int]]:
        """(project, stat, latest ts in ms) of each stat with points of ``batch`` in ``partition``."""
        rows = self._look(
            f"SELECT project, stat, toUnixTimestamp64Milli(max(ts)) FROM points WHERE {_in('points')} "
            "GROUP BY project, stat ORDER BY project, stat",
            partition,
            batch,
        )
        return [(int(project), int(stat), int(ts)) for project, stat, ts in rows]

    def _look(self, sql: str, partition: int, batch: int) -> Any:
        """A recovery read: across projects, by batch."""
        return self._fetch(sql, {"partition": partition, "batch": batch})

    def _fetch(self, sql: str, params: Mapping[str, Any] | None = None) -> Any:
        with self._lock:
            try:
                return self._client.query(sql, parameters=dict(params or {})).result_rows
            except Exception as error:
                raise StoreUnavailable(f"the store cannot be read: {redacted(error)}") from None

    def sync(self) -> None:
        """Syncs the embedded store's file system: the engine syncs neither a table's directory nor its deduplication log.

        Raises :class:`StoreUnavailable` when that fails. Nothing to do for a server.
        """
        if self._place.path is None:
            return
        try:
            descriptor = os.open(self._place.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _syncfs(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreUnavailable(f"the store cannot be synced: {redacted(error)}") from None

    def connect(self) -> Any:
        """A client for one thread of its own, whose statements hold up nobody else's. It is closed before the store is. Raises
        :class:`StoreUnavailable`.
        """
        return connecting.connect(self._place, self._place.database)

    # Reads.

    @property
    def query_times(self) -> QueryTimes:
        return self._reader.times

    def query(self, project: int, sql: Sql, budget: Budget = DEFAULT) -> Result:
        """The rows of ``sql`` for ``project`` within ``budget``; see :meth:`headrace.store.reader.Reader.run`."""
        return self._reader.run(project, sql, budget)

    def version(self) -> str:
        """The engine's version."""
        return str(self._fetch("SELECT version()")[0][0])

    def sizes(self) -> list[TableSize]:
        """Every table and rollup with its rows, bytes and parts, for the operator's eyes."""
        found = {
            row[0]: TableSize(row[0], int(row[1]), int(row[2]), int(row[3]))
            for row in self._fetch(
                "SELECT table, sum(rows), sum(bytes_on_disk), count() FROM system.parts "
                "WHERE active AND database = currentDatabase() GROUP BY table"
            )
        }
        return [found.get(name, TableSize(name, 0, 0, 0)) for name in sorted(schema.READABLE)]


def _table(name: str) -> str:
    if name not in TABLES:
        raise ValueError(f"no table {name}")
    return name


def _rollup(name: str) -> schema.Rollup:
    for rollup in schema.ROLLUPS:
        if rollup.name == name:
            return rollup
    raise ValueError(f"no rollup {name}")


def _token(token: str) -> dict[str, str]:
    if not _TOKEN.match(token):
        raise ValueError("a token is 1 to 255 letters, digits and :._-")
    return {"insert_deduplication_token": token}


def _in(table: str) -> str:
    return f"{schema.partition_of(table)} = {{partition:UInt32}} AND batch = {{batch:UInt64}}"


def _syncfs(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()
    elif libc.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
