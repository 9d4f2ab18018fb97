"""SeeStack's errors as they are read and triaged (contract 2.2, 4), whatever dialect brought them."""

from __future__ import annotations

from typing import Any, Final

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.seestack_detail import ACTIVE_US, RECENT_MAX, Details, details_of, impact, normalized, patterns
from headrace.api.compat.seestack_lists import Work, listed, named_project, paging, private, query_fields
from headrace.api.services import issues, key_actor
from headrace.api.services.issues import Issue, Wanted
from headrace.dialects.seestack_fields import Fields
from headrace.dialects.seestack_forms import envelope, read_object
from headrace.records.intents import Answer
from headrace.records.times import iso_text

#: What an issue may be to SeeStack, and what that is in other words.
STATUSES: Final = {"unresolved": ("unresolved",), "resolved": ("resolved",), "ignored": ("ignored", "archived")}
#: Characters of a title (2.2).
TITLE_MAX: Final = 500
#: How an error finds its issue, in words.
FORMULA: Final = (
    "the client's own fingerprint, else SHA-256 of the exception class and the first 5 frames of the program itself"
)


def error_list(services: CompatServices, request: ReadRequest) -> Answer:
    """``GET /api/v1/errors``."""
    fields = query_fields(request)
    page = paging(fields)
    status = fields.one_of("status", tuple(STATUSES))
    level, environment = fields.text("level"), fields.text("environment")
    fields.check()
    wanted = Wanted(
        statuses=STATUSES.get(status, ()),
        levels=[level] if level else (),
        environments=[environment] if environment else (),
        side="first",
    )
    found = issues.list_all(
        services.context,
        services.store(),
        key_actor(request.key, request.address),
        project=named_project(request),
        wanted=wanted,
        limit=page.per_page,
        offset=page.offset,
    )
    return listed([_shown(issue) for issue in found.issues], page, found.total)


def error_get(services: CompatServices, request: ReadRequest) -> Answer:
    """``GET /api/v1/errors/{fingerprint}``."""
    context, store, project = services.context, services.store(), named_project(request)
    actor = key_actor(request.key, request.address)
    issue = issues.get(context, store, actor, request.params["fingerprint"], project=project)
    rows = issues.occurrences(context, store, actor, issue, project=project, limit=RECENT_MAX, raw=True).rows
    recent = [details_of(row["raw"]) for row in rows]
    hours = issues.timeline(context, store, actor, issue, project=project)
    latest = recent[0] if recent else Details([], None, None)
    data = _shown(issue) | {
        "message": rows[0]["message"] if rows else issue.latest.message,
        "stackTrace": latest.stack,
        "release": issue.latest.release or None,
        "userContext": latest.user,
        "metadata": latest.metadata,
        "recentOccurrences": [_occurrence(row) for row in rows],
        "insights": _insights(issue, recent, hours, context.now()),
    }
    return private(envelope(data, 200))


def error_status(services: CompatServices, request: ReadRequest) -> Answer:
    """``PATCH /api/v1/errors/{fingerprint}/status``."""
    fields = Fields(read_object(request.body))
    status, project = fields.required("status"), fields.text("projectId")
    if "status" not in fields.details:
        fields.one_of("status", tuple(STATUSES))
    fields.check()
    changed = issues.change_status(
        services.context,
        services.store(),
        key_actor(request.key, request.address),
        request.params["fingerprint"],
        project=project or named_project(request),
        status=status,
    )
    return private(envelope(_shown(changed), 200))


def _shown(issue: Issue) -> dict[str, Any]:
    """An issue as contract 4 shows it: what it is called, its level and environment are those of its first error."""
    return {
        "id": issue.id,
        "fingerprint": issue.fingerprint,
        "exceptionClass": issue.first.name,
        "title": (issue.first.message or issue.first.name)[:TITLE_MAX],
        "level": issue.first.level or None,
        "environment": issue.first.environment or None,
        "status": "ignored" if issue.status == "archived" else issue.status,
        "occurrences": issue.occurrences,
        "firstSeen": iso_text(issue.first_seen, 3),
        "lastSeen": iso_text(issue.last_seen, 3),
        "traceId": issue.latest.trace_id,
    }


def _occurrence(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "timestamp": iso_text(row["ts"], 3),
        "environment": row["environment"] or None,
        "level": row["level"] or None,
    }


def _insights(issue: Issue, recent: list[Details], hours: list[tuple[int, int]], now_us: int) -> dict[str, Any]:
    """Counts and moments, never rates (2.2)."""
    active = now_us - issue.last_seen < ACTIVE_US
    return {
        "impactLevel": impact(issue.occurrences, active),
        "recentActivity": "Active recently" if active else "No recent activity",
        "activeRecently": active,
        "totalOccurrences": issue.occurrences,
        "firstSeen": iso_text(issue.first_seen, 3),
        "lastSeen": iso_text(issue.last_seen, 3),
        "patterns": patterns(recent),
        "fingerprint": {
            "exceptionClass": issue.first.name,
            "normalizedMessage": normalized(issue.latest.message),
            "topFrame": recent[0].top_frame if recent else "",
            "formula": FORMULA,
        },
        "timeline": [{"bucket": iso_text(start, 3), "count": count} for start, count in hours],
    }


WORK: Final[dict[str, Work]] = {
    "error_list": error_list,
    "error_get": error_get,
    "error_status": error_status,
}
