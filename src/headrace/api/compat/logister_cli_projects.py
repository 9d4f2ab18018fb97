"""A command line's own key, its person's projects, and what one holds at a glance (logister.md 1.11)."""

from __future__ import annotations

from headrace.api.compat import logister_cli_shown as shown
from headrace.api.compat.logister_cli_asked import Cursors
from headrace.api.compat.logister_cli_reading import Reading, nothing_there
from headrace.api.compat.logister_cli_shown import Json, time
from headrace.api.services import device_logins
from headrace.api.services.base import ServiceError
from headrace.api.services.issues import STATUSES, Wanted, list_all
from headrace.dialects.logister_cli import SCOPES
from headrace.records.tables import EVENT_TYPES, EVENTS
from headrace.store.events import list_rows
from headrace.store.insights import count_types

#: Ids of projects that the answer about a key holds.
IDS_MAX = 100


def _session(reading: Reading) -> Json:
    key = reading.request.key
    found = device_logins.places(reading.context, key.account, reading.request.address)
    held = key.bindings["scopes"]
    return {
        "token": {
            "uuid": key.id,
            "name": key.name,
            "scopes": held,
            "expires_at": time(key.expires_at),
            "created_at": time(key.bindings["created_at"]),
            "last_used_at": time(key.bindings["seen_at"]),
            "all_projects": True,
        },
        "accessible_project_count": len(found),
        "accessible_project_uuids": [one.info.id for one in found[:IDS_MAX]],
        "accessible_projects_truncated": len(found) > IDS_MAX,
        "missing_recommended_scopes": [scope for scope in SCOPES if scope not in held],
        "generated_at": time(reading.now),
    }


def _projects(reading: Reading) -> Json:
    archived, limit = reading.query.flag("include_archived"), reading.query.limit()
    cursors = Cursors("projects", reading.request.key.account, {"archived": archived})
    place = cursors.read(reading.query.get("cursor"), int)
    account, address = reading.request.key.account, reading.request.address
    found = device_logins.places(reading.context, account, address, archived=archived)
    rest = [one.info for one in found if place is None or one.info.number > place[0]]
    following = cursors.make(rest[limit - 1].number) if len(rest) > limit else None
    return reading.listed([shown.project(info) for info in rest[:limit]], following)


def project(reading: Reading) -> Json:
    """Also one that is archived, by its id or slug: of such a one nothing else is shown."""
    try:
        return shown.project(reading.place.info)
    except ServiceError as error:
        if error.code != "not_found":
            raise
    ref, key = reading.named("project"), reading.request.key
    for one in device_logins.places(reading.context, key.account, reading.request.address, archived=True):
        if ref in (one.info.id, one.info.slug):
            return shown.project(one.info)
    raise nothing_there()


def _summary(reading: Reading) -> Json:
    asked = reading.query.range(reading.now)
    number, store = reading.project, reading.store
    counts = count_types(store, number, asked.start, asked.end, budget=reading.budget)
    latest = list_rows(store, number, EVENTS.name, limit=1, columns=shown.EVENT_COLUMNS, budget=reading.budget).rows
    return shown.without_nothing(
        {
            "project": shown.project(reading.place.info),
            "window_started_at": time(asked.start),
            "window_ended_at": time(asked.end),
            "generated_at": time(reading.now),
            "latest_event": shown.event(latest[0]) if latest else None,
            "events_by_type": {kind: counts.get(kind, 0) for kind in EVENT_TYPES},
            "errors": _errors(reading),
            "activity_events": sum(count for kind, count in counts.items() if kind != "error"),
        }
    )


def _errors(reading: Reading) -> Json:
    """How many groups there are of each status."""
    counts: Json = {status: _count(reading, status) for status in STATUSES}
    return {**counts, "all": sum(counts.values())}


def _count(reading: Reading, status: str) -> int:
    wanted = Wanted(statuses=(status,))
    place = reading.place
    page = list_all(reading.context, reading.store, place.actor, project=place.info.number, wanted=wanted, limit=1)
    return page.total


READS = {
    "session": (_session, ()),
    "projects": (_projects, ("projects:read",)),
    "project": (project, ("projects:read",)),
    "summary": (_summary, ("projects:read", "project_summary:read")),
}
