"""Opening the catalog, its transactions, and the few places where SQLite and PostgreSQL differ."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.catalog import tables

#: How long a writer waits for another one, seconds.
BUSY_TIMEOUT_S = 10
#: Connections kept and, in bursts, allowed beside them.
POOL_SIZE = 8
POOL_OVERFLOW = 16
#: Bytes of the instance secret (embed keys, classic keys, signed links).
SECRET_BYTES = 32
#: PostgreSQL advisory lock that every writing transaction holds; any fixed number, ours alone.
_WRITE_LOCK = 4_872_112_651

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_WRITES = {"headrace_writes": True}


class CatalogError(Exception):
    """The catalog cannot be opened. The text is one line that says what to do."""


def sqlite_url(path: str | Path) -> str:
    """The URL of the SQLite catalog in the file ``path``."""
    return sa.URL.create("sqlite", database=str(Path(path).absolute())).render_as_string()


class Catalog:
    """An open catalog. Safe to share between threads; every ``read`` and ``write`` is one transaction of its own.

    A locked or unreachable database raises ``sqlalchemy.exc.DBAPIError`` from either of them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**_WRITES)
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._watch: sqlite3.Connection | None = None
        self._commits = count(1)
        #: Changes whenever this process has committed something.
        self.written = 0

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens ``url`` (``sqlite:///…`` or ``postgresql://…``), brings its schema up to date and fills in the instance's
        id and secret when it is new. Raises :class:`CatalogError`.
        """
        engine = _engine(url)
        catalog = cls(engine)
        try:
            catalog._prepare()
        except sa.exc.DBAPIError as error:
            catalog.close()
            raise CatalogError(f"catalog cannot be opened: {str(error.orig).strip().splitlines()[0]}") from error
        except BaseException:
            catalog.close()
            raise
        return catalog

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed, fully synced, at the end of the block and rolled back by an exception. It takes the one
        write lock at once, so that what it reads cannot change before it writes.
        """
        with self._writer.begin() as conn:
            if not self.is_sqlite:
                conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITE_LOCK)))
            yield conn
        self.written = next(self._commits)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction for reading; whatever it might change is rolled back."""
        with self._engine.connect() as conn:
            yield conn

    def data_version(self) -> int:
        """A number that changes when any process commits a change to the catalog. On SQLite ``PRAGMA data_version`` of a
        connection that never writes (4 µs, for one thread); elsewhere the key epoch, one query.
        """
        if self._watch is not None:
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])
        with self.read() as conn:
            return int(conn.execute(sa.select(tables.meta.c.key_epoch)).scalar_one())

    def close(self) -> None:
        """Closes every connection. Closing twice does no harm."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._engine.dispose()

    def _prepare(self) -> None:
        with self.write() as conn:
            _migrate(conn)
            values = {
                "one": 1,
                "instance_id": str(uuid4()),
                "secret": secrets.token_bytes(SECRET_BYTES),
                "key_epoch": 1,
                "last_project": 0,
            }
            insert_ignore(conn, tables.meta, [values])
        if self.is_sqlite:
            path = str(self._engine.url.database)
            self._watch = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._watch.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")


def insert_ignore(
    conn: Connection, table: sa.Table, rows: list[dict[str, Any]], conflict: tuple[str, ...] | None = None
) -> None:
    """Inserts ``rows``, leaving out those that are there already. With ``conflict`` only a clash over those columns is
    forgiven, any other raises ``IntegrityError``. (How many were new is not told: PostgreSQL's driver does not say.)
    """
    if not rows:
        return
    insert = sqlite_insert if conn.dialect.name == "sqlite" else postgresql_insert
    conn.execute(insert(table).on_conflict_do_nothing(index_elements=conflict), rows)


def add_to_counts(conn: Connection, table: sa.Table, column: str, rows: list[dict[str, Any]]) -> None:
    """Adds the ``column`` of each of ``rows`` to that of the row with the same primary key, which is made if there is none."""
    if not rows:
        return
    insert = (sqlite_insert if conn.dialect.name == "sqlite" else postgresql_insert)(table)
    keys = [key.name for key in table.primary_key]
    more = insert.on_conflict_do_update(index_elements=keys, set_={column: table.c[column] + insert.excluded[column]})
    conn.execute(more, rows)


def _engine(url: str) -> Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql":
            return sa.create_engine(
                parsed,
                pool_size=POOL_SIZE,
                max_overflow=POOL_OVERFLOW,
                pool_pre_ping=True,
                connect_args={"options": f"-c lock_timeout={BUSY_TIMEOUT_S * 1000}"},
            )
    except sa.exc.ArgumentError:
        raise CatalogError("the catalog's URL cannot be read: use sqlite:///FILE or postgresql://HOST/NAME") from None
    except ModuleNotFoundError as error:
        raise CatalogError(f"the catalog's URL needs the package {error.name}: install it beside headrace") from None
    if parsed.get_backend_name() != "sqlite":
        raise CatalogError("the catalog is SQLite or PostgreSQL: use sqlite:///FILE or postgresql://HOST/NAME")
    path = parsed.database
    if not path or path == ":memory:" or path.startswith("file:"):
        raise CatalogError("a SQLite catalog needs a file: use sqlite:///FILE")
    _make_private(Path(path))
    engine = sa.create_engine(parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(path: Path) -> None:
    """Creates the file readable by its owner alone (it holds password hashes); SQLite's side files take its mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise CatalogError(f"catalog cannot be opened: {path}: {error.strerror}") from None


def _configure(dbapi: sqlite3.Connection, _record: object) -> None:
    dbapi.isolation_level = None  # transactions begin where _begin says, not where the driver guesses
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_S * 1000}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        dbapi.execute(f"PRAGMA {pragma}").close()


def _begin(conn: Connection) -> None:
    writes = conn.get_execution_options().get("headrace_writes", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def newest_revision() -> str:
    """The newest schema that this code knows: the number its last migration's file begins with."""
    return max(path.name[:4] for path in _VERSIONS.glob("[0-9][0-9][0-9][0-9]_*.py"))


def _migrate(conn: Connection) -> None:
    newest, current = newest_revision(), ""
    if sa.inspect(conn).has_table("alembic_version"):
        current = str(conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
    if current > newest:
        raise CatalogError(
            f"the catalog was written by a newer Headrace (schema {current}, this one knows {newest}): "
            "start that version or restore a backup"
        )
    if current < newest:
        # Alembic costs 0.4 s and 11 MB, which a start on a current schema need not pay.
        from headrace.catalog.upgrade import upgrade  # noqa: PLC0415

        upgrade(conn)
