"""Reaching the engine: the address, the embedded engine's side effects, and its temporary folder."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from headrace.store import schema
from headrace.store.errors import StoreUnavailable, redacted

#: The engine's own ceiling when nothing else is said: 2 GiB (its default is 90 % of the machine).
DEFAULT_MEMORY_BYTES: Final = 2 << 30
#: Cache of index marks, bytes. The default of 5 GB belongs to a machine that does nothing else.
MARK_CACHE_BYTES: Final = 128 << 20
#: Seconds until a server that does not answer counts as unreachable, and until a statement must have ended.
CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 120

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


class Endpoint(NamedTuple):
    """Where the store is. ``path`` is set for the embedded engine only; ``shown`` holds no password."""

    shown: str
    path: Path | None
    database: str
    options: dict[str, Any]


def endpoint(url: str, folder: Path, max_memory_bytes: int = DEFAULT_MEMORY_BYTES) -> Endpoint:
    """``url`` as connection options. Forms: ``chdb`` (embedded, in ``folder``/store), ``chdb:///abs/path``,
    ``http(s)://user:password@host:port/database`` (port 8123 or 8443, database ``headrace`` unless named).

    Raises :class:`StoreUnavailable` for anything else, in one line without the password.
    """
    parts = urlsplit(url)
    if url == "chdb" or parts.scheme == "chdb":
        path = folder / "store" if url == "chdb" else Path(unquote(parts.path))
        if parts.netloc or parts.query or not path.is_absolute() or path == Path("/"):
            raise StoreUnavailable("store address: expected chdb or chdb:///absolute/path")
        engine = {"max_server_memory_usage": max_memory_bytes, "mark_cache_size": MARK_CACHE_BYTES}
        options = {"interface": "chdb", "path": str(path), "chdb_options": engine}
        return Endpoint(f"chdb://{path}", path, schema.DATABASE, options)
    try:
        port = parts.port
    except ValueError:
        port = 0
    database = unquote(parts.path).strip("/") or schema.DATABASE
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise StoreUnavailable("store address: expected chdb, chdb:///absolute/path or http(s)://host:port/database")
    if not _NAME.match(database):
        raise StoreUnavailable("store address: a database name is a letter followed by letters, digits and _")
    server: dict[str, Any] = {
        "interface": parts.scheme,
        "host": parts.hostname,
        "port": port or (8443 if parts.scheme == "https" else 8123),
        "username": unquote(parts.username or "default"),
        "password": unquote(parts.password or ""),
        "autogenerate_session_id": False,  # a session allows one query at a time
        "connect_timeout": CONNECT_SECONDS,
        "send_receive_timeout": ANSWER_SECONDS,
        "query_retries": 0,  # a repeated write is recovery's business
    }
    return Endpoint(f"{parts.scheme}://{parts.hostname}:{server['port']}/{database}", None, database, server)


def connect(place: Endpoint, database: str | None = None) -> Any:
    """A client of its own for one thread at a time; ``database`` must exist.

    Raises :class:`StoreUnavailable`.
    """
    import clickhouse_connect  # noqa: PLC0415 - 21 MB that nothing needs before the store is opened

    try:
        return clickhouse_connect.get_client(database=database, **place.options)
    except Exception as error:
        hint = "; another process may hold it" if place.path else ""
        raise StoreUnavailable(f"cannot open the store at {place.shown}: {redacted(error)}{hint}") from None


def import_engine() -> None:
    """Imports the embedded engine once, on the main thread: it changes the working directory for a moment, starts threads
    and blocks SIGPIPE, which every child process would inherit.

    Raises :class:`StoreUnavailable` on another thread or when the package is missing.
    """
    if "chdb" in sys.modules:
        return
    if threading.current_thread() is not threading.main_thread():
        raise StoreUnavailable("the embedded store must be opened from the main thread first")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        import chdb  # noqa: F401, PLC0415
    except ImportError as error:
        raise StoreUnavailable(f"the embedded store is not installed: {redacted(error)}") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class TemporaryFolder:
    """``folder``/tmp as the process's temporary folder from construction to :meth:`restore`: the client writes every
    insert to a file first, and ``kill -9`` leaves it behind, so it is swept at start.
    """

    def __init__(self, folder: Path) -> None:
        self._before = (os.environ.get("TMPDIR"), tempfile.tempdir)
        path = folder / "tmp"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file in path.iterdir():
                if not file.is_dir():
                    file.unlink()
        except OSError as error:
            raise StoreUnavailable(f"cannot use {path}: {redacted(error)}") from None
        self._path = str(path)
        os.environ["TMPDIR"] = tempfile.tempdir = self._path

    def restore(self) -> None:
        variable, directory = self._before
        if tempfile.tempdir != self._path:
            return
        tempfile.tempdir = directory
        with contextlib.suppress(KeyError):
            del os.environ["TMPDIR"]
        if variable is not None:
            os.environ["TMPDIR"] = variable
