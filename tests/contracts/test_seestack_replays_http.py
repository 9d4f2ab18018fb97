"""SeeStack's replays as they are read back (contract 2.8, 4)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from endpoints import BY_PATH
from wire import Client, bearer, settle

REPLAY, ERRORS = BY_PATH["/ingest/v1/replay"], BY_PATH["/ingest/v1/errors"]
MAX_EVENTS = 5_000


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "seestack replays")


def record(client: Client, session: str, *events: dict[str, Any], fingerprint: str = "") -> None:
    body = {"fingerprint": fingerprint or session, "sessionId": session, "events": list(events)}
    answer = REPLAY.post(client, body)
    assert (answer.status_code, answer.json()["data"]) == (202, {"eventsReceived": len(events)})


def fail(client: Client, name: str, session: str | None = None) -> str:
    """An error of the class ``name`` in a session; gives its fingerprint."""
    answer = ERRORS.post(client, {"exceptionClass": name, "message": "m", "sessionId": session})
    settle(client.server)
    found: str = client.api(f"/events/{answer.json()['data']['id']}")["fingerprint"]
    return found


def read(client: Client, path: str, **query: str) -> dict[str, Any]:
    answer = client.call("GET", f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.json()) == ["success", "data", "meta"]
    found: dict[str, Any] = answer.json()["data"]
    return found


def refused(client: Client, path: str, **more: Any) -> tuple[int, str, str]:
    answer = client.call("GET", f"/api/v1/{path}", **more)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def test_a_session_masked_and_oldest_first(client: Client) -> None:
    now_ms = time.time_ns() // 1_000_000
    typed = {"eventType": "input", "eventData": '{"type":"password","value":"hunter2"}', "timestampMillis": now_ms}
    paid = {"eventType": "click", "eventData": '{"card":"4111 1111 1111 1234"}', "url": "https://shop.example/?q=1"}
    record(client, "s 1 ä", typed, paid | {"timestampMillis": now_ms - 1})
    record(client, "s 1 ä", {"eventData": "{}", "timestampMillis": now_ms - 60_000})
    settle(client.server)
    found = read(client, "replay/s%201%20%C3%A4")
    assert list(found) == ["sessionId", "totalEvents", "events"]
    assert (found["sessionId"], found["totalEvents"]) == ("s 1 ä", 3)
    assert [list(event) for event in found["events"]] == [["eventType", "eventData", "url", "timestamp"]] * 3
    assert [(event["eventType"], event["eventData"], event["url"]) for event in found["events"]] == [
        ("", "{}", ""),
        ("click", '{"card":"****-****-****-1234"}', "https://shop.example/?q=1"),
        ("input", '{"type":"password","value":"***REDACTED***"}', ""),
    ]
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds")
    assert found["events"][2]["timestamp"] == moment.replace("+00:00", "Z")


@pytest.mark.parametrize("count", [MAX_EVENTS - 1, MAX_EVENTS, MAX_EVENTS + 1])
def test_the_oldest_5000_in_the_order_in_which_they_were_sent(client: Client, count: int) -> None:
    """All but the first tenth are of one moment."""
    now_ms = time.time_ns() // 1_000_000
    sent = [{"eventData": str(n), "timestampMillis": now_ms - max(0, 500 - n)} for n in range(count)]
    record(client, f"long {count}", *sent)
    settle(client.server)
    found = read(client, f"replay/long {count}")
    assert found["totalEvents"] == count
    assert [int(event["eventData"]) for event in found["events"]] == list(range(min(count, MAX_EVENTS)))


def test_the_session_of_an_error(client: Client) -> None:
    """Clients send the session's id for a fingerprint (2.8): an error leads to the latest session that was recorded."""
    record(client, "first", {"eventData": "1"})
    record(client, "second", {"eventData": "2"})
    fail(client, "Joined", "first")
    fail(client, "Joined", "second")
    fingerprint = fail(client, "Joined", "third, not recorded")
    assert fail(client, "Joined") == fingerprint
    found = read(client, f"errors/{fingerprint}/replay")
    assert list(found) == ["fingerprint", "totalEvents", "events"]
    assert (found["fingerprint"], found["totalEvents"]) == (fingerprint, 1)
    assert [event["eventData"] for event in found["events"]] == ["2"]


