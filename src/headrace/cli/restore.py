"""Brings a copy of the catalog back; the file that was there is set aside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from headrace.catalog import copies
from headrace.catalog.db import newest_revision
from headrace.cli.errors import CliError
from headrace.cli.lock import FolderLock
from headrace.journal import aside
from headrace.settings import Settings

#: Project numbers that are left out after a restore. Those given since the copy mark rows of the store, and must not be given anew.
NUMBERS_LEFT_OUT = 10_000


def restore_catalog(settings: Settings, copy: Path, now: int) -> Path | None:
    """Puts ``copy`` in the catalog's place; gives where the former file is, None when there was none. ``now`` in µs. Raises
    :class:`CliError`, ``FolderBusy``, ``OSError`` and ``sqlite3.Error``.
    """
    path = copies.sqlite_path(settings.catalog_url)
    if path is None:
        raise CliError("the catalog is no SQLite file: restore it with the tools of its database")
    found = copies.look_at(copy)
    if found.trouble:
        raise CliError(f"{copy} cannot be restored: {found.trouble}")
    if found.version > newest_revision():
        raise CliError(f"{copy} was written by a newer Headrace (schema {found.version}): start that version")
    lock = FolderLock.take(settings.data)
    try:
        building = aside.clear_building(path)
        copies.back_up(copy, building)
        with closing(sqlite3.connect(building, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("UPDATE meta SET last_project = last_project + ?", (NUMBERS_LEFT_OUT,))
        aside.complete(path)
        former = aside.name_for(path, now) if path.exists() else None
        aside.swap(path, aside.name_for(path, now))
    finally:
        lock.release()
    return former


def damage_line(settings: Settings) -> str:
    """Why a SQLite catalog must not be opened and what brings it back, in one line; "" when it may."""
    path = copies.sqlite_path(settings.catalog_url)
    expected = bool(copies.copies(settings.data / copies.FOLDER))
    if path is None or not (path.exists() or expected):
        return ""
    trouble = "the file is missing"
    if path.exists():
        try:
            trouble = copies.look_at(path).trouble
        except sqlite3.Error:
            return ""  # opening it tells what is the matter
    # A new file is made into a catalog, but not where there was one.
    if not trouble or (trouble == copies.EMPTY and not expected):
        return ""
    return f"the catalog {path} is damaged ({trouble}): {way_back(settings)}"


def way_back(settings: Settings) -> str:
    """What brings the catalog back."""
    folder = settings.data / copies.FOLDER
    copy = copies.newest_sound(folder)
    if copy is None:
        return f"there is no copy in {folder}, restore the data folder from a backup"
    command = f"headrace doctor --data {settings.data} --restore-catalog {copy}"
    return f"bring back the copy of {copies.day_of(copy)} with `{command}`, or restore the data folder from a backup"
