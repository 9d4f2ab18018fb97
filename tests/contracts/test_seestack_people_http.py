"""SeeStack's accounts, projects and API keys against a real server (contract 4; the kind ``login`` of rulings 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from endpoints import BY_PATH, x_seestack_key
from seestack_envelope import data, refused
from wire import TIMEOUT_S, Client, bearer, wait_for

from headrace.api.services import OPERATOR, Context, accounts, audit, sessions
from headrace.api.services.base import Who
from headrace.catalog import Catalog, members, projects, sqlite_url

LOGIN, REGISTER, PROJECTS, KEYS = "/api/auth/login", "/api/auth/register", "/api/v1/projects", "/api/v1/api-keys"
MONITORS = "/api/v1/cron-monitors"
PASSWORD = "correct horse battery"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN = re.compile(r"hr_login_[A-Za-z0-9_-]{43}")
#: Tries that no guard lets through: ten at once, then two a minute.
MANY_TRIES = 100
#: Pages of 200 keys that no tests make.
MANY_PAGES = 100


def ask(server: Any, method: str, path: str, key: str = "", **more: Any) -> requests.Response:
    return requests.request(method, server.url + path, headers=bearer(key) if key else {}, timeout=TIMEOUT_S, **more)


@contextmanager
def catalog_of(server: Any) -> Iterator[Catalog]:
    catalog = Catalog.open(sqlite_url(server.data / "catalog.db"))
    try:
        yield catalog
    finally:
        catalog.close()


class Person:
    """An account of its own on the server, signed in."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.email = f"{uuid4().hex}@example.test"
        self.id: str = server.call("account.create", email=self.email, password=PASSWORD, name="Ann")["id"]
        self.token: str = data(self.sign_in())["token"]

    def sign_in(self, password: str = PASSWORD, email: str = "") -> requests.Response:
        return ask(self.server, "POST", LOGIN, json={"email": email or self.email, "password": password})

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return ask(self.server, method, path, self.token, **more)

    def place(self, project: str, role: str | None) -> None:
        """Gives the person a role in a project, None for none."""
        with catalog_of(self.server) as catalog, catalog.write() as conn:
            row = projects.by_id(conn, project)
            assert row is not None
            members.remove(conn, row.number, self.id)
            if role is not None:
                members.add(conn, project=row.number, account_id=self.id, role=role, at=1)


@pytest.fixture
def person(server: Any) -> Person:
    return Person(server)


@pytest.fixture
def client(server: Any, request: pytest.FixtureRequest) -> Client:
    return Client(server, f"people {request.node.name}")


def test_signing_in(server: Any, person: Person) -> None:
    signed = data(person.sign_in(email=person.email.upper()))
    assert TOKEN.fullmatch(signed["token"])
    assert signed == {
        "token": signed["token"],
        "user": {"id": person.id, "email": person.email, "name": "Ann"},
        "project": None,
    }
    assert data(person.ask("GET", PROJECTS)) == []
    for answer in (person.sign_in("wrong horse"), person.sign_in(email="nobody@example.test")):
        told = "This e-mail address and password do not belong together"
        assert refused(answer) == (401, "UNAUTHORIZED", told)
    for body in ({}, {"email": " ", "password": ""}, {"email": None, "password": None}):
        details = {"email": "must not be blank", "password": "must not be blank"}
        assert refused(ask(server, "POST", LOGIN, json=body)) == (422, "VALIDATION_ERROR", details)
    for odd in ({"email": [], "password": "x"}, []):
        assert refused(ask(server, "POST", LOGIN, json=odd))[:2] == (400, "BAD_REQUEST")
    assert refused(ask(server, "GET", LOGIN))[:2] == (405, "METHOD_NOT_ALLOWED")


def test_guesses_are_counted_by_account(server: Any, person: Person) -> None:
    other = Person(server)
    told: list[int] = []
    while 429 not in told and len(told) < MANY_TRIES:
        told.append(person.sign_in("a guess", email=f" {person.email.upper()}").status_code)
    # One try has passed when the person signed in.
    assert told[:9] == [401] * 9
    late = person.sign_in()
    if late.status_code != 200:  # it may be half a minute later
        assert refused(late) == (429, "RATE_LIMITED", "Rate limit exceeded")
        assert 1 <= int(late.headers["retry-after"]) <= 30
    assert told[-1] == 429
    assert other.sign_in().status_code == 200
    assert person.ask("GET", PROJECTS).status_code == 200, "who is in stays in"


