"""Charts: several stats, the period before, days as the zone has them, notes."""

from __future__ import annotations

import pytest
from pages_place import LONG_DAY, SHORT_DAY, US, add_stats, refused
from store_rows import DAY, HOUR, MINUTE, START

from headrace.api.services import annotations as notes
from headrace.api.services import charts
from headrace.records.ids import stat_text


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
    assert found.lines[0].before == charts.Summary(1, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0)
    assert found.missing == []


def test_what_is_no_stat_is_told_and_the_rest_is_drawn(measured):
    found = chart(measured, ["orders", "unknown", "load", stat_text(99)], START, START + HOUR)
    assert [line.name for line in found.lines] == ["orders", "load"]
    assert found.missing == ["unknown", stat_text(99)]


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
