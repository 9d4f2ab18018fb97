"""The journal by itself: group commit, segments, trimming, back-pressure, damage."""

from __future__ import annotations

import sqlite3
from binascii import crc32
from contextlib import closing
from pathlib import Path

import pytest
from journal_rooms import FIRST, open_journal, pages, run

from headrace.journal import Journal, JournalReader, JournalUnavailable, SavedAnswer, SavedStat, backlog, trimming
from headrace.journal import journal as writer
from headrace.journal.backlog import Room
from headrace.journal.schema import _TABLES, FACTS, JournalTooNew, page_ids


def test_requests_of_one_turn_share_a_commit_and_a_page_per_partition(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        first, second = journal.batch(1, 10), journal.batch(2, 10)
        assert first is second
        first.add_rows("points", 2026, b"[1]\n", 1)
        second.add_rows("points", 2026, b"[2]\n[3]\n", 2)
        second.add_rows("events", 202611, b"[4]\n", 1)
        second.add_fact(b'["check_in"]')
        await first.done
        assert sum(journal.commit_times.counts) == 1
        assert pages(journal, FIRST) == [
            ("points", 2026, 3, b"[1]\n[2]\n[3]\n"),
            ("events", 202611, 1, b"[4]\n"),
            (FACTS, 0, 1, b'["check_in"]'),
        ]
        assert journal.backlog.rows == 4
        journal.close()

    run(work)


def test_what_was_committed_is_there_after_opening_again_and_segments_go_on(tmp_path: Path) -> None:
    async def write() -> str:
        journal = open_journal(tmp_path)
        batch = journal.batch(1, 10)
        batch.add_rows("points", 2026, b"[1]\n", 1)
        batch.stats.append(SavedStat(7, 1, "stat", "a", "counter", 5))
        batch.claims.append((b"k" * 16, b"v"))
        batch.answers.append(SavedAnswer(b"d" * 16, 202, "[]", b"{}", 1 << 60))
        await batch.done
        return journal.uuid  # not closed: as a killed process leaves it

    async def look(uuid: str) -> None:
        journal = open_journal(tmp_path, first=999_999)
        assert journal.uuid == uuid
        assert journal.segment == FIRST + 1
        assert (journal.backlog.rows, journal.backlog.bytes) == (1, 4)
        assert journal.side.stats() == [(7, 1, "stat", "a", "counter", 5)]
        assert [claim[1:3] for claim in journal.side.claims()] == [(b"k" * 16, b"v")]
        assert journal.side.answer(b"d" * 16, 0) == (202, "[]", b"{}")
        assert journal.side.answer(b"d" * 16, 1 << 61) is None
        journal.close()

    uuid = run(write)
    run(lambda: look(uuid))


@pytest.mark.parametrize(
    ("rows", "size", "segment"),
    [
        (writer.SEGMENT_ROWS - 1, 10, FIRST),
        (writer.SEGMENT_ROWS, 10, FIRST + 1),
        (1, writer.SEGMENT_BYTES - 4, FIRST),
        (1, writer.SEGMENT_BYTES - 3, FIRST + 1),
    ],
)
def test_a_segment_ends_before_its_bounds_are_passed(tmp_path: Path, rows: int, size: int, segment: int) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        batch = journal.batch(1, 4)
        batch.add_rows("points", 2026, b"[1]\n", 1)
        await batch.done
        assert journal.batch(rows, size).segment == segment
        journal.close()

    run(work)


def test_sealing_an_open_batch_commits_it_first_and_an_empty_segment_stays(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        assert journal.seal() == FIRST - 1
        batch = journal.batch(1, 4)
        batch.add_rows("points", 2026, b"[1]\n", 1)
        assert journal.seal() == FIRST
        assert batch.done.done()
        assert journal.segment == FIRST + 1
        journal.close()

    run(work)


def test_trimming_forgets_in_steps_and_keeps_what_is_not_trimmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimming, "TRIM_BYTES", 2_000)

    async def work() -> None:
        journal = open_journal(tmp_path)
        for number in range(10):
            batch = journal.batch(1, 1_000)
            batch.add_rows("points", 2026, b"[%d%s]\n" % (number, b" " * 996), 1)
            await batch.done
            if number == 7:
                journal.seal()
        journal.trim(FIRST)
        journal.finish_trims()
        assert pages(journal, FIRST) == []
        assert len(pages(journal, FIRST + 1)) == 2
        assert journal.backlog.rows == 2
        assert journal.backlog.oldest_after(FIRST) is not None
        journal.close()
        assert open_journal(tmp_path).segment == FIRST + 2

    run(work)


def test_closing_in_the_middle_of_a_trim_needs_no_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming, "TRIM_BYTES", 10)

    async def work() -> Journal:
        journal = open_journal(tmp_path)
        for _ in range(5):
            batch = journal.batch(1, 20)
            batch.add_rows("points", 2026, b"[%s1]\n" % (b" " * 16), 1)
            await batch.done
        journal.trim(journal.seal())
        return journal

    journal = run(work)
    journal.close()
    assert 0 < open_journal(tmp_path).backlog.rows < 5