def test_nobody_registers_unless_the_operator_lets_them(server: Any, person: Person) -> None:
    for body in (
        {},
        {"email": person.email, "password": PASSWORD},
        {"email": "new@example.test", "password": PASSWORD},
    ):
        assert refused(ask(server, "POST", REGISTER, json=body)) == (
            403,
            "FORBIDDEN",
            "Registration is closed on this server: ask for an invitation",
        )


def test_registration(server_class: Any, tmp_path: Path) -> None:
    server = server_class(tmp_path / "open", env={"HEADRACE_OPEN_REGISTRATION": "yes"})
    new = {"email": "Ann@Example.test", "password": PASSWORD, "name": "Ann"}
    server.start()
    try:
        early = ask(server, "POST", REGISTER, json=new)
        assert refused(early)[:2] == (403, "FORBIDDEN"), "who comes first would own the server"
        server.call("init", email="owner@example.test", password=PASSWORD, project="First")
        made = data(ask(server, "POST", REGISTER, json=new), 201)
        check_registered(server, made)
        taken = (409, "CONFLICT", "An account with this email exists already")
        assert refused(ask(server, "POST", REGISTER, json=new | {"email": " ann@example.TEST"})) == taken
        for change, details in WRONG:
            answer = ask(server, "POST", REGISTER, json=new | {"email": "bob@example.test"} | change)
            assert refused(answer) == (422, "VALIDATION_ERROR", details), change
        for number, change in enumerate(({"password": "x" * 12}, {"password": "x" * 128}, {"name": "n" * 100})):
            data(ask(server, "POST", REGISTER, json=new | {"email": f"{number}@example.test"} | change), 201)
        last = data(ask(server, "POST", REGISTER, json={"email": "eve@example.test", "password": PASSWORD}), 201)
        assert last["user"]["name"] == "eve"
        assert last["project"]["slug"] == "my-first-project-5"
    finally:
        assert server.stop() == 0


WRONG: list[tuple[dict[str, Any], dict[str, str]]] = [
    *[({"password": "x" * length}, {"password": "size must be between 12 and 128"}) for length in (11, 129)],
    ({"password": None}, {"password": "must not be blank"}),
    ({"name": "n" * 101}, {"name": "size must be between 0 and 100"}),
    *[
        ({"email": email}, {"email": "must be a well-formed email address"})
        for email in ("bob", "b ob@example.test", "b\0@example.test", "b@" + "x" * 253)
    ],
    ({"email": "", "password": ""}, {"email": "must not be blank", "password": "must not be blank"}),
]


def check_registered(server: Any, made: Any) -> None:
    """The account is in, its project takes records, and it is nobody's owner but its own."""
    assert TOKEN.fullmatch(made["token"])
    assert (made["user"]["email"], made["user"]["name"]) == ("ann@example.test", "Ann")
    key = made["project"].pop("apiKey")
    (project,) = data(ask(server, "GET", PROJECTS, made["token"]))
    assert made["project"] == {name: project[name] for name in ("id", "name", "slug")}
    assert (project["name"], project["slug"]) == ("My First Project", "my-first-project")
    sent = requests.post(
        f"{server.url}/ingest/v1/logs",
        headers=x_seestack_key(key),
        json={"level": "info", "message": "first"},
        timeout=TIMEOUT_S,
    )
    assert sent.status_code == 202
    assert refused(ask(server, "GET", PROJECTS, key))[:2] == (403, "FORBIDDEN"), "it stands in programs"
    data(ask(server, "POST", PROJECTS, made["token"], json={"name": "Shop"}), 201)


