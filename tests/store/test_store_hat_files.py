"""Files of a StatHat export, imported into a real catalog and store: the folder of the export tool, saved JSON."""

from __future__ import annotations

import json

from file_place import DAY, START, Importing, flow, row, saved, told, tool
from msgspec.structs import astuple

from headrace.api.services import alerts


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
