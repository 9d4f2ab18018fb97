"""Counts of what came in, and choices: their SQL. What they answer is tested with the pages that ask."""

import pytest
from store_rows import DAY, HOUR, START, golden

from headrace.store.buckets import grid
from headrace.store.counts import MAX_NAMED, counts_sql
from headrace.store.facets import facets_sql
from headrace.store.filters import BadFilter

TS = START * 1000
NAMES = ("one", "two")
QUARTERS = grid(START + 1, START + DAY, "15m")

GOLDEN = {
    "all": lambda: counts_sql(("events", "spans"), NAMES, QUARTERS),
    "of_days": lambda: counts_sql(("spans",), NAMES, grid(START, START + 9 * DAY, "1d", "Europe/Berlin")),
    "named_by_minute": lambda: counts_sql((), (), grid(START, START + HOUR, "1m"), (7,)),
    "named": lambda: counts_sql((), (), QUARTERS, (7, 8)),
    "facets": lambda: facets_sql(TS, TS + 1),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_sql_of_a_count(name: str) -> None:
    assert GOLDEN[name]().text + "\n" == golden(f"count_{name}")


def test_the_parameters_of_a_count() -> None:
    # The first bucket is whole, though the window begins within it.
    sources = {"dialects": ["one", "two"], "numbers": [0, 1]}
    assert counts_sql(("events",), NAMES, QUARTERS).params == {"start": START, "end": START + DAY} | sources
    assert counts_sql((), (), QUARTERS, (7, 8)).params == {"start": START, "end": START + DAY, "stats": [7, 8]}
    assert facets_sql(None, TS).params == {"end": TS}


def test_how_many_stats_can_be_named() -> None:
    counts_sql((), (), QUARTERS, range(MAX_NAMED))
    with pytest.raises(BadFilter):
        counts_sql((), (), QUARTERS, range(MAX_NAMED + 1))