def test_a_login_opens_nothing_else(server: Any, person: Person) -> None:
    """Not one record of any dialect is taken from it, whatever its person may; nor is it a browser's session."""
    client = Client(server, "not for logins", account=person.email)
    for endpoint in BY_PATH.values():
        answer = client.call(
            "POST",
            endpoint.path,
            headers={"Content-Type": endpoint.content_type, **bearer(person.token)},
            data=endpoint.body(client),
        )
        assert answer.status_code in (401, 403), (endpoint.path, answer.text)
    refusal = person.ask("POST", "/ingest/v1/errors", json={"exceptionClass": "E", "message": "m"})
    assert refused(refusal) == (403, "FORBIDDEN", "This key lacks the write scope")
    for path in ("/v1/stats", "/v1/auth/api-keys", "/api/headrace/projects", "/api/headrace/keys"):
        assert person.ask("GET", path).status_code in (401, 403), path
    hat = person.ask("POST", "/ez", json={"ezkey": person.token, "data": [{"stat": "a", "count": 1}]}).json()
    assert hat["msg"] == "invalid ezkey"
    cookies = {"headrace_session": person.token}
    assert requests.get(f"{server.url}/api/headrace/keys", cookies=cookies, timeout=TIMEOUT_S).status_code == 401
    held = client.totals()
    assert not held.pop("points")
    assert set(held.values()) == {0}


def test_what_is_no_login(server: Any, person: Person, client: Client) -> None:
    with catalog_of(server) as catalog, catalog.write() as conn:
        account = accounts.find(Context(catalog), person.id)
        assert account is not None
        browser = sessions.begin(Context(catalog), conn, account, "", "Browser")
    for token in ("", "hr_login_", "hr_login_" + "A" * 43, person.token[:-1], browser, "hr_login_" + browser):
        assert refused(ask(server, "GET", PROJECTS, token))[:2] == (401, "INVALID_API_KEY"), token
    # A key that is shown decides alone, in the header that comes first.
    headers = {**x_seestack_key(client.key), **bearer(person.token)}
    answer = requests.get(server.url + PROJECTS, headers=headers, timeout=TIMEOUT_S)
    assert [one["id"] for one in data(answer)] == [client.project]


def attempts(project: str, unique: str) -> dict[str, tuple[str, str, Any]]:
    """What people do in a project, by what it takes."""
    named = f"?projectId={project}"
    monitor = {"projectId": project, "name": "n", "slug": f"m-{unique}", "schedule": "1d"}
    return {
        "read": ("GET", f"{MONITORS}{named}", None),
        "see": ("GET", f"{PROJECTS}/{project}", None),
        "manage": ("POST", MONITORS, monitor),
        "list keys": ("GET", f"{PROJECTS}/{project}/api-keys", None),
        "make a key": ("POST", KEYS, {"projectId": project, "name": "k", "scopes": ["write", "read", "manage"]}),
    }


def test_a_role_counts_as_soon_as_it_is_given_and_taken(server: Any, person: Person, client: Client) -> None:
    held = {None: set(), "viewer": {"read", "see"}, "member": {"read", "see"}}
    everything = {"read", "see", "manage", "list keys", "make a key"}
    for role in (None, "viewer", "admin", "member", "owner", None):
        person.place(client.project, role)
        allowed = held.get(role, everything)
        for what, (method, path, body) in attempts(client.project, uuid4().hex).items():
            answer = person.ask(method, path, json=body)
            case = (role, what, answer.text)
            if what in allowed:
                assert answer.status_code == (201 if method == "POST" else 200), case
            elif role is None:
                assert refused(answer) == (404, "NOT_FOUND", f"Project not found: {client.project}"), case
            else:
                lacks = f"Your role in this project, {role}, lacks the manage scope"
                assert refused(answer) == (403, "FORBIDDEN", lacks), case
        listed = [one["id"] for one in data(person.ask("GET", PROJECTS))]
        assert listed == ([] if role is None else [client.project])


