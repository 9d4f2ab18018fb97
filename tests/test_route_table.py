"""The route table as data: who owns which path, and that every route is complete."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product
from typing import Any

import pytest
from endpoints import BY_PATH
from litestar import Router

from headrace.api.app import own_schema
from headrace.dialects.base import Dialect, Route, Step
from headrace.dialects.registry import DIALECTS, ROUTES
from headrace.gateway.routes import RouteTable
from headrace.gateway.steps import STEPS
from headrace.web.site import make_site

#: Every first segment of a path that is served, and whose it is (rulings 1). Below ``/api`` the second or third one tells.
OWNERS = {
    "/": "pages",
    "/docs": "pages",
    "/app": "pages",
    "/stats": "pages",
    "/cli": "pages",
    "/healthz": "headrace",
    "/readyz": "headrace",
    "/metrics": "headrace",
    "/v1": "statflow",
    "/ez": "stathat",
    "/c": "stathat",
    "/v": "stathat",
    "/x": "stathat",
    "/a1": "stathat",
    "/embed": "stathat",
    "/javascripts": "stathat",
    "/up": "logister",
    "/health": "logister",
    "/actuator": "seestack",
    "/ingest": "seestack",
    "/api/headrace": "headrace",
    "/api/slowstats": "slowstats",
    "/api/auth": "seestack",
    "/api/v1": "seestack",
    "/api/v1/ingest_events": "logister",
    "/api/v1/check_ins": "logister",
    "/api/v1/deployments": "logister",
    "/api/v1/mobile_ingest_tokens": "logister",
    "/api/v1/cli": "logister",
    "/api/v1/events": "canaryhub",
}
#: Kept for protocols to come: nobody may serve these.
RESERVED = (
    *(f"/v1/{name}" for name in ("traces", "metrics", "logs")),
    *(f"/api/v1/{name}" for name in ("query", "query_range", "series", "labels", "label", "metadata", "write")),
)


def own_paths() -> set[str]:
    return {*own_schema()["paths"], "/docs/openapi.json", *page_paths()}


def page_paths() -> set[str]:
    """The paths of all pages, those behind the door included."""
    alone = [handler for handler in make_site().handlers if not isinstance(handler, Router)]
    routers = [handler for handler in make_site().handlers if isinstance(handler, Router)]
    return {path for handler in alone for path in handler.paths} | {
        route.path_format for router in routers for route in router.routes
    }


def vendor_paths() -> list[tuple[str, str, Dialect]]:
    """(method, path, dialect) of every route and alias."""
    return [
        (route.method, path, dialect)
        for dialect in DIALECTS
        for route in dialect.routes
        for path in (route.path, *route.aliases)
    ]


def owner_of(path: str) -> str:
    """Whose a path is by the longest beginning that is listed."""
    found = [root for root in OWNERS if path == root or (root != "/" and path.startswith((f"{root}/", f"{root}.")))]
    assert found, f"{path} begins with a segment that has no owner: list it in OWNERS"
    return OWNERS[max(found, key=len)]


def test_every_path_belongs_to_the_owner_of_its_first_segments() -> None:
    for _, path, dialect in vendor_paths():
        assert owner_of(path) == dialect.name, path
    for path in own_paths():
        assert owner_of(path) in ("headrace", "pages"), path
    for dialect in DIALECTS:
        for prefix in dialect.prefixes:
            assert owner_of(prefix.rstrip("/")) == dialect.name, prefix


def test_no_owner_is_listed_for_nothing() -> None:
    paths = [path for _, path, _ in vendor_paths()] + sorted(own_paths())
    paths += [prefix for dialect in DIALECTS for prefix in dialect.prefixes]
    for root in OWNERS:
        assert any(path == root or path.startswith((f"{root}/", f"{root}{{")) for path in paths), root


def test_no_path_is_claimed_twice() -> None:
    served = Counter((method, path) for method, path, _ in vendor_paths())
    assert [claim for claim, count in served.items() if count > 1] == []
    by_path: dict[str, set[str]] = {}
    for _, path, dialect in vendor_paths():
        by_path.setdefault(path, set()).add(dialect.name)
    assert {path: names for path, names in by_path.items() if len(names) > 1} == {}
    assert not {path for _, path, _ in vendor_paths()} & own_paths()
    prefixes = Counter(prefix for dialect in DIALECTS for prefix in dialect.prefixes)
    assert max(prefixes.values()) == 1


def test_a_path_that_two_dialects_claim_is_refused_at_the_start() -> None:
    first, second = DIALECTS[0], DIALECTS[1]
    thief = second._replace(routes=(second.routes[0]._replace(path=first.routes[0].path),))
    with pytest.raises(ValueError, match="is claimed by"):
        RouteTable((first, thief))


def test_our_own_paths_are_left_to_us() -> None:
    """What the gateway takes never reaches the API and the pages behind it."""
    table = RouteTable(DIALECTS)
    for path, method in product(own_paths(), ("GET", "POST", "DELETE", "PUT", "OPTIONS")):
        assert table.match(method, path) is None, path


@pytest.mark.parametrize("path", RESERVED)
def test_reserved_paths_are_not_served(path: str) -> None:
    match = RouteTable(DIALECTS).match("POST", path)
    assert match is not None
    assert match.route is None
    assert not match.allow


def test_numbers_below_api_belong_to_nobody() -> None:
    """``/api/<digits>/`` is kept for a protocol that names its projects there."""
    table = RouteTable(DIALECTS)
    for path in ("/api/1/store/", "/api/4711/envelope/"):
        assert table.match("POST", path) is None
    assert not [path for path in own_paths() if path.removeprefix("/api/")[:1].isdigit()]


def test_the_longest_prefix_owns_what_nobody_serves() -> None:
    table = RouteTable(DIALECTS)
    for dialect in DIALECTS:
        for prefix in dialect.prefixes:
            owner = table.owner(prefix.rstrip("/") + "/nothing/at/all")
            assert owner is not None
            assert owner.name == dialect.name


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
def test_every_route_is_complete(route: Route) -> None:
    assert route.summary[:1].isupper()
    assert route.summary.endswith(".")
    assert bool(route.parse) != bool(route.handler)
    assert route.dialect in {dialect.name for dialect in DIALECTS if route in dialect.routes}
    _check_steps(route)
    statuses = [status for status, _ in route.answers]
    assert any(status < 300 for status in statuses)
    assert {500, 503} <= set(statuses) or "auth" not in route.steps
    for status, text in route.answers:
        if text.startswith(("{", "[")):
            assert isinstance(json.loads(text), dict | list), (status, text)


def _check_steps(route: Route) -> None:
    steps: tuple[Step, ...] = route.steps
    assert set(steps) <= set(STEPS)
    assert len(set(steps)) == len(steps)
    assert steps[-1] == ("append" if route.parse else "handle")
    assert ("body" in steps) == bool(route.cap) == bool(route.cap and route.decoded_cap)
    if route.parse is not None:
        assert "body" not in steps or steps.index("body") < steps.index("parse")
        assert "idempotency" in steps, "a retry is a no-op on every ingest path (rulings 4)"
    if "auth" in steps:
        assert steps.index("auth") < steps.index("scope")
    if route.dialect == "stathat":
        return  # answers 200 to what its steps refuse
    documented = {status for status, _ in route.answers}
    expected: dict[Any, int] = {"auth": 401, "scope": 403, "charge_request": 429, "decide": 409}
    expected |= {"declared_size": 413, "wire_size": 413}
    for step, status in expected.items():
        if step in steps and not (step == "decide" and route.dialect != "statflow"):
            assert status in documented, f"{step} answers {status}"


def test_every_ingest_route_has_a_record_for_the_tests() -> None:
    missing = [
        route.path
        for route in ROUTES
        if route.parse is not None
        and route.path not in BY_PATH
        and route.dialect != "stathat"  # its keys are no headers
    ]
    assert missing == [], "tests/endpoints.py knows no record for these"
