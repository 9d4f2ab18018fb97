"""A request's body while it comes in: what is there of it, and how much is still owed."""

from __future__ import annotations

from headrace.gateway.front.chunks import BadChunk, Dechunker
from headrace.gateway.front.heads import CHUNKED, Head


class Incoming:
    """Bytes go in by :meth:`take` and come out by :meth:`piece`. ``waiting``: bytes in between. ``complete``: all of it has come;
    ``broken``: it never will, because what came is no chunk. ``expects``: the client waits to be told to go on.
    """

    __slots__ = ("_chunks", "_end_given", "_left", "_pieces", "broken", "complete", "expects", "waiting")

    def __init__(self, head: Head) -> None:
        self.complete = False
        self.broken = False
        self.expects = head.expects
        self.waiting = 0
        self._pieces: list[bytes] = []
        #: Bytes still to come, where that is known.
        self._left = head.length
        self._chunks = Dechunker() if head.length == CHUNKED else None
        self._end_given = False

    @property
    def left(self) -> int:
        """Bytes that are known to be still to come; 0 when only the end will tell."""
        return max(0, self._left)

    def take(self, data: bytes) -> bytes:
        """Takes the next bytes of the connection; gives those behind the body's end."""
        self.expects = False
        if self._chunks is not None:
            return self._take_chunks(self._chunks, data)
        piece = data[: self._left]
        self._left -= len(piece)
        self._pieces.append(piece)
        self.waiting += len(piece)
        self.complete = not self._left
        return data[len(piece) :]

    def _take_chunks(self, chunks: Dechunker, data: bytes) -> bytes:
        try:
            pieces = chunks.feed(data)
        except BadChunk:
            self.broken = True
            return b""
        self._pieces += pieces
        self.waiting += sum(map(len, pieces))
        self.complete = chunks.complete
        return chunks.rest

    def piece(self) -> bytes | None:
        """What has come since the last time, b"" once at the end if nothing had; None when there is nothing to give."""
        if not self._pieces and (self._end_given or not self.complete):
            return None
        piece = b"".join(self._pieces)
        self.drop()
        self._end_given = self.complete
        return piece

    def drop(self) -> None:
        """Forgets what waits."""
        self._pieces.clear()
        self.waiting = 0
