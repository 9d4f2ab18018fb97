"""Sparklines and the colours of series."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from headrace.web.spark import SLOTS, slots, spark


@pytest.mark.parametrize(
    ("values", "lines", "has_area"),
    [
        ([], 0, False),
        ([None, None], 0, False),
        ([1.0], 1, True),
        ([0.0, 0.0, 0.0], 1, True),
        ([1.0, 2.0, -3.0], 1, True),
        ([1.0, None, 2.0, 3.0], 2, False),
        ([1e300, -1e300], 1, True),
    ],
)
def test_lines_stay_inside_and_gaps_stay_gaps(values, lines, has_area):
    drawn = ET.fromstring(spark(values, width=100, height=20))
    paths = [path.get("d") for path in drawn if path.get("class") is None]
    assert (paths[0].count("M") if paths else 0) == lines
    assert any(path.get("class") == "area" for path in drawn) is has_area
    for number in [float(one) for path in paths for one in path.translate(str.maketrans("MLV", "   ")).split()]:
        assert 0 <= number <= 100


def test_what_it_shows_is_said():
    drawn = ET.fromstring(spark([1.0, 2.0], '"><script>'))
    assert (drawn.get("role"), drawn.get("aria-label")) == ("img", '"><script>')
    assert ET.fromstring(spark([1.0])).get("aria-hidden") == "true"


def test_a_name_keeps_its_colour_and_no_two_share_one():
    names = [f"stat {at}" for at in range(SLOTS)]
    found = slots(names)
    assert sorted(found.values()) == list(range(1, SLOTS + 1))
    assert slots(names[:1])[names[0]] == found[names[0]]
    assert Counter(slots([f"stat {at}" for at in range(2 * SLOTS)]).values()) == dict.fromkeys(range(1, SLOTS + 1), 2)
