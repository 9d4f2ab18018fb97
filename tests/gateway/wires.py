"""Bytes on the wire: requests written out by hand, and a reader of answers that forgives nothing."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Self

from endpoints import BY_PATH, MAIN, Endpoint
from wire import TIMEOUT_S, Client, Reply

#: How long nothing has to come for a connection to count as silent, seconds.
QUIET_S = 0.2

_STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) ([1-5]\d\d) ([\x20-\x7e]*)\r\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)\r\n")
#: Of these an answer has one at most.
_SINGLE = ("content-length", "transfer-encoding", "content-type", "connection", "date", "server")


class Answer(NamedTuple):
    """``interim``: the statuses (1xx) that came before it."""

    version: str
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    interim: tuple[int, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.fields)

    @property
    def reply(self) -> Reply:
        return Reply(self.status, self.headers, self.body)


class Wire:
    """One connection to a server, a context manager. ``tls``: speaks it; ``room``: the client's receive buffer in bytes."""

    def __init__(
        self, server: Any, *, port: int | None = None, tls: ssl.SSLContext | None = None, room: int = 0
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT_S)
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.connect(("127.0.0.1", port or server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_as_far_as_it_goes(self, data: bytes) -> None:
        """As clients send that read their answer even when they could not send everything."""
        with suppress(ConnectionError):
            self.send(data)

    def end(self) -> None:
        """Says that nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def send_and_end(self, data: bytes) -> None:
        """``data`` and the end of it in one packet, if it fits into one."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self.send(data)
        self.end()

    def ask(self, data: bytes, *, method: str = "") -> Answer:
        """Sends a request; its answer, which must come."""
        self.send(data)
        return self.answer(method=method or data.lstrip().partition(b" ")[0].decode())

    def answer(self, *, method: str = "POST") -> Answer:
        """The next final answer; fails when the server closes instead."""
        found = self.answer_or_end(method=method)
        assert found is not None, "the server closed the connection without an answer"
        return found

    def answer_or_end(self, *, method: str = "POST") -> Answer | None:
        """The next final answer, None when the server has closed the connection."""
        interim: tuple[int, ...] = ()
        while True:
            line = self._file.readline()
            if not line and not interim:
                return None
            found = _STATUS_LINE.fullmatch(line)
            assert found, f"no status line: {line[:200]!r}"
            version, status = found[1].decode(), int(found[2])
            fields = self._fields()
            if status >= 200:
                return Answer(version, status, fields, self._body(method, version, status, dict(fields)), interim)
            assert fields == ()
            interim += (status,)

    def interim(self) -> int:
        """The status of an interim answer, which must come next."""
        found = _STATUS_LINE.fullmatch(self._file.readline())
        assert found, "no interim answer"
        assert self._fields() == ()
        return int(found[2])

    def assert_ended(self, *, after_all: bool = True) -> None:
        """Nothing more comes, and the server has closed its side; in order, unless it has not read ``after_all``."""
        try:
            assert self._file.read() == b""
        except ConnectionError:
            assert not after_all, "the server reset the connection"

    def assert_silent(self) -> None:
        """The connection is open, and nothing comes."""
        self.socket.settimeout(QUIET_S)
        try:
            found = self.socket.recv(1)
        except TimeoutError:
            return
        finally:
            self.socket.settimeout(TIMEOUT_S)
        raise AssertionError(f"expected nothing, came {found!r}")

    def _fields(self) -> tuple[tuple[str, str], ...]:
        fields = []
        while (line := self._file.readline()) != b"\r\n":
            found = _FIELD.fullmatch(line)
            assert found, f"no header: {line!r}"
            fields.append((found[1].decode().lower(), found[2].decode("latin-1")))
        names = [name for name, _ in fields]
        assert all(names.count(name) <= 1 for name in _SINGLE), names
        return tuple(fields)

    def _body(self, method: str, version: str, status: int, headers: dict[str, str]) -> bytes:
        length, coding = headers.get("content-length"), headers.get("transfer-encoding")
        assert length is None or coding is None, "a length and a transfer coding"
        assert coding is None or (coding == "chunked" and version == "1.1"), coding
        if status in (204, 304):
            assert coding is None
            assert length is None or status == 304
            return b""
        if method == "HEAD":
            return b""
        if coding:
            return b"".join(self._chunks())
        if length is None:
            assert version == "1.0" or headers.get("connection", "").lower() == "close", "a body without an end"
            return self._file.read()
        assert length.isdigit()
        body = self._file.read(int(length))
        assert len(body) == int(length), "the answer is cut short"
        return body

    def _chunks(self) -> Iterator[bytes]:
        while True:
            found = _CHUNK.fullmatch(self._file.readline())
            assert found, "no chunk size"
            size = int(found[1], 16)
            chunk = self._file.read(size)
            assert len(chunk) == size, "the answer is cut short"
            assert self._file.read(2) == b"\r\n"
            if not size:
                return
            yield chunk


# --- requests


def raw(
    method: str, target: str, *lines: str | bytes, body: bytes = b"", version: str = "1.1", length: str | None = ""
) -> bytes:
    """A request as written: ``lines`` are its headers. ``length``: what Content-Length says, "" the truth (or nothing where there is
    no body), None nothing.
    """
    head = [f"{method} {target} HTTP/{version}".encode("latin-1")]
    head += [line.encode("latin-1") if isinstance(line, str) else line for line in lines]
    if length == "" and body:
        length = str(len(body))
    if length:
        head.append(f"Content-Length: {length}".encode())
    return b"\r\n".join([*head, b"", b""]) + body


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def in_chunks(body: bytes, size: int, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(chunk(body[start : start + size]) for start in range(0, len(body), size)) + end


class Target(NamedTuple):
    """Something to ask for. ``endpoint`` is there for what stores a record; ``status`` answers it."""

    name: str
    method: str
    path: str
    lines: Callable[[Client], tuple[str, ...]]
    body: Callable[[Client], bytes]
    status: int
    endpoint: Endpoint | None = None

    def raw(self, client: Client, *more: str | bytes, host: str = "Host: headrace.test", **options: Any) -> bytes:
        """The request, with ``more`` headers."""
        body = options.pop("body", None)
        body = self.body(client) if body is None else body
        lines = ((host,) if host else ()) + self.lines(client)
        return raw(self.method, options.pop("path", self.path), *lines, *more, body=body, **options)

    def check(self, answer: Answer) -> Answer:
        assert answer.status == self.status, (self.name, answer)
        return answer


def _ingest(endpoint: Endpoint) -> Target:
    def lines(client: Client) -> tuple[str, ...]:
        return tuple(f"{name}: {value}" for name, value in _headers(endpoint, client).items())

    return Target(endpoint.path, "POST", endpoint.path, lines, endpoint.body, endpoint.status, endpoint)


def _headers(endpoint: Endpoint, client: Client) -> dict[str, str]:
    return {"Content-Type": "application/json", **endpoint.header(client.key)}


def _read(path: str, *, keyed: bool = False) -> Target:
    def lines(client: Client) -> tuple[str, ...]:
        return (f"Authorization: Bearer {client.key}",) if keyed else ()

    return Target(path, "GET", path, lines, lambda _: b"", 200)


INGEST = tuple(map(_ingest, MAIN))
POINT = _ingest(BY_PATH["/v1/ingest"])
BATCH = _ingest(BY_PATH["/v1/ingest/batch"])
#: A vendor's read, one of our own API, one without a key, a page.
READS = (_read("/v1/stats", keyed=True), _read("/api/headrace/stats", keyed=True), _read("/healthz"), _read("/"))
ALIVE = READS[2]
TARGETS = (*INGEST, *READS)
#: What :func:`stored` finds when each of ``INGEST`` has come once: three of them make a point, three an event.
ONCE_EACH = (3, 3, 3, 3, 1)


def stored(client: Client) -> list[int]:
    """Rows of the kind that each of ``INGEST`` makes. The store must have caught up."""
    return [target.endpoint.count(client) for target in INGEST if target.endpoint]


def assert_usable(wire: Wire, client: Client) -> None:
    """The connection takes another request, and nothing stands between it and its answer."""
    ALIVE.check(wire.ask(ALIVE.raw(client)))


def assert_usable_or_ended(wire: Wire, client: Client) -> None:
    """Whichever it is, it is one of both: nothing else is answered. A server that has closed may reset what is still sent."""
    try:
        wire.send(ALIVE.raw(client))
        answer = wire.answer_or_end(method="GET")
    except ConnectionError:
        return
    assert answer is None or answer.status == 200, answer


def ask_once(client: Client, data: bytes, method: str = "") -> Answer:
    """The answer; behind it the connection is usable, or it has ended."""
    with Wire(client.server) as wire:
        answer = wire.ask(data, method=method)
        assert_usable_or_ended(wire, client)
    return answer


@contextmanager
def many(server: Any, number: int) -> Iterator[list[Wire]]:
    """``number`` connections at once."""
    wires: list[Wire] = []
    try:
        for _ in range(number):
            wires.append(Wire(server))
        yield wires
    finally:
        for wire in wires:
            wire.__exit__()