def test_only_an_owner_deletes_a_project(server: Any, person: Person) -> None:
    client = Client(server, "to be deleted")
    other = Client(server, "to stay")
    person.place(client.project, "admin")
    path = f"{PROJECTS}/{client.project}"
    assert refused(person.ask("DELETE", path))[:2] == (403, "FORBIDDEN")
    assert refused(person.ask("DELETE", f"{PROJECTS}/{other.project}"))[0] == 404
    person.place(client.project, "owner")
    gone = person.ask("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("GET", "DELETE"):
        unknown = (404, "NOT_FOUND", f"Project not found: {client.project}")
        assert refused(person.ask(method, path)) == unknown
    assert refused(client.call("GET", PROJECTS))[0] == 401
    assert data(other.call("GET", f"{PROJECTS}/{other.project}"))["id"] == other.project


def test_people_see_nothing_of_each_other(server: Any, person: Person) -> None:
    other = Person(server)
    mine, theirs = (Client(server, f"of {one.email}", account=one.email) for one in (person, other))
    made = data(person.ask("POST", f"{PROJECTS}/{mine.project}/api-keys", json={"name": "mine"}), 201)
    monitor = {"name": "n", "slug": "nightly", "schedule": "1d"}
    watched = data(person.ask("POST", MONITORS, json=monitor), 201)
    unknown = [
        *[(method, f"{PROJECTS}/{mine.project}") for method in ("GET", "DELETE")],
        *[(method, f"{PROJECTS}/{mine.project}/api-keys") for method in ("GET", "POST")],
        *[(method, f"{PROJECTS}/{mine.project}/api-keys/{made['id']}") for method in ("PUT", "DELETE")],
        *[(method, f"{PROJECTS}/{theirs.project}/api-keys/{made['id']}") for method in ("PUT", "DELETE")],
        *[(method, f"{KEYS}/{made['id']}") for method in ("PATCH", "DELETE")],
        *[(method, f"{MONITORS}/{watched['id']}") for method in ("GET", "PUT", "DELETE")],
        ("GET", f"{KEYS}?projectId={mine.project}"),
        ("GET", f"{MONITORS}?projectId={mine.project}"),
    ]
    for method, path in unknown:
        body = {"name": "stolen"} if method in ("POST", "PUT", "PATCH") else None
        for token in (other.token, theirs.key):
            assert refused(ask(server, method, path, token, json=body))[:2] == (404, "NOT_FOUND"), (method, path)
    stolen = {"name": "stolen", "projectId": mine.project}
    for token in (other.token, theirs.key):
        assert refused(ask(server, "POST", KEYS, token, json=stolen))[0] == 404
        shown = data(ask(server, "GET", KEYS, token))["items"]
        assert {one["projectId"] for one in shown} == {theirs.project}
        assert [one["id"] for one in data(ask(server, "GET", PROJECTS, token))] == [theirs.project]
    assert made["id"] in [one["id"] for one in data(person.ask("GET", KEYS))["items"]]


def test_a_login_acts_where_it_is_told_to(server: Any, person: Person) -> None:
    """Without a word it is the person's first project; what an id names is found in any of theirs."""
    first, second = (Client(server, name, account=person.email) for name in ("the first", "the second"))
    monitor = {"name": "n", "slug": "nightly", "schedule": "1d"}
    made = [
        data(person.ask("POST", MONITORS, json=monitor | more), 201) for more in ({}, {"projectId": second.project})
    ]
    for client, one in zip((first, second), made, strict=True):
        assert data(client.call("GET", MONITORS)) == {"items": [one]}
        assert data(person.ask("GET", MONITORS, params={"projectId": client.project})) == {"items": [one]}
        assert data(person.ask("GET", f"{MONITORS}/{one['id']}")) == one
        assert data(person.ask("PUT", f"{MONITORS}/{one['id']}", json={}))["id"] == one["id"]
    assert data(person.ask("GET", MONITORS)) == {"items": made[:1]}
    elsewhere = person.ask("GET", f"{MONITORS}/{made[1]['id']}", params={"projectId": first.project})
    assert refused(elsewhere)[0] == 404
    assert person.ask("DELETE", f"{MONITORS}/{made[1]['id']}").status_code == 204
    assert data(second.call("GET", MONITORS)) == {"items": []}
    lost = Person(server)
    assert refused(lost.ask("GET", MONITORS)) == (404, "NOT_FOUND", "Project not found")


def test_a_new_password_and_the_account_s_page_end_a_login(server: Any, person: Person) -> None:
    with catalog_of(server) as catalog:
        context = Context(catalog)
        account = accounts.find(context, person.id)
        assert account is not None
        with catalog.write() as conn:
            token = sessions.begin(context, conn, account, "", "Browser")
        viewer = sessions.find(context, token)
        assert viewer is not None
        login, browser = sorted(sessions.list_open(context, viewer), key=lambda one: one.agent)
        assert (login.agent[:20], login.address, browser.agent) == ("API, python-requests", "127.0.0.1", "Browser")
        sessions.close(context, viewer, login.id)
        assert refused(person.ask("GET", PROJECTS))[:2] == (401, "INVALID_API_KEY")
        person.token = data(person.sign_in())["token"]
        assert person.ask("GET", PROJECTS).status_code == 200
        who = Who("account", account.id, account.email)
        accounts.change_password(context, who, viewer.session, old=PASSWORD, new="another horse battery")
    assert refused(person.ask("GET", PROJECTS))[:2] == (401, "INVALID_API_KEY")
    assert person.sign_in().status_code == 401
    assert person.sign_in("another horse battery").status_code == 200


@pytest.fixture(params=["login", "key"])
def manager(request: pytest.FixtureRequest, server: Any) -> tuple[str, Client]:
    """Who manages a project: a person's login, or a key. Both can do the same."""
    if request.param == "key":
        client = Client(server, "managed by a key", account_wide=True)
        return client.key, client
    person = Person(server)
    return person.token, Client(server, "managed by a login", account=person.email)


def test_a_project_is_made_and_deleted(server: Any, manager: tuple[str, Client]) -> None:
    token, client = manager
    name = f"Shop {uuid4().hex}"
    made = data(ask(server, "POST", PROJECTS, token, json={"name": f" {name} ", "platform": "python"}), 201)
    key, prefix = made.pop("apiKey"), made.pop("apiKeyPrefix")
    assert re.fullmatch(r"ask_live_[a-z0-9]{32}", key)
    assert prefix == key[:8]
    assert TIME.fullmatch(made["createdAt"])
    assert (made["name"], made["platform"]) == (name, "python")
    assert made["slug"] == name.lower().replace(" ", "-")
    for ref in (made["id"], made["slug"]):
        assert data(ask(server, "GET", f"{PROJECTS}/{ref}", token)) == made
    listed = data(ask(server, "GET", PROJECTS, token))
    assert made in listed
    assert client.project in [one["id"] for one in listed]
    assert BY_PATH["/ingest/v1/logs"].post(client, key=key).status_code == 202
    assert refused(ask(server, "GET", PROJECTS, key))[0] == 403
    assert ask(server, "DELETE", f"{PROJECTS}/{made['id']}", token).status_code == 204
    assert refused(ask(server, "GET", f"{PROJECTS}/{made['id']}", token))[0] == 404
    assert BY_PATH["/ingest/v1/logs"].post(client, key=key).status_code == 401
    unknown = data(ask(server, "POST", PROJECTS, token, json={"name": "n" * 100, "platform": "react"}), 201)
    assert unknown["platform"] == "http_api"
    for body, details in (
        ({}, {"name": "must not be blank"}),
        ({"name": "n" * 101}, {"name": "size must be between 1 and 100"}),
    ):
        assert refused(ask(server, "POST", PROJECTS, token, json=body)) == (422, "VALIDATION_ERROR", details)
    assert refused(ask(server, "POST", PROJECTS, token, json={"name": "a\nb"}))[:2] == (422, "VALIDATION_ERROR")


def test_a_key_s_life_below_its_project(server: Any, manager: tuple[str, Client]) -> None:
    token, client = manager
    path = f"{PROJECTS}/{client.project}/api-keys"
    before = data(ask(server, "GET", path, token))
    made = data(ask(server, "POST", path, token, json={"name": " till "}), 201)
    key = made.pop("key")
    assert re.fullmatch(r"ask_live_[a-z0-9]{32}", key)
    assert TIME.fullmatch(made["createdAt"])
    assert {name: value for name, value in made.items() if name not in ("id", "createdAt")} == {
        "projectId": client.project,
        "name": "till",
        "keyPrefix": "ask_live",
        "environment": "production",
        "scopes": ["write"],
        "lastUsedAt": None,
    }
    after = data(ask(server, "GET", path, token))
    assert after["items"] == [*before["items"], made]
    assert after["pagination"] == {"page": 1, "perPage": 20, "total": len(before["items"]) + 1}
    last = data(ask(server, "GET", path, token, params={"page": len(after["items"]), "perPage": 1}))
    assert last == {"items": [made], "pagination": after["pagination"] | {"page": len(after["items"]), "perPage": 1}}
    renamed = data(ask(server, "PUT", f"{path}/{made['id']}", token, json={"name": "n" * 100}))
    assert renamed == made | {"name": "n" * 100}
    assert BY_PATH["/ingest/v1/logs"].post(client, key=key).status_code == 202

    def used() -> bool:
        shown = data(ask(server, "GET", path, token))["items"]
        return any(one["id"] == made["id"] and one["lastUsedAt"] for one in shown)

    wait_for(used, "the use is not noted")
    gone = ask(server, "DELETE", f"{path}/{made['id']}", token)
    assert (gone.status_code, gone.content) == (204, b"")
    assert BY_PATH["/ingest/v1/logs"].post(client, key=key).status_code == 401
    unknown = (404, "NOT_FOUND", f"API key not found: {made['id']}")
    assert refused(ask(server, "DELETE", f"{path}/{made['id']}", token)) == unknown
    assert refused(ask(server, "PUT", f"{path}/{made['id']}", token, json={"name": "x"})) == unknown
    assert made["id"] not in [one["id"] for one in data(ask(server, "GET", path, token))["items"]]


def every_key(server: Any, token: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """All pages of the list: an account of the whole server's tests has many keys."""
    found: list[dict[str, Any]] = []
    for page in range(1, MANY_PAGES):
        shown = data(ask(server, "GET", KEYS, token, params={"page": page, "perPage": 200} | query))
        found += shown["items"]
        if len(found) == shown["pagination"]["total"]:
            return found
    pytest.fail("the list does not end")


def test_a_key_s_life_by_its_own_id(server: Any, manager: tuple[str, Client]) -> None:
    token, client = manager
    body = {"projectId": client.project, "name": "till", "environment": "test"}
    made = data(ask(server, "POST", KEYS, token, json=body), 201)
    key = made.pop("key")
    assert re.fullmatch(r"ask_test_[a-z0-9]{32}", key)
    assert (made["keyPrefix"], made["environment"], made["scopes"]) == ("ask_test", "test", ["write"])
    own = data(ask(server, "POST", KEYS, token, json={"name": "own", "environment": "production"}), 201)
    assert (own["projectId"], own["environment"]) == (client.project, "production")
    for query in ({}, {"projectId": client.project}):
        assert made in every_key(server, token, query)
    assert data(ask(server, "PATCH", f"{KEYS}/{made['id']}", token, json={"name": "desk"}))["name"] == "desk"
    assert data(ask(server, "DELETE", f"{KEYS}/{made['id']}", token)) == {"status": "revoked"}
    assert BY_PATH["/ingest/v1/logs"].post(client, key=key).status_code == 401
    unknown = (404, "NOT_FOUND", f"API key not found: {made['id']}")
    assert refused(ask(server, "PATCH", f"{KEYS}/{made['id']}", token, json={"name": "x"})) == unknown
    assert refused(ask(server, "DELETE", f"{KEYS}/{made['id']}", token)) == unknown


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"name": "must not be blank"}),
        ({"name": "n" * 101}, {"name": "size must be between 1 and 100"}),
        ({"name": "k", "environment": "staging"}, {"environment": 'must match "production|test"'}),
        ({"name": "k", "scopes": []}, {"scopes": "must be some of write, read and manage"}),
        ({"name": "k", "scopes": ["all"]}, {"scopes": "must be some of write, read and manage"}),
        ({"name": "k", "scopes": "write"}, None),
        ({"name": "k", "scopes": [1]}, None),
        ({"name": []}, None),
    ],
    ids=str,
)
def test_what_a_key_cannot_be(client: Client, body: Any, expected: Any) -> None:
    for path in (KEYS, f"{PROJECTS}/{client.project}/api-keys"):
        told = refused(client.call("POST", path, json=body))
        if expected is None:
            assert told[:2] == (400, "BAD_REQUEST")
        else:
            assert told == (422, "VALIDATION_ERROR", expected)
    assert len(data(client.call("GET", KEYS))["items"]) == 1
    for page in ("0", "x", "-1"):
        details = {"page": "must be a whole number from 1 to 2147483647"}
        assert refused(client.call("GET", KEYS, params={"page": page})) == (422, "VALIDATION_ERROR", details)


