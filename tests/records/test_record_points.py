"""Points as columns of fixed width: what goes in comes out, what does not fit is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.records.encode import MAX_MS, MIN_MS, BadRow, year_of_ms
from headrace.records.points import (
    POINT_BYTES,
    ResolvedPoints,
    encode_points,
    point_columns,
    point_record,
    point_rows,
)

NOW = 1_790_000_000_000

ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**64 - 1),
        st.integers(MIN_MS, MAX_MS - 1) | st.just(NOW),
        st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=40,
)


def resolved(rows: list[tuple[int, int, float, int]]) -> ResolvedPoints:
    points = ResolvedPoints()
    for row in rows:
        points.add(*row)
    return points


@given(ROWS, st.integers(0, 2**32 - 1))
def test_points_come_back_by_year_in_their_order(rows: list[tuple[int, int, float, int]], project: int) -> None:
    encoded = encode_points(project, resolved(rows))
    assert sum(number for _, number in encoded.values()) == len(rows)
    for year, (records, number) in encoded.items():
        assert list(point_rows(records)) == [(project, *row) for row in rows if year_of_ms(row[1]) == year]
        assert len(records) <= number * POINT_BYTES


def test_records_follow_each_other() -> None:
    first = encode_points(1, resolved([(7, NOW, 1.5, 0), (8, NOW, 2.5, 1)]))
    second = encode_points(2, resolved([(9, NOW + 1, -0.0, 2)]))
    together = b"".join(records for encoded in (first, second) for records, _ in encoded.values())
    rows = list(point_rows(together))
    assert rows == [(1, 7, NOW, 1.5, 0), (1, 8, NOW, 2.5, 1), (2, 9, NOW + 1, -0.0, 2)]
    assert math.copysign(1, rows[-1].value) == -1
    assert list(point_rows(b"".join(map(point_record, rows)))) == rows
    assert point_columns(together).points == 3


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ((7, MIN_MS - 1, 1.0, 0), False),
        ((7, MIN_MS, 1.0, 0), True),
        ((7, MAX_MS - 1, 1.0, 0), True),
        ((7, MAX_MS, 1.0, 0), False),
        ((7, NOW, math.nan, 0), False),
        ((7, NOW, -math.inf, 0), False),
        ((7, NOW, 1.7e308, 0), True),
        ((7, NOW, 10**309, 0), False),
        ((2**64 - 1, NOW, 1.0, 0), True),
        ((2**64, NOW, 1.0, 0), False),
        ((-1, NOW, 1.0, 0), False),
        ((7, NOW, 1.0, 255), True),
        ((7, NOW, 1.0, 256), False),
    ],
)
@pytest.mark.parametrize("others", [0, 1, 999])
def test_the_edges_of_each_column(row: tuple[int, int, float, int], fits: bool, others: int) -> None:
    points = resolved([(7, NOW, 1.7e308, 0)] * others + [row])
    if fits:
        assert sum(number for _, number in encode_points(1, points).values()) == others + 1
    else:
        with pytest.raises(BadRow, match=r"^points cannot hold this"):
            encode_points(1, points)


@pytest.mark.parametrize("project", [-1, 2**32])
def test_a_project_of_more_than_32_bits_is_refused(project: int) -> None:
    with pytest.raises(BadRow):
        encode_points(project, resolved([(7, NOW, 1.0, 0)]))


@pytest.mark.parametrize("left", [1, 8, 9, POINT_BYTES, -1])
def test_records_that_are_cut_short_are_told(left: int) -> None:
    ((records, _),) = encode_points(1, resolved([(7, NOW, 1.0, 0)] * 3)).values()
    for broken in (records[:left], records + records[:left]):
        with pytest.raises(ValueError, match="cut short"):
            point_columns(broken)
