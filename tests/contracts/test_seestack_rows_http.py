"""SeeStack's reads of logs and HTTP requests (contract 2.3, 2.4, 4)."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from endpoints import BY_PATH, request_item
from wire import Client, bearer, settle

LOGS, REQUESTS = BY_PATH["/ingest/v1/logs"], BY_PATH["/ingest/v1/http-requests"]
LOGISTER = BY_PATH["/api/v1/ingest_events"]
HOUR_S = 3_600
INT_MAX = 2**31 - 1


def iso(seconds: float) -> str:
    """A moment as SeeStack writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(client: Client, path: str, /, **query: Any) -> dict[str, Any]:
    answer = client.call("GET", f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.json()) == ["success", "data", "meta"]
    found: dict[str, Any] = answer.json()["data"]
    return found


def refused(client: Client, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
    answer = client.call("GET", f"/api/v1/{path}", **more)
    return answer.status_code, answer.json()["error"]


def post_log(client: Client, **fields: Any) -> str:
    answer = LOGS.post(client, {"level": "info", "message": "m", **fields})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["id"])


def post_requests(client: Client, *items: dict[str, Any]) -> None:
    for at in range(0, len(items), 100):
        assert REQUESTS.post(client, {"requests": items[at : at + 100]}).status_code == 202


# --- logs


@pytest.fixture(scope="module")
def logs(server: Any) -> tuple[Client, list[str]]:
    """A project with lines of a log, and their ids in the order in which they were sent."""
    client = Client(server, "seestack logs")
    sent = [
        {"level": "debug", "message": "cache warmed", "service": "shop"},
        {
            "level": "info",
            "message": "Order PLACED",
            "service": "shop",
            "traceId": "t1",
            "metadata": {"n": 1, "é": ["x"]},
        },
        {"level": "warn", "message": "stock is low", "service": "Warehouse"},
        {"level": "error", "message": "order lost: ÄRGER", "service": "billing", "metadata": None},
        {"level": "fatal", "message": "100% full_"},
    ]
    made = []
    for fields in sent:
        made.append(post_log(client, **fields))
        time.sleep(0.002)  # in another millisecond
    event = {"event_type": "log", "level": "warn", "message": "of a gem", "context": {"service": "rails", "k": "v"}}
    answer = LOGISTER.post(client, {"event": event})
    assert answer.status_code == 201, answer.text
    made.append(answer.json()["id"])
    settle(server)
    return client, made


def test_logs_as_they_are_shown(logs: tuple[Client, list[str]]) -> None:
    client, made = logs
    data = read(client, "logs")
    assert list(data) == ["items", "pagination"]
    assert data["pagination"] == {"page": 1, "perPage": 20, "total": len(made)}
    shown = list(reversed(data["items"]))
    assert [item["message"] for item in shown[:5]] == [
        *("cache warmed", "Order PLACED", "stock is low", "order lost: ÄRGER", "100% full_"),
    ]
    assert [item["id"] for item in shown[:5]] == made[:5]
    second = shown[1]
    assert second == {
        "id": made[1],
        "projectId": client.project,
        "level": "info",
        "message": "Order PLACED",
        "service": "shop",
        "traceId": "t1",
        "metadata": second["metadata"],
        "timestamp": second["timestamp"],
    }
    assert json.loads(second["metadata"]) == {"n": 1, "é": ["x"]}
    assert iso(datetime.fromisoformat(second["timestamp"]).timestamp()) == second["timestamp"]
    assert [item["metadata"] for item in (shown[0], shown[3], shown[4])] == [None, None, None]
    assert (shown[4]["service"], shown[4]["traceId"]) == ("", "")


def test_lines_that_another_dialect_brought(logs: tuple[Client, list[str]]) -> None:
    client, _ = logs
    (found,) = read(client, "logs", search="of a gem")["items"]
    assert (found["level"], json.loads(found["metadata"])["k"]) == ("warn", "v")


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ({"level": "fatal"}, ["100% full_"]),
        ({"level": "Fatal"}, []),
        ({"level": "warning"}, []),
        ({"service": "shop"}, ["Order PLACED", "cache warmed"]),
        ({"service": "shop", "level": "debug"}, ["cache warmed"]),
        ({"search": "order"}, ["order lost: ÄRGER", "Order PLACED"]),
        ({"search": "ärger"}, ["order lost: ÄRGER"]),
        ({"search": "wareHOUSE"}, ["stock is low"]),
        ({"search": "order", "service": "shop"}, ["Order PLACED"]),
        ({"search": "%"}, ["100% full_"]),
        ({"search": "_"}, ["100% full_"]),
        ({"search": "' OR 1=1 --"}, []),
        ({"search": "a\0b"}, []),
        ({"search": "{project:UInt32}"}, []),
        ({"search": "x" * 1000}, []),
        (
            {"level": "", "service": "", "search": "", "page": "", "start": "", "timeRange": "", "perPage": "1"},
            ["of a gem"],
        ),
    ],
)
def test_filters_of_logs(logs: tuple[Client, list[str]], query: dict[str, str], messages: list[str]) -> None:
    data = read(logs[0], "logs", **query)
    assert [item["message"] for item in data["items"]] == messages
    assert data["pagination"]["total"] == (len(logs[1]) if "level" in query and not query["level"] else len(messages))


