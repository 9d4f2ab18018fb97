"""What an embed asks for, and what is drawn of it (contract 1.11), without a server."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest

from headrace.api.embeds import script
from headrace.api.embeds.figures import TIMEFRAMES, Figures, Line
from headrace.api.embeds.graph import graph, scale_of
from headrace.api.embeds.nodes import COLOURS, message
from headrace.api.embeds.words import data, table, text
from headrace.api.recent import Recent
from headrace.catalog.stats import StatRecord
from headrace.dialects.answers import Problem
from headrace.dialects.stathat_comments import read_comment
from headrace.dialects.stathat_embeds import HEIGHT, STATS_MAX, TITLE_MAX, WIDTH, Asked, read_asked
from headrace.dialects.stathat_timeframes import MAX_POINTS, all_days, whole_window
from headrace.store.series import Bucket

DAY = 86_400
HOSTILE = "\"'</script><script>alert(1)</script><!--\u2028\u2029\\ <b>&amp; שם"


def asked(*keys: str, kind: str = "graph", **query: str) -> Asked:
    return read_asked({"kind": kind, **dict(zip(("first", "second", "third"), keys or ("a",), strict=False))}, query)


# --- what is asked for


@pytest.mark.parametrize(
    ("name", "sent", "read"),
    [
        ("w", "19", 20),
        ("w", "20", 20),
        ("w", "21", 21),
        ("w", "1999.9", 1_999),
        ("w", "2000", 2_000),
        ("w", "2001", 2_000),
        ("w", "999999999", 2_000),
        ("h", "15", 16),
        ("h", "16", 16),
        ("h", "17", 17),
        ("h", "1200", 1_200),
        ("h", "1201", 1_200),
        *((name, sent, None) for name in "wh" for sent in ("", "-1", "1e3", "x", "undefined", "٣", "100%", "9" * 10)),
    ],
)
def test_sizes(name: str, sent: str, read: int | None) -> None:
    found = asked(**{name: sent})
    expected = {"w": WIDTH, "h": HEIGHT} | ({} if read is None else {name: read})
    assert (found.width, found.height) == (expected["w"], expected["h"])
    assert found.sized == (name == "h" and read is not None)


def test_words_that_are_not_known_give_way_to_the_first() -> None:
    for kind in ("graph", "histogram", "GRAPH", "x"):
        assert asked(kind=kind).kind == "graph"
    for kind in ("data", "table", "text"):
        assert asked(kind=kind).kind == kind
    for timeframe in ("week_compare", "week", "day", "half_compare"):
        assert asked(tf=timeframe).timeframe == timeframe
    for style in ("fill", "spark", "mini"):
        assert asked(style=style).style == style
    assert (asked(tf="month", style="pie").timeframe, asked(tf="month", style="pie").style) == ("week_compare", "fill")


def test_the_place_is_named_as_pages_name_it() -> None:
    """As StatHat's own script does, copies of which pages hold: what it was not given it leaves out, or calls undefined in the query."""
    assert asked("a", w="760", h="235", tf="week_compare").places == ("statd_embed_graph_a___760_235_week_compare_",)
    assert asked("a", "b", "c", w="1", h="x", tf="day", style="mini").places == (
        "statd_embed_graph_a_b_c_1_x_day_mini",
    )
    assert asked("a", w="undefined", h="undefined", tf="undefined").places == ("statd_embed_graph_a______",)
    assert asked("a", kind="histogram", tf="day").places == ("statd_embed_histogram_a_____day_",)
    assert asked("a", kind="text", tf="day").places == ("statd_embed_text_a_____day_", "statd_embed_text_a_")


@pytest.mark.parametrize("length", [TITLE_MAX - 1, TITLE_MAX, TITLE_MAX + 1])
def test_a_title_is_cut(length: int) -> None:
    assert asked(title="x" * length).title == "x" * min(length, TITLE_MAX)
    assert asked(title=" \x00a ").title == asked(title="\x00a").title


# --- what is drawn


def line(name: str, values: list[float | None], before: list[float | None] | None = None, kind: str = "value") -> Line:
    def buckets(numbers: list[float | None]) -> list[Bucket]:
        return [Bucket(0) if one is None else Bucket(0, 1, one, one, one, one) for one in numbers]

    stat = StatRecord(7, 1, "stat", name, kind, "ms", False, 0, None, None, None)
    return Line(stat, buckets(values), buckets(before or []))


def figures(*lines: Line, timeframe: str = "week_compare") -> Figures:
    chosen = next(one for name, one in TIMEFRAMES.items() if name == timeframe)
    count = len(lines[0].now)
    return Figures(chosen, range(1_790_000_000, 1_790_000_000 + count * chosen.width, chosen.width), list(lines))


