"""Rate limits over HTTP (rulings 1): units, figures and options of the key; the dialects' own limits are in their files."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
from endpoints import BY_PATH, ENDPOINTS, MAIN, Endpoint, path_of
from wire import Client, Connection, assert_form, bearer, request_bytes

#: Dialects whose limit is a bucket, so that ``--burst`` counts; the others' are windows of a minute.
BUCKETS = ("statflow", "canaryhub", "seestack")
#: A body of n units in the dialects that charge by what a request holds.
UNITS = {
    "/v1/ingest/batch": lambda n: {"items": [{"stat": "s", "value": 1}] * n},
    "/api/v1/events": lambda n: {"events": [{"type": "event", "name": "n"}] * n},
}


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "rates")


def shown(answer: requests.Response) -> list[str]:
    return [name for name in answer.headers if name.lower().startswith("x-ratelimit")]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
def test_the_last_unit_and_the_first_too_many(client: Client, endpoint: Endpoint) -> None:
    """``--rate 3 --burst 3`` is three requests everywhere: at once from a bucket, or in a window's minute."""
    while True:
        minute = time.time() // 60
        key = client.make_key(rate=3, burst=3)
        answers = [endpoint.post(client, key=key) for _ in range(4)]
        if time.time() // 60 == minute:
            break
    assert [answer.status_code for answer in answers] == [endpoint.status] * 3 + [429]
    assert_form(endpoint.dialect.name, answers[3])
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60


@pytest.mark.parametrize("endpoint", [BY_PATH[path] for path in UNITS], ids=path_of)
def test_a_request_costs_what_it_holds(client: Client, endpoint: Endpoint) -> None:
    body = UNITS[endpoint.path]
    key = client.make_key(rate=1, burst=100)
    expected = [(100 - 1, 202), (2, 429), (1, 202), (1, 429)]
    assert [(size, endpoint.post(client, body(size), key=key).status_code) for size, _ in expected] == expected
    # What never fits is never stored, however long one waits.
    assert endpoint.post(client, body(100), key=client.make_key(rate=1, burst=99)).status_code == 429


def test_a_rate_without_a_burst_is_both(client: Client) -> None:
    endpoint = BY_PATH["/v1/ingest/batch"]
    key = client.make_key(rate=2)  # one unit comes back in half a minute
    assert [endpoint.post(client, UNITS[endpoint.path](n), key=key).status_code for n in (3, 2, 1)] == [429, 202, 429]


def test_retry_after_is_the_time_until_it_fits(client: Client) -> None:
    endpoint = BY_PATH["/v1/ingest/batch"]
    key = client.make_key(rate=6, burst=100)
    assert endpoint.post(client, UNITS[endpoint.path](100), key=key).status_code == 202
    started = time.time()
    answer = endpoint.post(client, UNITS[endpoint.path](50), key=key)
    assert answer.status_code == 429
    # Fifty units at ten seconds each, less what has passed since the hundred were taken.
    assert 500 - 60 - (time.time() - started) <= int(answer.headers["retry-after"]) <= 500


def test_statflow_takes_ten_full_batches_at_once(server: Any) -> None:
    """Sent in one go, so that what comes back meanwhile is no thousand units; if the machine was that slow, once more on a fresh key."""
    endpoint = BY_PATH["/v1/ingest/batch"]
    for attempt in range(20):
        client = Client(server, f"ten batches {attempt}", unlimited=False)
        headers = {"Content-Type": "application/json", **endpoint.header(client.key)}
        body = json.dumps(UNITS[endpoint.path](1000)).encode()
        with Connection(server) as connection:
            started = time.monotonic()
            connection.send(request_bytes("POST", endpoint.path, headers, body) * 11)
            statuses = [connection.reply().status for _ in range(11)]
        if time.monotonic() - started < 1.5:
            break
    assert statuses == [202] * 10 + [429]


def test_reads_have_a_limit_of_their_own(client: Client) -> None:
    key = client.make_key(rate=1, burst=2)
    statuses = [client.call("GET", "/v1/stats", headers=bearer(key)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    # Ingest and our own API are other scopes.
    assert BY_PATH["/v1/ingest"].post(client, key=key).status_code == 202
    own = [client.call("GET", "/api/headrace/stats", headers=bearer(key)) for _ in range(3)]
    assert [answer.status_code for answer in own] == [200, 200, 429]
    assert_form("headrace", own[2])
    assert int(own[2].headers["retry-after"]) >= 1


def test_dialects_are_limited_apart(client: Client) -> None:
    key = client.make_key(rate=1, burst=1)
    for endpoint in MAIN:
        assert endpoint.post(client, key=key).status_code == endpoint.status


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
def test_without_a_limit_none_is_shown(client: Client, endpoint: Endpoint) -> None:
    for body in (None, endpoint.spoiled):
        assert shown(endpoint.post(client, body)) == []
    assert shown(endpoint.post(client, key=client.make_key(scopes=["read"], unlimited=True))) == []


def test_the_command_sets_the_same(client: Client) -> None:
    endpoint = BY_PATH["/api/slowstats/ingest-metrics"]
    options = ("key", "create", "--project", client.project, "--json")
    limited = client.server.cli(*options, "--rate", "2", "--burst", "9")["key"]
    assert endpoint.post(client, key=limited).headers["x-ratelimit-limit"] == "2"
    free = client.server.cli(*options, "--no-rate-limit")["key"]
    assert shown(endpoint.post(client, key=free)) == []
    plain = client.server.cli(*options)["key"]
    assert endpoint.post(client, key=plain).headers["x-ratelimit-limit"] == "60"
