"""Logister's batches against a real server (contract 1.7, 1.8; the rulings' batch order)."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any
from uuid import uuid4

import pytest
import requests
from endpoints import BY_PATH
from hypothesis import given
from hypothesis import strategies as st
from inbound import FakeInbound, route_of
from wire import Client, Connection, request_bytes, settle

from headrace.dialects.base import Refusal
from headrace.dialects.logister import DIALECT
from headrace.dialects.logister_batch import DECODED_CAP, EVENTS_MAX

BATCH, EVENTS = BY_PATH["/api/v1/ingest_events/batch"], BY_PATH["/api/v1/ingest_events"]
ROUTE = route_of(DIALECT, "/api/v1/ingest_events/batch")
CAP = 2 * 1024 * 1024
ROLLED_BACK = {"status": "rolled_back", "errors": ["Not stored because another event of the batch was rejected"]}
TAKEN = "Uuid has already been used for another telemetry signal"


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "logister batches", style="logister")


def new() -> str:
    return str(uuid4())


def log(**fields: Any) -> dict[str, Any]:
    given_fields = {"event_type": "log", "message": "hello", "uuid": new(), **fields}
    return {"event": {name: value for name, value in given_fields.items() if value is not ...}}


def span(**fields: Any) -> dict[str, Any]:
    return log(event_type="span", trace_id=uuid4().hex, span_id="s1", **fields)


def ndjson(*lines: Any) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def send(client: Client, *lines: Any, key: str | None = None, **headers: str) -> requests.Response:
    packed = {"Content-Encoding": "gzip", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return BATCH.post(client, gzip.compress(ndjson(*lines)), key=key, headers=packed)


def plain(client: Client, body: bytes, **headers: str) -> requests.Response:
    return BATCH.post(client, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def refusal(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert isinstance(body["error"], str)
    return answer.status_code, body["code"]


# --- what is accepted


def test_events_and_spans_are_accepted_and_stored(server: Any) -> None:
    client = Client(server, "logister batch stored")
    lines = [log(message=f"m{n}") for n in range(EVENTS_MAX - 1)] + [span(name="SELECT")]
    answer = send(client, *lines, X_Logister_Batch_Id="b" * 200)
    body = answer.json()
    assert answer.status_code == 202
    assert list(body) == ["schema_version", "batch_id", "status", "accepted", "duplicates", "results"]
    assert (body["schema_version"], body["batch_id"], body["status"]) == (1, "b" * 128, "accepted")
    assert (body["accepted"], body["duplicates"]) == (100, 0)
    for index, (line, result) in enumerate(zip(lines, body["results"], strict=True)):
        kind = line["event"]["event_type"]
        assert list(result) == ["index", "status", "type", "id", "legacy_id", "duplicate"]
        assert (result["index"], result["status"], result["duplicate"]) == (index, "accepted", False)
        assert (result["type"], result["id"]) == ("span" if kind == "span" else "event", line["event"]["uuid"])
    totals = client.totals()
    assert (totals["events"], totals["spans"]) == (99, 1)
    # A single post of the same event is answered with the same ids.
    again = EVENTS.post(client, lines[0])
    assert again.json() == {
        "id": body["results"][0]["id"],
        "legacy_id": body["results"][0]["legacy_id"],
        "status": "accepted",
        "duplicate": True,
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content_Type": "application/ndjson"},
        {"Content_Type": "application/x-ndjson; charset=utf-8"},
        {"Content_Encoding": "identity"},
    ],
    ids=str,
)
def test_forms_of_a_batch(client: Client, headers: dict[str, str]) -> None:
    answer = plain(client, b"\n \r\n" + ndjson(log(), log()).replace(b"\n", b"\r\n\n"), **headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert "batch_id" not in answer.json()
    for path in ("", "/", ".json", ".json/"):
        found = client.call(
            "POST",
            BATCH.path + path,
            headers={"X-Api-Key": client.key, "Content-Type": "application/ndjson"},
            data=ndjson(log()),
        )
        assert found.status_code == 202


def test_names_in_any_casing_and_event_id(client: Client) -> None:
    first, second = new().upper(), new()
    lines = (
        {"other": 1, "event": {"EventType": "log", "MESSAGE": "x", "EventId": first}},
        log(uuid=second, event_id=second.upper()),
    )
    assert [one["id"] for one in send(client, *lines).json()["results"]] == [first.lower(), second]


def test_replays_are_accepted_as_duplicates_of_the_first(server: Any) -> None:
    client = Client(server, "logister batch replays")
    event, trace = log(), span()
    first = send(client, event, trace).json()["results"]
    again = send(client, event, trace, log(), event)
    body = again.json()
    assert (again.status_code, body["accepted"], body["duplicates"]) == (202, 4, 3)
    assert [one["duplicate"] for one in body["results"]] == [True, True, False, True]
    assert [one["id"] for one in body["results"][:2]] == [one["id"] for one in first]
    assert [one["legacy_id"] for one in body["results"][:2]] == [one["legacy_id"] for one in first]
    every = send(client, event, trace)
    assert (every.status_code, every.json()["duplicates"]) == (202, 2)
    totals = client.totals()
    assert (totals["events"], totals["spans"]) == (2, 1)


def test_one_uuid_twice_in_a_batch(server: Any) -> None:
    client = Client(server, "logister batch twice")
    event = log()
    assert [one["duplicate"] for one in send(client, event, event).json()["results"]] == [False, True]
    assert client.totals()["events"] == 1


# --- all or none


def test_an_invalid_event_rolls_the_others_back(server: Any) -> None:
    client = Client(server, "logister batch rejected")
    old, twice = log(), log()
    assert EVENTS.post(client, old).status_code == 201
    lines = (old, twice, log(message=" "), twice, {"event": {"uuid": new()}}, log(event_type="span"))
    answer = send(client, *lines, X_Logister_Batch_Id="b1")
    body = answer.json()
    assert answer.status_code == 422
    assert list(body) == ["schema_version", "batch_id", "status", "results"]
    assert (body["schema_version"], body["batch_id"], body["status"]) == (1, "b1", "rejected")
    results = body["results"]
    assert [one.pop("index") for one in results] == list(range(6))
    assert (results[0]["status"], results[0]["id"], results[0]["duplicate"]) == ("accepted", old["event"]["uuid"], True)
    assert results[1] == results[3] == ROLLED_BACK
    assert results[2] == {"status": "rejected", "errors": ["Message can't be blank"]}
    both = ["Event type is not included in the list", "Message can't be blank"]
    assert results[4] == {"status": "rejected", "errors": both}
    assert results[5] == {"status": "rejected", "errors": ["Trace can't be blank", "Span can't be blank"]}
    assert client.totals()["events"] == 1
    # Nothing of it was claimed either.
    assert [one["duplicate"] for one in send(client, twice).json()["results"]] == [False]


def test_a_uuid_of_the_other_family_is_rejected(server: Any) -> None:
    client = Client(server, "logister batch families")
    event, trace = log(), span()
    assert send(client, event, trace).status_code == 202
    crossed = [log(uuid=trace["event"]["uuid"]), log(), span(uuid=event["event"]["uuid"])]
    answer = send(client, *crossed)
    assert [one.get("errors") for one in answer.json()["results"]] == [[TAKEN], ROLLED_BACK["errors"], [TAKEN]]
    within = log()
    answer = send(client, within, span(uuid=within["event"]["uuid"]))
    assert [one["status"] for one in answer.json()["results"]] == ["rolled_back", "rejected"]
    assert client.totals()["events"] == 1


def test_a_span_in_a_taken_place_rolls_a_batch_back_but_not_a_single_post(server: Any) -> None:
    client = Client(server, "logister batch places")
    trace = span()
    other = {"event": {**trace["event"], "uuid": new()}}
    assert EVENTS.post(client, trace).status_code == 201
    single = EVENTS.post(client, other)
    assert (single.status_code, single.json()["id"]) == (200, trace["event"]["uuid"])
    answer = send(client, log(), other, trace)
    assert answer.status_code == 422
    found = [(one["status"], one.get("errors")) for one in answer.json()["results"]]
    assert found[1] == ("rejected", ["Span has already been taken"])
    assert [status for status, _ in found] == ["rolled_back", "rejected", "accepted"]
    twins = span()
    answer = send(client, twins, {"event": {**twins["event"], "uuid": new()}})
    assert [one["status"] for one in answer.json()["results"]] == ["rolled_back", "rejected"]
    assert client.totals()["spans"] == 1


# --- what is refused as a whole

ENVELOPES: list[tuple[str, Any, str]] = [
    ("no JSON", b"{", "invalid_json"),
    ("NaN", b'{"event":{"message":NaN}}', "invalid_json"),
    ("bad UTF-8", b'{"event":{"message":"\xff"}}', "invalid_json"),
    ("array", [1], "invalid_envelope"),
    ("string", "x", "invalid_envelope"),
    ("no event", {"EVENT": {"uuid": new()}}, "missing_event"),
    ("event is no object", {"event": [1]}, "missing_event"),
    ("no uuid", log(uuid=...), "missing_identity"),
    ("blank uuid", log(uuid=" ", event_id=None), "missing_identity"),
    ("bad uuid", log(uuid="1234"), "invalid_identity"),
    ("number", log(uuid=7), "invalid_identity"),
    ("bad event_id", log(event_id="no"), "invalid_identity"),
    ("two uuids", log(event_id=new()), "conflicting_identity"),
]


@pytest.mark.parametrize(("line", "code"), [case[1:] for case in ENVELOPES], ids=[case[0] for case in ENVELOPES])
def test_a_line_that_is_no_envelope(client: Client, line: Any, code: str) -> None:
    answer = send(client, b"", log(), line)
    assert refusal(answer) == (400, code)
    assert "line 3" in answer.json()["error"]
    assert list(answer.json()) == ["error", "code"]


LIMITS: list[tuple[str, dict[str, Any], int, int]] = [
    ("message_bytes", {"message": "x" * 65_537}, 65_536, 65_537),
    ("string_bytes", {"context": {"a": "x" * 262_145}}, 262_144, 262_145),
    ("array_length", {"context": {"a": [0] * 1_001}}, 1_000, 1_001),
]


@pytest.mark.parametrize(("code", "fields", "limit", "actual"), LIMITS, ids=[case[0] for case in LIMITS])
def test_an_event_over_a_limit(client: Client, code: str, fields: dict[str, Any], limit: int, actual: int) -> None:
    body = send(client, log(), log(**fields))
    assert refusal(body) == (413, code)
    assert (body.json()["limit"], body.json()["actual"]) == (limit, actual)
    assert "line 2" in body.json()["error"]


def test_how_many_events(client: Client) -> None:
    lines = [log() for _ in range(EVENTS_MAX)]
    assert send(client, *lines[1:]).status_code == 202
    assert send(client, *lines, b"", b" ").status_code == 202
    assert refusal(send(client, *lines, log())) == (413, "event_count")
    # The count comes before what the lines hold.
    assert refusal(send(client, *[b"{"] * 101)) == (413, "event_count")


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\t\n"], ids=repr)
def test_nothing_in_it(client: Client, body: bytes) -> None:
    assert refusal(plain(client, body)) == (400, "empty_batch")
    assert refusal(plain(client, gzip.compress(body), Content_Encoding="gzip")) == (400, "empty_batch")


def test_bytes_on_the_wire_and_after_it(client: Client) -> None:
    line = ndjson(log())
    assert plain(client, line.ljust(CAP)).status_code == 202
    assert refusal(plain(client, line.ljust(CAP + 1))) == (413, "compressed_bytes")
    for size, expected in ((DECODED_CAP, 202), (DECODED_CAP + 1, 413)):
        answer = plain(client, gzip.compress(line.ljust(size)), Content_Encoding="gzip")
        assert answer.status_code == expected
    assert refusal(answer) == (413, "decompressed_bytes")


@pytest.mark.parametrize(("path", "code"), [(BATCH.path, "compressed_bytes"), (EVENTS.path, "request_bytes")])
def test_the_size_comes_before_the_key(client: Client, path: str, code: str) -> None:
    """Declared or streamed (1.3): one byte more than there may be is enough, the end of the body is not waited for."""
    declared = request_bytes("POST", path, {}, length=CAP + 1)
    streamed = request_bytes("POST", path, {"Transfer-Encoding": "chunked"}, length=-1)
    for start, more, status in (
        (declared, b"", 413),
        (streamed, b"%x\r\n%s\r\n1\r\n " % (CAP, b" " * CAP), 413),
        (streamed, b"%x\r\n%s\r\n0\r\n\r\n" % (CAP, b" " * CAP), 401),
    ):
        with Connection(client.server) as connection:
            connection.send(start + more)
            reply = connection.reply()
        assert reply is not None
        assert (reply.status, reply.json().get("code")) == (status, code if status == 413 else None)


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"x" * 99)[:-9], b""], ids=["text", "cut", "nothing"])
def test_bad_gzip(client: Client, body: bytes) -> None:
    assert refusal(plain(client, body, Content_Encoding="gzip")) == (400, "invalid_gzip")


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-ndjson2", ""])
def test_content_types(client: Client, kind: str) -> None:
    answer = plain(client, b"{", Content_Type=kind, Content_Encoding="br")
    assert answer.json() == {
        "error": "Batch ingest requires application/x-ndjson",
        "code": "unsupported_content_type",
    }
    assert answer.status_code == 415


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "gzip,identity"])
def test_encodings(client: Client, encoding: str) -> None:
    assert refusal(plain(client, b"{", Content_Encoding=encoding)) == (415, "unsupported_encoding")


# --- what it costs


def test_a_batch_costs_its_events_and_is_refused_whole(server: Any) -> None:
    client = Client(server, "logister batch costs")
    replayed = [log() for _ in range(5)]

    def left(answer: requests.Response, status: int) -> int:
        assert answer.status_code == status, answer.text
        return int(answer.headers["x-ratelimit-remaining"])

    while True:
        minute = time.time() // 60
        key = client.make_key(rate=20)
        found = [
            left(send(client, *replayed, key=key), 202),
            left(send(client, *replayed, key=key), 202),  # replays are charged
            left(EVENTS.post(client, log(), key=key), 201),  # single posts share the window
            left(send(client, b"{", key=key), 400),  # what is refused before its cost is known costs one
            left(BATCH.post(client, b"{", key=key, headers={"Content-Type": "text/plain"}), 415),
            left(send(client, log(message=""), log(), key=key), 422),
        ]
        late = send(client, *[log() for _ in range(6)], key=key)
        bad = send(client, b"{", key=key)
        if time.time() // 60 == minute:
            break
    assert found == [15, 10, 9, 8, 7, 5]
    assert late.status_code == 429
    assert late.json()["error"] == "Rate limit exceeded"
    assert (late.headers["x-ratelimit-remaining"], late.json()["limit"]) == ("0", 20)
    # Decoding comes before the rate.
    assert (bad.status_code, bad.headers["x-ratelimit-remaining"]) == (400, "0")
    settle(server)
    stored = len(client.rows("events"))
    assert stored % 6 == 0, "five events and one, as often as the minute turned"


def test_an_idempotency_key_keeps_the_first_answer(server: Any) -> None:
    client = Client(server, "logister batch retried")
    first = send(client, log(), Idempotency_Key="once")
    again = send(client, log(), Idempotency_Key="once")
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert client.totals()["events"] == 1


# --- anything


def _read(body: bytes) -> None:
    request = FakeInbound(ROUTE, body)
    refused = None
    try:
        cost = ROUTE.decode(request)
    except Refusal as error:
        refused = error.answer
    if refused is not None:
        assert refused.status in (400, 413)
        assert set(json.loads(refused.body)) <= {"error", "code", "limit", "actual"}
        return
    submission = ROUTE.parse(request)
    assert submission.cost == cost == len(request.reading)
    assert submission.void == (len(submission.intents) < cost)


@given(st.binary(max_size=400))
def test_any_bytes_are_answered(body: bytes) -> None:
    _read(body)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["event_type", "message", "uuid", "context", "trace_id", "span_id"]), inner, max_size=4
        )
    ),
)


@given(
    st.lists(
        st.builds(
            lambda value, uuid: {"event": {"event_type": "span", "context": value, "uuid": uuid}},
            _json,
            st.uuids().map(str),
        )
        | _json,
        max_size=4,
    )
)
def test_any_lines_are_answered(lines: list[Any]) -> None:
    _read(b"\n".join(json.dumps(line).encode() for line in lines))
