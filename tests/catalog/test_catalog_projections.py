"""What the loader projects: stats, check-ins, dead letters, progress."""

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from headrace.catalog import Catalog, dead_letters, monitors, progress, stats
from headrace.catalog.monitors import MonitorRow
from headrace.catalog.stats import StatRow
from headrace.records.intents import CheckInFact


def stat_row(
    stat_id: int, name: str = "hits", source: str = "stat", type_: str = "counter", project: int = 1
) -> StatRow:
    return StatRow(stat_id, project, source, name, type_, 1)


def test_projecting_stats_twice_changes_nothing(catalog: Catalog) -> None:
    rows = [stat_row((1 << 63) - 1), stat_row(1, "a\U0001f600"), stat_row(2, project=2)]
    with catalog.write() as conn:
        stats.add_missing(conn, [])
        stats.add_missing(conn, rows[:2])
        stats.add_missing(conn, rows)
        assert sorted(stats.load_all(conn)) == sorted(rows)
        assert stats.counts(conn) == {(1, "stat"): 2, (2, "stat"): 1}


@pytest.mark.parametrize(
    ("other", "allowed"),
    [
        pytest.param(stat_row(2), False, id="same name and type"),
        pytest.param(stat_row(2, type_="value"), False, id="own name of the other type"),
        pytest.param(stat_row(2, source="logister"), True, id="other source"),
        pytest.param(stat_row(2, project=2), True, id="other project"),
        pytest.param(stat_row(2, name="Hits"), True, id="other case"),
    ],
)
def test_a_name_is_held_by_one_live_stat(catalog: Catalog, other: StatRow, allowed: bool) -> None:
    with catalog.write() as conn:
        stats.add_missing(conn, [stat_row(1)])
    if allowed:
        with catalog.write() as conn:
            stats.add_missing(conn, [other])
            assert stats.find(conn, other.project, other.source, other.name, None) == other
        return
    with pytest.raises(IntegrityError), catalog.write() as conn:
        stats.add_missing(conn, [other])


def test_a_derived_source_may_have_a_counter_and_a_value_of_one_name(catalog: Catalog) -> None:
    rows = [stat_row(1, source="canaryhub"), stat_row(2, source="canaryhub", type_="value")]
    with catalog.write() as conn:
        stats.add_missing(conn, rows)
        assert [stats.find(conn, 1, "canaryhub", "hits", type_) for type_ in ("counter", "value")] == rows
        assert stats.find(conn, 1, "slowstats", "hits", None) is None
    with pytest.raises(IntegrityError), catalog.write() as conn:
        stats.add_missing(conn, [stat_row(3, source="canaryhub")])


@pytest.mark.parametrize(
    ("touches", "expected"),
    [
        pytest.param([(1, 50, 500)], (50, 500), id="first"),
        pytest.param([(1, 50, 500), (1, 40, 600)], (50, 600), id="older point received later"),
        pytest.param([(1, 50, 500), (1, 60, 400)], (60, 500), id="newer point received earlier"),
        pytest.param([(2, 50, 500)], (None, None), id="unknown stat"),
    ],
)
def test_touching_moves_forward_only(catalog: Catalog, touches, expected) -> None:
    with catalog.write() as conn:
        stats.add_missing(conn, [stat_row(1)])
        stats.touch(conn, [])
        for touch in touches:
            stats.touch(conn, [touch])
        found = stats.by_id(conn, 1, 1)
        assert stats.by_id(conn, 2, 1) is None
    assert found is not None
    assert (found.last_point_ms, found.last_received_at) == expected


FACT = CheckInFact(
    project=1,
    slug="Nightly job é",
    environment="production",
    ok=True,
    status="ok",
    ts=1_000,
    received_at=1_010,
    interval_s=60,
    duration_ms=1.5,
    message="done",
    event_id="e1",
    creates=True,
)


def fact(**changes) -> CheckInFact:
    return msgspec.structs.replace(FACT, **changes)


def person(**changes) -> MonitorRow:
    row = MonitorRow(
        *("m", 1, FACT.slug, "production", "Nightly", 300, True, "new", None, None, "", None, "", "", 1, "person")
    )
    return row._replace(**changes)


