"""Deployments: which release came when into which environment."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import FromQuery, QueryParameter

from headrace.api.auth import reads
from headrace.api.deps import TheServices, TheTarget
from headrace.api.services import deployments
from headrace.api.services.deployments import LIST_MAX, DeploymentInfo
from headrace.api.times import moment, when


class Deployment(msgspec.Struct, frozen=True):
    """``source``: api (reported as such) or telemetry (told by an event on the side); ``details``: links and numbers by name."""

    id: str
    release: str
    environment: str
    repository: str
    commit_sha: str
    branch: str
    source: str
    details: dict[str, str]
    deployed_at: str
    created_at: str
    updated_at: str


class Deployments(msgspec.Struct, frozen=True):
    deployments: list[Deployment]


def _view(info: DeploymentInfo) -> Deployment:
    values = {name: getattr(info, name) for name in Deployment.__struct_fields__}
    return Deployment(**values | {name: when(values[name]) for name in ("deployed_at", "created_at", "updated_at")})


@get("/deployments", guards=[reads], sync_to_thread=True, summary="List deployments")
def list_deployments(
    services: TheServices,
    target: TheTarget,
    start: Annotated[str | None, QueryParameter(name="from")] = None,
    end: Annotated[str | None, QueryParameter(name="to")] = None,
    environment: FromQuery[str | None] = None,
    release: FromQuery[str | None] = None,
    limit: FromQuery[int] = LIST_MAX,
) -> Deployments:
    """Newest first, from ``from`` (inclusive) to ``to`` (exclusive)."""
    now = services.context.now()
    found = deployments.list_all(
        services.context,
        target.actor,
        project=target.project,
        start=None if start is None else moment(start, "from", now),
        end=None if end is None else moment(end, "to", now),
        environment=environment,
        release=release,
        limit=limit,
    )
    return Deployments([_view(info) for info in found])


HANDLERS = (list_deployments,)
