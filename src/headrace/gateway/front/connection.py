"""One connection: requests in, one after the other, and their answers out."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any

from headrace.gateway.front import answers
from headrace.gateway.front.heads import HEAD_MAX, TARGET_MAX, BadHead, Head, may_begin
from headrace.gateway.front.incoming import Incoming

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
    SWITCHED = "switched"


class Connection(asyncio.Protocol):
    """What a connection does with bytes that come in, and what ends each state:

    | state | bytes | ends |
    |---|---|---|
    | IDLE | make up a head | a whole head: BUSY; a bad one: LINGERING |
    | BUSY | are the request's body; behind it they wait | the answer: IDLE, SKIPPING, LINGERING or closed |
    | SKIPPING | are the rest of an answered request's body: thrown away | its end: IDLE |
    | LINGERING | are thrown away, so that the client gets to read its last answer | the client's end, or time: closed |
    | SWITCHED | wait for whoever took over the connection (101) | :meth:`leave`, or the client's end: closed |

    A client that has closed its sending half is answered like any other. One that is gone altogether is not, but its request goes on.
    """

    __slots__ = (
        "_bodiless",
        "_body",
        "_chunked_answer",
        "_ended",
        "_front",
        "_held",
        "_paused",
        "_reader",
        "_spilt",
        "_state",
        "_transport",
        "_writable",
        "begun",
        "client",
        "gone",
        "head",
        "scheme",
        "seen",
    )

    def __init__(self, front: Front, scheme: str) -> None:
        self._front = front
        self._transport: Any = None
        self._state = State.IDLE
        #: Bytes that came before their time: part of a head, or what was sent ahead.
        self._held = b""
        #: The body of the request in hand while it comes in; None when all of it came with the head.
        self._body: Incoming | None = None
        #: Bytes that were read and thrown away since the last answer.
        self._spilt = 0
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
        self.seen = front.now
        #: Its time when the head that is coming in began, or when the connection began to linger, seconds.
        self.begun = front.now

    # --- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if peer else ""
        self._front.opened(self)

    def data_received(self, data: bytes) -> None:
        self.seen = self._front.now
        self._front.arrived(self, data)

    def take(self, data: bytes) -> None:
        """The next bytes that the client has sent."""
        state = self._state
        if state is State.IDLE:
            self._next(self._held + data if self._held else data)
        elif state is State.LINGERING:
            self._spilt += len(data)
            if self._spilt > LINGER_MAX:
                self._transport.abort()
        elif self._body is None or self._body.complete:
            self._held += data
            if len(self._held) > AHEAD_MAX:
                self._pause()
            self._wake()
        elif state is State.SKIPPING:
            self._skip(self._body, data)
        elif not self._body.broken:
            self._held = self._body.take(data)
            if self._body.waiting > AHEAD_MAX and not self._body.complete:
                self._pause()
            self._wake()

    def eof_received(self) -> bool:
        """Whether the connection stays open for the answer; TLS knows no half."""
        self._front.catch_up()
        self._ended = True
        self._go_on()
        self._wake()
        return self._state is State.BUSY and self.scheme == "http"

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._front.catch_up()
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
        if not self._held:
            self.begun = self._front.now
        self._held = data
        # Lines end with CRLF: with others the head would never end.
        if self._ended or not may_begin(data) or b"\n\n" in data or b"\n\r\n" in data:
            self._turn_away(400)
        elif len(data) > HEAD_MAX:
            line = data.find(b"\r\n")
            self._turn_away(414 if line < 0 or line > TARGET_MAX else 431)

    def _begin_body(self, head: Head, data: bytes) -> bytes | None:
        """Takes the first bytes of a body; gives it if that is all of it."""
        self._body = incoming = Incoming(head)
        self._held = incoming.take(data) if data else b""
        if not incoming.complete:
            return None
        self._body = None
        return incoming.piece()

    def _skip(self, body: Incoming, data: bytes) -> None:
        """Throws away the rest of a body whose request is answered."""
        self._held = body.take(data)
        body.drop()
        self._spilt += len(data)
        if body.complete:
            self._after(keep=True)
        elif body.broken or self._spilt > SKIP_MAX:
            self._after(keep=False)

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
        body = self._body
        while body is not None:
            piece = body.piece()
            if piece is not None:
                self._resume()
                return {"type": "http.request", "body": piece, "more_body": not body.complete}
            if body.complete or body.broken or self._ended or self.gone:
                break
            if body.expects:
                body.expects = False
                self._transport.write(answers.CONTINUE)
            await self._news()
        while not self.gone and (body is None or body.complete):
            await self._news()
        return _DISCONNECT

    async def _news(self) -> None:
        """Waits until something comes in, or nothing will any more."""
        self._reader = self._front.loop.create_future()
        await self._reader

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

    def switch(self, headers: answers.Headers) -> None:
        """Answers 101. From now on :meth:`read` gives what comes in, and :meth:`send` sends pieces as they are."""
        self._bodiless = self._chunked_answer = False
        self._state = State.SWITCHED
        if not self.gone:
            self._transport.write(answers.head(101, list(headers), length=None))

    async def read(self) -> bytes:
        """What has come in, at least a byte; b"" when the client has ended."""
        while not (self._held or self._ended or self.gone):
            await self._news()
        data, self._held = self._held, b""
        self._resume()
        return data

    def leave(self) -> None:
        """Closes a connection that was taken over, once all that was sent is read."""
        if not self.gone:
            self._end(unread=bool(self._held))

    def abort(self) -> None:
        """Ends the connection without an answer, or in the middle of one."""
        if not self.gone:
            self._transport.abort()

    def _keeps(self) -> tuple[bool, bytes]:
        """Whether the connection goes on after this answer, and the header that says so."""
        keep = self.head.keeps_alive and not (self._front.draining or (self._ended and not self._held))
        if keep and (body := self._body) is not None and not body.complete:
            keep = not (body.broken or body.expects) and body.left <= SKIP_MAX
        if not keep:
            return False, answers.CLOSE
        return True, b"" if self.head.minor else answers.KEEP_ALIVE

    def _after(self, *, keep: bool) -> None:
        """The request is answered."""
        if self.gone:
            return
        owed = self._body is not None and not self._body.complete
        if not keep:
            self._end(unread=owed or bool(self._held))
            return
        self._spilt = 0
        self._resume()
        if owed:
            self._state = State.SKIPPING
            return
        self._body = None
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
        self._body = None
        if unread and not self._ended:
            self._state = State.LINGERING
            self.seen = self.begun = self._front.now
            self._spilt = 0
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
