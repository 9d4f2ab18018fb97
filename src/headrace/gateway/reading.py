"""What is sent: the steps that read, decode and parse a body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headrace.dialects.base import Fault, FaultDetail, Inbound, Route
from headrace.gateway import bodies
from headrace.gateway.bodies import BUSY_RETRY_S, PARSE_ASIDE
from headrace.gateway.exchange import Exchange, Refused, Waiting
from headrace.gateway.front.heads import CHUNKED


def declared_size(exchange: Exchange) -> None:
    """A Content-Length over the cap, before anything is looked up or read."""
    if exchange.head.length > exchange.route.cap:
        raise Refused(Fault.TOO_LARGE, FaultDetail(limit=exchange.route.cap))


def wire_size(exchange: Exchange) -> Waiting:
    """As :func:`declared_size`; a body that does not say its length is taken in up to the cap (logister.md 1.3)."""
    declared_size(exchange)
    return _take_in(exchange) if exchange.head.length == CHUNKED else None


async def _take_in(exchange: Exchange) -> None:
    with _told_in_faults(exchange.route):
        exchange.sent = await _receive(exchange)


def body(exchange: Exchange) -> Waiting:
    """Reads and decodes the body within the route's caps."""
    route = exchange.route
    encoding = (exchange.header(b"content-encoding") or b"").decode("latin-1").strip().lower()
    if encoding == "identity":
        encoding = ""
    if encoding and encoding not in route.encodings:
        raise Refused(Fault.ENCODING, FaultDetail(encoding=encoding[:64]))
    declared_size(exchange)
    if encoding:
        return _read(exchange, encoding)
    if exchange.sent is not None and len(exchange.sent) > route.cap:
        raise Refused(Fault.TOO_LARGE, FaultDetail(limit=route.cap))
    return plain_body(exchange)


def plain_body(exchange: Exchange) -> Waiting:
    """:func:`body` for a head that told all that has to be checked: no encoding, and a length within the cap."""
    sent = exchange.sent
    if sent is None:
        return _read(exchange, "")
    try:
        _hold_sent(exchange, sent)
    except bodies.TooMuchInFlight:
        raise Refused(Fault.UNAVAILABLE, FaultDetail(retry_after=BUSY_RETRY_S)) from None
    exchange.body = sent
    return None


async def _read(exchange: Exchange, encoding: str) -> None:
    """The body that is still coming in, or has to be decoded."""
    route = exchange.route
    with _told_in_faults(route, encoding):
        wire = await _receive(exchange)
        if encoding:
            wire = await bodies.decode(wire, encoding, route.decoded_cap or route.cap)
            _hold(exchange, len(wire))
    exchange.body = wire


@contextmanager
def _told_in_faults(route: Route, encoding: str = "") -> Iterator[None]:
    """What is wrong with a body as the route's dialect tells it."""
    try:
        yield
    except bodies.BodyTooLarge as error:
        limit = (route.decoded_cap or route.cap) if error.decoded else route.cap
        raise Refused(Fault.TOO_LARGE, FaultDetail(limit=limit, decoded=error.decoded)) from None
    except bodies.BodyUnreadable:
        raise Refused(Fault.UNREADABLE, FaultDetail(encoding=encoding)) from None
    except bodies.TooMuchInFlight:
        raise Refused(Fault.UNAVAILABLE, FaultDetail(retry_after=BUSY_RETRY_S)) from None


async def _receive(exchange: Exchange) -> bytes:
    if exchange.sent is not None:
        if len(exchange.sent) > exchange.route.cap:
            raise bodies.BodyTooLarge(decoded=False)
        _hold_sent(exchange, exchange.sent)
        return exchange.sent
    waiting = exchange.gateway.waiting
    task = waiting.begin()

    def arrived(size: int) -> None:
        _hold(exchange, size)
        waiting.heard(task)

    try:
        return await bodies.read_wire(exchange.line.receive, exchange.route.cap, arrived)
    except asyncio.CancelledError:
        raise bodies.HungUp("the rest of the body did not come in time") from None
    finally:
        waiting.end(task)


def _hold(exchange: Exchange, size: int) -> None:
    exchange.gateway.in_flight.take(size)
    exchange.held_bytes += size


def _hold_sent(exchange: Exchange, sent: bytes) -> None:
    """Holds a body as sent, unless that was done while it was taken in."""
    if not exchange.held_bytes:
        _hold(exchange, len(sent))


def check_headers(exchange: Exchange) -> None:
    """What the dialect asks of the headers before the body is read."""
    assert exchange.route.check_headers is not None
    exchange.route.check_headers(exchange)


def decode(exchange: Exchange) -> Waiting:
    """What must be read of the body to know its cost; a large one beside the event loop."""
    read = exchange.route.decode
    assert read is not None
    if len(exchange.body) > PARSE_ASIDE:
        return _decode_aside(exchange, read)
    exchange.cost = read(exchange)
    return None


async def _decode_aside(exchange: Exchange, read: Callable[[Inbound], int]) -> None:
    exchange.cost = await asyncio.to_thread(read, exchange)


def parse(exchange: Exchange) -> Waiting:
    """The dialect's own checks of the body; a large one beside the event loop, which a hostile one could hold for seconds."""
    if len(exchange.body) > PARSE_ASIDE:
        return _parse_aside(exchange)
    assert exchange.route.parse is not None
    exchange.submission = exchange.route.parse(exchange)
    return None


async def _parse_aside(exchange: Exchange) -> None:
    assert exchange.route.parse is not None
    exchange.submission = await asyncio.to_thread(exchange.route.parse, exchange)


def check(exchange: Exchange) -> Waiting:
    """The handler's own checks of the body; a large one beside the event loop."""
    look = exchange.gateway.checks[exchange.route.handler]
    if len(exchange.body) > PARSE_ASIDE:
        return _check_aside(exchange, look)
    look(exchange)
    return None


async def _check_aside(exchange: Exchange, look: Callable[[Exchange], None]) -> None:
    await asyncio.to_thread(look, exchange)
