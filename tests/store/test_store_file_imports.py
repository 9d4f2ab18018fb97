"""Imports of files on a real catalog and store: the CSV export, saved JSON of a StatHat export, the folder of the export tool."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import astuple
from pages_place import US, Place

from headrace.api.imports import file_job, flow_file, lines
from headrace.api.imports.file_job import FileJob
from headrace.api.imports.files import BadFile
from headrace.api.imports.keeping import Ended, Rooms
from headrace.api.imports.runner import Runner
from headrace.api.imports.source import Stopped
from headrace.api.imports.uploads import Uploads
from headrace.api.services import alerts
from headrace.api.services import imports as service
from headrace.catalog import imports, stats
from headrace.catalog.imports import ImportRow
from headrace.catalog.stats import StatRow
from headrace.records.ids import stat_number
from headrace.records.times import iso_text
from headrace.store import StoreUnavailable
from headrace.store.points import StoredPoint, list_points

DAY = 86_400
#: The clock's day, and one that lies long before it; Unix seconds.
NOW = US // 1_000_000
START = NOW // DAY * DAY - 20 * DAY
HEADER = "timestamp,stat,type,value,count,min,max"


def flow(*rows: str) -> str:
    return "\r\n".join((HEADER, *rows, ""))


def row(at: int, name: str, kind: str, value: object, *more: object) -> str:
    cells = [iso_text(at * 1_000_000), name, kind, value, *more, *[""] * (3 - len(more))]
    return ",".join(str(cell) for cell in cells)


def tool(
    name: str, kind: str, points: Mapping[int, object], identity: str = "", timeframe: str = "1 year @ 1 day"
) -> str:
    marks = (("stat_id", identity), ("stat_name", name), ("stat_type", kind), ("timeframe", timeframe))
    rows = [f"{time},{iso_text(time * 1_000_000)},{value}" for time, value in points.items()]
    return "\n".join([*(f'"# {mark}: {text}"' for mark, text in marks), "timestamp,datetime,value", *rows, ""])


def saved(name: str, points: Mapping[int, object], timeframe: str = "1 year @ 1 day") -> str:
    rows = [{"time": time, "value": value} for time, value in points.items()]
    return json.dumps([{"name": name, "timeframe": timeframe, "points": rows}])


def packed(files: Mapping[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


class Importing:
    """Files that come into ann's project."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.uploads = Uploads(folder, 0)
        self.most = 1_000
        self.waits = 0
        self.rooms = Rooms(place.context.catalog, lambda: place.store, self._make, place.context.now)

    def _make(self, project: int, wanted: Sequence[tuple[str, str]]) -> list[StatRow | None]:
        rows: list[StatRow | None] = []
        with self.place.context.catalog.write() as conn:
            for name, kind in wanted:
                found = stats.find(conn, project, "stat", name, None)
                if found is None and stats.count(conn, project) < self.most:
                    found = StatRow(
                        stat_number(f"{abs(hash(name)) % 10**10:011d}") or 1, project, "stat", name, kind, US
                    )
                    stats.add_missing(conn, [found])
                rows.append(found)
        return rows

    def send(self, content: bytes | str | Mapping[str, str | bytes], name: str = "sent", **options: Any) -> str:
        """Puts an import in the queue; gives the id of its file."""
        sent = packed(content) if isinstance(content, Mapping) else content
        upload = self.place.context.new_id()
        self.uploads.begin(upload)
        self.uploads.add(upload, sent.encode() if isinstance(sent, str) else sent)
        service.queue_file(
            *(self.place.context, self.place.owner, self.uploads, upload),
            project=self.place.number,
            name=name,
            options=options,
        )
        return upload

    def run(self, content: bytes | str | Mapping[str, str | bytes], **options: Any) -> ImportRow:
        """Imports it to the end, as the thread does."""
        upload = self.send(content, **options)
        Runner(self.rooms, self.uploads, private=False).run()
        assert not self.uploads.path(upload).exists()
        return self.row()

    def job(self, wait: Any = lambda _: False) -> FileJob:
        return FileJob(self.rooms, self.row(), self.uploads.path(self.row().id), wait)

    def row(self) -> ImportRow:
        with self.place.context.catalog.read() as conn:
            found = imports.load(conn, self.place.number)
        assert found is not None
        return found

    def stats(self) -> list[Any]:
        with self.place.context.catalog.read() as conn:
            return stats.slice_of(conn, self.place.number, "stat", offset=0, limit=1_000)

    def held(self) -> dict[str, list[StoredPoint]]:
        """What our stats hold, by name."""
        place = self.place
        return {
            one.name: list_points(place.store, place.number, one.stat_id, 0, 4 * 10**12).points for one in self.stats()
        }

    def numbers(self) -> dict[str, dict[int, float]]:
        return {name: {point.ts // 1000: point.value for point in points} for name, points in self.held().items()}


@pytest.fixture
def into(place: Place, tmp_path: Path) -> Importing:
    return Importing(place, tmp_path)


class Countdown:
    """Something that goes well so many times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left = times
        self.error = error

    def __call__(self, *_: Any) -> bool:
        if not self.left:
            raise self.error
        self.left -= 1
        return False


def told(row: ImportRow) -> list[tuple[str, str]]:
    return [(failure["name"], failure["error"]) for failure in row.failures]


# --- the CSV export


def test_rows_come_back_as_they_were_however_often(into: Importing) -> None:
    """Points of one second stay apart; of a bucket come sum, count, least and greatest."""
    text = flow(
        row(START, "hits", "counter", 2, 1),
        row(START, "hits", "counter", 2, 1),
        row(START, "hits", "counter", -0.5, 1),
        row(START + 60, "hits", "counter", 7.5, 3),
        row(START, '"a, ""b"""', "value", 0.1, 3, 0.05, 0.2),
        row(START + 1, '"a, ""b"""', "value", 0),
        row(START, "'=1+1", "value", "1e+06", 1, 1000000, 1000000),
    )
    wanted = {
        "hits": [(START, 2.0, 1), (START, 2.0, 1), (START, -0.5, 1), (START + 60, 7.5, 3)],
        'a, "b"': [(START, 0.30000000000000004, 3), (START + 1, 0.0, 1)],
        "=1+1": [(START, 1e6, 1)],
    }
    for _ in range(3):
        done = into.run(text)
        assert (done.status, done.failures, done.stats_total, done.stats_done) == ("completed", [], 3, 3)
        assert (done.points_imported, done.stats_failed, done.error) == (7, 0, None)
        held = into.held()
        shown = {name: [(point.ts // 1000, *point[1:3]) for point in points] for name, points in held.items()}
        assert shown == wanted
        assert held['a, "b"'][0][3:] == (0.05, 0.2)
        assert held["hits"][3][3:] == (2.5, 2.5)
    assert {one.name: one.last_point_ms for one in into.stats()}["hits"] == (START + 60) * 1000


def test_a_later_file_counts_for_the_days_it_tells_of(into: Importing) -> None:
    into.run(flow(*(row(START + day * DAY + 3_600, "n", "counter", day + 1) for day in range(4))))
    into.run(flow(row(START + DAY, "n", "counter", 9), row(START + 2 * DAY + 7_200, "n", "counter", 8)))
    hours = {START + 3_600: 1.0, START + DAY: 9.0, START + 2 * DAY + 7_200: 8.0, START + 3 * DAY + 3_600: 4.0}
    assert into.numbers() == {"n": hours}
    # In one archive the file that comes later by its name does.
    into.run({"b.csv": flow(row(START, "n", "counter", 5)), "a.csv": flow(row(START + 60, "n", "counter", 6))})
    assert into.numbers() == {
        "n": {START: 5.0, **{time: value for time, value in hours.items() if time > START + DAY - 1}}
    }


def test_part_of_it_and_a_dry_run(into: Importing) -> None:
    text = flow(*(row(START + hour * 3_600, "n", "counter", hour) for hour in range(24)))
    done = into.run(text, dry_run=True)
    assert (done.status, done.points_imported, done.stats_done, into.stats()) == ("completed", 24, 1, [])
    into.run(text, until=START + 5 * 3_600)
    assert [one.last_point_ms for one in into.stats()] == [(START + 4 * 3_600) * 1000]
    into.run(text.replace(",3,", ",30,"), since=START + 3 * 3_600, until=START + 4 * 3_600)
    assert into.numbers() == {"n": {START + hour * 3_600: 30.0 if hour == 3 else float(hour) for hour in range(5)}}


def test_lines_that_cannot_be_read_are_told_and_the_others_kept(into: Importing) -> None:
    bad = [
        ("x", "the header has 7 cells, this row 1"),
        (row(START, "a~b", "counter", 1), "a stat's name has 1 to 255 characters and no ~"),
        (row(START, "n" * 256, "counter", 1), "a stat's name has 1 to 255 characters and no ~"),
        (row(START, "", "counter", 1), "a stat's name has 1 to 255 characters and no ~"),
        (row(START, "n", "gauge", 1), "type is neither counter nor value"),
        (row(START, "n", "value", 1), "further up this stat is a counter"),
        (
            row(START - 1, "n", "counter", 1),
            "earlier than a row of the same stat further up: they come in order of time",
        ),
        (row(NOW + 301, "n", "counter", 1), "timestamp lies before 2000 or in the future"),
        (row(946_684_799, "n", "counter", 1), "timestamp lies before 2000 or in the future"),
        ("2026-02-30T00:00:00Z,n,counter,1,,,", "timestamp is not ISO 8601 with an offset"),
        ("2026-02-03 00:00:00,n,counter,1,,,", "timestamp is not ISO 8601 with an offset"),
        *(
            (row(START, "n", "counter", one), "value is not a finite number")
            for one in ("", "nan", "1e999", "0x1", "١")
        ),
        (row(START, "n", "counter", 1, 0), "count is not a whole number from 1 on"),
        (row(START, "n", "counter", 1, "1.5"), "count is not a whole number from 1 on"),
        (row(START, "v", "value", 1, 2, 3, 2), "min is above max"),
        (row(START, "v", "value", 1e308, 10), "value times count is not a finite number"),
        ('"a"b,n,counter,1,,,', "not a row of CSV: ',' expected after '\"'"),
    ]
    first = row(START, "n", "counter", 4)
    text = flow(first, *(line for line, _ in bad), row(START + 1, "n", "counter", 5))
    done = into.run(text, name="n.csv")
    assert told(done) == [(f"n.csv, line {number}", why) for number, (_, why) in enumerate(bad, 3)]
    assert (done.status, done.stats_failed, into.numbers()) == ("completed", 0, {"n": {START: 4.0, START + 1: 5.0}})


def test_bytes_that_are_no_text(into: Importing) -> None:
    good = row(START, "n", "counter", 1)
    lines_ = [
        HEADER.encode(),
        b"\xef\xbb\xbf" + good.encode(),
        row(START, "n\u00e9", "counter", 1).encode("latin-1"),
        good.encode(),
    ]
    done = into.run(b"\xef\xbb\xbf" + b"\n".join(lines_), name="n.csv")
    assert told(done) == [
        ("n.csv, line 2", "timestamp is not ISO 8601 with an offset"),
        ("n.csv, line 3", "the text is not UTF-8"),
    ]
    assert into.numbers() == {"n": {START: 1.0}}
    wide = into.run("\ufeff".encode("utf-16-le") + HEADER.encode("utf-16-le"))
    assert (wide.status, wide.error) == ("failed", "sent: the file is UTF-16: save it as UTF-8")


@pytest.mark.parametrize("longer", [0, 1])
def test_the_longest_line(into: Importing, longer: int) -> None:
    start = row(START, "n", "counter", 1)[:-2]
    line = start + " " * (lines.LINE_MAX - len(start) - 4) + ",,"
    text = (
        HEADER
        + "\n"
        + row(START, "n", "counter", 1)
        + "\n"
        + line
        + " " * longer
        + "\r\n"
        + row(START, "m", "counter", 1)
    )
    done = into.run(text)
    assert done.status == "completed"
    assert (told(done)[0][1] == "line 3 is longer than 64 KiB") == bool(longer)
    assert set(into.numbers()) == ({"n"} if longer else {"n", "m"})


@pytest.mark.parametrize(("count", "kept"), [(3, True), (4, False)])
def test_a_file_of_bad_lines_is_given_up(
    into: Importing, monkeypatch: pytest.MonkeyPatch, count: int, kept: bool
) -> None:
    monkeypatch.setattr(lines, "BAD_MAX", 3)
    done = into.run(flow(row(START, "n", "counter", 1), *["x"] * count, row(START, "m", "counter", 1)))
    assert set(into.numbers()) == ({"n", "m"} if kept else {"n"})
    assert (told(done)[-1] == ("sent", "more than 3 lines cannot be read: the rest is left out")) != kept


def test_not_every_failure_is_told_one_by_one(into: Importing) -> None:
    done = into.run(flow(*["x"] * 130, row(START, "n", "counter", 1)))
    assert len(done.failures) == 101
    assert told(done)[-1] == ("sent", "30 more lines that cannot be imported")


def test_stats_that_cannot_take_it(into: Importing) -> None:
    into.run(flow(row(START, "a", "value", 1)))
    into.most = 2
    done = into.run(flow(*(row(START, name, "counter", 1) for name in "abc")))
    assert told(done) == [("a", "here it is a value"), ("c", "stat limit reached")]
    assert (done.status, done.stats_total, done.stats_done, done.stats_failed) == ("completed", 3, 1, 2)
    assert into.numbers() == {"a": {START: 1.0}, "b": {START: 1.0}}


def test_a_file_larger_than_a_chunk(into: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_file, "CHUNK", 7)
    text = flow(*(row(START + place // 3, f"s{place % 2}", "counter", place) for place in range(100)))
    done = into.run(text)
    assert (done.points_imported, done.stats_done) == (100, 2)
    held = {name: [point.value for point in points] for name, points in into.held().items()}
    assert held == {"s0": [float(n) for n in range(0, 100, 2)], "s1": [float(n) for n in range(1, 100, 2)]}
    monkeypatch.setattr(flow_file, "STATS_MAX", 1)
    assert into.run(text).error == "the file has more than 1 stats"


# --- StatHat's


def test_the_folder_of_the_tool(into: Importing) -> None:
    """Names and types are taken from the files' own lines; of zeros only one between two numbers of a value is kept."""
    days = [START + day * DAY + 17 for day in range(6)]
    files = {
        "stats.csv": "id,name,type,public\nAa1,orders: placed,counter,false\nBb2,load,value,true\nCc3,old name,value,false\nDd4,unused,counter,false\n",
        "alerts.csv": (
            "id,stat_id,stat_name,kind,time_window,operator,threshold,percentage,time_delta\n"
            "q1,Aa1,orders: placed,value,1h,greater than,,,\n"
            "q2,Bb2,load,delta,1d,different than,,12.5,1w\n"
            "q3,Bb2,load,data,5m,,,,\n"
            "q4,Zz9,nobody,data,5m,,,,\n"
            "q5,Bb2,load,delta,1d,different than,,,1w\n"
        ),
        "data/orders__placed.csv": tool(
            "orders: placed", "counter", dict(zip(days, ("0", "1e+06", "0", "0", "2.5", "0"), strict=True)), "Aa1"
        ),
        "data/load.csv": tool("load", "value", dict(zip(days, (0, 3, 0, 4, 0, 0), strict=True)), "Bb2"),
        "data/wrong_name.csv": tool("new name", "value", {days[0]: 1}, "Cc3"),
    }
    for _ in range(2):
        done = into.run(files, name="export")
        assert (done.status, done.stats_total, done.stats_done, done.stats_failed) == ("completed", 4, 4, 0)
        assert told(done) == [
            ("alerts.csv, line 6", "percentage must be above 0"),
            ("alerts.csv, line 5", "there is no stat of that name"),
        ]
        assert into.numbers() == {
            "orders: placed": {days[1]: 1e6, days[4]: 2.5},
            "load": {days[1]: 3.0, days[2]: 0.0, days[3]: 4.0},
            "new name": {days[0]: 1.0},
            "unused": {},
        }
        assert done.points_imported == 6
        found = alerts.list_all(into.place.context, into.place.owner, project=into.place.number)
        assert sorted(astuple(one)[2:] for one in found) == [
            ("load", "data", "5m", None, None, None, None),
            ("load", "delta", "1d", "different than", None, 12.5, "1w"),
            ("orders: placed", "value", "1h", "greater than", 0.0, None, None),
        ]
    assert {one.name: one.type for one in into.stats()} == {
        "orders: placed": "counter",
        "load": "value",
        "new name": "value",
        "unused": "counter",
    }


def test_saved_answers_of_the_export(into: Importing) -> None:
    """Quarter hours count where they make up the day, else the day; of two answers for the same time the one that reaches further."""
    listed = [{"id": "Aa1", "name": "n", "counter": True, "public": False}, {"id": 7, "name": "v", "counter": False}]
    quarters = {START + place * 900: float(place in (3, 50)) for place in range(96 * 3)}
    days = {START + day * DAY: value for day, value in ((0, 2.0), (1, 4.0), (2, 0.0), (8, 6.0))}
    older = {START - DAY: 8.0, START: 99.0}
    files = {
        "statlist.json": json.dumps(listed),
        "n-year.json": saved("n", days),
        "n-week.json": saved("n", quarters, "3 days @ 15 minutes"),
        "n-before.json": saved("n", older),
        "v.json": saved("v", {START: 1.5, START + DAY: 0}, "1y1d"),
    }
    for _ in range(2):
        done = into.run(files)
        assert (done.status, done.stats_done, done.failures) == ("completed", 2, [])
        assert into.numbers() == {
            "n": {
                START - DAY: 8.0,
                START + 3 * 900: 1.0,
                START + 50 * 900: 1.0,
                START + DAY: 4.0,
                START + 8 * DAY: 6.0,
            },
            "v": {START: 1.5},
        }


def test_answers_that_are_none(into: Importing) -> None:
    error = json.dumps({"Error": "Rate limit exceeded."})
    files = {
        "1.json": error,
        "2.json": '[\n1,\n{"name": "n", "points": [{"time": 1, "value": 1}]}]',
        "3.json": '[\n{"name": \n nothing}]',
        "4.json": saved("typeless", {START: 1.0}),
        "5.json": json.dumps([{"id": "a", "name": "a~b", "counter": True}]),
        "6.json": saved("n", {START: 1.0}).replace("1.0", "1e999"),
    }
    done = into.run(files)
    assert told(done) == [
        ("1.json", "item 1: not what was asked for, but an error that the export answered"),
        ("2.json", "item 1: neither a stat of a list nor a dataset"),
        ("2.json", "item 2: timestamp lies before 2000 or in the future"),
        ("3.json", "not valid JSON, line 3"),
        ("5.json", "item 1: a stat's name has 1 to 255 characters and no ~"),
        ("6.json", "item 1: not valid JSON"),
        ("typeless", "its type is not known: import it together with the list of stats"),
    ]
    assert (done.status, done.stats_total, done.stats_failed) == ("completed", 1, 1)
    # A stat that is here says its type itself.
    into.run(flow(row(START - DAY, "typeless", "counter", 1)))
    assert into.run(files).stats_done == 1
    assert into.numbers() == {"typeless": {START - DAY: 1.0, START: 1.0}}


# --- what cannot be imported, and what interrupts it


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "sent: the file is empty"),
        ("\n\n", "sent: the file is empty"),
        ("a,b\n1,2\n", "sent: its first line is that of no export that is known here"),
        (HEADER, "there is nothing in it to import"),
        ("{", "sent: not valid JSON, line 1"),
        ({}, "there is nothing in it to import"),
        ({"a.txt": "nothing"}, "a.txt: its first line is that of no export that is known here"),
        ({".hidden": "x", "__MACOSX/a.csv": "x", "folder/": ""}, "there is nothing in it to import"),
        ('"# stat_id: a"\n"# stat_name: b"\n', "sent, line 2: the line timestamp,datetime,value is missing"),
    ],
)
def test_files_that_hold_nothing(into: Importing, content: Any, error: str) -> None:
    done = into.run(content)
    assert (done.status, done.error, done.finished_at) == ("failed", error, into.place.context.now())


def test_it_begins_anew_after_whatever_interrupts_it(into: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_file, "CHUNK", 5)
    monkeypatch.setattr(lines, "BREATH_ROWS", 10)
    files = {
        f"{number}.csv": flow(*(row(START + place, f"s{number}", "counter", place) for place in range(30)))
        for number in range(3)
    }
    wanted = {f"s{number}": {START + place: float(place) for place in range(30)} for number in range(3)}
    upload = into.send(files)
    for breaths, syncs in ((0, 0), (3, 1), (8, 2)):
        with pytest.raises(Stopped):
            into.job(Countdown(breaths, Stopped())).run()
        with monkeypatch.context() as patch:
            patch.setattr(into.place.store, "sync", Countdown(syncs, StoreUnavailable("away")))
            with pytest.raises(StoreUnavailable):
                into.job().run()
    Runner(into.rooms, into.uploads, private=False).run()
    done = into.row()
    assert (done.status, done.stats_total, done.stats_done, done.points_imported) == ("completed", 3, 3, 90)
    assert into.numbers() == wanted
    assert not into.uploads.path(upload).exists()


def test_one_at_a_time_and_none_without_its_project_or_its_file(into: Importing) -> None:
    upload = into.send(flow(row(START, "n", "counter", 1)))
    with pytest.raises(service.ServiceError, match="an import is under way in this project"):
        into.send(flow())
    assert [path.name for path in into.uploads.path("x").parent.iterdir()] == [upload]
    into.uploads.path(upload).unlink()
    Runner(into.rooms, into.uploads, private=False).run()
    assert into.row().error == "the file is no longer there: send it again"
    into.send(flow(row(START, "n", "counter", 1)))
    with into.place.context.catalog.write() as conn:
        conn.exec_driver_sql(f"UPDATE projects SET state = 'archived' WHERE number = {into.place.number}")
    with pytest.raises(Ended):
        into.job().run()
    Runner(into.rooms, into.uploads, private=False).run()
    assert into.row().status == "cancelled"
    assert into.numbers() == {}


def test_too_many_stats(into: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_job, "STATS_MAX", 2)
    listed = [{"id": str(number), "name": str(number), "counter": True} for number in range(3)]
    assert into.run(json.dumps(listed[:2])).status == "completed"
    upload = into.send(json.dumps(listed))
    with pytest.raises(BadFile, match="the files have more than 2 stats"):
        into.job().run()
    assert into.uploads.path(upload).exists()
