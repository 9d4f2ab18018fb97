"""Mobile ingest tokens: minted, bound, dying with their parent (contract 1.9)."""

from __future__ import annotations

import gzip
import json
import re
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests
from endpoints import BY_PATH, ENDPOINTS
from hypothesis import given
from hypothesis import strategies as st
from wire import Client, settle

from headrace.dialects.base import Refusal
from headrace.dialects.logister_tokens import EVENT_TYPES, read_token

TOKENS, EVENTS, BATCH = (
    BY_PATH[f"/api/v1/{name}"] for name in ("mobile_ingest_tokens", "ingest_events", "ingest_events/batch")
)
CHECK_INS, DEPLOYMENTS = BY_PATH["/api/v1/check_ins"], BY_PATH["/api/v1/deployments"]
ASKED = {"platform": "android", "service": "shop-app", "environment": "production"}
REFUSED_TYPE = {"error": "Mobile ingest token cannot send this event type"}


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "logister tokens", platform="android", style="logister")


def asked(**fields: Any) -> dict[str, Any]:
    given = {name: value for name, value in {**ASKED, **fields}.items() if value is not ...}
    return {"mobile_ingest_token": given}


def mint(client: Client, **fields: Any) -> str:
    answer = TOKENS.post(client, asked(**fields))
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


def event(**fields: Any) -> dict[str, Any]:
    return {"event": {"event_type": "log", "message": "m", **fields}}


def told(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


# --- minting


def test_a_token_is_shown_once_with_what_it_is_bound_to(client: Client) -> None:
    before = time.time()
    answer = TOKENS.post(client, asked())
    body = answer.json()
    assert answer.status_code == 201
    assert list(body) == ["token", "expires_at", "platform", "service", "environment", "allowed_event_types"]
    assert re.fullmatch(r"logister_mobile_[0-9a-f]{64}", body["token"])
    assert body["allowed_event_types"] == list(EVENT_TYPES)
    expires = datetime.strptime(body["expires_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    assert before + 899 < expires < time.time() + 901
    assert answer.headers["cache-control"] == "no-store"
    more = TOKENS.post(client, asked(release="1.2", sessionId="s1", allowed_event_types=["log", "error"])).json()
    assert (more["release"], more["session_id"], more["allowed_event_types"]) == ("1.2", "s1", ["error", "log"])
    assert TOKENS.post(client, {"MOBILE_INGEST_TOKEN": ASKED}).status_code == 201
    assert TOKENS.post(client, TOKENS.route.sample.encode()).status_code == 201
    names = [key["name"] for key in client.server.call("key.list", project=client.project)]
    assert not [name for name in names if "mobile" in name]


def errors_of(body: dict[str, Any], platform: str = "android") -> list[str]:
    with pytest.raises(Refusal) as error:
        read_token(json.dumps(body).encode(), platform)
    assert error.value.answer.status == 422
    assert error.value.answer.reason == "mobile token refused"
    found: list[str] = json.loads(error.value.answer.body)["errors"]
    return found


LIFE = "Expires at must be within 60 to 3600 seconds from now"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"platform": ...}, ["Platform can't be blank"]),
        ({"service": " ", "environment": None}, ["Service can't be blank", "Environment can't be blank"]),
        ({"platform": "ios"}, ["Platform must match the project, which is for android"]),
        ({"expires_in_seconds": 59}, [LIFE]),
        ({"expires_in_seconds": 3_601}, [LIFE]),
        ({"expires_in_seconds": "soon"}, [LIFE]),
        ({"allowed_event_types": ["log", "gauge"]}, ["Allowed event types includes an unsupported type: gauge"]),
        ({"allowed_event_types": {"a": 1}}, ["Allowed event types includes an unsupported type: (blank)"]),
        ({"service": "x" * 256}, ["Service is too long (maximum is 255 characters)"]),
    ],
)
def test_what_is_refused(fields: dict[str, Any], errors: list[str]) -> None:
    assert errors_of(asked(**fields)) == errors


