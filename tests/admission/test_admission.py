"""Decisions and appends: what is new, repeated or in conflict, what a failed commit takes back, what a retry is answered."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import Any

import pytest
from admission_room import NOW_US, PROJECT, Clock, Room, claim, intent, key, point, submission

from headrace.admission.admission import ANSWER_KEPT_US, REPLAYED
from headrace.journal import JournalUnavailable
from headrace.journal import journal as writer
from headrace.records.encode import BadRow
from headrace.records.intents import Answer, CheckInFact, Intent, RowIn, Submission

RETRY = b"r" * 16


def body(found: object) -> list[str]:
    assert isinstance(found, Answer), found
    verdicts: list[str] = json.loads(found.body)
    return verdicts


def held_points(room: Room) -> list[tuple[int, float]]:
    return [(row[1], row[3]) for row in room.rows().get("points", [])]


# --- deciding


def test_deciding_changes_nothing(room: Room) -> None:
    asked = submission(intent(point("a"), claims=[claim("c")]))
    first, second = (room.admission.decide(asked, PROJECT) for _ in range(2))
    assert [stat.name for stat in first.new_stats] == ["a"]
    assert first.new_stats[0].stat_id != second.new_stats[0].stat_id
    assert first.claims == second.claims == [(key("c"), b"")]
    assert room.stats.names(PROJECT, "stat") == {}
    assert room.claims.holds(key("c")) is None


def test_intents_of_one_submission_see_each_other(room: Room) -> None:
    asked = submission(
        intent(point("a"), claims=[claim("one", value=b"1")]),
        intent(point("a"), claims=[claim("one")]),
        intent(point("a", None), point("b", None)),
    )
    draft = room.admission.decide(asked, PROJECT)
    assert [decision.verdict.name for decision in draft.decisions] == ["NEW", "DUPLICATE", "NEW"]
    assert draft.decisions[1].value == b"1"
    assert [(stat.name, stat.type) for stat in draft.new_stats] == [("a", "counter"), ("b", "counter")]
    room.run(room.append(asked))
    held = held_points(room)
    assert (len(held), len({stat for stat, _ in held})) == (3, 2)


@pytest.mark.parametrize(
    ("atomic", "verdicts", "stored"),
    [(True, ["ROLLED_BACK", "CONFLICT", "ROLLED_BACK"], 0), (False, ["NEW", "CONFLICT", "NEW"], 2)],
)
def test_a_conflict_over_a_type(room: Room, atomic: bool, verdicts: list[str], stored: int) -> None:
    room.run(room.append(submission(intent(point("a", "counter")))))
    asked = submission(intent(point("b")), intent(point("a", "value")), intent(point("a")), atomic=atomic)
    draft = room.admission.decide(asked, PROJECT)
    assert [decision.verdict.name for decision in draft.decisions] == verdicts
    assert (draft.decisions[1].stat, draft.decisions[1].stat_type) == ("a", "counter")
    assert len(draft.stored) == stored
    assert draft.conflict is atomic
    room.run(room.append(asked))
    assert len(held_points(room)) == 1 + stored


def test_a_conflict_over_an_exclusive_claim(room: Room) -> None:
    room.run(room.append(submission(intent(claims=[claim("c", value=b"1", exclusive=True)]))))
    other = submission(intent(point("a"), claims=[claim("c", value=b"2", exclusive=True)]))
    draft = room.admission.decide(other, PROJECT)
    assert (draft.conflict, draft.decisions[0].stat, draft.decisions[0].value, draft.new_stats) == (True, "", b"1", [])
    same = submission(intent(claims=[claim("c", value=b"1", exclusive=True)]))
    assert body(room.run(room.append(same))[0]) == ["DUPLICATE"]


def test_a_submission_may_name_its_project(room: Room) -> None:
    asked = submission(intent(point("a")))
    asked.project = 5
    room.run(room.append(asked))
    assert room.stats.names(PROJECT, "stat") == {}
    assert [row[0] for row in room.rows()["points"]] == [5]


# --- appending


def test_concurrent_submissions_agree_on_new_stats_and_claims(room: Room) -> None:
    asked = submission(intent(point("a"), claims=[claim("same")]))
    answers = room.run(*(room.append(asked) for _ in range(20)))
    assert sorted(body(answer) for answer in answers) == [["DUPLICATE"]] * 19 + [["NEW"]]
    others = room.run(*(room.append(submission(intent(point("a"), point("b")))) for _ in range(20)))
    assert {tuple(body(answer)) for answer in others} == {("NEW",)}
    stats = {stat for stat, _ in held_points(room)}
    assert stats == {known.stat_id for known in room.stats.names(PROJECT, "stat").values()}
    assert len(held_points(room)) == 41


def test_a_restart_knows_everything_that_was_acknowledged(room: Room) -> None:
    asked = submission(intent(point("a"), claims=[claim("c", value=b"v")]))
    room.run(room.append(asked, retry=RETRY))
    stat = room.stats.names(PROJECT, "stat")["a"]
    room.reopen()
    assert room.stats.names(PROJECT, "stat") == {"a": stat}
    assert body(room.run(room.append(asked))[0]) == ["DUPLICATE"]
    again = room.run(room.append(asked, retry=RETRY))[0]
    assert (body(again), again.headers[-1]) == (["NEW"], REPLAYED)


def test_a_failed_commit_takes_everything_back(room: Room) -> None:
    """The original, those that were told to be its duplicates or retries, and those that used its stat: all fail."""
    first = submission(intent(point("a"), claims=[claim("c")]))
    mend = room.break_commits()
    results = room.run(
        room.append(first, retry=RETRY),
        room.append(first, retry=RETRY),
        room.append(first),
        room.append(submission(intent(point("a"), point("b")))),
    )
    assert [type(result) for result in results] == [JournalUnavailable] * 4
    assert room.stats.names(PROJECT, "stat") == {}
    assert room.stats.pending(PROJECT) == []
    assert room.claims.holds(key("c")) is None
    mend()
    assert room.rows() == {}
    answers = room.run(room.append(first, retry=RETRY), room.append(first, retry=RETRY))
    assert [body(answer) for answer in answers] == [["NEW"], ["NEW"]]
    assert [REPLAYED in answer.headers for answer in answers] == [False, True]
    assert len(held_points(room)) == 1
    assert set(room.stats.names(PROJECT, "stat")) == {"a"}


def test_no_retry_is_answered_by_what_a_failed_commit_took_back(room: Room) -> None:
    """Not even one that runs right after the commit, before those that waited for it are told."""
    first = submission(intent(point("a")))

    async def race() -> list[object]:
        waiting = asyncio.ensure_future(room.append(first, retry=RETRY))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(room.journal.commit)
        again = asyncio.ensure_future(room.kept(RETRY))
        return await asyncio.gather(waiting, again, return_exceptions=True)

    mend = room.break_commits()
    ((failed, again),) = room.run(race())
    mend()
    assert isinstance(failed, JournalUnavailable)
    assert again is None


def test_nothing_rests_on_a_batch_that_failed_while_a_segment_was_sealed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second submission decides on the first one's stat; making room for it commits the first one, which fails."""
    monkeypatch.setattr(writer, "SEGMENT_ROWS", 1)
    asked = submission(intent(point("a")))
    write, failures = room.journal._write, [sqlite3.OperationalError("disk is full")]

    def fail_once(*args: Any) -> None:
        if failures:
            raise failures.pop()
        return write(*args)

    monkeypatch.setattr(room.journal, "_write", fail_once)
    results = room.run(room.append(asked), room.append(asked))
    assert [type(result) for result in results] == [JournalUnavailable] * 2
    assert room.rows() == {}
    room.run(room.append(asked), room.append(asked))
    assert {stat for stat, _ in held_points(room)} == {room.stats.names(PROJECT, "stat")["a"].stat_id}
    assert len(held_points(room)) == 2


