import json
import math
import threading
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_rows import MINUTE, START, line_of, numbers, resolved, row_of

from headrace.records.encode import MAX_MS, BadRow
from headrace.records.points import PointRow, encode_points, point_record
from headrace.records.tables import TABLES
from headrace.records.text import clean_text
from headrace.store import PointRecords, RowsRefused, Store, StoreUnavailable
from headrace.store.engine import INSERT_SETTINGS
from headrace.store.events import get_row
from headrace.store.migrations import MIGRATIONS
from headrace.store.schema import sent_columns

ROLLUPS = ("points_1m", "points_15m")


def point_lines(project: int, batch: int, count: int, stat: int = 7, start: int = START) -> list[bytes]:
    return [b"[%d,%d,%d,%d.5,0,%d]\n" % (project, stat, start + n * 1000, n, batch) for n in range(count)]


def raw(store: Store, project: int) -> int:
    return store._fetch("SELECT count() FROM points WHERE project = {project:UInt32}", {"project": project})[0][0]


def rolled(store: Store, rollup: str, project: int) -> list[tuple]:
    return store._fetch(
        "SELECT stat, toUnixTimestamp64Milli(r.ts), sum(r.sum), sum(r.count), min(r.min), max(r.max), max(r.last), max(r.batch) "
        f"FROM {rollup} AS r WHERE project = {{project:UInt32}} GROUP BY stat, r.ts ORDER BY stat, r.ts",
        {"project": project},
    )


def test_points_reach_the_table_and_both_rollups(store: Store, project: int, batch: int) -> None:
    points = [
        (7, START + 2_000, 5.0),
        (7, START + 1_000, 1.5),
        (7, START + 61_000, -3.0),
        (8, START + 14 * MINUTE, 2.0),
    ]
    ((records, rows),) = encode_points(project, resolved((*point, 0) for point in points)).values()
    store.insert("points", PointRecords(records, batch), rows, str(uuid4()))
    assert rolled(store, "points_1m", project) == [
        (7, START, 6.5, 2, 1.5, 5.0, (2_000, 5.0), batch),
        (7, START + MINUTE, -3.0, 1, -3.0, -3.0, (1_000, -3.0), batch),
        (8, START + 14 * MINUTE, 2.0, 1, 2.0, 2.0, (0, 2.0), batch),
    ]
    assert rolled(store, "points_15m", project) == [
        (7, START, 3.5, 3, -3.0, 5.0, (61_000, -3.0), batch),
        (8, START, 2.0, 1, 2.0, 2.0, (14 * MINUTE, 2.0), batch),
    ]
    assert store.last_points(2026, batch) == [(project, 7, START + 61_000), (project, 8, START + 14 * MINUTE)]


def test_of_points_in_one_moment_the_one_sent_last_is_the_last(store: Store, put, project: int) -> None:
    values = {7: [1.0, 3.0, 2.0], 8: [5.0, 9.0]}
    put(project, [(7, START, 1.0), (8, START + 1, 5.0), (7, START, 3.0), (8, START, 9.0), (7, START, 2.0)])
    for rollup in ROLLUPS:
        assert [row[6] for row in rolled(store, rollup, project)] == [(0, values[7][-1]), (1, values[8][0])]


def test_values_keep_every_bit(store: Store, put, project: int) -> None:
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53 + 1, 8.41, 1 / 3]
    put(project, [(7, START + n, value) for n, value in enumerate(values)])
    sql = "SELECT value FROM points WHERE project = {project:UInt32} ORDER BY ts"
    found = [row[0] for row in store._fetch(sql, {"project": project})]
    assert [value.hex() for value in found] == [value.hex() for value in values]


def test_the_views_of_the_first_step_are_replaced(store: Store, put, project: int) -> None:
    """A folder of an older release: its views feed the rollups until the step that puts others in their place."""
    steps = {migration.number: migration.statements for migration in MIGRATIONS}
    older = [sql for sql in steps[1] if sql.startswith("CREATE MATERIALIZED VIEW") and "TO points_1" in sql]
    newer = steps[4]
    for sql in ("DROP VIEW points_1m_in_view", *newer[:2], *older):
        store._client.command(sql)
    put(project, [(7, START, 1.0)])
    for _ in range(2):  # a step that was stopped half way is done again
        for sql in newer:
            store._client.command(sql)
    put(project, [(7, START + 61_000, 2.0)])
    assert [row[2:4] for row in rolled(store, "points_1m", project)] == [(1.0, 1), (2.0, 1)]
    assert [row[2:4] for row in rolled(store, "points_15m", project)] == [(3.0, 2)]


