"""StatHat's export, alerts and the private API of its command line against a real server (contract 1.8 to 1.10, 1.12; the numbered tests
are the vectors of 1.13).
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import pytest
import requests
from wire import TIMEOUT_S, Client, assert_form, assert_written_nowhere, bearer, request_bytes, settle, talk

MINUTE, HOUR, DAY = 60, 3_600, 86_400
FIELDS = {
    *("id", "name", "public", "counter", "unit", "classic_key", "embed_key", "data_received_at", "created_at"),
}
JSON = {"Content-Type": "application/json"}


class Project(Client):
    """A project whose key is the access token."""

    def post(self, *items: dict[str, Any]) -> None:
        answer = self.ask("POST", "/ez", json={"ezkey": self.key, "data": items})
        assert answer.json() == {"status": 200, "msg": "ok", "multiple": len(items)}

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """Any request without a key in its headers."""
        answer = requests.request(method, self.server.url + path, timeout=TIMEOUT_S, **more)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        return answer

    def x(self, path: str, method: str = "GET", status: int = 200, **more: Any) -> Any:
        """What ``/x/TOKEN`` answers, with that status."""
        answer = self.ask(method, f"/x/{self.key}{path}", **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    def a1(self, path: str, **query: Any) -> requests.Response:
        return self.ask("GET", f"/a1{path}", params=query, auth=(self.key, ""))

    def ids(self) -> dict[str, str]:
        return {stat["name"]: stat["id"] for stat in self.x("/statlist")}


@pytest.fixture
def project(server: Any, request: pytest.FixtureRequest) -> Project:
    return Project(server, request.node.name)


# --- stats


def test_the_list_of_stats(project: Project) -> None:
    assert project.x("/statlist") == []
    before = int(time.time())
    project.post({"stat": "b", "count": 1}, {"stat": "A", "value": 1}, {"stat": "é x", "count": 1, "t": before - DAY})
    # Stats that other dialects made are none of StatHat's.
    event = {"projectId": project.project, "payload": {"b": 1}}
    sent = project.call("POST", "/api/slowstats/ingest-metrics", headers={"X-API-Key": project.key}, json=event)
    assert sent.status_code == 200
    for projected in (
        False,
        True,
    ):  # they wait in the journal, or are learned while we look; then they are known for good
        listed = project.x("/statlist")
        assert [(stat["name"], stat["counter"]) for stat in listed] == [("A", False), ("b", True), ("é x", True)]
        for stat in listed:
            assert set(stat) == FIELDS
            assert (stat["public"], stat["unit"], stat["embed_key"]) == (False, "", "")
            assert before <= stat["created_at"] <= stat["data_received_at"] <= time.time()
            assert type(stat["created_at"]) is type(stat["data_received_at"]) is int
            assert len(stat["classic_key"]) == 32
            alone = project.x("/stat", params={"name": stat["name"]})
            if not projected:  # the second in which it came and the one in which it was learned
                assert before <= alone["data_received_at"] <= time.time()
                alone["data_received_at"] = stat["data_received_at"]
            assert alone == stat
        settle(project.server)
    own = {stat["name"]: stat["classic_key"] for stat in project.api("/stats")["stats"] if stat["source"] == "stat"}
    assert {stat["name"]: stat["classic_key"] for stat in listed} == own


@pytest.mark.parametrize("name", ["unknown", "B", "", "0GhkR2mWxZ7"])
def test_a_name_that_no_stat_has(project: Project, name: str) -> None:
    project.post({"stat": "b", "count": 1})
    assert project.x("/stat", status=404, params={"name": name}) == {"msg": "stat not found"}
    assert project.x("/stat", status=404) == {"msg": "stat not found"}
    assert project.x("/stat", status=404, params={"name": project.ids()["b"]}) == {"msg": "stat not found"}


def test_17_pages_of_ten_thousand_stats(project: Project) -> None:
    names = [f"stat {number:05}" for number in range(10_001)]
    for first in range(0, len(names), 5_000):
        project.post(*({"stat": name, "count": 1} for name in names[first : first + 5_000]))
    # The first page is asked for while most of the stats wait in the journal.
    first_page = [stat["name"] for stat in project.x("/statlist")]
    assert first_page == names[:10_000]
    settle(project.server)
    pages = {
        offset: [stat["name"] for stat in project.x(f"/statlist?offset={offset}")] for offset in (0, 9_999, 10_000)
    }
    assert pages == {0: names[:10_000], 9_999: names[9_999:], 10_000: names[10_000:]}
    assert project.x("/statlist?offset=10001") == project.x("/statlist?offset=999999999") == []
    assert [stat["name"] for stat in project.a1("/stats", offset=10_000).json()] == names[10_000:]


@pytest.mark.parametrize("offset", ["-1", "x", "1.0", "1e3", "1000000000", "١"])
def test_offsets_that_there_are_not(project: Project, offset: str) -> None:
    assert project.x("/statlist", status=400, params={"offset": offset}) == {"msg": "invalid offset"}


# --- data


def test_points_are_spaced_from_the_start(project: Project) -> None:
    now = int(time.time())
    start = (now - 2 * DAY) // MINUTE * MINUTE + 7 * MINUTE  # not with an hour
    project.post(
        {"stat": "n", "count": 2, "t": start},
        {"stat": "n", "count": 3.5, "t": start + 59 * MINUTE + 59},
        {"stat": "n", "count": 100, "t": start - 1},
        {"stat": "n", "count": -1, "t": start + 2 * HOUR},
        {"stat": "v", "value": 10, "t": start},
        {"stat": "v", "value": 20, "t": start + 10},
        {"stat": "v", "value": 60, "t": start + HOUR},
        {"stat": "v", "value": 5, "t": start + 3 * HOUR},
    )
    settle(project.server)
    ids = project.ids()
    # Everything that a minute begins with is asked for by its second as well.
    for sent in (start, start + 59, (start + 30) * 1000):
        one, other = project.x(f"/data/{ids['n']}/{ids['v']}?t=3h1h&start={sent}")
        assert (one["name"], one["timeframe"]) == ("n", "3 hours @ 1 hour")
        assert [point["time"] for point in one["points"]] == [start, start + HOUR, start + 2 * HOUR]
        assert [point["value"] for point in one["points"]] == [5.5, 0, -1]
        assert [point["value"] for point in other["points"]] == [15, 60, 0]
    # A mean over more is one of all points, and quarter hours give what minutes give.
    aligned = start // 900 * 900
    for width, unit in ((HOUR, "1h"), (15 * MINUTE, "15m"), (5 * MINUTE, "5m")):
        (dataset,) = project.x(f"/data/{ids['n']}?t=6h{unit}&start={aligned - HOUR}")
        assert sum(point["value"] for point in dataset["points"]) == 104.5
        assert len(dataset["points"]) == 6 * HOUR // width
    (dataset,) = project.x(f"/data/{ids['v']}?t=1d1d&start={start}")
    assert dataset["points"] == [{"time": start, "value": (10 + 20 + 60 + 5) / 4}]


def test_the_window_ends_now(project: Project) -> None:
    project.post({"stat": "n", "count": 1})
    (dataset,) = project.x(f"/data/{project.ids()['n']}")
    assert dataset["timeframe"] == "1 week @ 3 hours"
    first, last = dataset["points"][0]["time"], dataset["points"][-1]["time"]
    assert (len(dataset["points"]), last - first, first % MINUTE) == (56, 55 * 3 * HOUR, 0)
    assert 0 <= time.time() - 7 * DAY - first < MINUTE + TIMEOUT_S


def test_14_15_datasets(project: Project) -> None:
    project.post(*({"stat": name, "count": 1} for name in "ABCDEF"))
    ids = project.ids()
    found = project.x("/data/" + "/".join(ids[name] for name in "FEDCBA") + "?t=1d1h")
    assert [dataset["name"] for dataset in found] == list("FEDCB")
    assert {len(dataset["points"]) for dataset in found} == {24}
    for t, points in (("1M1d", 30), ("1m1m", 1)):
        assert [len(dataset["points"]) for dataset in project.x(f"/data/{ids['A']}?t={t}")] == [points]
    # Ids may come twice; unknown ones are left out, those beyond the fifth are not looked at.
    found = project.x(f"/data/{ids['A']}/unknown/{ids['A']}/0GhkR2mWxZ7?t=1m")
    assert [dataset["name"] for dataset in found] == ["A", "A"]
    for path in ("/unknown", "/0GhkR2mWxZ7/zzzzzzzzzzz", f"/1/2/3/4/5/{ids['A']}", "/A"):
        assert project.x(f"/data{path}?t=1m", status=404) == {"msg": "stat not found"}
    # However many there are.
    found = project.x(f"/data/{ids['A']}/{'/'.join([ids['B']] * 2_000)}?t=1m")
    assert [dataset["name"] for dataset in found] == list("ABBBB")


def test_16_a_summary_has_midnights(project: Project) -> None:
    midnight = int(time.time()) // DAY * DAY
    for back in (1, 2):
        project.post(
            {"stat": "n", "count": back, "t": midnight - back * DAY},
            {"stat": "n", "count": back, "t": midnight - back * DAY + DAY - 1},
        )
    settle(project.server)
    (dataset,) = project.x(f"/data/{project.ids()['n']}?summary=7d")
    assert dataset["timeframe"] == "1 week @ 1 day"
    times = [point["time"] for point in dataset["points"]]
    assert times == [times[0] + day * DAY for day in range(7)]
    assert times[0] % DAY == 0
    assert {point["time"]: point["value"] for point in dataset["points"] if point["value"]} == {
        midnight - DAY: 2,
        midnight - 2 * DAY: 4,
    }


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("t=1w3", "invalid t"),
        ("t=10001m1m", "too many points"),
        ("start=yesterday", "invalid start"),
        ("summary=1d1h", "invalid summary"),
        ("summary=10001d", "too many points"),
        ("t=1d15m1w", "invalid t"),
    ],
)
def test_data_that_cannot_be_asked_for(project: Project, query: str, text: str) -> None:
    project.post({"stat": "n", "count": 1})
    assert project.x(f"/data/{project.ids()['n']}?{query}", status=400) == {"msg": text}


def test_as_many_points_as_there_may_be(project: Project) -> None:
    project.post({"stat": "n", "count": 1})
    stat = project.ids()["n"]
    assert len(project.x(f"/data/{stat}?t=10000m1m")[0]["points"]) == 10_000
    assert len(project.x(f"/data/{stat}?t=9999m1m")[0]["points"]) == 9_999


# --- deleting


def test_a_deleted_stat_is_gone_and_its_name_makes_a_new_one(project: Project) -> None:
    project.post({"stat": "n", "count": 1}, {"stat": "kept", "count": 1})
    old = project.ids()["n"]
    key = project.x("/stat", params={"name": "n"})["classic_key"]
    assert project.x(f"/stats/{old}", "DELETE") == {"msg": "stat deleted."}
    assert list(project.ids()) == ["kept"]
    for path in (f"/data/{old}", "/stat?name=n"):
        assert project.x(path, status=404) == {"msg": "stat not found"}
    assert project.x(f"/stats/{old}", "DELETE", status=404) == {"msg": "stat not found"}
    assert project.call("GET", f"/v1/stats/{old}/data").status_code == 404
    user = project.server.call("project.stathat", project=project.project)["user_key"]
    sent = project.ask("POST", "/c", data={"ukey": user, "key": key, "count": 1})
    assert sent.json() == {"status": 500, "msg": "invalid key"}
    # The name is free for either type, and what follows does not go into the trash.
    posted = int(time.time())
    project.post({"stat": "n", "value": 7})
    new = project.ids()["n"]
    assert new != old
    settle(project.server)
    (dataset,) = project.x(f"/data/{new}?t=1h1h&start={posted - 60}")
    assert [point["value"] for point in dataset["points"]] == [7]
    assert project.x(f"/stats/{new}", "DELETE") == {"msg": "stat deleted."}
    project.post({"stat": "n", "count": 1})
    assert project.ids()["n"] not in (old, new)


def test_a_stat_that_was_deleted_at_once_stays_deleted(own_server: Any) -> None:
    """It went into the trash while it was in the journal alone; a killed server finds it there again."""
    own_server.start()
    project = Project(own_server, "trash")
    project.post({"stat": "n", "count": 1})
    old = project.ids()["n"]
    assert project.x(f"/stats/{old}", "DELETE") == {"msg": "stat deleted."}
    own_server.kill()
    own_server.start()
    assert project.x("/statlist") == []
    project.post({"stat": "n", "value": 2})
    assert project.ids()["n"] != old
    assert project.x("/stat", params={"name": "n"})["counter"] is False
    assert own_server.stop() == 0


# --- alerts


def test_18_alerts(project: Project) -> None:
    project.post({"stat": "n", "count": 1})
    stat = project.ids()["n"]
    assert project.x("/alerts") == []
    form = {"stat_id": stat, "kind": "value", "time_window": "1h", "operator": "greater than", "threshold": "1e+02"}
    body = {
        "stat_id": stat,
        "kind": "delta",
        "time_window": "1d",
        "operator": "dt",
        "percentage": 12.5,
        "time_delta": "1w",
        "threshold": 7,
    }
    by_form = project.x("/alerts", "POST", data=form)
    by_json = project.x("/alerts", "POST", json=body)
    data = project.x("/alerts", "POST", data={"stat_id": stat, "kind": "data", "time_window": "1M", "operator": "x"})
    shared = {"stat_id": stat, "stat_name": "n"}
    assert by_form == {
        "id": by_form["id"],
        **shared,
        "kind": "value",
        "time_window": "1h",
        "operator": "greater than",
        "threshold": 100,
    }
    assert by_json == {
        "id": by_json["id"],
        **shared,
        "kind": "delta",
        "time_window": "1d",
        "operator": "different than",
        "percentage": 12.5,
        "time_delta": "1w",
    }
    assert data == {"id": data["id"], **shared, "kind": "data", "time_window": "1M"}
    assert {type(one["id"]) for one in (by_form, by_json, data)} == {str}
    settle(project.server)
    assert project.x("/alerts") == [by_form, by_json, data]
    assert project.x(f"/alerts/{by_json['id']}") == by_json
    for method in ("DELETE", "GET", "DELETE"):
        gone = method == "DELETE" and len(project.x("/alerts")) == 3
        found = project.x(f"/alerts/{by_form['id']}", method, 200 if gone else 404)
        assert found == {"msg": "alert deleted." if gone else "alert not found"}
    # Those of a stat go with it.
    project.x(f"/stats/{stat}", "DELETE")
    assert project.x("/alerts") == []
    assert project.x(f"/alerts/{data['id']}", status=404) == {"msg": "alert not found"}


@pytest.mark.parametrize(
    ("changed", "status", "text"),
    [
        ({"stat_id": ""}, 400, "stat_id is required"),
        ({"stat_id": "unknown"}, 404, "stat not found"),
        ({"stat_id": "0GhkR2mWxZ7"}, 404, "stat not found"),
        ({"kind": "gauge"}, 400, "kind must be value, delta or data"),
        ({"time_window": "2h"}, 400, "time_window must be one of 5m 1h 3h 1d 1w 1M 1y"),
        ({"operator": "different than"}, 400, "operator must be greater than or less than"),
        ({"threshold": "much"}, 400, "threshold must be a number"),
    ],
)
def test_alerts_that_are_refused(project: Project, changed: dict[str, str], status: int, text: str) -> None:
    project.post({"stat": "n", "count": 1})
    good = {"kind": "value", "time_window": "1h", "operator": "lt", "threshold": "1"}
    sent = {"stat_id": project.ids()["n"], **good, **changed}
    assert project.x("/alerts", "POST", status, data=sent) == {"msg": text}
    assert project.x("/alerts", "POST", status, json=sent) == {"msg": text}
    assert project.x("/alerts") == []


# --- the private API


def test_a1(project: Project) -> None:
    now = int(time.time())
    start = (now - DAY) // MINUTE * MINUTE
    project.post(
        {"stat": "v", "value": 10, "t": start},
        {"stat": "v", "value": 20, "t": start},
        {"stat": "n", "count": 5, "t": start + HOUR},
    )
    settle(project.server)
    assert project.a1("/stats").json() == project.x("/statlist")
    ids = project.ids()
    found = project.a1(f"/stats/{ids['v']}/dataset", t="2h1h1w", start=start).json()
    assert found == {
        "Name": "v",
        "Timeframe": "2 hours @ 1 hour",
        "Kind": "value",
        "Points": [{"Time": start, "Value": 15, "Rcount": 2}, {"Time": start + HOUR, "Value": 0, "Rcount": 0}],
    }
    found = project.a1(f"/stats/{ids['n']}/dataset", t="2h1h", start=start).json()
    assert (found["Kind"], found["Points"][1]) == ("count", {"Time": start + HOUR, "Value": 5, "Rcount": 1})
    answer = project.a1("/stats/unknown/dataset")
    assert (answer.status_code, answer.json()) == (404, {"msg": "stat not found"})
    answer = project.a1(f"/stats/{ids['n']}/dataset", t="soon")
    assert (answer.status_code, answer.json()) == (400, {"msg": "invalid t"})
    # A key in a header does as well.
    assert project.ask("GET", "/a1/stats", headers=bearer(project.key)).status_code == 200
    assert project.ask("GET", "/a1/stats", headers={"X-API-Key": project.key}).status_code == 200


def test_a1_gives_a_whole_history(project: Project) -> None:
    """From its first day on, also where that came in last: 400 days are 9,600 hours."""
    now = int(time.time())
    midnight = now // DAY * DAY
    project.post({"stat": "n", "count": 5, "t": now - 60}, {"stat": "v", "value": 3, "t": now - 60})
    project.post({"stat": "n", "count": 2, "t": midnight - 399 * DAY + 90})
    settle(project.server)
    ids = project.ids()
    found = project.a1(f"/stats/{ids['n']}/dataset_full").json()
    # Midnight may pass meanwhile.
    assert (found["Name"], found["Kind"]) == ("n", "count")
    assert found["Timeframe"] in ("400 days @ 1 hour", "401 days @ 1 hour")
    points = found["Points"]
    assert points[0] == {"Time": midnight - 399 * DAY, "Value": 2, "Rcount": 1}
    assert len(points) in (9_600, 9_624)
    assert [point["Value"] for point in points if point["Rcount"]] == [2, 5]
    found = project.a1(f"/stats/{ids['v']}/dataset_full").json()
    assert found["Timeframe"] in ("1 day @ 15 minutes", "2 days @ 15 minutes")
    assert [point["Value"] for point in found["Points"] if point["Rcount"]] == [3]
    answer = project.a1("/stats/unknown/dataset_full")
    assert (answer.status_code, answer.json()) == (404, {"msg": "stat not found"})


def test_18_alerts_at_a1(project: Project) -> None:
    """What its command line makes and lists is what the token's path has."""
    project.post({"stat": "n", "count": 1})
    sent = {"stat_id": project.ids()["n"], "kind": "delta", "time_window": "1d", "operator": "gt"}
    sent |= {"percentage": "50", "time_delta": "1w"}
    basic = {"auth": (project.key, "")}
    made = project.ask("POST", "/a1/alerts", data=sent, **basic)
    assert made.status_code == 200
    assert project.ask("GET", "/a1/alerts", **basic).json() == project.x("/alerts") == [made.json()]
    wrong = project.ask("POST", "/a1/alerts", data=sent | {"kind": "x"}, **basic)
    assert (wrong.status_code, wrong.json()) == (400, {"msg": "kind must be value, delta or data"})


