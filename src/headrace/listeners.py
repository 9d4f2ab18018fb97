"""The sockets that the server answers on: one embedded granian server per address, its certificate renewed when the files change."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server

from headrace.cli.serve import check_certificate
from headrace.settings import Listener, Settings, SettingsError

#: Connections waiting to be accepted.
BACKLOG = 1024

#: Files that a server asks the system to be allowed, and how many of those it has it keeps for itself.
FILES = 65_536
OWN_FILES = 512

#: How long a stop waits for requests under way before it ends them, and then for their answers, seconds.
GRACE_S = 3.0
LAST_WORDS_S = 1.0

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
        #: Servers with an old certificate, which end once their requests are answered.
        self._retired: set[asyncio.Task[Any]] = set()
        self._certificate = self._stamp()
        # The embedded server counts open connections here, idle ones too: with few, some 1,000 clients that keep theirs open would lock
        # out all others.
        self._connections = max(1, allow_files() - OWN_FILES) // len(settings.listeners)

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
            backpressure=max(1, self._connections),
            log_enabled=False,
            ssl_cert=settings.tls_cert if tls else None,
            ssl_key=settings.tls_key if tls else None,
            ssl_protocol_min=SSLProtocols.tls12,  # old programs speak no newer one
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
        """Takes up a new certificate if the files changed and belong together. For a moment the old server and the new one share the
        address: nobody is turned away.
        """
        stamp = self._stamp()
        if stamp == self._certificate or not stamp:
            return
        self._certificate = stamp
        try:
            check_certificate(self._settings)
        except SettingsError as error:
            _log.warning("the new certificate is not used yet: %s", error)
            return
        for listener, (server, task) in list(self._servers.items()):
            if listener.speaks_tls(certificate=True):
                self._serve(listener)
                await asyncio.sleep(0)
                server.stop()  # type: ignore[no-untyped-call]
                self._retired.add(task)
                task.add_done_callback(self._retired.discard)
                _log.info("%s uses the new certificate", listener)

    def broken(self) -> BaseException | None:
        """Why an address is no longer served, None while all are."""
        for _, task in self._servers.values():
            if task.done():
                return task.exception() or RuntimeError("a listener ended")
        return None

    async def stop(self, hang_up: Callable[[], Awaitable[None]]) -> None:
        """Stops accepting and waits for the requests that are under way; those that take longer than ``GRACE_S`` are ended by
        ``hang_up``.
        """
        for server, _ in self._servers.values():
            server.stop()  # type: ignore[no-untyped-call]
        tasks = {task for _, task in self._servers.values()} | self._retired
        if not await _ended(tasks, GRACE_S):
            await hang_up()
            if not await _ended(tasks, LAST_WORDS_S):
                _log.warning("some clients did not end their connections in time")


async def _ended(tasks: set[asyncio.Task[Any]], within_s: float) -> bool:
    return not tasks or not (await asyncio.wait(tasks, timeout=within_s))[1]


def allow_files() -> int:
    """Asks for as many open files as a server may need; gives how many it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return FILES if soft == resource.RLIM_INFINITY else min(FILES, soft)


def _check_free(listener: Listener) -> None:
    """Binds and lets go: the embedded server itself says nothing when an address is taken."""
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            raise ListenError(f"cannot listen on {listener}: {error.strerror}") from None
