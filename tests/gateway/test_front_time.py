"""Connections that take too long, and what becomes of all of them when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from line import Pipe

from headrace.gateway.front import front as front_module
from headrace.gateway.front.connection import LINGER_MAX, Connection
from headrace.gateway.front.front import HEAD_S, IDLE_S, LINGER_S, QUIET_S, UNREAD_S, Front
from headrace.gateway.front.heads import Head

WHOLE = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"


class World:
    """A front whose requests are answered when a test says so, at a time that it sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.asked: list[tuple[Connection, bytes | None]] = []
        monkeypatch.setattr(front_module, "time", SimpleNamespace(monotonic=lambda: self.now))

    def run(self, test: Callable[[World], None], most: int = 10) -> None:
        async def inside() -> None:
            self.front = Front(self._begin, most=most)
            test(self)
            await asyncio.sleep(0)

        asyncio.run(inside())

    def _begin(self, connection: Connection, _head: Head, body: bytes | None) -> None:
        self.asked.append((connection, body))

    def open(self, sent: bytes = b"") -> tuple[Connection, Pipe]:
        connection, pipe = self.front.connection("http"), Pipe("192.0.2.1")
        connection.connection_made(pipe)
        if sent:
            self.send(connection, sent)
        return connection, pipe

    def send(self, connection: Connection, data: bytes) -> None:
        connection.data_received(data)
        self.front.catch_up()

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.front.sweep()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def reply(connection: Connection) -> None:
    connection.reply(200, (), b"", length=0)


def test_a_head_may_not_take_for_ever(world: World) -> None:
    """Not even one of which a byte comes now and then."""

    def test(world: World) -> None:
        connection, pipe = world.open(b"POST / HTTP/1.1\r\n")
        for _ in range(int(HEAD_S)):
            world.send(connection, b"A")
            world.after(1)
        assert not pipe.closed
        world.after(1)
        assert pipe.closed

    world.run(test)


@pytest.mark.parametrize(
    ("sent", "limit", "said"),
    [(b"", IDLE_S, b""), (b"POST / HT", HEAD_S, b"408"), (b"POST / HTTP/1.1\r\nA: b\r\n", HEAD_S, b"408")],
    ids=["nothing", "part of a line", "part of a head"],
)
def test_a_connection_that_asks_nothing_is_closed(world: World, sent: bytes, limit: float, said: bytes) -> None:
    def test(world: World) -> None:
        _, pipe = world.open(sent)
        world.after(limit)
        assert (pipe.closed, pipe.sent) == (False, b"")
        world.after(1)
        assert pipe.closed
        assert said in pipe.sent

    world.run(test)


def test_a_request_may_take_its_time(world: World) -> None:
    def test(world: World) -> None:
        connection, pipe = world.open(WHOLE)
        world.after(10 * IDLE_S)
        assert not pipe.closed
        reply(connection)
        assert b"200 OK" in pipe.sent
        assert not pipe.closed

    world.run(test)


def test_what_comes_after_the_last_answer_is_read_for_a_while(world: World) -> None:
    def test(world: World) -> None:
        _, pipe = world.open(b"{")
        assert b"400" in pipe.sent
        world.after(QUIET_S)
        assert not pipe.closed
        world.after(1)
        assert pipe.closed
        connection, pipe = world.open(b"{")
        for _ in range(int(LINGER_S)):
            world.send(connection, b"more")
            world.after(1)
            assert not pipe.closed
        world.send(connection, b"more")
        world.after(1)
        assert pipe.closed
        connection, pipe = world.open(b"{")
        world.send(connection, bytes(LINGER_MAX))
        assert not pipe.closed
        world.send(connection, b"x")
        assert pipe.closed

    world.run(test)


def test_the_rest_of_a_refused_body_must_come_soon(world: World) -> None:
    def test(world: World) -> None:
        connection, pipe = world.open(WHOLE[:-1])
        reply(connection)
        world.after(HEAD_S)
        assert not pipe.closed
        world.send(connection, b"}")
        world.send(connection, WHOLE)
        assert [body for _, body in world.asked] == [None, b"{}"]
        reply(connection)
        world.send(connection, WHOLE[:-1])
        reply(connection)
        world.after(HEAD_S)
        world.after(1)
        assert pipe.closed

    world.run(test)


def test_an_answer_that_nobody_reads(world: World) -> None:
    def test(world: World) -> None:
        connection, pipe = world.open(WHOLE)
        pipe.unsent = 100
        reply(connection)
        for unsent in (100, 90):  # each piece that is taken gives it new time
            pipe.unsent = unsent
            world.after(1)
            world.after(UNREAD_S)
            assert not pipe.closed
        world.after(1)
        assert pipe.closed

    world.run(test)


def test_only_so_many_connections(world: World) -> None:
    def test(world: World) -> None:
        pipes = [world.open()[1] for _ in range(3)]
        assert [pipe.closed for pipe in pipes] == [False, False, True]
        assert len(world.front) == 2

    world.run(test, most=2)


def test_a_stop_lets_requests_end(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)

    async def inside() -> None:
        world.front = Front(world._begin, most=10)
        idle, busy = world.open(), world.open(WHOLE + WHOLE)
        world.front.drain()
        assert (idle[1].closed, busy[1].closed) == (True, False)
        idle[0].connection_lost(None)
        waiting: asyncio.Task[Any] = asyncio.create_task(world.front.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        reply(busy[0])
        assert b"connection: close" in busy[1].sent
        world.front.sweep()
        busy[0].connection_lost(None)
        await waiting
        assert len(world.asked) == 1
        assert world.open()[1].closed

    asyncio.run(inside())


def test_what_came_in_before_the_end_is_taken_before_it(world: World) -> None:
    """However the loop tells of it: bytes, the client's end, a stop."""

    def test(world: World) -> None:
        for end in (Connection.eof_received, lambda line: line.connection_lost(None), lambda _: world.front.drain()):
            connection, _ = world.open()
            connection.data_received(WHOLE[:5])
            connection.data_received(WHOLE[5:])
            assert not world.asked
            end(connection)
            assert [body for _, body in world.asked] == [b"{}"]
            world.asked.clear()

    world.run(test)


def test_one_connection_that_fails_takes_no_other_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def test(world: World) -> None:
        (first, broken), (second, whole) = world.open(), world.open()
        first.data_received(b"GET / HTTP/1.1\r\n\r\n")
        second.data_received(WHOLE)
        monkeypatch.setattr(world.front.heads, "read", fails_once(world.front.heads.read))
        world.front.catch_up()
        assert (broken.closed, whole.closed) == (True, False)
        assert [line for line, _ in world.asked] == [second]

    world.run(test)


def fails_once(read: Callable[[bytes], Head]) -> Callable[[bytes], Head]:
    failures = [RuntimeError("a mistake")]

    def failing(raw: bytes) -> Head:
        if failures:
            raise failures.pop()
        return read(raw)

    return failing
