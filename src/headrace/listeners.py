"""The sockets that the server answers on: one embedded granian server per address, its certificate renewed when the files change."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from headrace.settings import Listener, Settings

#: Connections waiting to be accepted.
BACKLOG = 1024

#: Requests handled at a time on one address; more wait at the socket.
CONCURRENCY = 1024

App = Callable[..., Awaitable[None]]
_log = logging.getLogger("headrace")


class ListenError(Exception):
    """An address cannot be bound. The text is one line."""


class Listeners:
    """All addresses of one server, from :meth:`start` to :meth:`stop`."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._servers: dict[Listener, tuple[Server, asyncio.Task[Any]]] = {}
        self._certificate = self._stamp()

    async def start(self) -> None:
        """Binds every address. Raises :class:`ListenError`."""
        for listener in self._settings.listeners:
            _check_free(listener)
            self._serve(listener)
        await asyncio.sleep(0)

    def _serve(self, listener: Listener) -> None:
        settings = self._settings
        tls = listener.speaks_tls(certificate=settings.tls_cert is not None)
        server = Server(
            self._app,
            address=listener.host,
            port=listener.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1 if not tls else HTTPModes.auto,
            http1_settings=HTTP1Settings(keep_alive=True),
            websockets=False,
            backlog=BACKLOG,
            backpressure=CONCURRENCY,
            log_enabled=False,
            ssl_cert=settings.tls_cert if tls else None,
            ssl_key=settings.tls_key if tls else None,
            url_path_prefix=settings.path_prefix or None,
        )
        self._servers[listener] = (server, asyncio.create_task(server.serve(), name=f"listen {listener}"))

    def _stamp(self) -> tuple[float, ...]:
        files: list[Path] = [path for path in (self._settings.tls_cert, self._settings.tls_key) if path is not None]
        try:
            return tuple(path.stat().st_mtime for path in files)
        except OSError:
            return ()

    async def renew(self) -> None:
        """Takes up a new certificate if the files changed: the addresses that speak TLS are opened anew."""
        stamp = self._stamp()
        if stamp == self._certificate or not stamp:
            return
        self._certificate = stamp
        for listener, (server, task) in list(self._servers.items()):
            if listener.speaks_tls(certificate=self._settings.tls_cert is not None):
                server.stop()  # type: ignore[no-untyped-call]
                await task
                self._serve(listener)
                _log.info("%s uses the new certificate", listener)

    def broken(self) -> BaseException | None:
        """Why an address is no longer served, None while all are."""
        for _, task in self._servers.values():
            if task.done():
                return task.exception() or RuntimeError("a listener ended")
        return None

    async def stop(self) -> None:
        """Stops accepting and waits for the requests that are under way."""
        for server, _ in self._servers.values():
            server.stop()  # type: ignore[no-untyped-call]
        for _, task in self._servers.values():
            with suppress(Exception):
                await task


def _check_free(listener: Listener) -> None:
    """Binds and lets go: the embedded server itself says nothing when an address is taken."""
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            raise ListenError(f"cannot listen on {listener}: {error.strerror}") from None