def test_comments_are_notes_on_the_stat(project: Project) -> None:
    project.post({"stat": "n", "count": 1}, {"stat": "m", "count": 1})
    stat, before = project.ids()["n"], time.time()
    form, basic = {"id": stat, "text": "Released <2>"}, {"auth": (project.key, "")}
    for more in ({"data": form}, {"json": form}):
        answer = project.ask("POST", "/a1/comments", **more, **basic)
        assert (answer.status_code, answer.json()) == (200, {"message": "comment added."})
    notes = project.api("/annotations", stat=stat)["annotations"]
    assert [(note["text"], note["stat_id"], note["kind"]) for note in notes] == [("Released <2>", stat, "note")] * 2
    assert all(before - 1 <= datetime.fromisoformat(note["ts"]).timestamp() <= time.time() for note in notes)
    for changed, status, text in (
        ({"id": "0GhkR2mWxZ7"}, 404, "stat not found"),
        ({"id": "n"}, 404, "stat not found"),
        ({"id": ""}, 400, "id is required"),
        ({"text": " "}, 400, "text is required"),
        ({"text": "x" * 1_001}, 400, "text must be 1 to 1000 characters"),
    ):
        answer = project.ask("POST", "/a1/comments", data=form | changed, **basic)
        assert (answer.status_code, answer.json()) == (status, {"msg": text})
    assert len(project.api("/annotations")["annotations"]) == 2


