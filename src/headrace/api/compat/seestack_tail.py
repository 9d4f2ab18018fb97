"""SeeStack's live tail of a project's logs, over a WebSocket (contract 2.3). Frames and handshake are the library's; connection and door
are the gateway's.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from websockets.datastructures import Headers
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import Protocol, Side, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from headrace.admission.keys import LookUpFailed
from headrace.api.compat.base import CompatServices, Handler, ReadRequest
from headrace.api.compat.seestack_guard import guarded
from headrace.api.compat.seestack_lists import named_project, project_to_read
from headrace.api.services import ServiceError, key_actor, live
from headrace.api.services.live import LogLines
from headrace.dialects.seestack_forms import envelope_error
from headrace.dialects.seestack_rows_reads import KEY_PROTOCOL
from headrace.records.intents import Answer, Duplex, Reply, SwitchAnswer
from headrace.records.times import iso_text
from headrace.store.arrivals import Position

#: Listeners at a time in one process: each looks once a second.
TAILS_MAX = 50
#: Bytes of a frame that a client sends; nothing in them is looked at.
FRAME_MAX = 64 * 1024
#: How often is looked for what came, how long a client may be silent until it is pinged, and until it is cut off, seconds.
LOOK_S, SILENCE_S, DEAF_S = 1.0, 20.0, 60.0
#: How long a client may take to read what one look found, and for how long it may be told less than comes, seconds.
SEND_S, BEHIND_S = 30.0, 30.0
#: How long an end waits for the client's answer to it, seconds.
CLOSE_S = 1.0

#: What a handshake is made of.
_ASKED = (
    *("connection", "upgrade", "origin"),
    *("sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol"),
)
_GRANTED = frozenset(["connection", "upgrade", "sec-websocket-accept", "sec-websocket-protocol"])


class _Line(msgspec.Struct):
    """What is told of a line."""

    id: str
    level: str
    message: str
    service: str
    timestamp: str


class _End(NamedTuple):
    """Why a socket is closed, as both sides see it."""

    code: CloseCode
    reason: str


_NO_PROJECT = _End(CloseCode.INVALID_DATA, "projectId is missing, or no project that the key reaches")
_FULL = _End(CloseCode.TRY_AGAIN_LATER, "too many listeners")
_AWAY = _End(CloseCode.TRY_AGAIN_LATER, "not available now")
_BEHIND = _End(CloseCode.TRY_AGAIN_LATER, "more lines come than are read")
_SHUT = _End(CloseCode.POLICY_VIOLATION, "the key no longer opens this project")
_STOPPING = _End(CloseCode.GOING_AWAY, "the server stops")


def handler(services: CompatServices) -> Handler:
    """``GET /api/v1/logs/tail``. What keeps count of the listeners of one process."""
    listening = 0

    async def handle(request: ReadRequest) -> Reply:
        response = _shake_hands(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS or _has_body(request):
            return await asyncio.to_thread(guarded, services, request, _no_socket)
        # Known before the client may send anything: whatever is stored from then on is told.
        place = await asyncio.to_thread(_place, services, request)

        async def talk(line: Duplex) -> None:
            nonlocal listening
            listening += 1
            try:
                await Tail(services, request, line).run(_FULL if listening > TAILS_MAX else place)
            finally:
                listening -= 1

        granted = ((name.lower(), value) for name, value in response.headers.raw_items())
        headers = tuple((name.encode(), value.encode()) for name, value in granted if name in _GRANTED)
        return SwitchAnswer(headers, talk)

    return handle


def _shake_hands(request: ReadRequest) -> Response:
    """What the library answers to the handshake."""
    headers = Headers()
    for name in _ASKED:
        value = request.header(name.encode())
        if value is not None:
            headers[name] = value.decode("latin-1")
    protocol = ServerProtocol(select_subprotocol=lambda _, offered: _chosen(offered))
    return protocol.accept(Request("/", headers, method=request.method))


def _has_body(request: ReadRequest) -> bool:
    return request.header(b"content-length") not in (None, b"0") or request.header(b"transfer-encoding") is not None


def _chosen(offered: Any) -> Subprotocol | None:
    """A browser ends a connection on which none of the protocols that it offered is chosen."""
    return Subprotocol(KEY_PROTOCOL) if KEY_PROTOCOL in offered else None


def _no_socket(services: CompatServices, request: ReadRequest) -> Answer:
    """For what is not a handshake, or none that can be read."""
    project_to_read(services, request)
    refusal = envelope_error(426, "UPGRADE_REQUIRED", "Connect with a WebSocket client, protocol version 13")
    return refusal.adding((b"upgrade", b"websocket"), (b"sec-websocket-version", b"13"))


def _place(services: CompatServices, request: ReadRequest) -> Position | _End:
    """Where the present is, or why there is none to listen to."""
    if not request.query().get("projectId"):
        return _NO_PROJECT
    actor = key_actor(request.key, request.address)
    try:
        return live.log_position(services.context, actor, project=named_project(request))
    except ServiceError:
        return _NO_PROJECT
    except (DBAPIError, PoolTimeout):
        return _AWAY


class Tail:
    """One listener, from its handshake to its end. It asks for lines no faster than they are read, so nothing gathers here.

    | what happens | the socket |
    |---|---|
    | lines are stored | one text frame each |
    | the client says nothing for ``SILENCE_S`` | a ping |
    | a ping, a close, a frame too large | answered as the protocol has it; any other frame is passed over |
    | key, project or scope are gone | closed with 1008 |
    | more than ``BEHIND_S`` of more lines than are read | closed with 1013 |
    | the server stops | closed with 1001 |
    | a look unread for ``SEND_S``, or the client silent for ``DEAF_S`` | cut |
    """

    def __init__(self, services: CompatServices, request: ReadRequest, line: Duplex) -> None:
        self._services = services
        self._request = request
        self._line = line
        self._protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=FRAME_MAX)
        self._now = asyncio.get_running_loop().time
        self._heard = self._pinged = self._now()
        self._arriving = asyncio.create_task(line.receive())
        #: Since when there has been more than was told.
        self._behind: float | None = None

    async def run(self, place: Position | _End) -> None:
        """Tells what comes behind ``place`` until either side ends it."""
        stopping = asyncio.create_task(self._line.stopping.wait())
        try:
            if isinstance(place, Position):
                await self._follow(place, stopping)
            else:
                self._end(place)
            await self._flush()
            await self._part()
        except TimeoutError:
            self._line.abort()
        finally:
            self._arriving.cancel()
            stopping.cancel()

    async def _follow(self, place: Position, stopping: asyncio.Task[Any]) -> None:
        due = self._now() + LOOK_S
        while self._is_open():
            wait = max(0.0, due - self._now())
            await asyncio.wait((self._arriving, stopping), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if self._arriving.done():
                self._hear(self._arriving.result())
            if stopping.done() and self._is_open():
                self._end(_STOPPING)
            elif self._now() >= due and self._is_open():
                place, more = await self._look(place)
                due = self._now() + (0.0 if more else LOOK_S)
            await self._flush()

    async def _look(self, place: Position) -> tuple[Position, bool]:
        """Tells what was stored behind ``place``, and gives where to go on and whether there is more."""
        try:
            found = await self._read(place) if await self._line.admitted() else None
        except (LookUpFailed, DBAPIError, PoolTimeout):
            found = LogLines([], place)
        if found is None:
            self._end(_SHUT)
            return place, False
        now = self._now()
        for row in found.rows:
            self._protocol.send_text(_told(row))
        if now - max(self._heard, self._pinged) >= SILENCE_S:
            self._protocol.send_ping(b"")
            self._pinged = now
        if now - self._heard >= DEAF_S:
            raise TimeoutError
        self._behind = (now if self._behind is None else self._behind) if found.more else None
        if self._behind is not None and now - self._behind >= BEHIND_S:
            self._end(_BEHIND)
        return found.after, found.more

    async def _read(self, place: Position) -> LogLines | None:
        """None when the project is not for whoever listens any more."""
        services, request = self._services, self._request
        actor, project = key_actor(request.key, request.address), named_project(request)
        try:
            return await asyncio.to_thread(
                live.log_lines, services.context, services.store, actor, project=project, after=place
            )
        except ServiceError:
            return None

    def _is_open(self) -> bool:
        return self._protocol.state is State.OPEN

    def _hear(self, data: bytes) -> None:
        """What the client sends is answered where the protocol asks for it, and looked at no further."""
        self._arriving = asyncio.create_task(self._line.receive())
        self._heard = self._now()
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._protocol.events_received()

    def _end(self, end: _End) -> None:
        self._protocol.send_close(end.code, end.reason)

    async def _flush(self) -> None:
        """Sends what is to be said. Raises ``TimeoutError`` when it is not read."""
        async with asyncio.timeout(SEND_S):
            for data in self._protocol.data_to_send():
                if data:
                    await self._line.send(data)

    async def _part(self) -> None:
        """Waits a moment for the client's answer to the end, so that it reads all that was sent."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while self._protocol.close_rcvd is None and (data := await self._arriving):
                    self._hear(data)


def _told(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(
        _Line(row["id"], row["level"], row["message"], row["service"], iso_text(row["ts"], 3)),
    )