def elements(node: Any, tag: str) -> list[list[Any]]:
    if isinstance(node, str):
        return []
    return [*([node] if node[0] == tag else []), *(found for child in node[2:] for found in elements(child, tag))]


def words(node: Any) -> str:
    return node if isinstance(node, str) else "".join(map(words, node[2:]))


def test_a_graph_has_a_line_a_stat_with_gaps_and_the_stretch_before_in_dashes() -> None:
    one = line("one", [1, 2, None, 4, None, 6], [3, 3, 3, 3, 3, 3])
    tree = graph(figures(one, line("two", [0] * 6, kind="counter")), asked(w="600", h="200"))
    paths = [path[1] for path in elements(tree, "path")]
    drawn = [path["d"] for path in paths if path.get("stroke") == COLOURS[0] and path["stroke-width"] == "2"]
    assert len(drawn) == 1
    assert drawn[0].count("M") == 3, "two gaps"
    assert [path["d"].count("M") for path in paths if path.get("stroke-width") == "5"] == [2], "two lone points"
    dashed = [path for path in paths if "stroke-dasharray" in path]
    assert [path["stroke"] for path in dashed] == [COLOURS[0]]
    assert {path.get("stroke") or path.get("fill") for path in paths} >= {COLOURS[0], COLOURS[1]}
    assert "one" in words(tree)
    assert "two" in words(tree)
    assert elements(tree, "svg")[0][1]["aria-label"] == "one: 3.25 ms, two: 0 ms, last 7 days"


@pytest.mark.parametrize(
    ("style", "scales", "told"), [("fill", True, "nameno title"), ("mini", False, "2 msno title"), ("spark", False, "")]
)
def test_styles(style: str, scales: bool, told: str) -> None:
    tree = graph(figures(line("name", [1, 2, 3])), asked(w="600", h="200", style=style, title="no title"))
    texts = words(tree)
    assert ("0" in [words(one) for one in elements(tree, "span")]) == scales
    if style == "spark":
        assert texts == ""
    else:
        assert "no title" in texts
    assert ("2 ms" in texts) == (style == "mini")


@pytest.mark.parametrize(
    ("width", "height", "scales", "head"),
    [
        (200, 90, True, True),
        (199, 90, False, True),
        (200, 89, False, True),
        (200, 48, False, True),
        (200, 47, False, False),
    ],
)
def test_small_graphs_are_left_bare(width: int, height: int, scales: bool, head: bool) -> None:
    tree = graph(figures(line("name", [1, 2, 3])), asked(w=str(width), h=str(height)))
    assert any(one[1].get("aria-hidden") for one in elements(tree, "span") if words(one)) == scales
    assert ("name" in words(tree)) == head


@pytest.mark.parametrize(
    "values",
    [
        [0],
        [None],
        [None, None],
        [5],
        [-5],
        [-5, 5],
        [1e-9, 2e-9],
        [1e300, 1.0],
        [1e18],
        [float("inf"), 1],
        [3, 3, 3],
        [-1e12, 0],
    ],
)
def test_whatever_the_numbers_there_is_a_scale(values: list[float | None]) -> None:
    one = line("x", values)
    scale = scale_of([one])
    assert scale.low < scale.high
    assert 1 <= len(scale.ticks) <= 12
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks)
    for style in ("fill", "spark", "mini"):
        paths = [path[1]["d"] for path in elements(graph(figures(one), asked(style=style)), "path")]
        assert not [path for path in paths if "nan" in path or "inf" in path]
        for share in re.findall(r" (-?\d+\.\d)", "".join(paths)):
            assert 0 <= float(share) <= HEIGHT


def test_figures_and_changes() -> None:
    compared = figures(line("up", [2, 4], [1, 1], "counter"), line("none", [None], [None]))
    told = words(data(compared, asked(kind="data", title="Title")))
    assert "Title" in told
    assert "6 ms total, last 7 days" in told
    assert "+200 % on the 7 days before (2) · least 2 · most 4 · last 4" in told
    assert "– on the 7 days before (–)" in told
    assert "−50 %" in words(data(figures(line("down", [1], [2])), asked(kind="data")))
    assert "before" not in words(data(figures(line("x", [1]), timeframe="day"), asked(kind="data")))
    assert words(text(compared, asked(kind="text"))) == "6 ms · – ms"


