"""How figures and times read."""

from __future__ import annotations

import math

import pytest

from headrace.records.figures import number
from headrace.web import words

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10 k"),
        (12_345, "12.3 k"),
        (999_499, "999 k"),
        (999_500, "1 M"),
        (4_560_000, "4.56 M"),
        (7.8e9, "7.8 G"),
        (-1_234, "−1,234"),
        (-12_345, "−12.3 k"),
        (123.456, "123"),
        (0.0123, "0.0123"),
        (0.00001234, "1.23e-05"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "–"), (0, "0 B"), (1_023, "1023 B"), (1_024, "1 KiB"), (3_565_158, "3.4 MiB"), (5 * 1_024**4, "5 TiB")],
)
def test_sizes(size, text):
    assert words.data_size(size) == text


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (999, "999 µs"),
        (320_000, "320 ms"),
        (1_200_000, "1.2 s"),
        (59_940_000, "59.9 s"),
        (59_950_000, "1 m"),
        (4 * MINUTE + 10 * SECOND, "4 m 10 s"),
        (3 * HOUR + 5 * MINUTE, "3 h 5 m"),
        (2 * DAY + 4 * HOUR, "2 d 4 h"),
    ],
)
def test_durations(us, text):
    assert words.duration(us) == text


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (9 * SECOND, "just now"),
        (10 * SECOND, "10 seconds ago"),
        (59 * SECOND, "59 seconds ago"),
        (MINUTE, "1 minute ago"),
        (HOUR - 1, "59 minutes ago"),
        (HOUR, "1 hour ago"),
        (40 * DAY, "1 month ago"),
        (800 * DAY, "2 years ago"),
        (-9 * SECOND, "just now"),
        (-2 * DAY, "in 2 days"),
    ],
)
def test_how_long_ago(before, text):
    now = 1_790_000_000_000_000
    assert words.ago(now - before, now) == text
    assert words.ago(None, now) == "never"


def test_exact_times_are_of_the_zone():
    us = 1_774_746_000_000_000  # 29 March 2026, 01:00 UTC: summer begins in Berlin
    assert words.exact(us - 1_000, "Europe/Berlin") == "29 Mar 2026, 01:59:59.999 CET"
    assert words.exact(us, "Europe/Berlin") == "29 Mar 2026, 03:00:00.000 CEST"
    assert words.exact(us, "UTC") == "29 Mar 2026, 01:00:00.000 UTC"
    assert words.to_the_minute(us - 1_000, "Europe/Berlin") == "29 Mar 2026, 01:59"
    assert words.iso(1) == "1970-01-01T00:00:00.000001Z"
