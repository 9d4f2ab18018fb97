"""Uptime monitors: pages that the server looks at, made, changed, listed and deleted by people. (``headrace.watch`` looks.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from headrace.api.services import audit
from headrace.api.services.base import Actor, Context, ServiceError, line, live_project, require
from headrace.catalog import uptime
from headrace.catalog.projects import ProjectRow
from headrace.catalog.uptime import DEFAULT_INTERVAL_MIN, INTERVALS_MIN, UptimeRow
from headrace.outward.urls import BadUrl, check_url
from headrace.records.text import clean_text
from headrace.store import Store
from headrace.store.uptime import Tally, list_checks, tally_checks

#: Monitors of one project.
MONITORS_MAX = 500
#: Over how long the list says how much of the time a page was up, µs.
DAY_US = 86_400 * 1_000_000


class UptimeInfo(msgspec.Struct, frozen=True):
    """``status``: paused, pending (not looked at yet), up or down. ``uptime``: of the looks of the last 24 hours, per cent with two
    decimals, 0 without any. Times in µs; ``code`` is HTTP's status, 0 without an answer; ``reason`` says why it is down.
    """

    id: str
    project_id: str
    name: str
    url: str
    interval_min: int
    active: bool
    created_at: int
    status: str
    uptime: float
    checked_at: int | None
    duration_ms: float | None
    code: int
    reason: str


class UptimePage(msgspec.Struct, frozen=True):
    """``total``: how many there are in all."""

    monitors: list[UptimeInfo]
    total: int


class Check(msgspec.Struct, frozen=True):
    """One look, begun at ``ts`` (µs)."""

    ts: int
    up: bool
    code: int
    duration_ms: float
    reason: str


class Checks(msgspec.Struct, frozen=True):
    """``checks`` are the latest, ``total`` and ``uptime`` (as in :class:`UptimeInfo`) of all in the range."""

    monitor_id: str
    uptime: float
    total: int
    checks: list[Check]


def create(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    name: str,
    url: str,
    interval_min: int = DEFAULT_INTERVAL_MIN,
    active: bool = True,
) -> UptimeInfo:
    """A monitor that is looked at for the first time at once. Raises ``invalid``, ``forbidden``, ``not_found``, and ``conflict`` for one
    too many.
    """
    require(actor, "manage")
    values = _checked(name, url, interval_min)
    with context.catalog.write() as conn:
        found = live_project(conn, actor, project)
        if uptime.count(conn, found.number) >= MONITORS_MAX:
            raise ServiceError("conflict", f"a project has at most {MONITORS_MAX} uptime monitors")
        now = context.now()
        row = UptimeRow(context.new_id(), found.number, **values, active=active, created_at=now, due_at=now)
        uptime.add(conn, row)
        audit.note(context, conn, actor, "made a monitor", subject_id=row.id, subject=row.name, project=found.number)
    context.uptime_changed()
    return _info(row, found.id, None)


def page(
    context: Context, store: Store, actor: Actor, *, project: str | int, limit: int = MONITORS_MAX, offset: int = 0
) -> UptimePage:
    """A project's monitors, the newest first. Raises ``forbidden``, ``not_found`` and what the store raises."""
    require(actor, "read")
    with context.catalog.read() as conn:
        found = live_project(conn, actor, project)
        rows, total = uptime.load(conn, found.number, limit, offset), uptime.count(conn, found.number)
    return UptimePage(_shown(context, store, found, rows), total)


def get(context: Context, store: Store, actor: Actor, monitor_id: str, *, project: str | int) -> UptimeInfo:
    """Raises ``forbidden``, ``not_found`` and what the store raises."""
    require(actor, "read")
    with context.catalog.read() as conn:
        found = live_project(conn, actor, project)
        row = _found(conn, found.number, monitor_id)
    return _shown(context, store, found, [row])[0]


def change(
    context: Context,
    actor: Actor,
    monitor_id: str,
    *,
    project: str | int,
    name: str | None = None,
    url: str | None = None,
    interval_min: int | None = None,
    active: bool | None = None,
) -> None:
    """None leaves a part as it is. What changes where, how often or whether to look has it looked at at once. Raises ``invalid``,
    ``forbidden``, ``not_found``.
    """
    require(actor, "manage")
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        row = _found(conn, number, monitor_id)
        wanted = {"name": name, "url": url, "interval_min": interval_min, "active": active}
        asked = {part: value for part, value in wanted.items() if value is not None}
        whole = {**row._asdict(), **asked}
        asked |= _checked(whole["name"], whole["url"], whole["interval_min"])
        changed = {part: value for part, value in asked.items() if value != getattr(row, part)}
        if changed:
            moved = {"due_at": context.now()} if changed.keys() - {"name"} else {}
            uptime.change(conn, row.id, **changed, **moved)
            audit.note(
                context,
                conn,
                actor,
                "changed a monitor",
                subject_id=row.id,
                subject=row.name,
                project=number,
                details=", ".join(sorted(changed)),
            )
    context.uptime_changed()


def delete(context: Context, actor: Actor, monitor_id: str, *, project: str | int) -> None:
    """What was found stays in the store. Raises ``forbidden``, ``not_found``."""
    require(actor, "manage")
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        row = _found(conn, number, monitor_id)
        uptime.remove(conn, row.id)
        audit.note(context, conn, actor, "deleted a monitor", subject_id=row.id, subject=row.name, project=number)


def checks(
    context: Context, store: Store, actor: Actor, monitor_id: str, *, project: str | int, range_us: int
) -> Checks:
    """What the looks of the last ``range_us`` found. Raises ``forbidden``, ``not_found`` and what the store raises."""
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        row = _found(conn, number, monitor_id)
    since = context.now() - range_us
    tally = tally_checks(store, number, [row.id], since).get(row.id)
    found = [
        Check(one["ts"], bool(one["up"]), one["status"], one["duration_ms"], one["reason"])
        for one in list_checks(store, number, row.id, since)
    ]
    return Checks(row.id, _percent(tally), tally.total if tally else 0, found)


def _checked(name: str, url: str, interval_min: int) -> dict[str, Any]:
    """The parts that people give, as they are kept; an interval that there is none of becomes the default (seestack.md 2.5)."""
    address = clean_text(url).strip()
    try:
        check_url(address)
    except BadUrl as error:
        raise ServiceError("invalid", f"url {error}") from None
    interval = interval_min if interval_min in INTERVALS_MIN else DEFAULT_INTERVAL_MIN
    return {"name": line(name, "name"), "url": address, "interval_min": interval}


def _found(conn: Connection, project: int, monitor_id: str) -> UptimeRow:
    row = uptime.by_id(conn, project, clean_text(monitor_id))
    if row is None:
        raise ServiceError("not_found", "monitor not found")
    return row


def _shown(context: Context, store: Store, project: ProjectRow, rows: Sequence[UptimeRow]) -> list[UptimeInfo]:
    tallies = tally_checks(store, project.number, [row.id for row in rows], context.now() - DAY_US)
    return [_info(row, project.id, tallies.get(row.id)) for row in rows]


def _info(row: UptimeRow, project_id: str, tally: Tally | None) -> UptimeInfo:
    kept = {name: getattr(row, name) for name in UptimeInfo.__struct_fields__ if name in UptimeRow._fields}
    status = row.state if row.active else "paused"
    return UptimeInfo(**kept, project_id=project_id, status=status, uptime=_percent(tally))


def _percent(tally: Tally | None) -> float:
    return round(100 * tally.up / tally.total, 2) if tally else 0.0
