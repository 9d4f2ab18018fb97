"""What a setting's value may look like: small parsers from text, whole number or list to the field's type.

Each takes the raw value and raises ``ValueError`` with the rest of an error line: what is wrong and what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
_UNITS = {"": 1, "B": 1, "KIB": KIB, "MIB": MIB, "GIB": GIB, "TIB": TIB}


class SettingsError(Exception):
    """A bad setting. The text is one line: where it stands, what is wrong, what would be right."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where


Network = IPv4Network | IPv6Network
Parse = Callable[[Any], Any]


class Listener(NamedTuple):
    """An address to listen on. ``tls`` None: TLS when a certificate is set, but never on port 80."""

    host: str
    port: int
    tls: bool | None = None

    def speaks_tls(self, *, certificate: bool) -> bool:
        return (certificate and self.port != 80) if self.tls is None else self.tls

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - every parser fault is a ValueError with its line
    if not value.isprintable():
        raise ValueError("holds control characters")
    return value


def parse_path(value: Any) -> Path:
    return Path(parse_text(value)).expanduser()


def parse_host(value: Any) -> str:
    text = parse_text(value).strip("[]")
    try:
        return str(ip_address("127.0.0.1" if text == "localhost" else text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address to listen on (127.0.0.1, 0.0.0.0, ::1, …)") from None


def parse_whole(low: int, high: int, what: str) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        text = str(value).replace("_", "").strip()
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"{str(value)!r} is not {what}")
        return int(text)

    return parse


parse_port = parse_whole(1, 65535, "a port (1 to 65535)")


def parse_size(low: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        match = re.fullmatch(r"([0-9]{1,15})\s*([A-Za-z]*)", str(value).replace("_", "").strip(), re.ASCII)
        if isinstance(value, bool) or match is None or match[2].upper() not in _UNITS:
            raise ValueError(f"{str(value)!r} is not a size (bytes, or a whole number with KiB, MiB, GiB or TiB)")
        size = int(match[1]) * _UNITS[match[2].upper()]
        if not low <= size <= 1 << 60:
            raise ValueError(f"{str(value)!r} is not a size from {low:,} bytes up")
        return size

    return parse


def parse_choice(*names: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in names:
            raise ValueError(f"{str(value)!r} is none of {', '.join(names)}")
        return str(value)

    return parse


def _items(value: Any) -> list[Any]:
    """A TOML list as it is; text cut at commas and spaces; ``none`` for an empty list."""
    if isinstance(value, list | tuple):
        return list(value)
    if not isinstance(value, str):
        raise ValueError("must be a list, or text with commas")  # noqa: TRY004
    return [] if value.strip() == "none" else value.replace(",", " ").split()


def _listener(text: str) -> Listener:
    scheme, found, rest = text.rpartition("://")
    if found and scheme not in ("http", "https"):
        raise ValueError(f"{text!r} is not ADDR:PORT, http://ADDR:PORT or https://ADDR:PORT")
    host, colon, port = rest.rpartition(":")
    if not colon or not host or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError(f"{text!r} is not ADDR:PORT (IPv6 as [::1]:8787)")
    return Listener(parse_host(host), parse_port(port), {"http": False, "https": True}.get(scheme))


def parse_listen(value: Any) -> tuple[Listener, ...]:
    listeners = tuple(_listener(str(item)) for item in _items(value))
    places = [(listener.host, listener.port) for listener in listeners]
    if len(set(places)) != len(places):
        raise ValueError("names one address twice")
    return listeners


def parse_networks(value: Any) -> tuple[Network, ...]:
    networks: list[Network] = []
    for item in _items(value):
        try:
            networks.append(ip_network(str(item)))
        except ValueError:
            raise ValueError(f"{str(item)!r} is not an address or network (10.0.0.0/8, without host bits)") from None
    return tuple(networks)


def parse_prefix(value: Any) -> str:
    text = parse_text(value).rstrip("/")
    if text and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text, re.ASCII):
        raise ValueError(f"{text!r} is not a path prefix (/headrace)")
    return text


def parse_token(value: Any) -> str:
    text = parse_text(value)
    if not re.fullmatch(r"[!-~]{1,255}", text):
        raise ValueError("must be 1 to 255 visible ASCII characters without spaces")
    return text


def parse_url(*schemes: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        text = parse_text(value)
        if text.partition("://")[0] not in schemes or "://" not in text:
            raise ValueError(f"must begin with {' or '.join(scheme + '://' for scheme in schemes)}")
        return text

    return parse