def test_a_full_insert_is_one_part_in_each_table(store: Store, project: int, batch: int) -> None:
    """More than the parser's block of 65,409 rows, and a rollup as large as the raw table: one part makes an insert atomic."""
    year = 2042
    points = [(n, int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000), 1.0, 0) for n in range(100_000)]
    ((records, rows),) = encode_points(project, resolved(points)).values()
    store.insert("points", PointRecords(records, batch), rows, str(uuid4()))
    parts = (
        "SELECT table, count(), sum(rows) FROM system.parts WHERE active AND database = currentDatabase() "
        f"AND partition = '{year}' AND table IN ('points', 'points_1m', 'points_15m') GROUP BY table ORDER BY table"
    )
    assert store._fetch(parts) == [("points", 1, 100_000), ("points_15m", 1, 100_000), ("points_1m", 1, 100_000)]


def test_a_point_in_every_year_since_2000(store: Store, project: int, batch: int) -> None:
    times = [
        int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
        for year in range(2000, 2027)
        for month in range(1, 13)
    ]
    cut = encode_points(project, resolved((7, ts, 1.0, 0) for ts in times))
    assert len(cut) == 27
    for year, (records, rows) in cut.items():
        store.insert("points", PointRecords(records, batch), rows, str(uuid4()))
        assert store.rows_in("points", year, batch) == 12
    assert raw(store, project) == sum(row[3] for row in rolled(store, "points_15m", project)) == 324


def test_different_rows_under_a_used_token_are_dropped(store: Store, project: int, batch: int) -> None:
    """Why a token is never used twice, and why a token alone cannot tell whether rows are there."""
    token = str(uuid4())
    store.insert("points", b"".join(point_lines(project, batch, 3)), 3, token)
    store.insert("points", b"".join(point_lines(project, batch + 1, 5)), 5, token)
    assert raw(store, project) == 3
    assert store.rows_in("points", 2026, batch + 1) == 0
    assert not store.rollup_holds("points_1m", 2026, batch + 1)


def test_the_same_token_doubles_rows_when_the_block_is_cut_otherwise(store: Store, project: int, batch: int) -> None:
    """Why the settings that cut blocks are fixed and asserted at start."""
    payload = b"".join(point_lines(project, batch, 70_000))
    token = str(uuid4())
    for _ in range(2):
        store.insert("points", payload, 70_000, token)
        assert raw(store, project) == 70_000
    cut = INSERT_SETTINGS | {
        "max_insert_block_size": 20_000,
        "min_insert_block_size_rows": 1,
        "min_insert_block_size_bytes": 1,
    }
    store._client.raw_insert(
        "points_in", sent_columns("points"), payload, {**cut, "insert_deduplication_token": token}, "JSONCompactEachRow"
    )
    assert raw(store, project) > 70_000


def test_equal_rows_under_fresh_tokens_are_both_kept(store: Store, project: int, batch: int) -> None:
    for _ in range(2):
        store.insert("points", b"".join(point_lines(project, batch, 3)), 3, str(uuid4()))
    assert store.rows_in("points", 2026, batch) == 6
    assert rolled(store, "points_15m", project)[0][3] == 6


def test_looking_is_exact_per_table_partition_and_batch(store: Store, project: int, batch: int) -> None:
    store.insert("points", b"".join(point_lines(project, batch, 100)), 100, str(uuid4()))
    assert [
        store.rows_in("points", year, number) for year, number in ((2026, batch), (2025, batch), (2026, batch + 1))
    ] == [100, 0, 0]
    assert all(store.rollup_holds(rollup, 2026, batch) for rollup in ROLLUPS)
    assert not any(store.rollup_holds(rollup, 2025, batch) for rollup in ROLLUPS)
    line = line_of("events", row_of("events", project, type="log"), batch)
    store.insert("events", line * 4, 4, str(uuid4()))
    assert [store.rows_in("events", month, batch) for month in (202603, 202602)] == [4, 0]
    assert (store.rollups_of("points"), store.rollups_of("events")) == (ROLLUPS, ())


@pytest.mark.parametrize("missing", ROLLUPS)
def test_a_missing_rollup_is_rebuilt_as_its_view_would_have_filled_it(store: Store, batch: int, missing: str) -> None:
    whole, mended = next(numbers), next(numbers)
    for project, rollups in ((whole, True), (mended, False)):
        payload = b"".join(line for stat in (1, 2) for line in point_lines(project, batch, 2_000, stat))
        store.insert("points", payload, 4_000, str(uuid4()), rollups=rollups)
        batch += 1
    batch -= 1
    assert not store.rollup_holds(missing, 2026, batch)
    store.rebuild_rollup(missing, 2026, batch, str(uuid4()))
    assert store.rollup_holds(missing, 2026, batch)
    expected = [(*row[:-1], batch) for row in rolled(store, missing, whole)]
    assert rolled(store, missing, mended) == expected
    other = next(rollup for rollup in ROLLUPS if rollup != missing)
    assert not store.rollup_holds(other, 2026, batch)
    # What was already there is left alone: only this batch's rows were read.
    assert rolled(store, missing, whole)[0][3] == 60 if missing == "points_1m" else 900


