from uuid import UUID, uuid4

import pytest
from store_rows import START, golden

from headrace.store import Store
from headrace.store.events import arrived_sql, get_row, list_rows, list_sql, newest_sql, newest_us_sql
from headrace.store.filters import BadFilter, Filter, conditions, filterable

TS = START * 1000

GOLDEN_LISTS = {
    "events": {"table": "events", "wanted": Filter(), "start": TS, "end": TS + 1, "limit": 11, "cursor": None, "raw": True},
    "errors_after": {
        "table": "events",
        "wanted": Filter({"type": ("error",), "level": ("error", "fatal")}, {"region": "eu"}, "timeout"),
        "start": None, "end": None, "limit": 11, "raw": False,
        "cursor": f"{TS}.7f0d1f0e-1111-4111-8111-111111111111",
    },
    "requests": {
        "table": "requests", "wanted": Filter({"status": (500,)}), "start": None, "end": None, "limit": 11, "cursor": None, "raw": False,
    },
}  # fmt: skip


def test_the_sql_of_what_arrived() -> None:
    sql = arrived_sql("requests", 5, 9, 50, ("path",))
    assert sql.text + "\n" == golden("arrived_requests")
    assert sql.params == {"after": 5, "upto": 9, "limit": 50}


def test_the_sql_of_the_newest() -> None:
    sql = newest_sql("events", TS, 12, ("type", "name"))
    assert sql.text + "\n" == golden("newest_events")
    assert sql.params == {"since": TS, "limit": 12}
    sql = newest_us_sql("events")
    assert sql.text + "\n" == golden("newest_us_events")
    assert sql.params == {}


@pytest.mark.parametrize("name", GOLDEN_LISTS)
def test_the_sql_of_a_list(name: str) -> None:
    assert list_sql(**GOLDEN_LISTS[name]).text + "\n" == golden(f"list_{name}")


def test_the_parameters_of_a_list() -> None:
    assert list_sql(**GOLDEN_LISTS["errors_after"]).params == {
        "type0": "error", "equals0": ["error", "fatal"], "label0": "region", "labelled0": "eu", "text": "timeout", "limit": 11,
        "before": TS, "before_id": "7f0d1f0e-1111-4111-8111-111111111111",
    }  # fmt: skip


def names(store: Store, project: int, table: str = "events", **question) -> list[str]:
    return [row["name"] for row in list_rows(store, project, table, **question).rows]


@pytest.fixture
def events(store: Store, put_rows, project: int) -> int:
    put_rows(
        "events",
        project,
        [
            {"type": "error", "name": "Boom", "level": "error", "message": "Der Fluß ist über die Ufer", "ts": TS + 3, "environment": "production"},
            {"type": "log", "name": "line", "level": "info", "message": "hello", "ts": TS + 2, "labels": {"region": "eu"}},
            {"type": "log", "name": "quiet", "level": "debug", "message": "100% [done]", "ts": TS + 1, "dialect": "logister"},
            {"type": "event", "name": "sale", "message": "", "ts": TS, "value": 9.5, "received_at": TS + 40 * 86_400_000_000},
        ],
    )  # fmt: skip
    return project


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), ["Boom", "line", "quiet", "sale"]),
        (Filter({"type": ("log",)}), ["line", "quiet"]),
        (Filter({"type": ("log", "error", "log")}), ["Boom", "line", "quiet"]),
        (Filter({"level": ("error", "debug")}), ["Boom", "quiet"]),
        (Filter({"environment": ("production",)}), ["Boom"]),
        (Filter({"environment": ("production", ""), "type": ("error", "event")}), ["Boom", "sale"]),
        (Filter({"name": ("sale", "line")}), ["line", "sale"]),
        (Filter({"dialect": ("logister",)}), ["quiet"]),
        (Filter(labels={"region": "eu"}), ["line"]),
        (Filter(labels={"region": "eu", "zone": "a"}), []),
        (Filter(text="FLUSS"), []),
        (Filter(text="fluß IST ÜBER"), ["Boom"]),
        (Filter(text="%"), ["quiet"]),
        (Filter(text="SALE"), ["sale"]),
        (Filter({"type": ("log",)}, {"region": "eu"}, "HELL"), ["line"]),
    ],
)
def test_filters(store: Store, events: int, wanted: Filter, expected: list[str]) -> None:
    assert names(store, events, wanted=wanted) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(TS + 1, None, ["Boom", "line", "quiet"]), (None, TS + 2, ["quiet", "sale"]), (TS + 1, TS + 2, ["quiet"])],
)
def test_time_ranges(store: Store, events: int, start: int | None, end: int | None, expected: list[str]) -> None:
    assert names(store, events, start=start, end=end) == expected


