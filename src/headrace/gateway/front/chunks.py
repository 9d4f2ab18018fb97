"""A body in chunks (RFC 9112, 7.1), taken apart as it comes in."""

from __future__ import annotations

import re

#: Bytes of a chunk's size line with its extensions, and of all trailers together.
LINE_MAX = 256
TRAILERS_MAX = 8 * 1024

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class BadChunk(Exception):
    """What came is no chunk: nothing that follows can be understood."""


class Dechunker:
    """Fed with bytes until it is ``complete``; ``rest`` is what followed the body then."""

    __slots__ = ("_held", "_left", "_trailers", "complete", "rest")

    def __init__(self) -> None:
        self.complete = False
        self.rest = b""
        self._held = b""
        #: Bytes of the chunk that are still to come, its line end included; 0: a size line is next.
        self._left = 0
        #: Bytes of trailers so far, -1 before the last chunk.
        self._trailers = -1

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in ``data``. Raises :class:`BadChunk`."""
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at = 0
        while at < len(data) and not self.complete:
            if self._left:
                at = self._take(data, at, pieces)
            elif self._trailers >= 0:
                at = self._trailer(data, at)
            else:
                at = self._size(data, at)
        if self.complete:
            self.rest = data[at:]
        return pieces

    def _take(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Some of a chunk; its line end counts in ``_left`` and is no part of the body."""
        end = min(len(data), at + self._left)
        body_end = min(end, at + max(0, self._left - 2))
        if body_end > at:
            pieces.append(data[at:body_end])
        for place in range(body_end, end):
            expected = b"\r\n"[2 - (self._left - (place - at))]
            if data[place] != expected:
                raise BadChunk
        self._left -= end - at
        return end

    def _size(self, data: bytes, at: int) -> int:
        found = _SIZE.match(data, at)
        if found is None:
            return self._hold(data, at, LINE_MAX)
        if found.end() - at > LINE_MAX:
            raise BadChunk
        size = int(found[1], 16)
        if size:
            self._left = size + 2
        else:
            self._trailers = 0
        return found.end()

    def _trailer(self, data: bytes, at: int) -> int:
        """Trailers are passed over: nobody here asks for one."""
        end = data.find(b"\r\n", at)
        if end < 0:
            return self._hold(data, at, TRAILERS_MAX - self._trailers)
        self.complete = end == at
        self._trailers += end + 2 - at
        if self._trailers > TRAILERS_MAX:
            raise BadChunk
        return end + 2

    def _hold(self, data: bytes, at: int, most: int) -> int:
        """An unfinished line waits for more, if it may still become one."""
        self._held = data[at:]
        if len(self._held) > most or b"\n" in self._held:
            raise BadChunk
        return len(data)
