"""Projects, events, spans, monitors and deployments as a command line is shown them (logister.md 1.11): what is not there is left out,
times are ISO 8601 with microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.api.compat.logister_cli_redact import redacted
from headrace.api.services.projects import ProjectInfo
from headrace.catalog.deployments import DeploymentRow
from headrace.records.times import iso_text

Json = dict[str, Any]

#: Bytes of a context, and characters of a message in a list; beyond, the first is left out and the second is cut.
CONTEXT_MAX, MESSAGE_MAX = 64 * 1024, 4_096
#: The columns that an event without its context needs.
EVENT_COLUMNS = (
    *("type", "level", "message", "fingerprint", "received_at", "environment", "release", "name", "trace_id", "request_id"),
    *("session_id", "user_id", "duration_ms", "status", "labels", "dialect"),
)  # fmt: skip
#: Statuses of spans; any other word means the last.
SPAN_STATUSES = ("ok", "error", "unset")


def without_nothing(fields: Json) -> Json:
    """``fields`` without those that hold nothing."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}


def time(us: int | None) -> str | None:
    return None if us is None else iso_text(us, 6)


def project(info: ProjectInfo) -> Json:
    return without_nothing(
        {
            "uuid": info.id,
            "name": info.name,
            "slug": info.slug,
            "integration_kind": info.platform,
            "archived": info.state == "archived",
            "archived_at": time(info.archived_at),
            "created_at": time(info.created_at),
        }
    )


def event(row: Mapping[str, Any], group: str | None = None, *, context: bool = False) -> Json:
    """A row of ``events``; ``group`` is the id of its error group. With its ``context`` if that is asked for and not too large."""
    message: str = row["message"]
    name = row["name"] if row["type"] == "transaction" else row["labels"].get("transaction_name", "")
    shown = without_nothing(
        {
            "uuid": row["id"],
            "event_type": row["type"],
            "level": row["level"],
            "message": message[:MESSAGE_MAX],
            "fingerprint": row["fingerprint"],
            "occurred_at": time(row["ts"]),
            "created_at": time(row["received_at"]),
            "environment": row["environment"],
            "release": row["release"],
            "transaction_name": name,
            "trace_id": row["trace_id"],
            "request_id": row["request_id"],
            "session_id": row["session_id"],
            "user_identifier": row["user_id"],
            "duration_ms": row["duration_ms"],
            "status": row["status"],
            "error_group_uuid": group,
        }
    )
    if len(message) > MESSAGE_MAX:
        shown["summary_truncated"] = True
    if context:
        _add_context(shown, row)
    return shown


def span(row: Mapping[str, Any], slug: str, *, context: bool = False) -> Json:
    """A row of ``spans`` of the project called ``slug``."""
    labels = row["labels"]
    named = row["operation"] or labels.get("route") or labels.get("http.route") or labels.get("transaction_name")
    shown = without_nothing(
        {
            "uuid": row["id"],
            "trace_id": row["trace_id"],
            "span_id": row["span_id"],
            "parent_span_id": row["parent_span_id"],
            "name": row["name"],
            "operation": named or row["name"],
            "kind": row["kind"] or "internal",
            "status": row["status"] if row["status"] in SPAN_STATUSES else SPAN_STATUSES[-1],
            "duration_ms": round(row["duration_ms"], 3),
            "started_at": time(row["ts"]),
            "ended_at": time(row["ended_at"]),
            "environment": row["environment"],
            "release": row["release"],
            "service": row["service"] or slug,
            "request_id": row["request_id"],
        }
    )
    if context:
        _add_context(shown, row)
    return shown


def context_of(row: Mapping[str, Any]) -> Any:
    """What was sent with a record: Logister's context, of other dialects the record itself."""
    try:
        sent = msgspec.json.decode(row["raw"])
    except (msgspec.DecodeError, RecursionError):  # a dead letter that was repaired by hand may hold anything
        return {}
    if row["dialect"] == "logister" and isinstance(sent, dict):
        return sent.get("context", {})
    return sent


def deployment(info: DeploymentRow, previous: DeploymentRow | None) -> Json:
    """``previous`` is the one before in the same environment of the same repository."""
    details, repository = info.details, f"https://github.com/{info.repository}"
    compare = f"{repository}/compare/{previous.commit_sha}...{info.commit_sha}" if previous else None
    links = without_nothing(
        {
            "commit": f"{repository}/commit/{info.commit_sha}",
            "pull_request": details.get("pull_request_url"),
            "release": details.get("release_url"),
            "compare": details.get("compare_url") or compare,
        }
    )
    before = previous and {
        "uuid": previous.id,
        "release": previous.release,
        "commit_sha": previous.commit_sha,
        "deployed_at": time(previous.deployed_at),
    }
    return without_nothing(
        {
            "uuid": info.id,
            "provider": "github",
            "repository_full_name": info.repository,
            "environment": info.environment,
            "release": info.release,
            "commit_sha": info.commit_sha,
            "short_commit_sha": info.commit_sha[:7],
            "branch": info.branch,
            "deployed_at": time(info.deployed_at),
            "source": info.source,
            "metadata": redacted(details),
            "links": links,
            "previous_deployment": before,
        }
    )


def _add_context(shown: Json, row: Mapping[str, Any]) -> None:
    if len(row["raw"].encode()) > CONTEXT_MAX:
        shown["context_truncated"] = True
    else:
        shown["context"] = redacted(context_of(row))
