"""Refused requests are counted per key with the last reason, never with what was sent, and the count survives a restart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from endpoints import ENDPOINTS, Endpoint, path_of
from wire import Client

#: Stands in every body below; no note may repeat it.
WORD = "xyzzyplugh"


def until(check: Callable[[], Any], what: str) -> Any:
    """What is noted reaches the catalog within a second or two."""
    deadline = time.monotonic() + 20
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


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
def test_a_refusal_is_noted_without_what_was_sent(server: Any, endpoint: Endpoint) -> None:
    client = Client(server, f"refusals {endpoint.path}")
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
    note = noted(client, refused + 3)
    assert note["refused"] == refused + 3
    assert note["refused_reason"].startswith(f"{endpoint.route.path}: {endpoint.spoiled_status} ")
    assert abs(note["refused_at"] / 1_000_000 - time.time()) < 60
    shown = client.api("/keys/refusals")["refusals"]
    assert [(one["refused"], one["reason"]) for one in shown] == [(refused + 3, note["refused_reason"])]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
def test_no_note_holds_the_word(server: Any, endpoint: Endpoint) -> None:
    """Each body has a key of its own, so that its note is not covered by the next one's."""
    client = Client(server, f"notes {endpoint.path}")
    expected = 0
    for body in bad_bodies(endpoint, client):
        expected += endpoint.post(client, body, key=client.make_key(unlimited=True)).status_code >= 400
    key = client.make_key(unlimited=True)
    endpoint.post(client, key=key, headers={"Content-Encoding": WORD})
    found = until(
        lambda: len(list_ := server.call("key.refusals", project=client.project)) > expected and list_, "all notes"
    )
    assert not [note for note in found if WORD in str(note)]


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
