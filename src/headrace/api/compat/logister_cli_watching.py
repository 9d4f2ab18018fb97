"""Monitors and deployments for a command line (logister.md 1.11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from headrace.api.compat import logister_cli_shown as shown
from headrace.api.compat.logister_cli_asked import ENVIRONMENT_MAX, wrong
from headrace.api.compat.logister_cli_events import uuid_of
from headrace.api.compat.logister_cli_reading import Reading, nothing_there
from headrace.api.compat.logister_cli_shown import EVENT_COLUMNS, Json, time, without_nothing
from headrace.api.services.schedules import next_after
from headrace.catalog import deployments, monitors
from headrace.catalog.deployments import DeploymentRow
from headrace.catalog.monitors import MonitorRow
from headrace.records.tables import EVENTS
from headrace.store.check_ins import last_failures
from headrace.store.events import list_rows
from headrace.store.filters import Filter

#: The least that a check-in may be late, seconds (logister.md 2.6).
LATE_MIN_S: Final = 30
STATUSES: Final = ("ok", "error", "missed", "paused")
SOURCES: Final = ("api", "telemetry", "manual")
_SECOND: Final = 1_000_000
_PAGE = ("cursor", "limit")


def status_at(row: MonitorRow, now: int) -> str:
    """How a monitor is at ``now`` µs (logister.md 2.6). One that never heard anything is due from when it was made; where a person gave a
    schedule, that and its grace say when it is late.
    """
    if not row.active:
        return "paused"
    if row.state == "error":
        return "error"
    since = row.created_at if row.last_check_in_at is None else row.last_check_in_at
    if row.schedule:
        due = next_after(row.schedule, since) + row.grace_min * 60 * _SECOND
    else:
        due = since + (row.interval_s + max(row.interval_s // 2, LATE_MIN_S)) * _SECOND
    return "missed" if now > due else "ok"


def _monitors(reading: Reading) -> Json:
    query, limit = reading.query, reading.query.limit()
    environment = query.text("environment", "env", longest=ENVIRONMENT_MAX)
    status, text = query.choice("status", (*STATUSES, "all"), "all"), query.text("q", "query").lower()
    cursors = reading.cursors("monitors", query.others(_PAGE))
    place = cursors.read(query.get("cursor"), int, str)
    with reading.context.catalog.read() as conn:
        rows = monitors.load(conn, reading.project)
    found = sorted(
        (
            row
            for row in rows
            if environment in ("", row.environment)
            and status in ("all", status_at(row, reading.now))
            and text in row.slug.lower()
            and (place is None or (-_changed(row), row.id) > (-place[0], place[1]))
        ),
        key=lambda row: (-_changed(row), row.id),
    )
    last = found[limit - 1] if len(found) > limit else None
    following = last and cursors.make(_changed(last), last.id)
    return reading.listed(_shown(reading, found[:limit]), following)


def _monitor(reading: Reading) -> Json:
    with reading.context.catalog.read() as conn:
        row = monitors.by_id(conn, reading.project, str(uuid_of(reading)))
    if row is None:
        raise nothing_there()
    return _shown(reading, [row])[0]


def _shown(reading: Reading, rows: Sequence[MonitorRow]) -> list[Json]:
    failures = last_failures(reading.store, reading.project, [row.slug for row in rows], reading.budget)
    events = _last_events(reading, rows)
    return [
        without_nothing(
            {
                "uuid": row.id,
                "slug": row.slug,
                "environment": row.environment,
                "status": status_at(row, reading.now),
                "expected_interval_seconds": row.interval_s,
                "last_check_in_at": time(row.last_check_in_at),
                "last_error_at": time(failures.get((row.slug, row.environment))),
                "last_event": events.get(row.last_event_id),
                "created_at": time(row.created_at),
                "updated_at": time(_changed(row)),
            }
        )
        for row in rows
    ]


def _last_events(reading: Reading, rows: Sequence[MonitorRow]) -> Mapping[str, Json]:
    ids = [row.last_event_id for row in rows if _is_uuid(row.last_event_id)]
    if not ids:
        return {}
    first = min(row.last_check_in_at or 0 for row in rows if row.last_event_id)
    wanted = Filter({"type": ["check_in"], "id": ids})
    found = list_rows(
        reading.store,
        reading.project,
        EVENTS.name,
        wanted,
        start=first,
        limit=len(ids),
        columns=EVENT_COLUMNS,
        budget=reading.budget,
    )
    return {row["id"]: shown.event(row) for row in found.rows}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _changed(row: MonitorRow) -> int:
    return max(row.created_at, row.last_received_at or 0)


def _deployments(reading: Reading) -> Json:
    query, limit = reading.query, reading.query.limit()
    start, end = query.moment("since", reading.now), query.time("until")
    if start is not None and end is not None and start >= end:
        raise wrong("since", "since must be before until")
    equals = {
        "repository": query.text("repository"),
        "environment": query.text("environment", "env", longest=ENVIRONMENT_MAX),
        "source": query.choice("source", SOURCES),
        "release": query.text("release"),
    }
    cursors = reading.cursors("deployments", query.others(_PAGE))
    place = cursors.read(query.get("cursor"), int, str)
    with reading.context.catalog.read() as conn:
        rows = deployments.search(
            conn,
            reading.project,
            equals={name: value for name, value in equals.items() if value},
            text=query.text("q", "query"),
            start=start,
            end=end,
            before=None if place is None else (place[0], place[1]),
            limit=limit + 1,
        )
        earlier = deployments.before_each(conn, reading.project, rows[:limit])
    last: DeploymentRow | None = rows[limit - 1] if len(rows) > limit else None
    following: Any = last and cursors.make(last.deployed_at, last.id)
    return reading.listed([shown.deployment(row, earlier.get(row.id)) for row in rows[:limit]], following)


def _deployment(reading: Reading) -> Json:
    with reading.context.catalog.read() as conn:
        row = deployments.by_id(conn, reading.project, str(uuid_of(reading)))
        if row is None:
            raise nothing_there()
        earlier = deployments.before_each(conn, reading.project, [row])
    return shown.deployment(row, earlier.get(row.id))


READS = {
    "monitors": (_monitors, ("monitors:read",)),
    "monitor": (_monitor, ("monitors:read",)),
    "deployments": (_deployments, ("deployments:read",)),
    "deployment": (_deployment, ("deployments:read",)),
}
