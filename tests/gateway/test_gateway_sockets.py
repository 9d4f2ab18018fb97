"""Clients as they are: real programs, reused connections, answers that nobody reads. What a connection may hold is in ``test_wire_*``."""

from __future__ import annotations

import select
import socket
import struct
import subprocess
from typing import Any

import pytest
import requests
from endpoints import ENDPOINTS, MAIN, Endpoint, path_of
from wire import TIMEOUT_S, Client, Connection, Reply, assert_form, request_bytes, settle, talk

EVERY = pytest.mark.parametrize("endpoint", MAIN, ids=path_of)


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "sockets")


def headers(endpoint: Endpoint, client: Client, **more: str) -> dict[str, str]:
    return {
        **endpoint.header(client.key),
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def post(endpoint: Endpoint, client: Client, body: bytes | None = None, **options: Any) -> bytes:
    more = {name: options.pop(name) for name in list(options) if name[0].isupper()}
    body = endpoint.body(client) if body is None else body
    return request_bytes("POST", endpoint.path, headers(endpoint, client, **more), body, **options)


def replies(connection: Connection, count: int) -> list[Reply]:
    found = [connection.reply() for _ in range(count)]
    assert None not in found, "the server closed the connection"
    return found  # type: ignore[return-value]


@EVERY
def test_a_connection_is_used_again_after_any_answer(client: Client, endpoint: Endpoint) -> None:
    """The body that a refusal did not wait for is not taken for the next request."""
    keyless = request_bytes("POST", endpoint.path, {"Content-Type": "application/json"}, endpoint.body(client))
    with Connection(client.server) as connection:
        for sent, status in (
            (post(endpoint, client), endpoint.status),
            (keyless, 401),
            (post(endpoint, client, b"{"), 400),
            (post(endpoint, client, Content_Encoding="br"), 415),
            (post(endpoint, client), endpoint.status),
        ):
            connection.send(sent)
            (reply,) = replies(connection, 1)
            assert reply.status == status


@EVERY
def test_a_refused_body_of_any_size_still_gets_its_answer(client: Client, endpoint: Endpoint) -> None:
    """A server that closes with unread data resets the connection: the client would see no answer at all."""
    body = bytes(12 * 1024 * 1024)
    keyless = client.call("POST", endpoint.path, headers={"Content-Type": "application/json"}, data=body)
    first_cap = bool({"declared_size", "wire_size"} & set(endpoint.route.steps[:2]))
    assert keyless.status_code == (413 if first_cap else 401)
    too_large = endpoint.post(client, body)
    assert too_large.status_code == 413
    for answer in (keyless, too_large):
        assert_form(endpoint.dialect.name, answer)


@EVERY
@pytest.mark.parametrize(
    "options", [["--http1.0"], ["--http2"], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]]
)
def test_curl(client: Client, endpoint: Endpoint, options: list[str]) -> None:
    """``--http2`` asks for h2c by an upgrade; the body must arrive with it."""
    sent = [part for name, value in headers(endpoint, client).items() for part in ("-H", f"{name}: {value}")]
    command = ["curl", "-sS", "-w", "\n%{http_code}", *options, *sent, "--data-binary", "@-"]
    done = subprocess.run(
        [*command, client.server.url + endpoint.path],
        input=endpoint.body(client),
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    assert done.stdout.rpartition(b"\n")[2] == str(endpoint.status).encode(), done


@EVERY
def test_minimal_clients(client: Client, endpoint: Endpoint) -> None:
    """No User-Agent (none of these requests has one), no Host, no Content-Type where the dialect does not ask for it."""
    raw = post(endpoint, client).replace(b"Host: headrace.test\r\n", b"")
    assert talk(client.server, raw).status == endpoint.status
    if endpoint.dialect.name != "seestack":
        bare = request_bytes("POST", endpoint.path, endpoint.header(client.key), endpoint.body(client))
        assert talk(client.server, bare).status == endpoint.status


@EVERY
def test_a_client_that_never_reads_its_answer(server: Any, endpoint: Endpoint) -> None:
    client = Client(server, f"unread answers {endpoint.path}")
    for reset in (False, True):
        with Connection(server) as connection:
            if reset:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.send(post(endpoint, client))
            assert select.select([connection.socket], [], [], 20)[0]
    assert endpoint.post(client).status_code == endpoint.status
    settle(server)
    assert endpoint.count(client) == 3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"POST /v1/ingest HTTP/9.9\r\n\r\n", 400),
        (b"POST /v1/ingest HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400),
        (b"POST /v1/ingest HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/ingest HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /v1/ingest HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX-Y: " + b"x" * 700_000 + b"\r\n\r\n", 431),
    ],
    ids=lambda case: case[:45].decode() if isinstance(case, bytes) else "",
)
def test_what_the_http_parser_refuses_itself(server: Any, sent: bytes, status: int) -> None:
    reply = talk(server, sent)
    assert (reply.status, reply.body) == (status, b"")


def test_sessions_of_requests(client: Client) -> None:
    with requests.Session() as session:
        for endpoint in (*ENDPOINTS, *ENDPOINTS):
            answer = session.post(
                client.server.url + endpoint.path,
                data=endpoint.body(client),
                headers=headers(endpoint, client),
                timeout=TIMEOUT_S,
            )
            assert answer.status_code == endpoint.status
