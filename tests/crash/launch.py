"""Runs ``headrace serve`` so that it kills itself at a named step. It reads lines, each a JSON list of a log file and the arguments
of a server; forks that server, which costs less than half of a start, writes its pid, and when it has ended its exit code.

The folder ``CRASH_DIR`` holds what the test asks for, read each time a step is reached:

- ``trigger``: ``STEP NTH``: the process ends by SIGKILL the NTH time that STEP is reached from then on;
- ``hold``: while it exists the loader starts no drain, so that rows gather in one segment;
- ``nameless``: while it exists the store does not say which row it refuses, so that the loader has to halve.

A point of value ``PLANTED`` is acknowledged like any other and turned into a row that the engine refuses on its way into the journal.
"""

from __future__ import annotations

import ctypes
import functools
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

import clickhouse_connect  # noqa: F401 - a server needs it at once

from headrace import deletion, server
from headrace.admission import open_points
from headrace.admission.folded import FoldedClaims
from headrace.api.services import dead_letters, projects
from headrace.catalog import deletion as catalog_deletion
from headrace.catalog import projects as project_table
from headrace.cli.main import run
from headrace.journal import trimming
from headrace.journal.journal import Journal
from headrace.journal.trimming import Trims
from headrace.loader.draining import Drainer
from headrace.loader.loader import Loader
from headrace.loader.projections import DeadLetterBook, Projections
from headrace.store import RowsRefused, Store
from headrace.store import deletion as store_deletion
from headrace.store.schema import ROLLUPS

#: As it stands among the encoded values, and what takes its place.
PLANTED, REFUSED = pack("<d", 424242.5), pack("<d", math.nan)

#: Small figures for what takes long or much otherwise: a trim of many commits, claims folded soon, a catalog that is cleared in many steps.
TRIM_BYTES = 4_000
FOLD_AT = 25
CLEARED_ROWS = 3

_folder = Path(os.environ["CRASH_DIR"])
_lock = threading.Lock()
_armed = ""
_seen = 0


def reach(step: str, first: Callable[[], Any] = lambda: None) -> None:
    """Ends the process when ``trigger`` names this step for the last time; ``first`` runs before that."""
    global _armed, _seen  # noqa: PLW0603 - one trigger a process
    try:
        trigger = (_folder / "trigger").read_text()
    except FileNotFoundError:
        return
    name, _, nth = trigger.partition(" ")
    if name != step:
        return
    with _lock:
        if trigger != _armed:
            _armed, _seen = trigger, 0
        _seen += 1
        if _seen < int(nth):
            return
        first()
        os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, *, before: str = "", after: str = "") -> None:
    """Makes the call of ``owner.name`` two steps."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        if before:
            reach(before)
        given = plain(*args, **kwargs)
        if after:
            reach(after)
        return given

    setattr(owner, name, call)


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    setattr(owner, name, functools.wraps(getattr(owner, name))(make(getattr(owner, name))))


def _commit(write: Any) -> Any:
    """``commit.open``: rows are written, the transaction is not committed. ``commit.done``: it is, nobody was answered."""

    def call(self: Journal, batch: Any, now: int) -> list[int]:
        self._trims.writing = batch.row_count  # type: ignore[attr-defined]
        gone: list[int] = write(self, batch, now)
        if batch.row_count:
            reach("commit.done")
        return gone

    return call


def _trim(some: Any) -> Any:
    """Runs within each commit, before its end. ``trim.open``: pages of a segment are deleted and more of it are left."""

    def call(self: Trims, *args: Any) -> list[int]:
        gone: list[int] = some(self, *args)
        if self.writing:  # type: ignore[attr-defined]
            reach("commit.open")
        if self.segments and not gone:
            reach("trim.open")
        return gone

    return call


def _trimmed(done: Any) -> Any:
    """``trim.some``: a commit took some pages of a segment and not all. ``trim.all``: the last ones."""

    def call(self: Trims, gone: list[int], *args: Any) -> None:
        trimming = bool(self.segments)
        done(self, gone, *args)
        if trimming:
            reach("trim.all" if gone else "trim.some")

    return call


def _insert(insert: Any) -> Any:
    def call(self: Store, *args: Any, **kwargs: Any) -> None:
        try:
            insert(self, *args, **kwargs)
        except RowsRefused as refused:
            if (_folder / "nameless").exists():
                raise RowsRefused(None, refused.reason) from None
            raise

    return call


def _sync(sync: Any) -> Any:
    """``synced``: before the trim. ``merged``: the same, with the engine having merged the rollups of all segments meanwhile."""

    def call(self: Store) -> None:
        sync(self)
        reach("synced")
        reach("merged", lambda: [self._client.command(f"OPTIMIZE TABLE {rollup.name} FINAL") for rollup in ROLLUPS])

    return call


def _drain(drain: Any) -> Any:
    def call(self: Loader) -> None:
        while (_folder / "hold").exists():
            time.sleep(0.01)
        drain(self)

    return call


def _encode(encode: Any) -> Any:
    def call(*args: Any) -> dict[int, tuple[bytes, int]]:
        return {part: (body.replace(PLANTED, REFUSED), rows) for part, (body, rows) in encode(*args).items()}

    return call


def _open_to_the_shim() -> None:
    """The engine's package loads its library with RTLD_DEEPBIND, which leaves a preloaded shim out."""
    plain = ctypes.CDLL

    def load(name: Any, mode: int = ctypes.DEFAULT_MODE, **more: Any) -> ctypes.CDLL:
        return plain(name, mode & ~os.RTLD_DEEPBIND, **more)

    ctypes.CDLL = load  # type: ignore[assignment,misc]


