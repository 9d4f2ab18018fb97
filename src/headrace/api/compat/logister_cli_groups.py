"""Error groups for a command line: issues in Logister's words (logister.md 1.11, 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import structs

from headrace.api.compat import logister_cli_shown as shown
from headrace.api.compat.logister_cli_asked import wrong
from headrace.api.compat.logister_cli_reading import Reading
from headrace.api.compat.logister_cli_shown import EVENT_COLUMNS, Json, time, without_nothing
from headrace.api.services import issues
from headrace.api.services.issues import Issue, Wanted
from headrace.api.services.records import DEFAULT_ENVIRONMENT
from headrace.records.ids import issue_id
from headrace.records.tables import EVENTS
from headrace.store.events import list_rows
from headrace.store.filters import Filter
from headrace.store.issue_keys import keys_matching, keys_of, release_after
from headrace.store.occurrences import errors_of

#: What a group is called that has no message, and the level of one that has none.
UNTITLED, SEVERITY = "Untitled error", "error"
#: Characters of a title.
TITLE_MAX: Final = 500
STATUSES: Final = (*issues.STATUSES, "all")
#: Logs that belong to an error: so many, up to so far from it, µs, by the ids that they share with it.
LOGS_MAX: Final = 50
LOGS_US: Final = 5 * 60 * 1_000_000
LOGS_BY: Final = ("trace_id", "request_id", "session_id", "user_id")
#: Nobody is assigned to anything here: who asks for what is, gets nothing.
_ASSIGNEES: Final = ("all", "me", "unassigned", "any", "assigned", "true", "false")
_NOBODY: Final = ("me", "any", "assigned", "true")
_WITHIN = ("message", "name", "fingerprint", "environment")
_PAGE = ("cursor", "limit")


def groups_of(reading: Reading, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The ids of the groups of those ``rows`` of events that are errors, by the events' ids."""
    places = [(row["ts"], row["id"]) for row in rows if row["type"] == "error"]
    found = keys_of(reading.store, reading.project, places, reading.budget)
    return {event: issue_id(reading.project, key) for event, key in found.items()}


def _groups(reading: Reading) -> Json:
    query, limit = reading.query, reading.query.limit()
    status, today = query.choice("status", STATUSES, "unresolved"), query.flag("introduced_today")
    query.choice("sort", ("last_seen",))
    cursors = reading.cursors("error_groups", query.others(_PAGE))
    place = cursors.read(query.get("cursor"), int, str)
    text = query.text("q", "query")
    only = keys_matching(reading.store, reading.project, text, _WITHIN, reading.budget) if text else None
    if _assigned(reading) or only == []:
        return reading.listed([])
    wanted = Wanted(
        statuses=() if today or status == "all" else (status,),
        first_from=_today(reading.now) if today else None,
        only=only,
    )
    page = issues.list_all(
        reading.context,
        reading.store,
        reading.place.actor,
        project=reading.project,
        wanted=wanted,
        limit=limit,
        after=None if place is None else (place[0], place[1]),
    )
    rows = latest_rows(reading, page.issues)
    items = [group(reading, one, rows.get(one.latest.id)) for one in page.issues]
    return reading.listed(items, page.next and cursors.make(*page.next))


def _group(reading: Reading) -> Json:
    issue = found_issue(reading)
    latest = latest_rows(reading, [issue]).get(issue.latest.id)
    told: Json = {
        "error_group": group(reading, issue, latest),
        "occurrence_summary": {
            "total_count": issue.occurrences,
            "stored_count": issue.occurrences,
            "first_occurrence_at": time(issue.first_seen),
            "last_occurrence_at": time(issue.last_seen),
        },
    }
    if reading.query.flag("related_logs"):
        told["related_logs"] = [shown.event(row) for row in related_logs(reading, latest)]
    return told


def found_issue(reading: Reading) -> Issue:
    """The issue that the path names."""
    place = reading.place
    return issues.get(reading.context, reading.store, place.actor, reading.named("uuid"), project=place.info.number)


def latest_rows(reading: Reading, found: Sequence[Issue], *, raw: bool = False) -> dict[str, Mapping[str, Any]]:
    """The latest error of each issue, by its id."""
    if not found:
        return {}
    wanted = Filter({"type": ["error"], "id": [issue.latest.id for issue in found]})
    rows = list_rows(
        reading.store,
        reading.project,
        EVENTS.name,
        wanted,
        start=min(issue.latest.ts for issue in found),
        limit=len(found),
        raw=raw,
        columns=(*EVENT_COLUMNS, "ts_source", *(("raw",) if raw else ())),
        budget=reading.budget,
    ).rows
    return {row["id"]: row for row in rows}


def group(reading: Reading, issue: Issue, latest: Mapping[str, Any] | None) -> Json:
    """An issue with its latest error."""
    error = issue.latest
    lines = error.message.strip().splitlines()
    regressed_in = ""
    if issue.regressed and issue.changed_at is not None:
        wanted = errors_of(issue.fingerprint, structs.asdict(error))
        regressed_in = release_after(reading.store, reading.project, wanted, issue.changed_at, reading.budget)
    closed = {f"{status}_at": time(issue.changed_at) for status in issues.STATUSES[1:] if issue.status == status}
    return without_nothing(
        {
            "uuid": issue.id,
            "fingerprint": error.fingerprint or issue.fingerprint,
            "title": lines[0][:TITLE_MAX] if lines else UNTITLED,
            "subtitle": error.name[:TITLE_MAX],
            "stage": error.environment or DEFAULT_ENVIRONMENT,
            "severity": error.level or SEVERITY,
            "status": issue.status,
            "occurrence_count": issue.occurrences,
            "first_seen_at": time(issue.first_seen),
            "last_seen_at": time(issue.last_seen),
            **closed,
            "reopen_count": issue.reopens,
            "last_reopened_at": time(issue.reopened_at),
            "regression_count": issue.regressions,
            "introduced_in_release": issue.first.release,
            "last_seen_release": error.release,
            "regressed_in_release": regressed_in,
            "latest_event": None if latest is None else shown.event(latest, issue.id),
        }
    )


def related_logs(reading: Reading, error: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Logs near an error that share an id with it, the newest first; none when it is not known when the error happened."""
    if error is None or error["ts_source"] == "received":
        return []
    found: dict[str, Mapping[str, Any]] = {}
    for name in LOGS_BY:
        if error[name]:
            rows = list_rows(
                reading.store,
                reading.project,
                EVENTS.name,
                Filter({"type": ["log"], name: [error[name]]}),
                start=error["ts"] - LOGS_US,
                end=error["ts"] + LOGS_US + 1,
                limit=LOGS_MAX,
                columns=EVENT_COLUMNS,
                budget=reading.budget,
            ).rows
            found |= {row["id"]: row for row in rows}
    return sorted(found.values(), key=lambda row: (-row["ts"], row["id"]))[:LOGS_MAX]


def _assigned(reading: Reading) -> bool:
    """Whether only groups are wanted that somebody is assigned to."""
    named = reading.query.get("assignee", "assigned").lower()
    if named and named not in _ASSIGNEES:
        raise wrong("assignee", "assignee must be all, me, unassigned or any")
    return named in _NOBODY


def _today(now: int) -> int:
    """When the day began, UTC."""
    midnight = datetime.fromtimestamp(now // 1_000_000, UTC).replace(hour=0, minute=0, second=0)
    return int(midnight.timestamp()) * 1_000_000


READS = {"error_groups": (_groups, ("errors:read",)), "error_group": (_group, ("errors:read",))}
