"""The data folder's lock: one process at a time has the rooms of a folder open."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

LOCK_NAME = "headrace.lock"


class FolderBusy(Exception):
    """Another process holds the folder. The text is one line with its pid where that is known."""


class FolderLock:
    """An exclusive ``flock`` on ``headrace.lock``, held until :meth:`release` or the end of the process.

    The file stays: removing it would let two processes lock two files of one name.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, data: Path) -> Self:
        """Takes the lock without waiting. Raises :class:`FolderBusy`, and ``OSError`` when the file cannot be opened."""
        descriptor = os.open(data / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise FolderBusy(f"another Headrace process{f' (pid {pid})' if pid else ''} is using {data}") from None
        except BaseException:
            os.close(descriptor)
            raise
        _write_pid(descriptor)
        return cls(descriptor)

    def release(self) -> None:
        os.close(self._descriptor)


def _write_pid(descriptor: int) -> None:
    """The pid only informs; on a full disk the lock holds without it."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        pass
