"""Request bodies: read to a cap, decoded to a cap, and no more than so many bytes of all requests together."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import zstandard

#: Bytes of bodies, wire and decoded, that one process holds at a time (rulings 1).
IN_FLIGHT_MAX = 128 * 1024 * 1024

#: Bodies above this size are decoded beside the event loop: zlib lets go of the interpreter.
DECODE_ASIDE = 64 * 1024

#: Bodies above this size are parsed in a worker thread, bytes.
PARSE_ASIDE = 256 * 1024

#: What a 503 for want of memory, or of a catalog, asks the client to wait, seconds.
BUSY_RETRY_S = 1

#: Largest window that a zstd frame may ask for, bytes.
ZSTD_WINDOW = 8 * 1024 * 1024

Receive = Callable[[], Awaitable[dict[str, Any]]]


class BodyTooLarge(Exception):
    """``decoded``: the cap was passed after decoding."""

    def __init__(self, *, decoded: bool) -> None:
        super().__init__()
        self.decoded = decoded


class BodyUnreadable(Exception):
    """The body does not decode as its Content-Encoding says, or ends too early."""


class ClientGone(Exception):
    """The client hung up, or closed its sending half, before its body was complete: there is nothing to store."""


class HungUp(Exception):
    """The wait for the rest of a body was ended by this side."""


class TooMuchInFlight(Exception):
    """Other requests hold the memory that this one needs; a moment later there is room."""


class InFlight:
    """Bytes of bodies held by all requests. Used on the event loop's thread."""

    def __init__(self, maximum: int = IN_FLIGHT_MAX) -> None:
        self._maximum = maximum
        self.held = 0

    def take(self, size: int) -> None:
        """Raises :class:`TooMuchInFlight`."""
        if self.held + size > self._maximum:
            raise TooMuchInFlight
        self.held += size

    def give(self, size: int) -> None:
        self.held -= size


async def read_wire(receive: Receive, cap: int, arrived: Callable[[int], None] = lambda _: None) -> bytes:
    """The body as sent, at most ``cap`` bytes. ``arrived`` is told the size of each piece before the next one is asked for. Raises
    :class:`BodyTooLarge`, :class:`ClientGone`, and what ``arrived`` raises.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > cap:
            raise BodyTooLarge(decoded=False)
        arrived(len(part))
        if not message.get("more_body", False):
            return b"".join([*parts, part]) if parts else part
        parts.append(part)


async def decode(wire: bytes, encoding: str, cap: int) -> bytes:
    """``wire`` without its one layer of ``encoding`` (gzip, deflate, zstd), at most ``cap`` bytes. Raises :class:`BodyTooLarge`,
    :class:`BodyUnreadable`.
    """
    decoder = _DECODERS[encoding]
    if len(wire) > DECODE_ASIDE:
        return await asyncio.to_thread(decoder, wire, cap)
    return decoder(wire, cap)


def _inflate(wire: bytes, cap: int, window: int) -> bytes:
    decoder = zlib.decompressobj(window)
    try:
        body = decoder.decompress(wire, cap + 1)
    except zlib.error:
        raise BodyUnreadable from None
    if len(body) > cap:
        raise BodyTooLarge(decoded=True)
    if not decoder.eof:
        raise BodyUnreadable
    if decoder.unused_data and window == _GZIP:
        # A gzip body may have several members, one after the other.
        return body + _inflate_rest(decoder.unused_data, cap - len(body))
    if decoder.unused_data:
        raise BodyUnreadable
    return body


def _inflate_rest(wire: bytes, cap: int) -> bytes:
    parts: list[bytes] = []
    left = cap
    while wire.strip(b"\0"):
        decoder = zlib.decompressobj(_GZIP)
        try:
            parts.append(decoder.decompress(wire, left + 1))
        except zlib.error:
            raise BodyUnreadable from None
        left -= len(parts[-1])
        if left < 0:
            raise BodyTooLarge(decoded=True)
        if not decoder.eof:
            raise BodyUnreadable
        wire = decoder.unused_data
    return b"".join(parts)


_GZIP, _ZLIB, _RAW = 31, 15, -15


def _gunzip(wire: bytes, cap: int) -> bytes:
    return _inflate(wire, cap, _GZIP)


def _deflate(wire: bytes, cap: int) -> bytes:
    """``deflate`` means zlib's format; some senders mean the bare stream."""
    try:
        return _inflate(wire, cap, _ZLIB)
    except BodyUnreadable:
        return _inflate(wire, cap, _RAW)


def _unzstd(wire: bytes, cap: int) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).stream_reader(wire, read_across_frames=True)
    try:
        body = reader.read(cap + 1)
        if len(body) <= cap and not _zstd_complete(wire, cap):
            raise BodyUnreadable
    except zstandard.ZstdError:
        raise BodyUnreadable from None
    if len(body) > cap:
        raise BodyTooLarge(decoded=True)
    return body


def _zstd_complete(wire: bytes, cap: int) -> bool:
    """Whether every frame ends: the stream reader takes a frame that was cut short for the end."""
    while wire:
        decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
        size = 0
        for start in range(0, len(wire), DECODE_ASIDE):
            size += len(decoder.decompress(wire[start : start + DECODE_ASIDE]))
            if size > cap:
                raise BodyTooLarge(decoded=True)
            if decoder.eof:
                wire = decoder.unused_data + wire[start + DECODE_ASIDE :]
                break
        else:
            return False
    return True


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {"gzip": _gunzip, "deflate": _deflate, "zstd": _unzstd}
