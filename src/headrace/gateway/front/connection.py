"""One connection: requests in, one after the other, and their answers out."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any

from headrace.gateway.front import answers
from headrace.gateway.front.chunks import BadChunk, Dechunker
from headrace.gateway.front.heads import CHUNKED, HEAD_MAX, TARGET_MAX, BadHead, Head, may_begin

if TYPE_CHECKING:
    from headrace.gateway.front.front import Front

#: Bytes that are read ahead of whoever reads the body, and of requests sent before the present one is answered.
AHEAD_MAX = 64 * 1024

#: Bytes of a body nobody wants that are still read so that the connection can go on; with more to come it is closed.
SKIP_MAX = 1024 * 1024

#: Bytes that are read of whatever a client goes on sending after its last answer.
LINGER_MAX = 64 * 1024 * 1024

#: A dialect may say itself that a connection ends with its answer.
CLOSED = (b"connection", b"close")

_DISCONNECT = {"type": "http.disconnect"}


class State(Enum):
    IDLE = "idle"
    BUSY = "busy"
    SKIPPING = "skipping"
    LINGERING = "lingering"


class Connection(asyncio.Protocol):
    """What a connection does with bytes that come in, and what ends each state:

    | state | bytes | ends |
    |---|---|---|
    | IDLE | make up a head | a whole head: BUSY; a bad one: LINGERING |
    | BUSY | are the request's body; behind it they wait | the answer: IDLE, SKIPPING, LINGERING or closed |
    | SKIPPING | are the rest of an answered request's body: thrown away | its end: IDLE |
    | LINGERING | are thrown away, so that the client gets to read its last answer | the client's end, or time: closed |

    A client that has closed its sending half is answered like any other. One that is gone altogether is not, but its request goes on.
    """

    __slots__ = (
        "_bodiless",
        "_broken",
        "_chunked_answer",
        "_chunks",
        "_complete",
        "_end_told",
        "_ended",
        "_expects",
        "_front",
        "_held",
        "_left",
        "_paused",
        "_pieces",
        "_piled",
        "_reader",
        "_state",
        "_transport",
        "_writable",
        "client",
        "gone",
        "head",
        "lingers_since",
        "scheme",
        "seen",
    )

    def __init__(self, front: Front, scheme: str) -> None:
        self._front = front
        self._transport: Any = None
        self._state = State.IDLE
        #: Bytes that came before their time: part of a head, or what was sent ahead.
        self._held = b""
        # The body of the request in hand: its pieces, how many bytes they are, how many are still to come.
        self._complete = self._end_told = True
        self._pieces: list[bytes] = []
        self._piled = 0
        self._left = 0
        self._chunks: Dechunker | None = None
        self._expects = False
        self._broken = False
        self._reader: asyncio.Future[None] | None = None
        # The answer in hand.
        self._bodiless = False
        self._chunked_answer = False
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        #: The client has closed its sending half.
        self._ended = False
        self.gone = False
        #: The peer's address, "" when it has none.
        self.client = ""
        self.scheme = scheme
        self.head: Head
        #: The front's time of the last byte, seconds.
        self.seen = self.lingers_since = front.now

    # --- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if peer else ""
        self._front.opened(self)

    def data_received(self, data: bytes) -> None:
        state = self._state
        self.seen = self._front.now
        if state is State.LINGERING:
            self._piled += len(data)
            if self._piled > LINGER_MAX:
                self._transport.abort()
            return
        if state is State.IDLE:
            self._next(self._held + data if self._held else data)
        elif state is State.BUSY and self._complete:
            self._held += data
            if len(self._held) > AHEAD_MAX:
                self._pause()
        elif not self._broken:
            self._take(data)
            self._wake()
            if state is State.SKIPPING and (self._complete or self._broken):
                self._after(keep=not self._broken)

    def eof_received(self) -> bool:
        """Whether the connection stays open for the answer; TLS knows no half."""
        self._ended = True
        self._go_on()
        self._wake()
        return self._state is State.BUSY and self.scheme == "http"

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.gone = True
        self._wake()
        self.resume_writing()
        self._front.closed(self)

    def pause_writing(self) -> None:
        self._writable = self._front.loop.create_future()

    def resume_writing(self) -> None:
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    # --- requests

    def _next(self, data: bytes) -> None:
        """Begins the request at the start of ``data`` if its head is whole."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 or data[0] in b"\r\n":
            data = data.lstrip(b"\r\n")  # some clients send an empty line after a body (RFC 9112, 2.2)
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._await_head(data)
                return
        if end > HEAD_MAX:
            self._turn_away(414 if data.find(b"\r\n") > TARGET_MAX else 431)
            return
        try:
            head = self._front.heads.read(data[:end])
        except BadHead as error:
            self._turn_away(error.status)
            return
        self.head = head
        self._state = State.BUSY
        length = head.length
        body: bytes | None = b""
        if length == 0:
            self._held = data[end:]
        elif 0 < length <= len(data) - end:
            body = data[end : end + length]
            self._held = data[end + length :]
        else:
            body = self._begin_body(head, data[end:])
        self._front.begin(self, head, body)

    def _await_head(self, data: bytes) -> None:
        self._held = data
        # Lines end with CRLF: with others the head would never end.
        if self._ended or not may_begin(data) or b"\n\n" in data or b"\n\r\n" in data:
            self._turn_away(400)
        elif len(data) > HEAD_MAX:
            line = data.find(b"\r\n")
            self._turn_away(414 if line < 0 or line > TARGET_MAX else 431)

    def _begin_body(self, head: Head, data: bytes) -> bytes | None:
        """Takes the first bytes of a body; gives it if that is all of it."""
        self._held = b""
        self._complete = self._end_told = False
        self._expects = head.expects
        self._left = head.length
        self._chunks = Dechunker() if head.length == CHUNKED else None
        if data:
            self._take(data)
        if not self._complete:
            return None
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._end_told = True
        return body

    def _take(self, data: bytes) -> None:
        """More of the body; what is behind it is held."""
        self._expects = False
        if self._chunks is None:
            piece = data[: self._left]
            self._left -= len(piece)
            self._pieces.append(piece)
            self._piled += len(piece)
            if not self._left:
                self._complete, self._held = True, data[len(piece) :]
        else:
            try:
                pieces = self._chunks.feed(data)
            except BadChunk:
                self._broken = True
                return
            self._pieces += pieces
            self._piled += sum(map(len, pieces))
            if self._chunks.complete:
                self._complete, self._held = True, self._chunks.rest
        if self._state is State.SKIPPING:
            self._pieces.clear()
            if self._piled > SKIP_MAX and not self._complete:
                self._broken = True
        elif self._piled > AHEAD_MAX and not self._complete:
            self._pause()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    def _pause(self) -> None:
        if not self._paused and not self.gone:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and not self.gone:
            self._paused = False
            self._transport.resume_reading()

    async def receive(self) -> dict[str, Any]:
        """The next piece of the body, as ASGI has it; behind its end, or when it will never come, ``http.disconnect``. Not to be called
        for a body that was handed over whole, but to wait for the client's end.
        """
        while not (self._pieces or self._complete or self._broken or self._ended or self.gone):
            if self._expects:
                self._expects = False
                self._transport.write(answers.CONTINUE)
            self._reader = self._front.loop.create_future()
            await self._reader
        if self._pieces or (self._complete and not self._end_told):
            body = b"".join(self._pieces)
            self._pieces.clear()
            self._piled = 0
            self._end_told = self._complete
            self._resume()
            return {"type": "http.request", "body": body, "more_body": not self._complete}
        while self._complete and not self.gone:
            self._reader = self._front.loop.create_future()
            await self._reader
        return _DISCONNECT

    # --- answers

    def reply(self, status: int, headers: answers.Headers, body: bytes, *, length: int | None) -> None:
        """The whole answer. ``length``: the Content-Length to say, None when ``headers`` have it."""
        keep, connection = self._keeps()
        if CLOSED in headers:
            keep, connection = False, b""
        if not self.gone:
            self._transport.write(answers.head(status, headers, length=length, connection=connection) + body)
        self._after(keep=keep)

    def start(self, status: int, headers: answers.Headers, *, sized: bool, bodiless: bool) -> None:
        """Begins an answer that comes in pieces. ``sized``: ``headers`` tell its length; ``bodiless``: the pieces are not sent."""
        self._bodiless = bodiless or status in answers.BODILESS
        self._chunked_answer = not sized and not self._bodiless and self.head.minor == 1
        connection = self._keeps()[1] if sized or self._chunked_answer or self._bodiless else answers.CLOSE
        if not self.gone:
            self._transport.write(
                answers.head(status, headers, length=None, connection=connection, chunked=self._chunked_answer)
            )

    async def send(self, piece: bytes) -> None:
        """A piece of the answer; waits while the client does not read."""
        if self.gone or self._bodiless or not piece:
            return
        if self._chunked_answer:
            self._transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        else:
            self._transport.write(piece)
        if self._writable is not None:
            await self._writable

    def finish(self) -> None:
        """Ends an answer that came in pieces."""
        keep = self._keeps()[0]
        if self._chunked_answer:
            if not self.gone:
                self._transport.write(b"0\r\n\r\n")
        elif not self._bodiless and self.head.minor == 0:
            keep = False
        self._after(keep=keep)

    def abort(self) -> None:
        """Ends the connection without an answer, or in the middle of one."""
        if not self.gone:
            self._transport.abort()

    def _keeps(self) -> tuple[bool, bytes]:
        """Whether the connection goes on after this answer, and the header that says so."""
        keep = self.head.keeps_alive and not (self._broken or self._front.draining or (self._ended and not self._held))
        if keep and not self._complete:
            keep = not self._expects and self._left <= SKIP_MAX
        if not keep:
            return False, answers.CLOSE
        return True, b"" if self.head.minor else answers.KEEP_ALIVE

    def _after(self, *, keep: bool) -> None:
        """The request is answered."""
        if self.gone:
            return
        if not keep:
            self._end(unread=not self._complete or bool(self._held))
            return
        self._pieces.clear()
        self._piled = 0
        self._resume()
        if not self._complete:
            self._state = State.SKIPPING
            return
        self._state = State.IDLE
        if self._held:
            self._front.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._state is State.IDLE and self._held and not self.gone:
            data, self._held = self._held, b""
            self._next(data)

    def _turn_away(self, status: int) -> None:
        self._transport.write(answers.bare(status))
        self._end(unread=True)

    def _end(self, *, unread: bool) -> None:
        """Closes; with bytes ``unread`` in a way that does not reset the connection before the client has read its answer."""
        self._held = b""
        self._pieces.clear()
        if unread and not self._ended:
            self._state = State.LINGERING
            self.seen = self.lingers_since = self._front.now
            self._piled = 0
            self._resume()
            if self._transport.can_write_eof():
                self._transport.write_eof()
        else:
            self._transport.close()

    # --- time

    @property
    def state(self) -> State:
        return self._state

    @property
    def has_begun(self) -> bool:
        """Part of a head has come."""
        return bool(self._held)

    @property
    def unsent(self) -> int:
        """Bytes of answers that the client has not read."""
        size: int = 0 if self.gone else self._transport.get_write_buffer_size()
        return size

    def close(self) -> None:
        """Closes a connection that nothing is asked on."""
        if self.unsent:
            self._transport.abort()
        elif not self.gone:
            self._transport.close()

    def time_out(self) -> None:
        """Answers a head that does not come to its end."""
        self._transport.write(answers.bare(408))
        self._transport.close()