def test_a_journal_without_room_stores_nothing_of_a_submission(room: Room) -> None:
    room.journal._room._cap = 10
    asked = submission(intent(point("a"), claims=[claim("c")]))
    (result,) = room.run(room.append(asked))
    assert isinstance(result, JournalUnavailable)
    assert room.stats.names(PROJECT, "stat") == {}
    assert room.claims.holds(key("c")) is None


def test_facts_are_committed_with_their_records(room: Room) -> None:
    fact = CheckInFact(PROJECT, "nightly", "production", True, "ok", NOW_US, NOW_US, None, None, "", "id", True)
    asked = Submission([Intent(facts=(fact,), claims=[claim("c")])], lambda _: Answer(202, b"[]"))
    room.run(room.append(asked), room.append(asked))
    batch = room.journal.segment
    assert room.journal.seal() == batch
    (facts,) = (page.body for page in _pages(room, batch))
    assert json.loads(facts)[:3] == ["check_in", PROJECT, "nightly"]


def _pages(room: Room, segment: int) -> list[object]:
    from headrace.journal import JournalReader

    reader = JournalReader(room.journal.path)
    found = list(reader.pages(segment))
    reader.close()
    return found


# --- retries


def test_the_first_answer_is_kept_for_a_day(room: Room, clock: Clock) -> None:
    asked = submission(intent(point("a")))
    other = submission(intent(point("b")), intent(point("c")))
    first = room.run(room.append(asked, retry=RETRY))[0]
    for _ in range(2):  # from memory, then from the file
        again = room.run(room.kept(RETRY))[0]
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers == (*first.headers, REPLAYED)
        room.reopen()
    assert room.run(room.append(other, retry=RETRY))[0].body == first.body
    clock.now = NOW_US + ANSWER_KEPT_US - 1
    assert room.run(room.kept(RETRY))[0] is not None
    clock.now += 1
    assert room.run(room.kept(RETRY))[0] is None
    # A clock that is set back brings it back, and one that is right again does not keep it longer.
    clock.now = NOW_US - ANSWER_KEPT_US
    assert room.run(room.kept(RETRY))[0] is not None
    clock.now = NOW_US + ANSWER_KEPT_US
    assert body(room.run(room.append(other, retry=RETRY))[0]) == ["NEW", "NEW"]
    assert room.run(room.kept(RETRY))[0].body == b'["NEW", "NEW"]'


