"""Connections to hosts that a user has named: to public addresses only, unless the operator allows more, and to the very address that was
looked at, whatever its name means a moment later. Otherwise the server would be everybody's way into the network behind it.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

#: Addresses that stand for others, some of which the standard library takes for public ones: 6to4, Teredo, NAT64, IPv4 in IPv6.
_DISGUISED = tuple(
    ipaddress.ip_network(text) for text in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48", "::/96")
)


class PrivateAddress(Exception):
    """The host has an address that is not public, and only public ones are allowed."""


class NoAddress(OSError):
    """The look-up of the name has not ended in time."""


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the public network, and is no other one in disguise."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif any(address in network for network in _DISGUISED):
            return False
    return address.is_global and not address.is_multicast


def connect(
    host: str, port: int, *, tls: bool, private: bool, seconds: float, piece_s: float | None = None
) -> http.client.HTTPConnection:
    """A connection that is open, and never opened again by itself: to the first address of ``host`` that takes it. ``private``: any
    address will do. ``seconds``: what look-up, connecting and agreeing on encryption may take in all; ``piece_s``: then between two pieces,
    by default as long. Raises :class:`PrivateAddress` when one of the addresses is not public, and ``OSError``.
    """
    until = time.monotonic() + seconds
    found = _look_up(host, port, seconds)
    if not private and not all(map(is_public, found)):
        raise PrivateAddress
    line = _reach(found, port, until)
    try:
        if tls:
            line.settimeout(_left(until))
            line = _tls().wrap_socket(line, server_hostname=host)
        line.settimeout(seconds if piece_s is None else piece_s)
    except BaseException:
        line.close()
        raise
    connection = http.client.HTTPConnection(host, port)
    connection.sock = line
    # Without it a connection that was closed would be opened anew, to whatever the name means then.
    connection.auto_open = False
    return connection


def words(error: Exception) -> str:
    """What kind of trouble it is; an error of the library may repeat an address with a secret in it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message or error.reason}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'failed'}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _look_up(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of ``host``. The system's look-up takes as long as it likes: beyond ``seconds`` nobody waits for it."""
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    found: list[str] = []
    trouble: list[Exception] = []

    def ask() -> None:
        try:
            found.extend(str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            trouble.append(error)

    thread = threading.Thread(target=ask, name="look-up", daemon=True)
    thread.start()
    thread.join(seconds)
    if trouble:
        raise trouble[0]
    if not found:
        raise NoAddress(0, "the look-up of the name takes too long")
    return found


def _reach(addresses: Sequence[str], port: int, until: float) -> socket.socket:
    """A connection to the first of ``addresses`` that takes one: a name may have some that this machine has no way to."""
    trouble: OSError | None = None
    for place, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), timeout=_left(until) / (len(addresses) - place))
        except OSError as error:
            trouble = error
    assert trouble is not None
    raise trouble


def _left(until: float) -> float:
    """Seconds until then. Raises ``TimeoutError`` when it has passed."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError(0, "timed out")
    return left


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Reading the authorities takes 20 ms."""
    return ssl.create_default_context()
