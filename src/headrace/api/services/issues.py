"""Issues: errors by what they have in common. What they are is read from their errors each time; what people have decided is kept.

| status | somebody says | an error that happened and came after the decision |
|---|---|---|
| unresolved | resolved, ignored, archived | unresolved |
| resolved | unresolved, ignored, archived | unresolved, a regression |
| ignored | unresolved, resolved, archived | ignored |
| archived | unresolved, resolved, ignored | archived |
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, get_args

import msgspec
from msgspec import structs
from sqlalchemy import Connection

from headrace.api.services import audit
from headrace.api.services.base import Actor, Context, ServiceError, between, live_project, require
from headrace.api.services.records import DEFAULT_ENVIRONMENT
from headrace.catalog import issues
from headrace.catalog.issues import IssueRow
from headrace.records.ids import issue_id
from headrace.records.tables import EVENTS
from headrace.records.text import clean_text
from headrace.store import Store
from headrace.store.events import Page, list_rows
from headrace.store.filters import Filter
from headrace.store.issues import Closed, Found, IssueFilter, Side, Status, find_issue, fingerprint_of, list_issues
from headrace.store.occurrences import HOUR, count_by_hour, errors_of, read_errors

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
#: Issues of one page, and their errors of one page.
PAGE_MAX: Final = 200
#: Hours of a timeline.
DAY_HOURS: Final = 24
#: Characters of what the audit log says of an issue.
SUBJECT_MAX: Final = 100

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


class Occurrence(msgspec.Struct, frozen=True):
    """One error, long texts cut. ``fingerprint`` is its own column: the client's, SeeStack's, or "". ``ts`` in µs."""

    id: str
    ts: int
    dialect: str = ""
    environment: str = ""
    release: str = ""
    service: str = ""
    trace_id: str = ""
    request_id: str = ""
    session_id: str = ""
    user_id: str = ""
    level: str = ""
    name: str = ""
    message: str = ""
    fingerprint: str = ""


class Issue(msgspec.Struct, frozen=True):
    """``fingerprint`` is 64 hex characters, whatever the errors carry. ``changed_at``: when ``changed_by`` gave it the status that people gave it last,
    None when nobody ever did; ``regressed``: it was resolved, and newer errors have opened it. ``reopens`` counts by whomever,
    ``regressions`` those by newer errors. Times in µs.
    """

    id: str
    fingerprint: str
    status: Status
    occurrences: int
    first_seen: int
    last_seen: int
    first: Occurrence
    latest: Occurrence
    changed_at: int | None = None
    changed_by: str = ""
    resolved_in_release: str = ""
    reopened_at: int | None = None
    regressed: bool = False
    reopens: int = 0
    regressions: int = 0


class IssuePage(msgspec.Struct, frozen=True):
    """``total``: issues of the whole list, of which these are a page; ``next``: the cursor of the page after it, None on the last."""

    issues: list[Issue]
    total: int
    next: tuple[int, str] | None


class Wanted(msgspec.Struct, frozen=True):
    """What a list narrows down to; all conditions hold at once, an empty one always. ``levels`` and ``environments`` of the error at
    ``side``; ``seen_from`` ≤ last seen < ``seen_to`` (µs); ``first_from`` ≤ first seen; ``only``: fingerprints, None for all.
    """

    statuses: Sequence[str] = ()
    levels: Sequence[str] = ()
    environments: Sequence[str] = ()
    side: Side = "latest"
    seen_from: int | None = None
    seen_to: int | None = None
    first_from: int | None = None
    only: Sequence[str] | None = None


def list_all(
    context: Context,
    store: Store,
    actor: Actor,
    *,
    project: str | int,
    wanted: Wanted,
    limit: int,
    offset: int = 0,
    after: tuple[int, str] | None = None,
) -> IssuePage:
    """Issues, the last seen first. ``after`` is what a page before gave as ``next``; with it ``total`` counts from there. Raises ``invalid``
    (status, limit), ``forbidden``, ``not_found`` and what the store raises.
    """
    require(actor, "read")
    between(limit, "limit", 1, PAGE_MAX)
    chosen = _chosen(wanted)
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        closed = _closed(conn, number) if chosen.statuses else Closed()
    found, total = list_issues(store, number, chosen, closed, limit=limit, offset=offset, after=after)
    with context.catalog.read() as conn:
        rows = issues.some(conn, number, [issue_id(number, one.fingerprint) for one in found])
    errors = _errors(store, number, found)
    shown = [_issue(number, one, errors, rows.get(issue_id(number, one.fingerprint))) for one in found]
    more = found and total > offset + len(found)
    return IssuePage(shown, total, (found[-1].last_seen, found[-1].fingerprint) if more else None)


def get(context: Context, store: Store, actor: Actor, ref: str, *, project: str | int) -> Issue:
    """The issue that ``ref`` means: its fingerprint, else the fingerprint that clients gave its errors, else its id. Raises ``forbidden``,
    ``not_found``.
    """
    require(actor, "read")
    number = _number(context, actor, project)
    found = _found(store, number, ref)
    with context.catalog.read() as conn:
        row = issues.by_id(conn, number, issue_id(number, found.fingerprint))
    return _issue(number, found, _errors(store, number, [found]), row)


def occurrences(
    context: Context,
    store: Store,
    actor: Actor,
    issue: Issue,
    *,
    project: str | int,
    limit: int,
    cursor: str | None = None,
    raw: bool = False,
) -> Page:
    """Errors of an issue that :func:`get` gave, the newest first, as ``store.events.list_rows`` gives them. Raises ``invalid``, ``forbidden``,
    ``not_found``, and ``BadFilter`` for a cursor that cannot be.
    """
    require(actor, "read")
    between(limit, "limit", 1, PAGE_MAX)
    number = _number(context, actor, project)
    return list_rows(store, number, EVENTS.name, _errors_of(issue), limit=limit, cursor=cursor, raw=raw)


def timeline(
    context: Context, store: Store, actor: Actor, issue: Issue, *, project: str | int, hours: int = DAY_HOURS
) -> list[tuple[int, int]]:
    """(begin of an hour in µs, errors in it) of the last ``hours``, this one included. Raises ``forbidden``, ``not_found``."""
    require(actor, "read")
    number = _number(context, actor, project)
    start = (context.now() // HOUR - hours + 1) * HOUR
    counts = count_by_hour(store, number, _errors_of(issue), start, hours)
    return [(start + hour * HOUR, count) for hour, count in enumerate(counts)]


def change_status(context: Context, store: Store, actor: Actor, ref: str, *, project: str | int, status: str) -> Issue:
    """The issue with its new status; one that has it already stays as it is. Raises ``invalid``, ``forbidden``, ``not_found``."""
    require(actor, "manage")
    wanted = _status(status)
    number = _number(context, actor, project)
    found = _found(store, number, ref)
    errors = _errors(store, number, [found])
    with context.catalog.write() as conn:
        live_project(conn, actor, project)
        before = _issue(number, found, errors, issues.by_id(conn, number, issue_id(number, found.fingerprint)))
        if before.status == wanted:
            return before
        now, opens = context.now(), wanted == "unresolved"
        row = IssueRow(
            id=before.id,
            project=number,
            fingerprint=before.fingerprint,
            status=wanted,
            changed_at=now,
            changed_by=actor.who.name,
            resolved_in_release=before.latest.release if wanted == "resolved" else "",
            reopened_at=now if opens else before.reopened_at,
            reopens=before.reopens + opens,
            regressions=before.regressions,
        )
        issues.put(conn, row)
        subject = before.latest.message[:SUBJECT_MAX] or before.latest.name
        audit.note(
            context, conn, actor, "changed an issue", subject_id=row.id, subject=subject, project=number, details=wanted
        )
    return _issue(number, found, errors, row)


def _number(context: Context, actor: Actor, project: str | int) -> int:
    with context.catalog.read() as conn:
        return live_project(conn, actor, project).number


def _status(text: str) -> Status:
    for status in STATUSES:
        if text == status:
            return status
    raise ServiceError("invalid", f"status must be one of {', '.join(STATUSES)}")


def _chosen(wanted: Wanted) -> IssueFilter:
    environments = [clean_text(one) for one in wanted.environments]
    if DEFAULT_ENVIRONMENT in environments:
        environments.append("")
    return IssueFilter(
        statuses=[_status(one) for one in wanted.statuses],
        levels=[clean_text(one) for one in wanted.levels],
        environments=environments,
        side=wanted.side,
        seen_from=wanted.seen_from,
        seen_to=wanted.seen_to,
        first_from=wanted.first_from,
        only=wanted.only,
    )


def _closed(conn: Connection, project: int) -> Closed:
    rows = issues.closed(conn, project)
    return Closed(
        resolved={fingerprint: at for fingerprint, status, at in rows if status == "resolved"},
        ignored=[fingerprint for fingerprint, status, _ in rows if status == "ignored"],
        archived=[fingerprint for fingerprint, status, _ in rows if status == "archived"],
    )


def _found(store: Store, project: int, ref: str) -> Found:
    text = clean_text(ref)
    found = find_issue(store, project, fingerprint_of(text), text.lower() if _UUID.fullmatch(text) else "")
    if found is None:
        raise ServiceError("not_found", "error not found")
    return found


def _errors(store: Store, project: int, found: Sequence[Found]) -> dict[str, Occurrence]:
    """The first and the latest error of each, by id."""
    places = {(one.first_seen, one.first) for one in found} | {(one.last_seen, one.latest) for one in found}
    return {name: Occurrence(**row) for name, row in read_errors(store, project, sorted(places)).items()}


def _errors_of(issue: Issue) -> Filter:
    return errors_of(issue.fingerprint, structs.asdict(issue.latest))


def _issue(project: int, found: Found, errors: Mapping[str, Occurrence], row: IssueRow | None) -> Issue:
    """What the errors tell and what people have decided, put together."""
    issue = Issue(
        id=issue_id(project, found.fingerprint),
        fingerprint=found.fingerprint,
        status="unresolved",
        occurrences=found.occurrences,
        first_seen=found.first_seen,
        last_seen=found.last_seen,
        first=errors.get(found.first) or Occurrence(found.first, found.first_seen),
        latest=errors.get(found.latest) or Occurrence(found.latest, found.last_seen),
    )
    if row is None:
        return issue
    regressed = row.status == "resolved" and found.proof > row.changed_at
    return structs.replace(
        issue,
        status="unresolved" if regressed else _status(row.status),
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        resolved_in_release=row.resolved_in_release,
        reopened_at=found.last_seen if regressed else row.reopened_at,
        regressed=regressed,
        reopens=row.reopens + regressed,
        regressions=row.regressions + regressed,
    )
