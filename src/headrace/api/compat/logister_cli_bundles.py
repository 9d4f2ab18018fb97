"""What there is to know about an error group in one redacted answer: for a bug report, and cut to a budget for an AI (logister.md 1.11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from headrace.api.compat import logister_cli_shown as shown
from headrace.api.compat.logister_cli_groups import (
    LOGS_MAX,
    LOGS_US,
    found_issue,
    group,
    latest_rows,
    related_logs,
)
from headrace.api.compat.logister_cli_reading import Reading
from headrace.api.compat.logister_cli_redact import redacted
from headrace.api.compat.logister_cli_shown import Json, time, without_nothing
from headrace.api.services import issues
from headrace.api.services.issues import Issue
from headrace.catalog import deployments

#: Bytes of an export, and errors in it.
EXPORT_MAX: Final = 900 * 1024
OCCURRENCES_MAX: Final = 50
#: Days that are counted one by one.
DAYS: Final = 14
#: Tokens that may be asked for, bytes of one, and bytes at most.
BUDGET_MIN, BUDGET_DEFAULT, BUDGET_MAX = 256, 4_000, 32_000
TOKEN_BYTES: Final = 4
CONTEXT_MAX: Final = 256 * 1024
#: Frames and logs that an AI is given at most.
FRAMES_MAX, AI_LOGS_MAX = 20, 20
#: Characters of texts in the smallest answer.
SHORT: Final = 100
_DAY_US: Final = 86_400_000_000
_NOTES = (
    "What names a secret is replaced by [REDACTED].",
    "Times, release, trace_id, request_id and the related logs are where to begin.",
)
_STACK = ("frames", "backtrace", "stack", "stacktrace")


class _Bundle(NamedTuple):
    issue: Issue
    latest: Mapping[str, Any] | None
    parts: Json


def _export(reading: Reading) -> Json:
    bundle = _bundle(reading)
    with_records = reading.query.flag("include_occurrences")
    if with_records:
        bundle.parts["occurrences"] = _records(reading, bundle.issue)
    told = {
        "export": {
            "format": "logister_error_group",
            "version": 1,
            "generated_at": time(reading.now),
            "include_occurrence_records": with_records,
        },
        **bundle.parts,
    }
    return _fitted(told, EXPORT_MAX, _CUTS, lambda cut: told["export"].update(truncated=cut))


def _context(reading: Reading) -> Json:
    tokens = reading.query.whole("token_budget", BUDGET_DEFAULT, BUDGET_MIN, BUDGET_MAX)
    limit = min(tokens * TOKEN_BYTES, CONTEXT_MAX)
    parts = _bundle(reading).parts
    parts["issue"] = parts.pop("error_group")
    exception = parts.get("exception", {})
    exception["application_frames"] = exception.get("application_frames", [])[:FRAMES_MAX]
    exception.pop("backtrace", None)
    logs = parts["related_logs"]
    logs["records"] = logs["records"][:AI_LOGS_MAX]
    told = {
        "format": "logister_ai_context",
        "version": 1,
        "generated_at": time(reading.now),
        "token_budget": tokens,
        "response_byte_limit": limit,
        "truncated": False,
        **parts,
        "notes": list(_NOTES),
    }
    return _fitted(told, limit, (*_CUTS, _least), lambda cut: told.update(truncated=cut))


def _bundle(reading: Reading) -> _Bundle:
    issue = found_issue(reading)
    latest = latest_rows(reading, [issue], raw=True).get(issue.latest.id)
    logs = related_logs(reading, latest)
    told = group(reading, issue, latest)
    told.pop("latest_event", None)
    parts = {
        "project": shown.project(reading.place.info),
        "error_group": told,
        "latest_event": None if latest is None else shown.event(latest, issue.id, context=True),
        "exception": None if latest is None else _exception(latest),
        "occurrences": _summary(reading, issue),
        "related_logs": {
            "window_seconds": LOGS_US // 1_000_000,
            "limit": LOGS_MAX,
            "count": len(logs),
            "records": [shown.event(row) for row in logs],
        },
        "deployment_context": _deployed(reading, issue),
    }
    return _Bundle(issue, latest, without_nothing(parts))


def _exception(row: Mapping[str, Any]) -> Json | None:
    """What an error says of itself, its frames apart; SeeStack's errors say it beside their own fields."""
    context = shown.context_of(row)
    found = context.get("exception") if isinstance(context, dict) else None
    if not isinstance(found, dict):
        found = context if isinstance(context, dict) and any(name in context for name in _STACK) else None
    if found is None:
        return None
    frames: Any = next((found[name] for name in _STACK if found.get(name)), [])
    if isinstance(frames, str):
        frames = frames.splitlines()
    data = {name: value for name, value in found.items() if name not in _STACK and not isinstance(value, list)}
    return {"data": redacted(data), "application_frames": redacted(frames if isinstance(frames, list) else [])}


