"""One import from beginning to end, interrupted anywhere, on a real catalog and store; the source is made up."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from pages_place import US, Place

from headrace.api.imports.job import Job
from headrace.api.imports.keeping import Ended, Rooms
from headrace.api.imports.source import SourceFailed, Stopped
from headrace.api.services import imports as service
from headrace.catalog import imports, projects, stats
from headrace.catalog.imports import ImportRow
from headrace.catalog.stats import StatRow
from headrace.dialects.stathat_timeframes import read_timeframe
from headrace.store.points import list_points

DAY, QUARTER = 86_400, 900
NOW = US // 1_000_000


class FakeSource:
    """An export that holds quarter hours of stats; ``fails`` maps a number of requests to what is raised instead of the next answer."""

    def __init__(self, held: dict[str, dict[int, float]], *, values: Sequence[str] = (), keeps: int = 0) -> None:
        self.held = held
        self.values = values
        #: Before this moment it has days only.
        self.keeps = keeps
        self.asked: list[tuple[str, ...]] = []
        self.fails: dict[int, Exception] = {}
        self.gone: set[str] = set()

    def _ask(self, *what: str) -> None:
        if (error := self.fails.pop(len(self.asked), None)) is not None:
            raise error
        self.asked.append(what)

    def stats(self, offset: int) -> list[Any]:
        self._ask("list")
        return [
            {
                "id": f"id-{name}",
                "name": name,
                "counter": name not in self.values,
                "created_at": min(points, default=NOW),
            }
            for name, points in self.held.items()
        ][offset : offset + 10_000]

    def data(self, ids: Sequence[str], timeframe: str, start: int) -> list[Any] | None:
        self._ask(timeframe, *ids)
        read = read_timeframe(timeframe)
        width, count = read.interval.seconds, read.duration.seconds // read.interval.seconds
        names = [one.removeprefix("id-") for one in ids if one.removeprefix("id-") not in self.gone]
        found = []
        for name in names:
            points = self.held[name] if width == DAY else {t: v for t, v in self.held[name].items() if t >= self.keeps}
            rows = []
            for time in range(start, start + count * width, width):
                inside = [value for moment, value in points.items() if time <= moment < time + width]
                value = sum(inside) / (len(inside) or 1 if name in self.values else 1)
                rows.append({"time": time, "value": value})
            found.append({"name": name, "timeframe": "", "points": rows})
        return found or None


class Importing:
    """An import in ann's project."""

    def __init__(self, place: Place, source: FakeSource, **options: Any) -> None:
        self.place, self.source = place, source
        self.made: list[str] = []
        #: Stats that may be made.
        self.most = 1_000
        self.begin(**options)

    def begin(self, **options: Any) -> None:
        service.begin(
            self.place.context,
            self.place.owner,
            project=self.place.number,
            token="t",
            base_url="https://a.b",
            options=options,
        )

    def row(self) -> ImportRow:
        with self.place.context.catalog.read() as conn:
            found = imports.load(conn, self.place.number)
        assert found is not None
        return found

    def run(self) -> None:
        def make(project: int, wanted: Sequence[tuple[str, str]]) -> list[StatRow | None]:
            rows: list[StatRow | None] = []
            with self.place.context.catalog.write() as conn:
                for name, kind in wanted:
                    row = stats.find(conn, project, "stat", name, None)
                    if row is None and len(self.made) < self.most:
                        row = StatRow(random.getrandbits(62) + 1, project, "stat", name, kind, US)
                        stats.add_missing(conn, [row])
                        self.made.append(name)
                    rows.append(row)
            return rows

        rooms = Rooms(self.place.context.catalog, lambda: self.place.store, make, lambda: US)
        Job(rooms, self.row(), self.source).run()  # type: ignore[arg-type]

    def held(self) -> dict[str, dict[int, float]]:
        """What our stats hold, by name."""
        with self.place.context.catalog.read() as conn:
            rows = stats.slice_of(conn, self.place.number, "stat", offset=0, limit=100)
        return {
            row.name: {
                point.ts // 1000: point.value
                for point in list_points(self.place.store, self.place.number, row.stat_id, 0, 4 * 10**12).points
            }
            for row in rows
        }


def history(seed: int, days: int = 20) -> dict[int, float]:
    chance = random.Random(seed)
    first = NOW // DAY * DAY - days * DAY
    return {first + QUARTER * chance.randrange(days * 96): float(chance.randrange(1, 50)) for _ in range(60)}


def many(count: int) -> dict[str, dict[int, float]]:
    return {f"stat {number}": history(number) for number in range(count)}


