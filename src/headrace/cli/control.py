"""The control socket: its name, its wire form and the client.

``serve`` listens on ``control.sock`` in the data folder. One JSON object a line, either way: ``{"op": …, "args": {…}}``, answered
by ``{"ok": …}`` or ``{"error": {"code": …, "message": …}}``. A connection carries any number of requests, one after the other.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Self

import msgspec

from headrace.cli.errors import CliError

SOCKET_NAME = "control.sock"

#: Longest request, bytes.
LINE_BYTES = 1024 * 1024
#: How long the client waits for an answer, seconds; longer than any query's own budget.
ANSWER_S = 120.0
_CHUNK = 64 * 1024


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    op: str
    args: dict[str, Any] = {}


class Failure(msgspec.Struct, frozen=True):
    code: str
    message: str


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exactly one of the two; ``ok`` may be null."""

    ok: Any = msgspec.UNSET
    error: Failure | msgspec.UnsetType = msgspec.UNSET


def socket_address(folder: int, data: Path) -> str:
    """A short name for the socket in ``data``, which is open as descriptor ``folder``: an address holds 108 bytes at most,
    whatever the depth of the folder.
    """
    short = f"/proc/self/fd/{folder}/{SOCKET_NAME}"
    return short if os.path.isdir(os.path.dirname(short)) else str(data / SOCKET_NAME)  # noqa: PTH112, PTH120 - /proc


class Control:
    """A connection to the server that runs on a folder."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = b""

    @classmethod
    def connect(cls, data: Path) -> Self | None:
        """Connects to the server on ``data``; None when none runs there. Raises :class:`CliError` when it may not."""
        try:
            folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(ANSWER_S)
        try:
            connection.connect(socket_address(folder, data))
        except PermissionError:
            connection.close()
            raise CliError(f"the server on {data} belongs to another user; run this as that user") from None
        except OSError:
            connection.close()
            return None
        finally:
            os.close(folder)
        return cls(connection)

    def call(self, op: str, args: dict[str, Any]) -> Any:
        """Has the server run ``op``. Raises :class:`CliError` with the server's line."""
        try:
            self._connection.sendall(msgspec.json.encode(Request(op, args)) + b"\n")
            reply = msgspec.json.decode(self._line(), type=Reply)
        except TimeoutError:
            raise CliError(f"the server has not answered {op} within {ANSWER_S:.0f} s") from None
        except (OSError, msgspec.DecodeError):
            raise CliError("the server went away before it answered") from None
        if isinstance(reply.error, Failure):
            raise CliError(reply.error.message)
        return reply.ok

    def _line(self) -> bytes:
        parts = [self._pending]
        while b"\n" not in parts[-1]:
            chunk = self._connection.recv(_CHUNK)
            if not chunk:
                raise ConnectionResetError
            parts.append(chunk)
        line, _, self._pending = b"".join(parts).partition(b"\n")
        return line

    def close(self) -> None:
        self._connection.close()
