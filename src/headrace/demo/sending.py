"""Sends what the demo makes to a server, one request after the other on one connection."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from headrace.demo.week import Shipment

#: How long an answer may take, seconds.
ANSWER_S = 60.0
#: Times that a request is sent when the server asks for patience, and the longest pause before the next one, seconds.
TRIES, PAUSE_MAX_S = 8, 10.0
PATIENCE = (429, 503)

#: The headers in which the dialects look for a key; the others' is ``Authorization``.
_HEADERS = {"slowstats": "X-API-Key", "seestack": "X-SeeStack-Key"}


class SendError(Exception):
    """The server cannot be reached, or refuses a record. The text is one line."""


class NoServer(SendError):
    """Nobody answers at the address."""


class Sender:
    """One connection to ``url`` (http or https, with or without a path prefix), a context manager. ``sleep``: how to wait."""

    def __init__(self, url: str, key: str, sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SendError(f"{url} is no address of a server: it begins with http:// or https://")
        self._url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._key = key
        self._sleep = sleep
        connect = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
        self._connection = connect(parts.hostname, parts.port, timeout=ANSWER_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def check(self) -> None:
        """Raises :class:`SendError` unless a Headrace that takes records answers."""
        status, body = self._ask("GET", "/readyz", b"", {})
        if status != 200 or b'"ready"' not in body:
            raise SendError(f"{self._url} is no Headrace that takes records now (it answered {status} at /readyz)")

    def send(self, shipment: Shipment) -> None:
        """Sends one request and makes sure that it was accepted. Raises :class:`SendError`."""
        headers = {"Content-Type": shipment.content_type}
        name = _HEADERS.get(shipment.dialect) if shipment.path.startswith(("/ingest/", "/api/slowstats/")) else None
        headers |= {name: self._key} if name else {"Authorization": f"Bearer {self._key}"}
        status, body = self._ask("POST", shipment.path, shipment.body, headers)
        # StatHat tells of a refusal inside a 200.
        accepted = 200 <= status < 300 and not (shipment.dialect == "stathat" and b'"status":200' not in body)
        if accepted or (shipment.refusable and status < 500):
            return
        if status == 401:
            raise SendError(f"{self._url} does not know this folder's keys: name the folder of that server with --data")
        raise SendError(f"{shipment.path} answered {status}: {body[:200].decode(errors='replace')}")

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        for tries_left in range(TRIES - 1, -1, -1):
            try:
                self._connection.request(method, self._prefix + path, body or None, headers)
                answer = self._connection.getresponse()
                status, content = answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise NoServer(f"no answer from {self._url}: {str(error) or type(error).__name__}") from None
            if status not in PATIENCE or not tries_left:
                break
            self._sleep(_pause(answer.getheader("Retry-After")))
        return status, content


def _pause(asked: str | None) -> float:
    return min(PAUSE_MAX_S, float(asked)) if asked and asked.isdigit() else 1.0