def test_missing_raw_rows_are_stored_without_doubling_the_rollups(store: Store, project: int, batch: int) -> None:
    """The rollups got the block and the raw table did not: its rename failed, or a kill came between."""
    start = int(datetime(2041, 1, 1, tzinfo=UTC).timestamp() * 1000)
    payload = b"".join(point_lines(project, batch, 500, start=start))
    store.insert("points", payload, 500, str(uuid4()))
    before = [rolled(store, rollup, project) for rollup in ROLLUPS]
    store._client.command("ALTER TABLE points DROP PARTITION 2041")
    assert store.rows_in("points", 2041, batch) == 0
    assert all(store.rollup_holds(rollup, 2041, batch) for rollup in ROLLUPS)
    store.insert("points", payload, 500, str(uuid4()), rollups=False)
    assert raw(store, project) == 500
    assert [rolled(store, rollup, project) for rollup in ROLLUPS] == before


REFUSED = {
    "text for a number": (b'["x",7,%d,1,0,1]', "project: "),
    "negative": (b"[-1,7,%d,1,0,1]", "project: a number cannot be read"),
    "fraction": (b"[1.5,7,%d,1,0,1]", "form of its table"),
    "null": (b"[1,7,%d,null,0,1]", "value: a value cannot be read"),
    "null project": (b"[null,7,%d,1,0,1]", ""),
    "project that wraps to 0": (b"[4294967296,7,%d,1,0,1]", "out of its column's range"),
    "NaN": (b"[1,7,%d,NaN,0,1]", "value: a value cannot be read"),
    "true for a number": (b"[1,7,%d,true,0,1]", "out of its column's range"),
    "text for a fraction": (b'[1,7,%d,"secret",0,1]', "out of its column's range"),
    "overflow": (b"[1,7,%d,1e999,0,1]", "out of its column's range"),
    "too many values": (b"[1,7,%d,1,0,1,1]", "form of its table"),
    "too few values": (b"[1,7,%d,1,0]", "form of its table"),
    "cut off": (b"[1,7,%d", "form of its table"),
    "not a row": (b"secret-%d", "form of its table"),
    "fractional time": (b"[1,7,%d.5,1,0,1]", "form of its table"),
    "worded time": (b'[1,7,"secret-%d",1,0,1]', "ts: a time cannot be read"),
    "time before 2000": (b"[1,7,%d,1,0,1]".replace(b"%d", b"-%d"), "out of its column's range"),
    "time after 2199": (b"[1,7,9%d,1,0,1]", "out of its column's range"),
}


