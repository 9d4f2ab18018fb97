"""What pages show, from a real store and a real catalog: lists, charts, feeds, the overview."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import update
from store_rows import DAY, HOUR, MINUTE, START, numbers

from headrace.api.deps import Readiness
from headrace.api.services import Actor, Context, ServiceError, activity, charts, live, overview, stat_list
from headrace.api.services import annotations as notes
from headrace.api.services.activity import Wanted
from headrace.api.services.records import ROW_TYPES
from headrace.catalog import Catalog, accounts, keys, progress, projects, sqlite_url, tables
from headrace.catalog import stats as stat_rows
from headrace.catalog.accounts import AccountRow
from headrace.catalog.stats import StatRow
from headrace.records.ids import stat_text
from headrace.store import Store
from headrace.store.errors import StoreUnavailable
from headrace.store.filters import BadFilter

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


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "catalog.db"
    catalog = Catalog.open(sqlite_url(path))
    with catalog.write() as conn:
        for who in ("ann", "bob"):
            accounts.add(conn, AccountRow(who, f"{who}@example.org", who, "hash", "member", 1))
    catalog.close()
    return path.read_bytes()


@pytest.fixture
def place(tmp_path, empty_catalog, store):
    path = tmp_path / "catalog.db"
    path.write_bytes(empty_catalog)
    catalog = Catalog.open(sqlite_url(path))
    found = []
    with catalog.write() as conn:
        for who in ("ann", "bob"):
            # Numbers are shared by all tests of this store.
            conn.execute(update(tables.meta).values(last_project=next(numbers)))
            row = projects.add(conn, project_id=f"p-{who}", slug=who, name=who, account_id=who, at=1)
            found.append(row.number)
            while next(numbers) < row.number:
                pass
    yield Place(Context(catalog, lambda: US), store, Actor("ann"), found[0], Actor("bob"), found[1])
    catalog.close()


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


# --- activity


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


# --- the list of stats


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


# --- charts


def chart(place, refs, start, end, **options):
    return charts.chart(
        place.context, place.store, place.owner, project=place.number, refs=refs, start=start * 1000, end=end * 1000, **options
    )  # fmt: skip


@pytest.fixture
def measured(place, put):
    add_stats(place, (31, "stat", "orders", "counter"), (32, "stat", "load", "value"))
    put(place.number, [(31, START + at * MINUTE, 1.0) for at in range(120)])
    put(place.number, [(32, START + at * MINUTE, float(at)) for at in range(100)])
    put(place.number, [(31, START - HOUR, 4.0)])
    put(place.foreign, [(31, START, 1000.0)])
    return place


def test_a_chart_of_two_with_summaries(measured):
    found = chart(measured, ["orders", "load"], START, START + 2 * HOUR, resolution="1h")
    orders, load = found.lines
    assert (found.starts, orders.values, load.values) == ([START, START + HOUR], [60.0, 60.0], [29.5, 79.5])
    assert orders.summary == charts.Summary(120, 120.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert load.summary == charts.Summary(100, 4950.0, 49.5, 0.0, 99.0, 99.0, 95.0)
    assert (found.previous_start, orders.previous, orders.before) == (None, [], None)
    assert chart(measured, ["load"], START, START + 2 * HOUR, resolution="1h", aggregate="max").lines[0].values == [
        59.0,
        99.0,
    ]


def test_a_chart_beside_the_period_before(measured):
    found = chart(measured, ["orders"], START, START + 2 * HOUR, resolution="1h", compare=True)
    assert found.previous_start == (START - 2 * HOUR) * 1000
    assert found.lines[0].previous == [0.0, 4.0]
    assert found.lines[0].before == charts.Summary(1, 4.0, 4.0, 4.0, 4.0, 4.0)


def test_a_percentile_only_while_every_point_can_be_ranked(measured, monkeypatch):
    monkeypatch.setattr(charts, "MAX_RANKED", 219)
    assert chart(measured, ["orders", "load"], START, START + 2 * HOUR).lines[1].summary.p95 is None
    monkeypatch.setattr(charts, "MAX_RANKED", 220)
    assert chart(measured, ["orders", "load"], START, START + 2 * HOUR).lines[1].summary.p95 == 95.0


@pytest.mark.parametrize(("midnight", "hours"), [(LONG_DAY, 25), (SHORT_DAY, 23)])
def test_days_are_the_zones_own_where_the_clock_changes(place, put, midnight, hours):
    add_stats(place, (41, "stat", "orders", "counter"))
    put(place.number, [(41, midnight - 24 * HOUR + at * HOUR, 1.0) for at in range(-48, 24 + hours + 24)])
    start, end = midnight - 24 * HOUR, midnight + (hours + 24) * HOUR
    found = chart(place, ["orders"], start, end, tz="Europe/Berlin", resolution="1d")
    assert found.starts == [start, midnight, midnight + hours * HOUR]
    assert found.lines[0].values == [24.0, float(hours), 24.0]
    days = chart(place, ["orders"], start, midnight + hours * HOUR, tz="Europe/Berlin", resolution="1d", compare=True)
    assert (days.lines[0].values, days.lines[0].previous) == ([24.0, float(hours)], [24.0, 24.0])
    assert days.previous_start == (start - 48 * HOUR) * 1000
    hourly = chart(place, ["orders"], midnight, midnight + hours * HOUR, tz="Europe/Berlin", resolution="1h")
    assert hourly.lines[0].values == [1.0] * hours


@pytest.mark.parametrize(
    ("asked", "length", "given"),
    [("1m", 90 * DAY, "3h"), ("1M", HOUR, "30m"), ("1h", DAY, "1h"), ("", DAY, "5m"), ("", 365 * DAY, "1w")],
)
def test_a_resolution_that_does_not_fit_gives_way(measured, asked, length, given):
    found = chart(measured, ["orders"], START, START + length, resolution=asked)
    assert found.resolution == given
    assert len(found.starts) <= charts.MAX_SHOWN
    assert found.resolution in found.resolutions


def test_what_no_chart_can_be(measured):
    for code, refs, options in (
        ("invalid", [], {}),
        ("invalid", ["orders"] * (charts.MAX_STATS + 1), {}),
        ("invalid", ["orders"], {"resolution": "2h"}),
        ("invalid", ["orders"], {"aggregate": "p95"}),
        ("not_found", ["unknown"], {}),
    ):
        refused(code, chart, measured, refs, START, START + HOUR, **options)
    stranger = measured._replace(owner=measured.stranger, number=measured.foreign)
    refused("not_found", chart, stranger, [stat_text(31)], START, START + HOUR)


def test_notes_of_the_stats_and_of_all_charts(measured):
    def note(text, stat, at):
        notes.create(measured.context, measured.owner, project=measured.number, text=text, stat=stat, ts=at)

    note("everywhere", None, US)
    note("on load", "load", US + 1)
    note("too late", None, US + HOUR * 1000)
    assert [one.text for one in chart(measured, ["orders"], START, START + HOUR).annotations] == ["everywhere"]
    both = chart(measured, ["orders", "load"], START, START + HOUR)
    assert [one.text for one in both.annotations] == ["everywhere", "on load"]


# --- the live feed


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


# --- the overview

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
