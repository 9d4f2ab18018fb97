"""Activity: every record once, page by page, filtered, and whole when it is opened."""

from __future__ import annotations

from itertools import chain
from uuid import UUID

import pytest
from pages_place import US, refused

from headrace.api.services import activity
from headrace.api.services.activity import Wanted
from headrace.api.services.records import ROW_TYPES
from headrace.store.filters import BadFilter


@pytest.fixture
def busy(place, put_rows):
    """Rows of three tables, most of them at one and the same moment, and rows of another project at that moment."""
    for project in (place.number, place.foreign):
        put_rows(
            "events",
            project,
            [
                *({"type": kind, "name": "same", "ts": US} for kind in ("log", "log", "error", "event", "metric")),
                {"type": "log", "name": "Late", "level": "warn", "message": "the disk is full", "ts": US + 5, "environment": "staging"},
                {"type": "error", "name": "Boom", "level": "error", "ts": US - 5, "trace_id": "t1", "environment": "production"},
            ],
        )  # fmt: skip
        put_rows(
            "requests", project, [{"method": "GET", "path": "/a", "status": 500, "ts": US + at} for at in (0, 0, 3)]
        )
        put_rows(
            "spans",
            project,
            [{"name": "query", "ts": US, "trace_id": "t1"}, {"name": "query", "ts": US}, {"name": "x", "ts": US - 9}],
        )
    return place


def walk(place, wanted, limit):
    pages, cursor = [], None
    while True:
        found = activity.page(
            place.context, place.store, place.owner, project=place.number, wanted=wanted, limit=limit, cursor=cursor
        )
        pages.append(found.records)
        cursor = found.next
        if cursor is None:
            return pages


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 12, 13, 14])
def test_pages_hold_every_record_once_whatever_shares_its_moment(busy, limit):
    pages = walk(busy, Wanted(types=ROW_TYPES), limit)
    records = list(chain(*pages))
    assert len(records) == len({record.id for record in records}) == 13
    assert [record.ts for record in records] == sorted((record.ts for record in records), reverse=True)
    assert all(len(page) == limit for page in pages[:-1])
    assert 0 < len(pages[-1]) <= limit


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), 10),
        (Wanted(types=("span",)), 3),
        (Wanted(types=("request",)), 3),
        (Wanted(types=("request", "error")), 5),
        (Wanted(levels=("warn",)), 1),
        (Wanted(types=ROW_TYPES, related={"trace_id": "t1"}), 2),
        (Wanted(types=ROW_TYPES, related={"fingerprint": "f"}), 0),
        (Wanted(environments=("production",)), 9),
        (Wanted(environments=("staging",)), 1),
        (Wanted(text="DISK"), 1),
        (Wanted(name="/a"), 3),
        (Wanted(name="same"), 5),
        (Wanted(dialects=("logister",)), 0),
        (Wanted(start=US + 1), 2),
        (Wanted(start=US, end=US + 1), 7),
    ],
)
def test_what_activity_lists(busy, wanted, expected):
    assert len(list(chain(*walk(busy, wanted, 100)))) == expected


def test_bounds_hold_on_every_page(busy):
    pages = walk(busy, Wanted(start=US, end=US + 1), 2)
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert {record.ts for page in pages for record in page} == {US}


@pytest.mark.parametrize("cursor", ["x", f"{US}.no", f"{US}.7f0d1f0e-1111-4111-8111-111111111111.points"])
def test_a_cursor_that_no_page_gave(place, cursor):
    with pytest.raises(BadFilter):
        activity.page(place.context, place.store, place.owner, project=place.number, wanted=Wanted(), cursor=cursor)


def test_a_type_that_there_is_none_of(place):
    refused(
        "invalid",
        activity.page, place.context, place.store, place.owner, project=place.number, wanted=Wanted(types=("point",)),
    )  # fmt: skip


def test_facets_are_what_the_range_holds(busy):
    found = activity.page(busy.context, busy.store, busy.owner, project=busy.number, wanted=Wanted(start=US + 1))
    assert (found.facets.levels, found.facets.environments) == (["warn"], ["staging"])


def test_a_record_with_everything(place, put_rows):
    wanted, broken = put_rows(
        "events",
        place.number,
        [
            {"type": "error", "name": "Boom", "message": "m" * 500, "trace_id": "t1", "value": 1.5, "labels": {"region": "eu"}, "raw": '{"b":1,"a":"<b>"}'},
            {"type": "log", "raw": "no JSON"},
        ],
    )  # fmt: skip
    found = activity.detail(place.context, place.store, place.owner, project=place.number, record_id=str(wanted))
    assert (found.message, len(found.record.text)) == ("m" * 500, 300)
    assert (found.labels, found.related) == ({"region": "eu"}, {"trace_id": "t1"})
    assert (found.fields["value"], found.raw) == ("1.5", {"b": 1, "a": "<b>"})
    assert found.raw_text.splitlines()[1:3] == ['  "b": 1,', '  "a": "<b>"']
    odd = activity.detail(place.context, place.store, place.owner, project=place.number, record_id=str(broken))
    assert (odd.raw, odd.raw_text) == ("no JSON", "no JSON")
    for actor, number, record in (
        (place.stranger, place.number, str(wanted)),
        (place.stranger, place.foreign, str(wanted)),
        (place.owner, place.number, str(UUID(int=5))),
        (place.owner, place.number, "nonsense"),
    ):
        refused("not_found", activity.detail, place.context, place.store, actor, project=number, record_id=record)
