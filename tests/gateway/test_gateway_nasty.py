"""Bodies that no good program sends: 2xx or a 4xx in the dialect's form, never a 5xx, and the server goes on. What is accepted comes back
from the read API as it was sent, or repaired.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import requests
from endpoints import BY_PATH, ENDPOINTS, Endpoint, path_of, request_item
from wire import TIMEOUT_S, Client, assert_form, settle

#: Values put in place of every scalar of a good record, and into fields that nobody knows.
VALUES: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "empty string": b'""',
    "blanks": b'" \\t\\n"',
    "empty list": b"[]",
    "empty object": b"{}",
    "minus one": b"-1",
    "minus zero": b"-0.0",
    "fraction": b"12.7",
    "tiny": b"1e-400",
    "beyond a double": b"1e999",
    "far below": b"-1e999",
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "32 bits and one": b"4294967297",
    "64 bits and one": b"18446744073709551617",
    "400 digits": b"9" * 400,
    "5000 digits": b"9" * 5000,
    "numeric text": b'"12"',
    "lone high surrogate": rb'"\ud83d"',
    "lone low surrogate": rb'"a\udc00b"',
    "surrogates the wrong way round": rb'"\ude00\ud83d"',
    "NUL": rb'"a\u0000b"',
    "control characters": rb'"\u0001\u001f\u007f\u0085"',
    "raw NUL": b'"a\x00b"',
    "raw newline": b'"a\nb"',
    "bad escape": rb'"\q"',
    "bad UTF-8": b'"\xff\xfe"',
    "overlong UTF-8": b'"\xc0\x80"',
    "a surrogate in UTF-8": b'"\xed\xa0\xbd"',
    "long text": b'"' + b"x" * 100_000 + b'"',
    "deep list": b"[" * 500 + b"]" * 500,
    "deep object": b'{"a":' * 500 + b"1" + b"}" * 500,
    "many items": b"[" + b",".join([b"1"] * 20_000) + b"]",
    "many keys": b"{" + b",".join(b'"k%d":1' % n for n in range(5_000)) + b"}",
    "odd keys": rb'{"\ud800":1,"":2,"\u0000":3,"a.b":4}',
    "year zero": b'"0000-01-01T00:00:00Z"',
    "leap second": b'"2016-12-31T23:59:60Z"',
    "far time": b'"9999-12-31T23:59:59.999999999+23:59"',
}
#: Whole bodies.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \r\n\t",
    "a byte": b"\x00",
    "a byte-order mark": b"\xef\xbb\xbf",
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "null": b"null",
    "a number": b"1e999",
    "a word": b"NaN",
    "a string": b'"x"',
    "a list": b"[]",
    "an object": b"{}",
    "an open list": b"[" * 200_000,
    "an open object": b'{"a":' * 100_000,
    "5000 digits": b"9" * 5000,
    "noise": random.Random(7).randbytes(5_000),
    "a form": b"event[message]=x&stat=y",
    "XML": b"<?xml version='1.0'?><a/>",
    "a zip": b"PK\x03\x04" + bytes(100),
}


def damaged(good: bytes) -> Iterator[tuple[str, bytes]]:
    """A good body, broken in transit or by its sender."""
    for part in (1, len(good) // 4, len(good) // 2, len(good) - 1):
        yield f"cut at {part}", good[:part]
    text = good.decode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"):
        yield encoding, text.encode(encoding)
    yield "a byte-order mark before it", b"\xef\xbb\xbf" + good
    yield "twice", good + good
    yield "a comma too many", good[:-1] + b",}"
    yield "garbage behind it", good + b"x"
    yield "a NUL behind it", good + b"\x00"
    yield "single quotes", good.replace(b'"', b"'")
    yield "a comment", b"/* hello */" + good
    yield "every key twice", b'{"a":1,' + good[1:-1] + b"," + good[1:]


def everywhere(value: Any, put: str) -> Any:
    """``value`` with ``put`` in place of each scalar."""
    if isinstance(value, dict):
        return {key: everywhere(item, put) for key, item in value.items()}
    return [everywhere(item, put) for item in value] if isinstance(value, list) else put


def bodies(endpoint: Endpoint, client: Client) -> Iterator[tuple[str, bytes]]:
    yield from BODIES.items()
    yield from damaged(endpoint.body(client))
    record = endpoint.record(client.project, "good")
    spoiled = json.dumps(everywhere(record, "@")).encode()
    extended = json.dumps(record | {"unknown": "@", "payload": {"odd": "@"}}).encode()
    for name, value in VALUES.items():
        yield name, spoiled.replace(b'"@"', value)
        yield f"{name} in an unknown field", extended.replace(b'"@"', value)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
def test_nasty_bodies(server: Any, endpoint: Endpoint) -> None:
    client = Client(server, f"nasty {endpoint.path}")
    accepted = 0
    for name, body in bodies(endpoint, client):
        answer = endpoint.post(client, body)
        assert 200 <= answer.status_code < 500, (name, answer.text)
        if answer.status_code >= 400:
            assert_form(endpoint.dialect.name, answer)
        else:
            accepted += 1
    assert 1 <= accepted < len(list(bodies(endpoint, client)))
    assert requests.get(f"{server.url}/readyz", timeout=TIMEOUT_S).status_code == 200
    # What was accepted is in the store, whole: no row of it was refused there.
    settle(server)
    assert endpoint.count(client) >= accepted
    assert client.api("/dead-letters")["dead_letters"] == []


# --- what comes back


def repaired(text: str) -> str:
    """Halves of pairs and NUL become U+FFFD; two halves that belong together are one character."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\x00", "\ufffd")