def test_a_key_grants_no_more_than_it_holds(server: Any, client: Client) -> None:
    narrow = client.make_key(scopes=["read", "manage"])
    holds = "This key cannot grant the write scope: it does not hold it"
    assert refused(ask(server, "POST", KEYS, narrow, json={"name": "k"})) == (403, "FORBIDDEN", holds)
    data(ask(server, "POST", KEYS, narrow, json={"name": "k", "scopes": ["read", "manage"]}), 201)
    for method, path in (("POST", PROJECTS), ("DELETE", f"{PROJECTS}/{client.project}")):
        assert refused(client.call(method, path, json={"name": "x"}))[:2] == (403, "FORBIDDEN"), "a project's own key"
    wide = client.make_key(scopes=["read", "manage"], account_wide=True)
    before = data(ask(server, "GET", PROJECTS, wide))
    assert refused(ask(server, "POST", PROJECTS, wide, json={"name": "x"})) == (403, "FORBIDDEN", holds)
    found = [one["id"] for one in data(ask(server, "GET", PROJECTS, wide))]
    assert set(found) >= {one["id"] for one in before}
    assert "x" not in [one["name"] for one in data(ask(server, "GET", PROJECTS, wide))], "both or neither"
    # A key of one project does not see those of the whole account.
    names = [one["scopes"] for one in data(ask(server, "GET", KEYS, narrow))["items"]]
    assert sorted(names) == [["manage", "read"], ["manage", "read"], ["manage", "read", "write"]]