def test_times_of_logs_are_included(logs: tuple[Client, list[str]]) -> None:
    client, _ = logs
    shown = read(client, "logs")["items"]
    at = [item["timestamp"] for item in shown]
    assert [item["id"] for item in read(client, "logs", start=at[3], end=at[1])["items"]] == [
        item["id"] for item in shown[1:4]
    ]
    assert read(client, "logs", start=at[2], end=at[2])["pagination"]["total"] == 1
    assert read(client, "logs", start=at[2], timeRange="15m")["pagination"]["total"] == 3
    for span in ("15m", "1h", "6h", "24h", "7d", "30d", "5 minutes"):
        assert read(client, "logs", timeRange=span)["pagination"]["total"] == len(shown)
        assert read(client, "logs", timeRange=span, end="-31d")["pagination"]["total"] == 0


def test_pages_of_logs(logs: tuple[Client, list[str]]) -> None:
    client, _ = logs
    whole = [item["id"] for item in read(client, "logs")["items"]]
    paged = [read(client, "logs", perPage=4, page=page) for page in (1, 2, 3)]
    assert [item["id"] for data in paged for item in data["items"]] == whole
    assert [len(data["items"]) for data in paged] == [4, 2, 0]
    assert [data["pagination"] for data in paged] == [
        {"page": page, "perPage": 4, "total": len(whole)} for page in (1, 2, 3)
    ]
    assert read(client, "logs", page=INT_MAX)["items"] == []
    filtered = [read(client, "logs", perPage=1, page=page, search="order")["items"] for page in (1, 2, 3)]
    assert [item["message"] for items in filtered for item in items] == ["order lost: ÄRGER", "Order PLACED"]


# --- HTTP requests


NOW = time.time()


@pytest.fixture(scope="module")
def sent(server: Any) -> Client:
    """Ten requests of the last hour, two days ago one more."""
    client = Client(server, "seestack requests")

    def item(minutes: int, path: str, **fields: Any) -> dict[str, Any]:
        return request_item(f"t{minutes}", path=path, timestamp=iso(NOW - minutes * 60), **fields)

    inbound = {"direction": "inbound", "host": "shop.example"}
    post_requests(
        client,
        item(50, "/orders", **inbound, statusCode=200, durationMs=10),
        item(49, "/Orders/7", **inbound, statusCode=201, durationMs=20, method="POST", userId="u7"),
        item(48, "/login", **inbound, statusCode=302, durationMs=30),
        item(47, "/login", **inbound, statusCode=399, durationMs=40),
        item(46, "/missing", **inbound, statusCode=404, durationMs=50),
        item(45, "/boom", **inbound, statusCode=500, durationMs=1000, errorFingerprint="f1"),
        item(44, "/charges", host="pay.example", statusCode=502, durationMs=1001, method="put"),
        item(43, "/charges", host="pay.example", statusCode=200, durationMs=100),
        item(42, "/mail", host="mail.example", statusCode=0, durationMs=3000),
        item(41, "/mail", host="mail.example", statusCode=400, durationMs=0),
        item(48 * 60, "/old", host="old.example", statusCode=503, durationMs=9),
    )
    settle(server)
    return client


def test_requests_as_they_are_shown(sent: Client) -> None:
    data = read(sent, "http-requests")
    assert data["pagination"] == {"page": 1, "perPage": 50, "total": 10}
    assert [item["traceId"] for item in data["items"]] == [f"t{minutes}" for minutes in range(41, 51)]
    boom, posted = data["items"][4], data["items"][8]
    assert boom == {
        "id": boom["id"],
        "traceId": "t45",
        "direction": "inbound",
        "method": "GET",
        "host": "shop.example",
        "path": "/boom",
        "statusCode": 500,
        "durationMs": 1000,
        "isSlow": False,
        "userId": "",
        "errorFingerprint": "f1",
        "timestamp": iso(NOW - 45 * 60),
    }
    assert (posted["method"], posted["userId"]) == ("POST", "u7")
    assert [item["isSlow"] for item in data["items"]] == [False, True, False, True, *[False] * 6]


