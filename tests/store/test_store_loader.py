"""The loader between a real journal, the real engine and a catalog: what becomes of a segment when a piece of it cannot be loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from store_rows import START, line_of, numbers, row_of

from headrace.catalog import Catalog, dead_letters, progress, sqlite_url
from headrace.journal import Journal, JournalReader, SavedStat
from headrace.loader.loader import JournalEnd, Loader
from headrace.records.intents import CheckInFact
from headrace.records.points import POINT_RECORDS, PointRow, point_record
from headrace.store import PointRecords, Store, StoreUnavailable

#: A year for these tests alone: numbers of journals are far above those of other tests, and a rollup row keeps its highest.
YEAR, MONTH = 2043, 202_603
THEN = int(datetime(YEAR, 1, 1, tzinfo=UTC).timestamp() * 1000)
NOW_US = START * 1000


class Home:
    """A journal, a catalog and the shared store. Each :meth:`drain` is a loader of its own, as after a restart."""

    def __init__(self, folder: Path, store: Store, first: int) -> None:
        self.store = store
        self.catalog = Catalog.open(sqlite_url(folder / "catalog.db"))
        self.journal = Journal(
            folder / "journal.db", clock=lambda: NOW_US, first_segment=first, cap_bytes=1 << 30, min_free_bytes=0
        )

    def commit(self, fill: Callable[[Any], None]) -> int:
        """One commit, so one page for each table and partition; gives its segment."""

        async def run() -> int:
            batch = self.journal.batch(1, 1_000)
            fill(batch)
            self.journal.commit()
            await batch.done
            return batch.segment

        return asyncio.run(run())

    def drain(self) -> Loader:
        async def run() -> Loader:
            loop = asyncio.get_running_loop()

            def on_loop(function: Callable[[], Any]) -> Any:
                async def call() -> Any:
                    return function()

                return asyncio.run_coroutine_threadsafe(call(), loop).result(20)

            loader = Loader(
                journal_path=self.journal.path,
                journal_uuid=self.journal.uuid,
                journal_end=JournalEnd(
                    seal=lambda: on_loop(self.journal.seal),
                    full=self.journal.full,
                    trim=lambda segment: on_loop(lambda: self.journal.trim(segment)),
                    quarantine=lambda page: on_loop(lambda: self.journal.side.quarantine(page)),
                    projected=lambda _: None,
                ),
                doubtful_upto=self.journal.segment,
                open_store=lambda: self.store,
                catalog=self.catalog,
                clock=lambda: NOW_US,
            )
            try:
                await asyncio.to_thread(loader.drain)
            finally:
                await asyncio.to_thread(loader.stop, 1)
                self.journal.finish_trims()
            return loader

        return asyncio.run(run())

    def held(self, table: str, segment: int) -> int:
        return self.store.rows_in(table, YEAR if table == "points" else MONTH, segment)

    def segments(self) -> list[int]:
        with closing(JournalReader(self.journal.path)) as reader:
            return reader.segments(1 << 42)

    def known(self, query: str) -> list[Any]:
        with self.catalog.read() as connection:
            return connection.execute(text(query)).scalars().all()

    def damage(self, part: int, nth: int) -> None:
        """Spoils the body of the ``nth`` page of a partition."""
        spoil = "UPDATE pages SET body = zeroblob(length(body)) WHERE id = "
        self.journal._writer.db.execute(
            f"{spoil}(SELECT id FROM pages WHERE part = ? ORDER BY id LIMIT 1 OFFSET ?)", (part, nth)
        )


@pytest.fixture
def home(tmp_path: Path, store: Store) -> Iterator[Home]:
    home = Home(tmp_path, store, first=10_000 * next(numbers))
    yield home
    home.journal.close()
    home.catalog.close()


def test_what_is_not_torn_of_a_segment_is_loaded_and_learned(home: Home, project: int) -> None:
    """The store has some points of the segment and not others: nobody repeats them, and nothing else waits for them."""
    units = [point_record(PointRow(project, 7, THEN + n, 1.0, 0)) for n in range(10)]
    fact = CheckInFact(project, "nightly", "production", True, "ok", NOW_US, NOW_US, None, None, "", "id", True)
    event = row_of("events", project)

    def fill(batch: Any) -> None:
        batch.add_rows("points", YEAR, b"".join(units), 10, POINT_RECORDS)
        batch.add_rows("events", MONTH, line_of("events", event, batch.segment), 1)
        batch.add_fact(msgspec.json.encode(fact))
        batch.stats.append(SavedStat(project * 1_000 + 7, 1, "stat", "torn", "value", NOW_US))

    torn = home.commit(fill)
    home.store.insert("points", PointRecords(b"".join(units[:4]), torn), 4, f"torn:{project}")
    home.journal.seal()
    after = home.commit(lambda batch: batch.add_rows("points", YEAR, units[0], 1, POINT_RECORDS))
    for _ in range(2):
        loader = home.drain()
        assert loader.torn == 1
        assert [home.held("points", torn), home.held("events", torn), home.held("points", after)] == [4, 1, 1]
        assert home.known("SELECT name FROM stats") == ["torn"]
        assert home.known("SELECT slug FROM monitors") == ["nightly"]
        assert home.segments() == [torn]
    with home.catalog.read() as connection:
        assert progress.get(connection, home.journal.uuid) == after


def test_dead_letters_keep_their_places_when_a_page_before_them_is_damaged(
    home: Home, project: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pages of three rows, the fifth row refused; the process ends behind the letter's record, and each restart finds a page
    less.
    """

    def line(n: int, segment: int) -> bytes:
        return b"[%d,7,%d,%s,0,%d]\n" % (project, THEN + n, b"null" if n == 4 else b"1", segment)

    for first in (0, 3, 6):
        segment = home.commit(
            lambda batch, first=first: batch.add_rows(
                "points", YEAR, b"".join(line(n, batch.segment) for n in range(first, first + 3)), 3
            )
        )
    insert = home.store.insert
    tries: list[int] = []

    def full(*args: Any, **more: Any) -> None:
        tries.append(args[2])
        if args[2] == 9:
            insert(*args, **more)  # refused, with the row's number
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(home.store, "insert", full)
    for nth in (0, 1):
        with pytest.raises(StoreUnavailable):
            home.drain()
        home.damage(YEAR, nth)
    # With the first page gone, and not yet known to be: the letter's row is in the second.
    assert tries == [9, 8, 5]
    monkeypatch.undo()
    home.drain()
    with home.catalog.read() as connection:
        letters = dead_letters.page(connection, projects=None, state="open", before=None, limit=10)
    assert [letter.row_index for letter in letters] == [4]
    assert home.held("points", segment) == 2
    assert home.journal.side.quarantined() == 2
    assert home.segments() == []