def test_only_good_answers_are_kept(room: Room) -> None:
    room.run(room.append(submission(intent(point("a", "counter")))))
    conflict = submission(intent(point("a", "value")))
    assert room.run(room.append(conflict, retry=RETRY))[0].status == 409
    assert room.run(room.kept(RETRY))[0] is None
    # An answer to nothing new is one, too.
    repeated = submission(intent(claims=[claim("c")]))
    room.run(room.append(repeated))
    assert body(room.run(room.append(repeated, retry=RETRY))[0]) == ["DUPLICATE"]
    room.reopen()
    assert room.run(room.append(submission(intent(point("z"))), retry=RETRY))[0].body == b'["DUPLICATE"]'


def test_a_retry_waits_until_the_first_answer_is_durable(room: Room) -> None:
    asked = submission(intent(point("a")))

    async def look() -> tuple[bool, bool]:
        first = asyncio.ensure_future(room.append(asked, retry=RETRY))
        await asyncio.sleep(0)
        again = asyncio.ensure_future(room.kept(RETRY))
        await asyncio.sleep(0)
        early = again.done()
        await asyncio.gather(first, again)
        return early, REPLAYED in again.result().headers  # type: ignore[union-attr]

    assert room.run(look()) == [(False, True)]


def test_a_retry_key_belongs_to_project_method_and_route(room: Room) -> None:
    make = room.admission.retry_key
    scopes = [(1, "POST", "/a"), (2, "POST", "/a"), (1, "PUT", "/a"), (1, "POST", "/b")]
    digests = {make(project, method, route, b"k") for project, method, route in scopes}
    digests |= {make(1, "POST", "/a", b"K")}
    assert len(digests) == 5
    assert all(len(digest) == 16 for digest in digests)


def test_a_point_that_comes_as_a_row_is_stored_as_points_are(room: Room) -> None:
    """So do dead letters come back; a segment holds points in one form only."""
    row = RowIn("points", (PROJECT, 7, NOW_US // 1000, 2.5, 1))
    room.run(
        room.append(Submission([Intent(rows=(row,))], lambda _: Answer(204))),
        room.append(submission(intent(point("a")))),
    )
    assert room.rows()["points"][0] == [PROJECT, 7, NOW_US // 1000, 2.5, 1]
    assert len(room.rows()["points"]) == 2
    for bad in (
        (PROJECT + 1, 7, NOW_US // 1000, 2.5, 1),
        (PROJECT, 7, NOW_US // 1000, None, 1),
        (PROJECT, -1, NOW_US // 1000, 2.5, 1),
    ):
        (refused,) = room.run(room.append(Submission([Intent(rows=(RowIn("points", bad),))], lambda _: Answer(204))))
        assert isinstance(refused, BadRow)


def test_a_closed_project_gets_nothing_more(room: Room) -> None:
    """Its requests under way fail, whoever sends them, and leave nothing behind; those of others go on."""
    named = submission(intent(point("a"), claims=[claim("x")]))
    other = submission(intent(point("a")))
    other.project = PROJECT + 1
    draft = room.admission.decide(named, PROJECT)
    room.admission.close_project(PROJECT)
    first, second, third = room.run(room.admission.append(draft), room.append(named), room.append(other))
    assert isinstance(first, JournalUnavailable)
    assert isinstance(second, JournalUnavailable)
    assert body(third) == ["NEW"]
    assert [row[0] for row in room.rows()["points"]] == [PROJECT + 1]
    assert room.usage.used(PROJECT) == 0
