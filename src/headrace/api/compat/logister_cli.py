"""Logister's command-line API (logister.md 1.11): its handlers, named as the route table names them, and what each needs before it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace.api.compat import (
    logister_cli_bundles,
    logister_cli_device,
    logister_cli_events,
    logister_cli_groups,
    logister_cli_insights,
    logister_cli_projects,
    logister_cli_traces,
    logister_cli_watching,
)
from headrace.api.compat.base import CompatServices, Handler, ReadRequest
from headrace.api.compat.logister_cli_reading import Reading, Scopes
from headrace.api.services import ServiceError
from headrace.dialects.answers import json_answer
from headrace.dialects.base import Refusal
from headrace.dialects.logister_cli import invalid, lacks, not_found, refusal, timed_out, unavailable
from headrace.records.intents import Answer
from headrace.store import BudgetExceeded, StoreUnavailable

#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5

_NO_STORE = (b"cache-control", b"no-store")


class Work(NamedTuple):
    """A read and the scopes that its key needs."""

    read: Callable[[Reading], Any]
    scopes: Scopes


def handlers(services: CompatServices) -> Mapping[str, Handler]:
    """The handlers by the names that ``dialects.logister_cli_reads`` gives them."""
    reads = {name: _handler(services, _reading(Work(*work))) for name, work in _READS.items()}
    asks = {name: _handler(services, ask) for name, ask in logister_cli_device.ASKS.items()}
    return {f"logister_cli.{name}": handler for name, handler in (reads | asks).items()}


_READS: dict[str, tuple[Callable[[Reading], Any], Scopes]] = {
    **logister_cli_projects.READS,
    **logister_cli_events.READS,
    **logister_cli_groups.READS,
    **logister_cli_bundles.READS,
    **logister_cli_traces.READS,
    **logister_cli_watching.READS,
    **logister_cli_insights.READS,
}


def _reading(work: Work) -> Callable[[CompatServices, ReadRequest], Answer]:
    def read(services: CompatServices, request: ReadRequest) -> Answer:
        held = request.key.bindings["scopes"]
        if any(scope not in held for scope in work.scopes):
            return lacks(work.scopes)
        reading = Reading(services, request)
        if work.read is not logister_cli_projects.project and "project" in request.params:
            _ = reading.place  # what is asked of somebody else's is not even looked at
        return json_answer(200, work.read(reading))

    return read


def _handler(services: CompatServices, ask: Callable[[CompatServices, ReadRequest], Answer]) -> Handler:
    async def handle(request: ReadRequest) -> Answer:
        answer = await asyncio.to_thread(_guarded, services, request, ask)
        return answer.adding(_NO_STORE)

    return handle


def _guarded(
    services: CompatServices, request: ReadRequest, ask: Callable[[CompatServices, ReadRequest], Answer]
) -> Answer:
    try:
        return ask(services, request)
    except Refusal as refused:
        return refused.answer
    except ServiceError as error:
        return _refused(error)
    except BudgetExceeded:
        return timed_out()
    except (StoreUnavailable, DBAPIError, PoolTimeout):
        return unavailable(RETRY_AFTER_S)


def _refused(error: ServiceError) -> Answer:
    match error.code:
        case "not_found":
            return not_found()
        case "conflict":
            message = "Several projects have this name: use the id or the slug."
            return refusal(409, "Ambiguous project", "ambiguous_project", message)
        case "forbidden":
            return refusal(403, "Forbidden", "forbidden", error.message)
        case "invalid":
            return invalid(error.message.partition(" ")[0], error.message)