def _summary(reading: Reading, issue: Issue) -> Json:
    today = datetime.fromtimestamp(reading.now // 1_000_000, UTC).replace(hour=0, minute=0, second=0)
    hours = DAYS * 24
    begun = issues.timeline(
        reading.context, reading.store, reading.place.actor, issue, project=reading.project, hours=hours
    )
    first = int(today.timestamp()) * 1_000_000 - (DAYS - 1) * _DAY_US
    counts = [0] * DAYS
    for start, count in begun:
        if start >= first:
            counts[(start - first) // _DAY_US] += count
    days = [{"date": str(time(first + day * _DAY_US))[:10], "count": count} for day, count in enumerate(counts)]
    return {
        "mode": "summary",
        "total_count": issue.occurrences,
        "first_occurrence_at": time(issue.first_seen),
        "last_occurrence_at": time(issue.last_seen),
        f"daily_counts_last_{DAYS}_days": days,
    }


def _records(reading: Reading, issue: Issue) -> Json:
    rows = issues.occurrences(
        reading.context, reading.store, reading.place.actor, issue, project=reading.project, limit=OCCURRENCES_MAX
    ).rows
    return {
        "mode": "latest_records",
        "total_count": issue.occurrences,
        "record_limit": OCCURRENCES_MAX,
        "records_included": len(rows),
        "truncated": issue.occurrences > len(rows),
        "records": [shown.event(row, issue.id) for row in rows],
    }


def _deployed(reading: Reading, issue: Issue) -> Json | None:
    """The deployment of the error's release, else the last one of its environment before the group was first seen (logister.md 2.2)."""
    place = {"environment": issue.latest.environment} if issue.latest.environment else {}
    with reading.context.catalog.read() as conn:
        exact = issue.latest.release and deployments.search(
            conn, reading.project, equals={**place, "release": issue.latest.release}, limit=1
        )
        rows = exact or deployments.search(conn, reading.project, equals=place, end=issue.first_seen + 1, limit=1)
        if not rows:
            return None
        earlier = deployments.before_each(conn, reading.project, rows)
    found = rows[0]
    before = earlier.get(found.id)
    after = issue.first_seen - found.deployed_at
    return without_nothing(
        {
            "matched": shown.deployment(found, before),
            "exact_release": bool(exact),
            "started_after_deployment": after >= 0,
            "minutes_after_deployment": after // 60_000_000 if after >= 0 else None,
        }
    )


# --- cut to a size, what matters least first


def _fitted(told: Json, limit: int, cuts: tuple[Callable[[Json], None], ...], mark: Callable[[bool], None]) -> Json:
    """``told`` in at most ``limit`` bytes of JSON; ``mark`` notes whether anything was left out for it."""
    mark(False)
    for cut in cuts:
        if len(msgspec.json.encode(told)) <= limit:
            break
        cut(told)
        mark(True)
    return told


def _half_of_logs(told: Json) -> None:
    records = told["related_logs"]["records"]
    del records[len(records) // 4 :]


def _no_logs(told: Json) -> None:
    told.pop("related_logs", None)


def _no_records(told: Json) -> None:
    told["occurrences"].pop("records", None)


def _few_frames(told: Json) -> None:
    if "exception" in told:
        del told["exception"]["application_frames"][5:]


def _no_context(told: Json) -> None:
    if told.get("latest_event", {}).pop("context", None) is not None:
        told["latest_event"]["context_truncated"] = True


def _no_deployment(told: Json) -> None:
    told.pop("deployment_context", None)


def _no_days(told: Json) -> None:
    told["occurrences"].pop(f"daily_counts_last_{DAYS}_days", None)


def _no_exception(told: Json) -> None:
    told.pop("exception", None)


def _no_event(told: Json) -> None:
    told.pop("latest_event", None)


_CUTS = (
    *(_half_of_logs, _no_records, _no_context, _no_logs, _few_frames, _no_deployment, _no_days, _no_exception),
    _no_event,
)


def _least(told: Json) -> None:
    """Only what group it is."""
    kept = ("uuid", "title", "subtitle", "status", "occurrence_count", "last_seen_at", "last_seen_release")
    issue = {name: value for name, value in told["issue"].items() if name in kept}
    for name in ("notes", "occurrences"):
        told.pop(name, None)
    told["issue"] = {name: value[:SHORT] if isinstance(value, str) else value for name, value in issue.items()}
    told["project"] = {name: told["project"][name] for name in ("uuid", "slug")}


READS = {
    "error_group_export": (_export, ("errors:read",)),
    "error_group_context": (_context, ("errors:read", "ai_context:read")),
}
