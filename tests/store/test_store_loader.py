"""The loader between a real journal, the real engine and a catalog: what becomes of a segment when a piece of it cannot be loaded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from store_rows import START, line_of, numbers, row_of
from wire import TIMEOUT_S

from headrace.catalog import Catalog, dead_letters, progress, sqlite_url
from headrace.journal import Journal, JournalReader, SavedStat
from headrace.loader.loader import JournalEnd, Loader
from headrace.records.intents import CheckInFact
from headrace.records.points import POINT_RECORDS, PointRow, point_record
from headrace.store import PointRecords, Store, StoreUnavailable, deletion

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

    def drain(self, gone: frozenset[int] = frozenset()) -> Loader:
        """``gone``: projects that are deleted, or being deleted, by now."""

        async def run() -> Loader:
            loop = asyncio.get_running_loop()

            def on_loop(function: Callable[[], Any]) -> Any:
                async def call() -> Any:
                    return function()

                return asyncio.run_coroutine_threadsafe(call(), loop).result(TIMEOUT_S)

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
                gone=gone,
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


class Mixed:
    """A segment with rows, facts and stats of two projects in turn, the deleted one's first. ``lines``: points as text, as once."""

    def __init__(self, home: Home, *, lines: bool = False) -> None:
        self.home = home
        self.gone, self.stays = next(numbers), next(numbers)
        self.both = (self.gone, self.stays)
        self.lines = lines
        self.segment = home.commit(self._fill)

    def _fill(self, batch: Any) -> None:
        batch.add_rows("points", YEAR, self.points(batch.segment), 6, 0 if self.lines else POINT_RECORDS)
        for project in (*self.both, *self.both):
            batch.add_rows("events", MONTH, line_of("events", row_of("events", project), batch.segment), 1)
        for project in self.both:
            slug = str(project)
            fact = CheckInFact(project, slug, "production", True, "ok", NOW_US, NOW_US, None, None, "", "id", True)
            batch.add_fact(msgspec.json.encode(fact))
            batch.stats.append(SavedStat(project * 1_000 + 7, project, "stat", slug, "value", NOW_US))

    def points(self, segment: int) -> bytes:
        rows = [PointRow(self.both[n % 2], 7, THEN + n, 1.0, 0) for n in range(6)]
        if self.lines:
            return b"".join(msgspec.json.encode((*row, segment)) + b"\n" for row in rows)
        return b"".join(point_record(row) for row in rows)

    def rows(self, project: int) -> list[int]:
        """How many it has of points, in each rollup, and of events."""
        with closing(self.home.store.connect()) as client:
            return [
                int(client.query(f"SELECT {what} FROM {table} WHERE project = {project}").result_rows[0][0])
                for table, what in (
                    *(("points", "count()"), ("points_1m", "sum(count)"), ("points_15m", "sum(count)")),
                    ("events", "count()"),
                )
            ]

    def learned(self) -> None:
        """The catalog has learned of the other project only, and the journal is empty."""
        assert self.home.known("SELECT name FROM stats") == [str(self.stays)]
        assert self.home.known("SELECT slug FROM monitors") == [str(self.stays)]
        assert self.home.segments() == []


@pytest.mark.parametrize("lines", [False, True], ids=["records", "lines"])
def test_what_belongs_to_a_deleted_project_is_dropped(home: Home, lines: bool) -> None:
    mixed = Mixed(home, lines=lines)
    assert home.drain(frozenset((mixed.gone,))).torn == 0
    assert (mixed.rows(mixed.gone), mixed.rows(mixed.stays)) == ([0] * 4, [3, 3, 3, 2])
    mixed.learned()


def test_a_segment_that_was_stored_before_its_project_was_deleted(home: Home) -> None:
    """All of it is there, the process ends before the journal is trimmed, and the rows are deleted: what is missing is not missed."""
    mixed = Mixed(home)
    home.store.insert("points", PointRecords(mixed.points(0), mixed.segment), 6, f"before:{mixed.gone}")
    deletion.delete_rows(home.store, mixed.gone, lambda: time.sleep(0.01))
    assert (mixed.rows(mixed.gone), mixed.rows(mixed.stays)) == ([0] * 4, [3, 3, 3, 0])
    assert home.drain(frozenset((mixed.gone,))).torn == 0
    assert (mixed.rows(mixed.gone), mixed.rows(mixed.stays)) == ([0] * 4, [3, 3, 3, 2])
    mixed.learned()


def test_a_refused_row_keeps_its_place_among_dropped_ones(home: Home, project: int) -> None:
    gone = next(numbers)

    def line(n: int, segment: int) -> bytes:
        owner = gone if n % 2 == 0 else project
        return b"[%d,7,%d,%s,0,%d]\n" % (owner, THEN + n, b"null" if n in (2, 5) else b"1", segment)

    segment = home.commit(
        lambda batch: batch.add_rows("points", YEAR, b"".join(line(n, batch.segment) for n in range(8)), 8)
    )
    home.drain(frozenset((gone,)))
    with home.catalog.read() as connection:
        letters = dead_letters.page(connection, projects=None, state="open", before=None, limit=10)
    assert [(letter.project, letter.row_index) for letter in letters] == [(project, 5)]
    assert home.held("points", segment) == 3


@pytest.mark.parametrize("upto", [-1, 0, 1])
def test_segments_behind_the_last_one_are_stored_whole(home: Home, upto: int) -> None:
    """Nothing of a project that is being deleted comes behind the segment that was named with it."""
    first = Mixed(home)
    home.journal.seal()
    last = Mixed(home)
    drop = Loader.__init__

    def begun(loader: Loader, **given: Any) -> None:
        drop(loader, **given)
        for mixed in (first, last):
            loader.drop(mixed.gone, last.segment + upto)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "__init__", begun)
        home.drain()
    assert first.rows(first.gone) == [0] * 4
    assert last.rows(last.gone) == ([3, 3, 3, 2] if upto < 0 else [0] * 4)
    assert last.rows(last.stays) == [3, 3, 3, 2]
