"""Events for a command line: listed, followed, and one of them (logister.md 1.11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from headrace.api.compat import logister_cli_shown as shown
from headrace.api.compat.logister_cli_asked import ENVIRONMENT_MAX, Cursors, Query, Range, wrong
from headrace.api.compat.logister_cli_groups import groups_of
from headrace.api.compat.logister_cli_reading import Reading, nothing_there
from headrace.api.compat.logister_cli_shown import EVENT_COLUMNS, Json
from headrace.api.services.records import DEFAULT_ENVIRONMENT
from headrace.records.tables import EVENT_TYPES, EVENTS
from headrace.records.times import FUTURE_US
from headrace.store.arrivals import FIRST_ID, Position, list_after
from headrace.store.events import get_row, list_rows
from headrace.store.filters import Filter

#: Levels in one question and their characters; the same of statuses.
LEVELS_MAX, LEVEL_CHARS = 10, 32
STATUSES_MAX, STATUS_CHARS = 20, 64
TRACE_CHARS = 128
#: Words of a status that mean what `headrace.store.filters.Filter.outcome` does.
_OUTCOMES: Mapping[str, str] = {
    **dict.fromkeys(("errored", "error", "failed"), "errored"),
    **dict.fromkeys(("ok", "success", "successful"), "ok"),
}
#: Where a text is looked for.
_WITHIN = ("message", "level", "fingerprint", "name", "release")
#: What belongs to a page and not to what is listed.
_PAGE = ("cursor", "after_cursor", "limit", "summary", "include_context")


class _Page(NamedTuple):
    rows: Sequence[Mapping[str, Any]]
    following: str | None
    poll: str


def _events(reading: Reading) -> Json:
    query = reading.query
    wanted, asked = wanted_events(query), query.range(reading.now)
    cursors = reading.cursors("events", query.others(_PAGE))
    with_context = query.flag("include_context")
    after = cursors.read(query.get("after_cursor"), int, int, str)
    page = _arrived if after is not None else _newest
    found = page(reading, wanted, asked, cursors, with_context, after)
    groups = groups_of(reading, found.rows)
    items = [shown.event(row, groups.get(row["id"]), context=with_context) for row in found.rows]
    return reading.listed(items, found.following, poll_cursor=found.poll)


def _event(reading: Reading) -> Json:
    row = get_row(reading.store, reading.project, EVENTS.name, uuid_of(reading), reading.budget)
    if row is None:
        raise nothing_there()
    return shown.event(row, groups_of(reading, [row]).get(row["id"]), context=True)


def wanted_events(query: Query) -> Filter:
    """What a list of events is narrowed down to."""
    named = "type" if query.get("type") else "event_type"
    types = [] if query.get(named) == "all" else query.listed(named, len(EVENT_TYPES), LEVEL_CHARS)
    if any(kind not in EVENT_TYPES for kind in types):
        raise wrong("type", f"type must be some of {', '.join(EVENT_TYPES)}")
    environment = query.text("environment", "env", longest=ENVIRONMENT_MAX)
    equals: dict[str, Sequence[str]] = {
        "type": types,
        "level": query.listed("level", LEVELS_MAX, LEVEL_CHARS),
        "environment": environments(environment),
        "release": one(query.text("release")),
        "trace_id": one(query.text("trace_id", longest=TRACE_CHARS)),
        "request_id": one(query.text("request_id")),
    }
    status = query.get("status").lower()
    outcome = _OUTCOMES.get(status, "")
    if status not in ("", "all") and not outcome:
        equals["status"] = query.listed("status", STATUSES_MAX, STATUS_CHARS)
    return Filter(
        {name: values for name, values in equals.items() if values},
        text=query.text("q", "query"),
        within=_WITHIN,
        least_ms=query.milliseconds("min_duration_ms"),
        outcome="errored" if outcome == "errored" else "ok" if outcome else "",
    )


def environments(named: str) -> list[str]:
    """What an environment that is asked for may be stored as (rulings 3)."""
    return [named, ""] if named == DEFAULT_ENVIRONMENT else one(named)


def one(value: str) -> list[str]:
    """A list of the value, empty when there is none."""
    return [value] if value else []


def uuid_of(reading: Reading) -> UUID:
    """The id in the path. What is none is not there."""
    try:
        return UUID(reading.named("uuid"))
    except ValueError:
        raise nothing_there() from None


def _newest(
    reading: Reading, wanted: Filter, asked: Range, cursors: Cursors, with_context: bool, _after: list[Any] | None
) -> _Page:
    """The newest first. What comes later is behind the position that is read before them: nothing is passed over, some may be told twice."""
    poll = cursors.make(reading.segment + 1, 0, FIRST_ID)
    place = cursors.read(reading.query.get("cursor"), int, str)
    found = list_rows(
        reading.store,
        reading.project,
        EVENTS.name,
        wanted,
        start=asked.start,
        end=_end(asked),
        limit=reading.query.limit(),
        cursor=None if place is None else f"{place[0]}.{place[1]}",
        raw=with_context,
        columns=(*EVENT_COLUMNS, "raw") if with_context else EVENT_COLUMNS,
        budget=reading.budget,
    )
    following = cursors.make(found.rows[-1]["ts"], found.rows[-1]["id"]) if found.next else None
    return _Page(found.rows, following, poll)


def _arrived(
    reading: Reading, wanted: Filter, asked: Range, cursors: Cursors, with_context: bool, after: list[Any] | None
) -> _Page:
    """What came since, the earliest first."""
    position, upto = Position(*(after or ())), reading.segment
    limit = reading.query.limit()
    rows = list_after(
        reading.store,
        reading.project,
        wanted,
        position,
        upto,
        start=asked.start,
        end=_end(asked),
        limit=limit,
        raw=with_context,
        columns=EVENT_COLUMNS,
        budget=reading.budget,
    )
    if len(rows) == limit:
        last = rows[-1]
        poll = cursors.make(last["batch"], last["received_at"], last["id"])
    else:
        poll = cursors.make(max(upto + 1, position.batch), 0, FIRST_ID)
    return _Page(rows, None, poll)


def _end(asked: Range) -> int:
    """Clocks may be ahead: what is asked for up to the present has not happened later."""
    return asked.end + FUTURE_US if asked.open else asked.end


READS = {"events": (_events, ("events:read",)), "event": (_event, ("events:read",))}
