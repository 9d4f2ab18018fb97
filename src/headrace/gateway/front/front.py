"""All connections of a server: what they share, how long they may take, how they end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from headrace.gateway.front.connection import Connection, State
from headrace.gateway.front.heads import Head, Heads

#: How long a connection may stay open with nothing asked on it, seconds; longer than clients' pools keep theirs, as a request that
#: meets a closing connection is an error for its sender.
IDLE_S = 130.0

#: How long a head may take from its first byte, and how long a client may leave an answer unread, seconds.
HEAD_S = 30.0
UNREAD_S = 60.0

#: How long what a client goes on sending after its last answer is still read, seconds in all, and since its last byte.
LINGER_S = 30.0
QUIET_S = 2.0

Begin = Callable[[Connection, Head, "bytes | None"], None]

_log = logging.getLogger("headrace.gateway")


class Front:
    """Makes connections (it is the protocol factory's partner) and looks after them. Used on the event loop's thread. ``begin`` is given
    each request with its body, or None when that is still to come (:meth:`Connection.receive`). ``most``: connections at a time.
    """

    def __init__(self, begin: Begin, *, prefix: str = "", most: int) -> None:
        self.begin = begin
        self.heads = Heads(prefix)
        self.loop = asyncio.get_running_loop()
        self._most = most
        self._connections: set[Connection] = set()
        #: Connections with unread answers: how many bytes, and since when there have been that many.
        self._unread: dict[Connection, tuple[int, float]] = {}
        self._empty = asyncio.Event()
        #: What came in and was not looked at yet, in its order.
        self._arrived: list[tuple[Connection, bytes]] = []
        #: The server stops: each answer is its connection's last.
        self.draining = False
        #: Monotonic seconds, as of the last :meth:`sweep`: precise enough to time out clients, and free.
        self.now = time.monotonic()

    def connection(self, scheme: str) -> Connection:
        return Connection(self, scheme)

    def opened(self, connection: Connection) -> None:
        if self.draining or len(self._connections) >= self._most:
            connection.abort()
        else:
            self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._unread.pop(connection, None)
        if not self._connections:
            self._empty.set()

    def __len__(self) -> int:
        return len(self._connections)

    def arrived(self, connection: Connection, data: bytes) -> None:
        """Keeps ``data`` until the loop has read from all who have sent something: what is done for one request after the other, with no
        system call between them, finds the processor's caches as the last one left them.
        """
        if not self._arrived:
            self.loop.call_soon(self.catch_up)
        self._arrived.append((connection, data))

    def catch_up(self) -> None:
        """Hands over all that came in so far."""
        arrived, self._arrived = self._arrived, []
        for connection, data in arrived:
            try:
                connection.take(data)
            except Exception:  # a mistake of ours: this connection ends, the others go on
                _log.exception("a connection failed")
                connection.abort()

    def sweep(self) -> None:
        """Ends what takes too long. Called about once a second; nothing is ended before its time, and all of it within two calls after."""
        self.catch_up()
        # Whatever came in since the last call was given that call's time.
        before, self.now = self.now, time.monotonic()
        for connection in list(self._connections):
            quiet = before - connection.seen
            state = connection.state
            if connection.unsent:
                self._watch_unread(connection, self.now)
                continue
            self._unread.pop(connection, None)
            if state is State.IDLE and connection.has_begun:
                if before - connection.begun >= HEAD_S:
                    connection.time_out()
            elif state is State.IDLE:
                if quiet >= IDLE_S:
                    connection.close()
            elif state is State.LINGERING:
                if quiet >= QUIET_S or before - connection.begun >= LINGER_S:
                    connection.close()
            elif state is State.SKIPPING and quiet >= HEAD_S:
                connection.abort()

    def _watch_unread(self, connection: Connection, now: float) -> None:
        size, since = self._unread.get(connection, (0, now))
        if size != connection.unsent:
            self._unread[connection] = connection.unsent, now
        elif now - since > UNREAD_S:
            connection.abort()

    def drain(self) -> None:
        """From now on no connection takes another request."""
        self.catch_up()
        self.draining = True
        for connection in list(self._connections):
            if connection.state not in (State.BUSY, State.SWITCHED):
                connection.close()
        if not self._connections:
            self._empty.set()

    async def drained(self) -> None:
        """Returns when the last connection is closed."""
        if self._connections:
            self._empty.clear()
            await self._empty.wait()

    def abort(self) -> None:
        """Ends whatever is left."""
        for connection in list(self._connections):
            connection.abort()
