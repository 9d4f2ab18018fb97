"""CanaryHub's endpoint against a real server (contract 1.1-1.8)."""

from __future__ import annotations

import json
import math
import subprocess
import time
from typing import Any

import pytest
import requests
from endpoints import BY_PATH
from wire import TIMEOUT_S, Client

EVENTS = BY_PATH["/api/v1/events"]
ASTRAL = "\N{BIRD}"
BODY_CAP = 524_288


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "canaryhub over http", style="canaryhub")


def told(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def batch(*events: Any) -> dict[str, Any]:
    return {"events": list(events)}


def event(**fields: Any) -> dict[str, Any]:
    return {"type": "event", "name": "n", **fields}


def test_1_the_documented_batch(server: Any) -> None:
    client = Client(server, "canaryhub documented")
    sent = batch(
        {"type": "event", "name": "user.signup"},
        {"type": "event", "name": "payment.received", "value": 29, "meta": {"plan": "pro", "seats": 3}},
        {"type": "error", "name": "import.failed", "message": "row 7: no date"},
    )
    assert told(EVENTS.post(client, sent)) == (202, {"accepted": 3})
    assert client.totals()["points"] == {
        "canaryhub:user.signup:counter": 1,
        "canaryhub:payment.received:counter": 1,
        "canaryhub:payment.received:value": 1,
        "canaryhub:import.failed:counter": 1,
    }
    rows = {row["name"]: row for row in client.rows("events", dialect="canaryhub")}
    assert {name: (row["type"], row["message"], row["value"], row["labels"]) for name, row in rows.items()} == {
        "user.signup": ("event", "", None, {}),
        "payment.received": ("event", "", 29.0, {"plan": "pro", "seats": "3"}),
        "import.failed": ("error", "row 7: no date", None, {}),
    }
    raw = client.api(f"/events/{rows['payment.received']['id']}")["raw"]
    assert raw == sent["events"][1]


def test_the_cron_line(client: Client) -> None:
    """``curl -sf … || true``: silent, 0 on success, not 0 on a refusal."""

    def curl(body: str) -> tuple[int, str]:
        command = [
            *("curl", "-sf", "-m", str(TIMEOUT_S), client.server.url + "/api/v1/events"),
            *("-H", f"Authorization: Bearer {client.key}", "-d", body),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        return done.returncode, done.stdout

    assert curl('{"events":[{"type":"event","name":"nightly.done"}]}') == (0, '{"accepted":1}')
    assert curl('{"events":[]}') == (22, "")


def test_2_without_a_key(client: Client) -> None:
    for headers, text in (({}, "missing API key"), ({"Authorization": "Bearer no"}, "unknown or revoked API key")):
        answer = client.call("POST", "/api/v1/events", headers=headers, json=batch(event()))
        assert told(answer) == (401, {"error": text})
        assert answer.headers["www-authenticate"] == "Bearer"


REFUSED = [
    (batch(), "events must hold at least 1 event"),
    (batch(*[event()] * 101), "events must hold at most 100 events, got 101"),
    (batch(event(name="x" * 201)), "events[0].name must be 1 to 200 characters"),
    (batch(event(name=ASTRAL * 201)), "events[0].name must be 1 to 200 characters"),
    (batch(event(message="x" * 2001)), "events[0].message must be at most 2000 characters"),
    (batch(event(meta={"k": "x" * (4097 - 8)})), "events[0].meta must be at most 4096 bytes of JSON"),
    (batch(event(), event(type="Error")), 'events[1].type must be "event" or "error"'),
    (batch(event(), {"type": "event"}), "events[1].name is required"),
    (batch(event(), event(), 3), "events[2] must be an object"),
    (batch(event(value=True)), "events[0].value must be a finite number"),
    (b'{"events":[{"type":"event","name":"n","value":NaN}]}', "events[0].value must be a finite number"),
    (batch(event(meta=[])), "events[0].meta must be an object"),
    (batch(event(ts="2026-04-02")), "events[0].ts must be an ISO 8601 time with an offset"),
    ({"events": {}}, 'body must be an object with an "events" array'),
    ([], 'body must be an object with an "events" array'),
    (b"", "body is not valid JSON"),
]


def test_3_and_11_what_is_refused_is_named_and_leaves_nothing(server: Any) -> None:
    client = Client(server, "canaryhub refused")
    for body, text in REFUSED:
        assert told(EVENTS.post(client, body)) == (400, {"error": text})
    assert client.totals() == {"events": 0, "requests": 0, "spans": 0, "points": {}}


def test_4_a_refused_batch_costs_nothing(server: Any) -> None:
    client = Client(server, "canaryhub free refusals", unlimited=False, rate=1, burst=100)
    for _ in range(3):
        assert EVENTS.post(client, batch(*[event()] * 101)).status_code == 400
    assert EVENTS.post(client, batch(*[event()] * 100)).status_code == 202
    assert EVENTS.post(client).status_code == 429


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "x" * 200},
        {"name": ASTRAL * 200},
        {"name": f" {'x' * 200}\t"},
        {"message": "x" * 2000},
        {"message": ASTRAL * 2000},
        {"meta": {"k": "x" * (4096 - 8)}},
        {"meta": {"k": ASTRAL * 1022}},
        {"meta": {}, "message": None, "value": None, "ts": None, "unknown": [1]},
        {"value": -0.5},
        {"ts": "2026-04-02T09:58:00.123456+0200"},
    ],
    ids="-".join,
)
def test_5_6_7_what_is_just_within_bounds(client: Client, fields: dict[str, Any]) -> None:
    assert told(EVENTS.post(client, batch(event(**fields)))) == (202, {"accepted": 1})


