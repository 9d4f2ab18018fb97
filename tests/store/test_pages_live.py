"""The live feed: each record once, when its segment is whole."""

from __future__ import annotations

import pytest
from pages_place import US, add_stats, refused
from store_rows import START, numbers

from headrace.api.services import activity, live
from headrace.api.services.activity import Wanted
from headrace.catalog import progress
from headrace.records.ids import stat_text
from headrace.store.errors import StoreUnavailable


def came(place, upto):
    with place.context.catalog.write() as conn:
        progress.set(conn, "journal", upto)


def test_the_feed_tells_each_record_once_when_its_segment_is_whole(place, put, put_rows):
    came(place, first := next(numbers))
    add_stats(place, (51, "stat", "orders", "counter"), (52, "slowstats", "servers", "value"))

    def since(after):
        return live.since(place.context, lambda: place.store, place.owner, project=place.number, after=after)

    assert live.position(place.context, place.owner, project=place.number) == first
    put_rows("events", place.number, [{"type": "log", "message": "hello", "received_at": US}])
    put_rows("requests", place.number, [{"method": "GET", "path": "/a", "received_at": US + 1}])
    put_rows("events", place.foreign, [{"type": "log", "message": "foreign"}])
    put(place.number, [(51, START, 3.0), (51, START + 1, 4.0), (52, START, 7.0)])
    assert since(first) == live.Arrivals([], first)
    came(place, last := next(numbers))
    found = since(first)
    assert [(one.type, one.name, one.text) for one in found.records] == [
        ("log", "", "hello"), ("request", "GET /a", "no answer · 0 ms"), ("point", "orders", "4 · 2 points"),
    ]  # fmt: skip
    assert (found.upto, since(found.upto)) == (last, live.Arrivals([], last))
    assert found.records[2].id == stat_text(51)


@pytest.mark.parametrize("sent", [live.MOST - 1, live.MOST, live.MOST + 1])
def test_the_feed_tells_the_latest_of_what_comes_too_fast(place, put_rows, sent):
    came(place, first := next(numbers))
    put_rows("events", place.number, [{"type": "log", "name": f"{at}", "received_at": US + at} for at in range(sent)])
    came(place, next(numbers))
    found = live.since(place.context, lambda: place.store, place.owner, project=place.number, after=first).records
    assert [one.name for one in found] == [f"{at}" for at in range(sent)][-live.MOST :]


@pytest.mark.parametrize(
    ("limit", "code"), [(0, "invalid"), (activity.PAGE_MAX + 1, "invalid"), (activity.PAGE_MAX, "")]
)
def test_how_much_a_page_holds(place, limit, code):
    arguments = {"project": place.number, "wanted": Wanted(), "limit": limit}
    if code:
        refused(code, activity.page, place.context, place.store, place.owner, **arguments)
    else:
        assert activity.page(place.context, place.store, place.owner, **arguments).records == []


def test_the_feed_waits_for_a_store_that_does_not_answer(place):
    came(place, upto := next(numbers))

    def closed():
        raise StoreUnavailable("closed")

    found = live.since(place.context, closed, place.owner, project=place.number, after=upto - 1)
    assert found == live.Arrivals([], upto - 1)


def test_the_feed_is_for_members(place):
    refused("not_found", live.position, place.context, place.stranger, project=place.number)
    refused("not_found", live.since, place.context, lambda: place.store, place.stranger, project=place.number, after=0)
