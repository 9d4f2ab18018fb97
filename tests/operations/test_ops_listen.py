"""Addresses, certificates, proxies and many connections."""

from __future__ import annotations

import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from certificates import make_certificate
from endpoints import BY_PATH
from ops_load import readiness, send_all, until
from wire import TIMEOUT_S, Client, bearer

#: More than the 1,024 files that a process may have open unless it asks for more.
IDLE = 2_000
#: Logister's failed look-ups a minute from one address (contract 1.10).
FAILURES = 120


def name_served(port: int) -> str:
    """The common name of the certificate that a new connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as plain, context.wrap_socket(plain) as tls:
        shown = tls.getpeercert(binary_form=True)
    assert shown is not None
    return next(name for name in ("first", "second") if name.encode() in shown)


def test_plain_and_tls_with_a_certificate_that_is_renewed(
    make_server: Callable[..., Any], free_port: int, tmp_path: Path
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(cert, key, "first")
    make_certificate(tmp_path / "cert2.pem", tmp_path / "key2.pem", "second")
    server = make_server(env={"HEADRACE_PATH_PREFIX": "/tele"})
    places = ("--listen", f"http://127.0.0.1:{server.port}", "--listen", f"127.0.0.1:{free_port}")
    server.start(*places, "--tls-cert", str(cert), "--tls-key", str(key))
    pid = server.process.pid
    client = Client(server, "tls")
    url = f"https://127.0.0.1:{free_port}"

    def post(path: str, trusted: Path = cert) -> int:
        body = {"stat": "tls", "count": 1}
        return requests.post(
            url + path, json=body, headers=bearer(client.key), verify=str(trusted), timeout=TIMEOUT_S
        ).status_code

    assert [post("/tele/v1/ingest"), post("/v1/ingest")] == [202, 202]
    send_all(client, "plain")
    context = ssl.create_default_context(cafile=str(cert))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", free_port)) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            assert tls.version() == "TLSv1.2"  # what old programs speak

    # While the certificate is changed requests are answered; one that the old server had not yet accepted may be cut off.
    statuses: list[int] = []
    ended = threading.Event()

    both = tmp_path / "both.pem"
    both.write_text(cert.read_text() + (tmp_path / "cert2.pem").read_text())

    def keep_posting() -> None:
        while not ended.is_set():
            try:
                statuses.append(post("/v1/ingest", both))
            except (requests.ConnectionError, requests.Timeout):
                statuses.append(0)

    poster = threading.Thread(target=keep_posting)
    poster.start()
    try:
        # First the certificate alone, as a program that renews it does: the two do not match, the old one stays.
        (tmp_path / "cert2.pem").replace(cert)
        until(lambda: "not used yet" in server.log.read_text(), "the odd pair to be noticed")
        assert name_served(free_port) == "first"
        (tmp_path / "key2.pem").replace(key)
        until(lambda: name_served(free_port) == "second", "the new certificate")
        until(lambda: len(statuses) > 5, "some requests beside it")
    finally:
        ended.set()
        poster.join()
    assert set(statuses) <= {202, 0}
    assert statuses.count(0) <= 1
    assert post("/v1/ingest") == 202
    assert server.process.pid == pid
    assert server.stop() == 0


@contextmanager
def many_files(number: int) -> Iterator[None]:
    """This process may have ``number`` files open meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        pytest.skip(f"{number} files are needed, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def within_one_minute(count: Callable[[], Any]) -> Any:
    """What ``count`` gives when all of it fell into one minute of the clock, as the guards count by it: what saw two of them is made again
    in the next, of which nothing is counted yet.
    """
    while True:
        minute = time.time() // 60
        found = count()
        if time.time() // 60 == minute:
            return found
        time.sleep(60 - time.time() % 60)


def test_whose_address_the_guards_count_and_many_connections(make_server: Callable[..., Any]) -> None:
    """``HEADRACE_PROXIES`` says whose word about the client is believed, ``HEADRACE_UNLIMITED_NETWORKS`` who is not counted. Clients
    that keep their connections lock nobody out, though the server may have 1,024 files at first, as on most systems.
    """
    server = make_server(
        env={"HEADRACE_PROXIES": "127.0.0.1", "HEADRACE_UNLIMITED_NETWORKS": "198.51.100.0/24"},
        wrapper=("sh", "-c", 'ulimit -Sn 1024 && exec "$@"', "sh"),
    ).start()
    client = Client(server, "guards")
    endpoint = BY_PATH["/api/v1/ingest_events"]
    with requests.Session() as session:

        def fail(told: str | None) -> int:
            headers = {**bearer("nobody's"), **({"X-Forwarded-For": told} if told else {})}
            answer = session.post(server.url + endpoint.path, json={}, headers=headers, timeout=TIMEOUT_S)
            return answer.status_code

        def failures(told: str | None) -> list[int]:
            return [*sorted({fail(told) for _ in range(FAILURES)}), fail(told)]

        # The last address that no proxy of ours has added is the client's; what stands before it may be made up.
        assert within_one_minute(
            lambda: [
                *failures("203.0.113.1"),
                *(fail("203.0.113.1, 203.0.113.2"), fail("192.0.2.9, 203.0.113.1, 127.0.0.1")),
            ]
        ) == [401, 429, 401, 429]
        assert within_one_minute(lambda: failures("198.51.100.7")) == [401, 401]
        assert within_one_minute(lambda: failures(None)) == [401, 429]
    # A guard against guessing keys does not keep out who has one.
    assert endpoint.post(client, headers={"X-Forwarded-For": "203.0.113.1"}).status_code == endpoint.status

    with many_files(IDLE + 500), ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S))
            for _ in range(IDLE)
        ]
        for connection in connections[::2]:  # every second one has asked something, the others never did
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        for connection in connections[::2]:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        send_all(client, "beside")
        assert readiness(server)[0] == 200
        assert server.stop() == 0
