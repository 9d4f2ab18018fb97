"""Commits beside the event loop: their order, what gathers meanwhile, what a failure takes back."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from journal_rooms import FIRST, open_journal, pages, run
from wire import TIMEOUT_S

from headrace.journal import Batch, Journal, JournalUnavailable
from headrace.journal import journal as writer


class Gate:
    """Holds a journal's writes until it is opened, or makes them fail."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.error: sqlite3.Error | None = None
        self.threads: list[str] = []
        write = journal._write

        def held(*args: Any) -> Any:
            self.threads.append(threading.current_thread().name.partition("_")[0])
            assert self.open.wait(TIMEOUT_S)
            if self.error is not None:
                raise self.error
            return write(*args)

        monkeypatch.setattr(journal, "_write", held)


def add(journal: Journal, size: int, mark: bytes = b"x") -> Batch:
    batch = journal.batch(1, size)
    batch.add_rows("events", 202_611, mark * size, 1)
    return batch


async def until_writing(journal: Journal) -> None:
    for _ in range(10_000):
        if journal._writing is not None:
            return
        await asyncio.sleep(0)
    pytest.fail("nothing is written")


@pytest.mark.parametrize(("size", "thread"), [(writer.ASIDE_BYTES - 1, "MainThread"), (writer.ASIDE_BYTES, "journal")])
def test_a_large_commit_is_written_beside_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, thread: str
) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        gate = Gate(journal, monkeypatch)
        gate.open.set()
        batch = add(journal, size)
        await batch.done
        assert gate.threads == [thread]
        kept = journal._writer.db.execute("SELECT total(length(body)) FROM pages").fetchone()[0]
        assert (journal.backlog.bytes, journal.backlog.rows) == (kept, 1)
        assert [page[2:] for page in pages(journal, FIRST)] == [(1, b"x" * size)]
        journal.close()

    run(work)


def test_a_commit_is_as_large_as_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much was promised before it closed."""

    async def work() -> None:
        journal = open_journal(tmp_path)
        gate = Gate(journal, monkeypatch)
        gate.open.set()
        batch = journal.batch(1, writer.ASIDE_BYTES)
        batch.promise(1, writer.ASIDE_BYTES)

        def close() -> None:
            batch.promise(-1, -writer.ASIDE_BYTES)
            batch.add_rows("events", 202_611, b"x", 1)

        batch.closing.append(close)
        await batch.done
        assert gate.threads == ["MainThread"]
        journal.close()

    run(work)


def test_what_comes_meanwhile_gathers_and_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        gate = Gate(journal, monkeypatch)
        first = add(journal, writer.ASIDE_BYTES)
        await until_writing(journal)
        assert journal.pending() is first.done
        second = add(journal, 1, b"a")
        assert second is not first
        await asyncio.sleep(0)
        assert add(journal, 1, b"b") is second
        assert journal.pending() is second.done
        assert not first.done.done()
        gate.open.set()
        await second.done
        assert first.done.done()
        assert gate.threads == ["journal", "MainThread"]
        assert [page[3][:1] for page in pages(journal, FIRST)] == [b"x", b"a"]
        assert journal.backlog.rows == 3
        journal.close()

    run(work)


def test_a_seal_waits_for_what_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        gate = Gate(journal, monkeypatch)
        first = add(journal, writer.ASIDE_BYTES)
        await until_writing(journal)
        second = add(journal, 1)
        threading.Timer(0.05, gate.open.set).start()
        assert journal.seal() == FIRST
        assert first.done.done()
        assert second.done.done()
        assert add(journal, 1).segment == FIRST + 1
        assert len(pages(journal, FIRST)) == 2
        journal.close()
        assert open_journal(tmp_path).backlog.rows == 3

    run(work)


def test_rows_that_are_being_written_count_towards_their_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        journal = open_journal(tmp_path)
        gate = Gate(journal, monkeypatch)
        add(journal, writer.ASIDE_BYTES)
        await until_writing(journal)
        threading.Timer(0.05, gate.open.set).start()
        assert journal.batch(writer.SEGMENT_ROWS - 1, 4).segment == FIRST
        assert journal.batch(writer.SEGMENT_ROWS, 4).segment == FIRST + 1
        journal.close()

    run(work)


@pytest.mark.parametrize("sealed", [False, True], ids=["as it comes", "while a segment is sealed"])
def test_a_failure_takes_back_what_was_added_meanwhile_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    """Its decisions may rest on stats and claims that are not there after all."""

    async def work() -> None:
        journal = open_journal(tmp_path)
        gate = Gate(journal, monkeypatch)
        undone: list[int] = []
        first = add(journal, writer.ASIDE_BYTES)
        first.undo += [lambda: undone.append(1), lambda: undone.append(2)]
        await until_writing(journal)
        second = add(journal, 1)
        second.undo.append(lambda: undone.append(3))
        gate.error = sqlite3.OperationalError("disk is full")
        if sealed:
            threading.Timer(0.05, gate.open.set).start()
            with pytest.raises(JournalUnavailable, match="disk is full"):
                journal.batch(writer.SEGMENT_ROWS, 4)
        gate.open.set()
        for batch in (second, first):
            with pytest.raises(JournalUnavailable, match="disk is full"):
                await batch.done
        assert undone == [3, 2, 1]
        assert gate.threads == ["journal"]
        assert (journal.backlog.rows, journal.pending()) == (0, None)
        gate.error = None
        await add(journal, writer.ASIDE_BYTES).done
        assert [page[2] for page in pages(journal, FIRST)] == [1]
        journal.close()

    run(work)
