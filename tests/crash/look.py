"""Prints as JSON what the store in a data folder holds of a project: ``look.py FOLDER PROJECT``. No server may run on it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from headrace.store import Store
from headrace.store.reader import Sql

ROLLUP = "SELECT sum(r.count), sum(r.sum) FROM {} AS r WHERE project = {{project:UInt32}}"
QUERIES = {
    "points": "SELECT count(), sum(value) FROM points WHERE project = {project:UInt32}",
    "points_1m": ROLLUP.format("points_1m"),
    "points_15m": ROLLUP.format("points_15m"),
    # Answered from the counts by the minute, which lie in the rollup's parts.
    "by_minute": "SELECT sum(r.count) FROM points_1m AS r WHERE project = {project:UInt32}",
    "events": "SELECT count(), uniqExact(id) FROM events WHERE project = {project:UInt32}",
    "requests": "SELECT count(), uniqExact(host, path) FROM requests WHERE project = {project:UInt32}",
}


def main(folder: str, project: str) -> None:
    store = Store.open("chdb", folder=Path(folder))
    try:
        print(
            json.dumps(
                {name: list(map(int, store.query(int(project), Sql(sql)).rows[0])) for name, sql in QUERIES.items()}
            )
        )
    finally:
        store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