@pytest.mark.parametrize(("bad", "reason"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("place", [0, 7_000], ids=["first", "middle"])
def test_a_row_that_the_engine_refuses_is_named_and_nothing_is_stored(
    store: Store, project: int, batch: int, bad: bytes, reason: str, place: int
) -> None:
    lines = point_lines(project, batch, 10_000)
    lines[place] = bad % START + b"\n"
    for call in (
        lambda data: store.probe("points", data),
        lambda data: store.insert("points", data, 10_000, str(uuid4())),
    ):
        with pytest.raises(RowsRefused) as refused:
            call(b"".join(lines))
        assert refused.value.row == place
        assert reason in refused.value.reason
        assert "secret" not in str(refused.value)
        assert str(START) not in str(refused.value)
    assert raw(store, project) == 0
    assert not any(store.rollup_holds(rollup, 2026, batch) for rollup in ROLLUPS)


def test_a_row_past_the_parser_s_own_blocks_is_named_too(store: Store, project: int, batch: int) -> None:
    lines = point_lines(project, batch, 200_000)
    lines[150_000] = b"[1,7,%d,NaN,0,1]\n" % START
    with pytest.raises(RowsRefused) as refused:
        store.probe("points", b"".join(lines))
    assert refused.value.row == 150_000


@pytest.mark.parametrize("place", [0, 70_000])
def test_a_record_that_the_engine_refuses_is_named(store: Store, project: int, batch: int, place: int) -> None:
    rows = [PointRow(project, 7, START + n, 1.0, 0) for n in range(80_000)]
    for bad in (
        rows[place]._replace(value=math.inf),
        rows[place]._replace(ts=-1),
        rows[place]._replace(ts=MAX_MS),
        rows[place]._replace(project=0),
    ):
        records = b"".join(map(point_record, [*rows[:place], bad, *rows[place + 1 :]]))
        for call in (
            lambda data: store.probe("points", data),
            lambda data: store.insert("points", data, len(rows), str(uuid4())),
        ):
            with pytest.raises(RowsRefused, match="out of its column's range") as refused:
                call(PointRecords(records, batch))
            assert refused.value.row == place
    assert raw(store, project) == 0


def test_quoted_data_cannot_forge_the_row_number(store: Store, project: int, batch: int) -> None:
    lines = [
        line_of("events", row_of("events", project, message=f"(at row 3) is violated at row 4. {n}"), batch)
        for n in range(50)
    ]
    lines[20] = b'["(at row 2)\\n: (at row 3)"]\n'
    with pytest.raises(RowsRefused) as refused:
        store.insert("events", b"".join(lines), 50, str(uuid4()))
    assert refused.value.row == 20


def test_the_probe_takes_good_rows_of_every_table_and_stores_none(store: Store, project: int, batch: int) -> None:
    store.probe("points", b"".join(point_lines(project, batch, 10)))
    assert raw(store, project) == 0
    for table in ("events", "requests", "spans"):
        store.probe(table, line_of(table, row_of(table, project), batch))
        assert store.rows_in(table, 202603, batch) == 0


@pytest.mark.parametrize(
    ("payload", "rows", "token"),
    [(b"[]", 0, "t"), (b"[]", 1_000_001, "t"), (b" " * ((128 << 20) + 1), 1, "t"), (b"[]", 1, ""), (b"[]", 1, "it's")],
    ids=["no rows", "too many rows", "too many bytes", "no token", "quoted token"],
)
def test_an_insert_outside_its_bounds_is_a_mistake_of_the_caller(
    store: Store, payload: bytes, rows: int, token: str
) -> None:
    with pytest.raises(ValueError, match=r"an insert has|a token is"):
        store.insert("points", payload, rows, token)


def test_only_our_tables_are_named(store: Store) -> None:
    for call in (
        lambda: store.insert("migrations", b"[]", 1, "t"),
        lambda: store.probe("points_1m", b"[]"),
        lambda: store.rows_in("system.parts", 2026, 1),
        lambda: store.rollup_holds("points", 2026, 1),
        lambda: store.rebuild_rollup("points", 2026, 1, "t"),
    ):
        with pytest.raises(ValueError, match=r"no table|no rollup"):
            call()


def test_an_insert_that_fails_for_other_reasons_is_of_unknown_outcome(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "/data/tmp/secret.raw")

    monkeypatch.setattr(store._client, "raw_insert", full)
    with pytest.raises(StoreUnavailable, match=r"^the insert failed: No space left on device$"):
        store.insert("points", b"[1,7,1772323200000,1,0,1]\n", 1, "t")


def test_sync_reaches_the_file_system(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.sync()
    monkeypatch.setattr(store, "_place", store._place._replace(path=store._place.path / "gone"))
    with pytest.raises(StoreUnavailable, match="cannot be synced: No such file"):
        store.sync()


def test_reads_and_inserts_from_many_threads(store: Store, project: int, batch: int) -> None:
    failures: list[Exception] = []

    def write(n: int) -> None:
        try:
            store.insert("points", b"".join(point_lines(project, batch, 10)), 10, f"{uuid4()}")
            assert store.rows_in("points", 2026, batch) >= 10
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert raw(store, project) == 60


ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    message=ANY_TEXT,
    name=ANY_TEXT,
    level=ANY_TEXT,
    labels=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=4),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    raw_text=ANY_TEXT,
    ts=st.integers(START * 1000, START * 1000 + 10**12),
)
def test_any_text_and_number_comes_back_as_the_encoder_let_it_in(
    store: Store,
    project: int,
    message: str,
    name: str,
    level: str,
    labels: dict,
    value: float | None,
    raw_text: str,
    ts: int,
) -> None:
    row = row_of(
        "events", project, message=message, name=name, level=level, labels=labels, value=value,
        raw=json.dumps(raw_text), ts=ts, received_at=START * 1000,
    )  # fmt: skip
    store.insert("events", line_of("events", row, next(numbers)), 1, str(uuid4()))
    found = get_row(store, project, "events", row[TABLES["events"].position("id")])
    assert found is not None
    assert (found["message"], found["name"], found["level"]) == (
        clean_text(message),
        clean_text(name),
        clean_text(level),
    )
    assert found["labels"] == {clean_text(key): clean_text(item) for key, item in labels.items()}
    assert (found["value"], found["ts"], found["received_at"]) == (value, ts, START * 1000)
    assert json.loads(found["raw"]) == raw_text


def test_the_encoder_refuses_what_the_engine_would_wrap(project: int) -> None:
    with pytest.raises(BadRow):
        line_of("events", row_of("events", 1 << 32), 1)
