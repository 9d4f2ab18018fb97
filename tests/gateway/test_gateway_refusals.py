"""Refused requests are counted per key with the last reason, never with what was sent, and the count survives a restart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from endpoints import ENDPOINTS, Endpoint
from wire import Client

#: Stands in every body below; no note may repeat it.
WORD = "xyzzyplugh"


def until(check: Callable[[], Any], what: str) -> Any:
    """What is noted reaches the catalog within a second or two."""
    deadline = time.monotonic() + 60
    while not (found := check()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


def noted(client: Client, count: int) -> dict[str, Any]:
    """The counter of the client's only key, once it has reached ``count``."""

    def check() -> Any:
        found = client.server.call("key.refusals", project=client.project)
        return found[0] if found and found[0]["refused"] >= count else None

    return until(check, f"{count} refusals")


def bad_bodies(endpoint: Endpoint, client: Client) -> list[bytes]:
    """The word as garbage, as a key, as every value of a good record, as a type that is wrong."""

    def everywhere(value: Any, put: Any) -> Any:
        if isinstance(value, dict):
            return {key: value[key] if key == "projectId" else everywhere(value[key], put) for key in value}
        if isinstance(value, list):
            return [everywhere(item, put) for item in value]
        return put

    good = endpoint.record(client.project, "good")
    long = WORD * 30_000
    return [
        WORD.encode(),
        b'{"' + WORD.encode(),
        json.dumps({WORD: WORD}).encode(),
        json.dumps(everywhere(good, [WORD])).encode(),
        json.dumps(everywhere(good, {WORD: WORD})).encode(),
        json.dumps(everywhere(good, long)).encode(),
        json.dumps([good, WORD]).encode(),
    ]


def test_refusals_are_counted_and_the_last_is_told(server: Any) -> None:
    started = time.time()
    counts = {endpoint: Client(server, f"refusals {endpoint.path}") for endpoint in ENDPOINTS}
    refused = {endpoint: _refuse_all(endpoint, client) for endpoint, client in counts.items()}
    for endpoint, client in counts.items():
        note = noted(client, refused[endpoint])
        assert note["refused"] == refused[endpoint]
        assert note["refused_reason"].startswith(f"{endpoint.route.path}: {endpoint.spoiled_status} ")
        assert started <= note["refused_at"] / 1_000_000 <= time.time()
        shown = client.api("/keys/refusals")["refusals"]
        assert [(one["refused"], one["reason"]) for one in shown] == [(note["refused"], note["refused_reason"])]


def _refuse_all(endpoint: Endpoint, client: Client) -> int:
    """Sends what is refused; gives how often it was."""
    refused = 0
    for body in bad_bodies(endpoint, client):
        answer = endpoint.post(client, body, headers={"X-Word": WORD})
        assert answer.status_code < 500
        refused += answer.status_code >= 400
    assert refused >= 4, "these bodies are meant to be refused"
    answer = endpoint.post(client, WORD.encode() * 1000, headers={"Content-Encoding": WORD, "Idempotency-Key": "ok"})
    assert answer.status_code == 415
    assert endpoint.post(client, b"{", headers={"Idempotency-Key": f"{WORD} {WORD}"}).status_code == 400
    assert endpoint.post(client, endpoint.spoiled).status_code == endpoint.spoiled_status
    return refused + 3


def test_no_note_holds_what_was_sent(server: Any) -> None:
    """Each body has a key of its own, so that its note is not covered by the next one's."""
    clients = {endpoint: Client(server, f"notes {endpoint.path}") for endpoint in ENDPOINTS}
    expected = {}
    for endpoint, client in clients.items():
        answers = [
            endpoint.post(client, body, key=client.make_key(unlimited=True)) for body in bad_bodies(endpoint, client)
        ]
        key = client.make_key(unlimited=True)
        answers.append(endpoint.post(client, key=key, headers={"Content-Encoding": WORD}))
        expected[endpoint] = sum(answer.status_code >= 400 for answer in answers)
    for endpoint, client in clients.items():
        notes = until(partial(_notes, client, expected[endpoint]), f"all notes of {endpoint.path}")
        assert not [note for note in notes if WORD in str(note)]


def _notes(client: Client, count: int) -> Any:
    found = client.server.call("key.refusals", project=client.project)
    return found if len(found) >= count else None


def test_accepted_and_unknown_requests_are_not_counted(server: Any) -> None:
    client = Client(server, "nothing refused")
    for endpoint in ENDPOINTS:
        assert endpoint.post(client).status_code == endpoint.status
        assert endpoint.post(client, key="nobody").status_code == 401
    assert ENDPOINTS[0].post(client, b"{").status_code == 400
    assert noted(client, 1)["refused"] == 1


def test_replies_to_retries_are_not_counted(server: Any) -> None:
    client = Client(server, "retries refused nothing")
    for _ in range(3):
        assert ENDPOINTS[0].post(client, headers={"Idempotency-Key": "k"}).status_code == 202
    assert ENDPOINTS[0].post(client, b"{").status_code == 400
    assert noted(client, 1)["refused"] == 1


def test_the_count_survives_a_restart(own_server: Any) -> None:
    own_server.start()
    client = Client(own_server, "restarts")
    for _ in range(3):
        assert ENDPOINTS[0].post(client, b"{").status_code == 400
    assert own_server.stop() == 0
    shown = own_server.cli("key", "refusals", "--project", client.project, "--json")
    assert [(one["refused"], one["refused_reason"]) for one in shown] == [(3, "/v1/ingest: 400 body is not valid JSON")]
    own_server.start()
    assert ENDPOINTS[0].post(client, b"[]").status_code == 400
    assert noted(client, 4)["refused"] == 4