# --- who may, and how it is told


def test_tokens(project: Project) -> None:
    project.post({"stat": "n", "count": 1})
    stat = project.ids()["n"]
    reading = project.make_key(scopes=["read"], unlimited=True)
    writing = project.make_key(scopes=["write"], unlimited=True)
    legacy = project.make_key(style="stathat")
    revoked = project.server.call("key.create", project=project.project, scopes=["read"])
    project.server.call("key.revoke", id=revoked["id"])
    for path in ("/statlist", f"/data/{stat}?t=1m", "/stat?name=n"):
        assert project.ask("GET", f"/x/{reading}{path}").status_code == 200
        for key in (writing, legacy):
            answer = project.ask("GET", f"/x/{key}{path}")
            assert (answer.status_code, answer.json()) == (403, {"msg": "this token lacks the read scope"})
        for token in ("unknown", revoked["key"], "%20", project.project):
            answer = project.ask("GET", f"/x/{token}{path}")
            assert (answer.status_code, answer.json()) == (401, {"msg": "invalid access token"})
        # The path alone says who asks.
        answer = project.ask("GET", f"/x/unknown{path}", headers=bearer(project.key))
        assert answer.status_code == 401
    for method, path in (("DELETE", f"/stats/{stat}"), ("GET", "/alerts"), ("POST", "/alerts"), ("GET", "/alerts/x")):
        answer = project.ask(method, f"/x/{reading}{path}")
        assert (answer.status_code, answer.json()) == (403, {"msg": "this token lacks the write scope"})
    for method, path in (("GET", "/alerts"), ("POST", "/alerts"), ("POST", "/comments")):
        answer = project.ask(method, f"/a1{path}", auth=(reading, ""))
        assert (answer.status_code, answer.json()) == (403, {"msg": "this token lacks the write scope"})
    answer = project.ask("GET", "/a1/stats")
    assert (answer.status_code, answer.json()) == (401, {"msg": "invalid access token"})
    assert answer.headers["www-authenticate"].startswith("Basic ")
    answer = project.ask("GET", "/a1/stats", auth=("unknown", ""))
    assert (answer.status_code, answer.json()) == (401, {"msg": "invalid access token"})
    assert list(project.ids()) == ["n"]


