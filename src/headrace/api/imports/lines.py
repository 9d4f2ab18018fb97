"""Lines and rows of text files: bounded, each with its number, whatever the file holds."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, Self

from headrace.api.imports.files import BadFile, TooMuch

#: Bytes of a line.
LINE_MAX = 64 << 10
#: Lines of a file that cannot be read; one with more is something else.
BAD_MAX = 1_000
#: Rows between two breaths.
BREATH_ROWS = 2_000

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WIDE = (b"\xff\xfe", b"\xfe\xff")


class BadRow(ValueError):
    """A row that cannot be imported; the text says what is wrong with it."""


class Rows:
    """The rows of one CSV file, without those that cannot be read: what is wrong with them goes into ``bad`` as (file and line, why). Used as
    a context around what is made of a row, it takes that row's :class:`BadRow` there, too. A file that cannot be read any further ends
    early, which is told as well. ``breathe`` is called now and then. Raises :class:`TooMuch`.
    """

    def __init__(self, stream: IO[bytes], name: str, bad: list[tuple[str, str]], breathe: Callable[[], None]) -> None:
        self._rows = read_rows(stream)
        self._name = name
        self._bad = bad
        self._breathe = breathe
        self.line = 0
        self._count = 0
        self._over = False

    @property
    def place(self) -> str:
        """The file and the line where the row at hand begins."""
        return f"{self._name}, line {self.line:,}"

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[str]:
        while not self._over:
            try:
                self.line, cells = next(self._rows)
            except TooMuch:
                raise
            except BadFile as error:
                self._end(str(error))
                break
            self._count += 1
            if not self._count % BREATH_ROWS:
                self._breathe()
            if not isinstance(cells, BadRow):
                return cells
            self._tell(cells)
        raise StopIteration

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> bool:
        if not isinstance(error, BadRow):
            return False
        self._tell(error)
        return True

    def _tell(self, error: BadRow) -> None:
        self._bad.append((self.place, str(error)))
        if len(self._bad) > BAD_MAX:
            self._end(f"more than {BAD_MAX:,} lines cannot be read: the rest is left out")

    def _end(self, why: str) -> None:
        self._over = True
        self._bad.append((self._name, why))


def read_rows(stream: IO[bytes]) -> Iterator[tuple[int, list[str] | BadRow]]:
    """The rows of a CSV file with the numbers of the lines they begin with, blank lines left out; instead of a row that cannot be read
    what is wrong with it. Raises :class:`BadFile`.
    """
    rows = csv.reader(_lines(stream), strict=True)
    while True:
        line = rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, BadRow(f"not a row of CSV: {error}")
            continue
        if not cells:
            continue
        if any(not cell.isascii() and _broken(cell) for cell in cells):
            yield line, BadRow("the text is not UTF-8")
        else:
            yield line, cells


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Text with its line ends; bytes that are no UTF-8 become lone surrogates."""
    number = 0
    while line := stream.readline(LINE_MAX + 1):
        number += 1
        if len(line) > LINE_MAX:
            raise BadFile(f"line {number:,} is longer than {LINE_MAX >> 10} KiB")
        if number == 1:
            if line.startswith(_WIDE):
                raise BadFile("the file is UTF-16: save it as UTF-8")
            line = line.removeprefix(b"\xef\xbb\xbf")
        yield line.decode("utf-8", "surrogateescape")


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def read_number(text: str, name: str) -> float:
    """A finite decimal number. Raises :class:`BadRow` naming ``name``."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise BadRow(f"{name} is not a finite number")
    return number
