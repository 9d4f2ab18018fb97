"""Prints as JSON what a data folder holds of projects: ``ops_held.py FOLDER NUMBER…``. No server may run on it."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from headrace.store import Store, schema


def rows_of_store(folder: Path, project: int) -> dict[str, int]:
    store = Store.open("chdb", folder=folder)
    try:
        with closing(store.connect()) as client:
            return {
                table: int(client.query(f"SELECT count() FROM {table} WHERE project = {project}").result_rows[0][0])
                for table in sorted(schema.READABLE)
            }
    finally:
        store.close()


def rows_of_catalog(folder: Path, project: int) -> dict[str, int]:
    """What says that it is the project's, but for the audit log."""
    found = {}
    with closing(sqlite3.connect(folder / "catalog.db")) as catalog:
        tables = [name for (name,) in catalog.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = {row[1] for row in catalog.execute(f"PRAGMA table_info({table})")}
            for column in ({"project", "project_number"} & columns) if table != "audit" else ():
                query = f"SELECT count(*) FROM {table} WHERE {column} = ?"
                found[table] = catalog.execute(query, (project,)).fetchone()[0]
    return found


def counted(folder: Path, file: str, table: str) -> int:
    with closing(sqlite3.connect(folder / file)) as database:
        query = "SELECT total(count) FROM generations" if table == "generations" else f"SELECT count(*) FROM {table}"
        return int(database.execute(query).fetchone()[0])


def main(data: str, *numbers: str) -> None:
    folder = Path(data)
    held = {number: rows_of_store(folder, int(number)) | rows_of_catalog(folder, int(number)) for number in numbers}
    claims = counted(folder, "claims.db", "generations") + counted(folder, "journal.db", "claims")
    print(json.dumps({"held": held, "claims": claims}))


if __name__ == "__main__":
    main(*sys.argv[1:])
