"""What a user sends to be imported: one file, or a ZIP archive of files, read piece by piece and unpacked nowhere.

Every size that an archive claims is a claim: what counts is what comes out of it.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from headrace.records.text import clean_text

#: Bytes of what is sent, and bytes that all files of it may have together once they are unpacked.
FILE_MAX = 512 << 20
TEXT_MAX = 4 << 30
#: Files of an archive, and bytes of its directory, which is held in memory.
FILES_MAX = 50_000
DIRECTORY_MAX = 8 << 20
#: Characters of a file's name that are told.
TOLD = 80
_BUFFER = 256 << 10

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What systems put into archives beside the files.
_BESIDE = ("__MACOSX/",)


class BadFile(Exception):
    """Something in the file, or all of it, cannot be read. The text is one line that says where and why."""


class TooMuch(BadFile):
    """All of it is too much: what comes behind is not read either."""


class Entry(NamedTuple):
    """One file of what was sent; ``name`` is fit to be told."""

    name: str
    info: zipfile.ZipInfo | None


class Files:
    """What was sent, opened. ``name`` is what its sender calls it. Raises :class:`BadFile` for an archive that is none or plays tricks."""

    def __init__(self, path: Path, name: str) -> None:
        self._source = _Careful(path)
        self._archive: zipfile.ZipFile | None = None
        self._left = TEXT_MAX
        try:
            head = self._source.read(4)
            self._source.seek(0)
            if head in (_ZIP, _EMPTY_ZIP):
                self._archive = _archive(self._source)
                self.entries = _entries(self._archive)
            else:
                self.entries = [Entry(told(name), None)]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
        self._source.close()

    @contextmanager
    def open(self, entry: Entry) -> Iterator[IO[bytes]]:
        """The bytes of ``entry``. What is read of it raises :class:`BadFile` where the archive is damaged or holds more than it may."""
        if entry.info is None:
            self._source.seek(0)
            yield io.BufferedReader(_Counted(self, self._source), _BUFFER)
            return
        assert self._archive is not None
        with _damage():
            packed = self._archive.open(entry.info)
        with packed:
            yield io.BufferedReader(_Counted(self, packed), _BUFFER)

    def charge(self, size: int) -> None:
        """Counts ``size`` bytes that came out. Raises :class:`BadFile` when it is too much."""
        self._left -= size
        if self._left < 0:
            raise TooMuch(f"the files are larger than {TEXT_MAX >> 30} GiB together")


def told(name: str) -> str:
    """A file's name as it is shown: on one line, not too long."""
    shown = "".join(character if character.isprintable() else "?" for character in clean_text(name))
    return shown if len(shown) <= TOLD else f"…{shown[1 - TOLD :]}"


class _Careful(io.FileIO):
    """A file of which the directory of an archive cannot take more into memory than :data:`DIRECTORY_MAX`."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > DIRECTORY_MAX:
            raise BadFile(f"the archive has more than {FILES_MAX:,} files")
        return super().read(size) or b""


class _Counted(io.RawIOBase):
    """The bytes of one file, each of them counted."""

    def __init__(self, files: Files, source: IO[bytes] | io.FileIO) -> None:
        self._files = files
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with _damage():
            piece = self._source.read(min(len(buffer), _BUFFER))
        self._files.charge(len(piece))
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    # The library raises the last two for a method of packing that it does not know, and for members under a password.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise BadFile("the archive is damaged here") from None


def _archive(source: _Careful) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    # The library raises the last but one for archives that go on in other files.
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise BadFile("the archive is damaged or not complete") from None


def _entries(archive: zipfile.ZipFile) -> list[Entry]:
    """The files of an archive by name, without those that systems put there."""
    infos = archive.infolist()
    if len(infos) > FILES_MAX:
        raise BadFile(f"the archive has more than {FILES_MAX:,} files")
    found = []
    for info in sorted(infos, key=lambda one: one.filename):
        path = info.filename
        if info.is_dir() or path.startswith(_BESIDE) or path.rpartition("/")[2].startswith("."):
            continue
        name = told(path)
        if path.startswith("/") or "\\" in path or ":" in path[:2] or ".." in path.split("/"):
            raise BadFile(f"{name}: its path leads out of the archive")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise BadFile(f"{name} is a link")
        if info.flag_bits & 1:
            raise BadFile(f"{name} is encrypted")
        if info.compress_type not in _METHODS:
            raise BadFile(f"{name}: packed in a way that is not read here: use deflate")
        found.append(Entry(name, info))
    return found