def test_a_rate_is_told_inside_a_200(project: Project) -> None:
    token = project.make_key(scopes=["read", "write"], rate=1, burst=2)
    assert [project.ask("GET", f"/x/{token}/statlist").json() for _ in range(2)] == [[], []]
    for method, path, more in (
        ("GET", f"/x/{token}/statlist", {}),
        ("GET", f"/x/{token}/data/unknown", {}),
        ("GET", "/a1/stats", {"auth": (token, "")}),
        ("DELETE", f"/x/{token}/stats/unknown", {}),
    ):
        answer = project.ask(method, path, **more)
        assert (answer.status_code, answer.json()) == (200, {"Error": "Rate limit exceeded."})
        assert int(answer.headers["retry-after"]) >= 1
    # Points are counted apart.
    assert project.ask("POST", "/ez", data={"ezkey": token, "stat": "n", "count": 1}).json()["msg"] == "ok"


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/statlist", 405, "GET"),
        ("GET", "/stats/x", 405, "DELETE"),
        ("PUT", "/alerts", 405, "GET, POST"),
        ("POST", "/alerts/x", 405, "DELETE, GET"),
        ("GET", "", 404, None),
        ("GET", "/", 404, None),
        ("GET", "/data", 404, None),
        ("GET", "/data/", 404, None),
        ("GET", "/data/1/", 404, None),
        ("GET", "/data/1//2", 404, None),
        ("POST", "/data/1/2/3/4/5/6/7/8/9/10/11", 405, "GET"),
        ("GET", "/statlist/", 404, None),
    ],
)
def test_paths_and_methods(project: Project, method: str, path: str, status: int, allow: str | None) -> None:
    answer = project.ask(method, f"/x/{project.key}{path}")
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert_form("stathat", answer)


