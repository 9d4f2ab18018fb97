"""Requests that no dialect owns, as the ASGI application behind the gateway wants them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from headrace.gateway.front.connection import Connection
from headrace.gateway.front.heads import Head

App = Callable[[Any, Any, Any], Awaitable[None]]

_log = logging.getLogger("headrace.gateway")


def make_scope(connection: Connection, head: Head, scheme: str) -> dict[str, Any]:
    """The ASGI scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": f"1.{head.minor}",
        "method": head.method,
        "scheme": scheme,
        "path": head.path,
        "raw_path": head.raw_path,
        "query_string": head.query,
        "root_path": "",
        "headers": head.pairs,
        "client": (connection.client, 0),
        "server": None,
        "state": {},
        "extensions": {},
    }


class Bridge:
    """One request's ``receive`` and ``send``. A client that sends nothing of its body for ``patience_s`` counts as gone."""

    def __init__(self, connection: Connection, body: bytes | None, patience_s: float) -> None:
        self._connection = connection
        self._body = body
        self._patience_s = patience_s
        self._complete = body is not None
        self._head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._started = False
        self._finished = False

    async def run(self, app: App, scope: dict[str, Any]) -> None:
        """Runs ``app`` to the end of its answer; what it fails to answer is a 500, or a connection that ends early."""
        try:
            await app(scope, self._receive, self._send)
        except asyncio.CancelledError:
            self._connection.abort()
            raise
        except Exception:
            _log.exception("a request to %s failed", scope["path"])
        if not self._finished:
            if self._started:
                self._connection.abort()
            else:
                self._connection.reply(500, (), b"", length=0)

    async def _receive(self) -> dict[str, Any]:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        if self._complete:
            return await self._connection.receive()
        try:
            async with asyncio.timeout(self._patience_s):
                message = await self._connection.receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        self._complete = not message.get("more_body", False)
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        connection = self._connection
        if message["type"] == "http.response.start":
            self._head = message["status"], list(message.get("headers", ()))
            return
        if message["type"] != "http.response.body" or self._head is None or self._finished:
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        status, headers = self._head
        sized = any(name.lower() == b"content-length" for name, _ in headers)
        if not self._started and not more:
            self._finished = True
            connection.reply(status, headers, body, length=None if sized else len(body))
            return
        if not self._started:
            self._started = True
            connection.start(status, headers, sized=sized, bodiless=connection.head.method == "HEAD")
        await connection.send(body)
        if not more:
            self._finished = True
            connection.finish()
