"""Logister's endpoints against a real server (contract 1.1-1.7, 1.9, 1.10)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests
from endpoints import BY_PATH, Endpoint, path_of, x_api_key
from wire import TIMEOUT_S, Client, bearer, settle

from headrace.cli.errors import CliError

EVENTS, CHECK_INS = BY_PATH["/api/v1/ingest_events"], BY_PATH["/api/v1/check_ins"]
BOTH = pytest.mark.parametrize("endpoint", [EVENTS, CHECK_INS], ids=path_of)
CAP = 2 * 1024 * 1024
TOO_LARGE = {"error": f"telemetry request exceeds {CAP} bytes", "code": "request_bytes", "limit": CAP}


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "logister over http", style="logister")


def told(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def log(**fields: Any) -> dict[str, Any]:
    return {"event": {"event_type": "log", "message": "hello", **fields}}


def span(**fields: Any) -> dict[str, Any]:
    return {"event": {"event_type": "span", "trace_id": uuid4().hex, "span_id": "s1", **fields}}


# --- what is accepted


@pytest.mark.parametrize("kind", ["error", "metric", "transaction", "log", "check_in"])
def test_an_event_of_each_type(client: Client, kind: str) -> None:
    answer = EVENTS.post(client, log(event_type=kind, uuid=str(uuid4())))
    assert answer.status_code == 201
    assert list(answer.json()) == ["id", "legacy_id", "status"]
    assert type(answer.json()["legacy_id"]) is int
    assert 0 <= answer.json()["legacy_id"] < 2**52
    assert answer.json()["status"] == "accepted"
    assert answer.headers["content-type"] == "application/json"


def test_what_is_stored(server: Any) -> None:
    client = Client(server, "logister stored")
    sent = {
        "eventType": "error",
        "message": "boom: row 7",
        "level": "warning",
        "fingerprint": "f1",
        "occurred_at": "2026-04-02T10:00:00.123456Z",
        "context": {"userId": "u1", "trace": {"traceId": "t1"}, "serial": "secret", "tags": {"a": 1}},
        "release": "1.2",
    }
    event = EVENTS.post(client, {"EVENT": sent}).json()
    made = EVENTS.post(client, span(name="SELECT", kind="db", duration_ms=12.5, status="ok"))
    assert list(made.json()) == ["id", "legacy_id", "status", "type"]
    assert (made.status_code, made.json()["type"]) == (201, "span")
    settle(server)
    (row,) = client.rows("events")
    assert (row["id"], row["type"], row["level"], row["fingerprint"]) == (event["id"], "error", "warning", "f1")
    assert (row["ts"], row["ts_source"]) == ("2026-04-02T10:00:00.123456Z", "exact")
    assert (row["user_id"], row["trace_id"], row["release"], row["environment"]) == ("u1", "t1", "1.2", "production")
    raw = client.api(f"/events/{row['id']}")["raw"]
    assert "secret" not in json.dumps(raw)
    (found,) = client.rows("spans")
    assert (found["id"], found["name"], found["kind"], found["duration_ms"]) == (
        made.json()["id"],
        "SELECT",
        "db",
        12.5,
    )


def test_a_check_in_makes_its_monitor(server: Any) -> None:
    client = Client(server, "logister check-ins")
    for body in (
        {"check_in": {"slug": " nightly ", "expectedIntervalSeconds": "60"}},
        {"CHECK_IN": {"slug": "nightly", "status": "error", "environment": "staging"}},
        {"slug": "flat", "status": "late but fine"},
    ):
        answer = CHECK_INS.post(client, body)
        assert answer.status_code == 201
        assert list(answer.json()) == ["id", "status"]
    settle(server)
    monitors = client.api("/monitors")["monitors"]
    assert [(one["slug"], one["environment"], one["state"], one["interval_s"]) for one in monitors] == [
        ("flat", "production", "ok", 300),
        ("nightly", "production", "ok", 60),
        ("nightly", "staging", "error", 300),
    ]
    assert {row["message"] for row in client.rows("events", type="check_in")} == {"nightly", "flat"}


@BOTH
@pytest.mark.parametrize("suffix", ["", "/", ".json", ".json/"])
def test_paths_with_a_suffix_and_a_slash(client: Client, endpoint: Endpoint, suffix: str) -> None:
    answer = client.call("POST", endpoint.path + suffix, data=endpoint.body(client))
    assert answer.status_code == 201


@BOTH
def test_any_content_type_is_read_as_json(client: Client, endpoint: Endpoint) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert endpoint.post(client, headers={"Content-Type": kind}).status_code == 201


# --- what is refused

REFUSED: list[tuple[Endpoint, Any, int, Any]] = [
    *(
        (EVENTS, body, 400, {"error": "param is missing or the value is empty or invalid: event"})
        for body in (b"", {}, {"event": {}}, {"event": []}, {"event": "x"}, {"ingest_event": {}}, [1])
    ),
    *(
        (CHECK_INS, body, 400, {"error": "param is missing or the value is empty or invalid: check_in"})
        for body in (b"", {}, {"check_in": {}}, {"payload": {"slug": "x"}}, [1])
    ),
    (EVENTS, b"{", 400, {"error": "Request body is not valid JSON"}),
    (CHECK_INS, b'{"check_in":{"slug":"\xff"}}', 400, {"error": "Request body is not valid JSON"}),
    (EVENTS, log(event_type="gauge"), 422, {"errors": ["Event type is not included in the list"]}),
    (EVENTS, log(message=" "), 422, {"errors": ["Message can't be blank"]}),
    (
        EVENTS,
        {"event": {"x": 1}},
        422,
        {"errors": ["Event type is not included in the list", "Message can't be blank"]},
    ),
    (EVENTS, log(uuid="not one"), 422, {"errors": ["Uuid is invalid"]}),
    (EVENTS, log(uuid="not one", event_type="gauge"), 422, {"errors": ["Uuid is invalid"]}),
    (EVENTS, {"event": {"event_type": "span"}}, 422, {"errors": ["Trace can't be blank", "Span can't be blank"]}),
    (EVENTS, span(started_at="whenever"), 422, {"errors": ["Started at can't be blank"]}),
    (CHECK_INS, {"check_in": {"slug": " "}}, 422, {"errors": ["Message can't be blank"]}),
    (CHECK_INS, {"check_in": {"slug": "x", "event_id": "1"}}, 422, {"errors": ["Uuid is invalid"]}),
    (
        EVENTS,
        log(message="x" * 65_537),
        413,
        {
            "error": "telemetry payload message bytes exceeds 65536",
            "code": "message_bytes",
            "limit": 65_536,
            "actual": 65_537,
        },
    ),
    (
        EVENTS,
        log(context={"list": [0] * 1001}),
        413,
        {
            "error": "telemetry payload array length exceeds 1000",
            "code": "array_length",
            "limit": 1000,
            "actual": 1001,
        },
    ),
]


def test_what_is_refused_is_named_and_leaves_nothing(server: Any) -> None:
    client = Client(server, "logister refused")
    for endpoint, body, status, text in REFUSED:
        assert told(endpoint.post(client, body)) == (status, text)
    assert client.totals() == {"events": 0, "requests": 0, "spans": 0, "points": {}}
    assert client.api("/monitors") == {"monitors": []}


@BOTH
def test_401_is_told_alike(client: Client, endpoint: Endpoint) -> None:
    for headers in ({}, bearer("logister_" + "0" * 48), x_api_key("nobody"), {"Authorization": "Basic eDp5"}):
        answer = client.call("POST", endpoint.path, headers=headers, data=b"{}")
        assert told(answer) == (401, {"error": "Unauthorized"})
        assert "www-authenticate" not in answer.headers
        # They describe the limit of failed look-ups, of which loopback is free.
        assert answer.headers["x-ratelimit-limit"] == answer.headers["x-ratelimit-remaining"] == "120"
        assert int(answer.headers["x-ratelimit-reset"]) % 60 == 0


@BOTH
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_a_wrong_method_is_a_routing_miss(client: Client, endpoint: Endpoint, method: str) -> None:
    answer = client.call(method, endpoint.path, headers={})
    assert answer.status_code == 404
    assert "allow" not in answer.headers
    assert method == "HEAD" or answer.json() == {"error": "Not Found"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/ingest_events/batch/x",
        "/api/v1/ingest_events/x",
        "/api/v1/check_ins.xml",
        "/api/v1/deployments/x",
        "/api/v1/mobile_ingest_tokens/x",
        "/up",
        "/health/clickhouse",
        "/health/redis",
        "/api/v1/cli/capabilities",
    ],
)
def test_an_unknown_path(client: Client, path: str) -> None:
    assert told(client.call("POST", path, data=b"{}")) == (404, {"error": "Not Found"})


# --- sizes


@BOTH
@pytest.mark.parametrize(("size", "status"), [(CAP - 1, 201), (CAP, 201), (CAP + 1, 413)])
def test_the_size_of_a_body(client: Client, endpoint: Endpoint, size: int, status: int) -> None:
    answer = endpoint.post(client, endpoint.body(client).ljust(size))
    assert answer.status_code == status
    if status == 413:
        assert answer.json() == TOO_LARGE


def test_only_events_are_measured_before_the_key(client: Client) -> None:
    big = b" " * (CAP + 1)
    answer = EVENTS.post(client, big, key="nobody")
    assert told(answer) == (413, TOO_LARGE)
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]
    assert CHECK_INS.post(client, big, key="nobody").status_code == 401


@pytest.mark.parametrize(
    ("over", "code"),
    [
        (lambda extra: log(message="x" * (65_536 + extra)), "message_bytes"),
        (lambda extra: log(context={"text": "x" * (262_144 + extra)}), "string_bytes"),
        (lambda extra: log(context={"list": [0] * (1000 + extra)}), "array_length"),
        # event_type, message and context are keys as well
        (lambda extra: log(context={f"k{n}": 0 for n in range(509 + extra)}), "context_keys"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_payload_limits(client: Client, over: Callable[[int], Any], code: str) -> None:
    assert [EVENTS.post(client, over(extra)).status_code for extra in (-1, 0, 1)] == [201, 201, 413]
    assert EVENTS.post(client, over(1)).json()["code"] == code


# --- identities


def test_a_replay_gets_the_first_answer(server: Any) -> None:
    client = Client(server, "logister replays")
    uuid = str(uuid4())
    first = EVENTS.post(client, log(uuid=uuid.upper()))
    assert (first.status_code, first.json()["id"]) == (201, uuid)
    for body in (
        log(uuid=uuid),
        log(event_id=uuid, message="another", event_type="error"),
        log(uuid=" ", event_id=uuid),
    ):
        again = EVENTS.post(client, body)
        assert told(again) == (200, {**first.json(), "duplicate": True})
    check_in = CHECK_INS.post(client, {"check_in": {"slug": "s", "uuid": uuid}})
    assert told(check_in) == (200, {"id": uuid, "status": "accepted", "duplicate": True})
    assert client.totals()["events"] == 1
    assert client.api("/monitors") == {"monitors": []}


def test_a_uuid_belongs_to_one_family(server: Any) -> None:
    client = Client(server, "logister families")
    taken = (422, {"errors": ["Uuid has already been used for another telemetry signal"]})
    of_event, of_span = str(uuid4()), str(uuid4())
    assert EVENTS.post(client, log(uuid=of_event)).status_code == 201
    assert EVENTS.post(client, span(uuid=of_span)).status_code == 201
    assert told(EVENTS.post(client, span(uuid=of_event))) == taken
    assert told(EVENTS.post(client, log(uuid=of_span))) == taken
    assert told(CHECK_INS.post(client, {"check_in": {"slug": "s", "uuid": of_span}})) == taken
    assert {name: client.totals()[name] for name in ("events", "spans")} == {"events": 1, "spans": 1}


def test_spans_without_a_uuid_are_known_by_their_place(server: Any) -> None:
    client = Client(server, "logister spans")
    sent = span(trace_id="t1", span_id="s1")
    first = EVENTS.post(client, sent)
    assert told(EVENTS.post(client, sent)) == (200, {**first.json(), "duplicate": True})
    other = EVENTS.post(client, span(trace_id="t1", span_id="s1", uuid=str(uuid4())))
    assert told(other) == (200, {**first.json(), "duplicate": True})
    assert EVENTS.post(client, span(trace_id="t1", span_id="s2")).status_code == 201
    assert client.totals()["spans"] == 2


def test_uuids_of_projects_are_independent(server: Any, client: Client) -> None:
    other = Client(server, "logister other project")
    uuid = str(uuid4())
    answers = [EVENTS.post(one, log(uuid=uuid)) for one in (client, other)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["legacy_id"] != answers[1].json()["legacy_id"]


def test_events_without_a_uuid_are_never_the_same(server: Any) -> None:
    client = Client(server, "logister anonymous")
    ids = {EVENTS.post(client, log()).json()["id"] for _ in range(3)}
    assert len(ids) == client.totals()["events"] == 3


@BOTH
def test_concurrent_duplicates_are_stored_once(server: Any, endpoint: Endpoint) -> None:
    client = Client(server, f"logister race {endpoint.path}")
    uuids = [str(uuid4()) for _ in range(5)]
    bodies = {
        uuid: log(uuid=uuid) if endpoint is EVENTS else {"check_in": {"slug": "race", "uuid": uuid}} for uuid in uuids
    }
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda uuid: (uuid, endpoint.post(client, bodies[uuid])), uuids * 8))
    for uuid in uuids:
        seen = [answer for sent, answer in answers if sent == uuid]
        assert sorted(answer.status_code for answer in seen) == [200] * 7 + [201]
        assert {answer.json()["id"] for answer in seen} == {uuid}
        assert [answer.json().get("duplicate") for answer in seen if answer.status_code == 200] == [True] * 7
    assert client.totals()["events"] == len(uuids)


# --- rate limits


def within_one_minute(attempt: Callable[[], Any]) -> Any:
    """Windows are minutes of the epoch: an attempt that saw two of them is made again."""
    while True:
        minute = time.time() // 60
        result = attempt()
        if time.time() // 60 == minute:
            return result


def limits(answer: requests.Response) -> dict[str, int]:
    return {
        name[12:].lower(): int(value)
        for name, value in answer.headers.items()
        if name.lower().startswith("x-ratelimit-")
    }


def test_the_limit_of_a_key(client: Client) -> None:
    def attempt() -> tuple[list[requests.Response], float]:
        key = client.make_key(rate=3)
        return [
            EVENTS.post(client, body, key=key) for body in (log(), b"{", log(message=""), log(), log())
        ], time.time()

    answers, now = within_one_minute(attempt)
    # Refused requests count as well: the key was good.
    assert [answer.status_code for answer in answers] == [201, 400, 422, 429, 429]
    reset = int((now // 60 + 1) * 60)
    assert [limits(answer) for answer in answers] == [
        {"limit": 3, "remaining": remaining, "reset": reset} for remaining in (2, 1, 0, 0, 0)
    ]
    wait = int(answers[3].headers["retry-after"])
    assert 1 <= wait <= 60
    assert answers[3].json() == {
        "error": "Rate limit exceeded",
        "limit": 3,
        "window_seconds": 60,
        "retry_after": wait,
    }


def test_events_and_check_ins_are_limited_apart(client: Client) -> None:
    def attempt() -> list[int]:
        key = client.make_key(rate=1)
        return [endpoint.post(client, key=key).status_code for endpoint in (EVENTS, CHECK_INS, EVENTS, CHECK_INS)]

    assert within_one_minute(attempt) == [201, 201, 429, 429]


def test_the_default_limit_and_none(client: Client) -> None:
    answer = EVENTS.post(client, key=client.make_key())
    assert limits(answer)["limit"] == 1200
    assert limits(answer)["remaining"] == 1199
    assert limits(EVENTS.post(client)) == {}


def test_a_project_may_have_a_limit_of_its_own(server: Any) -> None:
    """Each of its keys, tokens included, unless the key has its own; in no other dialect and no other project (1.10)."""
    client = Client(server, "logister rate", platform="android")

    def attempt() -> tuple[list[int], list[int]]:
        key = client.make_key()
        posts = [EVENTS.post(client, log(), key=key) for _ in range(4)]
        return [answer.status_code for answer in posts], [limits(answer)["limit"] for answer in posts]

    assert client.server.call("project.limits", project=client.project, logister_rate=3)["logister_rate"] == 3
    assert within_one_minute(attempt) == ([201, 201, 201, 429], [3] * 4)
    key = client.make_key()
    token = {"platform": "android", "service": "app", "environment": "production"}
    answer = client.call(
        "POST", "/api/v1/mobile_ingest_tokens", headers=bearer(key), json={"mobile_ingest_token": token}
    )
    assert (answer.status_code, limits(answer)["limit"]) == (201, 3)
    assert limits(CHECK_INS.post(client, key=answer.json()["token"]))["limit"] == 3
    assert limits(EVENTS.post(client, key=client.make_key(rate=7)))["limit"] == 7
    assert limits(EVENTS.post(client)) == {}, "a key without a limit has none"
    points = {"items": [{"stat": "x", "value": 1}] * 10}
    assert client.call("POST", "/v1/ingest/batch", headers=bearer(key), json=points).status_code == 202
    other = Client(server, "logister rate of another")
    assert limits(EVENTS.post(other, key=other.make_key()))["limit"] == 1200
    for rate, fits in ((1, True), (10_000_000, True), (0, False), (10_000_001, False)):
        if fits:
            server.call("project.limits", project=client.project, logister_rate=rate)
            assert limits(EVENTS.post(client, key=client.make_key()))["limit"] == rate
        else:
            with pytest.raises(CliError, match="logister_rate must lie between 1 and 10000000"):
                server.call("project.limits", project=client.project, logister_rate=rate)
    assert server.call("project.limits", project=client.project, logister_rate=None)["logister_rate"] is None
    assert limits(EVENTS.post(client, key=client.make_key()))["limit"] == 1200


def test_replays_are_charged(client: Client) -> None:
    uuid = str(uuid4())

    def attempt() -> list[int]:
        key = client.make_key(rate=2)
        EVENTS.post(client, log(uuid=uuid))
        return [EVENTS.post(client, log(uuid=uuid), key=key).status_code for _ in range(3)]

    assert within_one_minute(attempt) == [200, 200, 429]


# --- browsers


@BOTH
def test_cors(client: Client, endpoint: Endpoint) -> None:
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    preflight = client.call("OPTIONS", endpoint.path, headers=asked)
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-max-age"] == "7200"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in preflight.headers["access-control-allow-headers"].split(",")}
    assert allowed == {
        *("content-type", "content-encoding", "authorization", "x-api-key", "x-seestack-key", "x-allstak-key"),
        *("x-logister-batch-id", "idempotency-key", "traceparent", "tracestate", "baggage"),
    }
    origin = {"Origin": "https://shop.example"}
    for answer in (
        endpoint.post(client, headers=origin),
        endpoint.post(client, b"{", headers=origin),
        endpoint.post(client, key="nobody", headers=origin),
        client.call("GET", endpoint.path, headers=origin),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert exposed == {"retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


# --- health


def test_health_needs_no_key(server: Any) -> None:
    for path, names in (
        ("/up", ["status"]),
        ("/health/clickhouse", ["status", "version"]),
        ("/health/release", ["status", "version"]),
    ):
        for form in (path, path + "/", path + ".json"):
            answer = requests.get(server.url + form, timeout=TIMEOUT_S)
            assert (answer.status_code, list(answer.json())) == (200, names)
            assert answer.headers["cache-control"] == "no-store"
            assert requests.head(server.url + form, timeout=TIMEOUT_S).content == b""


# --- evidence


@pytest.mark.parametrize(
    ("platform", "evidence", "source"),
    [
        ("http_api", {}, "api"),
        ("android", {}, "sdk"),
        ("ios", {}, "sdk"),
        ("ios", {"source": "crashlytics"}, "crashlytics"),
    ],
)
def test_where_an_event_comes_from(server: Any, platform: str, evidence: dict[str, str], source: str) -> None:
    client = Client(server, f"logister evidence {platform}", platform=platform)
    sent = {"telemetry_evidence": {"source": "forged"}, "IMEI": "1", "device": {"Serial-Number": "2", "model": "x"}}
    answer = EVENTS.post(client, log(context=sent, evidence=evidence))
    settle(server)
    context = client.api(f"/events/{answer.json()['id']}")["raw"]["context"]
    assert context["telemetry_evidence"]["source"] == source
    assert context["telemetry_evidence"]["schema_version"] == 1
    assert context["device"] == {"model": "x"}
    assert "IMEI" not in context