def test_only_phones_have_tokens() -> None:
    for platform in ("http_api", "python"):
        for named in ("android", platform):
            expected = [f"Platform must match the project, which is for {platform}"]
            assert errors_of(asked(platform=named), platform) == expected
    assert read_token(json.dumps(asked(platform="ios")).encode(), "ios").bindings["platform"] == "ios"


@pytest.mark.parametrize("seconds", [60, 3_600, "60", None])
def test_lives(seconds: Any) -> None:
    life = read_token(json.dumps(asked(expires_in_seconds=seconds)).encode(), "android").life_s
    assert life == (900 if seconds is None else int(seconds))


@pytest.mark.parametrize("body", [{}, ASKED, {"mobile_ingest_token": {}}, {"mobile_ingest_token": "x"}], ids=str)
def test_an_envelope_is_needed(client: Client, body: Any) -> None:
    text = "param is missing or the value is empty or invalid: mobile_ingest_token"
    assert told(TOKENS.post(client, body)) == (400, {"error": text})


_values = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=5), max_size=2)


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda fields: json.dumps({"mobile_ingest_token": {**ASKED, **fields}}).encode(),
        st.dictionaries(st.sampled_from([*ASKED, "expires_in_seconds", "allowed_event_types", "release"]), _values),
    )
)
def test_any_body_is_answered(body: bytes) -> None:
    answer = None
    try:
        found = read_token(body, "android")
    except Refusal as error:
        answer = error.answer
    if answer is not None:
        assert answer.status in (400, 422)
    else:
        assert 60 <= found.life_s <= 3_600
        assert found.bindings.keys() >= {*ASKED, "allowed_event_types"}


