"""ISO 8601 as clients send it: the forms that nearly all use are read in fewer steps, and as all others are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.records.times import iso_us

MOMENT = "2026-04-02T10:00:00"
US = int(datetime(2026, 4, 2, 10, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "us"),
    [
        (f"{MOMENT}Z", US),
        (f"{MOMENT}.250Z", US + 250_000),
        (f"{MOMENT}.000001Z", US + 1),
        (f"{MOMENT}.5Z", US + 500_000),
        (f"{MOMENT}.123456789Z", US + 123_456),
        (f"{MOMENT}+02:00", US - 7_200_000_000),
        ("2026-04-02T10:00Z", US),
        ("2026-04-02t10:00:00z", US),
        # as long as the common forms, and none of them
        (f"{MOMENT}Z123Z", None),
        (f"{MOMENT}Z123456Z", None),
        (f"{MOMENT}.12_Z", None),
        (f"{MOMENT}. 12Z", None),
        (f"{MOMENT}.+12Z", None),
        (f"{MOMENT}.١٢٣Z", None),
        (f"{MOMENT}.1234567", None),
        ("2026-04-02T10:00:60Z", None),
        ("2026-04-31T10:00:00.000Z", None),
        ("0000-04-02T10:00:00Z", None),
        ("2026-W1-1T10:00:00Z", None),
        ("٢026-04-02T10:00:00Z", None),
        ("", None),
    ],
)
def test_what_is_a_time(text: str, us: int | None) -> None:
    assert iso_us(text) == us


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.sampled_from([0, 3, 6]),
)
def test_the_common_forms_are_read_as_their_offsets_are(moment: datetime, digits: int) -> None:
    text = moment.isoformat(timespec={0: "seconds", 3: "milliseconds", 6: "microseconds"}[digits])
    whole = moment - timedelta(microseconds=moment.microsecond % 10 ** (6 - digits))
    expected = (whole.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert iso_us(f"{text}Z") == iso_us(f"{text}+00:00") == expected
