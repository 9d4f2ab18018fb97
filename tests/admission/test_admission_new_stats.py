"""Stats that are made before their first point, and those whose names are free again."""

from __future__ import annotations

from typing import Any

from admission_room import NOW_US, PROJECT, Room, intent, point, submission

from headrace.admission.new_stats import make_stats
from headrace.catalog import stats as stat_table
from headrace.journal import JournalUnavailable

WANTED = [("b", "value"), ("a", "counter"), ("b", "value"), ("c", "value")]


def make(room: Room, most: int | None = None) -> list[Any]:
    (found,) = room.run(make_stats(room.admission, PROJECT, WANTED, NOW_US, most))
    if isinstance(found, Exception):
        raise found
    return found


def test_stats_without_points(room: Room) -> None:
    room.run(room.append(submission(intent(point("a", "value")))))
    rows = make(room)
    # One that is there keeps its type; one that is asked for twice is made once.
    assert [(row.name, row.type) for row in rows] == [("b", "value"), ("a", "value"), ("b", "value"), ("c", "value")]
    assert rows[0] == rows[2]
    assert make(room) == rows
    # They survive a kill, cost no quota and are found by points.
    assert room.usage.used(PROJECT) == 1
    room.reopen()
    assert {row.name for row in room.stats.pending(PROJECT)} == {"a", "b", "c"}
    room.run(room.append(submission(intent(point("c", "value")))))
    assert [point[1] for point in room.rows()["points"]] == [rows[1].stat_id, rows[3].stat_id]


def test_as_many_as_the_project_may_have(room: Room) -> None:
    room.run(room.append(submission(intent(point("a")))))
    assert [row and row.name for row in make(room, most=2)] == ["b", "a", "b", None]
    assert [row and row.name for row in make(room, most=2)] == ["b", "a", "b", None]
    assert [row and row.name for row in make(room, most=3)] == ["b", "a", "b", "c"]


def test_a_commit_that_fails_makes_nothing(room: Room) -> None:
    mend = room.break_commits()
    (failed,) = room.run(make_stats(room.admission, PROJECT, WANTED, NOW_US, None))
    mend()
    assert isinstance(failed, JournalUnavailable)
    assert room.stats.pending(PROJECT) == []
    assert len({row.stat_id for row in make(room)}) == 3


def test_a_name_from_the_trash_is_free(room: Room) -> None:
    room.run(room.append(submission(intent(point("a"), point("b")))))
    old = {row.name: row for row in room.stats.pending(PROJECT)}
    with room.catalog.write() as conn:
        assert stat_table.trash(conn, old["a"], NOW_US)
        assert not stat_table.trash(conn, old["a"], NOW_US)
    room.stats.forget_trashed(PROJECT, [old["a"].stat_id])
    assert room.stats.type_of(PROJECT, "a") is None
    assert room.stats.type_of(PROJECT, "b") == "counter"
    room.run(room.append(submission(intent(point("a", "value"), point("b")))))
    new = {row.name: row for row in room.stats.pending(PROJECT)}
    assert (new["b"], new["a"].type) == (old["b"], "value")
    assert new["a"].stat_id != old["a"].stat_id
