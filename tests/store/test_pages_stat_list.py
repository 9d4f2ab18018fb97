"""The list of stats: their lines, orders and pages."""

from __future__ import annotations

import pytest
from pages_place import US, add_stats, refused
from store_rows import DAY, HOUR, START

from headrace.api.services import stat_list
from headrace.catalog import stats as stat_rows
from headrace.catalog.stats import StatRow


def test_stats_with_their_lines(place, put):
    add_stats(
        place, (11, "stat", "orders", "counter"), (12, "slowstats", "servers", "value"), (13, "stat", "empty", "value")
    )
    put(place.number, [(11, START, 2.0), (11, START + HOUR, 3.0), (12, START, 7.0), (12, START + 1, 9.0)])
    put(place.foreign, [(11, START, 100.0)])
    found = stat_list.page(
        place.context, place.store, place.owner, project=place.number, start=US, end=US + DAY * 1000 - 1
    )
    assert [(one.name, one.aggregate, one.value) for one in found.stats] == [
        ("empty", "mean", None), ("orders", "sum", 5.0), ("servers", "last", 9.0),
    ]  # fmt: skip
    assert (found.total, found.next, found.resolution) == (3, None, "30m")
    assert [value for value in found.stats[1].spark if value is not None] == [2.0, 3.0]
    assert len(found.stats[1].spark) == 48
    assert found.stats[0].spark == []


@pytest.mark.parametrize("order", ["name", "last", "created"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_every_order_holds_every_stat_once(place, order, limit):
    """Most share a moment, and two are not projected yet."""
    add_stats(place, *((number, "stat", f"s{number}", "counter") for number in range(21, 26)))
    with place.context.catalog.write() as conn:
        stat_rows.touch(conn, [(21, START, US), (22, START, US), (23, START + 1, US)])
    fresh = [StatRow(number, place.number, "stat", f"s{number}", "counter", at) for number, at in ((26, 7), (27, 9))]
    context = place.context._replace(pending=lambda _: fresh)
    names, cursor = [], None
    while True:
        found = stat_list.page(
            context, place.store, place.owner, project=place.number, start=US, end=US + 1, limit=limit, cursor=cursor, order=order,
        )  # fmt: skip
        names += [stat.name for stat in found.stats]
        cursor = found.next
        if cursor is None:
            break
    expected = {
        "name": ["s21", "s22", "s23", "s24", "s25", "s26", "s27"],
        "last": ["s23", "s21", "s22", "s24", "s25", "s26", "s27"],
        "created": ["s27", "s21", "s22", "s23", "s24", "s25", "s26"],
    }
    assert names == expected[order]


@pytest.mark.parametrize("cursor", ["eA", "WzEsMl0x", "WzkyMjMzNzIwMzY4NTQ3NzU4MDgsMV0"])
def test_a_cursor_of_another_order_or_none(place, cursor):
    refused(
        "invalid",
        stat_list.page, place.context, place.store, place.owner, project=place.number, start=US, end=US + 1, cursor=cursor, order="last",
    )  # fmt: skip
