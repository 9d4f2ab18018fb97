"""Claims: in memory, folded into generations, found again after a restart, forgotten when their time or their room is up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from admission_room import DAY_US, NOW_US, Clock, Room, claim, intent, point, submission

from headrace.admission import folded as module
from headrace.admission import folding
from headrace.admission.claims import Claims
from headrace.admission.folded import HELD_S, HELD_US, FoldedClaims
from headrace.admission.folding import fold
from headrace.journal import JournalUnavailable


def digest(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=16).digest()


def batch(name: str, number: int, at: int = NOW_US) -> list[tuple[bytes, bytes, int]]:
    """``number`` claims (digest, value, at)."""
    return [(digest(f"{name}{n}"), b"%d" % n, at) for n in range(number)]


def held(folded: FoldedClaims, name: str, number: int, now: int = NOW_US) -> int:
    """How many of a batch are held, each with its own value."""
    found = [folded.holds(digest(f"{name}{n}"), now) for n in range(number)]
    assert all(value in (None, b"%d" % n) for n, value in enumerate(found))
    return sum(value is not None for value in found)


@pytest.fixture
def open_folded(tmp_path: Path) -> Iterator[Callable[..., FoldedClaims]]:
    opened: list[FoldedClaims] = []

    def open_(maximum: int = 400) -> FoldedClaims:
        opened.append(FoldedClaims(tmp_path / "claims.db", maximum=maximum))
        return opened[-1]

    yield open_
    for folded in opened:
        folded.close()


def generations(folded: FoldedClaims) -> list[tuple[int, int]]:
    """(number, claims), youngest first."""
    return [(generation.number, generation.claims) for generation in folded._generations]


def test_folding_twice_changes_nothing(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded()
    for _ in range(2):
        folded.fold(batch("a", 50))
        assert len(folded) == 50
    assert held(folded, "a", 50) == 50
    assert held(folded, "b", 50) == 0


def test_generations_follow_each_other_and_are_found_after_a_restart(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded()  # a quarter of 400 fills a generation
    for name in "abc":
        folded.fold(batch(name, 60))
    assert generations(folded) == [(2, 60), (1, 120)]
    again = open_folded()
    assert generations(again) == [(2, 60), (1, 120)]
    # The filter of the full one is kept; the youngest's is made anew, and until then its table is asked.
    assert [generation.bloom is not None for generation in again._generations] == [False, True]
    for _ in range(2):
        assert [held(again, name, 60) for name in "abcd"] == [60, 60, 60, 0]
        again.warm()
    assert all(generation.bloom is not None for generation in again._generations)
    again.fold(batch("d", 60))
    assert [held(again, name, 60) for name in "abcd"] == [60] * 4


def test_filters_keep_new_claims_off_the_disk(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded()
    for name in "abc":
        folded.fold(batch(name, 60))
    asked: list[bytes] = []
    folded._look_up = lambda _, one: asked.append(one)  # type: ignore[method-assign]
    held(folded, "new", 1_000)
    assert len(asked) < 100


@pytest.mark.parametrize(("late_us", "left"), [(-1, 180), (0, 60)], ids=["within 120 days", "past them"])
def test_a_generation_goes_when_its_youngest_claim_is_past_its_time(
    open_folded: Callable[..., FoldedClaims], late_us: int, left: int
) -> None:
    folded = open_folded()
    folded.fold(batch("a", 60, NOW_US))
    folded.fold(batch("b", 60, NOW_US + DAY_US))
    folded.fold(batch("c", 60, NOW_US + 2 * DAY_US))
    folded.expire(NOW_US + DAY_US + HELD_US + late_us)
    assert len(folded) == left
    assert held(folded, "c", 60) == 60
    assert held(folded, "a", 60) == (60 if left == 180 else 0)
    assert folded.dropped_early == 0
    assert len(open_folded()) == left


def test_a_claim_of_a_clock_set_back_takes_no_other_with_it(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded()
    folded.fold(batch("a", 60, NOW_US))
    folded.fold([*batch("b", 59, NOW_US), (digest("b59"), b"59", NOW_US - 200 * DAY_US)])
    folded.fold(batch("c", 1, NOW_US))
    folded.expire(NOW_US + HELD_US - 1)
    assert [held(folded, name, 60) for name in "ab"] == [60, 59]
    folded.expire(NOW_US - 400 * DAY_US)
    assert len(folded) == 121
    assert held(folded, "b", 60, NOW_US - 81 * DAY_US) == 60


@pytest.mark.parametrize(("late_us", "left"), [(-1_000_000, 60), (0, 0), (1_000_000, 0)])
def test_the_youngest_goes_too_when_nothing_new_arrives(
    open_folded: Callable[..., FoldedClaims], late_us: int, left: int
) -> None:
    folded = open_folded()
    folded.fold(batch("a", 60))
    folded.expire(NOW_US + HELD_US + late_us)
    assert len(folded) == held(folded, "a", 60) == left
    assert (len(open_folded()), folded.dropped_early) == (left, 0)


def test_everything_expired_leaves_room_for_a_new_beginning(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded()
    folded.fold(batch("a", 100))
    folded.expire(NOW_US + HELD_US)
    assert len(folded) == 0
    folded.fold(batch("b", 5))
    assert held(folded, "b", 5) == 5
    assert len(open_folded()) == 5


@pytest.mark.parametrize(("last", "left"), [(99, 399), (100, 400), (101, 301)])
def test_the_oldest_go_first_when_there_are_too_many(
    open_folded: Callable[..., FoldedClaims], last: int, left: int
) -> None:
    folded = open_folded(400)
    for name in "abc":
        folded.fold(batch(name, 100))
    folded.fold(batch("d", last))
    folded.expire(NOW_US)
    assert len(folded) == left
    assert held(folded, "a", 100) == (100 if left > 301 else 0)
    assert [held(folded, name, 100) for name in "bc"] == [100, 100]
    assert folded.dropped_early == (0 if left > 301 else 100)


def test_a_low_cap_holds_too(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded(1_000)
    for number in range(40):
        folded.fold(batch(f"{number}.", 100))
        folded.expire(NOW_US)
    assert 750 <= len(folded) <= 1_000
    assert held(folded, "39.", 100) == 100


def test_another_cap_after_a_restart(open_folded: Callable[..., FoldedClaims]) -> None:
    """Generations made under a lower cap are not full under a higher one, and still go when their time comes."""
    folded = open_folded(400)
    for name in "abcd":
        folded.fold(batch(name, 100))
    again = open_folded(4_000)
    again.fold(batch("e", 100, NOW_US + DAY_US))
    assert [held(again, name, 100) for name in "ae"] == [100, 100]
    again.expire(NOW_US + HELD_US)
    assert [held(again, name, 100) for name in "abce"] == [0, 0, 0, 100]


def test_looking_while_a_generation_is_dropped(
    open_folded: Callable[..., FoldedClaims], monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = open_folded()
    for name in "ab":
        folded.fold(batch(name, 100))
    look_up = folded._look_up

    def drop_first(generation: Any, one: bytes) -> Any:
        folded.expire(NOW_US + HELD_US)
        return look_up(generation, one)

    monkeypatch.setattr(folded, "_look_up", drop_first)
    assert folded.holds(digest("a0"), NOW_US) is None
    assert len(folded) == 0


def test_looking_from_one_thread_while_another_folds_and_expires(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded(1_000_000)
    folded.fold(batch("kept", 50))
    stop = threading.Event()
    troubles: list[Exception] = []

    def churn() -> None:
        for number in range(30):
            folded._full = 100
            try:
                folded.fold(batch(f"{number}.", 120, NOW_US - 200 * DAY_US if number % 2 else NOW_US))
                folded.expire(NOW_US)
            except Exception as error:
                troubles.append(error)
        stop.set()

    thread = threading.Thread(target=churn)
    thread.start()
    rounds = 0
    while not stop.is_set() or rounds == 0:
        rounds += 1
        assert held(folded, "kept", 50) == 50
        held(folded, "0.", 120)
    thread.join()
    assert not troubles


def test_what_cannot_be_looked_up_is_not_taken_for_new(
    open_folded: Callable[..., FoldedClaims], tmp_path: Path
) -> None:
    folded = open_folded()
    folded.fold(batch("a", 5))
    with sqlite3.connect(tmp_path / "claims.db") as other:
        other.execute("ALTER TABLE claims_1 RENAME TO elsewhere")
    other.close()
    with pytest.raises(JournalUnavailable, match="claims cannot be looked up"):
        folded.holds(digest("a0"), NOW_US)


def test_a_fold_that_fails_is_repeated(
    open_folded: Callable[..., FoldedClaims], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the generation was begun, and nothing more."""
    folded = open_folded()
    folded.fold(batch("a", 100))
    chunks = module._sorted_chunks

    def fail(_: Any) -> Any:
        raise sqlite3.OperationalError("disk is full")

    for _ in range(2):
        monkeypatch.setattr(module, "_sorted_chunks", fail)
        with pytest.raises(sqlite3.OperationalError):
            folded.fold(batch("b", 10))
        assert held(folded, "a", 100) == 100
        folded.expire(NOW_US)
    monkeypatch.setattr(module, "_sorted_chunks", chunks)
    folded.fold(batch("b", 10))
    assert generations(folded) == [(2, 10), (1, 100)]
    assert [held(folded, name, 10) for name in "ab"] == [10, 10]


