"""Pages at a loopback address, for clocks to look at: each path answers with the bytes it is given, as slowly as it is told."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterable

from wire import TIMEOUT_S


class Pages:
    """A server that gives each path its pieces of bytes, waits in between for as long as nobody hangs up where a piece is None, then hangs
    up. ``asked`` holds the heads of the requests.
    """

    def __init__(
        self, answers: dict[str, Iterable[bytes | None]] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self.answers = answers or {}
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._lines: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            line.settimeout(TIMEOUT_S)
            thread = threading.Thread(target=self._answer, args=(line,))
            self._lines.append(line)
            self._threads.append(thread)
            thread.start()

    def _answer(self, line: socket.socket) -> None:
        try:
            if self._tls is not None:
                line = self._tls.wrap_socket(line, server_side=True)
                self._lines.append(line)
            self._serve(line)
        except OSError:
            pass
        finally:
            line.close()

    def _serve(self, line: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = line.recv(4096)
            if not piece:
                return
            head += piece
        self.asked.append(head.decode())
        for part in self.answers[head.split()[1].decode()]:
            if part is None:
                line.recv(1)  # until the client hangs up
            else:
                line.sendall(part)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        for line in self._lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join()


def head(status: int, **headers: str) -> bytes:
    """An answer without a body."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()