def test_a_key_of_the_account_outlives_the_project_that_it_writes_to(server: Any, person: Person) -> None:
    """Rulings 2: it loses that project, and still reaches the others where they are named or none has to be."""
    gone, kept = (Client(server, name, account=person.email) for name in ("archived default", "kept"))
    wide = gone.make_key(scopes=["write", "read", "manage"], account_wide=True)
    server.call("project.archive", project=gone.project)
    assert [one["id"] for one in data(ask(server, "GET", PROJECTS, wide))] == [kept.project]
    assert data(ask(server, "GET", f"{PROJECTS}/{kept.project}", wide))["id"] == kept.project
    assert data(ask(server, "GET", MONITORS, wide, params={"projectId": kept.project})) == {"items": []}
    assert data(ask(server, "POST", KEYS, wide, json={"name": "k", "projectId": kept.project}), 201)
    for path in (MONITORS, f"{MONITORS}?projectId={gone.project}", f"{PROJECTS}/{gone.project}"):
        assert refused(ask(server, "GET", path, wide))[:2] == (404, "NOT_FOUND"), path
    assert refused(ask(server, "POST", KEYS, wide, json={"name": "k"}))[0] == 404
    assert refused(gone.call("GET", PROJECTS))[0] == 401, "a key of that project alone"
    (lost,) = [one for one in data(person.ask("GET", KEYS))["items"] if one["projectId"] == gone.project]
    assert data(person.ask("DELETE", f"{KEYS}/{lost['id']}")) == {"status": "revoked"}
    assert refused(ask(server, "GET", PROJECTS, wide))[0] == 401


