"""The points of small requests, which are written out together when their commit closes."""

from __future__ import annotations

import gc

import pytest
from admission_room import NOW_US, PROJECT, Room, claim, intent, point, submission

from headrace.admission.open_points import TOGETHER_MAX
from headrace.journal import Batch, JournalReader
from headrace.records.encode import MAX_MS, MIN_MS, BadRow
from headrace.records.intents import PointIn
from headrace.records.tables import POINTS

#: Bytes of a record's head and of each point in it.
HEAD, WIDTH = 8, 25


def journalled(room: Room) -> int:
    """Bytes of all pages of points."""
    room.journal.commit()
    reader = JournalReader(room.journal.path)
    pages = [page for segment in reader.segments(1 << 40) for page in reader.pages(segment)]
    reader.close()
    return sum(len(page.body) for page in pages if page.table == POINTS.name)


@pytest.mark.parametrize(
    ("count", "records"), [(1, 1), (TOGETHER_MAX - 1, 1), (TOGETHER_MAX, 1), (TOGETHER_MAX + 1, 5)]
)
def test_requests_of_a_commit_share_a_record(room: Room, count: int, records: int) -> None:
    names = [f"{n}" for n in range(count)]
    room.run(room.append(submission(intent(*map(point, names)))))
    before = journalled(room)
    asked = [submission(intent(*map(point, names))) for _ in range(5)]
    assert [answer.status for answer in room.run(*map(room.append, asked))] == [202] * 5
    assert len(room.rows()["points"]) == 6 * count
    assert journalled(room) - before == HEAD * records + WIDTH * 5 * count


def test_projects_and_years_stay_apart(room: Room) -> None:
    last_year = PointIn("old", "counter", NOW_US // 1000 - 366 * 86_400_000, 2.0)
    other = submission(intent(point("theirs", value=3.0)))
    other.project = 5
    room.run(*map(room.append, (submission(intent(point("new"), last_year)), other)))
    assert sorted((row[0], row[3]) for row in room.rows()["points"]) == [(PROJECT, 1.0), (PROJECT, 2.0), (5, 3.0)]


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize(
    ("ts", "value"),
    [(MIN_MS - 1, 1.0), (MAX_MS, 1.0), (MIN_MS, float("inf")), (MIN_MS, float("nan")), (MIN_MS, 10**400)],
)
def test_a_point_that_cannot_be_stored_harms_no_other(room: Room, ts: int, value: float, others: int) -> None:
    bad = submission(intent(PointIn("bad", "counter", ts, value), *[point("beside")] * others))
    answers = room.run(*map(room.append, (submission(intent(point("a"))), bad, submission(intent(point("b"))))))
    assert [getattr(answer, "status", type(answer)) for answer in answers] == [202, BadRow, 202]
    assert len(room.rows()["points"]) == 2


def test_a_commit_leaves_nothing_to_the_collector(room: Room) -> None:
    gc.collect()
    gc.disable()
    try:
        asked = (submission(intent(point("a"), claims=[claim(f"{n}", exclusive=True)])) for n in range(20))
        room.run(*map(room.append, asked))
        held = [thing for thing in gc.get_objects() if isinstance(thing, Batch)]
    finally:
        gc.enable()
    assert held == []