def test_numbers_do_not_repeat_when_everything_was_trimmed(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        batch = journal.batch(1, 4)
        batch.add_rows("points", 2026, b"[1]\n", 1)
        await batch.done
        journal.trim(journal.seal())
        journal.finish_trims()
        journal.close()
        assert open_journal(tmp_path, first=1).segment == FIRST + 1

    run(work)


@pytest.mark.parametrize(("size", "fits"), [(96, True), (97, False)])
def test_the_cap_is_said_aloud(tmp_path: Path, size: int, fits: bool) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path, cap=100)
        batch = journal.batch(1, 4)
        batch.add_rows("points", 2026, b"[1]\n", 1)
        await batch.done
        if fits:
            journal.batch(1, size)
        else:
            with pytest.raises(JournalUnavailable, match="its cap is 100"):
                journal.batch(1, size)
        journal.close()

    run(work)


def test_too_little_disk_is_said_aloud(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path, min_free=1 << 60)
        with pytest.raises(JournalUnavailable, match="are needed"):
            journal.batch(1, 4)
        assert "are needed" in journal.trouble()
        journal.close()

    run(work)


def test_a_failed_commit_fails_its_requests_undoes_newest_first_and_heals(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        undone: list[int] = []
        batch = journal.batch(1, 4)
        batch.add_rows("points", 2026, b"[1]\n", 1)
        batch.undo += [lambda: undone.append(1), lambda: undone.append(2)]
        other = sqlite3.connect(journal.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        journal._writer.db.execute("PRAGMA busy_timeout=0")
        with pytest.raises(JournalUnavailable, match="locked"):
            await batch.done
        assert undone == [2, 1]
        assert journal.backlog.rows == 0
        assert "locked" in journal.trouble()
        other.execute("ROLLBACK")
        assert journal.trouble() == ""
        batch = journal.batch(1, 4)
        batch.add_rows("points", 2026, b"[2]\n", 1)
        await batch.done
        assert pages(journal, FIRST) == [("points", 2026, 1, b"[2]\n")]
        other.close()
        journal.close()

    run(work)


def test_a_damaged_page_is_told_and_set_aside(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        for body in (b"[1]\n", b"[2]\n"):
            batch = journal.batch(1, 4)
            batch.add_rows("points", 2026, body, 1)
            await batch.done
        journal._writer.db.execute("UPDATE pages SET body = ? WHERE id = (SELECT min(id) FROM pages)", (b"[9]\n",))
        reader = JournalReader(journal.path)
        found = list(reader.pages(FIRST))
        assert [page.intact for page in found] == [False, True]
        journal.side.quarantine(found[0].id)
        assert journal.side.quarantined() == 1
        assert [page.body for page in reader.pages(FIRST)] == [b"[2]\n"]
        reader.close()
        journal.close()

    run(work)


def test_folded_claims_leave_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming, "TRIM_CLAIMS", 3)

    async def work() -> None:
        journal = open_journal(tmp_path)
        for number in range(10):
            journal.batch(0, 0).claims.append((b"%016d" % number, b""))
            journal.commit()
        journal.forget_claims(8)
        journal.finish_trims()
        assert [claim[1] for claim in journal.side.claims()] == [b"%016d" % 8, b"%016d" % 9]
        journal.close()

    run(work)


@pytest.mark.parametrize("again", [False, True], ids=["trimmed once", "folded again while trimmed"])
def test_a_claim_that_joins_while_the_last_folded_ones_leave_stays(tmp_path: Path, again: bool) -> None:
    """The table is empty for a moment; what comes in then is not what was folded, whatever its id."""

    async def work() -> None:
        journal = open_journal(tmp_path)
        for number in range(3):
            batch = journal.batch(0, 0)
            batch.claims.append((b"%016d" % number, b""))
            await batch.done
            if number == 1:
                last = journal.side.last_claim()
                journal.forget_claims(last)
                journal.commit()
                assert journal.side.claims() == []
                if again:
                    journal.forget_claims(last)
        journal.finish_trims()
        assert [claim[1] for claim in journal.side.claims()] == [b"%016d" % 2]
        journal.close()

    run(work)


def test_old_and_surplus_answers_go(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        batch = journal.batch(0, 0)
        batch.answers += [SavedAnswer(b"%016d" % number, 202, "[]", b"", number) for number in range(10)]
        await batch.done
        journal.side.forget_answers(now=4, keep=3)
        left = [number for number in range(10) if journal.side.answer(b"%016d" % number, 0)]
        assert left == [7, 8, 9]
        journal.close()

    run(work)


def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(JournalTooNew, match="newer"):
        open_journal(tmp_path)


def test_a_file_of_the_first_form_is_read_and_goes_on(tmp_path: Path) -> None:
    """Its pages are lines, whatever newer ones beside them are."""
    path = tmp_path / "journal.db"
    older = _TABLES.replace(" body BLOB NOT NULL,\n    form INTEGER NOT NULL DEFAULT 0\n", " body BLOB NOT NULL\n", 1)
    assert older != _TABLES
    with closing(sqlite3.connect(path)) as db:
        db.executescript(older + "PRAGMA user_version=1;")
        db.executemany("INSERT INTO meta VALUES (?, ?)", [("uuid", "old"), ("last_segment", "40")])
        page = (page_ids(41)[0], "points", 2026, 1, crc32(b"[1]\n"), 5, b"[1]\n")
        db.execute("INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?)", page)
        db.commit()

    async def work() -> None:
        journal = open_journal(tmp_path)
        assert (journal.uuid, journal.segment, journal.backlog.rows) == ("old", 42, 1)
        batch = journal.batch(1, 4)
        batch.add_rows("points", 2026, b"\x01", 1, form=1)
        await batch.done
        reader = JournalReader(path)
        found = [(page.body, page.form, page.intact) for segment in (41, 42) for page in reader.pages(segment)]
        assert found == [(b"[1]\n", 0, True), (b"\x01", 1, True)]
        reader.close()
        journal.close()
        assert open_journal(tmp_path).segment == 43

    run(work)


def test_nothing_is_taken_in_after_a_look_at_the_disk_has_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "DISK_CHECK_S", 3_600.0)
    room = Room(tmp_path, cap_bytes=1_000_000, min_free_bytes=0)
    room.check(0, 1)
    room._min_free = 1 << 60
    room.check(0, 1)  # looked at just now
    for at_once in (True, False):
        with pytest.raises(JournalUnavailable, match="are needed"):
            room.check(0, 1, at_once=at_once)
