"""The CSV export imported into a real catalog and store, and what cannot be imported."""

from __future__ import annotations

import json
from typing import Any

import pytest
from file_place import DAY, HEADER, NOW, START, Importing, flow, row, told

from headrace.api.imports import file_job, flow_file, lines
from headrace.api.imports.files import BadFile
from headrace.api.imports.keeping import Ended
from headrace.api.imports.source import Stopped
from headrace.api.services import imports as service
from headrace.store import StoreUnavailable


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
    into.finish()
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
    into.finish()
    assert into.row().error == "the file is no longer there: send it again"
    into.send(flow(row(START, "n", "counter", 1)))
    with into.place.context.catalog.write() as conn:
        conn.exec_driver_sql(f"UPDATE projects SET state = 'archived' WHERE number = {into.place.number}")
    with pytest.raises(Ended):
        into.job().run()
    into.finish()
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
