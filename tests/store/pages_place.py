"""A project with an owner and a stranger, for the tests of what pages show."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from store_rows import START

from headrace.api.services import Actor, Context, ServiceError
from headrace.catalog import stats as stat_rows
from headrace.catalog.stats import StatRow
from headrace.store import Store

US = START * 1000
#: 25 October 2026, 00:00 in Berlin: a day of 25 hours.
LONG_DAY = 1_792_879_200_000
#: 29 March 2026, 00:00 in Berlin: a day of 23 hours.
SHORT_DAY = 1_774_738_800_000


class Place(NamedTuple):
    """A project with its owner, and another account's project, in a catalog of their own and the store of all tests."""

    context: Context
    store: Store
    owner: Actor
    number: int
    stranger: Actor
    foreign: int


def add_stats(place, *rows, project=None):
    with place.context.catalog.write() as conn:
        stat_rows.add_missing(
            conn,
            [StatRow(number, project or place.number, source, name, kind, 7) for number, source, name, kind in rows],
        )


def refused(code, call, *args, **kwargs):
    with pytest.raises(ServiceError) as error:
        call(*args, **kwargs)
    assert error.value.code == code
