"""Daily copies of a SQLite catalog: it holds accounts and keys, which nothing else could bring back."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

#: Where copies lie in the data folder.
FOLDER = "backups"

#: The trouble of a file that is sound and no catalog (yet).
EMPTY = "it holds no catalog"

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NAME = "catalog-{:%Y%m%d}.db"
_PATTERN = "catalog-" + "[0-9]" * 8 + ".db"
_DRAFT = "catalog.draft"


class Look(NamedTuple):
    """``version`` of the schema, "" when it cannot be read; ``trouble`` is one line, "" when the file is sound."""

    version: str
    trouble: str


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite catalog's URL, None for any other URL."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return None
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def look_at(path: Path) -> Look:
    """Reads all of a catalog's file, changing nothing. Raises ``sqlite3.Error`` when it cannot be read now."""
    try:
        with closing(_open(path, "ro")) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0]).splitlines()[0]
            if found != "ok":
                return Look("", found)
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
                return Look("", EMPTY)
            return Look(str(db.execute("SELECT max(version_num) FROM alembic_version").fetchone()[0]), "")
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF not in _DAMAGE:
            raise
        return Look("", str(error))


def copies(folder: Path) -> list[Path]:
    """The copies in ``folder``, the newest first."""
    return sorted(folder.glob(_PATTERN), reverse=True)


def newest_sound(folder: Path) -> Path | None:
    for copy in copies(folder):
        try:
            if not look_at(copy).trouble:
                return copy
        except sqlite3.Error:
            continue
    return None


def day_of(copy: Path) -> str:
    """The day of a copy, as ``2026-11-21``."""
    digits = copy.stem.removeprefix("catalog-")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def make(path: Path, folder: Path, day: date, *, keep: int, min_free_bytes: int) -> Path | None:
    """Copies the catalog at ``path``, beside which others may write, unless there is a copy of ``day``; drops all but ``keep``
    copies. None when there was nothing to do. Raises ``sqlite3.Error`` and ``OSError``; the older copies stay then.
    """
    target = folder / _NAME.format(day)
    if target.exists():
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < path.stat().st_size + min_free_bytes:
        raise OSError(errno.ENOSPC, "there is too little room for a copy of the catalog")
    draft = folder / _DRAFT
    try:
        back_up(path, draft)
        # A copy of something broken must not push the last good one out.
        if trouble := look_at(draft).trouble:
            raise sqlite3.DatabaseError(f"the catalog is damaged: {trouble}")
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(folder)
    for old in copies(folder)[keep:]:
        old.unlink()
    return target


def back_up(source: Path, target: Path) -> None:
    """Writes the state of ``source`` at one moment to ``target``, synced, as one file."""
    target.unlink(missing_ok=True)
    with closing(_open(source, "ro")) as read, closing(_open(target, "rwc")) as written:
        read.backup(written)
        written.execute("PRAGMA journal_mode=DELETE")
    with target.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
