"""Uptime monitors in the catalog: each cell of the table in ``catalog.uptime``, and who is due when."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from headrace.catalog import Catalog, projects, uptime
from headrace.catalog.projects import ProjectRow
from headrace.catalog.uptime import FARTHEST_US, LEASE_US, MINUTE_US, Claim, Due, UptimeRow

NOW = 1_790_000_000_000_000
INTERVAL_US = 5 * MINUTE_US
FOUND = {"state": "up", "duration_ms": 12.5, "code": 200, "reason": ""}


def add(conn: Connection, monitor: str = "m", *, project: int = 1, due_at: int = NOW, active: bool = True) -> Due:
    url = f"https://{monitor}.example/"
    uptime.add(conn, UptimeRow(monitor, project, monitor, url, 5, active, NOW, due_at))
    return Due(monitor, project, url, 5, due_at)


def due_at(conn: Connection) -> int:
    row = uptime.by_id(conn, 1, "m")
    assert row is not None
    return row.due_at


def claim(conn: Connection, now: int = NOW) -> Claim:
    (come,) = uptime.due(conn, now, 10)
    held = uptime.claim(conn, come, now)
    assert held is not None
    return held


def test_a_time_that_has_come(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        seen = add(conn)
        held = claim(conn)
        assert due_at(conn) == held.lease_end == NOW + LEASE_US
        # Whoever has seen the same is too late.
        assert uptime.claim(conn, seen, NOW) is None
        uptime.change(conn, "m", due_at=NOW + 1)
        assert due_at(conn) == NOW + 1


def test_a_lease_that_runs(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        add(conn)
        held = claim(conn)
        assert uptime.due(conn, held.lease_end - 1, 10) == []
        assert uptime.holds(conn, held)
        assert uptime.end(conn, held, **FOUND)
        row = uptime.by_id(conn, 1, "m")
        assert row is not None
        assert (row.due_at, row.checked_at, row.state, row.duration_ms, row.code) == (
            NOW + INTERVAL_US,
            NOW,
            "up",
            12.5,
            200,
        )
        assert not uptime.holds(conn, held)
        assert not uptime.end(conn, held, **FOUND)


def test_a_lease_that_is_given_back(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        add(conn)
        held = claim(conn)
        uptime.give_back(conn, [held], NOW + 7)
        assert due_at(conn) == NOW + 7
        assert not uptime.end(conn, held, **FOUND)
        again = claim(conn, NOW + 7)
        uptime.give_back(conn, [held], NOW + 9)  # it is somebody else's now
        assert uptime.holds(conn, again)


def test_a_lease_that_has_passed(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        add(conn)
        dead = claim(conn)
        assert uptime.holds(conn, dead), "nobody has claimed it yet: what was found late still counts"
        again = claim(conn, dead.lease_end)
        assert not uptime.end(conn, dead, **FOUND)
        assert uptime.end(conn, again, **FOUND)


Edit = Callable[[Connection], object]
EDITS: dict[str, Edit] = {
    "another time": lambda conn: uptime.change(conn, "m", url="https://other.example/", due_at=NOW + 1),
    "switched off": lambda conn: uptime.change(conn, "m", active=False),
    "deleted": lambda conn: uptime.remove(conn, "m"),
}
GOES: dict[str, Edit] = {
    "archived": lambda conn: projects.archive(conn, "p1", NOW),
    "being deleted": lambda conn: projects.begin_deletion(conn, "p1", NOW),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_changes_while_it_is_looked_at_does_not_count(catalog: Catalog, project: ProjectRow, edit: str) -> None:
    with catalog.write() as conn:
        add(conn)
        held = claim(conn)
        EDITS[edit](conn)
        assert not uptime.holds(conn, held)
        assert not uptime.end(conn, held, **FOUND)


@pytest.mark.parametrize("goes", GOES)
def test_nothing_of_a_project_that_is_not_live_is_due(catalog: Catalog, project: ProjectRow, goes: str) -> None:
    with catalog.write() as conn:
        add(conn)
        held = claim(conn)
        GOES[goes](conn)
        assert not uptime.holds(conn, held)
        assert uptime.due(conn, NOW + INTERVAL_US, 10) == []
        assert uptime.next_due(conn) is None


def test_who_is_due(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        projects.add(conn, project_id="p2", slug="two", name="Two", account_id="a", at=1)
        assert uptime.next_due(conn) is None
        add(conn, "late", due_at=NOW - 9)
        add(conn, "now", due_at=NOW, project=2)
        add(conn, "soon", due_at=NOW + 1)
        add(conn, "off", due_at=NOW - 99, active=False)
        add(conn, "far", due_at=NOW + FARTHEST_US)
        # Of a clock that was ahead and has been set back.
        add(conn, "farther", due_at=NOW + FARTHEST_US + 1)
        assert [one.id for one in uptime.due(conn, NOW, 10)] == ["late", "now", "farther"]
        assert [one.id for one in uptime.due(conn, NOW, 1)] == ["late"]
        assert [one.id for one in uptime.due(conn, NOW, 10, [1])] == ["now"]
        assert uptime.due(conn, NOW, 10, [1, 2]) == []
        assert uptime.next_due(conn) == NOW - 9


@pytest.mark.parametrize(
    ("seen", "following"),
    [
        (NOW, NOW + INTERVAL_US),
        (NOW - 3, NOW - 3 + INTERVAL_US),
        (NOW - INTERVAL_US + 1, NOW + 1),
        (NOW - INTERVAL_US, NOW + INTERVAL_US),  # one was missed
        (NOW - 99 * INTERVAL_US, NOW + INTERVAL_US),
        (NOW + 99 * INTERVAL_US, NOW + INTERVAL_US),  # the clock was set back
    ],
)
def test_looks_keep_step_and_are_never_made_up_for(seen: int, following: int) -> None:
    assert Claim(Due("m", 1, "", 5, seen), NOW, NOW + LEASE_US).next_us == following
