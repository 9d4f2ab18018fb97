"""SlowStats event bodies (contract 1.4, 1.10, 2): every field, limit and text, and the Discord message, without a server."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from bodies import bodies, document, finite, text, values
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US, FakeInbound, route_of
from outcomes import accepted, answered, outcome, refusal, row_of, shown

from headrace.dialects.answers import Problem
from headrace.dialects.base import Fault, FaultDetail
from headrace.dialects.slowstats import DIALECT
from headrace.dialects.slowstats_answers import BAD_EVENT
from headrace.dialects.slowstats_discord import is_webhook, message
from headrace.dialects.slowstats_events import exact_event, fast_event, visitor_of
from headrace.records.intents import DailyEventFact, OutboxFact

INVALID = (400, {"error": "Invalid request body."})
NO_ACCESS = (403, {"error": "Forbidden: You do not have access to this project."})
URL = "https://discord.com/api/webhooks/123456789/Tok-en_0"
HOUR_US = 3_600_000_000


def request(body: object, path: str = "/api/slowstats/ingest-events") -> FakeInbound:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FakeInbound(route_of(DIALECT, path), data, reachable={"abc123": 7}, project=1)


def event(**fields: object) -> dict[str, object]:
    return {"projectId": "abc123", "eventType": "command_used", **fields}


def hooked(event_fields: dict[str, object] | None = None, **fields: object) -> dict[str, object]:
    return event(**(event_fields or {}), discordWebhook={"url": URL, "title": "T", **fields})


def row(**fields: object) -> dict[str, Any]:
    (intent,) = accepted(request(event(**fields))).intents
    return row_of(intent)


def facts(body: object) -> list[Any]:
    (intent,) = accepted(request(body)).intents
    return list(intent.facts)


@pytest.mark.parametrize("path", ["/api/slowstats/ingest-events", "/api/slowstats/add-event"])
def test_6_a_minimal_event(path: str) -> None:
    submission = accepted(request(event(), path))
    assert answered(submission) == (200, {"message": "Event created successfully."})
    assert (submission.project, submission.cost, len(submission.intents)) == (7, 1, 1)
    (intent,) = submission.intents
    assert (len(intent.rows), list(intent.points), list(intent.claims)) == (1, [], [])
    assert list(intent.facts) == [DailyEventFact(7, NOW_US // 86_400_000_000)]
    found = row_of(intent)
    assert (found["project"], found["dialect"], found["type"], found["name"]) == (
        7,
        "slowstats",
        "event",
        "command_used",
    )
    assert (found["ts"], found["received_at"], found["ts_source"]) == (NOW_US, NOW_US, "received")
    assert (found["message"], found["user_id"], found["raw"]) == ("", "", "{}")


def test_every_field() -> None:
    found = row(description="rolled", payload={"sides": 20, "userId": "u1"}, color=9175295)
    assert (found["message"], found["user_id"]) == ("rolled", "u1")
    assert json.loads(found["raw"]) == {"sides": 20, "userId": "u1", "description": "rolled", "color": 9175295}


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        pytest.param(
            {"payload": {"description": "own", "color": "red"}}, {"description": "own", "color": "red"}, id="payload"
        ),
        pytest.param(
            {"payload": {"description": "own", "color": None}, "description": "outer", "color": 1},
            {"description": "own", "color": None},
            id="the-payload-wins",
        ),
        pytest.param({"description": "", "color": 0}, {"description": "", "color": 0}, id="empty-and-black"),
        pytest.param(
            {"description": None, "color": None, "payload": None, "discordWebhook": None}, {}, id="null-is-absent"
        ),
        pytest.param({"color": 255.0}, {"color": 255}, id="a-whole-float"),
        pytest.param({"payload": {"a": [{"b": [1, None, "x"]}]}}, {"a": [{"b": [1, None, "x"]}]}, id="nested"),
        pytest.param(
            {"payload": {"k\ud83d\0": "v\ud83d\0"}}, {"k\ufffd\ufffd": "v\ufffd\ufffd"}, id="surrogate-and-nul"
        ),
        pytest.param({"unknown": [float("nan")]}, {}, id="unknown-field"),
    ],
)
def test_what_is_given_back_as_data(fields: dict[str, object], data: object) -> None:
    assert json.loads(row(**fields)["raw"]) == data


@pytest.mark.parametrize(
    ("payload", "visitor"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"visitorId": "v", "userId": "u"}, "v", id="first"),
        pytest.param({"ip": "10.0.0.1", "sessionId": "s"}, "s", id="in-the-documented-order"),
        pytest.param({"visitor_id": "a"}, "a", id="snake"),
        pytest.param({"user_id": 42}, "42", id="number"),
        pytest.param({"user_id": 42.0}, "42", id="whole-float"),
        pytest.param({"user_id": 4.5}, "4.5", id="fraction"),
        pytest.param({"visitorId": "", "userId": "u"}, "", id="present-but-empty"),
        pytest.param({"visitorId": None, "userId": "u"}, "u", id="null-is-absent"),
        pytest.param({"visitorId": True, "userId": ["u"], "ip": {"v": 4}}, "", id="no-text-and-no-number"),
    ],
)
def test_visitors(payload: dict[str, object], visitor: str) -> None:
    assert visitor_of(payload) == visitor
    assert row(payload=payload)["user_id"] == visitor


BAD_FIELDS = {
    "project-missing": {"eventType": "x"},
    "project-number": {"projectId": 5, "eventType": "x"},
    "project-blank": {"projectId": " \t", "eventType": "x"},
    "type-missing": {"projectId": "abc123"},
    "type-null": event(eventType=None),
    "type-empty": event(eventType=""),
    "type-256": event(eventType="\U0001f600" * 256),
    "type-number": event(eventType=1),
    "description-number": event(description=1),
    "description-4097": event(description="d" * 4097),
    "payload-array": event(payload=[1]),
    "payload-string": event(payload="x"),
    "payload-number": event(payload=0),
    "payload-false": event(payload=False),
    "payload-nan": event(payload={"a": [float("nan")]}),
    "color-boolean": event(color=True),
    "color-negative": event(color=-1),
    "color-over": event(color=0x1000000),
    "color-fraction": event(color=1.5),
    "color-string": event(color="255"),
    "color-nan": event(color=float("nan")),
    "color-infinite": event(color=float("inf")),
    "webhook-string": event(discordWebhook=URL),
    "webhook-array": event(discordWebhook=[]),
    "webhook-false": event(discordWebhook=False),
    "webhook-empty": event(discordWebhook={}),
    "url-missing": hooked(url=None),
    "url-number": hooked(url=1),
    "title-missing": hooked(title=None),
    "title-empty": hooked(title=""),
    "title-blank": hooked(title=" \n"),
    "title-257": hooked(title="t" * 257),
    "inner-description-4097": hooked(description="d" * 4097),
    "inner-description-number": hooked(description=1),
    "inner-color-over": hooked(color=0x1000000),
    "inner-color-boolean": hooked(color=False),
    "array": [event()],
    "string": "abc123",
    "null": None,
    "validation-before-ownership": {"projectId": "foreign"},
}
BAD_BODIES = {
    "empty": b"",
    "malformed": b"{oops",
    "bad-utf-8": b'{"projectId":"abc123","eventType":"\xff"}',
    "recursion": b'{"projectId":"abc123","eventType":"x","payload":{"a":%b}}' % (b"[" * 100_000),
    "too-deep": b'{"projectId":"abc123","eventType":"x","payload":{"a":%b%b}}' % (b"[" * 300, b"]" * 300),
    "too-many-digits": b'{"projectId":"abc123","eventType":"x","payload":{"a":%b}}' % (b"9" * 5000),
    "overflow": b'{"projectId":"abc123","eventType":"x","payload":{"a":1e400}}',
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in (BAD_FIELDS | BAD_BODIES).items()])
def test_refused_bodies(body: object) -> None:
    assert refusal(request(body)) == INVALID


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(event(eventType="x"), id="type-1"),
        pytest.param(event(eventType="\U0001f600" * 255), id="type-255"),
        pytest.param(event(description="\U0001f600" * 4096), id="description-4096"),
        pytest.param(event(color=0), id="color-0"),
        pytest.param(event(color=0xFFFFFF), id="color-most"),
        pytest.param(hooked(title="\U0001f600" * 256), id="title-256"),
        pytest.param(hooked(description="d" * 4096), id="inner-description-4096"),
        pytest.param(hooked(description=None, color=None), id="inner-null-is-absent"),
        pytest.param(b'\xef\xbb\xbf{"projectId":"abc123","eventType":"x"}', id="byte-order-mark"),
        pytest.param(b'{"projectId":"x","eventType":1,"projectId":"abc123","eventType":"x"}', id="last-key-wins"),
        pytest.param(
            b'{"projectId":"abc123","eventType":"x","payload":{"a":%b%b}}' % (b"[" * 250, b"]" * 250), id="deep-enough"
        ),
    ],
)
def test_accepted_bodies(body: object) -> None:
    assert outcome(request(body)) == 200


def test_an_unknown_project_is_told_as_a_foreign_one() -> None:
    for project in ("foreign", " abc123", "ABC123"):
        assert refusal(request({"projectId": project, "eventType": "x"})) == NO_ACCESS


# --- Discord


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "HTTPS://Discord.com/api/webhooks/1/t",
        "https://discordapp.com/api/webhooks/1/t",
        "https://canary.discord.com/api/webhooks/1/t",
        "https://ptb.discord.com/api/v10/webhooks/1/t",
        "https://discord.com:443/api/v9/webhooks/1/t",
        "https://discord.com/api/webhooks/1/t?thread_id=5",
        "https://discord.com/api/webhooks/1/t?wait=true&thread_id=5",
    ],
)
def test_addresses_that_are_believed(url: str) -> None:
    assert is_webhook(url)
    assert outcome(request(hooked(url=url))) == 200


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example/api/webhooks/1/t",
        "http://discord.com/api/webhooks/1/t",
        "https://discord.com@evil.example/api/webhooks/1/t",
        "https://discord.com.evil.example/api/webhooks/1/t",
        "https://evil.example/https://discord.com/api/webhooks/1/t",
        "https://evildiscord.com/api/webhooks/1/t",
        "https://other.discord.com/api/webhooks/1/t",
        "https://canary.discordapp.com/api/webhooks/1/t",
        "https://discord.com:8443/api/webhooks/1/t",
        "https://discord.com:443@evil.example/api/webhooks/1/t",
        "https://user:pass@discord.com/api/webhooks/1/t",
        "https://discord.com./api/webhooks/1/t",
        "https://discord.com\\@evil.example/api/webhooks/1/t",
        "https://discord.com/api/webhooks/1/t/../../../x",
        "https://discord.com/api/webhooks/1/t/",
        "https://discord.com/api/webhooks/1/t#x",
        "https://discord.com/api/webhooks/1/t?x=1",
        "https://discord.com/api/webhooks/x/t",
        "https://discord.com/api/webhooks/1/",
        "https://discord.com/api/webhooks/1",
        "https://discord.com/api/webhooks/\u0661/t",
        "https://discord.com/webhooks/1/t",
        "https://discord.com/api/v/webhooks/1/t",
        "//discord.com/api/webhooks/1/t",
        " https://discord.com/api/webhooks/1/t",
        "https://discord.com/api/webhooks/1/t\n",
        "https://disc\u00f6rd.com/api/webhooks/1/t",
    ],
)
def test_7_addresses_that_are_refused(url: str) -> None:
    assert not is_webhook(url)
    assert refusal(request(hooked(url=url))) == INVALID


def test_the_message_goes_into_the_outbox_sealed_for_an_hour() -> None:
    body = hooked({"description": "outer", "color": 5, "payload": {"n": 1}}, description="inner", color=6)
    count, sent = facts(body)
    assert isinstance(count, DailyEventFact)
    assert isinstance(sent, OutboxFact)
    assert (sent.project, sent.kind, sent.address) == (7, "discord", f"sealed:{len(URL)}")
    assert (sent.created_at, sent.not_after) == (NOW_US, NOW_US + HOUR_US)
    assert sent.message == {
        "embeds": [
            {
                "title": "T",
                "timestamp": "2026-04-02T10:00:00.000Z",
                "description": "inner",
                "color": 6,
                "fields": [{"name": "n", "value": "1", "inline": True}],
            }
        ],
        "allowed_mentions": {"parse": []},
    }
    (intent,) = accepted(request(body)).intents
    found = row_of(intent)
    assert intent.facts[1].event_id == found["id"]
    assert intent.facts[1].id != facts(body)[1].id
    assert "discord" not in json.dumps(found, default=str).lower()


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ({"description": "outer", "color": 5}, {}, ("outer", 5)),
        ({"description": "outer", "color": 5}, {"description": "", "color": 0}, ("outer", 0)),
        ({}, {}, (None, None)),
    ],
    ids=["from-the-event", "empty-and-black", "none"],
)
def test_what_the_message_takes_from_the_event(
    outer: dict[str, object], inner: dict[str, object], expected: tuple[object, object]
) -> None:
    embed = facts(hooked(outer, **inner))[1].message["embeds"][0]
    assert (embed.get("description"), embed.get("color")) == expected
    assert "fields" not in embed


def embed(payload: dict[str, Any], title: str = "T", description: str = "") -> list[tuple[str, str]]:
    made = message(title, description, None, payload, NOW_US)["embeds"][0]
    return [(field["name"], field["value"]) for field in made.get("fields", [])]


def test_fields_of_the_message() -> None:
    assert embed({"s": "x", "i": 1, "f": 0.5, "b": True, "n": None, "a": [1], "o": {}, "": 1, "e": "", "w": " "}) == [
        ("s", "x"),
        ("i", "1"),
        ("f", "0.5"),
        ("b", "true"),
    ]
    assert len(embed({f"k{number}": number for number in range(40)})) == 25
    assert embed({"n" * 256: "v" * 1024}) == [("n" * 256, "v" * 1024)]
    assert embed({"n" * 257: "v" * 1025}) == [("n" * 255 + "…", "v" * 1023 + "…")]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    st.text("t", min_size=1, max_size=256),
    st.text("d", max_size=3).map(lambda part: part * 1300),
    st.dictionaries(texts, texts.map(lambda part: part * 40) | finite | st.none(), max_size=40),
)
def test_a_message_keeps_discords_limits(title: str, description: str, payload: dict[str, Any]) -> None:
    fields = embed(payload, title, description)
    assert len(fields) <= 25
    assert all(name.strip() and value.strip() and len(name) <= 256 and len(value) <= 1024 for name, value in fields)
    assert len(title) + len(description) + sum(len(name) + len(value) for name, value in fields) <= 6000


# --- any bytes

payloads = st.dictionaries(
    text,
    st.recursive(finite | text | st.booleans(), lambda inner: st.dictionaries(text, inner, max_size=3)),
    max_size=4,
)
colors = st.integers(0, 0xFFFFFF)
webhooks = document(
    {"url": st.sampled_from([URL, URL, "https://evil.example/api/webhooks/1/t"]), "title": text},
    {"description": text, "color": colors},
)
events = document(
    {"projectId": st.sampled_from(["abc123", "abc123", "foreign", " "]), "eventType": text},
    {
        "description": text,
        "payload": payloads | st.none(),
        "color": colors | values,
        "discordWebhook": webhooks | values,
    },
)


@given(bodies(events))
def test_any_body_is_answered(body: bytes) -> None:
    assert outcome(request(body)) in {200, 400, 403}


@given(bodies(events))
def test_what_the_fast_reader_accepts_the_exact_one_reads_alike(body: bytes) -> None:
    found = fast_event(body)
    if found is not None:
        assert found == exact_event(body)


def test_the_fast_reader_reads_what_programs_send_and_leaves_the_rest() -> None:
    assert fast_event(json.dumps(event(color=9, payload={"userId": "42"})).encode()) is not None
    for unsure in ("[]", json.dumps(hooked()), json.dumps(event(more=1)), json.dumps(event(color=9.0))):
        assert fast_event(unsure.encode()) is None
    with pytest.raises(Problem, match=re.escape(BAD_EVENT)):
        exact_event(b"[]")


# --- the rest of the dialect


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/api/slowstats/ingest-events", "Invalid request body."),
        ("/api/slowstats/add-event", "Invalid request body."),
        ("/api/slowstats/ingest-metrics", "Project ID is required."),
    ],
)
def test_a_body_that_does_not_decode(path: str, text: str) -> None:
    answer = DIALECT.fault(Fault.UNREADABLE, FaultDetail(inbound=request(b"", path)))
    assert shown(answer) == (400, {"error": text})


def test_the_posts_check_alike_and_all_share_one_window() -> None:
    posts = [route for route in DIALECT.routes if route.method == "POST"]
    reads = [route for route in DIALECT.routes if route.method == "GET"]
    assert (len(posts), len(reads)) == (2, 3)
    assert len({(route.steps, route.cap, route.decoded_cap, route.encodings, route.scope) for route in posts}) == 1
    assert {(route.steps, route.scope) for route in reads} == {(("auth", "scope", "charge_request", "handle"), "read")}
    assert {(route.group, route.limit, route.cors) for route in DIALECT.routes} == {
        ("ingest", ("window", 60, 0), False)
    }
