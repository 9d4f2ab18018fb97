"""One form for every error of our API, whatever went wrong, and never more than a client should know."""

from __future__ import annotations

import logging
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from headrace.api.deps import Unavailable
from headrace.api.requests import MAX_BODY
from headrace.store.errors import BudgetExceeded, StoreUnavailable
from headrace.web import assets

API = "/api/headrace"
JSON = {"content-type": "application/json"}


def error_of(answer):
    """(status, code) after checking the form."""
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, body["error"]["code"]


CASES = [
    ("no key", "GET", "/projects", "", {}, 401, "no_key"),
    ("unknown key", "GET", "/projects", "", {"headers": {"authorization": "Bearer nope"}}, 401, "bad_key"),
    ("empty key", "GET", "/projects", "", {"headers": {"authorization": "Bearer "}}, 401, "bad_key"),
    ("other scheme counts as absent", "GET", "/projects", "", {"headers": {"authorization": "Basic x"}}, 401, "no_key"),
    ("scope", "POST", "/projects", "ann.read", {"json": {"name": "x"}}, 403, "no_scope"),
    ("scope before body", "POST", "/projects", "ann.read", {"content": b"{", "headers": JSON}, 403, "no_scope"),
    ("read with a write key", "GET", "/stats", "ann.write", {}, 403, "no_scope"),
    ("one project cannot make another", "POST", "/projects", "ann.all", {"json": {"name": "x"}}, 403, "forbidden"),
    ("unknown path", "GET", "/nothing", "ann.all", {}, 404, "not_found"),
    ("unknown path without a key", "GET", "/nothing", "", {}, 404, "not_found"),
    ("not a uuid", "GET", "/events/1", "ann.all", {}, 404, "not_found"),
    ("unknown project", "GET", "/stats?project=nowhere", "ann.wide", {}, 404, "not_found"),
    ("wrong method", "PATCH", "/projects", "ann.all", {}, 405, "method_not_allowed"),
    ("wrong method without a key", "PUT", "/projects", "", {}, 405, "method_not_allowed"),
    ("form body", "POST", "/monitors", "ann.all", {"data": {"slug": "x"}}, 415, "unsupported_media_type"),
    (
        "compressed body",
        "POST",
        "/monitors",
        "ann.all",
        {"content": b"x", "headers": JSON | {"content-encoding": "gzip"}},
        415,
        "unsupported_media_type",
    ),
    (
        "large body",
        "POST",
        "/monitors",
        "ann.all",
        {"content": b" " * (MAX_BODY + 1), "headers": JSON},
        413,
        "too_large",
    ),
    ("no body", "POST", "/monitors", "ann.all", {}, 400, "bad_request"),
    ("not json", "POST", "/monitors", "ann.all", {"content": b"{", "headers": JSON}, 400, "bad_request"),
    ("not utf-8", "POST", "/monitors", "ann.all", {"content": b'{"slug":"\xff"}', "headers": JSON}, 400, "bad_request"),
    (
        "lone surrogate",
        "POST",
        "/monitors",
        "ann.all",
        {"content": b'{"slug":"\\ud800"}', "headers": JSON},
        400,
        "bad_request",
    ),
    ("too deep", "POST", "/monitors", "ann.all", {"content": b"[" * 100_000, "headers": JSON}, 400, "bad_request"),
    ("not an object", "POST", "/monitors", "ann.all", {"json": [1]}, 400, "bad_request"),
    ("null", "POST", "/monitors", "ann.all", {"content": b"null", "headers": JSON}, 400, "bad_request"),
    ("missing field", "POST", "/monitors", "ann.all", {"json": {}}, 400, "bad_request"),
    ("wrong type", "POST", "/monitors", "ann.all", {"json": {"slug": 7}}, 400, "bad_request"),
    ("unknown field", "POST", "/monitors", "ann.all", {"json": {"slug": "x", "slgu": 1}}, 400, "bad_request"),
    ("bad query", "GET", "/stats?limit=many", "ann.all", {}, 400, "bad_request"),
    ("bad time", "GET", "/events?from=yesterday", "ann.all", {}, 400, "bad_request"),
    ("bad cursor of rows", "GET", "/events?cursor=1", "ann.all", {}, 400, "bad_request"),
    ("bad label", "GET", "/events?label=x", "ann.all", {}, 400, "bad_request"),
    ("bad status filter", "GET", "/requests?status=many", "ann.all", {}, 400, "bad_request"),
    ("limit of rows", "GET", "/events?limit=1001", "ann.all", {}, 400, "bad_request"),
    ("limit of stats", "GET", "/stats?limit=1001", "ann.all", {}, 422, "invalid"),
    ("refused by the service", "POST", "/monitors", "ann.all", {"json": {"slug": "Not A Slug"}}, 422, "invalid"),
    ("neither stats nor table", "POST", "/series", "ann.all", {"json": {}}, 422, "invalid"),
]


