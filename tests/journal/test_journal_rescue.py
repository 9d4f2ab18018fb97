"""A journal that is broken in its structure: noticed, saved row by row, and swapped without a moment in which rows are lost."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from headrace.journal import Journal, JournalReader, SavedAnswer, SavedStat, aside, rescue
from headrace.journal.schema import JournalTooNew

FIRST = 1_000
PAGES = 60
NOW_US = 1_790_000_000_000_000
MARK = "marker"


def clock() -> int:
    return NOW_US


def open_journal(path: Path, *, first: int = FIRST) -> Journal:
    return Journal(path, clock=clock, first_segment=first, cap_bytes=1 << 30, min_free_bytes=0)


def begin(path: Path, *, first: int = FIRST) -> rescue.Rescue | None:
    return rescue.begin(path, first_segment=first, clock=clock)


def body(number: int) -> bytes:
    return b'["%s%03d","%s"]\n' % (MARK.encode(), number, b"x" * 500)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of three segments of twenty pages, each with a stat, a claim and an answer."""

    async def fill() -> None:
        journal = open_journal(tmp_path / "journal.db")
        for number in range(PAGES):
            batch = journal.batch(1, 600)
            batch.add_rows("events", 202_611, body(number), 1)
            batch.stats.append(SavedStat(number + 1, 1, "stat", f"s{number}", "counter", NOW_US))
            batch.claims.append((b"%016d" % number, b"v"))
            batch.answers.append(SavedAnswer(b"%016d" % number, 202, "[]", b"{}", 1 << 60))
            await batch.done
            if number % 20 == 19:
                journal.seal()
        journal.close()

    asyncio.run(fill())
    return tmp_path / "journal.db"


def rows(path: Path) -> dict[int, list[int]]:
    """Numbers of the intact pages, by segment."""
    reader = JournalReader(path)
    found = {
        segment: [int(page.body[len(MARK) + 2 :][:3]) for page in reader.pages(segment) if page.intact]
        for segment in reader.segments(1 << 41)
    }
    reader.close()
    return found


def whole() -> dict[int, list[int]]:
    return {FIRST + third: list(range(20 * third, 20 * third + 20)) for third in range(3)}


def uuid_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        uuid: str = db.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()[0]
    return uuid


def break_page_with(path: Path, text: bytes) -> None:
    """Spoils the head of the b-tree page that holds ``text``."""
    data = bytearray(path.read_bytes())
    place = data.find(text) // 4096 * 4096
    assert place > 0
    data[place : place + 8] = b"\xff" * 8
    path.write_bytes(data)


# --- what is sound


@pytest.mark.parametrize("state", ["none", "empty", "sound", "killed"])
def test_sound_files_are_left_alone(tmp_path: Path, path: Path, state: str) -> None:
    if state == "none":
        path = tmp_path / "other.db"
    elif state == "empty":
        path.write_bytes(b"")
    elif state == "killed":
        journal = open_journal(path)
        journal._writer.db.execute("UPDATE meta SET value = value")
        before = shutil.copytree(tmp_path, tmp_path / "copy")
        journal.close()
        path = before / "journal.db"
    assert begin(path) is None
    assert not list(path.parent.glob("*resc*"))
    assert aside.set_aside(path) == []
    if state in {"sound", "killed"}:
        assert rows(path) == whole()


def test_a_damaged_body_is_no_case_for_a_rescue(path: Path) -> None:
    data = path.read_bytes()
    place = data.find(b"marker007") + 20
    path.write_bytes(data[:place] + b"y" + data[place + 1 :])
    assert begin(path) is None
    assert 7 not in rows(path)[FIRST]


