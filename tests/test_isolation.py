"""Two projects, and two accounts, never see each other.

Every operation of the OpenAPI document (the vendors' route table and our own API) is asked with keys of others and with everything of the
victim's that can be named: ids in paths, queries and bodies. The cases are made from the document: an operation, parameter or
body that the tables below do not know fails, so that a new route cannot be forgotten.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import requests

from endpoints import BY_PATH, request_item
from headrace.api.app import own_schema
from headrace.api.openapi import build_document
from headrace.catalog import Catalog, dead_letters, sqlite_url
from headrace.dialects.registry import DIALECTS
from wire import Client, bearer, settle

#: Stands in everything that the victim stores and is called; no answer to anyone else may hold it.
WORD = "plughxyzzy"
#: A stat, a monitor and an event that everyone has: the same name or UUID in another project is another thing.
SHARED, SHARED_UUID = "shared", str(uuid4())
STRANGER = "stranger@example.test"

#: What a ``{name}`` of a path stands for, by the longest beginning of the path that is listed.
PATH_IDS: dict[str, str] = {
    "/api/headrace/projects/": "project",
    "/api/headrace/keys/": "key",
    "/api/headrace/stats/": "stat",
    "/api/headrace/events/": "event",
    "/api/headrace/requests/": "request",
    "/api/headrace/spans/": "span",
    "/api/headrace/annotations/": "annotation",
    "/api/headrace/dead-letters/": "letter",
    "/v1/stats/": "stat",
    "/v1/auth/api-keys/": "key",
    "/v1/annotations/": "annotation",
    "/api/v1/cron-monitors/": "monitor",
}
#: Query parameters that name something of a project.
QUERY_IDS: dict[str, tuple[str, ...]] = {
    "project": ("project", "slug", "name", "number"),
    "projectId": ("project",),
    "stat": ("stat", "stat name"),
}
#: Query parameters that only choose among what the caller may see. Values that would find the victim's rows.
FILTERS: dict[str, str] = {
    **dict.fromkeys(("q", "text", "name", "environment", "release", "service", "user_id", "fingerprint"), WORD),
    **dict.fromkeys(("trace_id", "request_id", "session_id", "path", "host", "operation"), WORD),
    "label": f"{WORD}={WORD}",
    "cursor": "cursor",
    "before": "",
    "limit": "100",
    "from": "2001-01-01T00:00:00Z",
    **dict.fromkeys(("archived", "revoked"), "true"),
    **dict.fromkeys(
        ("to", "type", "source", "resolution", "tz", "aggregate", "dialect", "level", "status", "state", "format"), ""
    ),
    **dict.fromkeys(("direction", "method", "is_slow", "kind"), ""),
}


#: A word under which everyone sends their first request to each route: it is everyone's own.
RETRY = {"Idempotency-Key": "the-same"}


class Body(NamedTuple):
    """``foreign`` names something of the victim's, so the answer is 403 or 404."""

    value: Any
    foreign: bool = False


