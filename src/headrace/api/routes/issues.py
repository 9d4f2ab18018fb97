"""Issues: errors of all dialects by what they have in common, their status, and each with its errors."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from litestar import get, patch
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from headrace.api.auth import manages, reads
from headrace.api.deps import TheServices, TheTarget
from headrace.api.errors import ApiError
from headrace.api.routes.rows import Event, EventPage, Texts, shown
from headrace.api.services import issues
from headrace.api.services.issues import Wanted
from headrace.api.times import maybe, moment, when
from headrace.store.issues import Status

#: Issues, or errors of one, on a page when the caller does not say.
DEFAULT_PAGE = 100

_CURSOR = re.compile(r"(\d{1,17})\.([0-9a-f]{64})", re.ASCII)


class Issue(msgspec.Struct, frozen=True):
    """``name``, ``message``, ``level``, ``environment``, ``release``, ``service`` and ``dialect`` are those of the latest error. ``changed_at``:
    when somebody gave it a status last; ``regressed``: newer errors have opened it since it was resolved. ``reopens`` counts by whomever,
    ``regressions`` those by newer errors.
    """

    id: str
    fingerprint: str
    status: Status
    occurrences: int
    first_seen: str
    last_seen: str
    name: str
    message: str
    level: str
    environment: str
    release: str
    service: str
    dialect: str
    first_event: str
    latest_event: str
    changed_at: str | None
    changed_by: str
    resolved_in_release: str
    reopened_at: str | None
    regressed: bool
    reopens: int
    regressions: int


class Issues(msgspec.Struct, frozen=True):
    """``next``: the cursor of the page after this one, null on the last."""

    issues: list[Issue]
    next: str | None


class IssueChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is ``resolved`` opens again when a newer error comes, what is ``ignored`` or ``archived`` does not."""

    status: Status


def _view(issue: issues.Issue) -> Issue:
    latest = issue.latest
    told = ("name", "message", "level", "environment", "release", "service", "dialect")
    counted = ("id", "fingerprint", "status", "occurrences", "changed_by", "resolved_in_release")
    return Issue(
        **{name: getattr(latest, name) for name in told},
        **{name: getattr(issue, name) for name in (*counted, "regressed", "reopens", "regressions")},
        first_seen=when(issue.first_seen),
        last_seen=when(issue.last_seen),
        first_event=issue.first.id,
        latest_event=latest.id,
        changed_at=maybe(issue.changed_at),
        reopened_at=maybe(issue.reopened_at),
    )


@get("/issues", guards=[reads], sync_to_thread=True, summary="List issues")
def list_issues(
    services: TheServices,
    target: TheTarget,
    status: Texts = None,
    level: Texts = None,
    environment: Texts = None,
    start: Annotated[str | None, QueryParameter(name="from")] = None,
    end: Annotated[str | None, QueryParameter(name="to")] = None,
    limit: FromQuery[int] = DEFAULT_PAGE,
    cursor: FromQuery[str | None] = None,
) -> Issues:
    """The last seen first, those last seen from ``from`` (inclusive) to ``to`` (exclusive). A repeated filter finds any of its values; level and
    environment are those of the latest error.
    """
    now = services.context.now()
    wanted = Wanted(
        statuses=status or (),
        levels=level or (),
        environments=environment or (),
        seen_from=None if start is None else moment(start, "from", now),
        seen_to=None if end is None else moment(end, "to", now),
    )
    after = None if cursor is None else _after(cursor)
    page = issues.list_all(
        services.context,
        services.store(),
        target.actor,
        project=target.project,
        wanted=wanted,
        limit=limit,
        after=after,
    )
    return Issues([_view(issue) for issue in page.issues], f"{page.next[0]}.{page.next[1]}" if page.next else None)


@get("/issues/{issue:str}", guards=[reads], sync_to_thread=True, summary="One issue")
def get_issue(services: TheServices, target: TheTarget, issue: FromPath[str]) -> Issue:
    """By its id, its fingerprint, or the fingerprint that clients sent with its errors."""
    return _view(issues.get(services.context, services.store(), target.actor, issue, project=target.project))


@get("/issues/{issue:str}/events", guards=[reads], sync_to_thread=True, summary="List an issue's errors")
def list_issue_events(
    services: TheServices,
    target: TheTarget,
    issue: FromPath[str],
    limit: FromQuery[int] = DEFAULT_PAGE,
    cursor: FromQuery[str | None] = None,
) -> EventPage:
    """Newest first; ``limit`` up to 200."""
    context, store, actor, project = services.context, services.store(), target.actor, target.project
    found = issues.get(context, store, actor, issue, project=project)
    page = issues.occurrences(context, store, actor, found, project=project, limit=limit, cursor=cursor)
    return EventPage([Event(**shown(row)) for row in page.rows], page.next)


@patch(
    "/issues/{issue:str}",
    guards=[manages],
    sync_to_thread=True,
    summary="Change an issue's status",
    opt={"sample": {"status": "resolved"}},
)
def change_issue(services: TheServices, target: TheTarget, issue: FromPath[str], data: JSONBody[IssueChange]) -> Issue:
    """To unresolved, resolved, ignored or archived; one that has it already stays as it is."""
    changed = issues.change_status(
        services.context, services.store(), target.actor, issue, project=target.project, status=data.status
    )
    return _view(changed)


def _after(cursor: str) -> tuple[int, str]:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise ApiError(400, "bad_request", "cursor: not one that a page gave")
    return int(found[1]), found[2]


HANDLERS = (list_issues, get_issue, list_issue_events, change_issue)
