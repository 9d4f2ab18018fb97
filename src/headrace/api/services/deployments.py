"""Deployments: reported by programs, read by people."""

from __future__ import annotations

import msgspec

from headrace.api.services.base import Actor, Context, between, live_project, require
from headrace.catalog import deployments
from headrace.records.intents import DeploymentFact
from headrace.records.text import clean_text

#: Deployments in one answer.
LIST_MAX = 1_000


class DeploymentInfo(msgspec.Struct, frozen=True):
    """``source``: api (reported as such) or telemetry (told by an event on the side). ``details``: links and numbers by name. Times in
    µs.
    """

    id: str
    release: str
    environment: str
    repository: str
    commit_sha: str
    branch: str
    source: str
    details: dict[str, str]
    deployed_at: int
    created_at: int
    updated_at: int


def report(context: Context, fact: DeploymentFact) -> str:
    """Makes or updates the deployment at once; gives its id. Whoever calls has checked that the project may be written to."""
    with context.catalog.write() as conn:
        return deployments.report(conn, fact)


def list_all(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    start: int | None = None,
    end: int | None = None,
    environment: str | None = None,
    release: str | None = None,
    limit: int = LIST_MAX,
) -> list[DeploymentInfo]:
    """Those that came in [start, end) µs, the newest first. Raises ``invalid`` (limit), ``forbidden``, ``not_found``."""
    require(actor, "read")
    count = between(limit, "limit", 1, LIST_MAX)
    with context.catalog.read() as conn:
        rows = deployments.load(
            conn,
            live_project(conn, actor, project).number,
            start=start,
            end=end,
            environment=None if environment is None else clean_text(environment),
            release=None if release is None else clean_text(release),
            limit=count,
        )
    return [DeploymentInfo(**{name: getattr(row, name) for name in DeploymentInfo.__struct_fields__}) for row in rows]