def test_a_token_lives_no_longer_than_its_parent(client: Client) -> None:
    end = int((time.time() + 300) * 1_000_000)
    answer = TOKENS.post(client, asked(), key=client.make_key(expires_at=end))
    shown = datetime.strptime(answer.json()["expires_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs(shown.timestamp() * 1_000_000 - end) < 10


# --- what it may do


def test_a_token_works_where_records_are_sent_and_nowhere_else(client: Client) -> None:
    token = mint(client)
    assert EVENTS.post(client, event(), key=token).status_code == 201
    assert CHECK_INS.post(client, {"check_in": {"slug": "app"}}, key=token).status_code == 201
    assert BATCH.post(client, key=token).status_code == 202
    for endpoint in (DEPLOYMENTS, TOKENS):
        assert told(endpoint.post(client, key=token)) == (403, {"error": "Forbidden"})
    logister = {EVENTS.path, CHECK_INS.path, BATCH.path}
    for endpoint in ENDPOINTS:
        if endpoint.path not in logister:
            assert endpoint.post(client, key=token).status_code == 403, endpoint.path
    for path in ("/v1/stats", "/api/headrace/events"):
        assert client.call("GET", path, headers={"Authorization": f"Bearer {token}"}).status_code == 403
    almost = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert EVENTS.post(client, event(), key=almost).status_code == 401


def test_types_that_are_not_allowed(client: Client) -> None:
    token = mint(client, allowed_event_types=["log"])
    assert EVENTS.post(client, event(), key=token).status_code == 201
    for sent in ("error", "span", "check_in", "gauge", None, ["log"]):
        # The type comes before everything else that is wrong with the event.
        refused = event(event_type=sent, uuid="no", environment="other")
        assert told(EVENTS.post(client, refused, key=token)) == (403, REFUSED_TYPE)
    assert told(CHECK_INS.post(client, {"check_in": {"slug": "s"}}, key=token)) == (403, REFUSED_TYPE)
    lines = [event(uuid=str(uuid4())), event(uuid=str(uuid4()), event_type="error")]
    assert told(batch(client, token, lines)) == (403, REFUSED_TYPE)


def batch(client: Client, token: str, lines: list[Any]) -> requests.Response:
    body = gzip.compress(b"\n".join(json.dumps(line).encode() for line in lines))
    return BATCH.post(client, body, key=token, headers={"Content-Encoding": "gzip"})


BOUND = {**ASKED, "release": "1.2", "session_id": "s1"}


@pytest.mark.parametrize("name", BOUND)
def test_what_contradicts_the_token_is_refused(client: Client, name: str) -> None:
    token = mint(client, **BOUND)
    text = f"{name} must match the mobile ingest token"
    camel = re.sub(r"_(.)", lambda match: match[1].upper(), name)
    for fields in ({name: "other"}, {"context": {name: "other"}}, {"context": {camel: "other"}, name: BOUND[name]}):
        assert told(EVENTS.post(client, event(uuid="no", **fields), key=token)) == (422, {"errors": [text]})
    assert told(CHECK_INS.post(client, {"check_in": {"slug": "s", name: "other"}}, key=token)) == (
        422,
        {"errors": [text]},
    )
    lines = [event(uuid=str(uuid4())), event(uuid=str(uuid4()), **{name: "other"})]
    assert told(batch(client, token, lines)) == (422, {"errors": [f"line 2: {text}"]})
    assert EVENTS.post(client, event(**{name: BOUND[name]}), key=token).status_code == 201


def test_what_is_missing_is_filled_in(server: Any) -> None:
    client = Client(server, "logister tokens fill in", platform="ios")
    token = mint(client, **{**BOUND, "platform": "ios", "environment": "beta"})
    assert EVENTS.post(client, event(context={"a": 1}), key=token).status_code == 201
    assert EVENTS.post(client, event(event_type="error", context=None), key=token).status_code == 201
    span = event(event_type="span", trace_id="t", span_id="s", uuid=str(uuid4()))
    assert batch(client, token, [span]).status_code == 202
    assert CHECK_INS.post(client, {"check_in": {"slug": "sync"}}, key=token).status_code == 201
    settle(server)
    rows = [*client.rows("events"), *client.rows("spans")]
    assert len(rows) == 4
    for row in rows:
        assert (row["environment"], row["release"], row["service"], row["session_id"]) == (
            "beta",
            "1.2",
            "shop-app",
            "s1",
        )
    (monitor,) = client.api("/monitors")["monitors"]
    assert monitor["environment"] == "beta"
    for row in client.rows("events"):
        context = client.api(f"/events/{row['id']}")["raw"]["context"]
        assert context["platform"] == "ios"
        # Phones have no other way than an SDK (1.4).
        assert context["telemetry_evidence"]["source"] == "sdk"


# --- its end


def test_a_token_dies_with_its_parent_and_its_project(server: Any) -> None:
    client = Client(server, "logister tokens die", platform="android")
    made = server.call("key.create", project=client.project)
    token = TOKENS.post(client, asked(), key=made["key"]).json()["token"]
    other = mint(client)
    assert (
        EVENTS.post(client, event(), key=token).status_code
        == EVENTS.post(client, event(), key=other).status_code
        == 201
    )
    server.call("key.revoke", id=made["id"])
    assert told(EVENTS.post(client, event(), key=token)) == (401, {"error": "Unauthorized"})
    assert EVENTS.post(client, event(), key=other).status_code == 201
    server.call("project.archive", project=client.project)
    assert EVENTS.post(client, event(), key=other).status_code == 401


def test_a_token_has_its_parents_rate_and_a_window_of_its_own(client: Client) -> None:
    while True:
        minute = time.time() // 60
        key = client.make_key(rate=2)
        tokens = [TOKENS.post(client, asked(), key=key).json()["token"] for _ in range(2)]
        refused = TOKENS.post(client, asked(), key=key)
        found = [EVENTS.post(client, event(), key=token).status_code for token in (*tokens, *tokens, *tokens)]
        if time.time() // 60 == minute:
            break
    assert refused.status_code == 429
    assert found == [201, 201, 201, 201, 429, 429]


def test_a_restart_forgets_no_token(own_server: Any) -> None:
    own_server.start()
    client = Client(own_server, "logister tokens stay", platform="android")
    token = mint(client)
    assert own_server.stop() == 0
    own_server.start()
    assert EVENTS.post(client, event(), key=token).status_code == 201