def prepare() -> None:
    """Puts the steps into the rooms."""
    trimming.TRIM_BYTES = TRIM_BYTES
    server.FOLD_AT = FOLD_AT
    replace(Journal, "_write", _commit)
    replace(Trims, "some", _trim)
    replace(Trims, "done", _trimmed)
    replace(Store, "insert", _insert)
    replace(Store, "sync", _sync)
    replace(Loader, "_drain_sealed", _drain)
    replace(open_points, "encode_points", _encode)
    around(Store, "probe", before="bisect.probe")
    around(Store, "rebuild_rollup", before="rebuild.before", after="rebuild.after")
    around(Drainer, "load", after="insert.done")
    around(DeadLetterBook, "record", after="bisect.recorded")
    around(Projections, "apply", before="project.before", after="project.after")
    around(dead_letters, "_close", before="replay.stored")
    around(FoldedClaims, "fold", after="fold.done")
    prepare_deletion()


def prepare_deletion() -> None:
    """The steps of a project's deletion, in their order."""
    catalog_deletion.ROWS_AT_ONCE = CLEARED_ROWS
    around(projects, "delete", after="delete.begun")
    around(deletion.Deletions, "_close", after="delete.closed")
    around(deletion.Deletions, "_drain", after="delete.drained")
    around(FoldedClaims, "forget", after="delete.claims")
    around(store_deletion, "_ask_for", after="delete.asked")
    around(store_deletion, "delete_rows", after="delete.rows")
    around(catalog_deletion, "clear", after="delete.clearing")
    around(project_table, "end_deletion", after="delete.ending")
    around(deletion.Deletions, "_end", after="delete.ended")


def end_with_the_parent() -> None:
    """Nothing of this outlives the test, whatever becomes of it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def become_server(log: str, *arguments: str) -> int:
    """The forked process: its output goes to ``log``."""
    end_with_the_parent()
    nothing, output = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(nothing, 0)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    return run(arguments)


def main() -> int:
    end_with_the_parent()
    _open_to_the_shim()
    prepare()
    # What was forked from a process with threads, or with the engine in it, would hang.
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    assert "chdb" not in sys.modules
    while line := sys.stdin.buffer.readline():
        pid = os.fork()
        if pid == 0:
            return become_server(*json.loads(line))
        os.write(1, b"%d\n" % pid)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
