"""The stat registry: what is in memory, what is asked of the catalog, what is taken back."""

from __future__ import annotations

import pytest
from admission_room import NOW_US, PROJECT, Clock, Room, intent, point, submission

from headrace.admission import stats as module
from headrace.admission.keys import LookUpFailed
from headrace.admission.stats import Known, StatRegistry
from headrace.catalog import Catalog
from headrace.catalog import stats as stat_table
from headrace.catalog.stats import StatRow


def registry(catalog: Catalog, *, derived_max: int = 3, pending: list[StatRow] | None = None) -> StatRegistry:
    return StatRegistry(catalog, derived_max=derived_max, pending=[tuple(row) for row in pending or []])


def row(number: int, name: str, type_: str = "counter", source: str = "stat") -> StatRow:
    return StatRow(number, PROJECT, source, name, type_, NOW_US)


def save(catalog: Catalog, *rows: StatRow) -> None:
    with catalog.write() as conn:
        stat_table.add_missing(conn, rows)


def test_numbers_are_random_and_fit_any_integer(catalog: Catalog) -> None:
    numbers = {StatRegistry.draft(1, "stat", "a", "counter", 1).stat_id for _ in range(1_000)}
    assert len(numbers) == 1_000
    assert all(0 < number < 1 << 63 for number in numbers)
    assert max(numbers) > 1 << 62


def test_a_name_has_one_type_in_stat_and_one_stat_per_type_elsewhere(catalog: Catalog) -> None:
    save(catalog, row(1, "a"), row(2, "a", "counter", "logister"), row(3, "a", "value", "logister"))
    stats = registry(catalog)
    assert stats.look_up(PROJECT, "stat", "a", "value") == Known(1, "counter")
    assert stats.look_up(PROJECT, "logister", "a", "value") == Known(3, "value")
    assert stats.look_up(PROJECT, "logister", "a", "counter") == Known(2, "counter")
    assert stats.look_up(PROJECT, "canaryhub", "a", "counter") is None
    assert stats.look_up(2, "stat", "a", "counter") is None
    assert stats.names(PROJECT, "stat") == {"a": Known(1, "counter")}
    assert set(stats.names(PROJECT, "logister")) == {("a", "counter"), ("a", "value")}


def test_what_the_journal_holds_is_known_after_a_restart(catalog: Catalog) -> None:
    stats = registry(catalog, pending=[row(7, "new")])
    assert stats.names(PROJECT, "stat") == {"new": Known(7, "counter")}
    assert stats.pending(PROJECT) == [row(7, "new")]
    assert stats.pending(2) == []
    stats.projected([7, 8])
    assert stats.pending(PROJECT) == []
    assert stats.names(PROJECT, "stat") == {"new": Known(7, "counter")}


def test_taking_back(catalog: Catalog) -> None:
    stats = registry(catalog)
    undo = stats.add(row(7, "new", "value", "logister"))
    assert stats.pending(PROJECT)
    assert not stats.room(PROJECT, "logister", 2)
    undo()
    assert stats.pending(PROJECT) == []
    assert stats.names(PROJECT, "logister") == {}
    assert stats.room(PROJECT, "logister", 2)
    assert stats._held == 0


@pytest.mark.parametrize(("held", "room"), [(2, True), (3, False), (4, False)])
def test_room_for_derived_stats(catalog: Catalog, held: int, room: bool) -> None:
    save(catalog, *(row(number + 1, f"n{number}", source="logister") for number in range(held)))
    stats = registry(catalog)
    assert stats.room(PROJECT, "logister", 0) is room
    assert stats.room(PROJECT, "canaryhub", 0)
    assert stats.room(PROJECT, "stat", 1_000_000)
    assert stats.room(2, "logister", 2)


def test_memory_is_bounded_and_what_was_forgotten_is_found_again(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HOT_STATS", 10)
    save(catalog, *(row(number + 1, f"n{number}") for number in range(40)))
    stats = registry(catalog)
    stats.add(row(99, "pending"))
    for _ in range(2):
        for number in range(40):
            assert stats.look_up(PROJECT, "stat", f"n{number}", None) == Known(number + 1, "counter")
            assert stats._held == len(stats.names(PROJECT, "stat")) <= 11
            # What only the journal has is never forgotten.
            assert stats.names(PROJECT, "stat")["pending"] == Known(99, "counter")


def test_a_project_that_changed_behind_its_back_is_read_again(catalog: Catalog) -> None:
    save(catalog, row(1, "old"))
    stats = registry(catalog)
    stats.add(row(2, "pending"))
    stats.look_up(PROJECT, "stat", "old", None)
    stats.forget_project(PROJECT)
    assert stats.names(PROJECT, "stat") == {"pending": Known(2, "counter")}
    assert stats.look_up(PROJECT, "stat", "old", None) == Known(1, "counter")


def test_a_catalog_that_cannot_be_asked_is_not_an_unknown_stat(room: Room) -> None:
    room.catalog.close()
    with room.catalog._engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE stats RENAME TO elsewhere")
    with pytest.raises(LookUpFailed):
        room.admission.decide(submission(intent(point("a"))), PROJECT)


def test_derived_points_beyond_the_limit_stay_raw(catalog: Catalog, clock: Clock, tmp_path: object) -> None:
    room = Room(catalog, clock, tmp_path, derived_max=2)  # type: ignore[arg-type]
    names = [point(f"n{number}", "value") for number in range(4)]
    try:
        draft = room.admission.decide(submission(intent(*names, source="logister")), PROJECT)
        assert [stat.name for stat in draft.new_stats] == ["n0", "n1"]
        assert room.stats.refused_derived == 2
        room.run(room.append(submission(intent(*names, source="logister"))))
        assert len(room.rows()["points"]) == 2
        draft = room.admission.decide(submission(intent(*names)), PROJECT)
        assert len(draft.new_stats) == 4
    finally:
        room.close()


def test_what_is_counted(catalog: Catalog) -> None:
    save(catalog, row(1, "a"), row(2, "b"), row(3, "a", "counter", "logister"))
    stats = registry(catalog, pending=[row(4, "new")])
    assert (stats.count(PROJECT, "stat"), stats.count(PROJECT, "logister"), stats.count(2, "stat")) == (3, 1, 0)
    undo = stats.add(row(5, "more"))
    assert stats.count(PROJECT, "stat") == 4
    undo()
    stats.forget_trashed(PROJECT, [1, 4])
    assert stats.count(PROJECT, "stat") == 1
