"""A private PostgreSQL for tests of the catalog: on a socket of its own, without syncing, gone when the tests end."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

#: Set where a machine without PostgreSQL should fail these tests, and not pass them over.
REQUIRED = "HEADRACE_REQUIRE_POSTGRES"
#: What ends a server without waiting for its clients.
FAST = signal.SIGINT
#: Seconds until a server that does not answer is a failure.
START_S = 60.0


class Postgres:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        self._kept: dict[str, Database] = {}

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError:
                assert process.poll() is None, (self._folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, (self._folder / "log").read_text()[-2000:]
                time.sleep(0.05)
            else:
                return

    def connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self._folder), user="headrace", dbname=name, autocommit=True)

    @contextmanager
    def new(self) -> Iterator[str]:
        """The URL of an empty database."""
        name = f"database{next(self._numbers)}"
        with self.connect("postgres") as admin:
            admin.execute(f"CREATE DATABASE {name}")
            yield self._url(name)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def filled(self, name: str, fill: Callable[[str], Any]) -> Database:
        """The database ``name`` as ``fill`` has left it, which is called once."""
        if name not in self._kept:
            with self.connect("postgres") as admin:
                admin.execute(f"CREATE DATABASE {name}")
            self._kept[name] = Database(self._url(name), self.connect(name), fill(self._url(name)))
        database = self._kept[name]
        database.restore()
        return database

    def _url(self, name: str) -> str:
        return f"postgresql://headrace@/{name}?host={self._folder}"

    def close(self) -> None:
        for database in self._kept.values():
            database.close()


class Database:
    """One that many tests use after each other: migrating one takes half a second, copying one is hundreds of files. ``given`` is
    what filling it gave.
    """

    def __init__(self, url: str, connection: psycopg.Connection[Any], given: Any) -> None:
        self.url = url
        self.given = given
        self._connection = connection
        names = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        connection.execute("CREATE SCHEMA kept")
        for name in names:
            connection.execute(f"CREATE TABLE kept.{name} AS TABLE public.{name}")
        # References are not looked at, so that the order does not matter.
        self._restore = (
            "BEGIN; SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '10s';"
            + "".join(
                f"DELETE FROM public.{name}; INSERT INTO public.{name} SELECT * FROM kept.{name};" for name in names
            )
        )

    def restore(self) -> None:
        self._connection.execute(f"{self._restore} COMMIT")

    def close(self) -> None:
        self._connection.close()


def _binaries() -> Path | None:
    """Debian keeps them off the path, a folder a release."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)


def _user() -> dict[str, Any]:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return {}
    name = "postgres" if any(user.pw_name == "postgres" for user in pwd.getpwall()) else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


def _end_with_the_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, FAST)


@contextmanager
def running() -> Iterator[Postgres]:
    binaries = _binaries()
    if binaries is None:
        reason = "no PostgreSQL is installed here"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(f"{reason} ({REQUIRED}=1 makes this a failure)")
    # Outside of pytest's folders (the store's tests set TMPDIR to one), into which only their owner may look; short, as a socket's path has to be.
    folder = Path(tempfile.mkdtemp(prefix="headrace-pg-", dir="/tmp"))
    user = _user()
    if user:
        os.chown(folder, pwd.getpwnam(user["user"]).pw_uid, user["group"])
    data = folder / "data"
    options = ("listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=32MB")
    try:
        initdb = [binaries / "initdb", "-D", data, "-A", "trust", "-U", "headrace", "--no-sync", "-E", "UTF8"]
        made = subprocess.run([*initdb, "--locale=C.UTF-8"], cwd=folder, capture_output=True, text=True, **user)
        assert made.returncode == 0, made.stderr
        command = [binaries / "postgres", "-D", data, "-k", folder, *(part for one in options for part in ("-c", one))]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, cwd=folder, stderr=log, preexec_fn=_end_with_the_parent, **user) as process,  # noqa: PLW1509 - none is started before
        ):
            server = Postgres(folder)
            try:
                server.wait(process)
                yield server
            finally:
                server.close()
                process.send_signal(FAST)
    finally:
        shutil.rmtree(folder)
