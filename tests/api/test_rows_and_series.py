"""Lists of events, requests and spans, and series: what the store is asked, and what of its answer is shown."""

from __future__ import annotations

import pytest
from api_world import NOW
from test_resources import add_stat, number_of

from headrace.records.tables import EVENTS, REQUESTS, SPANS

API = "/api/headrace"
ROW_ID = "0199f3c2-7a41-7c3e-9b5d-2f6a8c1e4d70"
_VALUES = {
    "u8": 0,
    "u16": 0,
    "u64": 0,
    "float": 1.5,
    "float?": None,
    "labels": {"zone": "a"},
    "us": NOW,
    "uuid": ROW_ID,
}


def stored(table, **changes):
    """(columns, one row) as the store gives them."""
    row = {c.name: _VALUES.get(c.kind, "") for c in table.columns if c.name not in ("project", "batch", "raw")}
    row |= changes
    return tuple(row), tuple(row.values())


@pytest.mark.parametrize(
    ("path", "table", "name"), [("events", EVENTS, "message"), ("requests", REQUESTS, "path"), ("spans", SPANS, "name")]
)
def test_rows_are_listed_with_times_as_text(world, path, table, name):
    hostile = "<script>alert(1)</script> \u202eabc"
    world.store.columns, row = stored(table, **{name: hostile})
    world.store.rows = [row]
    page = world.call("GET", f"{API}/{path}", "ann.read").json()
    (shown,) = page[table.name]
    assert page["next"] is None
    assert shown["ts"] == shown["received_at"] == "2026-09-21T14:13:20.000000Z"
    assert shown[name] == hostile
    assert not {"project", "batch", "raw"} & set(shown)
    ((project, _),) = world.store.asked
    assert project == number_of(world, "ann.shop")


def test_a_page_ends_with_the_cursor_of_the_next(world):
    world.store.columns, row = stored(EVENTS)
    world.store.rows = [row, row, row]
    page = world.call("GET", f"{API}/events?limit=2", "ann.read").json()
    assert len(page["events"]) == 2
    assert page["next"] == f"{NOW}.{ROW_ID}"
    world.store.rows = []
    world.call("GET", f"{API}/events?limit=2&cursor={page['next']}", "ann.read")
    _, sql = world.store.asked[-1]
    assert sql.params["before_id"] == ROW_ID


def test_filters_travel_as_parameters(world):
    query = (
        "type=error&type=log&level=fatal&name=KeyError&text=O'Brien&dialect=logister&label=zone%3Da%3Db&from=-1h&to=now"
    )
    assert world.call("GET", f"{API}/events?{query}", "ann.read").status_code == 200
    _, sql = world.store.asked[-1]
    sent = list(sql.params.values())
    for value in (
        "error",
        "log",
        ["fatal"],
        ["KeyError"],
        "O'Brien",
        ["logister"],
        "zone",
        "a=b",
        NOW,
        NOW - 3_600_000_000,
    ):
        assert value in sent
    assert "Brien" not in sql.text


def test_the_default_environment_finds_rows_without_one(world):
    world.call("GET", f"{API}/events?environment=production", "ann.read")
    world.call("GET", f"{API}/events?environment=staging", "ann.read")
    asked = [[value for value in sql.params.values() if isinstance(value, list)] for _, sql in world.store.asked]
    assert asked == [[["production", ""]], [["staging"]]]


@pytest.mark.parametrize(
    ("raw", "shown"), [('{"a":[1]}', {"a": [1]}), ("not json", "not json"), ("[" * 10_000, "[" * 10_000)]
)
def test_one_row_comes_with_what_was_accepted(world, raw, shown):
    columns, row = stored(EVENTS)
    world.store.columns, world.store.rows = (*columns, "raw"), [(*row, raw)]
    assert world.call("GET", f"{API}/events/{ROW_ID}", "ann.read").json()["raw"] == shown


