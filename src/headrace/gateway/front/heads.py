"""The head of a request: request line and headers, read by llhttp; clients send the same one again and again, so heads are kept."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
    parse_url,
)

#: Bytes of a request's target, and of its whole head.
TARGET_MAX = 64 * 1024
HEAD_MAX = 128 * 1024

#: The versions of HTTP that are spoken, by their minor number.
VERSIONS = ("1.0", "1.1")

#: Heads that are kept, and the size of the largest of them, bytes.
KEPT = 512
KEPT_BYTES = 2_048

#: ``Head.length`` of a body that comes in chunks.
CHUNKED: Final = -1

#: What a client sends anew with every request: its heads are not worth keeping.
_FLEETING = (b"idempotency-key", b"traceparent", b"x-request-id", b"sec-websocket-key")
_UNESCAPED = re.compile(rb"[\x80-\xff]")
_BLANKS = re.compile(rb"[ \t]+\r\n")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}(?: |\Z)")


class BadHead(Exception):
    """A head that no dialect gets to see. ``status`` is its empty answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Head:
    """``path`` is percent-decoded and without the path prefix, ``query`` as sent; ``pairs`` are the headers in their order with
    lower-case names, ``headers`` the first of each name. ``length`` is that of the body in bytes, or :data:`CHUNKED`. ``notes`` is for
    whoever looks at the head again: what depends on nothing else needs to be found out only once.
    """

    __slots__ = (
        "expects",
        "headers",
        "keeps_alive",
        "length",
        "method",
        "minor",
        "notes",
        "pairs",
        "path",
        "query",
        "raw_path",
    )

    def __init__(self, method: str, target: bytes, pairs: list[tuple[bytes, bytes]], prefix: str = "") -> None:
        self.method = method
        self.raw_path, _, self.query = _origin_form(target)
        self.path = _cut(unquote_to_bytes(self.raw_path).decode("utf-8", "replace"), prefix)
        self.pairs = pairs
        self.headers: dict[bytes, bytes] = dict(reversed(pairs))
        #: 1 for HTTP/1.1, 0 for HTTP/1.0.
        self.minor = 1
        self.keeps_alive = True
        self.length = 0
        #: The client waits for ``100 Continue`` before it sends the body.
        self.expects = False
        self.notes: dict[str, Any] = {}


class Heads:
    """Reads heads. ``prefix``: the path in front of every route, "" or "/x"."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._kept: dict[bytes, Head] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def read(self, raw: bytes) -> Head:
        """The head ``raw``, which ends with its empty line. The same object for the same bytes as long as it is kept: nobody changes
        it. Raises :class:`BadHead`.
        """
        head = self._kept.get(raw)
        if head is None:
            head = read_head(raw, self._prefix)
            if len(raw) <= KEPT_BYTES and not any(name in head.headers for name in _FLEETING):
                if len(self._kept) >= KEPT:
                    self._kept.clear()
                self._kept[raw] = head
        return head


def may_begin(data: bytes) -> bool:
    """Whether ``data`` may be the beginning of a head: it starts with a method, or with part of one."""
    return not data or _TOKEN.match(data) is not None


def read_head(raw: bytes, prefix: str = "") -> Head:
    """Reads one head. Raises :class:`BadHead`."""
    line_end = raw.find(b"\r\n")
    if line_end > TARGET_MAX:
        raise BadHead(414)
    if b" \r\n" in raw or b"\t\r\n" in raw:  # llhttp takes a blank behind some values for part of them
        raw = _BLANKS.sub(b"\r\n", raw)
    if not raw.isascii():  # clients that forget to escape their query are served, as they are elsewhere
        method_end = raw.find(b" ") + 1
        raw = raw[:method_end] + _UNESCAPED.sub(_escape, raw[method_end:line_end]) + raw[line_end:]
    reader = _Reader()
    try:
        parser = _feed(reader, raw)
    except HttpParserInvalidMethodError:  # llhttp takes known methods only; here an unknown one is a wrong one
        token = _TOKEN.match(raw)
        if token is None:
            raise BadHead(400) from None
        reader = _Reader()
        try:
            parser = _feed(reader, b"POST " + raw[token.end() :])
        except HttpParserError:
            raise BadHead(400) from None
        method = token[0][:-1].decode()
    except HttpParserError:
        raise BadHead(400) from None
    else:
        method = parser.get_method().decode()
    if reader.complete is None:
        raise BadHead(400)
    head = Head(method, reader.target, reader.pairs, prefix)
    head.keeps_alive, version = reader.complete
    if version not in VERSIONS:
        raise BadHead(400 if version == "0.9" else 505)
    head.minor = VERSIONS.index(version)
    head.length = _length(head)
    if (
        head.length == CHUNKED and not head.minor
    ):  # HTTP/1.0 has no chunks: whatever sent them, nothing of it is trusted further
        head.keeps_alive = False
    head.expects = head.minor == 1 and head.headers.get(b"expect", b"").lower() == b"100-continue"
    return head


class _Reader:
    """What llhttp calls."""

    def __init__(self) -> None:
        self.target = b""
        self.pairs: list[tuple[bytes, bytes]] = []
        #: Whether the connection may be kept, and the version, once the headers are complete.
        self.complete: tuple[bool, str] | None = None
        self.parser: HttpRequestParser

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self.complete is None:
            self.complete = (self.parser.should_keep_alive(), self.parser.get_http_version())


def _feed(reader: _Reader, raw: bytes) -> HttpRequestParser:
    reader.parser = parser = HttpRequestParser(reader)
    try:
        parser.feed_data(raw)
    except HttpParserUpgrade:
        pass  # no upgrade is ever granted, and the body follows as announced
    finally:
        del reader.parser
    return parser


def _escape(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def _length(head: Head) -> int:
    """How long the body is. Raises :class:`BadHead` for what could be read in two ways."""
    codings = [value for name, value in head.pairs if name == b"transfer-encoding"]
    lengths = [value for name, value in head.pairs if name == b"content-length"]
    if codings:
        if lengths or len(codings) > 1:
            raise BadHead(400)
        if codings[0].lower() != b"chunked":
            raise BadHead(501)
        return CHUNKED
    if not lengths:
        return 0
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
        raise BadHead(400)
    return int(lengths[0])


def _origin_form(target: bytes) -> tuple[bytes, bytes, bytes]:
    """Path, "?", query of a target in any of its forms."""
    if not target.startswith((b"/", b"*")):
        try:
            url = parse_url(target)
        except HttpParserInvalidURLError:
            raise BadHead(400) from None
        return url.path or b"/", b"?", url.query or b""
    return target.partition(b"#")[0].partition(b"?")


def _cut(path: str, prefix: str) -> str:
    """``path`` without the prefix. A proxy may have taken it off already: the bare path is served as well."""
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        return path[len(prefix) :] or "/"
    return path
