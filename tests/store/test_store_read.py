import threading
import time

import pytest
from store_rows import HOUR, START

from headrace.store import Budget, BudgetExceeded, Sql, Store, StoreUnavailable
from headrace.store.connect import connect
from headrace.store.events import list_rows
from headrace.store.reader import Reader
from headrace.store.series import PointsSource, Series, read_series

SCOPE = "project = {project:UInt32}"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT value FROM points",
        "SELECT value FROM points WHERE project = 1",
        f"SELECT a.value FROM points AS a JOIN points AS b ON a.ts = b.ts WHERE {SCOPE}",
        f"SELECT value FROM points WHERE {SCOPE} UNION ALL SELECT value FROM points",
        f"SELECT value FROM (SELECT value FROM points) WHERE {SCOPE} AND stat IN (SELECT stat FROM points)",
        f"SELECT * FROM file('/etc/passwd') WHERE {SCOPE}",
        f"SELECT * FROM url('http://x/') WHERE {SCOPE}",
        f"SELECT * FROM points, events WHERE {SCOPE}",
        f"SELECT * FROM points AS a, events AS b WHERE {SCOPE}",
        f"SELECT * FROM points WHERE {SCOPE} AND stat IN spans",
        f"SELECT * FROM system.parts WHERE {SCOPE}",
        f"SELECT * FROM migrations WHERE {SCOPE}",
        f"select value\nfrom points_probe where {SCOPE}",
    ],
)
def test_a_query_that_forgets_whose_data_it_reads_cannot_be_made(text: str) -> None:
    with pytest.raises(ValueError, match=r"reads from our own tables|read under its project"):
        Sql(text)


def test_the_project_is_bound_by_the_reader_alone() -> None:
    with pytest.raises(ValueError, match="read under its project"):
        Sql(f"SELECT value FROM points WHERE {SCOPE}", {"project": 2})


@pytest.mark.parametrize("project", [0, -1, 1 << 32])
def test_a_read_needs_a_project(store: Store, project: int) -> None:
    with pytest.raises(ValueError, match="needs a project"):
        store.query(project, Sql(f"SELECT value FROM points WHERE {SCOPE}"))


def test_projects_never_see_each_other(store: Store, put, put_rows, project: int) -> None:
    other = project + 1_000_000
    put(project, [(7, START, 1.0)])
    put(other, [(7, START, 2.0), (7, START, 3.0)])
    put_rows("events", project, [{"type": "log", "name": "mine"}])
    put_rows("events", other, [{"type": "log", "name": "theirs"}])
    for number, total, name in ((project, 1.0, "mine"), (other, 5.0, "theirs")):
        series = Series(number, PointsSource((7,)), START, START + HOUR, "1h")
        assert [bucket.sum for bucket in read_series(store, series)[0].buckets] == [total]
        assert [row["name"] for row in list_rows(store, number, "events").rows] == [name]


NUMBERS = f"SELECT count() AS n FROM points WHERE {SCOPE}"


@pytest.mark.parametrize(
    ("text", "budget", "limit"),
    [
        (f"SELECT sum(sleepEachRow(0.05)) FROM points WHERE {SCOPE}", Budget(seconds=0.2), "time"),
        (
            f"SELECT arrayMap(x -> x + stat, range(50000000)) FROM points WHERE {SCOPE}",
            Budget(memory_bytes=10_000_000),
            "memory",
        ),
        (f"SELECT value FROM points WHERE {SCOPE}", Budget(rows=10), "rows"),
        (f"SELECT value FROM points WHERE {SCOPE}", Budget(answer_rows=10), "rows"),
    ],
    ids=["time", "memory", "rows read", "rows answered"],
)
def test_every_part_of_a_budget_holds(store: Store, put, project: int, text: str, budget: Budget, limit: str) -> None:
    put(project, [(7, START + n, 1.0) for n in range(50)])
    with pytest.raises(BudgetExceeded) as exceeded:
        store.query(project, Sql(text), budget)
    assert exceeded.value.limit == limit
    assert store.query(project, Sql(NUMBERS)).rows == [(50,)]


def test_a_read_cannot_write(store: Store, project: int) -> None:
    with pytest.raises(StoreUnavailable, match="READONLY"):
        store.query(project, Sql(f"INSERT INTO migrations (number) SELECT project FROM points WHERE {SCOPE}"))


def test_an_error_says_its_kind_and_nothing_of_the_query(store: Store, project: int) -> None:
    with pytest.raises(StoreUnavailable) as failed:
        store.query(project, Sql(f"SELECT secret FROM points WHERE {SCOPE}"))
    assert str(failed.value) == "the query failed: UNKNOWN_IDENTIFIER (47)"


def test_parameters_are_values_whatever_they_hold(store: Store, put_rows, project: int) -> None:
    nasty = "'; DROP TABLE events -- \\' \" \n\t{project:UInt32} \u00e9\U0001f600"
    put_rows("events", project, [{"type": "log", "name": nasty}, {"type": "log", "name": "plain"}])
    sql = Sql(f"SELECT name FROM events WHERE {SCOPE} AND name = {{name:String}}", {"name": nasty})
    assert store.query(project, sql).dicts() == [{"name": nasty}]


def test_many_threads_share_few_slots(store: Store, put, project: int) -> None:
    put(project, [(7, START + n, 1.0) for n in range(20)])
    connected = []

    def counted():
        connected.append(1)
        return connect(store._place, store._place.database)

    reader = Reader(counted, slots=2)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(reader.run(project, Sql(NUMBERS)).rows[0][0])) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader.close()
    assert answers == [20] * 12
    assert 1 <= len(connected) <= 2


def test_closing_cancels_what_runs_and_refuses_what_comes(store: Store, put, project: int) -> None:
    put(project, [(7, START + n, 1.0) for n in range(2_000)])
    reader = Reader(lambda: connect(store._place, store._place.database), slots=1)
    rows = f"(SELECT ts FROM points WHERE {SCOPE})"
    slow = Sql(
        f"SELECT countIf(sipHash64(a.ts, b.ts, c.ts) = 1) FROM {rows} AS a CROSS JOIN {rows} AS b CROSS JOIN {rows} AS c"
    )
    failures: list[Exception] = []

    def run() -> None:
        try:
            reader.run(project, slow, Budget(seconds=60))
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    running = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = {tag:String}"
    while store._fetch(running, {"tag": reader._tag}) == [(0,)]:
        time.sleep(0.01)
    reader.close()
    thread.join()
    assert [str(failure) for failure in failures] == ["the query failed: QUERY_WAS_CANCELLED (394)"]
    with pytest.raises(StoreUnavailable, match="closed"):
        reader.run(project, Sql(NUMBERS))


def test_a_read_that_finds_no_slot_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.store.reader.WAIT_SECONDS", 0.01)
    reader = Reader(lambda: connect(store._place, store._place.database), slots=1)
    with reader._free, pytest.raises(StoreUnavailable, match="1 queries are running already"):
        reader.run(1, Sql(NUMBERS))
