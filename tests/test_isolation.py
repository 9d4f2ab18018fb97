"""Two projects, and two accounts, never see each other.

Every operation of the OpenAPI document (the vendors' route table and our own API) is asked with keys of others and with everything of the
victim's that can be named: ids in paths, queries and bodies. The cases are made from the document: an operation, parameter or
body that the tables below do not know fails, so that a new route cannot be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests
from command_lines import let_in, person
from endpoints import BY_PATH
from victim import RETRY, SHARED, SHARED_UUID, WORD, Victim
from wire import TIMEOUT_S, Client, bearer

from headrace.api.app import own_schema
from headrace.api.openapi import TOKEN_SCOPES, build_document
from headrace.dialects.logister_cli_reads import PREFIX
from headrace.dialects.registry import DIALECTS

STRANGER = "stranger@example.test"

#: What a ``{name}`` of a path stands for, by the longest beginning of the path that is listed.
PATH_IDS: dict[str, str] = {
    "/api/headrace/projects/": "project",
    "/api/headrace/keys/": "key",
    "/api/headrace/stats/": "stat",
    "/api/headrace/events/": "event",
    "/api/headrace/requests/": "request",
    "/api/headrace/spans/": "span",
    "/api/headrace/issues/": "issue",
    "/api/headrace/annotations/": "annotation",
    "/api/headrace/dead-letters/": "letter",
    "/v1/stats/": "stat",
    "/x/{token}/stats/": "stat",
    "/x/{token}/data/": "stat",
    "/x/{token}/alerts/": "alert",
    "/a1/stats/": "stat",
    "/v1/auth/api-keys/": "key",
    "/v1/annotations/": "annotation",
    "/api/v1/cron-monitors/": "monitor",
    "/api/v1/monitors/": "uptime monitor",
    "/api/v1/projects/": "project",
    "/api/v1/projects/{project}/api-keys/": "key",
    "/api/v1/api-keys/": "key",
    "/api/v1/cli/projects/": "project",
    "/api/v1/cli/projects/{project}/events/": "event",
    "/api/v1/cli/projects/{project}/error_groups/": "issue",
    "/api/v1/cli/projects/{project}/traces/": "session",
    "/api/v1/cli/projects/{project}/monitors/": "monitor",
    "/api/v1/cli/projects/{project}/deployments/": "deployment",
    "/api/v1/errors/": "session",
    "/api/v1/replay/": "session",
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
    "offset": "0",
    **dict.fromkeys(("search", "traceId"), WORD),
    "timeRange": "30d",
    **dict.fromkeys(("end", "statusGroup"), ""),
    "page": "1",
    "perPage": "200",
    **dict.fromkeys(("t", "summary"), "2d"),
    "start": "1775000000",
    "from": "2001-01-01T00:00:00Z",
    **dict.fromkeys(("archived", "revoked", "dry_run"), "true"),
    **dict.fromkeys(("since", "until"), "2001-01-01T00:00:00Z"),
    **dict.fromkeys(
        ("to", "type", "source", "resolution", "tz", "aggregate", "dialect", "level", "status", "state", "format"), ""
    ),
    **dict.fromkeys(("direction", "method", "is_slow", "kind"), ""),
    **dict.fromkeys(("include_archived", "introduced_today", "related_logs", "include_occurrences"), "true"),
    **dict.fromkeys(("include_context",), "true"),
    **dict.fromkeys(("token_budget", "window", "metric", "attribute", "min_duration_ms", "assignee", "sort"), ""),
    **dict.fromkeys(("after_cursor", "repository"), ""),
}


class Body(NamedTuple):
    """``foreign`` names something of the victim's, so the answer is 403 or 404."""

    value: Any
    foreign: bool = False


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
                    tuple(operation.get(TOKEN_SCOPES, [scope for scopes in security[0].values() for scope in scopes])),
                    tuple(one["name"] for one in parameters if one["in"] == "query"),
                    "requestBody" in operation,
                    frozenset(int(status) for status in operation["responses"]),
                )
            )
    return found