def test_pages_are_newest_first_and_miss_nothing_where_times_are_equal(store: Store, put_rows, project: int) -> None:
    ids = put_rows(
        "events", project, [{"type": ("log", "error", "event")[n % 3], "ts": TS + n // 7} for n in range(40)]
    )
    seen: list[dict] = []
    cursor = None
    while True:
        page = list_rows(store, project, "events", limit=9, cursor=cursor)
        seen += page.rows
        cursor = page.next
        if cursor is None:
            break
        assert len(page.rows) == 9
        # Rows that arrive meanwhile are newer and move nothing.
        put_rows("events", project, [{"type": "log", "ts": TS + 1_000}])
    assert [row["ts"] for row in seen] == sorted((TS + n // 7 for n in range(40)), reverse=True)
    assert {UUID(row["id"]) for row in seen} == set(ids)


@pytest.mark.parametrize("count", [8, 9, 10])
def test_the_last_page_has_no_next(store: Store, put_rows, project: int, count: int) -> None:
    put_rows("requests", project, [{"ts": TS + n} for n in range(count)])
    assert (list_rows(store, project, "requests", limit=9).next is None) == (count <= 9)


def test_a_row_comes_back_whole(store: Store, put_rows, project: int) -> None:
    (row_id,) = put_rows(
        "requests", project, [{"status": 503, "path": "/x", "raw": '{"a":1}', "ts": TS + 7, "labels": {"k": "v"}}]
    )
    listed = list_rows(store, project, "requests", Filter({"status": ("503",), "id": (str(row_id).upper(),)})).rows[0]
    assert "raw" not in listed
    assert {"project", "batch"}.isdisjoint(listed)
    assert (listed["ts"], listed["id"], listed["status"], listed["labels"]) == (TS + 7, str(row_id), 503, {"k": "v"})
    assert get_row(store, project, "requests", row_id) == listed | {"raw": '{"a":1}'}
    assert get_row(store, project + 1_000_000, "requests", row_id) is None
    assert get_row(store, project, "requests", uuid4()) is None


@pytest.mark.parametrize(
    ("table", "wanted", "fault"),
    [
        ("points", Filter(), "points: not events, requests or spans"),
        ("events", Filter({"project": (2,)}), "project: not a field"),
        ("events", Filter({"raw": ("x",)}), "raw: not a field"),
        ("events", Filter({"name = '' OR 1": ("x",)}), "not a field"),
        ("requests", Filter({"level": ("x",)}), "level: not a field of requests"),
        ("events", Filter({"level": ()}), "level: 1 to 100 values"),
        ("events", Filter({"level": ("x",) * 101}), "level: 1 to 100 values"),
        ("events", Filter({"level": ("x" * 1_001,)}), "level: text of at most 1,000"),
        ("events", Filter({"level": (7,)}), "level: text"),
        ("events", Filter({"level": ("\ud800",)}), "level: not valid Unicode"),
        ("events", Filter({"id": ("7",)}), "id: not a UUID"),
        ("requests", Filter({"status": ("many",)}), "status: not a number"),
        ("requests", Filter({"status": (65_536,)}), "status: not a number in its range"),
        ("events", Filter({"type": ()}), "type: one or more of error, log, metric, transaction, check_in, event"),
        ("events", Filter({"type": ("log", "logs")}), "type: one or more of error"),
        ("events", Filter(labels={"a" * 1_001: ""}), "labels: text of at most"),
        ("events", Filter(text="a" * 1_001), "text: text of at most"),
    ],
)
def test_filters_that_cannot_be(table: str, wanted: Filter, fault: str) -> None:
    with pytest.raises(BadFilter, match=fault):
        list_sql(table, wanted, start=None, end=None, limit=1, cursor=None, raw=False)


@pytest.mark.parametrize("size", [1_000, 100])
def test_the_largest_filters_pass(store: Store, project: int, size: int) -> None:
    wanted = Filter({"level": ("x" * 1_000,) * 100}, {"a" * size: "b" * size}, "c" * size)
    assert list_rows(store, project, "events", wanted).rows == []


@pytest.mark.parametrize("cursor", ["", "x", "1.", ".7f0d1f0e-1111-4111-8111-111111111111", "1.7f0d", "-1.7f0d1f0e-1111-4111-8111-111111111111", "\u0661.7f0d1f0e-1111-4111-8111-111111111111"])  # fmt: skip
def test_cursors_that_no_page_gave(store: Store, project: int, cursor: str) -> None:
    with pytest.raises(BadFilter, match="cursor"):
        list_rows(store, project, "events", cursor=cursor)


@pytest.mark.parametrize("limit", [0, 1_001])
def test_limits_of_a_page(store: Store, project: int, limit: int) -> None:
    with pytest.raises(BadFilter, match="limit"):
        list_rows(store, project, "events", limit=limit)


def test_every_field_that_can_be_filtered_by_compiles(store: Store, project: int) -> None:
    for table in ("events", "requests", "spans"):
        for name in filterable(table):
            value = {"id": str(uuid4()), "type": "log"}.get(name, "1")
            assert list_rows(store, project, table, Filter({name: (value,)})).rows == []
            assert conditions(table, Filter({name: (value,)}))[1]


def test_a_page_reads_no_more_than_it_shows_of_a_long_table(store: Store, put_rows, project: int) -> None:
    put_rows("events", project, [{"type": "log", "ts": TS + n, "raw": "x" * 200} for n in range(30_000)])
    sql = list_sql("events", Filter(), start=None, end=None, limit=10, cursor=None, raw=True)
    result = store.query(project, sql)
    assert [row["ts"] for row in result.dicts()] == [TS + 29_999 - n for n in range(10)]
    assert result.read_rows < 20_000
