"""What tests need to talk to a server over HTTP: a client of one project, raw sockets, and each dialect's form of an error."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self
from uuid import UUID

import requests

#: For an answer, and for what comes true behind one, on a machine that does much else.
TIMEOUT_S = 60.0
#: Stats that one question about series may name.
SERIES_MAX = 20


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def settle(server: Any) -> None:
    """Waits until everything acknowledged so far is in the store: until then a count proves nothing."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        found = re.search(
            r"^headrace_loader_lag_seconds (\S+)$",
            requests.get(f"{server.url}/metrics", timeout=TIMEOUT_S).text,
            re.MULTILINE,
        )
        if found and float(found[1]) == 0:
            return
        assert time.monotonic() < deadline, "the store does not catch up"
        time.sleep(0.02)


def wait_for(done: Callable[[], Any], what: str) -> None:
    """Waits until ``done()`` is true; ``what`` says what did not come."""
    deadline = time.monotonic() + TIMEOUT_S
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Client:
    """A project of its own and a key with every scope for it. Options are those of ``key.create``."""

    def __init__(
        self, server: Any, name: str, *, account: str | None = None, platform: str = "http_api", **options: Any
    ) -> None:
        self.server = server
        made = server.call("project.create", name=name[:90], account=account, platform=platform)
        self.project: str = made["id"]
        self.key: str = self.make_key(**({"unlimited": True, "scopes": ["read", "write", "manage"]} | options))

    def make_key(self, **options: Any) -> str:
        """Another key for the project; gives its secret."""
        secret: str = self.server.key(self.project, **options)
        return secret

    def set_quota(self, quota: int | None) -> None:
        """How many records the project may be given this month; None for any number."""
        self.server.call("project.quota", project=self.project, quota=quota)

    def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """Any request, with the client's key in ``Authorization`` unless ``headers`` are given."""
        sent = bearer(self.key) if headers is None else headers
        return requests.request(method, self.server.url + path, headers=sent, timeout=TIMEOUT_S, **more)

    def api(self, path: str, **query: Any) -> Any:
        """The JSON of a read of ``/api/headrace``."""
        answer = self.call("GET", f"/api/headrace{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, table: str, **query: Any) -> list[dict[str, Any]]:
        """Rows of events, requests or spans, newest first."""
        found: list[dict[str, Any]] = self.api(f"/{table}", limit=200, **query)[table]
        return found

    def points(self) -> dict[str, int]:
        """How many points each stat has, by ``source:name:type``."""
        stats = self.api("/stats", limit=1000)["stats"]
        counts: dict[str, int] = {}
        for first in range(0, len(stats), SERIES_MAX):
            chunk = stats[first : first + SERIES_MAX]
            question = {
                "stats": [stat["id"] for stat in chunk],
                "from": "2000-01-01T00:00:00Z",
                "to": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
                "resolution": "1M",
                "aggregate": "count",
                "group_by": "stat",
            }
            answer = self.call("POST", "/api/headrace/series", json=question)
            assert answer.status_code == 200, answer.text
            totals = {
                line["group"]: sum(bucket["count"] for bucket in line["points"]) for line in answer.json()["lines"]
            }
            for stat in chunk:
                counts[f"{stat['source']}:{stat['name']}:{stat['type']}"] = totals.get(stat["id"], 0)
        return counts

    def totals(self) -> dict[str, Any]:
        """Everything the project holds, counted, once the store has caught up."""
        settle(self.server)
        return {table: len(self.rows(table)) for table in ("events", "requests", "spans")} | {"points": self.points()}


class EzClient(Client):
    """A project with an EZ key of StatHat's kind and its user key."""

    def __init__(self, server: Any, name: str) -> None:
        super().__init__(server, name)
        made = server.call("key.create", project=self.project, style="stathat")
        self.ez: str = made["key"]
        self.user_key: str = made["user_key"]


def assert_written_nowhere(client: Client, marker: str) -> None:
    """Neither the server's files and log nor the refusals that its owner sees hold ``marker``; some request of the project was refused."""
    server = client.server
    wait_for(lambda: server.call("key.refusals", project=client.project), "no refusal is noted")
    settle(server)
    assert marker not in json.dumps(server.call("key.refusals"))
    assert marker not in server.log.read_text()
    assert files_with(server.data, marker) == []


def files_with(folder: Path, text: str) -> list[str]:
    """Names of the files below ``folder`` that hold ``text``. The engine renames and removes folders and files while it runs: what is
    gone when its turn comes is passed over (``rglob`` would raise).
    """
    files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return [file.name for file in files if text.encode() in _bytes_of(file)]


def _bytes_of(path: Path) -> bytes:
    """What a file holds; nothing if it is none (a socket), or none any more."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


# --- raw requests


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def request_bytes(
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    version: str = "1.1",
    length: int | None = None,
) -> bytes:
    """A request as it goes over the wire, without a User-Agent. ``length``: what Content-Length says, -1 leaves it out."""
    lines = [f"{method} {path} HTTP/{version}"]
    if version != "1.0":
        lines.append("Host: headrace.test")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if length != -1:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read_reply(file: BinaryIO, *, bodiless: bool = False) -> Reply | None:
    """The next answer of ``file``, interim ones passed over; None at its end."""
    line = file.readline()
    if not line:
        return None
    status = int(line.split()[1])
    headers: dict[str, str] = {}
    while (field := file.readline().strip()) != b"":
        name, _, value = field.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    if status == 100:
        return read_reply(file, bodiless=bodiless)
    return Reply(status, headers, b"" if bodiless else file.read(int(headers.get("content-length", "0"))))


class Connection:
    """A TCP connection to the server; a context manager."""

    def __init__(self, server: Any) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def end(self) -> None:
        """Says that nothing more will be sent; the answer can still be read."""
        self.socket.shutdown(socket.SHUT_WR)

    def reply(self, *, bodiless: bool = False) -> Reply | None:
        """The next answer, interim ones passed over; None when the server has closed the connection."""
        return read_reply(self._file, bodiless=bodiless)


def talk(server: Any, data: bytes) -> Reply:
    """One raw request and its answer."""
    with Connection(server) as connection:
        connection.send(data)
        reply = connection.reply()
    assert reply is not None, "the server closed the connection without an answer"
    return reply


# --- the form of each dialect's errors


def _flat(body: Any, _status: int) -> bool:
    return list(body) == ["error"] and bool(body["error"]) and isinstance(body["error"], str)


def _logister(body: Any, status: int) -> bool:
    if "errors" in body:
        return status == 422 and list(body) == ["errors"] and all(isinstance(text, str) for text in body["errors"])
    if "results" in body:
        return status == 422 and body["status"] == "rejected" and isinstance(body["results"], list)
    return isinstance(body["error"], str) and set(body) <= {
        *("error", "code", "limit", "actual", "window_seconds", "retry_after"),
        *("message", "parameter", "required_scopes", "error_description", "interval"),
    }


def _envelope(body: Any, _status: int) -> bool:
    error, meta = body["error"], body["meta"]
    assert str(UUID(meta["requestId"])) == meta["requestId"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", meta["timestamp"])
    return (
        list(body) == ["success", "error", "meta"]
        and body["success"] is False
        and set(error) <= {"code", "message", "details"}
    )


def _stathat(body: Any, _status: int) -> bool:
    """An error inside a 200, or whatever else its status says."""
    return list(body) == ["status", "msg"] and body["status"] == 500 and bool(body["msg"])


def _own(body: Any, _status: int) -> bool:
    return list(body) == ["error"] and list(body["error"]) == ["code", "message"]


FORMS = {
    "slowstats": _flat,
    "statflow": _flat,
    "stathat": _stathat,
    "canaryhub": _flat,
    "logister": _logister,
    "seestack": _envelope,
    "headrace": _own,
}


def assert_form(dialect: str, answer: requests.Response | Reply) -> None:
    """The answer is an error as clients of ``dialect`` read it."""
    status, text = (answer.status, answer.body) if isinstance(answer, Reply) else (answer.status_code, answer.content)
    assert answer.headers["content-type"].partition(";")[0] == "application/json", text
    assert FORMS[dialect](json.loads(text), status), text
