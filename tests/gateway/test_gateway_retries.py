"""``Idempotency-Key`` on every ingest route (rulings 4): a retry is a no-op with the first one's answer."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from itertools import count
from typing import Any

import pytest
import requests
from endpoints import BY_PATH, ENDPOINTS, MAIN, Endpoint, path_of
from wire import Client, Connection, Reply, assert_form, request_bytes, settle

from headrace.admission.retries import PATIENCE_S

EVERY = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
REPLAYED = "idempotency-replayed"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
#: How long retries have to come before the first request ends, seconds; those that come later are told the same.
SENT_S = 0.1


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "retries")


def retry(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def test_a_retry_gets_the_first_answer_and_stores_nothing(server: Any) -> None:
    clients = {
        endpoint: [Client(server, f"{who} of {endpoint.path}") for who in ("retries", "others")]
        for endpoint in ENDPOINTS
    }
    for endpoint, (client, other) in clients.items():
        _send_and_retry(endpoint, client)
        # Another word and another project are another request.
        for fresh in (endpoint.post(client, headers=retry("A")), endpoint.post(other, headers=retry("a"))):
            assert (fresh.status_code, fresh.headers.get(REPLAYED)) == (endpoint.status, None), endpoint.path
    settle(server)
    for endpoint, (client, other) in clients.items():
        assert (endpoint.count(client), endpoint.count(other)) == (2, 1), endpoint.path


def _send_and_retry(endpoint: Endpoint, client: Client) -> None:
    first = endpoint.post(client, headers=retry("a"))
    assert (first.status_code, first.headers.get(REPLAYED)) == (endpoint.status, None), endpoint.path
    bodies = (endpoint.body(client), endpoint.body(client, "another"), endpoint.spoiled, b"", b" " * endpoint.route.cap)
    for body, key in (*((body, client.key) for body in bodies), (b"", client.make_key(unlimited=True))):
        again = endpoint.post(client, body, headers=retry("a"), key=key)
        assert (again.status_code, again.content) == (first.status_code, first.content), endpoint.path
        assert again.headers[REPLAYED] == "true"
        assert again.headers["content-type"] == first.headers["content-type"]


def test_routes_are_independent_and_aliases_are_one_route(client: Client) -> None:
    fresh = {endpoint.path: endpoint.post(client, headers=retry("routes")) for endpoint in ENDPOINTS}
    replayed = {path for path, answer in fresh.items() if REPLAYED in answer.headers}
    assert replayed == {"/v1/stat", "/api/slowstats/ingest-metric", "/api/slowstats/add-event"}


@EVERY
def test_what_a_retry_key_is(client: Client, endpoint: Endpoint) -> None:
    for key in ("a", "!~", "x" * 254, "x" * 255):
        assert endpoint.post(client, headers=retry(key)).status_code == endpoint.status
    # A control character is refused by the HTTP parser itself.
    for key in (b"", b"x" * 256, b"two words", b"tab\there", "café".encode()):
        answer = endpoint.post(client, headers={"Idempotency-Key": key})
        assert answer.status_code == 400, key
        assert_form(endpoint.dialect.name, answer)
        assert "Idempotency-Key must be 1 to 255 visible ASCII characters" in answer.text


@EVERY
def test_a_refusal_is_not_kept(client: Client, endpoint: Endpoint) -> None:
    key = f"refused {endpoint.path}".replace(" ", "-")
    assert endpoint.post(client, endpoint.spoiled, headers=retry(key)).status_code == endpoint.spoiled_status
    answer = endpoint.post(client, headers=retry(key))
    assert (answer.status_code, answer.headers.get(REPLAYED)) == (endpoint.status, None)


@EVERY
def test_a_retry_is_charged_nothing(client: Client, endpoint: Endpoint) -> None:
    key = client.make_key(rate=1, burst=1)
    first = endpoint.post(client, key=key, headers=retry(f"free-{endpoint.path}"))
    assert first.status_code == endpoint.status
    for _ in range(3):
        again = endpoint.post(client, key=key, headers=retry(f"free-{endpoint.path}"))
        assert (again.status_code, again.content) == (first.status_code, first.content)


def test_two_at_once_are_stored_once(server: Any) -> None:
    words = [f"w{number}" for number in range(4)]
    clients = {endpoint: Client(server, f"retries at once {endpoint.path}") for endpoint in ENDPOINTS}
    for endpoint, client in clients.items():
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(partial(_send_under, endpoint, client), words * 6))
        for word in words:
            seen = [answer for answer in answers if answer.request.headers["Idempotency-Key"] == word]
            assert {answer.status_code for answer in seen} == {endpoint.status}
            assert len({answer.content for answer in seen}) == 1
            assert [REPLAYED in answer.headers for answer in seen].count(False) == 1, endpoint.path
    settle(server)
    for endpoint, client in clients.items():
        assert endpoint.count(client) == len(words), endpoint.path


def _send_under(endpoint: Endpoint, client: Client, word: str) -> requests.Response:
    return endpoint.post(client, headers=retry(word))


def test_a_retry_in_the_same_commit(client: Client) -> None:
    """Both requests arrive in one packet, so that the second is decided before the first is on disk."""
    endpoint = BY_PATH["/api/v1/ingest_events"]
    headers = {**endpoint.header(client.key), "Idempotency-Key": "pipelined"}
    both = request_bytes("POST", endpoint.path, headers, endpoint.body(client)) * 2
    with Connection(client.server) as connection:
        connection.send(both)
        first, second = connection.reply(), connection.reply()
    assert first is not None
    assert second is not None
    assert first.body == second.body
    assert (first.status, second.status) == (201, 201)
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"


class Slow:
    """A request whose body is held back. The server has read its head and asks for more."""

    def __init__(self, client: Client, endpoint: Endpoint, body: bytes, key: str, word: str) -> None:
        headers = {"Content-Type": endpoint.content_type, **endpoint.header(key), **retry(word)}
        headers["Expect"] = "100-continue"
        request = request_bytes("POST", endpoint.path, headers, body)
        cut = len(request) - len(body)
        self._rest = request[cut:]
        self._connection = Connection(client.server)
        self._connection.send(request[:cut])
        assert self._connection.socket.recv(len(CONTINUE), socket.MSG_WAITALL) == CONTINUE

    def hang_up(self) -> None:
        self._connection.__exit__()

    def finish(self) -> Reply:
        self._connection.send(self._rest)
        with self._connection:
            reply = self._connection.reply()
        assert reply is not None
        return reply


@pytest.mark.parametrize("endpoint", MAIN, ids=path_of)
def test_a_retry_waits_for_the_first_request(client: Client, endpoint: Endpoint) -> None:
    """It is charged nothing, although nothing was stored yet when it came. No retry waits for long: where the machine was that slow, all of
    it is done once more.
    """
    for attempt in count():
        word, key = f"slow-{attempt}-{endpoint.path}", client.make_key(rate=1, burst=1)
        first = Slow(client, endpoint, endpoint.body(client), key, word)
        started = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            again = [pool.submit(endpoint.post, client, key=key, headers=retry(word)) for _ in range(2)]
            wait(again, timeout=SENT_S)
            told = first.finish()
            answers = [one.result() for one in again]
        if time.monotonic() - started < PATIENCE_S:
            break
    assert (told.status, told.headers.get(REPLAYED)) == (endpoint.status, None)
    for answer in answers:
        assert (answer.status_code, answer.content, answer.headers[REPLAYED]) == (endpoint.status, told.body, "true")


@pytest.mark.parametrize("endpoint", MAIN, ids=path_of)
def test_when_the_first_request_fails_the_next_one_is_the_first(client: Client, endpoint: Endpoint) -> None:
    word = f"fails-{endpoint.path}"
    first = Slow(client, endpoint, endpoint.spoiled, client.key, word)
    with ThreadPoolExecutor(3) as pool:
        again = [pool.submit(endpoint.post, client, headers=retry(word)) for _ in range(3)]
        wait(again, timeout=SENT_S)
        assert first.finish().status == endpoint.spoiled_status
        answers = [one.result() for one in again]
    assert [answer.status_code for answer in answers] == [endpoint.status] * 3
    assert sorted(REPLAYED in answer.headers for answer in answers) == [False, True, True]
    assert len({answer.content for answer in answers}) == 1


def test_a_first_request_that_hangs_holds_nobody_up(client: Client) -> None:
    """Its client may be gone: the retry is taken after a while, and what comes of the first one later is the same answer."""
    endpoint = BY_PATH["/api/v1/ingest_events"]
    first = Slow(client, endpoint, endpoint.body(client), client.key, "hangs")
    again = endpoint.post(client, headers=retry("hangs"))
    assert (again.status_code, again.headers.get(REPLAYED)) == (endpoint.status, None)
    late = first.finish()
    assert (late.status, late.body, late.headers[REPLAYED]) == (endpoint.status, again.content, "true")
    assert endpoint.post(client, headers=retry("hangs")).headers[REPLAYED] == "true"


def test_a_first_request_whose_client_hangs_up_is_over(client: Client) -> None:
    endpoint = BY_PATH["/v1/ingest"]
    for _ in range(2):
        first = Slow(client, endpoint, endpoint.body(client), client.key, "gone")
        first.hang_up()
    answer = endpoint.post(client, headers=retry("gone"))
    assert (answer.status_code, answer.headers.get(REPLAYED)) == (endpoint.status, None)


def test_a_uuid_and_a_retry_key_together(client: Client) -> None:
    """The key answers before the UUID is looked at: what was 201 stays 201 under it."""
    endpoint = BY_PATH["/api/v1/ingest_events"]
    uuid = "0b9e4c6e-7a0b-4a53-9f1e-0a1b2c3d4e5f"
    body = {"event": {"event_type": "log", "message": "m", "uuid": uuid}}
    first = endpoint.post(client, body, headers=retry("with-uuid"))
    assert first.status_code == 201
    assert endpoint.post(client, body).status_code == 200
    again = endpoint.post(client, body, headers=retry("with-uuid"))
    assert (again.status_code, again.json()) == (201, first.json())
    # A duplicate is an acceptance too: its answer is kept under a key of its own.
    assert endpoint.post(client, body, headers=retry("later")).status_code == 200
    later = endpoint.post(client, body, headers=retry("later"))
    assert (later.status_code, later.headers[REPLAYED]) == (200, "true")