def test_a_newer_format_is_not_damage(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    assert begin(path) is None
    with pytest.raises(JournalTooNew):
        open_journal(path)


def test_a_journal_that_another_process_holds_is_not_damage(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert begin(path) is None
        other.execute("ROLLBACK")


# --- what is not


def spoil_header(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(b"garbage!" * 512 + data[4096:])


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 8 // 4096 * 4096])


def no_uuid(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM meta WHERE key = 'uuid'")


@pytest.mark.parametrize(
    ("spoil", "least"),
    [
        (lambda path: path.write_bytes(b"no database" * 1_000), 0),
        (spoil_header, 0),
        (cut, 1),
        (lambda path: break_page_with(path, b"marker030"), 40),
        (lambda path: break_page_with(path, b"marker000"), 40),
        (lambda path: break_page_with(path, b"marker059"), 40),
        (no_uuid, PAGES),
    ],
    ids=["no database", "header", "cut short", "middle leaf", "first leaf", "last leaf", "no uuid"],
)
def test_what_can_be_read_goes_on_under_its_own_segments(path: Path, spoil: Callable[[Path], Any], least: int) -> None:
    old = uuid_of(path)
    spoil(path)
    spoiled = path.read_bytes()
    found = begin(path)
    assert found is not None
    assert path.read_bytes() == spoiled
    rescue.finish(path, found)
    assert found.aside.read_bytes() == spoiled
    assert aside.set_aside(path) == [found.aside.name]
    saved = rows(path)
    assert least <= sum(map(len, saved.values())) == found.rows <= PAGES
    assert all(set(numbers) <= set(whole()[segment]) for segment, numbers in saved.items())
    assert uuid_of(path) == found.uuid != old
    assert found.old_uuid == ("" if least in {0, PAGES} else old)
    # New segments come after all that may have been used.
    journal = open_journal(path)
    assert journal.segment > (max(saved) if saved else FIRST - 1)
    assert journal.uuid == found.uuid
    if least >= 40:
        assert journal.segment == FIRST + 3
        assert len(journal.side.stats()) == len(journal.side.claims()) == PAGES
        assert journal.side.answer(b"%016d" % 5, NOW_US) == (202, "[]", b"{}")
    journal.close()
    assert begin(path) is None


def test_numbers_begin_above_every_used_one(path: Path) -> None:
    """With nothing to be read of the old file, whoever opens the folder says what was used."""
    path.write_bytes(b"no database")
    found = begin(path, first=5_000)
    assert found is not None
    rescue.finish(path, found)
    assert open_journal(path, first=1).segment == 5_000


def test_a_number_that_cannot_be_true_is_not_believed(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE pages SET id = ? WHERE id = (SELECT max(id) FROM pages)", ((1 << 62) + 5,))
        db.execute("UPDATE claims SET id = ? WHERE id = (SELECT max(id) FROM claims)", ((1 << 63) - 1,))
        db.execute("DELETE FROM meta WHERE key = 'uuid'")
    found = begin(path)
    assert found is not None
    rescue.finish(path, found)
    assert found.rows == PAGES - 1
    journal = open_journal(path)
    assert (journal.segment, journal.side.last_claim()) == (FIRST + 3, PAGES - 1)


def test_a_file_of_the_first_form_is_saved_into_one_of_today(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("ALTER TABLE pages DROP COLUMN form")
        db.execute("PRAGMA user_version=1")
        db.execute("DELETE FROM meta WHERE key = 'uuid'")
    found = begin(path)
    assert found is not None
    rescue.finish(path, found)
    assert found.rows == PAGES
    reader = JournalReader(path)
    assert [(page.body, page.form) for page in reader.pages(FIRST)] == [(body(number), 0) for number in range(20)]
    reader.close()


# --- stops in between


def test_a_stop_while_the_new_file_is_built_begins_anew(path: Path) -> None:
    break_page_with(path, b"marker030")
    building = path.with_name("journal.db.rescuing")
    building.write_bytes(b"half a file")
    building.with_name(building.name + "-wal").write_bytes(b"and its log")
    found = begin(path)
    assert found is not None
    rescue.finish(path, found)
    assert found.rows >= 40
    assert {one.name for one in path.parent.iterdir()} == {"journal.db", found.aside.name}


@pytest.mark.parametrize("moved", [0, 1], ids=["before the swap", "within it"])
def test_a_stop_before_the_swap_ends_goes_on_from_there(path: Path, moved: int) -> None:
    break_page_with(path, b"marker030")
    first = begin(path)
    assert first is not None
    if moved:
        path.rename(first.aside)
    again = begin(path)
    assert again is not None
    assert (again.uuid, again.old_uuid, again.rows) == (first.uuid, first.old_uuid, first.rows)
    rescue.finish(path, again)
    assert uuid_of(path) == first.uuid
    assert len(aside.set_aside(path)) == 1
    assert begin(path) is None


def test_the_log_that_belongs_to_a_damaged_file_stays_beside_it(path: Path) -> None:
    found = begin(path)
    assert found is None
    break_page_with(path, b"marker030")
    found = begin(path)
    assert found is not None
    path.with_name("journal.db-wal").write_bytes(b"log")
    rescue.finish(path, found)
    assert found.aside.with_name(found.aside.name + "-wal").read_bytes() == b"log"
    assert aside.set_aside(path) == [found.aside.name]
