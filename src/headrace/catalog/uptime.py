"""Uptime monitors: pages that are looked at again and again, when the next look is due, and what the last one found.

``due_at`` is also what a look is claimed by: only who has seen it as it is may move it, so of several nodes on one catalog one looks.

| due_at | claim | edit (address, interval, switched on) | end | give back |
|---|---|---|---|---|
| has come | the lease's end | now | - | - |
| the end of a lease that runs | refused | now: what the look finds does not count | the next time, with what was found | now |
| the end of a lease that has passed (its node died) | the lease's end | now | refused if somebody has claimed since | - |

A clock that was set back leaves times further ahead than any interval; they count as come.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from headrace.catalog.tables import projects, uptime_monitors

#: How often a page can be looked at, minutes (seestack.md 2.5), and what any other wish becomes.
INTERVALS_MIN = (1, 5, 10)
DEFAULT_INTERVAL_MIN = 5
MINUTE_US = 60 * 1_000_000
#: How long a claim holds, µs: a look takes half of it at most, and no interval is shorter.
LEASE_US = MINUTE_US
#: No time that is due lies further ahead than this, µs; a minute for clocks of nodes that differ.
FARTHEST_US = max(INTERVALS_MIN) * MINUTE_US + MINUTE_US

PENDING, UP, DOWN = "pending", "up", "down"


class UptimeRow(NamedTuple):
    """``state`` is what the last look found: pending (none yet), up or down. Times in µs; ``code`` is HTTP's status, 0 without an answer;
    ``reason`` says why it is down.
    """

    id: str
    project: int
    name: str
    url: str
    interval_min: int
    active: bool
    created_at: int
    due_at: int
    state: str = PENDING
    checked_at: int | None = None
    duration_ms: float | None = None
    code: int = 0
    reason: str = ""


class Due(NamedTuple):
    """A monitor whose time has come; ``due_at`` as it was seen."""

    id: str
    project: int
    url: str
    interval_min: int
    due_at: int


class Claim(NamedTuple):
    """The right to look once, at ``now``, until ``lease_end`` (µs)."""

    due: Due
    now: int
    lease_end: int

    @property
    def next_us(self) -> int:
        """When it is due again: in step with the time before, unless that was missed."""
        interval = self.due.interval_min * MINUTE_US
        in_step = self.now - interval < self.due.due_at <= self.now
        return (self.due.due_at if in_step else self.now) + interval


_COLUMNS = tuple(uptime_monitors.c[name] for name in UptimeRow._fields)
_DUE = tuple(uptime_monitors.c[name] for name in Due._fields)


def add(conn: Connection, row: UptimeRow) -> None:
    """Puts a monitor that is not there yet."""
    conn.execute(insert(uptime_monitors).values(row._asdict()))


def load(conn: Connection, project: int, limit: int, offset: int = 0) -> list[UptimeRow]:
    """A project's monitors, the newest first."""
    mine = select(*_COLUMNS).where(uptime_monitors.c.project == project)
    ordered = mine.order_by(uptime_monitors.c.created_at.desc(), uptime_monitors.c.id.desc())
    return [UptimeRow(*row) for row in conn.execute(ordered.limit(limit).offset(offset))]


def count(conn: Connection, project: int) -> int:
    """How many monitors a project has."""
    mine = select(func.count()).select_from(uptime_monitors).where(uptime_monitors.c.project == project)
    return int(conn.execute(mine).scalar_one())


def by_id(conn: Connection, project: int, monitor_id: str) -> UptimeRow | None:
    mine = (uptime_monitors.c.project == project, uptime_monitors.c.id == monitor_id)
    row = conn.execute(select(*_COLUMNS).where(*mine)).one_or_none()
    return UptimeRow(*row) if row else None


def project_of(conn: Connection, monitor_id: str) -> int | None:
    """Number of the project that the monitor with this id belongs to."""
    query = select(uptime_monitors.c.project).where(uptime_monitors.c.id == monitor_id)
    return conn.execute(query).scalar_one_or_none()


def change(conn: Connection, monitor_id: str, **values: Any) -> None:
    """Sets columns of a monitor."""
    conn.execute(update(uptime_monitors).where(uptime_monitors.c.id == monitor_id).values(values))


def remove(conn: Connection, monitor_id: str) -> None:
    """Takes a monitor out; its checks stay in the store."""
    conn.execute(delete(uptime_monitors).where(uptime_monitors.c.id == monitor_id))


# --- the clock


def due(conn: Connection, now: int, limit: int, without: Collection[int] = ()) -> list[Due]:
    """Up to ``limit`` monitors whose time has come, those that wait the longest first; none of the projects ``without``."""
    come = or_(uptime_monitors.c.due_at <= now, uptime_monitors.c.due_at > now + FARTHEST_US)
    query = _watched(_DUE).where(come, uptime_monitors.c.project.not_in(without))
    return [Due(*row) for row in conn.execute(query.order_by(uptime_monitors.c.due_at).limit(limit))]


def next_due(conn: Connection) -> int | None:
    """When the next monitor is due, µs; None when nothing is watched."""
    found: int | None = conn.execute(_watched((func.min(uptime_monitors.c.due_at),))).scalar_one()
    return found


def claim(conn: Connection, wanted: Due, now: int) -> Claim | None:
    """Compare-and-set of ``due_at``; None when somebody else was faster, or the monitor was changed."""
    made = Claim(wanted, now, now + LEASE_US)
    here = _held(wanted.id, wanted.due_at)
    taken = conn.execute(update(uptime_monitors).where(here).values(due_at=made.lease_end)).rowcount == 1
    return made if taken else None


def holds(conn: Connection, held: Claim) -> bool:
    """Whether a look still counts: nobody has changed, claimed or deleted its monitor, nor its project."""
    here = _held(held.due.id, held.lease_end)
    return conn.execute(_watched((uptime_monitors.c.id,)).where(here)).first() is not None


def end(conn: Connection, held: Claim, **found: Any) -> bool:
    """Compare-and-set of the lease: keeps what was ``found`` and when it is due again. False when the claim no longer holds."""
    here = _held(held.due.id, held.lease_end)
    done = update(uptime_monitors).where(here).values(due_at=held.next_us, checked_at=held.now, **found)
    return conn.execute(done).rowcount == 1


def give_back(conn: Connection, claims: Sequence[Claim], now: int) -> None:
    """What was claimed and not ended is due at once."""
    for held in claims:
        conn.execute(update(uptime_monitors).where(_held(held.due.id, held.lease_end)).values(due_at=now))


def _watched(columns: Sequence[ColumnElement[Any]]) -> Any:
    """Of active monitors of live projects."""
    mine = and_(projects.c.number == uptime_monitors.c.project, projects.c.state == "live")
    return select(*columns).select_from(uptime_monitors).join(projects, mine).where(uptime_monitors.c.active)


def _held(monitor_id: str, due_at: int) -> ColumnElement[bool]:
    return (uptime_monitors.c.id == monitor_id) & (uptime_monitors.c.due_at == due_at) & uptime_monitors.c.active
