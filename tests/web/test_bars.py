"""Bars of a rate, and what buckets and records are called."""

import re

import pytest

from headrace.web import names
from headrace.web.bars import HEIGHT, WIDTH, bars
from headrace.web.buckets import labels

#: 25 October 2026, 00:00 in Berlin, ms.
LONG_DAY = 1_792_879_200_000
HOUR = 3_600_000


def heights(svg: str) -> list[tuple[int, float]]:
    return [(int(slot), float(size)) for slot, size in re.findall(r'class="s(\d)"[^>]* height="([\d.]+)"', svg)]


def test_bars_are_stacked_to_the_highest() -> None:
    svg = str(bars([(3, [4, 0, 1]), (5, [4, 2, 0])], ["a", "b", "c"]))
    assert heights(svg) == [(3, HEIGHT / 2), (5, HEIGHT / 2), (5, HEIGHT / 4), (3, HEIGHT / 8)]
    assert re.findall(r"<title>([^<]+)</title>", svg) == ["a: 8", "b: 2", "c: 1"]
    assert "11 records in 3 steps, at most 8 in one" in svg
    assert "style=" not in svg


def test_a_single_record_among_many_is_seen() -> None:
    assert heights(str(bars([(1, [1, 1_000_000])], ["a", "b"])))[0] == (1, 1.0)


def test_bars_of_nothing() -> None:
    for lines in ([], [(1, [0, 0])]):
        assert heights(str(bars(lines, ["a", "b"]))) == []


def test_names_of_buckets_are_escaped() -> None:
    assert "<b>" not in str(bars([(1, [1])], ["<b>"]))


def test_bars_keep_inside_the_drawing() -> None:
    svg = str(bars([(slot, [1, 1_000]) for slot in range(1, 9)], ["a", "b"]))
    for x, y, width, height in re.findall(r'x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg):
        assert float(x) + float(width) <= WIDTH + 0.1
        assert float(y) + float(height) <= HEIGHT + 0.2


@pytest.mark.parametrize(
    ("starts", "resolution", "zone", "expected"),
    [
        ([LONG_DAY], "1d", "Europe/Berlin", ["Sun 25 Oct 2026"]),
        ([LONG_DAY], "1w", "UTC", ["Sat 24 Oct 2026"]),
        ([LONG_DAY], "1M", "UTC", ["Oct 2026"]),
        ([LONG_DAY, LONG_DAY + HOUR], "1h", "Europe/Berlin", ["25 Oct, 00:00", "25 Oct, 01:00"]),
        (
            [LONG_DAY + 2 * HOUR, LONG_DAY + 3 * HOUR],
            "1h",
            "Europe/Berlin",
            ["25 Oct, 02:00 CEST", "25 Oct, 02:00 CET"],
        ),
        ([], "1h", "UTC", []),
    ],
)
def test_what_buckets_are_called(starts: list[int], resolution: str, zone: str, expected: list[str]) -> None:
    assert labels(starts, resolution, zone) == expected


def test_names_for_people() -> None:
    assert (names.dialect("stat"), names.dialect("seestack"), names.dialect("<x>")) == (
        "StatFlow, StatHat", "SeeStack", "<x>",
    )  # fmt: skip
    assert (names.kind("check_in"), names.kind("log"), names.aggregate("mean")) == ("check-in", "log", "average")
    assert [names.step(one) for one in ("1m", "15m", "1h", "1d", "1w", "1M")] == [
        "1 minute", "15 minutes", "1 hour", "1 day", "1 week", "1 month",
    ]  # fmt: skip
    assert (names.host("https://example.org/a?b"), names.host("odd")) == ("example.org", "odd")
