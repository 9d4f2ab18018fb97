"""StatFlow's reads, keys and annotations against a real server (contract 1.5-1.8, 1.10, 1.12)."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from wire import TIMEOUT_S

# 2026-03-01T00:00:00Z, a Sunday
START = 1_772_323_200


class Client:
    """A project of its own, a key for it, and short calls."""

    def __init__(self, server: Any, name: str, **options: Any) -> None:
        self.server = server
        self.project = server.project(name)
        self.key = server.key(self.project, **({"style": "statflow", "unlimited": True} | options))

    def call(self, method: str, path: str, key: str | None = None, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"} | more.pop("headers", {})
        return requests.request(method, self.server.url + path, headers=headers, timeout=TIMEOUT_S, **more)

    def get(self, path: str, key: str | None = None, **query: Any) -> requests.Response:
        return self.call("GET", path, key, params=query)

    def send(self, *points: dict[str, Any]) -> None:
        answer = self.call("POST", "/v1/ingest/batch", json={"items": points})
        assert (answer.status_code, answer.json()) == (202, {"accepted": len(points)})

    def settled(self, path: str, done: Callable[[Any], bool], **query: Any) -> Any:
        """The answer of ``path`` once ``done`` likes it: rows are readable within a second."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            answer = self.get(path, **query)
            assert answer.status_code == 200, answer.text
            if done(answer.json()) or time.monotonic() > deadline:
                return answer.json()
            time.sleep(0.05)


@pytest.fixture
def client(server: Any, request: pytest.FixtureRequest) -> Client:
    return Client(server, request.node.originalname)


def point(name: str, value: float, at: int, type_: str = "counter") -> dict[str, Any]:
    return {"stat": name, "value": value, "type": type_, "timestamp": START + at}


def window(start: int, end: int, resolution: str, **more: Any) -> dict[str, Any]:
    return {"from": START + start, "to": START + end, "resolution": resolution, **more}


def error(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def counted(total: int) -> Callable[[Any], bool]:
    return lambda answer: sum(bucket["count"] for bucket in answer["points"]) == total


# --- the list (1.5) ---


def test_a_stat_is_listed_at_once_and_in_pages(client: Client) -> None:
    client.send(point("b", 1, 0), point("a", 2.5, 60, "value"), point("Zebra", 1, 0), point("a b", 1, 0))
    listed = client.get("/v1/stats").json()
    assert [(stat["name"], stat["type"]) for stat in listed["stats"]] == [
        ("Zebra", "counter"),
        ("a", "value"),
        ("a b", "counter"),
        ("b", "counter"),
    ]
    assert listed["next"] is None
    assert listed["stats"][0].keys() == {
        *("id", "name", "type", "source", "public", "unit", "created_at", "last_point_at"),
    }
    first = client.get("/v1/stats", limit=3).json()
    second = client.get("/v1/stats", limit=3, cursor=first["next"]).json()
    assert first["stats"] + second["stats"] == client.get("/v1/stats").json()["stats"]
    assert second["next"] is None
    assert [stat["name"] for stat in client.get("/v1/stats", q="A").json()["stats"]] == ["Zebra", "a", "a b"]
    assert [stat["name"] for stat in client.get("/v1/stats", type="value", more="x").json()["stats"]] == ["a"]


def test_the_list_says_when_the_last_point_was(client: Client) -> None:
    client.send(point("a", 1, 120), point("a", 1, 60))
    seen = client.settled("/v1/stats", lambda answer: answer["stats"][0]["last_point_at"] is not None)
    assert seen["stats"][0]["last_point_at"] == "2026-03-01T00:02:00Z"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"limit": "0"}, "limit must be 1 to 1000"),
        ({"limit": "1001"}, "limit must be 1 to 1000"),
        ({"limit": "x"}, "limit must be 1 to 1000"),
        ({"type": "gauge"}, "type must be counter or value"),
        ({"cursor": "%%%"}, "cursor must be the next of an earlier page"),
    ],
    ids=str,
)
def test_the_lists_parameters(client: Client, query: dict[str, str], message: str) -> None:
    assert error(client.get("/v1/stats", **query)) == (400, {"error": message})


