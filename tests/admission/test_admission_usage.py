"""What a project was given this month: what counts, to the record, over restarts, projections, failures and the end of a month."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from admission_room import NOW_US, PROJECT, Clock, Room, claim, intent, point, submission

from headrace.admission.usage import Usage
from headrace.catalog import Catalog, usage
from headrace.journal import JournalReader, JournalUnavailable
from headrace.loader.projections import Learned, Projections, given
from headrace.records.intents import (
    Answer,
    CheckInFact,
    DailyEventFact,
    Intent,
    PointColumns,
    RowIn,
    Submission,
    UsageFact,
)
from headrace.records.times import month_bounds, month_of

MONTH = 202609
QUOTA = 5


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def check_in() -> CheckInFact:
    return CheckInFact(PROJECT, "nightly", "production", True, "ok", NOW_US, NOW_US, None, None, "", "id", True)


def records(count: int, *, project: int | None = None) -> Submission:
    asked = submission(*(intent(point("a")) for _ in range(count)))
    asked.project = project
    return asked


async def admit(room: Room, asked: Submission, quota: int) -> bool:
    """What the gateway does: decides, asks the quota, puts; all without waiting in between."""
    draft = room.admission.decide(asked, PROJECT)
    if room.admission.over_quota(draft, quota):
        return False
    await room.admission.append(draft)
    return True


def used(room: Room) -> int:
    return room.admission.usage.used(PROJECT)


def project_all(room: Room) -> None:
    """Everything that the journal holds goes into the catalog, segment by segment, as the loader does it."""
    sealed = room.journal.seal()
    reader = JournalReader(room.journal.path)
    learner = Projections(room.catalog, room.journal.uuid)
    for segment in reader.segments(sealed):
        facts = [line for page in reader.pages(segment) if page.table == "@facts" for line in page.body.splitlines()]
        learner.apply(Learned(segment, [], facts, []))
    reader.close()


ROW = RowIn("events", ())
COLUMNS = PointColumns(["a", "b"], ["counter"] * 2, [1, 2], [1.0, 2.0], [0, 0])


@pytest.mark.parametrize(
    ("one", "units"),
    [
        (Intent(rows=[ROW]), 1),
        (Intent(rows=[ROW] * 3, points=[point("a")] * 7), 3),
        (Intent(points=[point("a")] * 7), 7),
        (Intent(points=COLUMNS), 2),
        (Intent(rows=[ROW], points=COLUMNS), 1),
        (Intent(facts=[DailyEventFact(1, 1)]), 1),
        (Intent(rows=[ROW], facts=[DailyEventFact(1, 1)]), 1),
        (Intent(rows=[ROW], facts=[check_in()]), 0),
        (Intent(rows=[ROW], points=[point("a")], facts=[DailyEventFact(1, 1), check_in()]), 0),
    ],
    ids=[
        "row",
        "rows",
        "points",
        "columns",
        "row with points",
        "fact",
        "row with fact",
        "check-in",
        "check-in on the side",
    ],
)
def test_what_a_record_takes(one: Intent, units: int) -> None:
    assert one.units == units


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [([4], [4]), ([5], [5]), ([6], []), ([4, 1, 1], [4, 1]), ([3, 3, 2], [3, 2]), ([0, 5, 0, 1], [0, 5, 0])],
    ids=str,
)
def test_up_to_the_last_record_and_not_one_more(room: Room, sizes: list[int], taken: list[int]) -> None:
    """What does not fit is refused whole and takes nothing; what has nothing to store always passes."""
    room.run(*(admit(room, records(size), QUOTA) for size in sizes))
    assert used(room) == sum(taken)
    assert len(room.rows().get("points", [])) == sum(taken)


def test_requests_at_once_do_not_overrun_it(room: Room) -> None:
    answers = room.run(*(admit(room, records(2), 7) for _ in range(20)))
    assert answers.count(True) == 3
    assert used(room) == 6


def test_a_record_counts_for_the_project_it_goes_to(room: Room) -> None:
    room.run(room.append(records(2)), room.append(records(3, project=9)))
    assert [room.admission.usage.used(project) for project in (PROJECT, 9)] == [2, 3]


def test_only_what_is_new_counts(room: Room) -> None:
    asked = submission(intent(point("a"), claims=[claim("c")]))
    room.run(room.append(asked), room.append(asked))
    # Even over the quota a repeat is answered.
    assert room.run(admit(room, asked, 0)) == [True]
    conflicting = submission(intent(point("a", "value")), intent(point("b")))
    assert room.run(admit(room, conflicting, 0)) == [True]
    again = records(1)
    again.counted = False
    room.run(room.append(again))
    assert used(room) == 1


def test_check_ins_pass_and_do_not_count(room: Room) -> None:
    asked = Submission([Intent(facts=[check_in()], points=[point("a")])], lambda _: Answer(202, b"[]"))
    assert room.run(admit(room, asked, 0)) == [True]
    assert used(room) == 0
    assert len(room.rows()["points"]) == 1


def test_a_failed_commit_gives_back(room: Room) -> None:
    room.run(room.append(records(2)))
    mend = room.break_commits()
    results = room.run(room.append(records(2)), room.append(records(1)), room.append(records(9, project=9)))
    mend()
    assert [type(result) for result in results] == [JournalUnavailable] * 3
    assert (used(room), room.admission.usage.used(9)) == (2, 0)
    room.run(room.append(records(1)))
    room.reopen()
    assert used(room) == 3


@pytest.mark.parametrize("projected", [(), (0,), (1,), (0, 1)], ids=str)
def test_a_restart_counts_every_record_once(room: Room, projected: tuple[int, ...]) -> None:
    """Whether the catalog has learned of nothing, of some or of everything when it comes; and projecting changes nothing."""
    for place in range(2):
        room.run(room.append(records(2)), room.append(records(3, project=9)))
        if place in projected:
            project_all(room)
        assert used(room) == 2 * (place + 1)
    for _ in range(2):
        room.reopen()
        assert (used(room), room.admission.usage.used(9)) == (4, 6)
    project_all(room)
    assert used(room) == 4
    with room.catalog.read() as conn:
        assert usage.load(conn, MONTH) == {(PROJECT, MONTH): 4, (9, MONTH): 6}
        assert usage.load(conn, MONTH + 1) == {}
        assert usage.of_month(conn, 9, MONTH) == 6


def test_a_commit_tells_of_each_project_once(room: Room) -> None:
    room.run(*(room.append(records(1)) for _ in range(50)), room.append(records(2, project=9)))
    sealed = room.journal.seal()
    reader = JournalReader(room.journal.path)
    facts = list(reader.facts(sealed - 1))
    assert sorted(facts) == [b'["usage",1,202609,50]', b'["usage",9,202609,2]']
    assert list(reader.facts(sealed)) == []
    reader.close()


def test_a_month_begins_with_nothing(room: Room, clock: Clock) -> None:
    clock.now = at("2026-09-30T23:59:59.999999")
    assert room.run(admit(room, records(QUOTA), QUOTA), admit(room, records(1), QUOTA)) == [True, False]
    assert room.admission.usage.left_s() == 1
    clock.now = at("2026-10-01T00:00:00")
    assert (used(room), room.admission.usage.left_s()) == (0, 31 * 86_400)
    assert room.run(admit(room, records(QUOTA), QUOTA), admit(room, records(1), QUOTA)) == [True, False]
    # A clock that is set back finds what was given before.
    clock.now = at("2026-09-30T23:59:59")
    assert used(room) == QUOTA
    project_all(room)
    room.reopen()
    assert used(room) == QUOTA
    clock.now = at("2026-12-01T00:00:00")
    assert used(room) == 0


def test_a_month_that_begins_while_a_commit_gathers(room: Room, clock: Clock) -> None:
    """Each record counts in the month in which it was decided, and a failure takes it from there."""

    async def over_midnight() -> list[object]:
        clock.now = at("2026-09-30T23:59:59")
        one = asyncio.ensure_future(room.append(records(2)))
        await asyncio.sleep(0)
        clock.now = at("2026-10-01T00:00:00")
        return list(await asyncio.gather(one, room.append(records(3)), return_exceptions=True))

    mend = room.break_commits()
    room.run(over_midnight())
    assert used(room) == 0
    mend()
    room.run(over_midnight())
    assert used(room) == 3
    clock.now = at("2026-09-30T23:59:59")
    assert used(room) == 2


@pytest.mark.parametrize(
    ("moment", "month", "first", "following"),
    [
        ("2026-01-01T00:00:00", 202601, "2026-01-01", "2026-02-01"),
        ("2028-02-29T12:00:00", 202802, "2028-02-01", "2028-03-01"),
        ("2026-12-31T23:59:59.999999", 202612, "2026-12-01", "2027-01-01"),
    ],
)
def test_months(moment: str, month: int, first: str, following: str) -> None:
    assert month_of(at(moment)) == month
    assert month_bounds(at(moment)) == (at(first), at(following))


def test_other_facts_are_passed_over() -> None:
    facts = [b'["check_in",1,"usage"]', b'["usage",1,202609,4]', b'["usage",1,202608,9]', b'["usage",2,202609,1]']
    counted = Usage(lambda: NOW_US, {(1, MONTH): 2}, facts)
    assert [counted.used(project) for project in (1, 2, 3)] == [6, 1, 0]


def test_counts_that_are_added_up(catalog: Catalog) -> None:
    with catalog.write() as conn:
        usage.add(conn, {(1, MONTH): 2, (2, MONTH): 1})
        usage.add(conn, {(1, MONTH): 3, (1, MONTH + 1): 4})
        usage.add(conn, {})
        assert usage.load(conn, MONTH) == {(1, MONTH): 5, (2, MONTH): 1, (1, MONTH + 1): 4}
    facts = [UsageFact(1, MONTH, 2), UsageFact(1, MONTH, 3)]
    assert given(facts) == {(1, MONTH): 5}