def test_head_is_answered_as_get_is(project: Project) -> None:
    answer = project.ask("HEAD", f"/x/{project.key}/statlist")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "2", b"")


def test_the_earlier_of_two_errors(project: Project) -> None:
    """The order of checks of what takes a body: each request fails two steps, one after the other."""
    project.post({"stat": "n", "count": 1})
    good = json.dumps({"stat_id": project.ids()["n"], "kind": "data", "time_window": "1h"}).encode()
    reading = project.make_key(scopes=["read"], unlimited=True)
    spent = project.make_key(scopes=["read", "write"], rate=1, burst=1)
    assert project.ask("GET", f"/x/{spent}/alerts").json() == []
    coded, big = JSON | {"Content-Encoding": "br"}, 1024 * 1024 + 1
    attempts: list[tuple[str, dict[str, str], bytes, int | None, int, Any]] = [
        ("unknown", coded, b"", big, 413, {"msg": "body too large"}),
        ("unknown", coded, b"{", None, 415, {"msg": "unsupported encoding"}),
        ("unknown", JSON, b"{", None, 401, {"msg": "invalid access token"}),
        (reading, JSON, b"{", None, 403, {"msg": "this token lacks the write scope"}),
        (spent, JSON, b"{", None, 400, {"msg": "invalid json"}),
        (spent, JSON, good.replace(b"stat_id", b"no_id"), None, 400, {"msg": "stat_id is required"}),
        (spent, JSON, good, None, 200, {"Error": "Rate limit exceeded."}),
    ]
    for token, headers, body, length, status, told in attempts:
        reply = talk(project.server, request_bytes("POST", f"/x/{token}/alerts", headers, body, length=length))
        assert (reply.status, reply.json()) == (status, told)
    assert project.x("/alerts", "POST", data=good, headers=JSON)["kind"] == "data"


def test_tokens_are_written_nowhere(project: Project) -> None:
    marker = f"secretmarker{time.time_ns()}"
    made = project.server.call("key.create", project=project.project, secret=f"{marker}-long-enough", scopes=["read"])
    token = made["key"]
    for path in (f"/x/{token}/statlist", f"/x/{token}/data/unknown?t=x", f"/x/{token}/alerts", f"/x/{token}/nowhere"):
        project.ask("GET", path)
        project.ask("GET", path.replace(token, f"{marker}unknown"))
    assert project.ask("GET", "/a1/stats", auth=(token, "")).status_code == 200
    assert_written_nowhere(project, marker)
