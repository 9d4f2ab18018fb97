"""Ids: their shape, order and round trip."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.records.ids import new_stat_number, stat_number, stat_text, uuid7


def zeros(count: int) -> bytes:
    return b"\x00" * count


def ones(count: int) -> bytes:
    return b"\xff" * count


@given(st.integers(0, (1 << 63) - 1))
def test_stat_ids_round_trip_in_11_characters(number: int) -> None:
    text = stat_text(number)
    assert len(text) == 11
    assert text.isascii()
    assert text.isalnum()
    assert stat_number(text) == number


@given(st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 63) - 1))
def test_stat_ids_sort_as_their_numbers(one: int, other: int) -> None:
    assert (stat_text(one) < stat_text(other)) == (one < other)


@given(st.text(max_size=13))
def test_any_text_is_a_stat_id_or_is_not(text: str) -> None:
    number = stat_number(text)
    assert number is None or stat_text(number) == text


@pytest.mark.parametrize("text", ["", "0" * 10, "0" * 12, "z" * 11, "0000000000-", "0000000000é", "٠" * 11])
def test_what_is_no_stat_id(text: str) -> None:
    assert stat_number(text) is None


@pytest.mark.parametrize("number", [-1, 1 << 63])
def test_numbers_out_of_range_have_no_text(number: int) -> None:
    with pytest.raises(ValueError):
        stat_text(number)


def test_new_numbers_fill_63_bits_and_are_never_0() -> None:
    assert new_stat_number(ones) == (1 << 63) - 1
    drawn = iter((zeros(8), b"\x00" * 7 + b"\x01", ones(8)))
    assert new_stat_number(lambda _count: next(drawn)) == (1 << 63) - 1


@given(st.integers(0, 1 << 57), st.integers(0, 1 << 57))
def test_uuids_are_version_7_and_sort_by_time(one: int, other: int) -> None:
    low, high = sorted((one, other))
    first, second = uuid7(low, ones), uuid7(high, zeros)
    parsed = UUID(first)
    assert (parsed.version, parsed.variant) == (7, "specified in RFC 4122")
    assert parsed.int >> 80 == low // 1000
    if low < high:
        assert first < second
