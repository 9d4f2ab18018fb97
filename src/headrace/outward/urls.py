"""Addresses of pages as people write them, and as pages that send us elsewhere do."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

#: Characters of an address that people give. Pages that send us elsewhere may need more.
URL_MAX = 2_000
#: What stands in a request's target as it is; everything else is percent-encoded.
_AS_IT_IS = "/?:@!$&'()*+,;=%~-._[]"


class BadUrl(ValueError):
    """Not the address of a page; the text says why."""


class Target(NamedTuple):
    """Where a page is: what to connect to, and what to ask for there."""

    tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the header ``Host`` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.tls] else f"{host}:{self.port}"


_PORTS = {False: 80, True: 443}


def check_url(text: str) -> None:
    """Raises :class:`BadUrl` unless ``text`` is an address that a page may be named by."""
    if len(text) > URL_MAX:
        raise BadUrl(f"must be at most {URL_MAX:,} characters")
    read_url(text)


def read_url(text: str) -> Target:
    """What ``text`` names, however long it is; what stands behind # is left out. Raises :class:`BadUrl`."""
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:
        raise BadUrl("must be a valid HTTP/HTTPS URL") from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or not text.isprintable() or " " in text:
        raise BadUrl("must be a valid HTTP/HTTPS URL")
    if "@" in parts.netloc:
        raise BadUrl("must not hold a user or a password")
    tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(tls, host, port or _PORTS[tls], quote(path, safe=_AS_IT_IS))


def follow(text: str, location: str) -> str:
    """Where an answer of the page at ``text`` sends us. Raises :class:`BadUrl` when that is no page."""
    try:
        url = urljoin(text, location.strip().replace(" ", "%20"), allow_fragments=False)
    except ValueError:
        raise BadUrl("must be a valid HTTP/HTTPS URL") from None
    read_url(url)
    return url
