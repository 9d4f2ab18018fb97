"""Deployments: (project, repository, environment, release), reported as such or told by events on the side (logister.md 1.9).

| source | reported | told by an event |
|---|---|---|
| (none) | api | telemetry |
| telemetry | api, with what the report says | unchanged |
| api | api, with what the report says | unchanged |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, or_, select, update

from headrace.catalog.db import insert_ignore
from headrace.catalog.tables import deployments
from headrace.records.ids import deployment_id
from headrace.records.intents import DeploymentFact


class DeploymentRow(NamedTuple):
    """``source`` is api or telemetry; ``details`` links and numbers by name; times in µs."""

    id: str
    project: int
    repository: str
    environment: str
    release: str
    commit_sha: str
    branch: str
    source: str
    details: dict[str, str]
    deployed_at: int
    created_at: int
    updated_at: int


def report(conn: Connection, fact: DeploymentFact) -> str:
    """Makes or updates a deployment; gives its id, which never changes."""
    row = _row(fact)
    kept = ("id", "project", "repository", "environment", "release", "created_at")
    here = update(deployments).where(deployments.c.id == row["id"])
    changed = {name: value for name, value in row.items() if name not in kept}
    if conn.execute(here.values(changed)).rowcount == 0:
        conn.execute(insert(deployments).values(row))
    return str(row["id"])


def add_told(conn: Connection, facts: Iterable[DeploymentFact]) -> None:
    """Makes the deployments that are not there yet; of several tellings the first one counts."""
    rows: dict[str, dict[str, Any]] = {}
    seen: set[tuple[int, str, str, str]] = set()
    for fact in facts:
        # Every event of a release tells the same: only the first one is worth a hash.
        place = (fact.project, fact.repository, fact.environment, fact.release)
        if place not in seen:
            seen.add(place)
            row = _row(fact)
            rows[row["id"]] = row
    insert_ignore(conn, deployments, list(rows.values()), conflict=("id",))


def load(
    conn: Connection,
    project: int,
    *,
    start: int | None = None,
    end: int | None = None,
    environment: str | None = None,
    release: str | None = None,
    limit: int,
) -> list[DeploymentRow]:
    """Those that came in [start, end) µs, the newest first."""
    query = select(deployments).where(deployments.c.project == project)
    if start is not None:
        query = query.where(deployments.c.deployed_at >= start)
    if end is not None:
        query = query.where(deployments.c.deployed_at < end)
    if environment is not None:
        query = query.where(deployments.c.environment == environment)
    if release is not None:
        query = query.where(deployments.c.release == release)
    query = query.order_by(deployments.c.deployed_at.desc(), deployments.c.id).limit(limit)
    return [DeploymentRow(*row) for row in conn.execute(query)]


def search(
    conn: Connection,
    project: int,
    *,
    equals: Mapping[str, str],
    text: str = "",
    start: int | None = None,
    end: int | None = None,
    before: tuple[int, str] | None = None,
    limit: int,
) -> list[DeploymentRow]:
    """As :func:`load`, narrowed by columns of one value each and by a ``text`` in release, commit, branch or repository; ``before``:
    (deployed_at, id) of the one before the page.
    """
    query = select(deployments).where(deployments.c.project == project)
    for name, value in equals.items():
        query = query.where(deployments.c[name] == value)
    if text:
        columns = (deployments.c[name] for name in ("release", "commit_sha", "branch", "repository"))
        query = query.where(or_(*(func.lower(column).contains(text.lower(), autoescape=True) for column in columns)))
    if start is not None:
        query = query.where(deployments.c.deployed_at >= start)
    if end is not None:
        query = query.where(deployments.c.deployed_at < end)
    if before is not None:
        at, last = before
        later = (deployments.c.deployed_at == at) & (deployments.c.id > last)
        query = query.where(or_(deployments.c.deployed_at < at, later))
    query = query.order_by(deployments.c.deployed_at.desc(), deployments.c.id).limit(limit)
    return [DeploymentRow(*row) for row in conn.execute(query)]


def by_id(conn: Connection, project: int, deployment_id: str) -> DeploymentRow | None:
    query = select(deployments).where(deployments.c.project == project, deployments.c.id == deployment_id)
    row = conn.execute(query).one_or_none()
    return DeploymentRow(*row) if row else None


def before_each(conn: Connection, project: int, rows: Iterable[DeploymentRow]) -> dict[str, DeploymentRow]:
    """The deployment before each of ``rows`` in its environment of its repository, by the id of the later one."""
    wanted = [row.id for row in rows]
    line = (deployments.c.repository, deployments.c.environment)
    order = (deployments.c.deployed_at, deployments.c.id.desc())
    earlier = func.lag(deployments.c.id).over(partition_by=line, order_by=order).label("earlier")
    lines = select(deployments.c.id, earlier).where(deployments.c.project == project).subquery()
    query = select(lines.c.id, deployments).join(deployments, deployments.c.id == lines.c.earlier)
    return {row[0]: DeploymentRow(*row[1:]) for row in conn.execute(query.where(lines.c.id.in_(wanted)))}


def _row(fact: DeploymentFact) -> dict[str, Any]:
    return {
        "id": deployment_id(fact.project, fact.repository, fact.environment, fact.release),
        "project": fact.project,
        "repository": fact.repository,
        "environment": fact.environment,
        "release": fact.release,
        "commit_sha": fact.commit_sha,
        "branch": fact.branch,
        "source": fact.source,
        "details": fact.metadata,
        "deployed_at": fact.deployed_at,
        "created_at": fact.received_at,
        "updated_at": fact.received_at,
    }
