"""A project that is being deleted: who may begin and end that, and what of the catalog goes with it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Table

from headrace.catalog import Catalog, deletion, keys, members, meta, projects
from headrace.catalog.accounts import AccountRow
from headrace.catalog.accounts import add as add_account
from headrace.catalog.projects import ProjectRow
from headrace.catalog.tables import audit, metadata

#: What belongs to no project, or outlives it. A table that is new belongs here, or has a column ``project``, or rows that go with those
#: of a table that has one.
WITHOUT_PROJECT = {"meta", "accounts", "projects", "progress", "logins", "device_logins", "audit"}
HELD = [table for table in metadata.sorted_tables if table.name not in WITHOUT_PROJECT]


def test_every_table_is_known() -> None:
    assert {table.name for table in HELD if "project" not in table.c} == {"keys"}


def fill(conn: Connection, project: int, rows: int) -> None:
    """``rows`` rows of ``project`` in every table, one where a project has no more."""
    for table in HELD:
        if table.name not in ("keys", "members"):
            most = 1 if list(table.primary_key) == [table.c.project] else rows
            conn.execute(sa.insert(table), [_row(table, project, n) for n in range(most)])
    for n in range(rows):
        account = f"m{project}-{n}"
        add_account(conn, AccountRow(account, f"{account}@example.org", account, "hash", "member", 1))
        members.add(conn, project=project, account_id=account, role="viewer", at=1)
        add_key(conn, f"k{project}-{n}", project)


def add_key(conn: Connection, key_id: str, project: int, reach: str = "project") -> None:
    given: dict[str, Any] = {"kind": "key", "style": "headrace", "name": key_id, "scopes": frozenset(("write",))}
    secret = key_id.encode().ljust(32, b"-")
    given |= {"account_id": "a", "secret_sha256": secret, "shown": "", "at": 1}
    keys.add(conn, key_id=key_id, project=project, reach=reach, **given)


def _row(table: Table, project: int, number: int) -> dict[str, Any]:
    """Something harmless in every column that must have a value, unlike in each row."""
    unique = project * 1_000_000 + number
    plain = {str: str(unique), int: unique, float: 1.0, bool: False, bytes: b"%032d" % unique, dict: {}}
    row: dict[str, Any] = {}
    for column in table.c:
        if column.name == "project":
            row[column.name] = project
        elif column.foreign_keys:
            row[column.name] = "a"
        elif not column.nullable or column.primary_key:
            row[column.name] = plain[dict if isinstance(column.type, sa.JSON) else column.type.python_type]
    return row


def count(conn: Connection, project: int) -> dict[str, int]:
    found = {}
    for table in HELD:
        column = table.c["project_number" if table.name == "keys" else "project"]
        found[table.name] = conn.execute(sa.select(sa.func.count()).where(column == project)).scalar_one()
    return found


def test_all_of_it_goes_a_little_at_a_time_and_nothing_of_others(
    catalog: Catalog, project: ProjectRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "ROWS_AT_ONCE", 5)
    with catalog.write() as conn:
        other = projects.add(conn, project_id="p2", slug="two", name="Two", account_id="a", at=1).number
        fill(conn, project.number, 4)
        fill(conn, other, 2)
        add_key(conn, "wide", project.number, reach="account")
        conn.execute(sa.insert(audit), [_row(audit, project.number, 0)])
        others, left = count(conn, other), [sum(count(conn, project.number).values())]
    assert all(others.values())
    done = False
    while not done:
        with catalog.write() as conn:
            done = deletion.clear(conn, project.number)
            left.append(sum(count(conn, project.number).values()))
    taken = [before - after for before, after in pairwise(left)]
    assert taken[:-1] == [5] * (len(taken) - 1)
    assert 0 <= taken[-1] < 5
    with catalog.read() as conn:
        # A key of the whole account loses the project and stays, the log tells of it for its own time.
        assert {table for table, number in count(conn, project.number).items() if number} == {"keys"}
        assert [key.id for key in keys.load_live(conn) if key.project == project.number] == ["wide"]
        assert count(conn, other) == others
        assert conn.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one() == 1


Change = Callable[[Connection], bool]
CHANGES: dict[str, Change] = {
    "archive": lambda conn: projects.archive(conn, "p1", 7),
    "begin": lambda conn: projects.begin_deletion(conn, "p1", 7),
    "end": lambda conn: projects.end_deletion(conn, 1),
}
#: The table of ``catalog.projects``: state → what becomes of it, None when that is refused.
STATES: dict[str, tuple[tuple[str, ...], dict[str, str | None]]] = {
    "live": ((), {"archive": "archived", "begin": "deleting", "end": None}),
    "archived": (("archive",), {"archive": None, "begin": "deleting", "end": None}),
    "deleting": (("begin",), {"archive": None, "begin": None, "end": "deleted"}),
    "deleted": (("begin", "end"), {"archive": None, "begin": None, "end": None}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("state", STATES)
def test_states(catalog: Catalog, project: ProjectRow, state: str, change: str) -> None:
    before, outcomes = STATES[state]
    with catalog.write() as conn:
        add_key(conn, "own", 1)
        assert all(CHANGES[step](conn) for step in before)
        epoch = meta.key_epoch(conn)
        assert CHANGES[change](conn) == (outcomes[change] is not None)
        found = projects.by_number(conn, 1)
        assert found is not None
        assert found.state == (outcomes[change] or state)
        assert meta.key_epoch(conn) - epoch == (outcomes[change] is not None)
        assert bool(keys.load_live(conn)) == (found.state == "live")
        assert projects.load_deleting(conn) == ([1] if found.state == "deleting" else [])
        assert projects.load_gone(conn) == ({1} if found.state in ("deleting", "deleted") else set())
        assert [row.number for row in projects.load_all(conn)] == ([] if found.state == "deleted" else [1])


def test_an_id_and_a_number_stay_taken_and_a_slug_does_not(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        assert projects.begin_deletion(conn, "p1", 7)
        assert projects.end_deletion(conn, 1)
        line = projects.by_id(conn, "p1")
        assert line is not None
        assert (line.name, line.slug, line.state) == ("", "~1", "deleted")
        assert projects.by_slug(conn, "one") is None
    with pytest.raises(sa.exc.IntegrityError), catalog.write() as conn:
        projects.add(conn, project_id="p1", slug="one", name="One", account_id="a", at=1)
    with catalog.write() as conn:
        assert projects.add(conn, project_id="p3", slug="one", name="One", account_id="a", at=1).number > 1
