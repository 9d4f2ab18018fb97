"""How the server is: every byte on disk, the journal, memory, versions, what it answered. For owners of the instance."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from headrace import __version__
from headrace.store.client import Store
from headrace.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from headrace.api.deps import HistogramReading, Readiness, Readings

#: Bytes of a remembered identity on disk.
CLAIM_BYTES = 32
#: Entries of the data folder by how their names begin, in the order of the page: what they are, and in whose words.
_PARTS = (
    ("journal.db", "Journal", "records on their way into the store, and what has not been given back to the disk yet"),
    ("store", "Store", "points, events, spans and requests, packed"),
    ("catalog.db", "Catalog", "accounts, projects, keys, names of stats, monitors, dead letters"),
    ("claims.db", "Claims", "identities of records, so that repeats are found"),
    ("backups", "Copies", "daily copies of the catalog"),
)
_REST = ("Other", "locks, certificates, temporary and damaged files that were set aside")


class Holdings(NamedTuple):
    """What the operator set, as far as the server's page compares with it. ``folder`` holds everything; caps in bytes;
    ``started_at`` in µs.
    """

    folder: Path
    journal_cap: int
    claims_cap: int
    free_min: int
    store_memory: int
    started_at: int


class DiskPart(msgspec.Struct, frozen=True):
    """A part of the data folder with its bytes as the disk counts them; ``cap`` None: bounded by the disk alone. ``setting`` changes
    the cap.
    """

    name: str
    text: str
    bytes: int
    cap: int | None
    setting: str


class TableState(msgspec.Struct, frozen=True):
    """A table or rollup of the store."""

    name: str
    rows: int
    bytes: int
    parts: int


class DialectState(msgspec.Struct, frozen=True):
    """Requests of a dialect since the start: acknowledged, and refused by (reason, status)."""

    dialect: str
    accepted: int
    refused: list[tuple[str, int, int]]


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """Times in µs, sizes in bytes. ``tables`` None: the store does not answer. Quantiles are upper bounds of what was measured since
    the start, None before anything was.
    """

    reasons: tuple[str, ...]
    degraded: tuple[str, ...]
    started_at: int
    disk: list[DiskPart]
    disk_used: int
    disk_free: int
    disk_size: int
    free_min: int
    tables: list[TableState] | None
    journal_rows: int
    journal_bytes: int
    journal_cap: int
    lag_us: int
    dead_letters: int
    commits: int
    commit_p50_us: int | None
    commit_p99_us: int | None
    queries: int
    query_p50_us: int | None
    query_p99_us: int | None
    memory: int
    memory_peak: int
    memory_size: int
    store_memory: int
    dialects: list[DialectState]
    versions: list[tuple[str, str]]


def read(holdings: Holdings, readings: Readings, readiness: Readiness, open_store: Callable[[], Store]) -> ServerState:
    """All of it, measured now. Takes some milliseconds per thousand files of the store."""
    disk = os.statvfs(holdings.folder)
    tables, engine = _tables(open_store)
    parts = disk_parts(holdings)
    memory, peak = _memory()
    return ServerState(
        reasons=readiness.reasons,
        degraded=readiness.degraded,
        started_at=holdings.started_at,
        disk=parts,
        disk_used=sum(part.bytes for part in parts),
        disk_free=disk.f_bavail * disk.f_frsize,
        disk_size=disk.f_blocks * disk.f_frsize,
        free_min=holdings.free_min,
        tables=tables,
        journal_rows=readings.journal_rows,
        journal_bytes=readings.journal_bytes,
        journal_cap=holdings.journal_cap,
        lag_us=round(readings.loader_lag_s * 1_000_000),
        dead_letters=readings.dead_letters,
        commits=sum(readings.commit.counts),
        commit_p50_us=quantile_us(readings.commit, 0.5),
        commit_p99_us=quantile_us(readings.commit, 0.99),
        queries=sum(readings.query.counts),
        query_p50_us=quantile_us(readings.query, 0.5),
        query_p99_us=quantile_us(readings.query, 0.99),
        memory=memory,
        memory_peak=peak,
        memory_size=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        store_memory=holdings.store_memory,
        dialects=_dialects(readings),
        versions=[
            ("Headrace", __version__),
            ("Store engine", engine),
            ("Python", platform.python_version()),
            ("SQLite", sqlite3.sqlite_version),
            ("System", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ],
    )


def disk_parts(holdings: Holdings) -> list[DiskPart]:
    """Every byte of the data folder, by what it is for; the rest has a line of its own, so that the sum is whole."""
    caps = {"Journal": (holdings.journal_cap, "journal_max_bytes"), "Claims": (holdings.claims_cap, "claims_max")}
    found = dict.fromkeys((*(name for _, name, _ in _PARTS), _REST[0]), 0)
    with os.scandir(holdings.folder) as entries:
        for entry in entries:
            found[_part_of(entry.name)] += _bytes_of(entry)
    texts = {name: text for _, name, text in _PARTS} | {_REST[0]: _REST[1]}
    return [DiskPart(name, texts[name], size, *caps.get(name, (None, ""))) for name, size in found.items()]


def quantile_us(reading: HistogramReading, share: float) -> int | None:
    """The bound (µs) that ``share`` of the observations stayed within; the highest bound for what lies above it. None without any."""
    wanted, seen = sum(reading.counts) * share, 0
    if not wanted:
        return None
    for bound, count in zip((*reading.bounds, reading.bounds[-1]), reading.counts, strict=True):
        seen += count
        if seen >= wanted:
            return round(bound * 1_000_000)
    raise AssertionError("counts do not add up")


def _part_of(name: str) -> str:
    """Files that SQLite keeps beside a database belong to it; files that were set aside do not."""
    for begin, part, _ in _PARTS:
        if name == begin or name in (f"{begin}-wal", f"{begin}-shm"):
            return part
    return _REST[0]


def _bytes_of(entry: os.DirEntry[str]) -> int:
    """What the disk holds for an entry and all below it; what vanishes meanwhile counts nothing."""
    try:
        total = entry.stat(follow_symlinks=False).st_blocks * 512
        if not entry.is_dir(follow_symlinks=False):
            return total
        with os.scandir(entry.path) as entries:
            return total + sum(_bytes_of(one) for one in entries)
    except FileNotFoundError:
        return 0


def _tables(open_store: Callable[[], Store]) -> tuple[list[TableState] | None, str]:
    try:
        store = open_store()
        sizes = [TableState(one.table, one.rows, one.bytes, one.parts) for one in store.sizes()]
        return sorted(sizes, key=lambda one: -one.bytes), store.version()
    except StoreUnavailable:
        return None, "does not answer"


def _memory() -> tuple[int, int]:
    """The process' memory in use and at its highest, bytes; zero where the system does not say."""
    found: Mapping[str, int] = {}
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        fields = [line.split() for line in lines if line.startswith(("VmRSS:", "VmHWM:"))]
        found = {field[0]: int(field[1]) * 1_024 for field in fields}
    return found.get("VmRSS:", 0), found.get("VmHWM:", 0)


def _dialects(readings: Readings) -> list[DialectState]:
    names = sorted({*readings.accepted, *(dialect for dialect, _, _ in readings.refused)})
    return [
        DialectState(
            name,
            readings.accepted.get(name, 0),
            sorted(
                (
                    (reason, status, count)
                    for (dialect, reason, status), count in readings.refused.items()
                    if dialect == name
                ),
                key=lambda one: -one[2],
            ),
        )
        for name in names
    ]