def test_recent_claims_are_taken_back_or_forgotten(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded()
    claims = Claims(folded, [(1, digest("saved"), b"v", NOW_US)], Clock())
    assert claims.holds(digest("saved")) == b"v"
    claims.add([(digest("new"), b"w")], NOW_US)
    assert (claims.holds(digest("new")), claims.unfolded, len(claims)) == (b"w", 2, 2)
    claims.take_back([(digest("new"), b"w")])
    claims.take_back([(digest("new"), b"w")])
    assert claims.holds(digest("new")) is None
    folded.fold([(digest("saved"), b"v", NOW_US)])
    claims.forget([(digest("saved"), NOW_US), (digest("never there"), NOW_US)])
    assert (claims.holds(digest("saved")), claims.unfolded, len(claims)) == (b"v", 0, 1)


def fold_some(room: Room) -> int:
    """Folds what waits, ``FOLD_MAX`` or a few more at once, and has the journal forget it; gives the number of claims."""

    async def trim(last: int) -> None:
        room.journal.forget_claims(last)
        room.journal.finish_trims()

    def forget(last: int, folded: list[tuple[bytes, int]]) -> None:
        room.claims.forget(folded)
        room.run(trim(last))

    return fold(room.journal.path, room.folded, room.clock(), forget)


def fold_all(room: Room) -> None:
    """As :func:`fold_some`, until nothing waits."""
    assert fold_some(room) > 0
    assert (room.claims.unfolded, room.journal.side.claims()) == (0, [])


@pytest.mark.parametrize(
    ("late_s", "verdict"), [(-1, b'["DUPLICATE"]'), (0, b'["NEW"]'), (1, b'["NEW"]')], ids=["-1 s", "0", "+1 s"]
)
@pytest.mark.parametrize("folded", [False, True], ids=["unfolded", "folded"])
@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
def test_a_claim_is_held_for_120_days_wherever_it_is(
    room: Room, clock: Clock, folded: bool, again: bool, late_s: int, verdict: bytes
) -> None:
    """To the second; then it can be made anew, and is held for as long again, folded beside the old one or not."""
    first, other = (submission(intent(point("s"), claims=[claim(name)])) for name in ("one", "other"))
    room.run(room.append(first))
    if folded:
        fold_all(room)
    if again:
        room.reopen()
    clock.move(HELD_S - 1)
    # Its generation is young still.
    assert [answer.body for answer in room.run(room.append(first), room.append(other))] == [
        b'["DUPLICATE"]',
        b'["NEW"]',
    ]
    clock.move(1 + late_s)
    assert room.run(room.append(first))[0].body == verdict
    room.reopen()
    assert room.run(room.append(first))[0].body == b'["DUPLICATE"]'
    fold_all(room)
    room.folded.warm()
    for _ in range(2):
        assert [answer.body for answer in room.run(room.append(first), room.append(other))] == [b'["DUPLICATE"]'] * 2
        room.reopen()


def test_a_claim_made_anew_while_the_old_one_is_folded_stays(open_folded: Callable[..., FoldedClaims]) -> None:
    clock = Clock()
    claims = Claims(open_folded(), [(1, digest("a"), b"old", NOW_US)], clock)
    clock.move(HELD_S)
    claims.add([(digest("a"), b"new")], clock())
    claims.forget([(digest("a"), NOW_US)])
    assert (claims.holds(digest("a")), claims.unfolded) == (b"new", 1)


def test_a_look_up_in_the_middle_of_a_fold(
    open_folded: Callable[..., FoldedClaims], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter changes threads while a filter takes claims in: it must not be that one which is asked."""
    asked: list[int] = []
    plain = module._hash

    def look_up_too(one: bytes) -> int:
        if folding and not asked:
            asked.append(0)
            asked[0] = held(folded, "a", 5)
        return plain(one)

    folding = False
    monkeypatch.setattr(module, "_hash", look_up_too)
    folded = open_folded()
    folded.fold(batch("a", 5))
    folding = True
    folded.fold(batch("b", 5))
    assert asked == [5]
    assert [held(folded, name, 5) for name in "ab"] == [5, 5]


def test_a_file_from_before_claims_knew_their_time(open_folded: Callable[..., FoldedClaims], tmp_path: Path) -> None:
    """They are held as long as the youngest of their generation."""
    with sqlite3.connect(tmp_path / "claims.db") as old:
        old.execute("CREATE TABLE generations (number INTEGER PRIMARY KEY, count, first_at, last_at, bloom BLOB)")
        for number, last_at in enumerate((NOW_US, NOW_US + DAY_US), 1):
            old.execute(f"CREATE TABLE claims_{number} (digest BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
            old.execute(f"INSERT INTO claims_{number} VALUES (?, ?)", (digest(f"{number}0"), b"0"))
            old.execute("INSERT INTO generations VALUES (?, 1, ?, ?, NULL)", (number, NOW_US, last_at))
    old.close()
    for folded in (open_folded(), open_folded()):
        folded.warm()
        folded.fold(batch("b", 1, NOW_US + 5 * DAY_US))
        for late, left in ((-1, [1, 1]), (0, [0, 1]), (DAY_US - 1, [0, 1]), (DAY_US, [0, 0])):
            assert [held(folded, name, 1, NOW_US + HELD_US + late) for name in "12"] == left
        assert held(folded, "b", 1, NOW_US + HELD_US + DAY_US) == 1
        assert all(generation.bloom is not None for generation in folded._generations)


def test_from_the_journal_to_the_file(room: Room, clock: Clock) -> None:
    """Claims move in bulk, are known at every moment, and a kill at any point between costs nothing."""
    first = submission(intent(point("s"), claims=[claim("one", value=b"1")]))

    async def twice() -> list[bytes]:
        return [(await room.append(first)).body, (await room.append(first)).body]

    assert room.run(twice()) == [[b'["NEW"]', b'["DUPLICATE"]']]
    forgotten: list[tuple[int, list[tuple[bytes, int]]]] = []
    assert fold(room.journal.path, room.folded, clock(), lambda *told: forgotten.append(told)) == 1
    # Killed before the journal forgot: it is in both.
    room.reopen()
    assert len(room.claims) == 2
    assert room.claims.holds(claim("one").key) == b"1"

    def forget(last: int, folded: list[tuple[bytes, int]]) -> None:
        forgotten.append((last, folded))
        room.claims.forget(folded)

    assert fold(room.journal.path, room.folded, clock(), forget) == 1
    assert (room.claims.unfolded, len(room.claims)) == (0, 1)

    async def trim() -> None:
        room.journal.forget_claims(forgotten[-1][0])
        room.journal.finish_trims()

    room.run(trim())
    room.reopen()
    assert room.journal.side.claims() == []
    assert room.run(room.append(first))[0].body == b'["DUPLICATE"]'
    assert fold(room.journal.path, room.folded, clock(), forget) == 0


def test_what_one_commit_claimed_is_folded_and_forgotten_together(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are folded at once: claims of a commit share a row of the journal."""
    monkeypatch.setattr(folding, "FOLD_MAX", 3)
    names = ["a", "b", "c", "d", "e", "f"]
    pairs = zip(names[::2], names[1::2], strict=True)

    async def two(*pair: str) -> None:
        await asyncio.gather(*(room.append(submission(intent(point("s"), claims=[claim(name)]))) for name in pair))

    for pair in pairs:
        room.run(two(*pair))
    with closing(sqlite3.connect(room.journal.path)) as db:
        assert [size for (size,) in db.execute("SELECT length(digest) FROM claims ORDER BY id")] == [32, 32, 32]
    assert [digest for _, digest, _, _ in room.journal.side.claims()] == [claim(name).key for name in names]

    left = []
    while count := fold_some(room):
        left.append((count, len(room.journal.side.claims())))
    assert left == [(4, 2), (2, 0)]
    room.reopen()
    assert [room.claims.holds(claim(name).key) for name in names] == [b""] * 6


def test_claims_are_taken_out_of_every_generation(open_folded: Callable[..., FoldedClaims]) -> None:
    folded = open_folded()  # a quarter of 400 fills a generation
    for name in "ab":
        folded.fold(batch(name, 100))
    folded.fold(batch("c", 20))
    gone = [digest(f"{name}{n}") for name in "abc" for n in range(10)]
    for _ in range(2):
        folded.forget([*gone, digest("never held")])
        assert [held(folded, name, number) for name, number in (("a", 100), ("b", 100), ("c", 20))] == [90, 90, 10]
        assert len(folded) == 190
    # They may be claimed anew, and the file says the same.
    folded.fold(batch("a", 5))
    again = open_folded()
    assert (held(again, "a", 10), held(again, "c", 20), len(again)) == (5, 10, 195)