@pytest.mark.parametrize("limit", [1, 1000])
def test_the_lists_limits(client: Client, limit: int) -> None:
    assert client.get("/v1/stats", limit=limit).json() == {"stats": [], "next": None}


# --- series (1.6) ---


def test_5_a_counter_is_summed_by_the_hour(client: Client) -> None:
    client.send(*(point("hits", value, 3600 + value) for value in (1, 2, 3)))
    stat_id = client.get("/v1/stats").json()["stats"][0]["id"]
    query = window(0, 3 * 3600, "hour")
    seen = client.settled(f"/v1/stats/{stat_id}/data", counted(3), **query)
    assert seen == {
        "stat": {"id": stat_id, "name": "hits", "type": "counter"},
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-03-01T03:00:00Z",
        "resolution": "1h",
        "points": [
            {"timestamp": "2026-03-01T00:00:00Z", "value": 0, "count": 0},
            {"timestamp": "2026-03-01T01:00:00Z", "value": 6, "count": 3},
            {"timestamp": "2026-03-01T02:00:00Z", "value": 0, "count": 0},
        ],
    }
    assert client.get("/v1/stats/hits/data", **query).json() == seen


def test_6_a_mean_is_the_mean_of_its_points(client: Client) -> None:
    client.send(point("ms", 10, 60, "value"), point("ms", 20, 120, "value"), point("ms", 60, 7200, "value"))
    seen = client.settled("/v1/stats/ms/data", counted(3), **window(0, 2 * 86_400, "1d"))
    assert seen["points"] == [
        {"timestamp": "2026-03-01T00:00:00Z", "value": 30, "min": 10, "max": 60, "count": 3},
        {"timestamp": "2026-03-02T00:00:00Z", "value": None, "min": None, "max": None, "count": 0},
    ]


def test_the_edges_are_clipped(client: Client) -> None:
    client.send(*(point("x", 1, at) for at in (89, 90, 3599, 3600, 3690, 3691)))
    client.settled("/v1/stats/x/data", counted(6), **window(0, 7200, "1h"))
    points = client.get("/v1/stats/x/data", **window(90, 3691, "1h")).json()["points"]
    assert [(point["timestamp"], point["value"]) for point in points] == [
        ("2026-03-01T00:00:00Z", 2),
        ("2026-03-01T01:00:00Z", 2),
    ]


def test_weeks_start_on_monday_and_days_follow_the_zone(client: Client) -> None:
    client.send(point("x", 1, -1800), point("x", 1, 1800), point("x", 1, 86_400))
    client.settled("/v1/stats/x/data", counted(3), **window(-86_400, 2 * 86_400, "1h"))
    weeks = client.get("/v1/stats/x/data", **window(-3600, 2 * 86_400, "1w")).json()["points"]
    assert [(bucket["timestamp"], bucket["value"]) for bucket in weeks] == [
        ("2026-02-23T00:00:00Z", 2),
        ("2026-03-02T00:00:00Z", 1),
    ]
    days = client.get("/v1/stats/x/data", **window(-3600, 3600, "1d", tz="Europe/Berlin")).json()["points"]
    assert [(bucket["timestamp"], bucket["value"]) for bucket in days] == [("2026-02-28T23:00:00Z", 2)]
    months = client.get("/v1/stats/x/data", **window(-3600, 3600, "1M")).json()["points"]
    assert [(bucket["timestamp"], bucket["value"]) for bucket in months] == [
        ("2026-02-01T00:00:00Z", 1),
        ("2026-03-01T00:00:00Z", 1),
    ]


def test_raw_points_and_a_plus_that_became_a_blank(client: Client) -> None:
    client.send(point("x", 1.5, 2, "value"), point("x", -1, 1, "value"))
    client.settled("/v1/stats/x/data", counted(2), **window(0, 60, "1m"))
    path = "/v1/stats/x/data?resolution=raw&from=2026-03-01T02:00:00+02:00&to=2026-03-01T00:00:02.5Z"
    answer = client.call("GET", path).json()
    assert (answer["from"], answer["to"], answer["resolution"]) == (
        "2026-03-01T00:00:00Z",
        "2026-03-01T00:00:02Z",
        "raw",
    )
    assert answer["points"] == [
        {"timestamp": "2026-03-01T00:00:01Z", "value": -1, "min": -1, "max": -1, "count": 1},
        {"timestamp": "2026-03-01T00:00:02Z", "value": 1.5, "min": 1.5, "max": 1.5, "count": 1},
    ]