@pytest.mark.parametrize(
    ("query", "minutes"),
    [
        ({"direction": "inbound"}, [45, 46, 47, 48, 49, 50]),
        ({"direction": "Inbound"}, []),
        ({"direction": "sideways"}, []),
        ({"method": "post"}, [49]),
        ({"method": "PUT"}, [44]),
        ({"method": "TRACE"}, []),
        ({"statusGroup": "2xx"}, [43, 49, 50]),
        ({"statusGroup": "3xx"}, [47, 48]),
        ({"statusGroup": "4xx"}, [41, 46]),
        ({"statusGroup": "5xx"}, [44, 45]),
        ({"statusGroup": "5XX"}, list(range(41, 51))),
        ({"statusGroup": "1xx"}, list(range(41, 51))),
        ({"path": "orders"}, [49, 50]),
        ({"path": "example"}, []),
        ({"path": "ORDERS", "method": "get"}, [50]),
        ({"from": iso(NOW - 47 * 60), "to": iso(NOW - 45 * 60)}, [45, 46, 47]),
        ({"from": "-3d", "path": "/old"}, [48 * 60]),
        ({"to": iso(NOW - 47 * HOUR_S)}, [48 * 60]),
        ({"perPage": "2", "page": "3"}, [45, 46]),
        ({"perPage": "2", "page": "6"}, []),
    ],
)
def test_filters_of_requests(sent: Client, query: dict[str, str], minutes: list[int]) -> None:
    data = read(sent, "http-requests", **query)
    assert [item["traceId"] for item in data["items"]] == [f"t{one}" for one in minutes]
    assert data["pagination"]["total"] == (10 if "perPage" in query else len(minutes))


def test_stats_of_requests(sent: Client) -> None:
    assert read(sent, "http-requests/stats") == {
        "totalRequests": 10,
        "errorRate": 40.0,
        "slowRate": 20.0,
        "p50": 50,
        "p95": 3000,
        "p99": 3000,
        "inboundCount": 6,
        "outboundCount": 4,
    }
    three = {"from": iso(NOW - 50 * 60), "to": iso(NOW - 48 * 60)}
    assert read(sent, "http-requests/stats", **three)["totalRequests"] == 3
    thirds = {"from": iso(NOW - 46 * 60), "to": iso(NOW - 44 * 60)}
    assert (read(sent, "http-requests/stats", **thirds)["slowRate"], 3) == (33.33, 3)
    nothing = read(sent, "http-requests/stats", to="-30d")
    assert set(nothing.values()) == {0}


def test_hosts_that_fail(sent: Client) -> None:
    assert read(sent, "http-requests/top-hosts") == {
        "items": [
            {
                "host": host,
                "totalRequests": 2,
                "failedRequests": 1,
                "failureRate": 50.0,
                "avgDurationMs": mean,
            }
            for host, mean in (("mail.example", 1500), ("pay.example", 550))
        ]
    }
    items = read(sent, "http-requests/top-hosts", to="-25h", **{"from": "-3d"})["items"]
    assert [(item["host"], item["failureRate"]) for item in items] == [("old.example", 100.0)]


@pytest.mark.parametrize("count", [19, 20, 21])
def test_the_twenty_hosts_that_fail_most(server: Any, count: int) -> None:
    client = Client(server, f"seestack {count} hosts")
    post_requests(
        client,
        *(
            request_item("t", host=f"h{number:02}", statusCode=500, durationMs=1, timestamp=iso(NOW))
            for number in range(count)
            for _ in range(number + 1)
        ),
    )
    settle(server)
    items = read(client, "http-requests/top-hosts")["items"]
    assert [item["host"] for item in items] == [f"h{number:02}" for number in reversed(range(count))][:20]