STRINGS = [
    f"a{text}z"
    for text in (
        *("ä", "日本語", "\N{RAINBOW}", "\N{WAVING WHITE FLAG}\ufe0f\u200d\N{RAINBOW}", "e\u0301", "\u202e", "\ufeff"),
        *("\u2028\u2029", "\x01\x1f", "\x7f\x85", "\t", "\n", "\r\n", '"', "\\", "'", "\\N", "\\x00", "%s%n{}", "$1"),
        *("<script>alert(1)</script>", "'; DROP TABLE events; --", "{{7*7}}", "\ue000", "\uffff", "\U0010ffff"),
        *("\ud800", "\udfff", "\ud83d", "\udc00\ud800", "\ud83d\ude00", "\x00", "\x00\x00", "\ud800\x00"),
    )
]


class Voice(NamedTuple):
    """How a text is sent to an endpoint, and where the texts can be read again."""

    path: str
    say: Callable[[str, str], Any]
    hear: Callable[[Client], set[str]]


def column(name: str, table: str = "events") -> Callable[[Client], set[str]]:
    return lambda client: {row[name] for row in client.rows(table)}


def raw(*path: str | int, table: str = "events") -> Callable[[Client], set[str]]:
    def hear(client: Client) -> set[str]:
        found = set()
        for row in client.rows(table):
            value = client.api(f"/{table}/{row['id']}")["raw"]
            for step in path:
                value = value[step]
            found.add(value)
        return found

    return hear


def stat_names(client: Client) -> set[str]:
    return {stat["name"] for stat in client.api("/stats", limit=1000)["stats"]}


VOICES = {
    "StatFlow's stat": Voice("/v1/ingest", lambda _, text: {"stat": text, "value": 1}, stat_names),
    "CanaryHub's name": Voice(
        "/api/v1/events", lambda _, text: {"events": [{"type": "event", "name": text}]}, column("name")
    ),
    "CanaryHub's message": Voice(
        "/api/v1/events",
        lambda _, text: {"events": [{"type": "error", "name": "n", "message": text}]},
        column("message"),
    ),
    "CanaryHub's meta": Voice(
        "/api/v1/events",
        lambda _, text: {"events": [{"type": "event", "name": "n", "meta": {"k": [text]}}]},
        raw("meta", "k", 0),
    ),
    "SlowStats' payload": Voice(
        "/api/slowstats/ingest-metrics", lambda project, text: {"projectId": project, "payload": {"k": text}}, raw("k")
    ),
    "SlowStats' leaf": Voice(
        "/api/slowstats/ingest-metrics", lambda project, text: {"projectId": project, "payload": {text: 1}}, stat_names
    ),
    "Logister's message": Voice(
        "/api/v1/ingest_events", lambda _, text: {"event": {"event_type": "log", "message": text}}, column("message")
    ),
    "Logister's context": Voice(
        "/api/v1/ingest_events",
        lambda _, text: {"event": {"event_type": "log", "message": "m", "context": {"k": text}}},
        raw("context", "k"),
    ),
    "Logister's slug": Voice("/api/v1/check_ins", lambda _, text: {"check_in": {"slug": text}}, column("message")),
    "SeeStack's path": Voice(
        "/ingest/v1/http-requests",
        lambda _, text: {"requests": [request_item(path=text)]},
        column("path", "requests"),
    ),
    "SeeStack's user": Voice(
        "/ingest/v1/http-requests",
        lambda _, text: {"requests": [request_item(userId=text)]},
        raw("userId", table="requests"),
    ),
}


@pytest.mark.parametrize("voice", VOICES.values(), ids=list(VOICES))
def test_texts_come_back(server: Any, voice: Voice) -> None:
    client = Client(server, f"texts {voice.path}")
    endpoint = BY_PATH[voice.path]
    for text in STRINGS:
        answer = endpoint.post(client, voice.say(client.project, text))
        assert answer.status_code == endpoint.status, (text, answer.text)
    settle(server)
    assert voice.hear(client) == {repaired(text) for text in STRINGS}