@pytest.mark.parametrize("path", ["events", "requests", "spans"])
def test_a_row_that_is_not_there(world, path):
    answer = world.call("GET", f"{API}/{path}/{ROW_ID}", "ann.read")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def buckets_of(group, *counts, start=NOW // 1000 // 3_600_000 * 3_600_000 - 7_200_000):
    """Rows as the engine answers a series of hours: line, bucket, count, sum, min, max, last."""
    return [(group, start + n * 3_600_000, c, c * 2.0, 1.0, 3.0, 2.5) for n, c in enumerate(counts) if c]


@pytest.mark.parametrize(
    ("source", "stat_type", "aggregate", "value", "empty"),
    [
        ("stat", "counter", "sum", 8.0, 0),
        ("stat", "value", "mean", 2.0, None),
        ("slowstats", "value", "last", 2.5, None),
    ],
)
def test_a_stats_chart_is_dense_and_drawn_as_its_type_wants(world, source, stat_type, aggregate, value, empty):
    add_stat(world, "ann.shop", "load", source, stat_type)
    world.store.rows = buckets_of("", 4, 0)
    answer = world.call("GET", f"{API}/stats/load/series?from=-2h&resolution=1h", "ann.read")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["aggregate"], body["resolution"], body["to"]) == (aggregate, "1h", "2026-09-21T14:13:20.000000Z")
    (line,) = body["lines"]
    assert line["name"] == "load"
    assert [point["value"] for point in line["points"]] == [value, empty, empty]
    assert [point["count"] for point in line["points"]] == [4, 0, 0]
    assert line["points"][0]["start"] == "2026-09-21T12:00:00.000000Z"


def test_lines_of_stats_carry_their_names(world):
    ids = {add_stat(world, "ann.shop", name, stat_id=number): (name, number) for number, name in ((5, "a"), (6, "b"))}
    world.store.rows = [*buckets_of("5", 1), *buckets_of("6", 9)]
    question = {"stats": ["a", *list(ids)[1:]], "group_by": "stat", "from": "-2h", "resolution": "1h"}
    lines = world.call("POST", f"{API}/series", "ann.read", json=question).json()["lines"]
    assert [(ids[line["group"]][0], line["name"]) for line in lines] == [("b", "b"), ("a", "a")]


def test_rows_are_a_source_too(world):
    world.store.rows = [("/a", NOW // 1000 // 3_600_000 * 3_600_000, 3, 6.0, 1.0, 3.0, 2.0, 2.9)]
    question = {
        "table": "requests",
        "where": {"equals": {"direction": ["inbound"], "status": [500]}, "text": "x"},
        "measure": "duration_ms",
        "aggregate": "p95",
        "group_by": "path",
        "resolution": "1h",
    }
    body = world.call("POST", f"{API}/series", "ann.read", json=question).json()
    assert body["lines"][0]["group"] == "/a"
    assert body["lines"][0]["points"][-1]["value"] == 2.9
    _, sql = world.store.asked[-1]
    assert ["inbound"] in sql.params.values()


@pytest.mark.parametrize(
    ("question", "status"),
    [
        pytest.param({"stats": ["nothing"]}, 404, id="unknown stat"),
        pytest.param({"stats": ["load"], "table": "events"}, 422, id="both"),
        pytest.param({"stats": ["load"], "measure": "value"}, 422, id="measure of points"),
        pytest.param({"stats": ["load"] * 101}, 422, id="too many stats"),
        pytest.param({"stats": ["load"], "from": "now", "to": "-1h"}, 400, id="backwards"),
        pytest.param({"stats": ["load"], "tz": "Mars/Olympus"}, 400, id="no such zone"),
        pytest.param({"stats": ["load"], "tz": "../../etc/passwd"}, 400, id="zone that is a path"),
        pytest.param({"stats": ["load"], "resolution": "1m", "from": "-52w"}, 400, id="too many buckets"),
        pytest.param({"stats": ["load"], "resolution": "7m"}, 400, id="no such resolution"),
        pytest.param({"table": "events", "measure": "raw", "aggregate": "sum"}, 400, id="not a number"),
        pytest.param({"table": "events", "group_by": "raw"}, 400, id="not a field"),
        pytest.param({"table": "events", "where": {"equals": {"project": ["1"]}}}, 400, id="filter by project"),
        pytest.param({"table": "points"}, 400, id="no such table"),
        pytest.param({"table": "events", "from": "0000-01-01T00:00:00Z"}, 400, id="year 0"),
    ],
)
def test_questions_that_cannot_be(world, question, status):
    add_stat(world, "ann.shop", "load")
    answer = world.call("POST", f"{API}/series", "ann.read", json=question)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert world.store.asked == []
