"""SlowStats' reads as rows of the route table (contract 1.5-1.7); the API rooms bring the handlers."""

from __future__ import annotations

from typing import Any

from headrace.dialects.base import Route
from headrace.dialects.slowstats_answers import LIMIT, NOT_YOURS, REFUSALS

_PROJECT = ("projectId", "the project's id")
_NO_PROJECT = (400, '{"error":"Project ID is required."}')
_EVENT = (
    '{"id":"0198f6d2-7a3c-7c11-9d52-3f0a6b1c2d3e","project_id":"0199f3c2-7a41-7c3e-9b5d-2f6a8c1e4d70",'
    '"type":"deploy_finished","data":{"description":"version 1.4 is out","version":"1.4.0"},'
    '"occurred_at":"2026-04-02T10:00:00Z"}'
)
_PROJECTS = (
    '{"projects":[{"id":"0199f3c2-7a41-7c3e-9b5d-2f6a8c1e4d70","name":"Bot","created_at":"2026-03-01T10:00:00Z"}]}'
)
_DAYS = ",".join(
    f'{{"date":"2026-04-0{day}","events":{events}}}' for day, events in enumerate((0, 3, 8, 0, 1, 4, 2), 1)
)


def _route(name: str, summary: str, **more: Any) -> Route:
    return Route(
        path=f"/api/slowstats/{name}",
        method="GET",
        dialect="slowstats",
        steps=("auth", "scope", "charge_request", "handle"),
        summary=summary,
        scope="read",
        handler=f"slowstats.{name}",
        limit=LIMIT,  # in one group with the posts: a key has one window
        names_project=True,
        **more,
    )


READS: tuple[Route, ...] = (
    _route(
        "get-projects",
        "List the projects that the key reaches, oldest first.",
        answers=(
            (200, _PROJECTS),
            NOT_YOURS,
            *REFUSALS,
        ),
    ),
    _route(
        "get-events",
        "Read a project's events, newest first; all of them unless asked for less.",
        parameters=(
            _PROJECT,
            ("limit", "how many at most"),
            ("before", "an event's id, or a moment as ISO 8601 with an offset or Unix seconds: only what is older"),
            ("type", "events of this type only"),
        ),
        answers=((200, f'{{"events":[{_EVENT}]}}'), _NO_PROJECT, NOT_YOURS, *REFUSALS),
    ),
    _route(
        "get-metrics",
        "Read how many events a project has had, from how many visitors, and on each of the last seven days (UTC).",
        parameters=(_PROJECT,),
        answers=(
            (200, f'{{"metrics":{{"total_events":123,"unique_visitors":45,"last_7_days":[{_DAYS}]}}}}'),
            _NO_PROJECT,
            NOT_YOURS,
            *REFUSALS,
        ),
    ),
)
