"""Files that were sent to be imported, in a folder of their own until their import has ended."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Container
from pathlib import Path

from headrace.api.imports.files import FILE_MAX

FOLDER = "imports"
#: What nobody has added anything to for so long is no longer on its way, seconds.
IDLE_S = 300.0
#: Files on their way at once: together they may take so much of the disk.
AT_ONCE = 4


class NoRoom(Exception):
    """The file cannot be taken in now; the text says why."""


class FileTooLarge(Exception):
    """The file is larger than :data:`~headrace.api.imports.files.FILE_MAX`."""


class Uploads:
    """The folder in ``data``; ``min_free``: bytes of the disk that stay free. An id names a file while it is sent and while its import waits
    or runs; what else lies there is swept away. Any thread.
    """

    def __init__(self, data: Path, min_free: int) -> None:
        self._folder = data / FOLDER
        self._min_free = min_free
        self._lock = threading.Lock()
        #: Files on their way, by the moment of their last piece (monotonic seconds).
        self._coming: dict[str, float] = {}

    def begin(self, upload: str) -> None:
        """Makes room for the file of id ``upload``, a name that is one for files, too. Raises :class:`NoRoom`."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self._lock:
            self._forget_idle()
            if len(self._coming) >= AT_ONCE:
                raise NoRoom("too many files are being sent at once: try again in a while")
            self._coming[upload] = time.monotonic()
        self.path(upload).touch(mode=0o600)

    def add(self, upload: str, piece: bytes) -> None:
        """Adds ``piece`` to a file that has begun. Raises ``KeyError`` for one that has not, :class:`FileTooLarge`, :class:`NoRoom`,
        ``OSError``.
        """
        with self._lock:
            if upload not in self._coming:
                raise KeyError(upload)
            self._coming[upload] = time.monotonic()
        with self.path(upload).open("ab") as file:
            if file.tell() + len(piece) > FILE_MAX:
                raise FileTooLarge
            if shutil.disk_usage(self._folder).free - len(piece) < self._min_free:
                raise NoRoom("the server's disk has too little room for the file")
            file.write(piece)

    def is_coming(self, upload: str) -> bool:
        """Whether the file has begun and is not over with."""
        with self._lock:
            return upload in self._coming

    def end(self, upload: str) -> None:
        """The file waits for its import from now on."""
        with self._lock:
            self._coming.pop(upload, None)

    def drop(self, upload: str) -> None:
        """The file is not needed any more."""
        self.end(upload)
        self.path(upload).unlink(missing_ok=True)

    def path(self, upload: str) -> Path:
        """Where a file lies."""
        return self._folder / upload

    def sweep(self, wanted: Container[str]) -> None:
        """Removes files that are neither on their way nor among ``wanted``."""
        with self._lock:
            self._forget_idle()
            coming = set(self._coming)
        for path in self._folder.glob("*"):
            if path.name not in coming and path.name not in wanted:
                path.unlink(missing_ok=True)

    def _forget_idle(self) -> None:
        idle = time.monotonic() - IDLE_S
        self._coming = {upload: at for upload, at in self._coming.items() if at > idle}
