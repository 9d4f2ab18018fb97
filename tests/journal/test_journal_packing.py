"""Pages that are kept packed: the same to whoever reads them, fewer bytes to sync."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from journal_rooms import FIRST, open_journal, run

from headrace.journal import Batch, Journal, JournalReader, schema
from headrace.journal.writer import PACK_BYTES

LINE = b'["order placed","production"]\n'
#: Does not become shorter.
NOISE = Random(1).randbytes(PACK_BYTES)


def lines(size: int) -> bytes:
    return (LINE * (size // len(LINE) + 1))[-size:]


def commit(journal: Journal, body: bytes, form: int = 0, facts: tuple[bytes, ...] = ()) -> Batch:
    batch = journal.batch(1, len(body))
    batch.add_rows("events", 202_611, body, 1, form)
    for fact in facts:
        batch.add_fact(fact)
    journal.commit()
    return batch


def kept(path: Path) -> list[tuple[int, int]]:
    """Bytes and form of each page as the file has it."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT length(body), form FROM pages ORDER BY id").fetchall()


def read(path: Path) -> list[tuple[bytes, int, bool]]:
    with closing(JournalReader(path)) as reader:
        return [(page.body, page.form, page.intact) for page in reader.pages(FIRST)]


@pytest.mark.parametrize(
    ("body", "form", "packed"),
    [
        (lines(PACK_BYTES - 1), 0, False),
        (lines(PACK_BYTES), 0, True),
        (lines(PACK_BYTES + 1), 0, True),
        (NOISE, 0, False),
        (lines(2 * PACK_BYTES), 1, False),  # records of points
    ],
)
def test_a_page_of_some_size_is_packed_and_read_as_it_was(tmp_path: Path, body: bytes, form: int, packed: bool) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        commit(journal, body, form)
        ((size, told),) = kept(journal.path)
        assert (size < len(body), bool(told & schema.PACKED)) == (packed, packed)
        assert journal.backlog.bytes == size
        assert read(journal.path) == [(body, form, True)]
        journal.close()
        again = open_journal(tmp_path)
        assert (again.backlog.bytes, again.backlog.rows) == (size, 1)
        again.close()

    run(work)


def test_facts_of_a_packed_page_are_read_one_by_one(tmp_path: Path) -> None:
    facts = tuple(b'["usage",%d]' % number for number in range(PACK_BYTES // 4))

    async def work() -> None:
        journal = open_journal(tmp_path)
        commit(journal, LINE, facts=facts)
        assert [form for _, form in kept(journal.path)] == [0, schema.PACKED]
        with closing(JournalReader(journal.path)) as reader:
            assert tuple(reader.facts(FIRST - 1)) == facts
        journal.close()

    run(work)


def test_damage_to_a_packed_page_is_told_by_its_checksum(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        commit(journal, lines(PACK_BYTES))
        commit(journal, lines(2 * PACK_BYTES))
        spoil = "UPDATE pages SET body = CAST(substr(body, 1, 20) || x'00' || substr(body, 22) AS BLOB) WHERE id ="
        journal._writer.db.execute(f"{spoil} (SELECT min(id) FROM pages)")
        assert [intact for _, _, intact in read(journal.path)] == [False, True]
        journal.close()

    run(work)


def test_claims_of_a_commit_are_one_row_when_none_has_a_value(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        for values in ((b"", b"", b""), (b"", b"v"), (b"",)):
            batch = journal.batch(0, 0)
            batch.claims += [(bytes([len(values), place]) * 8, value) for place, value in enumerate(values)]
            journal.commit()
        assert journal._writer.db.execute("SELECT id, length(digest), value FROM claims ORDER BY id").fetchall() == [
            (3, 48, b""),
            (4, 16, b""),
            (5, 16, b"v"),
            (6, 16, b""),
        ]
        found = journal.side.claims()
        assert [(number, digest[:2], value) for number, digest, value, _ in found] == [
            (3, b"\3\0", b""),
            (3, b"\3\1", b""),
            (3, b"\3\2", b""),
            (4, b"\2\0", b""),
            (5, b"\2\1", b"v"),
            (6, b"\1\0", b""),
        ]
        assert journal.side.last_claim() == 6
        with closing(JournalReader(journal.path)) as reader:
            assert reader.claims() == found
        journal.close()

    run(work)


def test_a_file_of_version_2_is_read_and_goes_on_packed(tmp_path: Path) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        commit(journal, LINE)
        journal._writer.db.execute("PRAGMA user_version=2")
        journal.close()
        again = open_journal(tmp_path)
        again.segment = FIRST
        again._place = 1
        commit(again, lines(PACK_BYTES))
        assert [body for body, _, _ in read(again.path)] == [LINE, lines(PACK_BYTES)]
        assert again._writer.db.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
        again.close()

    run(work)
