"""Damaged SQLite files: what goes on takes their place, they themselves are set aside for a person to look at.

The order keeps every row through a stop at any point: the new file is built under one name, gets another once it is complete and
synced, and only then do the two files change places.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

#: Name of a file that was set aside, before the time of that.
ASIDE = ".damaged-"

#: Names of a file that takes another's place: while it is made, and from when it is whole.
BUILDING, COMPLETE = ".rescuing", ".rescued"

#: Exists beside a file in which damage was met: the next start looks at all of it.
_DOUBTFUL = ".doubtful"

_SIDE_FILES = ("-shm", "-wal", "")


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def clear_building(path: Path) -> Path:
    """Where the new file is made; what an earlier try left there is gone."""
    building = beside(path, BUILDING)
    for suffix in _SIDE_FILES:
        beside(building, suffix).unlink(missing_ok=True)
    return building


def complete(path: Path) -> None:
    """The new file is whole and synced."""
    beside(path, BUILDING).rename(beside(path, COMPLETE))
    sync_folder(path.parent)


def name_for(path: Path, now: int) -> Path:
    """Where a file is set aside at ``now`` (µs)."""
    when = datetime.fromtimestamp(now / 1_000_000, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return beside(path, f"{ASIDE}{when}")


def swap(path: Path, aside: Path) -> None:
    """Sets the damaged file aside and puts the new one in its place."""
    for suffix in _SIDE_FILES:
        side = beside(path, suffix)
        if side.exists():
            side.rename(beside(aside, suffix))
    beside(path, COMPLETE).rename(path)
    sync_folder(path.parent)


def set_aside(path: Path) -> list[str]:
    """Names of the damaged files that were set aside from ``path``."""
    found = sorted(one.name for one in path.parent.glob(f"{path.name}{ASIDE}*"))
    return [name for name in found if not name.endswith(_SIDE_FILES[:2])]


def mark_doubtful(path: Path) -> None:
    """Has the next start look at all of the file; says nothing when the disk does not take the mark."""
    try:
        beside(path, _DOUBTFUL).touch()
    except OSError:
        pass


def is_doubtful(path: Path) -> bool:
    return beside(path, _DOUBTFUL).exists()


def trust(path: Path) -> None:
    """The file was looked at, or another took its place."""
    if is_doubtful(path):
        beside(path, _DOUBTFUL).unlink()


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