def test_a_table_has_the_latest_row_first() -> None:
    starts = range(1_790_035_200, 1_790_035_200 + 3 * DAY, DAY)
    shown = Figures(TIMEFRAMES["week_compare"], starts, [line("x", [1, 2, 3], [4, 5, 6])])
    rows = [[words(cell) for cell in row[2:]] for row in elements(table(shown, asked(kind="table")), "tr")]
    assert rows == [
        ["Day (UTC)", "x", "before"],
        ["Thu 24 Sep", "3", "6"],
        ["Wed 23 Sep", "2", "5"],
        ["Tue 22 Sep", "1", "4"],
    ]


# --- the script


def test_no_name_gets_out_of_the_script() -> None:
    wanted = asked(HOSTILE, "b", HOSTILE, kind=HOSTILE, w=HOSTILE, tf=HOSTILE, style=HOSTILE, title=HOSTILE)
    tree = graph(figures(line(HOSTILE, [1, 2])), wanted)
    made = script.fill(wanted, tree)
    assert made.isascii()
    body = made.decode()
    _, _, arguments = body.partition(script.program("fill.js"))
    for mark in "<>&":
        assert mark not in arguments
    assert arguments.count("\n") == 1, "one line"
    places, found, inline = json.loads("[" + arguments.strip()[1:-2] + "]")
    assert (tuple(places), found, inline) == (wanted.places, tree, False)
    assert HOSTILE in words(found)


def test_programs_are_small_and_keep_their_lines() -> None:
    for name in ("fill.js", "embed.js"):
        program = script.program(name)
        assert len(program) < 2_500
        assert "\n " not in program
    assert len(script.fill(asked(), message(100, "x"))) < 2_500


def test_colours_are_as_many_as_stats() -> None:
    assert len(COLOURS) == STATS_MAX


# --- what is kept for a moment


def test_what_was_worked_out_is_kept_for_a_while() -> None:
    now, made = [0.0], []
    kept: Recent[int] = Recent(10, 2, lambda: now[0])

    def ask(key: str) -> int:
        return kept.get(key, lambda: made.append(key) or len(made))

    assert (ask("a"), ask("a"), ask("b")) == (1, 1, 2)
    now[0] = 9.999
    assert ask("a") == 1
    now[0] = 10
    assert ask("a") == 3
    assert ask("c") == 4
    assert ask("a") == 3, "b was the oldest of three"
    assert ask("b") == 5


def test_what_failed_is_not_kept() -> None:
    kept: Recent[int] = Recent(10, 2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 7) == 7


def test_a_crowd_costs_as_much_as_one() -> None:
    kept: Recent[int] = Recent(60, 2)
    begun, go, made, got = threading.Event(), threading.Event(), [], []

    def slow() -> int:
        made.append(1)
        begun.set()
        assert go.wait(60)
        return 7

    crowd = [threading.Thread(target=lambda: got.append(kept.get("a", slow))) for _ in range(4)]
    crowd[0].start()
    assert begun.wait(60)
    for one in crowd[1:]:
        one.start()
    go.set()
    for one in crowd:
        one.join(60)
    assert (got, made) == ([7] * 4, [1])


# --- comments, and a whole history


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        (b"id=a&text=New+release", b"", ("a", "New release")),
        (b'{"id":"a","text":" b "}', b"application/json", ("a", "b")),
        (b"text=x", b"", "id is required"),
        (b"id=a", b"", "text is required"),
        (b"id=a&text=+", b"", "text is required"),
        (b'{"id":1,"text":"x"}', b"application/json", "id is required"),
        (b"[", b"application/json", "invalid json"),
    ],
)
def test_comments(body: bytes, kind: bytes, found: tuple[str, str] | str) -> None:
    if isinstance(found, str):
        with pytest.raises(Problem, match=found):
            read_comment(body, kind)
    else:
        assert tuple(read_comment(body, kind)) == found


@pytest.mark.parametrize(
    ("days", "points", "text"),
    [
        (1, 96, "1 day @ 15 minutes"),
        (104, 104 * 96, "104 days @ 15 minutes"),
        (105, 105 * 24, "15 weeks @ 1 hour"),
        (416, 416 * 24, "416 days @ 1 hour"),
        (417, 417 * 8, "417 days @ 3 hours"),
        (1_250, 10_000, "1250 days @ 3 hours"),
        (1_251, 1_251, "1251 days @ 1 day"),
        (MAX_POINTS, MAX_POINTS, "10000 days @ 1 day"),
        (MAX_POINTS + 1, MAX_POINTS, "10000 days @ 1 day"),
    ],
)
def test_a_whole_history_is_as_fine_as_points_allow(days: int, points: int, text: str) -> None:
    now = 1_790_000_000
    window = whole_window(now - (days - 1) * DAY, now)
    assert (window.points, window.text) == (points, text)
    assert window.start % DAY == 0
    assert window.end == (now // DAY + 1) * DAY
    assert all_days(now).end == window.end
