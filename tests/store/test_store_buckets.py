from datetime import UTC, datetime

import pytest
from store_rows import DAY, HOUR, MINUTE, START

from headrace.store.buckets import BadWindow, TooManyBuckets, UnknownZone, finest, grid, zone


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def texts(starts: tuple[int, ...]) -> list[str]:
    return [datetime.fromtimestamp(start / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ") for start in starts]


@pytest.mark.parametrize(
    ("start", "end", "resolution", "tz", "expected"),
    [
        ("2026-03-01T10:00:30Z", "2026-03-01T10:02:00Z", "1m", "UTC", ["2026-03-01T10:00Z", "2026-03-01T10:01Z"]),
        ("2026-03-01T10:00Z", "2026-03-01T10:05:00.001Z", "5m", "UTC", ["2026-03-01T10:00Z", "2026-03-01T10:05Z"]),
        # Below a day a zone changes nothing: multiples of UTC.
        ("2026-03-01T00:00Z", "2026-03-01T06:00Z", "3h", "Asia/Kathmandu", ["2026-03-01T00:00Z", "2026-03-01T03:00Z"]),
        ("2026-03-01T13:00Z", "2026-03-02T00:00Z", "12h", "UTC", ["2026-03-01T12:00Z"]),
        ("2026-03-01T00:00Z", "2026-03-02T00:00:00.001Z", "1d", "UTC", ["2026-03-01T00:00Z", "2026-03-02T00:00Z"]),
        # Clocks go forward in Berlin on 29 March 2026, back on 25 October: days of 23 and 25 hours.
        ("2026-03-28T23:00Z", "2026-03-30T22:00Z", "1d", "Europe/Berlin", ["2026-03-28T23:00Z", "2026-03-29T22:00Z"]),
        ("2026-10-24T22:00Z", "2026-10-26T23:00Z", "1d", "Europe/Berlin", ["2026-10-24T22:00Z", "2026-10-25T23:00Z"]),
        # Midnight was skipped in São Paulo on 4 November 2018: that day began at 01:00.
        ("2018-11-03T03:00Z", "2018-11-05T02:00Z", "1d", "America/Sao_Paulo", ["2018-11-03T03:00Z", "2018-11-04T03:00Z"]),
        # Midnight came twice in Havana's night of 1 November 2026: the first counts.
        ("2026-11-01T04:30Z", "2026-11-02T05:00Z", "1d", "America/Havana", ["2026-11-01T04:00Z"]),
        # Apia had no 30 December 2011.
        ("2011-12-29T10:00Z", "2011-12-31T10:00Z", "1d", "Pacific/Apia", ["2011-12-29T10:00Z", "2011-12-30T10:00Z"]),
        # Weeks begin on Monday; 1 March 2026 is a Sunday.
        ("2026-03-01T00:00Z", "2026-03-09T00:00Z", "1w", "UTC", ["2026-02-23T00:00Z", "2026-03-02T00:00Z"]),
        ("2026-03-01T22:59Z", "2026-03-01T23:01Z", "1w", "Europe/Berlin", ["2026-02-22T23:00Z", "2026-03-01T23:00Z"]),
        ("2025-12-31T23:00Z", "2026-02-01T00:00Z", "1M", "UTC", ["2025-12-01T00:00Z", "2026-01-01T00:00Z"]),
        ("2024-02-29T12:00Z", "2024-03-01T00:00Z", "1M", "America/New_York", ["2024-02-01T05:00Z"]),
    ],
)  # fmt: skip
def test_boundaries(start: str, end: str, resolution, tz: str, expected: list[str]) -> None:
    assert texts(grid(ms(start), ms(end), resolution, tz).starts) == expected


@pytest.mark.parametrize(
    "tz", ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham", "Pacific/Apia"]
)
@pytest.mark.parametrize("resolution", ["1d", "1w", "1M"])
def test_every_boundary_since_2000_is_a_multiple_of_the_coarse_rollup(tz: str, resolution) -> None:
    assert grid(ms("2000-01-02T00:00Z"), ms("2026-12-31T00:00Z"), resolution, tz).aligned(15 * MINUTE)


@pytest.mark.parametrize(
    "name", ["", "Nowhere/Town", "../etc/passwd", "/etc/passwd", "Europe", "Europe/Berlin\0", "a" * 300]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone(name)


@pytest.mark.parametrize(
    ("start", "end", "fault"),
    [
        (START, START, "ends after it starts"),
        (START + 1, START, "ends after it starts"),
        (-(10**15), START, "between 1900 and 2200"),
        (START, 10**15, "between 1900 and 2200"),
    ],
)
def test_windows_that_cannot_be(start: int, end: int, fault: str) -> None:
    with pytest.raises(BadWindow, match=fault):
        grid(start, end, "1h")


@pytest.mark.parametrize(("resolution", "width"), [("1m", MINUTE), ("1d", DAY)])
def test_ten_thousand_buckets_at_most(resolution, width: int) -> None:
    end = START if resolution == "1d" else START + 10_000 * MINUTE
    assert len(grid(end - 10_000 * width, end, resolution).starts) == 10_000
    with pytest.raises(TooManyBuckets):
        grid(end - 10_000 * width - 1, end, resolution)
    with pytest.raises(TooManyBuckets):
        grid(end - 20_002 * width, end, resolution)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (500 * MINUTE, "1m"),
        (501 * MINUTE, "5m"),
        (DAY, "5m"),
        (7 * DAY, "30m"),
        (499 * HOUR, "1h"),
        (500 * DAY, "1d"),
        (501 * DAY, "1w"),
        (20 * 365 * DAY, "1M"),
        (70 * 365 * DAY, "1M"),
    ],
)
def test_the_finest_resolution_with_five_hundred_buckets(length: int, expected: str) -> None:
    assert finest(START - length, START) == expected


def test_a_bucket_more_at_an_unaligned_end_counts() -> None:
    assert finest(START + 1, START + 500 * MINUTE) == "1m"
    assert finest(START + 1, START + 500 * MINUTE + 1) == "5m"
