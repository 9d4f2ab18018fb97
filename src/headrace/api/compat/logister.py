"""Logister's endpoints that write to the catalog at once (contract 1.9), and its health checks, named as the route table names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace import __version__
from headrace.api.compat.base import CompatServices, Handler, ReadRequest
from headrace.api.services import deployments, mobile_tokens
from headrace.dialects.answers import json_answer
from headrace.dialects.base import Fault, FaultDetail
from headrace.dialects.logister import fault
from headrace.dialects.logister_deployments import read_deployment
from headrace.dialects.logister_identity import legacy_id
from headrace.dialects.logister_tokens import read_token, shown_token
from headrace.records.intents import Answer, StreamAnswer
from headrace.store import StoreError

#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5

_NO_STORE = (b"cache-control", b"no-store")

Work = Callable[[CompatServices, ReadRequest], Answer]


def handlers(services: CompatServices, *, trouble: Callable[[], str]) -> Mapping[str, Handler]:
    """The handlers by the names that ``dialects.logister`` gives them. ``trouble`` says why no record can be taken now, "" when one
    can.
    """

    async def up(_request: ReadRequest) -> Answer:
        return _health({"status": "up"})

    async def release(_request: ReadRequest) -> Answer:
        if trouble():
            return _health({"status": "unavailable", "version": __version__}, 503)
        return _health({"status": "ok", "version": __version__})

    async def clickhouse(_request: ReadRequest) -> Answer:
        return await asyncio.to_thread(_store_health, services)

    made = {f"logister.{name}": _handler(services, work) for name, work in _WORK.items()}
    return made | {"logister.up": up, "logister.release": release, "logister.clickhouse": clickhouse}


def _handler(services: CompatServices, work: Work) -> Handler:
    async def handle(request: ReadRequest) -> Answer | StreamAnswer:
        return await asyncio.to_thread(_guarded, services, request, work)

    return handle


def _guarded(services: CompatServices, request: ReadRequest, work: Work) -> Answer:
    try:
        return work(services, request)
    except (DBAPIError, PoolTimeout):
        return fault(Fault.UNAVAILABLE, FaultDetail(retry_after=RETRY_AFTER_S))


def _deployment(services: CompatServices, request: ReadRequest) -> Answer:
    told = read_deployment(request.body, request.key.project, request.received_us)
    found = deployments.report(services.context, told)
    return json_answer(201, {"id": found, "legacy_id": legacy_id(told.project, found), "status": "accepted"})


def _token(services: CompatServices, request: ReadRequest) -> Answer:
    asked = read_token(request.body, mobile_tokens.platform_of(services.context, request.key.project))
    text, expires_at = mobile_tokens.mint(services.context, request.key, asked.bindings, asked.life_s)
    return json_answer(201, shown_token(asked, text, expires_at), (_NO_STORE,))


_WORK: dict[str, Work] = {"deployments": _deployment, "mobile_ingest_tokens": _token}


def _store_health(services: CompatServices) -> Answer:
    try:
        version = services.store().version()
    except StoreError:
        return _health({"status": "unavailable"}, 503)
    return _health({"status": "ok", "version": version})


def _health(body: dict[str, str], code: int = 200) -> Answer:
    return json_answer(code, body, (_NO_STORE,), reason="" if code == HTTPStatus.OK else body["status"])
