"""When a job is expected again (seestack.md 2.6)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api.services.schedules import FALLBACK_S, LONGEST_S, interval_of, next_after, read_cron

FROM = "2026-04-02 10:00:00"  # a Thursday


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("1m", "2026-04-02 10:01:00"),
        ("90m", "2026-04-02 11:30:00"),
        (" 2H ", "2026-04-02 12:00:00"),
        ("1d", "2026-04-03 10:00:00"),
        ("* * * * *", "2026-04-02 10:01:00"),
        ("0 3 * * *", "2026-04-03 03:00:00"),
        ("0 11 * * *", "2026-04-02 11:00:00"),
        ("0 10 * * *", "2026-04-03 10:00:00"),
        ("*/15 * * * *", "2026-04-02 10:15:00"),
        ("5/20 * * * *", "2026-04-02 10:05:00"),
        ("10-12,40 9 * * *", "2026-04-03 09:10:00"),
        ("0 0 1 * *", "2026-05-01 00:00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 * * 0", "2026-04-05 00:00:00"),
        ("0 0 * * 7", "2026-04-05 00:00:00"),
        ("0 0 * * MON-FRI", "2026-04-03 00:00:00"),
        ("0 0 * jul ?", "2026-07-01 00:00:00"),
        ("0 0 13 * 5", "2026-04-03 00:00:00"),  # either kind of day will do
        ("30 0 10 * * *", "2026-04-02 10:00:30"),
        ("1 0 10 * * *", "2026-04-02 10:00:01"),
        ("*/10 * * * * *", "2026-04-02 10:00:10"),
    ],
)
def test_the_next_moment(schedule: str, expected: str) -> None:
    assert next_after(schedule, us(FROM)) == us(expected)


@pytest.mark.parametrize(
    "schedule",
    [
        *(
            "",
            "0m",
            "m",
            "1w",
            "-1m",
            "1.5h",
            "hourly",
            "@daily",
            "* * * *",
            "* * * * * * *",
            "60 * * * *",
            "* 24 * * *",
        ),
        *(
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1- * * * *",
        ),
        "0 0 30 2 *",  # never
    ],
)
def test_what_cannot_be_read_means_a_day(schedule: str) -> None:
    assert next_after(schedule, us(FROM)) == us(FROM) + FALLBACK_S * 1_000_000
    assert interval_of(schedule, us(FROM)) == FALLBACK_S


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("5m", 300),
        ("2h", 7_200),
        ("366d", LONGEST_S),
        ("367d", LONGEST_S),
        ("0 3 * * *", 86_400),
        ("*/15 * * * *", 900),
    ],
)
def test_intervals(schedule: str, seconds: int) -> None:
    assert interval_of(schedule, us(FROM)) == seconds


@given(st.text(alphabet="0123456789*/,-?a mhdLjan", max_size=30), st.integers(0, 2**52))
def test_any_schedule_has_a_next_moment(schedule: str, now: int) -> None:
    assert next_after(schedule, now) > now


def test_a_cron_line_is_read_as_sets() -> None:
    cron = read_cron("*/30 1,2 1 jan sun")
    assert cron is not None
    assert (cron.seconds, cron.minutes, cron.hours) == ((0,), (0, 30), (1, 2))
    assert (cron.days, cron.months, cron.weekdays, cron.either) == ({1}, {1}, {0}, True)
