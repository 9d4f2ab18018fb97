"""A StatHat export as a client sees it: one host, no redirects, bounded in time and size, patient with rates.

The address comes from a user: only https to public addresses (``outward.connecting``), unless the operator allows more.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from headrace.outward.connecting import PrivateAddress, connect, words

#: Bytes of one answer, and seconds it may take in all and between two pieces of it.
ANSWER_MAX = 32 << 20
ANSWER_S = 120.0
PIECE_S = 20.0
_PIECE = 1 << 16
#: Characters of an address.
ADDRESS_MAX = 2_000
#: Waits before a request is repeated, seconds: from the first on doubled up to the last. How often, when the source does not answer and
#: when it asks for patience.
FIRST_WAIT_S, LAST_WAIT_S = 2.0, 60.0
TRIES, RATE_TRIES = 6, 40

#: Waits so many seconds; True: stop waiting and give up, the server ends.
Wait = Callable[[float], bool]


class BadAddress(ValueError):
    """An address that nothing is fetched from; the text says why."""


class SourceFailed(Exception):
    """The source cannot be read: the import has failed. The text never holds the token."""


class Stopped(Exception):
    """The server ends; the import goes on after its next start."""


class _Again(Exception):
    """Worth repeating."""


class Place(NamedTuple):
    """Where an export is: scheme, host, port and the path in front of ``/x/``."""

    scheme: str
    host: str
    port: int
    path: str


def read_address(text: str, *, private: bool) -> Place:
    """The place of ``text``, an address without query or user. ``private``: http will do. Raises :class:`BadAddress`."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        (parts.hostname or "").encode("idna")  # what no look-up takes either
    except ValueError:
        raise BadAddress("base_url must be an https address") from None
    if len(text) > ADDRESS_MAX or parts.scheme not in ("https", "http") or not parts.hostname or not text.isascii():
        raise BadAddress("base_url must be an https address")
    if parts.scheme == "http" and not private:
        raise BadAddress("base_url must be an https address: import_private=yes allows others")
    if parts.query or parts.fragment or "@" in parts.netloc or not text.strip().isprintable() or " " in text.strip():
        raise BadAddress("base_url is a scheme, a host and perhaps a port and a path, nothing else")
    return Place(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/"))


class Source:
    """One export under one token. ``wait`` is told how long to be patient. Used by one thread; ``close`` may be called by another."""

    def __init__(self, place: Place, token: str, *, private: bool, wait: Wait) -> None:
        self._place = place
        self._token = token
        self._private = private
        self._wait = wait
        self._connection: http.client.HTTPConnection | None = None
        #: Whether the connection has served a request before this one.
        self._kept = False
        self._closed = False

    def close(self) -> None:
        """Ends the connection, also under a request that waits."""
        self._closed = True
        self._hang_up()

    def stats(self, offset: int) -> list[Any]:
        """A page of the list of stats. Raises :class:`SourceFailed`, :class:`Stopped`."""
        found = self._get("/statlist", {"offset": str(offset)})
        if found is None:
            raise SourceFailed("there is no StatHat export at this address")
        return found

    def data(self, ids: Sequence[str], timeframe: str, start: int) -> list[Any] | None:
        """Datasets of the stats ``ids`` from ``start`` (Unix seconds); None when the source knows none of them."""
        path = "/data/" + "/".join(quote(one, safe="") for one in ids)
        return self._get(path, {"t": timeframe, "start": str(start)})

    def _get(self, path: str, query: dict[str, str]) -> list[Any] | None:
        """The array at ``path``, None for a 404."""
        target = f"{self._place.path}/x/{quote(self._token, safe='')}{path}?{urlencode(query)}"
        pause, failed, refused = FIRST_WAIT_S, 0, 0
        while True:
            if self._closed:
                raise Stopped
            try:
                status, body = self._ask(target)
                if not _is_rate(status, body):
                    return _array(status, body)
                refused += 1
                trouble = "the source keeps saying that its rate limit is exceeded"
            except (_Again, OSError, http.client.HTTPException) as error:
                kept = self._kept
                self._hang_up()
                if kept and isinstance(error, ConnectionError):
                    continue  # the source has ended a connection that it had kept for a while
                failed += 1
                trouble = f"the source does not answer: {error if isinstance(error, _Again) else words(error)}"
            if failed >= TRIES or refused >= RATE_TRIES:
                raise SourceFailed(trouble)
            if self._wait(pause):
                raise Stopped
            pause = min(LAST_WAIT_S, pause * 2)

    def _ask(self, target: str) -> tuple[int, bytes]:
        connection = self._connection
        self._kept = connection is not None and connection.sock is not None
        if connection is None or not self._kept:
            connection = self._connect()
        until = time.monotonic() + ANSWER_S
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Headrace"}
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        pieces, size = [], 0
        while piece := answer.read(_PIECE):
            size += len(piece)
            if size > ANSWER_MAX:
                self._hang_up()
                raise SourceFailed(f"the source sent more than {ANSWER_MAX >> 20} MiB at once")
            if time.monotonic() > until:
                raise _Again("it is too slow")
            pieces.append(piece)
        if answer.status >= 500:
            raise _Again(f"status {answer.status}")
        return answer.status, b"".join(pieces)

    def _connect(self) -> http.client.HTTPConnection:
        """A connection to an address of the host that was looked at, whatever its name means a moment later."""
        place = self._place
        tls = place.scheme == "https"
        try:
            connection = connect(place.host, place.port, tls=tls, private=self._private, seconds=PIECE_S)
        except PrivateAddress:
            raise SourceFailed("the host has a private address: import_private=yes allows it") from None
        self._connection = connection
        return connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()


def _is_rate(status: int, body: bytes) -> bool:
    """StatHat tells it inside a 200, with an object where an array is due (stathat.md 1.8)."""
    return status == http.client.TOO_MANY_REQUESTS or (
        status == http.client.OK and body.lstrip()[:1] == b"{" and b"rate limit" in body[:1_000].lower()
    )


def _array(status: int, body: bytes) -> list[Any] | None:
    if status == http.client.NOT_FOUND:
        return None
    if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        raise SourceFailed("the source does not take this access token")
    if 300 <= status < 400:
        raise SourceFailed("the source sends us elsewhere: give the address that it points to")
    if status != http.client.OK:
        raise SourceFailed(f"the source answers {status}")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise SourceFailed("what the source sends is no StatHat export") from None
    if type(found) is not list:
        raise SourceFailed("what the source sends is no StatHat export")
    return found