OPERATIONS = operations_of(build_document(own_schema(), DIALECTS))
#: What the token of a person who signed in opens.
FOR_LOGINS = {(route.method, route.path) for one in DIALECTS for route in one.routes if "login" in route.kinds}
ALIASES = {path for dialect in DIALECTS for route in dialect.routes for path in route.aliases}
#: StatHat answers 200 to whatever it refuses, and its keys stand in query and body: its words are looked at, not its status. Each
#: path with the fields of key, stat and number.
STATHAT = {"/ez": ("ezkey", "stat", "count"), "/c": ("ukey", "key", "count"), "/v": ("ukey", "key", "value")}
KEYED = [operation for operation in OPERATIONS if operation.scopes and operation.path not in STATHAT]
#: Those that need a stat to be there come first: what ``/ez`` is sent makes one.
STATHAT_OPERATIONS = sorted((one for one in OPERATIONS if one.path in STATHAT), key=lambda one: one.path == "/ez")
#: What a path holds in place of a key in a header.
TOKEN = "{token}"


def names_something(operation: Operation) -> bool:
    """Whether the path names more than who asks."""
    return "{" in operation.path.replace(TOKEN, "")


#: Routes that ask for a name, or for another protocol.
NO_LISTS = frozenset(["/x/{token}/stat", "/api/v1/http-requests/by-trace", "/api/v1/logs/tail"])
#: What the victim can list.
LISTS = [
    operation.path
    for operation in KEYED
    if operation.method == "GET" and not names_something(operation) and operation.path not in NO_LISTS
]


def path_of(operation: Operation, victim: Victim, key: str) -> str:
    """The operation's path with what it can name of the victim's in it, and ``key`` where it has a place for it."""
    if not names_something(operation):
        return operation.path.replace(TOKEN, key)
    beginnings = [beginning for beginning in PATH_IDS if operation.path.startswith(beginning)]
    assert beginnings, f"{operation.name}: say in PATH_IDS what the path names"
    named = operation.path.replace(TOKEN, key)
    if named.count("{") == 2:  # a project, and something in it
        named = named.replace("{project}", victim.ids["project"])
    several = operation.path.startswith("/x/{token}/data/")
    assert named.count("{") == 1 or several, f"{operation.name} names two things"
    return re.sub(r"\{[^}]*\}", victim.ids[PATH_IDS[max(beginnings, key=len)]], named)


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
        "PATCH /api/headrace/projects/{project}": [Body({"quota": 0})],
        "POST /api/headrace/keys": [Body({"name": "mine"})],
        "POST /api/headrace/monitors": [Body({"slug": f"mine-{unique}"})],
        "POST /api/headrace/annotations": [Body({"text": "mine"}), Body({"text": "mine", "stat": ids["stat"]}, True)],
        "POST /api/headrace/series": [
            Body({"stats": [ids["stat"]], "from": "-1h"}, True),
            Body({"stats": [ids["stat name"]], "from": "-1h"}, True),
            *(Body({"table": name, "from": "-1h"}) for name in ("events", "requests", "spans")),
            Body({"table": "events", "from": "-1h", "group_by": "name", "where": {"text": WORD}}),
        ],
        "PATCH /api/headrace/issues/{issue}": [Body({"status": "resolved"})],
        "PATCH /api/v1/errors/{fingerprint}/status": [
            Body({"status": "resolved"}),
            Body({"status": "resolved", "projectId": ids["project"]}, True),
        ],
        "PUT /api/headrace/dead-letters/{letter}/row": [Body({"row": [1, "mine"]})],
        "POST /v1/auth/api-keys": [Body({"name": "mine"})],
        "POST /api/v1/projects": [Body({"name": "mine"})],
        "POST /api/v1/projects/{project}/api-keys": [Body({"name": "mine"})],
        "PUT /api/v1/projects/{project}/api-keys/{id}": [Body({"name": "mine"})],
        "POST /api/v1/api-keys": [Body({"name": "mine"}), Body({"name": "mine", "projectId": ids["project"]}, True)],
        "PATCH /api/v1/api-keys/{id}": [Body({"name": "mine"})],
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
        "PUT /api/v1/cron-monitors/{id}": [
            Body({"name": "mine"}),
            Body({"name": "mine", "projectId": ids["project"]}, True),
        ],
        "POST /api/v1/monitors": [
            Body({"name": "mine", "url": "http://127.0.0.1:9/"}),
            Body({"name": "mine", "url": "http://127.0.0.1:9/", "projectId": ids["project"]}, True),
        ],
        "PUT /api/v1/monitors/{id}": [
            Body({"name": "mine"}),
            Body({"name": "mine", "projectId": ids["project"]}, True),
        ],
        "POST /a1/alerts": [Body({"stat_id": ids["stat"], "kind": "data", "time_window": "1h"}, True)],
        "POST /a1/comments": [Body({"id": ids["stat"], "text": "mine"}, True)],
        "PATCH /api/headrace/stats/{stat}": [Body({"public": True, "embed": True}), Body({})],
        "POST /x/{token}/alerts": [Body({"stat_id": ids["stat"], "kind": "data", "time_window": "1h"}, True)],
        "POST /api/headrace/projects/{project}/imports": [Body({"a": "file"})],
        "POST /v1/import/stathat": [Body({"access_token": "mine", "base_url": "https://127.0.0.1"})],
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
    """A key of another project of the same account; one of another account; one for all of another account; and their login."""
    who = {"email": STRANGER, "password": "correct horse battery"}
    server.call("account.create", **who)
    sibling, stranger = Client(server, "sibling"), Client(server, "stranger", account=STRANGER)
    wide = Client(server, "stranger's other", account=STRANGER)
    wide.key = wide.make_key(account_wide=True, unlimited=True, scopes=["read", "write", "manage"])
    signed_in = Client(server, "stranger's third", account=STRANGER)
    signed_in.key = requests.post(f"{server.url}/api/auth/login", json=who, timeout=TIMEOUT_S).json()["data"]["token"]
    return {"sibling": sibling, "stranger": stranger, "account-wide stranger": wide, "stranger's login": signed_in}


