"""Answers as bytes: status line, headers, and the date that belongs to them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus

Headers = Sequence[tuple[bytes, bytes]]

_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

#: Statuses whose answers have no body, and so no length.
BODILESS = frozenset((*range(100, 200), 204, 304))

CLOSE = b"connection: close\r\n"
KEEP_ALIVE = b"connection: keep-alive\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


#: Most answers to records are the same but for their date: heads with so few headers are made once, and so many of them are kept.
FEW = 3
MADE = 512

_made: dict[tuple[int, Headers, int | None, bytes, bool], bytes] = {}


class Dates:
    """The ``Date`` header, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self) -> bytes:
        """The header's line for now."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = f"date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._line


_dates = Dates()


def head(status: int, headers: Headers, *, length: int | None, connection: bytes = b"", chunked: bool = False) -> bytes:
    """Status line and headers with the empty line after them. ``length`` None: the headers say it themselves, or nobody does."""
    plain = len(headers) <= FEW and type(headers) is tuple
    made = _made.get((status, headers, length, connection, chunked)) if plain else None
    if made is None:
        lines = [_STATUS.get(status) or b"HTTP/1.1 %d \r\n" % status]
        lines += [b"%b: %b\r\n" % pair for pair in headers]
        if length is not None and status not in BODILESS:
            lines.append(b"content-length: %d\r\n" % length)
        if chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        made = b"".join((*lines, connection))
        if plain:
            if len(_made) >= MADE:
                _made.clear()
            _made[status, headers, length, connection, chunked] = made
    return made + _dates.line() + b"\r\n"


def bare(status: int) -> bytes:
    """An empty answer after which the connection is closed."""
    return head(status, (), length=0, connection=CLOSE)
