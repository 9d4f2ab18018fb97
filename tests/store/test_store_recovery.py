"""The loader's recovery against the real engine: whatever an earlier try left of a segment, what is missing is added and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from math import nan
from typing import Any

import pytest
from store_rows import START, line_of, row_of

from headrace.loader.draining import BadLine, Drainer, Piece, SegmentTorn
from headrace.records.points import POINT_RECORDS, PointRow, point_record
from headrace.store import RowsRefused, Store, client

ROLLUPS = ("points_1m", "points_15m")
ROWS = 3_000
#: The year of START.
YEAR = 2026


class NoneExcluded:
    def known(self, piece: Piece) -> set[int]:
        return set()

    def record(self, piece: Piece, bad: BadLine) -> None:
        pytest.fail(f"row {bad.place} was refused: {bad.reason}")


@pytest.fixture
def tokens(project: int) -> Iterator[str]:
    return (f"recovery:{project}:{number}" for number in count())


@pytest.fixture
def drainer(store: Store, tokens: Iterator[str]) -> Drainer:
    return Drainer(store, NoneExcluded(), lambda: next(tokens))


@pytest.fixture(params=[POINT_RECORDS, 0], ids=["records", "lines"])
def piece(request: pytest.FixtureRequest, project: int, batch: int) -> Piece:
    """As journals have it now, and as they had it at first. Whole numbers, so that their sum is exact in any order."""
    rows = [PointRow(project, n % 3, START + n * 100, n, 0) for n in range(ROWS)]
    units = [point_record(row) if request.param else b"[%d,%d,%d,%d,%d,%d]\n" % (*row, batch) for row in rows]
    return Piece(batch, "points", YEAR, [b"".join(units[:1_000]), b"".join(units[1_000:])], ROWS, request.param)


def held(store: Store, table: str, project: int) -> tuple[int, int]:
    """How many points of ``project`` a table or rollup has, and their sum."""
    columns = "count(), sum(value)" if table == "points" else "sum(count), sum(sum)"
    sql = f"SELECT {columns} FROM {table} WHERE project = {{project:UInt32}}"
    points, total = store._fetch(sql, {"project": project})[0]
    return int(points), int(total)


def everything(store: Store, project: int) -> list[tuple[int, int]]:
    return [held(store, table, project) for table in ("points", *ROLLUPS)]


WHOLE = [(ROWS, sum(range(ROWS)))] * 3


def leave(store: Store, piece: Piece, tables: tuple[str, ...], token: Callable[[], str]) -> None:
    """What an insert leaves that got as far as ``tables``."""
    if tables:
        store.insert("points", piece.payload(piece.bodies), piece.rows, token(), rollups=False)
    for rollup in set(tables) & set(ROLLUPS):
        store.rebuild_rollup(rollup, YEAR, piece.segment, token())
    if tables and "points" not in tables:
        store._client.command(f"DELETE FROM points WHERE batch = {piece.segment}")


@pytest.mark.parametrize("m1", [True, False], ids=["1m", "no-1m"])
@pytest.mark.parametrize("m15", [True, False], ids=["15m", "no-15m"])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "no-raw"])
def test_what_is_missing_is_added(
    store: Store, drainer: Drainer, tokens: Iterator[str], project: int, piece: Piece, raw: bool, m1: bool, m15: bool
) -> None:
    there = [name for name, wanted in zip(("points", *ROLLUPS), (raw, m1, m15), strict=True) if wanted]
    leave(store, piece, tuple(there), lambda: next(tokens))
    assert [points for points, _ in everything(store, project)] == [ROWS * wanted for wanted in (raw, m1, m15)]
    assert drainer.load(piece, certain_new=False) == ROWS
    assert everything(store, project) == WHOLE
    assert drainer.load(piece, certain_new=False) == ROWS
    assert everything(store, project) == WHOLE


def test_older_segments_are_known_when_the_engine_has_merged_their_rollups(
    store: Store, drainer: Drainer, project: int, piece: Piece
) -> None:
    """A rollup row keeps the newest of its batches: two segments that the journal still holds look like one afterwards."""
    later = piece._replace(
        segment=piece.segment + 1,
        # Records do not have the number in them.
        bodies=[body.replace(b",%d]\n" % piece.segment, b",%d]\n" % (piece.segment + 1)) for body in piece.bodies],
    )
    for one in (piece, later):
        drainer.load(one, certain_new=True)
    for rollup in ROLLUPS:
        store._client.command(f"OPTIMIZE TABLE {rollup} FINAL")
    for one in (piece, later):
        assert drainer.load(one, certain_new=False) == ROWS
    assert everything(store, project) == [(2 * points, 2 * total) for points, total in WHOLE]


def test_a_used_token_with_other_block_boundaries_doubles_and_looking_does_not(
    store: Store, drainer: Drainer, project: int, piece: Piece, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine tells blocks apart by token and number: cut differently, all but the first are new to it."""
    token, payload = f"cut:{project}", piece.payload(piece.bodies)
    store.insert("points", payload, ROWS, token)
    cut = {"max_block_size": 1_000, "min_insert_block_size_rows": 1, "min_insert_block_size_bytes": 1}
    monkeypatch.setattr(client, "INSERT_SETTINGS", client.INSERT_SETTINGS | cut)
    assert drainer.load(piece, certain_new=False) == ROWS
    assert everything(store, project) == WHOLE
    store.insert("points", payload, ROWS, token)
    # Records come as one block, which nothing cuts.
    assert held(store, "points", project)[0] == (ROWS if piece.form == POINT_RECORDS else ROWS + 2_000)


