"""The overview: how much came in, what came last, what was refused."""

from __future__ import annotations

import pytest
from pages_place import US, add_stats, refused
from store_rows import DAY, HOUR, START

from headrace.api.deps import Readiness
from headrace.api.services import Actor, activity, charts, overview, stat_list
from headrace.api.services.activity import Wanted
from headrace.catalog import keys
from headrace.catalog import stats as stat_rows

READY = overview.Health("ready", 0.0, 0, [])


def look(place, length=DAY):
    return overview.overview(
        place.context, place.store, place.owner, project=place.number, start=US, end=US + length * 1000, health=READY
    )


def test_the_rate_counts_what_was_sent_by_dialect(place, put, put_rows):
    add_stats(place, (61, "stat", "orders", "counter"), (62, "slowstats", "servers", "value"))
    put(place.number, [(61, START, 1.0), (61, START + HOUR, 1.0), (62, START, 7.0)])
    put_rows(
        "events", place.number, [{"type": "metric", "dialect": "slowstats"}, {"type": "log", "dialect": "logister"}]
    )
    put_rows("requests", place.number, [{"dialect": "seestack"}, {"dialect": "seestack", "ts": US - 1}])
    put_rows("spans", place.number, [{"dialect": "seestack", "ts": US + HOUR * 1000}])
    put_rows("events", place.foreign, [{"type": "log", "dialect": "canaryhub"}])
    rate = look(place).rate
    assert [(line.dialect, line.total) for line in rate.lines] == [
        ("seestack", 2), ("stat", 2), ("logister", 1), ("slowstats", 1),
    ]  # fmt: skip
    assert (rate.total, rate.resolution, rate.lines[1].counts[0], rate.lines[1].counts[4]) == (6, "15m", 1, 1)


@pytest.mark.parametrize(("named", "expected"), [(2, ("stat", 3)), (1, ("stat", 3)), (0, ("points", 5))])
def test_points_are_told_apart_by_the_shorter_list(place, put, monkeypatch, named, expected):
    add_stats(place, (71, "stat", "a", "counter"), (72, "slowstats", "b", "value"), (73, "slowstats", "c", "value"))
    put(place.number, [(71, START, 1.0), (71, START, 1.0), (71, START, 1.0), (72, START, 7.0), (73, START, 7.0)])
    monkeypatch.setattr(overview, "MAX_NAMED", named)
    rate = look(place).rate
    assert [(line.dialect, line.total) for line in rate.lines] == [expected]


def test_the_newest_of_every_kind(place, put, put_rows):
    add_stats(place, (81, "stat", "orders", "counter"))
    put(place.number, [(81, START, 1.0), (81, START + 5, 2.5)])
    with place.context.catalog.write() as conn:
        stat_rows.touch(conn, [(81, START + 5, US + 20)])
    put_rows("events", place.number, [{"type": "log", "name": "log", "received_at": US + 30}])
    put_rows("spans", place.number, [{"name": "span", "received_at": US + 10}])
    found = look(place)
    assert [(one.type, one.name, one.text) for one in found.newest] == [
        ("log", "log", ""), ("point", "orders", "2.5"), ("span", "span", "0 ms"),
    ]  # fmt: skip
    assert (found.refused, found.health) == ([], READY)


@pytest.mark.parametrize(
    ("recent", "sorted_most"), [(overview.NEWEST - 1, 0), (overview.NEWEST, 0), (overview.NEWEST - 1, 100), (3, 100)]
)
def test_the_newest_are_the_same_however_they_are_found(place, put_rows, monkeypatch, recent, sorted_most):
    monkeypatch.setattr(overview, "SORTED_MOST", sorted_most)
    spread = [US - at * 1_000 for at in range(1, recent + 1)] + [US - overview.RECENT_US - at for at in range(1, 13)]
    put_rows("events", place.number, [{"type": ("log", "error")[at % 2], "ts": at, "received_at": at} for at in spread])
    for start in (US - HOUR * 1000, US - 1):
        found = overview.overview(
            place.context, place.store, place.owner, project=place.number, start=start, end=US + 1, health=READY
        )
        assert [one.ts for one in found.newest] == spread[: overview.NEWEST]


def test_keys_whose_requests_were_refused(place):
    with place.context.catalog.write() as conn:
        for at in range(overview.REFUSALS + 2):
            keys.add(
                conn, key_id=f"k{at}", account_id="ann", project=place.number, reach="project", kind="key", style="headrace", name=f"key {at}",
                scopes=frozenset(("write",)), secret_sha256=bytes([at]) * 32, shown="", at=1, rate=None, burst=None, unlimited=False, expires_at=None,
            )  # fmt: skip
        keys.record_use(conn, {}, {f"k{at}": (at, f"reason {at}", US + at) for at in range(1, overview.REFUSALS + 2)})
    assert [(one.key, one.count, one.reason, one.at) for one in look(place).refused] == [
        (f"key {at}", at, f"reason {at}", US + at) for at in range(overview.REFUSALS + 1, 1, -1)
    ]


def test_an_empty_project(place):
    found = look(place)
    assert (found.rate.lines, found.rate.total, found.newest) == ([], 0, [])
    assert (
        stat_list.page(place.context, place.store, place.owner, project=place.number, start=US, end=US + 1).stats == []
    )


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (Readiness(), "ready"),
        (Readiness(degraded=("slow",)), "degraded"),
        (Readiness(("full",), ("slow",)), "unavailable"),
    ],
)
def test_health_in_one_line(state, name):
    class Now:
        loader_lag_s, journal_rows = 0.5, 7

        def read(self):
            return self

        def check(self):
            return state

    told = overview.read_health(Now(), Now(), reasons=True)
    assert (told.state, told.lag_s, told.waiting_rows) == (name, 0.5, 7)
    assert told.reasons == [*state.reasons, *state.degraded]
    assert overview.read_health(Now(), Now(), reasons=False).reasons == []


def test_every_page_is_for_members_alone(place):
    pages = (
        (activity.page, {"wanted": Wanted()}),
        (stat_list.page, {"start": 0, "end": 1}),
        (charts.chart, {"start": 0, "end": 1, "refs": ["orders"]}),
        (overview.overview, {"start": 0, "end": 1, "health": READY}),
    )
    for page, arguments in pages:
        refused("not_found", page, place.context, place.store, place.stranger, project=place.number, **arguments)
        write_only = Actor("ann", scopes=frozenset(("write",)))
        refused("forbidden", page, place.context, place.store, write_only, project=place.number, **arguments)