def test_the_document_that_is_served_is_the_one_these_cases_come_from(server: Any) -> None:
    served = operations_of(requests.get(f"{server.url}/docs/openapi.json", timeout=TIMEOUT_S).json())
    assert served == OPERATIONS
    methods = {
        (route.method, path) for one in DIALECTS for route in one.routes for path in (route.path, *route.aliases)
    }
    assert methods <= {(operation.method, operation.path) for operation in OPERATIONS}


def without_echo(answer: requests.Response) -> str:
    """The answer without what it repeats of the request: SeeStack says what it did not find (seestack.md 4)."""
    echo = re.search(r'"code":"NOT_FOUND","message":"[\w ]+ not found(: [^"]*)"', answer.text)
    sent = f"{answer.request.url} {answer.request.body!r}"
    return answer.text.replace(echo[1], "") if echo and echo[1][2:] in sent else answer.text


@pytest.mark.parametrize("who", ["sibling", "stranger", "account-wide stranger", "stranger's login"])
def test_nobody_sees_or_changes_what_is_not_theirs(victim: Victim, attackers: dict[str, Client], who: str) -> None:
    attacker = attackers[who]
    before = victim.state(LISTS)
    secrets = {WORD, *victim.ids.values()} - {victim.ids["number"], victim.ids["cursor"]}
    for operation in KEYED:
        if who == "stranger's login" and (operation.method, operation.path) not in FOR_LOGINS:
            continue
        retry = {} if operation.path in ALIASES else RETRY
        for query, names_query in queries_of(operation, victim):
            for body in bodies_of(operation, victim, attacker):
                answer = attacker.call(
                    operation.method,
                    path_of(operation, victim, attacker.key),
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
                if names_query or body.foreign or names_something(operation):
                    assert answer.status_code in (403, 404), case
                else:
                    assert answer.status_code < 500, case
                told = without_echo(answer) + str(answer.headers)
                assert not [secret for secret in secrets if secret in told], case
    assert victim.state(LISTS) == before


@pytest.mark.parametrize("operation", KEYED, ids=[operation.name for operation in KEYED])
def test_scopes(victim: Victim, attackers: dict[str, Client], operation: Operation) -> None:
    """Without a key 401; with one that holds everything but a scope that is needed, or of the kind for StatHat, 403."""
    client = attackers["sibling"]
    everything = {"read", "write", "manage"}

    def ask(key: str | None, **more: Any) -> requests.Response:
        """With ``key`` where the operation looks for it; None: nowhere, or where there must be one with one of nobody's."""
        in_path = TOKEN in operation.path
        path = path_of(operation, victim, key or "nothing")
        return client.call(operation.method, path, headers={} if in_path or key is None else bearer(key), **more)

    for scope in operation.scopes:
        key = client.make_key(scopes=sorted(everything - {scope}), unlimited=True)
        answer = ask(key, json={} if operation.has_body else None)
        assert answer.status_code == 403, answer.text
        assert scope in answer.text or answer.status_code in operation.answers
    assert ask(client.make_key(style="stathat")).status_code == 403
    assert ask(None).status_code == 401
    assert ask("nobody's").status_code == 401


#: What command lines read; a key of a program is refused there, so that theirs have to ask.
READ_BY_COMMAND_LINES = [operation for operation in KEYED if operation.path.startswith(f"{PREFIX}/")]


@pytest.fixture(scope="module")
def outsiders(server: Any) -> dict[str, tuple[str, str]]:
    """Keys of command lines, each with a project that its person belongs to: of a stranger who owns one, of an invited viewer of it."""
    project = Client(server, "outsiders'", account=STRANGER).project
    person(server, "viewer@example.test", project)
    return {name: (let_in(server, name), project) for name in (STRANGER, "viewer@example.test")}


@pytest.mark.usefixtures("attackers")
@pytest.mark.parametrize("who", [STRANGER, "viewer@example.test"])
def test_a_command_line_reads_what_its_person_may(
    victim: Victim, outsiders: dict[str, tuple[str, str]], who: str
) -> None:
    """With the victim's project in the path, by id, slug and name, and with what is the victim's in a project of one's own."""
    key, own = outsiders[who]
    secrets = {WORD, *victim.ids.values()} - {victim.ids["number"], victim.ids["cursor"]}
    for operation in READ_BY_COMMAND_LINES:
        for name in ("project", "slug", "name"):
            path = path_of(operation, victim, key).replace(victim.ids["project"], quote(victim.ids[name]))
            for query, _ in queries_of(operation, victim):
                answer = victim.client.call("GET", path, params=query, headers=bearer(key))
                named = names_something(operation)
                assert answer.status_code == (404 if named else 422 if "cursor" in query else 200), (path, answer.text)
                assert not [secret for secret in secrets if secret in answer.text], (path, answer.text)
        path = path_of(operation, victim, key).replace(victim.ids["project"], own)
        answer = victim.client.call("GET", path, headers=bearer(key))
        theirs = operation.path.count("{") > 1
        expected = 404 if theirs else 422 if operation.path.endswith("/query") else 200
        assert answer.status_code == expected, (path, answer.text)
        assert not [secret for secret in secrets if secret in answer.text], (path, answer.text)
    for operation in READ_BY_COMMAND_LINES:
        answer = victim.client.call("GET", path_of(operation, victim, key), headers=bearer(victim.command_line))
        expected = 422 if operation.path.endswith("/query") else 200
        assert answer.status_code == expected, ("the victim itself", operation.name, answer.text)


#: Operations that ask nobody who they are, and name something all the same.
OPEN = [operation for operation in OPERATIONS if not operation.scopes and names_something(operation)]


@pytest.mark.parametrize("operation", OPEN, ids=[operation.name for operation in OPEN])
def test_what_asks_nobody_shows_nothing_that_was_not_shared(victim: Victim, operation: Operation) -> None:
    """Whatever of the victim's is named, it is answered as what nobody has."""
    before = victim.state(LISTS)
    path = "/".join(part if part != "{kind}" else "data" for part in operation.path.split("/"))
    nothing = victim.client.call("GET", re.sub(r"\{[^}]*\}", "nothing", path))
    (stat,) = victim.client.api("/stats", q=victim.ids["stat name"])["stats"]
    for name in {*victim.ids.values(), stat["classic_key"], victim.client.key, "None", "null"}:
        answer = victim.client.call("GET", re.sub(r"\{[^}]*\}", name, path))
        assert answer.status_code == nothing.status_code
        assert answer.text.replace(name, "nothing") == nothing.text.replace(name, "nothing")
        assert answer.headers.get("cache-control") == nothing.headers.get("cache-control")
    assert victim.state(LISTS) == before


# --- StatHat


def stathat_forms(operation: Operation, key: str | None, stat: str) -> Iterator[dict[str, Any]]:
    """Every way in which a point for ``stat`` can be sent with ``key`` (None: without one)."""
    key_field, stat_field, number = STATHAT[operation.path]
    point = {stat_field: stat, number: "1"}
    fields = point if key is None else {key_field: key, **point}
    yield {"params": fields}
    if key is not None:
        yield {"params": point, "headers": bearer(key)}
    if operation.method != "POST":
        return
    yield {"data": fields}
    if operation.path == "/ez":
        data = {"data": [{"stat": stat, "count": 1}]}
        yield {"json": data if key is None else {"ezkey": key, **data}}
        if key is not None:
            yield {"data": {"email": key, **point}}


def stathat_words(client: Client, operation: Operation, form: dict[str, Any], **headers: str) -> str:
    """What the answer says: ``ok`` or the error."""
    sent = {**headers, **form.get("headers", {})}
    answer = client.call(operation.method, operation.path, **{**form, "headers": sent})
    assert answer.status_code == 200, answer.text
    assert "idempotency-replayed" not in answer.headers
    found = answer.json()
    assert set(found) <= {"status", "msg", "multiple"}, found
    assert found["status"] == (200 if found["msg"] == "ok" else 500)
    words: str = found["msg"]
    return words


class StatHatKeys(NamedTuple):
    """Keys of one project: any, one of StatHat's kind, and the one that pages may show."""

    key: str
    ez: str
    user_key: str


def stathat_keys(client: Client, key: str) -> StatHatKeys:
    made = client.server.call("key.create", project=client.project, style="stathat")
    return StatHatKeys(key, made["key"], made["user_key"])


@pytest.mark.parametrize("who", ["sibling", "stranger", "account-wide stranger"])
@pytest.mark.usefixtures("attackers")
def test_stathat_stores_nothing_for_others(victim: Victim, who: str) -> None:
    """Whatever of the victim's a foreign key names is nothing, or a stat of its own project."""
    attacker = Client(victim.client.server, f"stathat {who}", account=None if who == "sibling" else STRANGER)
    wide = {"account_wide": True, "scopes": ["read", "write", "manage"], "unlimited": True}
    keys = stathat_keys(attacker, attacker.make_key(**wide) if who == "account-wide stranger" else attacker.key)
    (stat,) = victim.client.api("/stats", q=victim.ids["stat name"])["stats"]
    named = (victim.ids["stat"], victim.ids["stat name"], stat["classic_key"], stat["classic_key"].upper())
    for operation in STATHAT_OPERATIONS:
        form = next(stathat_forms(operation, victim.client.key, victim.ids["stat name"]))
        if operation.path != "/v":  # its stat is a counter
            assert victim.client.call(operation.method, operation.path, headers=RETRY, **form).json()["msg"] == "ok"
    before = victim.state(LISTS)
    for operation in STATHAT_OPERATIONS:
        ez, retry = operation.path == "/ez", RETRY
        for key in keys:
            expected = "invalid key" if not ez else "ok" if key != keys.user_key else "invalid ezkey"
            for form in (form for name in named for form in stathat_forms(operation, key, name)):
                assert stathat_words(attacker, operation, form, **retry) == expected, form
                retry = {}
        assert bool(attacker.totals()["points"]) == ez
    assert victim.state(LISTS) == before
    assert set(attacker.points()) == {f"stat:{name}:counter" for name in named}


def test_stathat_takes_nothing_for_a_key_but_a_key(victim: Victim, attackers: dict[str, Client]) -> None:
    """Ids of the victim's open nothing, nor does a key without the scope or of another kind, nor none."""
    client = attackers["sibling"]
    names = ("project", "slug", "name", "number", "key", "stat", "stat name", "monitor", "event")
    poor = client.make_key(scopes=["read", "manage"], unlimited=True)
    wrong = [*(victim.ids[name] for name in names), poor, "nobody's"]
    before, ours = victim.state(LISTS), client.totals()
    for operation in STATHAT_OPERATIONS:
        missing = "no ezkey specified" if operation.path == "/ez" else "no ukey specified"
        for form in stathat_forms(operation, None, victim.ids["stat name"]):
            assert stathat_words(client, operation, form) == missing
        for key in wrong:
            for form in stathat_forms(operation, key, victim.ids["stat name"]):
                assert stathat_words(client, operation, form) == "invalid ezkey", (operation.name, key)
    assert victim.state(LISTS) == before
    assert client.totals() == ours


def test_stathat_stores_for_its_own(server: Any) -> None:
    """The same requests with keys of the project itself are taken: else the refusals above would prove nothing."""
    client = Client(server, "stathat's own")
    assert client.call("POST", "/v1/ingest", json={"stat": "counted", "count": 1}).status_code == 202
    assert client.call("POST", "/v1/ingest", json={"stat": "valued", "value": 1, "type": "value"}).status_code == 202
    keys = stathat_keys(client, client.key)
    classic = {one["name"]: one["classic_key"] for one in client.api("/stats")["stats"]}
    sent = dict.fromkeys(("counted", "valued"), 1)
    for operation in STATHAT_OPERATIONS:
        name = "valued" if operation.path == "/v" else "counted"
        for form in stathat_forms(operation, keys.key, name):
            assert stathat_words(client, operation, form) == "ok"
            sent[name] += 1
        if operation.path != "/ez":
            for form in stathat_forms(operation, keys.user_key, classic[name]):
                assert stathat_words(client, operation, form) == "ok"
                sent[name] += 1
    points = client.totals()["points"]
    assert points == {"stat:counted:counter": sent["counted"], "stat:valued:value": sent["valued"]}
