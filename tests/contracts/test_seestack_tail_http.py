"""SeeStack's live tail of logs over a WebSocket (contract 2.3): a real server, a real client of the protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from conftest import EMAIL, PASSWORD
from endpoints import BY_PATH
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from wire import TIMEOUT_S, Client, bearer, settle

LOGS = BY_PATH["/ingest/v1/logs"]
#: Bytes of a frame that a client may send.
FRAME_MAX = 64 * 1024


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "seestack tail")


def listen(client: Client, project: str | None = None, *, key: str | None = None, **more: Any) -> ClientConnection:
    """A socket that follows the logs of ``project``, the client's own unless it is named; "" names none."""
    query = client.project if project is None else project
    address = f"{client.server.url.replace('http', 'ws', 1)}/api/v1/logs/tail" + (
        f"?projectId={query}" if query else ""
    )
    headers = {} if "subprotocols" in more else bearer(key or client.key)
    return connect(
        address, additional_headers=headers, open_timeout=TIMEOUT_S, close_timeout=TIMEOUT_S, ping_interval=None, **more
    )


def post_log(client: Client, message: str, **fields: Any) -> str:
    answer = LOGS.post(client, {"level": "info", "message": message, **fields})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["id"])


def hear(socket: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(socket.recv(timeout=TIMEOUT_S))
    return told


def end_of(socket: ClientConnection) -> int:
    """The code with which the server closes the socket; nothing may be told before."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=TIMEOUT_S)
    assert closed.value.rcvd is not None, "the connection ended without a word"
    return int(closed.value.rcvd.code)


def test_every_line_is_told_once_and_nothing_else(server: Any, client: Client) -> None:
    other = Client(server, "seestack tail of others")
    post_log(client, "before")
    settle(server)
    with listen(client) as socket:
        first = post_log(client, "one", level="warn", service="shop", metadata={"n": 1})
        post_log(other, "theirs")
        errors = BY_PATH["/ingest/v1/errors"].post(client, {"exceptionClass": "E", "message": "no line of a log"})
        assert errors.status_code == 202
        told = hear(socket)
        assert told == {
            "id": first,
            "level": "warn",
            "message": "one",
            "service": "shop",
            "timestamp": told["timestamp"],
        }
        (listed,) = client.call("GET", "/api/v1/logs", params={"service": "shop"}).json()["data"]["items"]
        assert {name: listed[name] for name in told} == told
        made = [post_log(client, f"line {number} ä") for number in range(250)]
        heard = [hear(socket) for _ in made]
        assert sorted(line["id"] for line in heard) == sorted(made)
        assert {line["service"] for line in heard} == {""}
        answer = BY_PATH["/api/v1/ingest_events"].post(client, {"event": {"event_type": "log", "message": "of a gem"}})
        assert answer.status_code == 201
        assert hear(socket)["message"] == "of a gem"


def test_two_listeners_hear_the_same(client: Client) -> None:
    with listen(client) as one, listen(client) as two:
        made = post_log(client, "for both")
        assert [hear(socket)["id"] for socket in (one, two)] == [made, made]


def test_a_page_offers_its_key_as_a_protocol(client: Client) -> None:
    key = client.make_key(scopes=["read"])
    with listen(client, subprotocols=["headrace-key", key]) as socket:
        assert socket.subprotocol == "headrace-key"
        made = post_log(client, "for a page")
        assert hear(socket)["id"] == made


@pytest.mark.parametrize("offered", [["headrace-key", "nobodys"], ["headrace-key"], ["nobodys"]])
def test_a_protocol_that_is_no_key(client: Client, offered: list[str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        listen(client, subprotocols=offered)
    assert refused.value.response.status_code == 401


def test_a_login_listens_as_its_person(client: Client) -> None:
    signed = requests.post(
        f"{client.server.url}/api/auth/login", json={"email": EMAIL, "password": PASSWORD}, timeout=TIMEOUT_S
    )
    token = signed.json()["data"]["token"]
    with listen(client, key=token) as one, listen(client, subprotocols=["headrace-key", token]) as two:
        made = post_log(client, "for a person")
        assert [hear(socket)["id"] for socket in (one, two)] == [made, made]


def test_a_project_that_is_not_reachable(server: Any, client: Client) -> None:
    stranger = Client(server, "seestack tail, a stranger")
    for project in ("", "unknown", "%00", stranger.project):
        with listen(client, project) as socket:
            assert end_of(socket) == 1007


@pytest.mark.parametrize(("scopes", "status"), [(["write", "manage"], 403), ([], 401)])
def test_who_may_listen(client: Client, scopes: list[str], status: int) -> None:
    key = client.make_key(scopes=scopes) if scopes else "nobody's"
    with pytest.raises(InvalidStatus) as refused:
        listen(client, key=key)
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["success"] is False


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@pytest.mark.parametrize(
    ("method", "changed", "body"),
    [
        ("GET", dict.fromkeys(UPGRADE), b""),
        ("GET", {"Connection": "close"}, b""),
        ("GET", {"Upgrade": "h2c"}, b""),
        ("GET", {"Sec-WebSocket-Version": "8"}, b""),
        ("GET", {"Sec-WebSocket-Key": "short"}, b""),
        ("GET", {"Sec-WebSocket-Key": None}, b""),
        ("GET", {"Sec-WebSocket-Protocol": ",,"}, b""),
        ("GET", {}, b"a body"),
        ("HEAD", {}, b""),
    ],
)
def test_what_is_no_handshake(client: Client, method: str, changed: dict[str, str | None], body: bytes) -> None:
    headers = {name: value for name, value in {**UPGRADE, **changed}.items() if value is not None}
    answer = client.call(
        method,
        "/api/v1/logs/tail",
        params={"projectId": client.project},
        headers={**bearer(client.key), **headers},
        data=body,
    )
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
    if method == "GET":
        assert answer.json()["error"]["code"] == "UPGRADE_REQUIRED"


def test_what_a_client_sends_is_passed_over(client: Client) -> None:
    with listen(client) as socket:
        assert socket.ping(b"there?").wait(TIMEOUT_S)
        for message in ("{}", b"\0" * 10, "", "x" * FRAME_MAX, ["in ", "pieces"]):
            socket.send(message)
        made = post_log(client, "after all that")
        assert hear(socket)["id"] == made
        socket.send("x" * (FRAME_MAX + 1))
        assert end_of(socket) == 1009


def _revoke(client: Client, key: dict[str, Any]) -> None:
    client.server.call("key.revoke", id=key["id"])


def _archive(client: Client, _key: dict[str, Any]) -> None:
    client.server.call("project.archive", project=client.project)


@pytest.mark.parametrize("shut", [_revoke, _archive])
def test_the_door_is_asked_again(server: Any, shut: Callable[[Client, dict[str, Any]], None]) -> None:
    client = Client(server, f"seestack tail {shut.__name__}")
    key = server.call("key.create", project=client.project, scopes=["read"])
    with listen(client, key=key["key"]) as socket:
        made = post_log(client, "still open")
        assert hear(socket)["id"] == made
        shut(client, key)
        assert end_of(socket) == 1008


def test_a_server_that_stops_says_so(own_server: Any) -> None:
    client = Client(own_server.start(), "seestack tail at the stop")
    with listen(client) as one, listen(client) as two:
        own_server.process.terminate()
        assert [end_of(socket) for socket in (one, two)] == [1001, 1001]
    assert own_server.stop() == 0