def test_events_that_came_with_the_fingerprint(client: Client) -> None:
    fingerprint = fail(client, "Named", "of the error")
    record(client, "of the error", {"eventData": "by session"})
    record(client, "another", {"eventData": "by fingerprint"}, fingerprint=fingerprint)
    settle(client.server)
    assert [event["eventData"] for event in read(client, f"errors/{fingerprint}/replay")["events"]] == [
        "by fingerprint"
    ]
    assert read(client, "errors/of%20the%20error/replay")["totalEvents"] == 1


def test_a_session_whose_id_was_blanked(client: Client) -> None:
    """``allstak`` 0.2.1 takes the session's id for a secret, but not where it stands as fingerprint."""
    record(client, "[REDACTED]", {"eventData": "1"}, fingerprint="blanked 1")
    record(client, "[REDACTED]", {"eventData": "2"}, fingerprint="blanked 2")
    fingerprint = fail(client, "Blanked", "blanked 2")
    for path in ("replay/blanked%202", f"errors/{fingerprint}/replay", "errors/blanked%202/replay"):
        assert [event["eventData"] for event in read(client, path)["events"]] == ["2"]


def test_an_error_that_was_not_recorded(client: Client) -> None:
    for name, session in (("Alone", None), ("Unseen", "never recorded")):
        fingerprint = fail(client, name, session)
        assert read(client, f"errors/{fingerprint}/replay") == {
            "fingerprint": fingerprint,
            "totalEvents": 0,
            "events": [],
        }


def test_what_is_not_there(client: Client) -> None:
    assert refused(client, "replay/unknown") == (404, "NOT_FOUND", "Replay not found: unknown")
    assert refused(client, "errors/unknown/replay") == (404, "NOT_FOUND", "Error not found: unknown")
    elsewhere = refused(client, "replay/unknown", params={"projectId": "nobody's"})
    assert elsewhere == (404, "NOT_FOUND", "Project not found: nobody's")
    assert refused(client, "replay") == (404, "NOT_FOUND", "Resource not found")
    answer = client.call("DELETE", "/api/v1/replay/unknown")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_who_may_read(server: Any, client: Client) -> None:
    record(client, "seen", {"eventData": "mine"})
    fingerprint = fail(client, "Seen", "seen")
    stranger = Client(server, "seestack replays of others")
    record(stranger, "seen", {"eventData": "theirs"})
    settle(server)
    wide = client.make_key(account_wide=True, unlimited=True, scopes=["read"])
    for path in ("replay/seen", f"errors/{fingerprint}/replay"):
        assert refused(client, path, headers={})[:2] == (401, "INVALID_API_KEY")
        writes = client.make_key(scopes=["write"])
        assert refused(client, path, headers=bearer(writes)) == (403, "FORBIDDEN", "This key lacks the read scope")
        assert refused(stranger, path, params={"projectId": client.project})[:2] == (404, "NOT_FOUND")
        for headers, query in (
            ({"X-AllStak-Key": client.make_key(scopes=["read"])}, {}),
            (bearer(wide), {"projectId": client.project}),
        ):
            answer = client.call("GET", f"/api/v1/{path}", headers=headers, params=query)
            assert [event["eventData"] for event in answer.json()["data"]["events"]] == ["mine"]
    assert [event["eventData"] for event in read(stranger, "replay/seen")["events"]] == ["theirs"]
    assert refused(stranger, f"errors/{fingerprint}/replay")[:2] == (404, "NOT_FOUND")
