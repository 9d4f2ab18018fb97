"""Paths and methods that nobody serves: each prefix answers in its owner's form (rulings 1)."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from endpoints import ENDPOINTS, MAIN, Endpoint, path_of
from wire import TIMEOUT_S, Client, assert_form

#: Path below a prefix and who owns it; "page" answers in HTML, or JSON by Accept.
UNSERVED = {
    "/api/slowstats/nothing": "slowstats",
    "/v1/nothing": "statflow",
    "/v1/": "statflow",
    "/v1/traces": "statflow",
    "/api/v1/ingest_events/nothing": "logister",
    "/api/v1/check_ins/1": "logister",
    "/api/v1/deployments.json/x": "logister",
    "/api/v1/mobile_ingest_tokens/x": "logister",
    "/api/v1/cli/nothing": "logister",
    "/api/v1/events/nothing": "canaryhub",
    "/api/v1/events.json": "canaryhub",
    "/api/v1/nothing": "seestack",
    "/api/v1/eventsx": "seestack",
    "/api/v1/ingest_eventsx": "seestack",
    "/api/v1/query": "seestack",
    "/api/auth/nothing": "seestack",
    "/ingest/v1/nothing": "seestack",
    "/ingest/nothing": "seestack",
    "/api/headrace/nothing": "headrace",
    "/api/headrace/": "headrace",
    "/api/headrace/events/nothing/more": "headrace",
    "/nothing": "page",
    "/api": "page",
    "/api/nothing": "page",
    "/api/123/envelope/": "page",
    "/v1": "page",
    "/app/nothing": "page",
    "/docs/nothing": "page",
    "/..%2f..%2fetc/passwd": "page",
    "/app/static/..%2fbase.html": "page",
}


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "paths")


@pytest.mark.parametrize("path", UNSERVED)
def test_an_unserved_path_answers_in_its_owners_form(client: Client, path: str) -> None:
    owner = UNSERVED[path]
    for method in ("GET", "POST", "DELETE", "PATCH"):
        answer = client.call(method, path, headers={"X-SeeStack-Key": client.key, "Accept": "*/*"})
        assert answer.status_code == 404
        if owner == "page":
            assert answer.headers["content-type"].startswith("text/html")
            answer = client.call(method, path, headers={"Accept": "application/json"})
            assert_form("headrace", answer)
            assert answer.status_code == 404
        else:
            assert_form(owner, answer)
    head = client.call("HEAD", path, headers={"X-SeeStack-Key": client.key})
    assert (head.status_code, head.content) == (404, b"")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
def test_a_wrong_method(client: Client, endpoint: Endpoint) -> None:
    logister = endpoint.dialect.name == "logister"
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "BREW"):
        answer = client.call(method, endpoint.path, headers=endpoint.header(client.key))
        assert answer.status_code == (404 if logister else 405)
        assert answer.headers.get("allow") == (None if logister else "POST")
        if method != "HEAD":
            assert_form(endpoint.dialect.name, answer)


@pytest.mark.parametrize("endpoint", MAIN, ids=path_of)
def test_browsers_may_post_where_the_table_says_so(client: Client, endpoint: Endpoint) -> None:
    origin = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    preflight = client.call("OPTIONS", endpoint.path, headers=origin)
    answer = endpoint.post(client, headers=origin)
    for one in (preflight, answer):
        assert one.headers.get("access-control-allow-origin") == ("*" if endpoint.route.cors else None)
        assert "access-control-allow-credentials" not in one.headers
    assert preflight.status_code == (204 if endpoint.route.cors else 405)


def test_a_preflight_is_granted_where_browsers_post_to(client: Client) -> None:
    """Below ``/ingest/v1/`` for any path, before a key is asked for; elsewhere below ``/ingest/`` the key comes first."""
    origin = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    key = {"X-SeeStack-Key": client.key}
    for path, granted in (
        ("/ingest/v1/logs", True),
        ("/ingest/v1/unknown", True),
        ("/ingest/v1/", True),
        ("/ingest/v1", False),
        ("/ingest/v2/logs", False),
        ("/ingest/unknown", False),
    ):
        keyless, keyed = (client.call("OPTIONS", path, headers=origin | more) for more in ({}, key))
        assert [keyless.status_code, keyed.status_code] == ([204, 204] if granted else [401, 404]), path
        unknown = client.call("PUT", path, headers=origin | key)
        for answer in (keyless, keyed, unknown):
            assert answer.headers.get("access-control-allow-origin") == ("*" if granted else None), path


def test_our_own_api_and_the_pages_have_no_cors(client: Client) -> None:
    origin = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    for path in ("/api/headrace/stats", "/v1/stats", "/", "/docs", "/docs/openapi.json", "/healthz"):
        for method in ("OPTIONS", "GET"):
            answer = client.call(method, path, headers=origin)
            assert "access-control-allow-origin" not in answer.headers, (method, path)


def test_open_to_anyone(server: Any) -> None:
    for path in ("/", "/docs", "/docs/openapi.json", "/healthz", "/readyz", "/metrics"):
        answer = requests.get(server.url + path, timeout=TIMEOUT_S)
        assert answer.status_code == 200, path
        headed = requests.head(server.url + path, timeout=TIMEOUT_S)
        assert (headed.status_code, headed.content) == (200, b"")


def test_query_strings_and_doubled_parameters(client: Client) -> None:
    for endpoint in MAIN:
        headers = {"Content-Type": "application/json", **endpoint.header(client.key)}
        for query in ("?", "?a=1&a=2", "?%", "?%ff=%00", "?" + "x" * 5000):
            answer = client.call("POST", endpoint.path + query, headers=headers, data=endpoint.body(client))
            assert answer.status_code == endpoint.status, query
    assert len(client.call("GET", "/v1/stats?limit=1&limit=1000").json()["stats"]) == 1