@pytest.mark.parametrize(("size", "status"), [(BODY_CAP - 1, 202), (BODY_CAP, 202), (BODY_CAP + 1, 413)])
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_8_the_size_of_a_body(client: Client, size: int, status: int, chunked: bool) -> None:
    body = EVENTS.body(client).ljust(size)
    answer = EVENTS.post(client, iter([body[:1000], body[1000:]]) if chunked else body)
    assert answer.status_code == status
    if status == 413:
        assert answer.json() == {"error": "body must be at most 524288 bytes"}


def test_9_the_bucket_holds_120_events(server: Any) -> None:
    """And what came back since: one a second, on a slow machine one or two."""
    client = Client(server, "canaryhub bucket", unlimited=False)
    started = time.monotonic()
    assert [EVENTS.post(client, batch(*[event()] * size)).status_code for size in (100, 20)] == [202, 202]
    more = 0
    while (answer := EVENTS.post(client, batch(event()))).status_code == 202:
        more += 1
        assert more <= time.monotonic() - started
    assert told(answer) == (429, {"error": "rate limit exceeded"})
    assert answer.headers["retry-after"] == "1"
    assert client.totals()["points"] == {"canaryhub:n:counter": 120 + more}


def test_a_batch_that_does_not_fit_takes_nothing(server: Any) -> None:
    client = Client(server, "canaryhub refused batch", unlimited=False, rate=1, burst=120)
    sizes = {90: 202, 50: 429, 31: 429, 30: 202, 1: 429}
    answers = [EVENTS.post(client, batch(*[event()] * size)) for size in sizes]
    assert [answer.status_code for answer in answers] == list(sizes.values())
    # One token a minute: 20 are missing for the batch of 50, less what came back since.
    assert math.isclose(int(answers[1].headers["retry-after"]), 1200, abs_tol=60)
    assert client.totals()["events"] == 120


def test_13_keys_have_buckets_of_their_own(server: Any) -> None:
    client = Client(server, "canaryhub two keys", unlimited=False)
    other = client.make_key()
    for size in (100, 20):
        for key in (client.key, other):
            assert EVENTS.post(client, batch(*[event()] * size), key=key).status_code == 202


def test_10_a_revoked_key(client: Client) -> None:
    made = client.server.call("key.create", project=client.project, style="canaryhub")
    assert made["key"].startswith("ch_live_")
    assert EVENTS.post(client, key=made["key"]).status_code == 202
    client.server.call("key.revoke", id=made["id"])
    assert told(EVENTS.post(client, key=made["key"])) == (401, {"error": "unknown or revoked API key"})


def test_12_a_bad_key_is_told_before_an_oversize_body(client: Client) -> None:
    answer = EVENTS.post(client, b" " * (BODY_CAP + 1), key="nobody")
    assert told(answer) == (401, {"error": "unknown or revoked API key"})


def test_no_encoding_is_documented(client: Client) -> None:
    for encoding in ("gzip", "deflate", "zstd", "br", "gzip, gzip"):
        answer = EVENTS.post(client, headers={"Content-Encoding": encoding})
        assert told(answer) == (415, {"error": "content encoding is not supported"})
    assert EVENTS.post(client, headers={"Content-Encoding": "identity"}).status_code == 202


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_and_no_cors(client: Client, method: str) -> None:
    answer = client.call(method, "/api/v1/events", headers={"Origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert method == "HEAD" or answer.json() == {"error": "method not allowed"}
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/api/v1/events/", "/api/v1/events/1", "/api/v1/events.json"])
def test_other_paths_below(client: Client, path: str) -> None:
    assert told(client.call("POST", path, headers={})) == (404, {"error": "not found"})


def test_any_content_type_and_a_byte_order_mark(client: Client) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(batch(event())).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert told(EVENTS.post(client, body, headers={"Content-Type": kind})) == (202, {"accepted": 1})


def test_a_key_without_the_write_scope(client: Client) -> None:
    answer = EVENTS.post(client, key=client.make_key(scopes=["read"]))
    assert told(answer) == (403, {"error": "this key lacks the write scope"})