def test_everything_comes_over_once(place: Place) -> None:
    source = FakeSource(many(7), values=["stat 1", "stat 6"])
    source.held["old"] = {NOW // DAY * DAY - 800 * DAY + QUARTER: 3.0, NOW // DAY * DAY - DAY: 4.0}
    source.held["empty"] = {}
    one = Importing(place, source)
    for _ in range(2):  # a second time repairs and doubles nothing
        one.run()
        row = one.row()
        assert (row.status, row.stats_total, row.stats_done, row.stats_failed) == ("completed", 9, 9, 0)
        assert (row.token, row.current_stat, row.finished_at) == ("", None, US)
        assert row.points_imported == sum(map(len, source.held.values()))
        assert one.held() == source.held
        one.begin()
    assert max(len(asked) for asked in source.asked) == 6
    assert sorted(one.made) == sorted(source.held)
    with place.context.catalog.read() as conn:
        assert set(stats.by_origins(conn, place.number, ["id-old", "id-empty", "id-x"])) == {"id-old", "id-empty"}
        (old,) = stats.by_name(conn, place.number, "old")
    assert (old.last_point_ms, old.last_received_at) == (max(source.held["old"]) * 1000, None)


@pytest.mark.parametrize("after", range(1, 30, 4))
def test_it_goes_on_where_it_was_interrupted(place: Place, after: int) -> None:
    source = FakeSource(many(7))
    one = Importing(place, source)
    source.fails = {after: Stopped(), after + 5: RuntimeError("the store is away")}
    runs = 0
    while one.row().status != "completed":
        runs += 1
        done = one.row().stats_done
        try:
            one.run()
        except (Stopped, RuntimeError):
            assert one.row().stats_done >= done
    assert runs == 3 - len(source.fails)
    row = one.row()
    assert (row.stats_done, row.stats_failed, row.points_imported) == (7, 0, sum(map(len, source.held.values())))
    assert one.held() == source.held


def test_what_cannot_be_imported_is_told(place: Place) -> None:
    with place.context.catalog.write() as conn:
        stats.add_missing(conn, [StatRow(99, place.number, "stat", "stat 1", "value", US)])
    source = FakeSource(many(4) | {"a~b": {NOW - DAY: 1.0}, " ": {}, "x" * 256: {}, "x" * 255: {}})
    source.gone = {"stat 2"}
    one = Importing(place, source)
    one.run()
    row = one.row()
    assert (row.status, row.stats_total, row.stats_done, row.stats_failed) == ("completed", 8, 3, 5)
    assert [(item["name"], item["error"]) for item in row.failures] == [
        ("", "not a name that a stat can have here"),
        ("a~b", "not a name that a stat can have here"),
        ("x" * 100, "not a name that a stat can have here"),
        ("stat 1", "here it is a value"),
        ("stat 2", "the source no longer has it"),
    ]
    assert {name for name, points in one.held().items() if points} == {"stat 0", "stat 3"}


def test_a_project_that_has_its_fill(place: Place) -> None:
    one = Importing(place, FakeSource(many(3)))
    one.most = 2
    one.run()
    row = one.row()
    assert (row.status, row.stats_done, row.failures) == (
        "completed",
        2,
        [{"name": "stat 2", "error": "stat limit reached"}],
    )
    assert sorted(one.held()) == ["stat 0", "stat 1"]


def test_part_of_it(place: Place) -> None:
    source = FakeSource(many(3))
    middle = NOW // DAY * DAY - 10 * DAY + 7 * QUARTER
    one = Importing(place, source, stats=["stat 1", "stat 9"], since=middle, until=middle + 5 * DAY)
    one.run()
    inside = {time: value for time, value in source.held["stat 1"].items() if middle <= time < middle + 5 * DAY}
    assert one.held() == {"stat 1": inside}
    assert [item["name"] for item in one.row().failures] == ["stat 9"]
    # A part that comes later leaves the rest.
    one.begin(stats=["stat 1"], since=middle + 5 * DAY)
    one.run()
    assert one.held() == {"stat 1": {time: value for time, value in source.held["stat 1"].items() if time >= middle}}


def test_a_dry_run_keeps_nothing(place: Place) -> None:
    source = FakeSource(many(2))
    one = Importing(place, source, dry_run=True)
    one.run()
    assert (one.held(), one.made) == ({}, [])
    assert one.row().points_imported == sum(map(len, source.held.values()))


def test_days_where_the_source_has_no_quarter_hours(place: Place) -> None:
    first = NOW // DAY * DAY - 20 * DAY
    held = {first + day * DAY + part * QUARTER: 1.0 + day for day in range(20) for part in (3, 50)}
    source = FakeSource({"n": held}, keeps=first + 10 * DAY)
    one = Importing(place, source)
    one.run()
    days = {first + day * DAY: 2.0 * (1 + day) for day in range(10)}
    assert one.held() == {"n": days | {time: value for time, value in held.items() if time >= first + 10 * DAY}}
    # Once the source has them again, they take the days' place.
    source.keeps = 0
    one.begin()
    one.run()
    assert one.held() == {"n": held}


def test_a_stat_that_was_renamed_here_is_known_by_where_it_came_from(place: Place) -> None:
    source = FakeSource(many(1))
    one = Importing(place, source)
    one.run()
    with place.context.catalog.write() as conn:
        conn.exec_driver_sql("UPDATE stats SET name = 'ours' WHERE name = 'stat 0'")
    one.begin()
    one.run()
    assert one.held() == {"ours": source.held["stat 0"]}


@pytest.mark.parametrize(
    ("page", "text"),
    [([1], "no list of stats"), ([{"id": "a"}], "no list of stats")],
)
def test_lists_that_are_none(place: Place, page: list[Any], text: str) -> None:
    source = FakeSource({})
    source.stats = lambda _: page  # type: ignore[method-assign]
    one = Importing(place, source)
    with pytest.raises(SourceFailed, match=text):
        one.run()


def test_one_at_a_time_and_none_without_its_project(place: Place) -> None:
    one = Importing(place, FakeSource(many(1)))
    with pytest.raises(service.ServiceError, match="an import is under way in this project"):
        one.begin()
    assert service.status(place.context, place.owner, project=place.number).status == "queued"
    assert service.status(place.context, place.stranger, project=place.foreign).status == "idle"
    with place.context.catalog.write() as conn:
        conn.exec_driver_sql(f"UPDATE projects SET state = 'archived' WHERE number = {place.number}")
        assert projects.by_number(conn, place.number) is not None
    with pytest.raises(Ended):
        one.run()
    assert one.held() == {}