def test_a_part_of_a_part_is_left_to_a_person(store: Store, drainer: Drainer, project: int, piece: Piece) -> None:
    store.insert("points", piece.payload(piece.bodies[:1]), 1_000, f"part:{project}")
    with pytest.raises(SegmentTorn, match="points has 1,000 of 3,000 rows of partition 2026"):
        drainer.load(piece, certain_new=False)
    assert held(store, "points", project)[0] == 1_000


class Recorded:
    """What the loader's book does, without a catalog."""

    def __init__(self) -> None:
        self.letters: list[BadLine] = []

    def known(self, piece: Piece) -> set[int]:
        return {letter.place for letter in self.letters}

    def record(self, piece: Piece, bad: BadLine) -> None:
        self.letters.append(bad)


@pytest.mark.parametrize("named", [True, False], ids=["named", "halved"])
def test_points_that_are_refused_are_told_as_lines_and_the_others_stored(
    store: Store, tokens: Iterator[str], project: int, batch: int, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """NaN is what an encoder that failed could let through; JSON has no word for it."""
    rows = [PointRow(project, 5, START + n, nan if n in {0, 1_700} else n, 0) for n in range(ROWS)]
    piece = Piece(batch, "points", YEAR, list(map(point_record, rows)), ROWS, POINT_RECORDS)
    if not named:
        insert = store.insert

        def nameless(*args: Any, **more: Any) -> None:
            try:
                insert(*args, **more)
            except RowsRefused as refused:
                raise RowsRefused(None, refused.reason) from None

        monkeypatch.setattr(store, "insert", nameless)
    book = Recorded()
    assert Drainer(store, book, lambda: next(tokens)).load(piece, certain_new=True) == ROWS - 2
    assert [(letter.place, json.loads(letter.line)) for letter in book.letters] == [
        (place, [project, 5, START + place, None, 0, batch]) for place in (0, 1_700)
    ]
    assert {letter.reason for letter in book.letters} == {"a value is out of its column's range"}
    assert everything(store, project) == [(ROWS - 2, sum(range(ROWS)) - 1_700)] * 3


def test_rows_without_rollups_are_asked_for_as_well(store: Store, drainer: Drainer, project: int, batch: int) -> None:
    lines = [line_of("events", row_of("events", project, type="log"), batch) for _ in range(10)]
    piece = Piece(batch, "events", 202_603, [b"".join(lines)], 10)
    for _ in range(3):
        assert drainer.load(piece, certain_new=False) == 10
    assert held_events(store, project) == 10


def held_events(store: Store, project: int) -> int:
    return int(store._fetch("SELECT count() FROM events WHERE project = {project:UInt32}", {"project": project})[0][0])