@pytest.mark.parametrize(
    ("made", "facts", "expected"),
    [
        pytest.param(None, [fact()], ("ok", 1_000, 60, "e1"), id="creates"),
        pytest.param(None, [fact(interval_s=None)], ("ok", 1_000, 300, "e1"), id="creates with the default interval"),
        pytest.param(None, [fact(ok=False)], ("error", 1_000, 60, "e1"), id="creates in error"),
        pytest.param(None, [fact(creates=False)], None, id="unknown slug and not creating"),
        pytest.param(
            None, [fact(), fact(ok=False, ts=2_000, event_id="e2")], ("error", 2_000, 60, "e2"), id="ok to error"
        ),
        pytest.param(None, [fact(ok=False), fact(ts=2_000, event_id="e2")], ("ok", 2_000, 60, "e2"), id="error to ok"),
        pytest.param(
            None,
            [fact(), fact(ok=False, ts=999, interval_s=5, event_id="e0", received_at=9_000)],
            ("ok", 1_000, 60, "e1"),
            id="older than the last changes nothing",
        ),
        pytest.param(
            None,
            [fact(ts=2_000, event_id="e2"), fact(creates=False, ts=1_999, ok=False)],
            ("ok", 2_000, 60, "e2"),
            id="older, not creating",
        ),
        pytest.param(
            None, [fact(), fact(ok=False, event_id="e2")], ("error", 1_000, 60, "e2"), id="same time: later wins"
        ),
        pytest.param(None, [fact(), fact(ts=2_000, interval_s=90)], ("ok", 2_000, 90, "e1"), id="interval follows"),
        pytest.param(
            None, [fact(), fact(ts=2_000, interval_s=None)], ("ok", 2_000, 60, "e1"), id="no interval keeps the old"
        ),
        pytest.param(
            person(), [fact(creates=False)], ("ok", 1_000, 300, "e1"), id="a person's interval stays, heartbeat"
        ),
        pytest.param(person(), [fact()], ("ok", 1_000, 300, "e1"), id="a person's interval stays, creating dialect"),
        pytest.param(
            person(interval_edited=False), [fact(creates=False)], ("ok", 1_000, 60, "e1"), id="unset interval follows"
        ),
        pytest.param(person(), [fact(environment="staging")], ("new", None, 300, ""), id="another environment"),
        pytest.param(person(), [fact(project=2)], ("new", None, 300, ""), id="another project"),
    ],
)
def test_check_ins_move_monitors(catalog: Catalog, made: MonitorRow | None, facts, expected) -> None:
    with catalog.write() as conn:
        if made is not None:
            monitors.add(conn, made)
        for item in facts:
            monitors.apply_check_in(conn, item)
        found = monitors.by_slug(conn, 1, FACT.slug, "production")
    assert (found and (found.state, found.last_check_in_at, found.interval_s, found.last_event_id)) == expected


def test_a_check_in_leaves_its_details(catalog: Catalog) -> None:
    with catalog.write() as conn:
        monitors.apply_check_in(conn, fact(ok=False, status="error", message="disk full", duration_ms=None))
        (found,) = monitors.load(conn, 1)
    assert found._replace(id="") == MonitorRow(
        id="",
        project=1,
        slug=FACT.slug,
        environment="production",
        name=FACT.slug,
        interval_s=60,
        interval_edited=False,
        state="error",
        last_check_in_at=1_000,
        last_received_at=1_010,
        last_status="error",
        last_duration_ms=None,
        last_message="disk full",
        last_event_id="e1",
        created_at=1_010,
        created_by="dialect",
    )


def _letter(catalog: Catalog, **changes) -> None:
    place = {"journal": "j", "segment": 3, "table": "events", "partition": "202601", "row_index": 0, "project": 1}
    with catalog.write() as conn:
        dead_letters.add(conn, **(place | {"row": "[1]", "reason": "why", "at": 5_000} | changes))


def test_a_dead_letter_is_kept_once_per_place(catalog: Catalog) -> None:
    _letter(catalog)
    _letter(catalog, row="[2]", reason="again", at=6_000)
    _letter(catalog, row_index=1)
    _letter(catalog, segment=4, partition="2026", table="points")
    _letter(catalog, journal="other")
    with catalog.read() as conn:
        found = dead_letters.page(conn, projects=None, state="open", before=None, limit=10)
        first = next(row for row in found if (row.journal, row.segment, row.row_index) == ("j", 3, 0))
        assert dead_letters.indexes(conn, "j") == {(3, "events", 202601): {0, 1}, (4, "points", 2026): {0}}
        assert dead_letters.count_open(conn) == len(found) == 4
    assert (first.row, first.reason, first.created_at, first.state) == ("[1]", "why", 5_000, "open")


@pytest.mark.parametrize("closed", ["replayed", "discarded"])
def test_a_closed_dead_letter_stays_closed(catalog: Catalog, closed: str) -> None:
    _letter(catalog)
    with catalog.write() as conn:
        (letter,) = dead_letters.page(conn, projects=frozenset((1,)), state="open", before=None, limit=10)
        assert dead_letters.fix(conn, letter.id, old="[1]", new="[2]")
        assert not dead_letters.fix(conn, letter.id, old="[1]", new="[3]")
        assert dead_letters.close(conn, letter.id, state=closed, at=9)
        for state in ("replayed", "discarded"):
            assert not dead_letters.close(conn, letter.id, state=state, at=10)
        assert not dead_letters.fix(conn, letter.id, old="[2]", new="[3]")
        found = dead_letters.by_id(conn, letter.id)
    assert found is not None
    assert (found.state, found.row, found.replayed_at) == (closed, "[2]", 9 if closed == "replayed" else None)


def test_progress_is_kept_per_journal(catalog: Catalog) -> None:
    with catalog.write() as conn:
        assert progress.get(conn, "j") == progress.last_segment(conn) == 0
        progress.set(conn, "j", 3)
        progress.set(conn, "k", 9)
        progress.set(conn, "j", 4)
    with catalog.read() as conn:
        assert (progress.get(conn, "j"), progress.get(conn, "k"), progress.last_segment(conn)) == (4, 9, 9)
