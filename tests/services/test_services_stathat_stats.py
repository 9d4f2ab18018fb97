"""Stats as StatHat's export lists and deletes them: by offset, and by way of the trash."""

from __future__ import annotations

from typing import Any

import pytest
from service_checks import add_stats, refused, row

from headrace.api.services import OPERATOR, alerts, annotations, audit, stathat_stats, stats
from headrace.catalog import stats as stat_rows
from headrace.dialects.stathat_alerts import Alert
from headrace.records.ids import stat_text

NAMES = ["", "%", "A", "a", "a b", "ab", "é", "日本", "\ufffd", "\U0001f642"]


def listed(house: Any, offset: int = 0, limit: int = 100) -> list[str]:
    found = stathat_stats.page(house.context, house.owner, project="shop", offset=offset, limit=limit)
    return [stat.name for stat in found]


@pytest.mark.parametrize(
    "waiting", [slice(0), slice(0, None, 2), slice(1, None, 3), slice(7, 99), slice(0, 4), slice(0, 99)]
)
def test_every_offset_and_limit(house: Any, waiting: slice) -> None:
    """Whichever stats wait to be projected, and whether some of these have been meanwhile."""
    rows = [row(number + 1, name) for number, name in enumerate(NAMES)]
    pending = rows[waiting]
    add_stats(house, [one for one in rows if one not in pending[::2]] + [row(90, "a", project=2)])
    add_stats(house, [row(50, "a", "slowstats", "value")])
    house.pending.extend([*pending, row(91, "b", project=2), row(92, "c", "canaryhub")])
    for offset in range(len(NAMES) + 2):
        for limit in range(1, len(NAMES) + 2):
            assert listed(house, offset, limit) == NAMES[offset : offset + limit], (offset, limit)


def test_by_name_and_by_id(house: Any) -> None:
    add_stats(house, [row(1, "n"), row(2, "m"), row(3, "n", "slowstats", "value"), row(4, "n", project=2)])
    house.pending.append(row(5, "p"))
    ask: dict[str, Any] = {"context": house.context, "actor": house.owner, "project": "shop"}
    for name, number in (("n", 1), (" n ", 1), ("p", 5)):
        assert stathat_stats.named(**ask, name=name).id == stat_text(number)
    for name in ("", "N", "x"):
        assert refused("not_found", stathat_stats.named, **ask, name=name) == "stat not found"
    ids = [stat_text(number) for number in (5, 4, 3, 2, 1, 2)]
    assert [stat.name for stat in stathat_stats.numbered(**ask, ids=["n", *ids])] == ["p", "m", "n", "m"]
    for wanted in ([], ["n"], [stat_text(3), stat_text(4)]):
        assert refused("not_found", stathat_stats.numbered, **ask, ids=wanted) == "stat not found"


@pytest.mark.parametrize("waits", [False, True], ids=["projected", "pending"])
def test_into_the_trash(house: Any, waits: bool) -> None:
    forgotten: list[Any] = []

    def forget(project: int, numbers: list[int]) -> None:
        forgotten.append((project, numbers))
        house.pending[:] = [one for one in house.pending if one.stat_id not in numbers]

    context = house.context._replace(forget_stats=forget)
    ask: dict[str, Any] = {"context": context, "actor": house.owner, "project": "shop"}
    rows = [row(1, "n"), row(2, "kept")]
    if waits:
        house.pending.extend(rows)
    else:
        add_stats(house, rows)
    for wanted in ("n", "unknown", stat_text(9)):
        assert refused("not_found", stathat_stats.trash, **ask, ref=wanted) == "stat not found"
    poor = house.owner._replace(scopes=frozenset({"read"}))
    assert "write" in refused("forbidden", stathat_stats.trash, **ask | {"actor": poor}, ref=stat_text(1))
    assert forgotten == []
    stathat_stats.trash(**ask, ref=stat_text(1))
    assert forgotten == [(house.project.number, [1])]
    assert listed(house) == ["kept"]
    assert refused("not_found", stathat_stats.trash, **ask, ref=stat_text(1)) == "stat not found"
    assert [one.name for one in stats.page(context, house.owner, project="shop").stats] == ["kept"]
    # The loader projects it once more than it is there, and another of its name.
    house.pending.clear()
    add_stats(house, [*rows, row(3, "n", type_="value")])
    assert listed(house) == ["kept", "n"]
    line = audit.page(context, OPERATOR).lines[0]
    assert (line.action, line.subject, line.subject_id) == ("deleted a stat", "n", stat_text(1))


class FakeStore:
    def __init__(self) -> None:
        self.forgotten: list[tuple[int, list[int]]] = []

    def forget_stats(self, project: int, numbers: list[int]) -> None:
        self.forgotten.append((project, sorted(numbers)))


def test_the_trash_is_emptied_after_two_days(house: Any) -> None:
    store: Any = FakeStore()
    add_stats(house, [row(number, name) for number, name in enumerate("abc", 1)])
    ask: dict[str, Any] = {"context": house.context, "actor": house.owner, "project": "shop"}
    for number in (1, 2, 3):
        annotations.create(**ask, text="note", stat=stat_text(number))
        alerts.create(**ask, alert=Alert(stat_text(number), "data", "1h"))
    stathat_stats.trash(**ask, ref=stat_text(1))
    house.clock.now += 1
    stathat_stats.trash(**ask, ref=stat_text(2))
    assert [alert.stat_name for alert in alerts.list_all(**ask)] == ["c"]
    house.clock.now += stathat_stats.TRASH_US - 1
    assert stathat_stats.empty_trash(house.context, store) == 0
    house.clock.now += 1
    assert stathat_stats.empty_trash(house.context, store) == 1
    assert store.forgotten == [(house.project.number, [1])]
    house.clock.now += 1
    assert stathat_stats.empty_trash(house.context, store) == 1
    assert stathat_stats.empty_trash(house.context, store) == 0
    assert store.forgotten == [(house.project.number, [1]), (house.project.number, [2])]
    with house.context.catalog.read() as conn:
        assert stat_rows.known(conn, [1, 2, 3]) == {3: False}
    assert [note.stat_id for note in annotations.list_all(**ask)] == [stat_text(3)]


def test_alerts_have_a_limit(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "ALERTS_MAX", 2)
    add_stats(house, [row(1, "n")])
    ask: dict[str, Any] = {"context": house.context, "actor": house.owner, "project": "shop"}
    made = [alerts.create(**ask, alert=Alert(stat_text(1), "data", "1h")) for _ in range(2)]
    assert refused("invalid", alerts.create, **ask, alert=Alert(stat_text(1), "data", "1h"))
    alerts.delete(**ask, alert_id=made[0].id)
    assert refused("not_found", alerts.delete, **ask, alert_id=made[0].id) == "alert not found"
    assert [alert.id for alert in alerts.list_all(**ask)] == [made[1].id]
    alerts.create(**ask, alert=Alert(stat_text(1), "data", "1h"))
    stranger: dict[str, Any] = {"context": house.context, "actor": house.stranger, "project": "shop"}
    assert refused("not_found", alerts.get, **stranger, alert_id=made[1].id) == "project not found"