@pytest.mark.parametrize("count", [99, 100, 101])
def test_the_first_hundred_of_a_trace(server: Any, count: int) -> None:
    """The first three happened last."""
    client = Client(server, f"seestack trace of {count}")
    post_requests(
        client,
        request_item("other", timestamp=iso(NOW)),
        *(
            request_item("t 1/ä", path=f"/{number}", timestamp=iso(NOW + number / 1000 - (60 if number > 2 else 0)))
            for number in range(count)
        ),
    )
    settle(server)
    data = read(client, "http-requests/by-trace", traceId="t 1/ä")
    assert list(data) == ["items"]
    assert [item["path"] for item in data["items"]] == [f"/{number}" for number in (*range(3, count), 0, 1, 2)][:100]
    assert read(client, "http-requests/by-trace", traceId="nobody's") == {"items": []}


def test_an_old_trace_is_found(sent: Client) -> None:
    (found,) = read(sent, "http-requests/by-trace", traceId=f"t{48 * 60}")["items"]
    assert found["path"] == "/old"


# --- all of them


@pytest.mark.parametrize("asked", [199, 200, 201, INT_MAX])
@pytest.mark.parametrize("path", ["logs", "http-requests"])
def test_the_most_of_a_page(sent: Client, path: str, asked: int) -> None:
    assert read(sent, path, perPage=asked)["pagination"]["perPage"] == min(asked, 200)


PAGE = f"must be a whole number from 1 to {INT_MAX}"
TIME = "must be ISO 8601 with an offset, a date, Unix seconds, now, or relative like -24h"


@pytest.mark.parametrize(
    ("path", "query", "details"),
    [
        ("logs", {"page": "0"}, {"page": PAGE}),
        ("logs", {"page": "-1"}, {"page": PAGE}),
        ("logs", {"page": "1.5"}, {"page": PAGE}),
        ("logs", {"page": "٣"}, {"page": PAGE}),
        ("logs", {"page": str(INT_MAX + 1)}, {"page": PAGE}),
        ("logs", {"page": "9" * 5000}, {"page": PAGE}),
        ("logs", {"perPage": "0", "page": "x"}, {"page": PAGE, "perPage": PAGE}),
        ("logs", {"start": "yesterday", "end": "2026-04-02T10:00:00"}, {"start": TIME, "end": TIME}),
        ("logs", {"start": "2026-04-03", "end": "2026-04-02"}, {"start": "must not be after end"}),
        ("logs", {"start": "0001-01-01T00:00:00Z"}, {"start": "must lie between 1970 and 2200"}),
        ("logs", {"search": "x" * 1001}, {"search": "size must be between 0 and 1000"}),
        ("logs", {"level": "x" * 1001}, {"level": "size must be between 0 and 1000"}),
        ("http-requests", {"perPage": "many"}, {"perPage": PAGE}),
        ("http-requests", {"path": "x" * 1001}, {"path": "size must be between 0 and 1000"}),
        ("http-requests", {"from": "2300-01-01"}, {"from": "must lie between 1970 and 2200"}),
        ("http-requests/stats", {"from": "x"}, {"from": TIME}),
        ("http-requests/stats", {"from": "2026-04-03", "to": "2026-04-02"}, {"from": "must not be after to"}),
        ("http-requests/top-hosts", {"to": "x"}, {"to": TIME}),
        ("http-requests/by-trace", {}, {"traceId": "must not be blank"}),
        ("http-requests/by-trace", {"traceId": " "}, {"traceId": "must not be blank"}),
    ],
)
def test_parameters_that_cannot_be(sent: Client, path: str, query: dict[str, str], details: dict[str, str]) -> None:
    assert refused(sent, path, params=query) == (
        422,
        {"code": "VALIDATION_ERROR", "message": "Validation failed", "details": details},
    )


READS = (
    "logs",
    "http-requests",
    "http-requests/stats",
    "http-requests/top-hosts",
    "http-requests/by-trace?traceId=t50",
)


@pytest.mark.parametrize("path", READS)
def test_who_may_read(server: Any, sent: Client, path: str) -> None:
    stranger = Client(server, "seestack rows of nobody's")
    wide = sent.make_key(account_wide=True, unlimited=True, scopes=["read"])
    mine = sent.call("GET", f"/api/v1/{path}").json()["data"]
    for headers in ({"X-AllStak-Key": sent.make_key(scopes=["read"])}, bearer(wide)):
        answer = sent.call("GET", f"/api/v1/{path}", headers=headers, params={"projectId": sent.project})
        assert answer.json()["data"] == mine
    for client, status, code in ((stranger, 404, "NOT_FOUND"), (sent, 200, "")):
        answer = client.call("GET", f"/api/v1/{path}", params={"projectId": sent.project})
        assert (answer.status_code, answer.json().get("error", {}).get("code", "")) == (status, code)
    assert "t50" not in stranger.call("GET", f"/api/v1/{path}").text
