"""The rows of an open commit: promised as they come, written out together when it closes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.admission.open_rows import TOGETHER_CHARS, OpenRows, prepare
from headrace.journal import Batch
from headrace.records.encode import BadRow, TypedRow
from headrace.records.tables import EVENTS, SPANS, Table

ID = "0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10"
NOW_US = 1_775_124_000_000_000
VALUES: dict[str, Any] = {"uuid": ID, "us": NOW_US, "u32": 1, "float": 1.5, "float?": None, "labels": {}}
SEGMENT = 7


def row(table: Table, raw: Any) -> list[Any]:
    columns = table.columns[:-1]
    return [raw if column.name == "raw" else VALUES.get(column.kind, "") for column in columns]


def raws(batch: Batch, table: Table, part: int) -> list[str]:
    """What was written for ``table``, each line checked to be a whole row of the segment."""
    found = []
    for body, rows in batch.pages[table.name, part, 0]:
        lines = [json.loads(line) for line in body.splitlines()]
        assert len(lines) == rows
        for line in lines:
            assert len(line) == len(table.columns)
            assert line[-1] == SEGMENT
            found.append(line[table.position("raw")])
    return found


def test_rows_are_written_when_their_commit_closes() -> None:
    """Large ones, such as need repair, of other tables and partitions: what was promised is settled to the byte."""
    batch, rows = Batch(SEGMENT, None), OpenRows()  # type: ignore[arg-type]
    sent = {
        (EVENTS, 202604): ["{}", "x" * (TOGETHER_CHARS + 1), "a\0b", "half \ud83d", "y" * TOGETHER_CHARS],
        (EVENTS, 202605): ["\\u0000"],
        (SPANS, 202604): ["{}", "{}"],
    }
    for (table, part), texts in sent.items():
        for text in texts:
            rows.add(batch, table.name, part, prepare(table, row(table, text)))
    promised = batch.size
    assert (batch.row_count, batch.pages) == (8, {})
    for close in batch.closing:
        close()
    bodies = [body for pages in batch.pages.values() for body, _ in pages]
    assert batch.size == sum(map(len, bodies)) <= promised
    assert batch.row_count == 8
    assert sorted(raws(batch, EVENTS, 202604)) == sorted(
        ["{}", "x" * (TOGETHER_CHARS + 1), "a\ufffdb", "half \ufffd", "y" * TOGETHER_CHARS]
    )
    assert raws(batch, EVENTS, 202605) == ["\\u0000"]
    assert raws(batch, SPANS, 202604) == ["{}", "{}"]


def test_each_commit_has_its_own_rows() -> None:
    rows = OpenRows()
    for text in ("first", "second"):
        batch = Batch(SEGMENT, None)  # type: ignore[arg-type]
        rows.add(batch, EVENTS.name, 202604, prepare(EVENTS, row(EVENTS, text)))
        for close in batch.closing:
            close()
        assert raws(batch, EVENTS, 202604) == [text]


@pytest.mark.parametrize(("size", "together"), [(TOGETHER_CHARS, True), (TOGETHER_CHARS + 1, False)])
def test_large_rows_are_written_out_at_once(size: int, together: bool) -> None:
    assert isinstance(prepare(EVENTS, row(EVENTS, "x" * size))[0], TypedRow if together else bytes)


def test_a_row_that_does_not_fit_is_refused_before_anything_is_promised() -> None:
    with pytest.raises(BadRow):
        prepare(EVENTS, row(EVENTS, None))
