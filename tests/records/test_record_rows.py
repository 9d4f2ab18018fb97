"""Rows as the journal keeps them: the typed encoder accepts only what the checks accept, and writes it alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.records.encode import (
    MAX_MS,
    MIN_MS,
    BadRow,
    encode_checked,
    encode_row,
    encode_rows,
    finish_row,
    partition_of,
    typed_row,
    year_of_ms,
)
from headrace.records.tables import EVENTS, POINTS, REPLAYS, REQUESTS, SPANS, TABLES, UPTIME_CHECKS, Kind, Table

ID = "0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10"
NOW_US = 1_775_124_000_000_000
GOOD: dict[Kind, Any] = {
    "text": "t",
    "label": "l",
    "uuid": ID,
    "u8": 1,
    "u16": 1,
    "u32": 1,
    "u64": 1,
    "float": 1.5,
    "float?": None,
    "ms": NOW_US // 1000,
    "us": NOW_US,
    "labels": {"a": "b"},
}
#: What each kind of column holds at its edges (kept), and what lies beyond them (refused).
EDGES: dict[Kind, tuple[list[Any], list[Any]]] = {
    "u8": ([0, 255], [-1, 256, True, 1.0, None, "1"]),
    "u16": ([0, 65_535], [-1, 65_536]),
    "u32": ([0, 2**32 - 1], [-1, 2**32]),
    "u64": ([0, 2**63 - 1, 2**63, 2**64 - 1], [-1, 2**64]),
    "float": ([0, -0.0, 1e308, 5e-324, 2**70], [float("nan"), float("inf"), 10**400, True, None, "1"]),
    "float?": ([None, 1, 2.5], [float("nan"), -float("inf"), "1"]),
    "ms": ([MIN_MS, MAX_MS - 1], [MIN_MS - 1, MAX_MS, 1.5, None]),
    "us": ([MIN_MS * 1000, MAX_MS * 1000 - 1], [MIN_MS * 1000 - 1, MAX_MS * 1000, True]),
    "uuid": ([ID, ID.upper(), ID.replace("-", ""), f"{{{ID}}}"], ["", "x" * 36, 7, None]),
    "text": (["", "é💥", "a\0b", "half \ud83d", "\\u0000"], [None, 1, b"x"]),
    "labels": ([{}, {"a\0": "half \ud83d"}], [None, [], {"a": 1}, {1: "a"}]),
}
anything = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.just(ID)
    | st.dictionaries(st.text(), st.text() | st.integers(), max_size=2)
)


def row(table: Table, **given: Any) -> list[Any]:
    return [given.get(column.name, GOOD[column.kind]) for column in table.columns[:-1]]


def encoded(encode: Any, table: Table, values: Sequence[Any]) -> Any:
    try:
        return encode(table, values)
    except BadRow as refused:
        return str(refused)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_every_column_is_checked_at_its_edges(table: Table) -> None:
    assert msgspec.json.decode(finish_row(encode_row(table, row(table)), 7)) == [*row(table), 7]
    for column in table.columns[:-1]:
        kept, refused = EDGES["text" if column.kind == "label" else column.kind]
        for value in kept:
            values = row(table, **{column.name: value})
            assert encode_row(table, values) == encode_checked(table, values)
        for value in refused:
            with pytest.raises(BadRow, match=f"{table.name}.{column.name} cannot hold this value"):
                encode_row(table, row(table, **{column.name: value}))


@given(st.sampled_from([EVENTS, REQUESTS, SPANS, REPLAYS, UPTIME_CHECKS]), st.data())
def test_the_typed_encoder_and_the_checks_agree(table: Table, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(table.columns) - 2))
    values = row(table)
    values[place] = data.draw(anything)
    assert encoded(encode_row, table, values) == encoded(encode_checked, table, tuple(values))


@pytest.mark.parametrize("change", [lambda values: values[:-1], lambda values: [*values, 7]])
def test_a_row_has_as_many_values_as_its_table(change: Any) -> None:
    with pytest.raises(BadRow, match="values for 26 columns"):
        encode_row(EVENTS, change(row(EVENTS)))


@given(
    st.sampled_from([EVENTS, REPLAYS]), st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=4)
)
def test_rows_written_together_are_as_each_alone(table: Table, texts: list[str]) -> None:
    alone = [row(table, raw=text) for text in texts]
    together = [typed_row(table, values) for values in alone]
    lines = encode_rows([typed for typed in together if typed is not None], 7)
    assert lines == b"".join(finish_row(encode_row(table, values), 7) for values in alone)


@pytest.mark.parametrize("values", [[*row(EVENTS), 7], [*row(EVENTS), 0], row(EVENTS)[:-1], row(EVENTS, raw=None)])
def test_only_what_fits_is_typed(values: list[Any]) -> None:
    assert typed_row(EVENTS, values) is None


def test_text_is_repaired() -> None:
    line = encode_row(EVENTS, row(EVENTS, message="a\0b \ud83d\ude00 \ud83d"))
    assert "a\ufffdb 😀 \ufffd".encode() in line


def test_a_row_tells_its_partition() -> None:
    first = 1_767_225_600_000_000  # 2026-01-01
    assert partition_of(EVENTS, row(EVENTS, received_at=first)) == 202601
    assert partition_of(EVENTS, row(EVENTS, received_at=first - 1)) == 202512
    assert partition_of(POINTS, row(POINTS, ts=first // 1000 - 1)) == year_of_ms(first // 1000 - 1) == 2025
    for bad in (None, "x", 10**30):
        with pytest.raises(BadRow):
            partition_of(EVENTS, row(EVENTS, received_at=bad))
    with pytest.raises(BadRow):
        partition_of(EVENTS, [])