def test_a_new_stat_has_an_empty_series_at_once(client: Client) -> None:
    client.send(point("new", 1, 0, "value"))
    answer = client.get("/v1/stats/new/data", **window(7200, 7260, "1m"))
    assert answer.json()["points"] == [
        {"timestamp": "2026-03-01T02:00:00Z", "value": None, "min": None, "max": None, "count": 0}
    ]


@pytest.mark.parametrize("what", ["data", "export"])
def test_7_unknown_and_foreign_stats_are_not_found(client: Client, server: Any, what: str) -> None:
    other = Client(server, f"other of {what}")
    other.send(point("theirs", 1, 0))
    foreign = other.get("/v1/stats").json()["stats"][0]["id"]
    for ref in (foreign, "theirs", "00000000000", "zzzzzzzzzzz", "no such name", "\x00"):
        answer = client.get(f"/v1/stats/{requests.utils.quote(ref)}/{what}")
        assert error(answer) == (404, {"error": "stat not found"})
    assert other.get(f"/v1/stats/{foreign}/{what}").status_code == 200


def test_an_id_is_tried_before_a_name(client: Client) -> None:
    client.send(point("first", 1, 0))
    stat_id = client.get("/v1/stats").json()["stats"][0]["id"]
    client.send(point(stat_id, 1, 0))
    assert client.get(f"/v1/stats/{stat_id}/data").json()["stat"]["name"] == "first"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"from": "now", "to": "-1h"}, "from must be before to"),
        ({"resolution": "2m"}, "resolution must be one of 1m 5m 15m 30m 1h 3h 6h 12h 1d 1w 1M raw"),
        (
            {"from": "2020-01-01", "resolution": "1m"},
            "more than 10,000 points: choose a coarser resolution or a shorter span",
        ),
        ({"tz": "Moon"}, "tz must be an IANA time zone such as Europe/Berlin"),
    ],
    ids=str,
)
def test_8_bad_windows(client: Client, query: dict[str, str], message: str) -> None:
    client.send(point("x", 1, 0))
    assert error(client.get("/v1/stats/x/data", **query)) == (400, {"error": message})
    assert client.get("/v1/stats/unknown/data", **query).status_code == 404


# --- export (1.7) ---