class Victim:
    """A project that holds something of everything."""

    def __init__(self, server: Any) -> None:
        self.client = client = Client(server, f"{WORD} project")
        self.uuid = str(uuid4())
        records: list[tuple[str, Any]] = [
            ("/v1/ingest", {"stat": f"{WORD}.stat", "count": 1}),
            ("/v1/ingest/batch", {"items": [{"stat": SHARED, "value": 1, "type": "counter"}]}),
            ("/api/v1/events", {"events": [{"type": "error", "name": WORD, "message": WORD, "meta": {WORD: WORD}}]}),
            ("/api/slowstats/ingest-metrics", {"projectId": client.project, "payload": {WORD: 1}}),
            ("/api/v1/ingest_events", {"event": {"event_type": "error", "message": WORD, "uuid": self.uuid}}),
            (
                "/api/v1/ingest_events",
                {"event": {"event_type": "span", "name": WORD, "trace_id": WORD, "span_id": WORD}},
            ),
            ("/api/v1/ingest_events", {"event": {"event_type": "log", "message": WORD, "uuid": SHARED_UUID}}),
            ("/api/v1/check_ins", {"check_in": {"slug": WORD, "environment": WORD}}),
            ("/api/v1/check_ins", {"check_in": {"slug": SHARED}}),
            ("/ingest/v1/http-requests", {"requests": [request_item(WORD, host=WORD, userId=WORD)]}),
        ]
        used: set[str] = set()
        for path, body in records:
            answer = BY_PATH[path].post(client, body, headers={} if path in used else RETRY)
            used.add(path)
            assert answer.status_code < 300, answer.text
        key = server.call("key.create", project=client.project, name=f"{WORD} key")
        assert BY_PATH["/v1/ingest"].post(client, b"{", key=key["key"]).status_code == 400
        note = client.call("POST", "/v1/annotations", json={"text": WORD, "stat": f"{WORD}.stat"}).json()
        projects = server.call("project.list")
        mine = next(one for one in projects if one["id"] == client.project)
        settle(server)
        first_page = client.api("/events", limit=1)
        self.ids: dict[str, str] = {
            "project": client.project,
            "slug": mine["slug"],
            "name": mine["name"],
            "number": str(mine["number"]),
            "key": key["id"],
            "stat": client.api("/stats", q=f"{WORD}.stat")["stats"][0]["id"],
            "stat name": f"{WORD}.stat",
            "event": self.uuid,
            "request": client.rows("requests")[0]["id"],
            "span": client.rows("spans")[0]["id"],
            "annotation": note["id"],
            "monitor": client.api("/monitors")["monitors"][0]["id"],
            "letter": self._plant_letter(mine["number"]),
            "cursor": first_page["next"],
        }
        deadline = time.monotonic() + 20
        while not client.api("/keys/refusals")["refusals"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _plant_letter(self, number: int) -> str:
        """A row that the store is said to have refused."""
        catalog = Catalog.open(sqlite_url(self.client.server.data / "catalog.db"))
        try:
            with catalog.write() as connection:
                dead_letters.add(
                    connection,
                    journal="planted",
                    segment=1,
                    table="points",
                    partition="2026",
                    row_index=0,
                    project=number,
                    row=json.dumps([number, WORD]),
                    reason=WORD,
                    at=time.time_ns() // 1000,
                )
        finally:
            catalog.close()
        letter: str = self.client.api("/dead-letters")["dead_letters"][0]["id"]
        return letter

    def state(self, operations: list[Operation]) -> dict[str, Any]:
        """Everything that the victim itself can list, without when its keys were used."""
        settle(self.client.server)
        found: dict[str, Any] = {}
        for operation in operations:
            if operation.method == "GET" and "{" not in operation.path and operation.scopes:
                query = {"projectId": self.ids["project"]} if "projectId" in operation.query else {}
                answer = self.client.call("GET", operation.path, params=query)
                assert answer.status_code == 200, (operation.path, answer.text)
                found[operation.path] = re.sub(r'"last_used_at":("[^"]*"|null)', "", answer.text)
        return found


class Operation(NamedTuple):
    """``scopes`` are those that a key needs, none where no key is asked for; ``query`` the names of its parameters."""

    method: str
    path: str
    scopes: tuple[str, ...]
    query: tuple[str, ...]
    has_body: bool
    answers: frozenset[int]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def operations_of(document: dict[str, Any]) -> list[Operation]:
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            parameters = operation.get("parameters", ())
            security = operation.get("security") or [{}]
            found.append(
                Operation(
                    method.upper(),
                    path,
                    tuple(scope for scopes in security[0].values() for scope in scopes),
                    tuple(one["name"] for one in parameters if one["in"] == "query"),
                    "requestBody" in operation,
                    frozenset(int(status) for status in operation["responses"]),
                )
            )
    return found


OPERATIONS = operations_of(build_document(own_schema(), DIALECTS))
ALIASES = {path for dialect in DIALECTS for route in dialect.routes for path in route.aliases}
#: StatHat answers 200 to whatever it refuses, and its keys stand in query and body: ``test_stathat_…`` has its cases.
STATHAT = ("/ez", "/c", "/v")
KEYED = [operation for operation in OPERATIONS if operation.scopes and operation.path not in STATHAT]


def path_of(operation: Operation, victim: Victim) -> str:
    """The operation's path with what it can name of the victim's in it."""
    if "{" not in operation.path:
        return operation.path
    beginnings = [beginning for beginning in PATH_IDS if operation.path.startswith(beginning)]
    assert beginnings, f"{operation.name}: say in PATH_IDS what the path names"
    assert operation.path.count("{") == 1, f"{operation.name} names two things"
    return re.sub(r"\{[^}]*\}", victim.ids[PATH_IDS[max(beginnings, key=len)]], operation.path)


def queries_of(operation: Operation, victim: Victim) -> Iterator[tuple[dict[str, str], bool]]:
    """Query parameters to send, and whether they name something of the victim's."""
    yield {}, False
    for name in operation.query:
        if name in QUERY_IDS:
            for kind in QUERY_IDS[name]:
                yield {name: victim.ids[kind]}, True
            continue
        assert name in FILTERS, f"{operation.name}: say in QUERY_IDS or FILTERS what {name} does"
        value = victim.ids.get(FILTERS[name], FILTERS[name])
        if value:
            yield {name: value}, False


def bodies_of(operation: Operation, victim: Victim, attacker: Client) -> list[Body]:
    """Bodies that name what is the victim's wherever one can name something. Those that name nothing act on the attacker's own project."""
    if not operation.has_body:
        return [Body(None)]
    ids, unique = victim.ids, uuid4().hex[:8]
    event = {"event": {"event_type": "log", "message": "mine", "uuid": SHARED_UUID}}
    table: dict[str, list[Body]] = {
        "POST /api/headrace/projects": [Body({"name": "mine"})],
        "POST /api/headrace/keys": [Body({"name": "mine"})],
        "POST /api/headrace/monitors": [Body({"slug": f"mine-{unique}"})],
        "POST /api/headrace/annotations": [Body({"text": "mine"}), Body({"text": "mine", "stat": ids["stat"]}, True)],
        "POST /api/headrace/series": [
            Body({"stats": [ids["stat"]], "from": "-1h"}, True),
            Body({"stats": [ids["stat name"]], "from": "-1h"}, True),
            *(Body({"table": name, "from": "-1h"}) for name in ("events", "requests", "spans")),
            Body({"table": "events", "from": "-1h", "group_by": "name", "where": {"text": WORD}}),
        ],
        "PUT /api/headrace/dead-letters/{letter}/row": [Body({"row": [1, "mine"]})],
        "POST /v1/auth/api-keys": [Body({"name": "mine"})],
        "POST /v1/annotations": [
            Body({"text": "mine"}),
            Body({"text": "mine", "stat": ids["stat name"]}, True),
            Body({"text": "mine", "stat_id": ids["stat"]}, True),
        ],
        "POST /v1/ingest": [Body({"stat": SHARED, "value": 1, "type": "value"})],
        "POST /v1/ingest/batch": [Body({"items": [{"stat": SHARED, "value": 1}]})],
        "POST /api/v1/ingest_events": [Body(event)],
        "POST /api/v1/check_ins": [Body({"check_in": {"slug": SHARED, "status": "error"}})],
        "POST /api/v1/cron-monitors": [
            Body({"name": "mine", "slug": f"mine-{unique}", "schedule": "1d"}),
            Body({"name": "mine", "slug": f"mine-{unique}", "schedule": "1d", "projectId": ids["project"]}, True),
        ],
        "PUT /api/v1/cron-monitors/{id}": [Body({"name": "mine"})],
    }
    return table.get(operation.name) or _records(operation, victim, attacker)


def _records(operation: Operation, victim: Victim, attacker: Client) -> list[Body]:
    """A good record of the attacker's; then one that names the victim's project, which SlowStats refuses and SeeStack passes over."""
    endpoint = BY_PATH.get(operation.path)
    assert endpoint is not None, f"{operation.name}: say in bodies_of what its body can name"
    record = endpoint.record(attacker.project, "mine")
    if "projectId" in record:
        return [Body(record), *(Body({**record, "projectId": victim.ids[kind]}, True) for kind in ("project", "slug"))]
    if endpoint.dialect.name == "seestack":
        return [Body(record), Body({**record, "projectId": victim.ids["project"]})]
    return [Body(record)]


@pytest.fixture(scope="module")
def victim(server: Any) -> Victim:
    return Victim(server)


@pytest.fixture(scope="module")
def attackers(server: Any) -> dict[str, Client]:
    """A key of another project of the same account; one of another account; one for all of another account."""
    server.call("account.create", email=STRANGER, password="correct horse battery")
    sibling, stranger = Client(server, "sibling"), Client(server, "stranger", account=STRANGER)
    wide = Client(server, "stranger's other", account=STRANGER)
    wide.key = wide.make_key(account_wide=True, unlimited=True, scopes=["read", "write", "manage"])
    return {"sibling": sibling, "stranger": stranger, "account-wide stranger": wide}


def test_the_document_that_is_served_is_the_one_these_cases_come_from(server: Any) -> None:
    served = operations_of(requests.get(f"{server.url}/docs/openapi.json", timeout=20).json())
    assert served == OPERATIONS
    methods = {
        (route.method, path) for one in DIALECTS for route in one.routes for path in (route.path, *route.aliases)
    }
    assert methods <= {(operation.method, operation.path) for operation in OPERATIONS}


@pytest.mark.parametrize("who", ["sibling", "stranger", "account-wide stranger"])
def test_nobody_sees_or_changes_what_is_not_theirs(victim: Victim, attackers: dict[str, Client], who: str) -> None:
    attacker = attackers[who]
    before = victim.state(OPERATIONS)
    secrets = {WORD, *victim.ids.values()} - {victim.ids["number"], victim.ids["cursor"]}
    for operation in KEYED:
        retry = {} if operation.path in ALIASES else RETRY
        for query, names_query in queries_of(operation, victim):
            for body in bodies_of(operation, victim, attacker):
                answer = attacker.call(
                    operation.method,
                    path_of(operation, victim),
                    params=query,
                    headers={**bearer(attacker.key), **retry},
                    json=body.value,
                )
                retry = {}
                case = (operation.name, query, body.value, answer.status_code, answer.text)
                assert answer.status_code in operation.answers, case
                assert "idempotency-replayed" not in answer.headers, case
                assert answer.status_code != 409, case
                assert '"duplicate":true' not in answer.text, case
                if names_query or body.foreign or "{" in operation.path:
                    assert answer.status_code in (403, 404), case
                else:
                    assert answer.status_code < 500, case
                assert not [secret for secret in secrets if secret in answer.text + str(answer.headers)], case
    assert victim.state(OPERATIONS) == before


@pytest.mark.parametrize("operation", KEYED, ids=[operation.name for operation in KEYED])
def test_scopes(victim: Victim, attackers: dict[str, Client], operation: Operation) -> None:
    """Without a key 401; with one that holds everything but a scope that is needed, or of the kind for StatHat, 403."""
    client, path = attackers["sibling"], path_of(operation, victim)
    everything = {"read", "write", "manage"}
    for scope in operation.scopes:
        key = client.make_key(scopes=sorted(everything - {scope}), unlimited=True)
        answer = client.call(operation.method, path, headers=bearer(key), json={} if operation.has_body else None)
        assert answer.status_code == 403, answer.text
        assert scope in answer.text or answer.status_code in operation.answers
    legacy = client.make_key(style="stathat")
    assert client.call(operation.method, path, headers=bearer(legacy)).status_code == 403
    assert client.call(operation.method, path, headers={}).status_code == 401
    assert client.call(operation.method, path, headers=bearer("nobody's")).status_code == 401
