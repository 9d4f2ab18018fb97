"""Stats: listed in pages and found, projected or not."""

import pytest
from service_checks import add_stats, refused, row

from headrace.api.services import stats
from headrace.catalog import stats as stat_rows
from headrace.records.ids import stat_number, stat_text

# In the order of code points, which is neither a dictionary's nor UTF-16's.
NAMES = [
    *("", " lead", "%", "A", "Z", "_", "a", "a b", "a.b", "ab", "e\u0301", "\u00e9", "\u00df", "\u03a9"),
    *("\u65e5\u672c", "\ufb01", "\ufffd", "\U0001d538", "\U0001f642"),
]


def pages(house, limit: int, **filters) -> list[stats.StatInfo]:
    found, cursor = [], None
    while True:
        page = stats.page(house.context, house.owner, project="shop", limit=limit, cursor=cursor, **filters)
        assert len(page.stats) <= limit
        found += page.stats
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
@pytest.mark.parametrize("pending", ["none", "some", "all"])
def test_every_stat_is_listed_once_in_order(house, limit: int, pending: str) -> None:
    rows = [row(index + 1, name) for index, name in enumerate(NAMES)]
    rows += [row(50, "a", "slowstats", "value"), row(51, "a", "canaryhub"), row(52, "a", "canaryhub", "value")]
    add_stats(house, [*rows[:: {"none": 1, "some": 2, "all": 99}[pending]], row(90, "a", project=2)])
    if pending != "none":
        house.pending.extend([*rows, row(91, "b", project=2)])
    expected = sorted((item.name, item.source, item.type) for item in rows)
    assert [(item.name, item.source, item.type) for item in pages(house, limit)] == expected
    assert list(dict.fromkeys(name for name, _, _ in expected)) == sorted(NAMES, key=str.encode)


@pytest.mark.parametrize("pending", [False, True], ids=["projected", "pending"])
@pytest.mark.parametrize(
    ("filters", "names"),
    [
        pytest.param({"q": "HITS"}, ["Hits.é", "hits", "hits"], id="case of ASCII does not count"),
        pytest.param({"q": "É"}, [], id="case of other letters does"),
        pytest.param({"q": "é"}, ["Hits.é"], id="beyond ASCII"),
        pytest.param({"q": "%"}, ["100%_"], id="percent is a character"),
        pytest.param({"q": "%_"}, ["100%_"], id="underscore too"),
        pytest.param({"q": "\\"}, ["back\\slash"], id="backslash too"),
        pytest.param({"q": "a\x00\ud800"}, [], id="no text at all"),
        pytest.param({"type": "value"}, ["hits"], id="type"),
        pytest.param({"source": "stat"}, ["100%_", "Hits.é", "back\\slash", "hits"], id="source"),
        pytest.param({"q": "i", "source": "stat", "type": "counter"}, ["Hits.é", "hits"], id="all at once"),
    ],
)
def test_filters(house, filters: dict[str, str], names: list[str], pending: bool) -> None:
    rows = [
        *(row(1, "hits"), row(2, "Hits.é"), row(3, "100%_"), row(4, "back\\slash")),
        row(5, "hits", "logister", "value"),
    ]
    if pending:
        house.pending.extend(rows)
    else:
        add_stats(house, rows)
    assert [item.name for item in pages(house, 2, **filters)] == names


def test_a_listed_stat_carries_what_was_projected(house) -> None:
    number = (1 << 63) - 1
    add_stats(house, [row(number, "hits")])
    with house.context.catalog.write() as conn:
        stat_rows.touch(conn, [(number, 1_790_000_000_123, 9)])
    house.pending.append(row(number, "hits"))
    (found,) = pages(house, 10)
    seen = stats.StatInfo(
        *(stat_text(number), "hits", "counter", "stat", None, False, 7, 1_790_000_000_123, 9, found.classic_key, None)
    )
    assert found == seen
    with house.context.catalog.read() as conn:
        assert stat_rows.by_classic_key(conn, 1, bytes.fromhex(found.classic_key)).stat_id == number
        assert stat_rows.by_classic_key(conn, 2, bytes.fromhex(found.classic_key)) is None
    assert (len(found.id), stat_number(found.id)) == (11, number)


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 1001},
        {"type": "gauge"},
        {"source": "acme"},
        {"cursor": "!"},
        {"cursor": "WyJhIl0"},
        {"cursor": "é"},
        {"q": "x" * 256},
    ],
    ids=lambda asked: "-".join(f"{key}={value}"[:12] for key, value in asked.items()),
)
def test_what_a_list_cannot_be_asked(house, asked: dict) -> None:
    refused("invalid", stats.page, house.context, house.owner, project="shop", **asked)


@pytest.mark.parametrize("pending", [False, True], ids=["projected", "pending"])
def test_stats_are_found_by_id_then_by_name_stat_first(house, pending: bool) -> None:
    context, owner = house.context, house.owner
    lookalike = stat_text(1)
    rows = [
        *(row(1, "hits"), row(2, "hits", "slowstats", "value"), row(3, "only here", "logister", "value")),
        *(row(4, lookalike), row(5, "twice", "canaryhub", "value"), row(6, "twice", "canaryhub")),
        row(7, "theirs", project=2),
    ]
    if pending:
        house.pending.extend(rows)
    else:
        add_stats(house, rows)

    def find(ref: str) -> int | None:
        return stat_number(stats.get(context, owner, project="shop", ref=ref).id)

    assert find(stat_text(2)) == 2
    assert find("hits") == 1
    assert find("only here") == 3
    assert find(lookalike) == 1
    assert find("twice") == 6
    unknown = refused("not_found", stats.get, context, owner, project="shop", ref="nothing")
    for ref in (stat_text(7), "theirs", stat_text(99), "z" * 11, "", "\ud800"):
        assert refused("not_found", stats.get, context, owner, project="shop", ref=ref) == unknown
