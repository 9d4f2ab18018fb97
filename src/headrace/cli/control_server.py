"""The control socket's server side: runs operations for commands beside a running server."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from headrace.cli.control import LINE_BYTES, SOCKET_NAME, Failure, Reply, Request, socket_address
from headrace.cli.operations import run_operation

if TYPE_CHECKING:
    from headrace.app import House

#: Operations that run at once; more wait. They share the store's queries with the pages.
WORKERS = 2
_BACKLOG = 16

_log = logging.getLogger("headrace.control")


class ControlServer:
    """Listens on ``control.sock`` (0600) of the house's folder from :meth:`start` to :meth:`stop`. The caller holds the
    folder's lock, so that a socket already there is one that a killed process left behind.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._folder = -1
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(WORKERS, "control")

    @classmethod
    async def start(cls, house: House) -> Self:
        """Binds the socket and serves on the running loop. Raises ``OSError``."""
        control = cls(house)
        control._folder, listener = _listen(house.settings.data)
        control._server = await asyncio.start_unix_server(control._serve, sock=listener, limit=LINE_BYTES)
        return control

    async def stop(self) -> None:
        """Stops listening, ends all connections and waits for the operations that still run."""
        if self._server is not None:
            self._server.close()
        with suppress(OSError):  # gone, or on a file system that became read-only: the next start replaces it
            os.unlink(SOCKET_NAME, dir_fd=self._folder)
        os.close(self._folder)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while line := await reader.readline():
                writer.write(await self._answer(line) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # the other side left, sent a line without end, or the server stops
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> bytes:
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.DecodeError as error:
            return msgspec.json.encode(Reply(error=Failure("bad_request", str(error))))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._run, request)

    def _run(self, request: Request) -> bytes:
        return msgspec.json.encode(run_operation(self._house, request))


def _listen(data: Path) -> tuple[int, socket.socket]:
    """The folder's descriptor and the bound socket, its mode set before it has a name."""
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    listener = socket.socket(socket.AF_UNIX)
    try:
        with suppress(FileNotFoundError):
            os.unlink(SOCKET_NAME, dir_fd=folder)
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(socket_address(folder, data))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        os.close(folder)
        raise
    return folder, listener
