"""What the catalog learns from a segment."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from headrace.catalog import Catalog, monitors, sqlite_url
from headrace.loader.projections import newest_check_ins, read_facts
from headrace.records.intents import CheckInFact, DailyEventFact, SessionFact, UsageFact

NOW = 1_790_000_000_000_000


def check_in(
    ts: int, *, status: str = "ok", interval_s: int | None = 300, creates: bool = True, slug: str = "a"
) -> CheckInFact:
    return CheckInFact(
        project=1,
        slug=slug,
        environment="production",
        ok=status == "ok",
        status=status,
        ts=NOW + ts,
        received_at=NOW + ts,
        interval_s=interval_s,
        duration_ms=None,
        message="",
        event_id=f"00000000-0000-7000-8000-{ts:012d}",
        creates=creates,
    )


def after(folder: Path, facts: list[CheckInFact]) -> list[tuple[object, ...]]:
    catalog = Catalog.open(sqlite_url(folder / "catalog.db"))
    with catalog.write() as connection:
        for fact in facts:
            monitors.apply_check_in(connection, fact)
        found = [
            (row.slug, row.state, row.interval_s, row.last_check_in_at, row.last_status, row.last_event_id)
            for row in monitors.load(connection, 1)
        ]
    catalog.close()
    return sorted(found)


FACTS = [
    check_in(1, status="error", interval_s=60),
    check_in(2, interval_s=None),
    check_in(3, interval_s=None),
    check_in(4, slug="b"),
]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_one_check_in_leaves_a_monitor_as_all_of_them_would(tmp_path: Path, order: tuple[int, ...]) -> None:
    facts = [FACTS[place] for place in order] + FACTS[3:]
    merged = newest_check_ins(facts)
    assert len(merged) == 2
    (tmp_path / "all").mkdir()
    (tmp_path / "merged").mkdir()
    in_order = sorted(facts, key=lambda fact: fact.ts)
    assert after(tmp_path / "merged", merged) == after(tmp_path / "all", in_order)


def test_a_monitor_is_made_when_any_of_its_check_ins_makes_it() -> None:
    (merged,) = newest_check_ins([check_in(1), check_in(2, creates=False)])
    assert merged.creates
    assert merged.ts == NOW + 2


def test_facts_are_read_by_kind_and_the_events_of_a_day_only_counted() -> None:
    lines = [msgspec.json.encode(fact) for fact in (DailyEventFact(1, 20_000), check_in(1), UsageFact(1, 202604, 3))]
    facts, days = read_facts([lines[0], *lines, lines[0], lines[1], msgspec.json.encode(DailyEventFact(2, 20_000))])
    assert days == {(1, 20_000): 3, (2, 20_000): 1}
    assert facts == {CheckInFact: [check_in(1)] * 2, UsageFact: [UsageFact(1, 202604, 3)]}
    assert facts[SessionFact] == []
