"""Alerts as StatHat's API defines them (stathat.md 1.9). They are kept and shown; nothing evaluates them yet."""

from __future__ import annotations

import os

import msgspec
from sqlalchemy import Connection

from headrace.api.services import audit, stathat_stats
from headrace.api.services.base import Actor, Context, ServiceError, live_project, require
from headrace.catalog import alerts
from headrace.catalog.alerts import AlertRow
from headrace.dialects.stathat_alerts import Alert
from headrace.records.ids import RandomBytes, new_stat_number, stat_number, stat_text
from headrace.records.text import clean_text

#: Alerts that a project may have.
ALERTS_MAX = 1_000


class AlertInfo(msgspec.Struct, frozen=True):
    """``stat_id`` is the stat's id of 11 characters; what the kind does not have is None."""

    id: str
    stat_id: str
    stat_name: str
    kind: str
    time_window: str
    operator: str | None
    threshold: float | None
    percentage: float | None
    time_delta: str | None


def create(context: Context, actor: Actor, *, project: str | int, alert: Alert) -> AlertInfo:
    """Keeps ``alert``. Raises ``not_found`` (stat), ``invalid`` (too many), ``forbidden``."""
    require(actor, "write")
    (stat,) = stathat_stats.numbered(context, actor, project=project, ids=[alert.stat_id])
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        row = _add(conn, number, alert, context.now(), context.random)
        audit.note(context, conn, actor, "made an alert", subject_id=row.id, subject=stat.name[:100], project=number)
    return _info(row, stat.name)


def bring(conn: Connection, project: int, alert: Alert, now: int) -> None:
    """Keeps an imported alert unless the project has the same one. Raises ``invalid`` (too many)."""
    wanted = (stat_number(alert.stat_id), *alert[1:])
    if all((row.stat_id, *row[3:-1]) != wanted for row, _ in alerts.load(conn, project)):
        _add(conn, project, alert, now, os.urandom)


def _add(conn: Connection, project: int, alert: Alert, now: int, random: RandomBytes) -> AlertRow:
    if alerts.count(conn, project) >= ALERTS_MAX:
        raise ServiceError("invalid", f"a project has at most {ALERTS_MAX:,} alerts")
    row = AlertRow(
        id=stat_text(new_stat_number(random)),
        project=project,
        stat_id=stat_number(alert.stat_id) or 0,
        kind=alert.kind,
        time_window=alert.time_window,
        operator=alert.operator,
        threshold=alert.threshold,
        percentage=alert.percentage,
        time_delta=alert.time_delta,
        created_at=now,
    )
    alerts.add(conn, row)
    return row


def list_all(context: Context, actor: Actor, *, project: str | int) -> list[AlertInfo]:
    """A project's alerts, the oldest first. Raises ``forbidden``, ``not_found``."""
    return _load(context, actor, project, None)


def get(context: Context, actor: Actor, *, project: str | int, alert_id: str) -> AlertInfo:
    """Raises ``not_found``, ``forbidden``."""
    for found in _load(context, actor, project, clean_text(alert_id)):
        return found
    raise _not_found()


def delete(context: Context, actor: Actor, *, project: str | int, alert_id: str) -> None:
    """Raises ``not_found``, ``forbidden``."""
    require(actor, "write")
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        if not alerts.remove(conn, number, clean_text(alert_id)):
            raise _not_found()
        audit.note(context, conn, actor, "deleted an alert", subject_id=clean_text(alert_id), project=number)


def _load(context: Context, actor: Actor, project: str | int, alert_id: str | None) -> list[AlertInfo]:
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    # Before the catalog is read: what is projected in between is then known to both.
    pending = {row.stat_id: row.name for row in context.pending(number)}
    with context.catalog.read() as conn:
        found = alerts.load(conn, number, alert_id)
    return [_info(row, pending.get(row.stat_id, "") if name is None else name) for row, name in found]


def _info(row: AlertRow, name: str) -> AlertInfo:
    return AlertInfo(
        row.id,
        stat_text(row.stat_id),
        name,
        row.kind,
        row.time_window,
        row.operator or None,
        row.threshold,
        row.percentage,
        row.time_delta or None,
    )


def _not_found() -> ServiceError:
    return ServiceError("not_found", "alert not found")