@pytest.mark.parametrize(
    ("method", "path", "key", "options", "status", "code"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_refusals(world, method, path, key, options, status, code):
    answer = world.call(method, API + path, key, **options)
    assert error_of(answer) == (status, code)
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    if status == 405:
        assert set(answer.headers["allow"].split(", ")) >= {"GET", "POST"}


def test_a_missing_field_is_named(world):
    answer = world.call("POST", f"{API}/monitors", "ann.all", json={})
    assert "slug" in answer.json()["error"]["message"]


def test_a_conflict(world):
    for expected in (201, 409):
        answer = world.call("POST", f"{API}/monitors", "ann.all", json={"slug": "nightly"})
        assert answer.status_code == expected
    assert error_of(answer) == (409, "conflict")


def test_the_keys_own_limit(world):
    world.keys.wait = 17
    answer = world.call("GET", f"{API}/projects", "ann.all")
    assert error_of(answer) == (429, "rate_limited")
    assert answer.headers["retry-after"] == "17"


def test_a_key_that_cannot_be_looked_up_is_503_and_never_401(world):
    world.keys.fails = Unavailable("keys are not loaded", retry_after=3)
    answer = world.call("GET", f"{API}/projects", "ann.all")
    assert error_of(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "3"


def test_a_locked_catalog_is_503(world):
    world.keys.fails = OperationalError("SELECT secret FROM keys", {}, sqlite3.OperationalError("database is locked"))
    answer = world.call("GET", f"{API}/projects", "ann.all")
    assert error_of(answer) == (503, "unavailable")
    assert "SELECT" not in answer.text


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (StoreUnavailable("cannot open the store at /srv/data/store"), 503, "unavailable"),
        (BudgetExceeded("memory"), 422, "too_expensive"),
        (RuntimeError("Code: 27. quoted 'customer data'"), 500, "internal"),
    ],
    ids=["store down", "budget", "bug"],
)
def test_a_store_that_fails(world, fault, status, code, caplog):
    world.store.fails = fault
    with caplog.at_level(logging.CRITICAL):
        answer = world.call("GET", f"{API}/events", "ann.all")
    assert error_of(answer) == (status, code)
    assert "customer" not in answer.text
    assert "/srv" not in answer.text
    assert "Traceback" not in answer.text
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/readyz", assets.path("app.css"), f"{API}/projects"])
def test_head_is_get_without_the_body(world, path):
    get, head = world.call("GET", path, "ann.all"), world.call("HEAD", path, "ann.all")
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.5", "application/json"),
        ("image/png", "text/html"),
        ("not/a/type;;q=x", "text/html"),
    ],
)
def test_outside_the_api_an_error_is_a_page_or_json_by_accept(world, accept, kind):
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/docs", 405), ("GET", "/app/setup/wrong", 404)):
        answer = world.call(method, path, headers={"accept": accept})
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith(kind)
        if kind == "application/json":
            assert error_of(answer)[0] == status


def test_the_other_dialects_key_headers_are_read(world):
    secret = world.secrets["ann.all"]
    for headers, status in (
        ({"x-api-key": secret}, 200),
        ({"x-seestack-key": secret}, 200),
        ({"x-allstak-key": secret}, 200),
        ({"authorization": "Basic abc", "x-api-key": secret}, 200),
        ({"authorization": "bearer  " + secret}, 200),
        ({"authorization": "Bearer wrong", "x-api-key": secret}, 401),
    ):
        assert world.call("GET", f"{API}/projects", headers=headers).status_code == status, headers
