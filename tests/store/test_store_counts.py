"""Counts of what came in, and choices: their SQL. What they answer is tested with the pages that ask."""

import pytest
from store_rows import DAY, HOUR, START, golden

from headrace.store.buckets import grid
from headrace.store.counts import MAX_NAMED, points_sql, rows_sql
from headrace.store.facets import facets_sql
from headrace.store.filters import BadFilter

TS = START * 1000
QUARTERS = grid(START + 1, START + DAY, "15m")

GOLDEN = {
    "rows": lambda: rows_sql("events", QUARTERS),
    "rows_of_days": lambda: rows_sql("spans", grid(START, START + 9 * DAY, "1d", "Europe/Berlin")),
    "points": lambda: points_sql(QUARTERS, None, ()),
    "points_but": lambda: points_sql(QUARTERS, None, (7, 8)),
    "points_only": lambda: points_sql(grid(START, START + HOUR, "1m"), (7,), ()),
    "facets": lambda: facets_sql(TS, TS + 1),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_sql_of_a_count(name: str) -> None:
    assert GOLDEN[name]().text + "\n" == golden(f"count_{name}")


def test_the_parameters_of_a_count() -> None:
    # The first bucket is whole, though the window begins within it.
    assert rows_sql("events", QUARTERS).params == {"start": START, "end": START + DAY}
    assert points_sql(QUARTERS, None, (7, 8)).params == {"start": START, "end": START + DAY, "stats": [7, 8]}
    assert facets_sql(None, TS).params == {"end": TS}


def test_how_many_stats_can_be_named() -> None:
    points_sql(QUARTERS, range(MAX_NAMED), ())
    for only, but in ((range(MAX_NAMED + 1), ()), (None, range(MAX_NAMED + 1))):
        with pytest.raises(BadFilter):
            points_sql(QUARTERS, only, but)