def test_a_guest_makes_no_project(server: Any, person: Person, client: Client) -> None:
    """Who only came by an invitation sees what they were invited to, as on the pages."""
    person.place(client.project, "owner")
    told = "Only owners of this server and accounts with projects of their own make projects"
    assert refused(person.ask("POST", PROJECTS, json={"name": "x"})) == (403, "FORBIDDEN", told)


def test_what_people_do_is_told_under_their_name(server: Any, person: Person, client: Client) -> None:
    person.place(client.project, "admin")
    made = data(person.ask("POST", f"{PROJECTS}/{client.project}/api-keys", json={"name": "till"}), 201)
    data(person.ask("PATCH", f"{KEYS}/{made['id']}", json={"name": "desk"}))
    data(person.ask("DELETE", f"{KEYS}/{made['id']}"))
    with catalog_of(server) as catalog:
        lines = audit.page(Context(catalog), OPERATOR, who=person.id).lines
    assert [(one.who, one.action, one.subject, one.details) for one in lines] == [
        (person.email, "revoked a key", "desk", ""),
        (person.email, "renamed a key", "desk", "till → desk"),
        (person.email, "made a key", "till", "write"),
        (person.email, "signed in", "", lines[-1].details),
    ]
    assert lines[-1].details.startswith("API, python-requests")
    assert {one.address for one in lines} == {"127.0.0.1"}
