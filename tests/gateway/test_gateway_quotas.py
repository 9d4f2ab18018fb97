"""Monthly quotas over HTTP (rulings 2): each dialect's own no, to the record, and everything that goes on in spite of it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import requests
from endpoints import BY_PATH, Endpoint, make_monitor, request_item
from wire import TIMEOUT_S, Client, assert_form, bearer, settle

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: What a used-up quota lets a client wait at most, seconds.
WAIT_MAX_S = 3_600


class Case(NamedTuple):
    """``many`` makes the body of one request with n records; ``text`` is a part of the refusal that no other one has."""

    path: str
    status: int
    text: str
    many: Any = None


CASES = (
    Case("/v1/ingest", 429, '{"error":"rate limit exceeded"}'),
    Case(
        "/v1/ingest/batch",
        429,
        '{"error":"rate limit exceeded"}',
        lambda n: {"items": [{"stat": "s", "value": 1}] * n},
    ),
    Case(
        "/api/v1/events",
        429,
        '{"error":"monthly quota used up"}',
        lambda n: {"events": [{"type": "event", "name": "n", "value": 1}] * n},
    ),
    Case("/api/slowstats/ingest-metrics", 403, '{"error":"Plan limit reached."}'),
    Case("/api/slowstats/ingest-events", 403, '{"error":"Plan limit reached."}'),
    Case("/api/v1/ingest_events", 403, '{"error":"Plan limit reached"}'),
    Case(
        "/api/v1/ingest_events/batch",
        403,
        '{"error":"Plan limit reached"}',
        lambda n: "\n".join(json.dumps(BY_PATH["/api/v1/ingest_events/batch"].record("", "n")) for _ in range(n)),
    ),
    Case("/ingest/v1/errors", 403, '"code":"QUOTA_EXCEEDED","message":"Monthly quota used up"'),
    Case(
        "/ingest/v1/http-requests",
        403,
        '"code":"QUOTA_EXCEEDED"',
        lambda n: {"requests": [request_item() for _ in range(n)]},
    ),
    Case(
        "/ingest/v1/spans",
        403,
        '"code":"QUOTA_EXCEEDED"',
        lambda n: {"spans": [{"traceId": "t", "spanId": str(uuid4()), "operation": "o"} for _ in range(n)]},
    ),
)
BATCHES = tuple(case for case in CASES if case.many is not None)


def use_of(client: Client) -> tuple[int, int | None]:
    """What the project used this month, and its quota, as the API shows them."""
    found = client.api(f"/projects/{client.project}")
    return found["used"], found["quota"]


def send(client: Client, case: Case, records: int = 1, **options: Any) -> requests.Response:
    endpoint = BY_PATH[case.path]
    if case.many is None:
        assert records == 1
        return endpoint.post(client, **options)
    body = case.many(records)
    return endpoint.post(client, body.encode() if isinstance(body, str) else body, **options)


def assert_refused(endpoint: Endpoint, answer: requests.Response, case: Case) -> None:
    assert answer.status_code == case.status
    assert case.text in answer.text
    assert_form(endpoint.dialect.name, answer)
    if case.status == 429:
        assert 1 <= int(answer.headers["retry-after"]) <= WAIT_MAX_S
    else:
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path)
def test_the_last_record_and_the_first_too_many(server: Any, case: Case) -> None:
    client, endpoint = Client(server, f"quota {case.path}"), BY_PATH[case.path]
    client.set_quota(3)
    for used in (1, 2, 3):
        assert send(client, case).status_code == endpoint.status
        assert use_of(client) == (used, 3)
    for _ in range(2):
        assert_refused(endpoint, send(client, case), case)
    assert use_of(client) == (3, 3)
    client.set_quota(4)
    assert [send(client, case).status_code for _ in range(2)] == [endpoint.status, case.status]
    client.set_quota(None)
    assert send(client, case).status_code == endpoint.status
    assert use_of(client) == (5, None)


@pytest.mark.parametrize("case", BATCHES, ids=lambda case: case.path)
def test_a_batch_that_does_not_fit_is_refused_whole(server: Any, case: Case) -> None:
    client, endpoint = Client(server, f"batches {case.path}"), BY_PATH[case.path]
    client.set_quota(5)
    sizes = (3, 3, 2, 1)
    statuses = [send(client, case, size).status_code for size in sizes]
    assert statuses == [endpoint.status, case.status, endpoint.status, case.status]
    assert use_of(client) == (5, 5)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_stathat_says_so_in_a_200(server: Any, method: str) -> None:
    client = Client(server, f"quota of stathat {method}")

    def post(stat: str) -> Any:
        form = {"ezkey": client.key, "stat": stat, "count": "1"}
        answer = client.call(method, "/ez", headers={}, **({"params": form} if method == "GET" else {"data": form}))
        assert answer.status_code == 200
        return answer.json()

    client.set_quota(3)
    assert post("a")["msg"] == "ok"
    # A name with branches is a point each: three do not fit, two do.
    refused = {"status": 500, "msg": "quota exceeded"}
    assert [post("b~x,y,z"), post("b~x,y")["msg"], post("a")] == [refused, "ok", refused]
    items = [{"stat": "a", "count": 1}, {"stat": "a", "count": 1}]
    body = {"ezkey": client.key, "data": items}
    client.set_quota(5)
    for expected in ({"status": 200, "msg": "ok", "multiple": 2}, refused):
        assert client.call("POST", "/ez", headers={}, json=body).json() == expected
    classic = {"ukey": client.key, "key": "a", "count": "1"}
    assert client.call("POST", "/c", headers={}, data=classic).json() == refused
    assert use_of(client) == (5, 5)


def test_check_ins_pass_and_do_not_count(server: Any) -> None:
    client = Client(server, "check-ins over the quota")
    make_monitor(client, "nightly")
    client.set_quota(0)
    for path in ("/api/v1/check_ins", "/ingest/v1/heartbeat"):
        endpoint = BY_PATH[path]
        assert endpoint.post(client, name="nightly").status_code == endpoint.status
    events = BY_PATH["/api/v1/ingest_events"]
    kinds = {"check_in": 201, "log": 403, "error": 403}
    for kind, status in kinds.items():
        body = {"event": {"event_type": kind, "message": "nightly"}}
        assert events.post(client, body).status_code == status, kind
    assert use_of(client) == (0, 0)
    settle(server)
    assert len(client.rows("events")) == 3
    # A batch is stored whole or not at all.
    batch = BY_PATH["/api/v1/ingest_events/batch"]
    lines = [
        {"event": {"event_type": kind, "message": "nightly", "uuid": str(uuid4())}} for kind in ("check_in", "log")
    ]
    for chosen, status in ((lines, 403), (lines[:1], 202)):
        assert batch.post(client, "\n".join(map(json.dumps, chosen)).encode()).status_code == status


def test_what_was_accepted_is_answered_again(server: Any) -> None:
    """A retry and a UUID that is known take nothing, so they pass when nothing is left."""
    client = Client(server, "retries over the quota")
    events = BY_PATH["/api/v1/ingest_events"]
    retry = {"Idempotency-Key": "again"}
    body = {"event": {"event_type": "log", "message": "m", "uuid": str(uuid4())}}
    first = events.post(client, body, headers=retry)
    client.set_quota(1)
    again = events.post(client, body, headers=retry)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert events.post(client, body).json()["duplicate"] is True
    assert events.post(client).status_code == 403
    assert use_of(client) == (1, 1)


def test_a_refusal_is_charged_to_no_rate(server: Any) -> None:
    client = Client(server, "quota before rate")
    for path in ("/v1/ingest", "/api/v1/events"):
        endpoint, key = BY_PATH[path], client.make_key(rate=1, burst=1)
        client.set_quota(0)
        assert [endpoint.post(client, key=key).status_code for _ in range(2)] == [429, 429]
        client.set_quota(None)
        assert [endpoint.post(client, key=key).status_code for _ in range(2)] == [202, 429]


def test_refusals_are_told(server: Any) -> None:
    client = Client(server, "told of quotas")
    client.set_quota(0)
    for case in (CASES[0], CASES[3], CASES[5]):
        key = client.make_key(name=case.path)
        assert send(client, case, key=key).status_code == case.status
    told = {one["name"]: one["refused_reason"] for one in _refusals(client, 3)}
    assert told == {
        case.path: f"{case.path}: {case.status} monthly quota used up" for case in (CASES[0], CASES[3], CASES[5])
    }
    metrics = requests.get(f"{server.url}/metrics", timeout=TIMEOUT_S).text
    for dialect, status in (("statflow", 429), ("slowstats", 403), ("logister", 403)):
        assert f'dialect="{dialect}",reason="quota",status="{status}"' in metrics


def _refusals(client: Client, count: int) -> list[dict[str, Any]]:
    while True:
        found = client.server.call("key.refusals", project=client.project)
        if len(found) >= count:
            return found  # type: ignore[no-any-return]


def test_an_account_wide_key_uses_up_the_project_that_it_names(server: Any) -> None:
    full, other = Client(server, "named and full"), Client(server, "not named")
    full.set_quota(0)
    key = other.make_key(account_wide=True, unlimited=True)
    metrics = BY_PATH["/api/slowstats/ingest-metrics"]
    assert metrics.post(full, key=key).status_code == 403
    assert metrics.post(other, key=key).status_code == 200
    assert (use_of(full), use_of(other)) == ((0, 0), (1, None))


def test_it_is_exact_over_a_restart(own_server: Any) -> None:
    """After a kill, with rows in the journal that nothing has learned of yet, and again after they were loaded."""
    own_server.start()
    client = Client(own_server, "over a restart")
    case = BATCHES[0]
    client.set_quota(10)
    assert send(client, case, 7).status_code == 202
    own_server.kill()
    own_server.start()
    assert use_of(client) == (7, 10)
    assert [send(client, case, size).status_code for size in (4, 3, 1)] == [429, 202, 429]
    settle(own_server)
    assert own_server.stop() == 0
    listed = own_server.cli("project", "list", "--json")
    assert [(one["used"], one["quota"]) for one in listed if one["id"] == client.project] == [(10, 10)]
    own_server.start()
    assert use_of(client) == (10, 10)
    assert send(client, case, 1).status_code == 429
    assert own_server.cli("project", "quota", client.project, "11").startswith("over a restart may be given 11 records")
    assert [send(client, case, 1).status_code for _ in range(2)] == [202, 429]


def test_who_may_set_a_quota(server: Any) -> None:
    client = Client(server, "who sets it")
    path = f"/api/headrace/projects/{client.project}"

    def patch(key: str, **change: Any) -> requests.Response:
        return client.call("PATCH", path, headers=bearer(key), json=change)

    assert patch(client.key, quota=5).status_code == 403
    wide = client.make_key(account_wide=True, scopes=["read", "write", "manage"])
    poor = client.make_key(account_wide=True, scopes=["read", "write"])
    assert patch(poor, quota=5).status_code == 403
    for quota, status in ((0, 200), (10**15, 200), (None, 200), (-1, 422), (10**15 + 1, 422), ("x", 400), (1.5, 400)):
        answer = patch(wide, quota=quota)
        assert answer.status_code == status, quota
        if status == 200:
            assert answer.json()["quota"] == quota == use_of(client)[1]
    assert patch(wide).status_code == 400
    assert (
        client.call("PATCH", "/api/headrace/projects/unknown", headers=bearer(wide), json={"quota": 1}).status_code
        == 404
    )
    body = {"name": "born with one", "quota": 2}
    made = client.call("POST", "/api/headrace/projects", headers=bearer(wide), json=body).json()
    assert (made["quota"], made["used"]) == (2, 0)
