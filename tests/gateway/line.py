"""A connection without a network: bytes in, replies out."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

from wire import Reply, read_reply

from headrace.gateway.front.front import Front
from headrace.gateway.gateway import Gateway


class Pipe(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 40_000)})
        self.sent = b""
        self.closed = False
        self.unsent = 0
        self.reading = True

    def write(self, data: Any) -> None:
        self.sent += data

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    abort = close


def converse(gateway: Gateway, sent: bytes, *, peer: str = "203.0.113.9", prefix: str = "") -> list[Reply]:
    """What ``gateway`` answers to a client that sends ``sent`` at once."""

    async def run() -> bytes:
        front = Front(gateway.begin, prefix=prefix, most=10)
        connection, pipe = front.connection("http"), Pipe(peer)
        connection.connection_made(pipe)
        connection.data_received(sent)
        front.catch_up()
        while asyncio.all_tasks() - {asyncio.current_task()}:  # noqa: ASYNC110 - whatever the gateway began
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        connection.connection_lost(None)
        return pipe.sent

    file = BytesIO(asyncio.run(run()))
    return list(iter(lambda: read_reply(file), None))
