"""One look at a page: whether it answers, with what, and how fast (seestack.md 2.5)."""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
from contextlib import closing
from typing import NamedTuple

from headrace.outward.connecting import PrivateAddress, connect, words
from headrace.outward.urls import BadUrl, follow, read_url

#: Seconds that a look may take in all, redirects followed in one, and bytes of the head of one answer.
VISIT_S = 30.0
REDIRECTS = 5
HEAD_MAX = 64 << 10

_PIECE = 4_096
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_ELSEWHERE = frozenset((301, 302, 303, 307, 308))
_INTERIM = range(100, 200)
_UP = range(200, 400)
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close", "User-Agent": "Headrace"}


class Visit(NamedTuple):
    """``code``: the status of the last answer, 0 when there was none; ``reason``: for people why it is not up, "" when it is."""

    up: bool
    code: int
    duration_ms: float
    reason: str


class _Failed(Exception):
    """There is no answer; the text says why."""


def visit(url: str, *, private: bool, seconds: float = VISIT_S) -> Visit:
    """Asks for ``url`` once. ``private``: addresses of one's own network will do. Of an answer no more than its head is read."""
    started = time.monotonic()
    until = started + seconds
    code, reason = 0, ""
    try:
        code = _final_status(url, private, until)
    except (_Failed, BadUrl) as error:
        reason = str(error)
    except PrivateAddress:
        reason = "the host has a private address: uptime_private=yes allows it"
    except TimeoutError:
        reason = f"no answer within {seconds:g} s"
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        reason = words(error)
    duration_ms = (time.monotonic() - started) * 1000
    if code and code not in _UP:
        reason = f"status {code}"
    return Visit(code in _UP, code, duration_ms, reason)


def _final_status(url: str, private: bool, until: float) -> int:
    """The status of the answer that sends us nowhere else."""
    for _ in range(REDIRECTS + 1):
        status, location = _ask(url, private, until)
        if status not in _ELSEWHERE or not location:
            return status
        url = _follow(url, location)
    raise _Failed(f"more than {REDIRECTS} redirects")


def _ask(url: str, private: bool, until: float) -> tuple[int, str]:
    """Status and ``Location`` of one answer."""
    target = read_url(url)
    connection = connect(target.host, target.port, tls=target.tls, private=private, seconds=_left(until))
    with closing(connection):
        connection.sock.settimeout(_left(until))
        connection.request("GET", target.path, headers={"Host": target.authority, **_HEADERS})
        return _read_answer(connection.sock, until)


def _follow(url: str, location: str) -> str:
    try:
        return follow(url, location)
    except BadUrl:
        raise _Failed("a redirect leads to what is no HTTP address") from None


def _read_answer(line: socket.socket, until: float) -> tuple[int, str]:
    """Of the first answer that is not an interim one. The library would take a head that breaks off for a whole one."""
    held = b""
    while True:
        while not (end := _END_OF_HEAD.search(held)):
            if len(held) > HEAD_MAX:
                raise _Failed(f"the head of the answer is longer than {HEAD_MAX >> 10} KiB")
            line.settimeout(_left(until))
            piece = line.recv(_PIECE)
            if not piece:
                raise _Failed("the connection was closed in the middle of the answer" if held else "no answer")
            held += piece
        first, _, fields = held[: end.end()].partition(b"\n")
        status = _status_of(first.rstrip(b"\r"))
        if status not in _INTERIM:
            location = http.client.parse_headers(io.BytesIO(fields)).get("Location", "")
            return status, location.encode("latin-1", "replace").decode("utf-8", "replace")
        held = held[end.end() :]


def _status_of(line: bytes) -> int:
    protocol, _, rest = line.partition(b" ")
    code = rest[:3]
    if not protocol.startswith(b"HTTP/") or not code.isdigit() or not 100 <= int(code) <= 599 or rest[3:4].strip():
        raise _Failed("what answers does not speak HTTP")
    return int(code)


def _left(until: float) -> float:
    """Seconds until then. Raises ``TimeoutError`` when it has passed."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
