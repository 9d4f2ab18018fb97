"""Time ranges as they stand in URLs."""

from __future__ import annotations

import pytest

from headrace.api.errors import ApiError
from headrace.web.ranges import DAY_US, HOUR_US, LONGEST_US, RANGES, read_range, read_zone

NOW = 1_790_000_000_000_000
BERLIN = {"tz": "Europe/Berlin"}


@pytest.mark.parametrize("name", RANGES)
def test_named_ranges_end_now(name):
    found = read_range({"range": name}, {}, NOW)
    assert (found.start_us, found.end_us, found.name) == (NOW - RANGES[name][0], NOW, name)


def test_without_any_it_is_the_pages_own():
    assert read_range({}, {}, NOW, "7d").name == "7d"


@pytest.mark.parametrize(
    ("sent", "start", "end"),
    [
        ({"from": "-2h"}, NOW - 2 * HOUR_US, NOW),
        ({"from": "-2d", "to": "-1d"}, NOW - 2 * DAY_US, NOW - DAY_US),
        (
            {"from": "2026-03-29T00:00:00Z", "to": "2026-03-29T12:00:00+02:00"},
            1_774_742_400_000_000,
            1_774_778_400_000_000,
        ),
        # As browsers' date fields send it, over the hour that Berlin leaves out in spring: 23 hours.
        (
            {**BERLIN, "from": "2026-03-29T00:00", "to": "2026-03-30T00:00"},
            1_774_738_800_000_000,
            1_774_821_600_000_000,
        ),
        # And the one that it repeats in autumn: 25 hours.
        ({**BERLIN, "from": "2025-10-26", "to": "2025-10-27"}, 1_761_429_600_000_000, 1_761_519_600_000_000),
    ],
)
def test_custom_ranges(sent, start, end):
    found = read_range({"range": "custom", **sent}, {}, NOW)
    assert (found.start_us, found.end_us) == (start, end)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"range": "2w"}, "range must be one of"),
        ({"range": "custom"}, "needs from"),
        ({"from": "yesterday"}, "from must be ISO 8601"),
        ({"from": "2026-02-30T00:00"}, "from is no such time"),
        ({"from": "1969-12-31T00:00"}, "from is no such time"),
        ({"from": "-1h", "to": "-1h"}, "from must lie before to"),
        ({"from": "-1h", "to": "-2h"}, "from must lie before to"),
        ({"tz": "Mars/Olympus"}, "name of a time zone"),
        ({"tz": "../etc/passwd"}, "name of a time zone"),
    ],
)
def test_what_is_refused(sent, said):
    with pytest.raises(ApiError, match=said) as caught:
        read_range(sent, {}, NOW)
    assert caught.value.status == 400


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_longest_range(more):
    end = LONGEST_US + DAY_US
    start = f"1970-01-02T00:00:00.{0:06d}Z"
    sent = {"from": start, "to": f"{_iso(end + more)}"}
    if more <= 0:
        assert read_range(sent, {}, NOW).end_us == end + more
    else:
        with pytest.raises(ApiError, match="50 years"):
            read_range(sent, {}, NOW)


def _iso(us):
    from headrace.records.times import iso_text

    return iso_text(us, 6)


def test_the_zone_is_the_urls_before_the_browsers():
    told = {"headrace_zone": "America%2FNew_York"}
    assert read_zone({}, {}) == "UTC"
    assert read_zone({}, told) == "America/New_York"
    assert read_zone(BERLIN, told) == "Europe/Berlin"
    assert read_zone({}, {"headrace_zone": "<script>"}) == "UTC"


def test_a_custom_range_says_its_ends_in_its_zone():
    found = read_range({**BERLIN, "from": "2026-03-03T10:00", "to": "2026-03-03T12:30"}, {}, NOW)
    assert found.text == "3 Mar 2026, 10:00 – 12:30"
    assert (found.local(found.start_us), found.local(found.end_us)) == ("2026-03-03T10:00", "2026-03-03T12:30")
    longer = read_range({"from": "2026-03-03T10:00", "to": "2026-04-01T00:00"}, {}, NOW)
    assert longer.text == "3 Mar 2026, 10:00 – 1 Apr 2026, 00:00"
