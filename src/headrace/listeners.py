"""The sockets that the server answers on: one per address, all in front of one gateway; certificates renewed when the files change."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from headrace.cli.serve import check_certificate
from headrace.gateway.front.front import Begin, Front
from headrace.settings import Settings, SettingsError

#: Connections waiting to be accepted.
BACKLOG = 1024

#: Files that a server asks the system to be allowed, and how many of those it has it keeps for itself.
FILES = 65_536
OWN_FILES = 512

#: How long a client may take to agree on encryption, seconds.
HANDSHAKE_S = 15.0

#: How long a stop waits for requests under way before it ends them, and then for their answers, seconds.
GRACE_S = 3.0
LAST_WORDS_S = 1.0

_log = logging.getLogger("headrace")


class ListenError(Exception):
    """An address cannot be bound. The text is one line."""


class Listeners:
    """All addresses of one server, from :meth:`start` to :meth:`stop`. ``begin`` is the gateway's."""

    def __init__(self, begin: Begin, settings: Settings) -> None:
        self._settings = settings
        self._front = Front(begin, prefix=settings.path_prefix, most=max(1, allow_files() - OWN_FILES))
        self._servers: list[asyncio.Server] = []
        self._tls = _context(settings)
        self._certificate = self._stamp()

    async def start(self) -> None:
        """Binds every address. Raises :class:`ListenError`."""
        loop = asyncio.get_running_loop()
        for listener in self._settings.listeners:
            tls = self._tls if listener.speaks_tls(certificate=self._tls is not None) else None
            try:
                self._servers.append(
                    await loop.create_server(
                        partial(self._front.connection, "https" if tls else "http"),
                        listener.host,
                        listener.port,
                        backlog=BACKLOG,
                        ssl=tls,
                        ssl_handshake_timeout=HANDSHAKE_S if tls else None,
                    )
                )
            except OSError as error:
                raise ListenError(f"cannot listen on {listener}: {_why(error)}") from None

    def _stamp(self) -> tuple[float, ...]:
        files: list[Path] = [path for path in (self._settings.tls_cert, self._settings.tls_key) if path is not None]
        try:
            return tuple(path.stat().st_mtime for path in files)
        except OSError:
            return ()

    def sweep(self) -> None:
        """Ends connections that take too long."""
        self._front.sweep()

    async def renew(self) -> None:
        """Takes up a new certificate if the files changed and belong together: connections made from now on are shown it."""
        stamp = self._stamp()
        if stamp == self._certificate or not stamp or self._tls is None:
            return
        self._certificate = stamp
        try:
            check_certificate(self._settings)
        except SettingsError as error:
            _log.warning("the new certificate is not used yet: %s", error)
            return
        _show(self._tls, self._settings)
        _log.info("the new certificate is used")

    async def stop(self, hang_up: Callable[[], Awaitable[None]]) -> None:
        """Stops accepting and waits for the requests that are under way; those that take longer than ``GRACE_S`` are ended by
        ``hang_up``.
        """
        for server in self._servers:
            server.close()
        self._front.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._front.drained(), GRACE_S)
            return
        await hang_up()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._front.drained(), LAST_WORDS_S)
            return
        _log.warning("some clients did not end their connections in time")
        self._front.abort()


def _context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # old programs speak no newer one
    context.set_alpn_protocols(["http/1.1"])
    _show(context, settings)
    return context


def _show(context: ssl.SSLContext, settings: Settings) -> None:
    assert settings.tls_cert is not None
    context.load_cert_chain(settings.tls_cert, settings.tls_key)


def _why(error: OSError) -> str:
    """The system's words alone: asyncio puts its own around them."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def allow_files() -> int:
    """Asks for as many open files as a server may need; gives how many it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return FILES if soft == resource.RLIM_INFINITY else min(FILES, soft)