def test_the_csv(client: Client) -> None:
    client.send(point("=a,b", 1, 0), point("=a,b", 2, 3600), point("ms", 0.1, 60, "value"))
    client.settled("/v1/stats/=a,b/data", counted(2), **window(0, 7200, "1h"))
    answer = client.get("/v1/stats/=a,b/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="a-b.csv"'
    assert answer.content == (
        b"timestamp,stat,type,value,count,min,max\r\n"
        b'2026-03-01T00:00:00Z,"\'=a,b",counter,1,1,,\r\n'
        b'2026-03-01T01:00:00Z,"\'=a,b",counter,2,1,,\r\n'
    )
    client.settled("/v1/stats/ms/data", counted(1), **window(0, 7200, "1h"))
    hourly = client.get("/v1/stats/ms/export", resolution="1h", format="csv").text.splitlines()
    assert hourly[1:] == ["2026-03-01T00:00:00Z,ms,value,0.1,1,0.1,0.1"]


def test_an_export_of_many_pages_holds_every_point_once(client: Client) -> None:
    total = 21_000
    for first in range(0, total, 1000):
        # Many points of one moment lie on a page's edge.
        client.send(*(point("many", n, n // 3000, "value") for n in range(first, first + 1000)))
    client.settled("/v1/stats/many/data", counted(total), **window(0, 60, "1m"))
    rows = list(csv.DictReader(io.StringIO(client.get("/v1/stats/many/export").text)))
    assert sorted(int(row["value"]) for row in rows) == list(range(total))
    answer = client.get("/v1/stats/many/export", format="json").json()
    assert (answer["resolution"], len(answer["points"])) == ("raw", total)
    too_many = client.get("/v1/stats/many/data", **window(0, 60, "raw"))
    assert error(too_many)[1]["error"].startswith("more than 10,000 points")


def test_an_export_by_buckets_over_many_years(client: Client) -> None:
    client.send({"stat": "old", "value": 4, "timestamp": "2001-02-03T04:05:06Z"}, point("old", 5, 0))
    client.settled("/v1/stats/old/data", counted(2), **{"from": "2000-01-01", "resolution": "1M"})
    for resolution in ("1h", "1d", "1w", "1M"):
        rows = client.get("/v1/stats/old/export", resolution=resolution, tz="Asia/Tokyo").text.splitlines()[1:]
        assert [row.split(",")[3] for row in rows] == ["4", "5"], resolution


def test_an_export_without_points(client: Client) -> None:
    client.send(point("x", 1, 0))
    assert client.get("/v1/stats/x/export", **{"from": "-1h"}).text == "timestamp,stat,type,value,count,min,max\r\n"
    answer = client.get("/v1/stats/x/export", **{"from": "-1h", "format": "json", "resolution": "1h"}).json()
    assert (answer["points"], answer["resolution"]) == ([], "1h")
    refused = client.get("/v1/stats/x/export", format="xml")
    assert error(refused) == (400, {"error": "format must be csv or json"})


# --- keys (1.8) ---


def test_a_key_is_shown_once_works_at_once_and_is_revoked_at_once(client: Client) -> None:
    answer = client.call("POST", "/v1/auth/api-keys", json={"name": "ci", "scopes": ["write"]})
    made = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert made.keys() == {"id", "name", "scopes", "prefix", "key", "created_at", "expires_at"}
    assert (made["name"], made["scopes"]) == ("ci", ["write"])
    assert made["key"].startswith("sf_")
    assert made["key"].startswith(made["prefix"])
    assert client.call("POST", "/v1/ingest", made["key"], json={"stat": "x", "value": 1}).status_code == 202
    listing = client.get("/v1/auth/api-keys")
    assert made["key"] not in listing.text
    (listed,) = (key for key in listing.json()["api_keys"] if key["id"] == made["id"])
    assert listed.keys() == {"id", "name", "scopes", "prefix", "created_at", "last_used_at", "expires_at"}
    assert client.call("DELETE", f"/v1/auth/api-keys/{made['id']}").status_code == 204
    refused = client.call("POST", "/v1/ingest", made["key"], json={"stat": "x", "value": 1})
    assert error(refused) == (401, {"error": "invalid API key"})
    assert client.call("DELETE", f"/v1/auth/api-keys/{made['id']}").status_code == 404
    assert made["id"] not in client.get("/v1/auth/api-keys").text


def test_a_key_defaults_to_both_scopes_and_may_revoke_itself(client: Client) -> None:
    made = client.call("POST", "/v1/auth/api-keys", json={"name": "x" * 100}).json()
    assert made["scopes"] == ["read", "write"]
    assert client.call("DELETE", f"/v1/auth/api-keys/{made['id']}", made["key"]).status_code == 204
    assert client.get("/v1/stats", made["key"]).status_code == 401


def test_a_key_expires(client: Client) -> None:
    """It works until then; where the machine was so slow that the answer came later, another one is tried that lives longer."""
    life_s = 2
    while True:
        expires = int(time.time()) + life_s
        made = client.call("POST", "/v1/auth/api-keys", json={"name": "x", "expires_at": expires})
        status = client.get("/v1/stats", made.json()["key"]).status_code if made.ok else 0
        if time.time() < expires:
            break
        life_s *= 2
    made = made.json()
    assert status == 200
    deadline = time.monotonic() + TIMEOUT_S
    while client.get("/v1/stats", made["key"]).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert client.get("/v1/stats", made["key"]).status_code == 401


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "body is not valid JSON"),
        (b"[" * 50_000, "body is not valid JSON"),
        (b"[]", "body must be an object"),
        (b"{}", "name must be a string of 1 to 100 characters"),
        (b'{"name":" "}', "name must be a string of 1 to 100 characters"),
        (b'{"name":"%s"}' % (b"x" * 101), "name must be a string of 1 to 100 characters"),
        (b'{"name":7}', "name must be a string of 1 to 100 characters"),
        (b'{"name":"x","scopes":[]}', 'scopes must be a non-empty list of "read" and "write"'),
        (b'{"name":"x","scopes":"read"}', 'scopes must be a non-empty list of "read" and "write"'),
        (b'{"name":"x","scopes":["manage"]}', 'scopes must be a non-empty list of "read" and "write"'),
        (b'{"name":"x","scopes":[{}]}', 'scopes must be a non-empty list of "read" and "write"'),
        (b'{"name":"x","expires_at":1}', "expires_at must lie in the future, before the year 2200"),
        (b'{"name":"x","expires_at":[]}', "expires_at must be ISO 8601 with an offset, or Unix seconds"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_keys_are_refused(client: Client, body: bytes, message: str) -> None:
    assert error(client.call("POST", "/v1/auth/api-keys", data=body)) == (400, {"error": message})
    assert len(client.get("/v1/auth/api-keys").json()["api_keys"]) == 1


@pytest.mark.parametrize(
    ("scopes", "missing"), [(["write"], "read"), (["read"], "write"), (["manage"], "read")], ids=str
)
def test_only_a_key_with_both_scopes_manages_keys(client: Client, scopes: list[str], missing: str) -> None:
    poor = client.server.key(client.project, scopes=scopes)
    refused = (403, {"error": f"this key lacks the {missing} scope"})
    assert error(client.call("POST", "/v1/auth/api-keys", poor, json={"name": "x"})) == refused
    assert error(client.call("GET", "/v1/auth/api-keys", poor)) == refused
    assert error(client.call("DELETE", "/v1/auth/api-keys/x", poor)) == refused


def test_another_projects_keys_do_not_exist(client: Client, server: Any) -> None:
    other = Client(server, "another project with a key")
    (theirs,) = other.get("/v1/auth/api-keys").json()["api_keys"]
    assert error(client.call("DELETE", f"/v1/auth/api-keys/{theirs['id']}"))[0] == 404
    assert other.get("/v1/stats").status_code == 200
    assert theirs["id"] not in client.get("/v1/auth/api-keys").text


# --- annotations (1.10) ---


def test_annotations_are_written_listed_and_removed(client: Client) -> None:
    client.send(point("hits", 1, 0), point("other", 1, 0))
    ids = {stat["name"]: stat["id"] for stat in client.get("/v1/stats").json()["stats"]}
    answer = client.call(
        "POST",
        "/v1/annotations",
        json={
            "text": " deployed 1.4 ",
            "timestamp": "2026-03-01T02:00:00+02:00",
            "stat": "hits",
            "kind": "deploy",
            "url": "https://ci.example.com/1",
        },
    )
    assert answer.status_code == 201
    note = answer.json()
    assert {name: note[name] for name in ("text", "timestamp", "stat_id", "kind", "url")} == {
        "text": "deployed 1.4",
        "timestamp": "2026-03-01T00:00:00Z",
        "stat_id": ids["hits"],
        "kind": "deploy",
        "url": "https://ci.example.com/1",
    }
    everywhere = client.call("POST", "/v1/annotations", json={"message": "outage", "timestamp": START + 60}).json()
    assert (everywhere["kind"], everywhere["stat_id"], everywhere["url"]) == ("note", None, None)
    third = client.call("POST", "/v1/annotations", json={"note": "n", "stat_id": ids["other"]}).json()
    assert client.get("/v1/annotations").json() == {"annotations": [note, everywhere, third]}
    assert client.get("/v1/annotations", stat="hits").json() == {"annotations": [note, everywhere]}
    span = {"from": START, "to": START + 60}
    assert client.get("/v1/annotations", **span).json() == {"annotations": [note]}
    assert client.call("DELETE", f"/v1/annotations/{note['id']}").status_code == 204
    gone = client.call("DELETE", f"/v1/annotations/{note['id']}")
    assert error(gone) == (404, {"error": "annotation not found"})
    assert client.get("/v1/annotations").json() == {"annotations": [everywhere, third]}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "text is required"),
        ({"text": 5}, 400, "text must be a string"),
        ({"text": " "}, 400, "text must be 1 to 1000 characters"),
        ({"text": "x" * 1001}, 400, "text must be 1 to 1000 characters"),
        ({"text": "x", "kind": "party"}, 400, "kind must be one of deploy, incident, change, note"),
        ({"text": "x", "kind": 1}, 400, "kind must be a string"),
        (
            {"text": "x", "url": "javascript:alert(1)"},
            400,
            "url must be an http or https link of at most 2000 characters",
        ),
        ({"text": "x", "timestamp": True}, 400, "timestamp must be ISO 8601 with an offset, or Unix seconds"),
        ({"text": "x", "timestamp": -1}, 400, None),
        ({"text": "x", "timestamp": "soon"}, 400, None),
        ({"text": "x", "stat": "unknown"}, 404, "stat not found"),
        ({"text": "x", "stat_id": 5}, 400, "stat_id must be a string"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_annotations_are_refused(client: Client, body: Any, status: int, message: str | None) -> None:
    answer = client.call("POST", "/v1/annotations", json=body)
    assert answer.status_code == status
    assert answer.json()["error"] == message if message else answer.json()["error"].startswith("timestamp must be")
    assert client.get("/v1/annotations").json() == {"annotations": []}


@pytest.mark.parametrize("length", [1, 999, 1000])
def test_annotation_lengths(client: Client, length: int) -> None:
    assert client.call("POST", "/v1/annotations", json={"text": "x" * length}).status_code == 201


def test_another_projects_annotations_do_not_exist(client: Client, server: Any) -> None:
    other = Client(server, "another project with a note")
    note = other.call("POST", "/v1/annotations", json={"text": "x"}).json()
    assert error(client.call("DELETE", f"/v1/annotations/{note['id']}")) == (404, {"error": "annotation not found"})
    assert len(other.get("/v1/annotations").json()["annotations"]) == 1


# --- who may, how often, in which order (1.11) ---

EVERY_CALL = [
    ("GET", "/v1/stats", "read"),
    ("GET", "/v1/stats/x/data", "read"),
    ("GET", "/v1/stats/x/export", "read"),
    ("GET", "/v1/annotations", "read"),
    ("POST", "/v1/annotations", "write"),
    ("DELETE", "/v1/annotations/x", "write"),
]


@pytest.mark.parametrize(("method", "path", "scope"), EVERY_CALL, ids=str)
def test_scopes(client: Client, method: str, path: str, scope: str) -> None:
    other = {"read": "write", "write": "read"}[scope]
    key = client.server.key(client.project, scopes=[other])
    # The body, the path's id and the parameters are wrong as well: the scope is looked at first.
    answer = client.call(method, path + "?from=x", key, data=b"{")
    assert error(answer) == (403, {"error": f"this key lacks the {scope} scope"})


@pytest.mark.parametrize(("method", "path", "_scope"), [*EVERY_CALL, ("GET", "/v1/auth/api-keys", "")], ids=str)
def test_the_key_is_looked_at_first(client: Client, method: str, path: str, _scope: str) -> None:
    missing = requests.request(method, client.server.url + path, data=b"{", timeout=TIMEOUT_S)
    assert error(missing) == (401, {"error": "missing API key"})
    unknown = client.call(method, path, "sf_unknown", data=b"{")
    assert error(unknown) == (401, {"error": "invalid API key"})
    assert (missing.headers["www-authenticate"], unknown.headers["www-authenticate"]) == ("Bearer", "Bearer")


def test_wrong_methods_and_paths_come_before_the_key(client: Client) -> None:
    wrong = requests.put(client.server.url + "/v1/annotations", timeout=TIMEOUT_S)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert error(requests.get(client.server.url + "/v1/nothing", timeout=TIMEOUT_S)) == (404, {"error": "not found"})


def test_reads_have_a_limit_of_their_own(server: Any) -> None:
    client = Client(server, "limited reads", unlimited=False)
    statuses = [client.get("/v1/stats").status_code for _ in range(3)]
    assert statuses == [200] * 3
    slow = server.key(client.project, rate=1, burst=2)
    answers = [client.get("/v1/stats", slow) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json() == {"error": "rate limit exceeded"}
    assert int(answers[2].headers["retry-after"]) >= 1
    assert client.call("POST", "/v1/ingest", slow, json={"stat": "x", "value": 1}).status_code == 202


def test_a_body_too_large(client: Client) -> None:
    body = b'{"text":"%s"}' % (b"x" * (4 * 1024 * 1024))
    answer = client.call("POST", "/v1/annotations", data=body)
    assert error(answer) == (413, {"error": "body too large"})
