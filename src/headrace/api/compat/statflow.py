"""StatFlow's reads, keys and annotations (contract 1.5-1.8, 1.10), named as the route table names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace.api.compat import statflow_import, statflow_series
from headrace.api.compat.base import Check, CompatServices, Handler, ReadRequest
from headrace.api.compat.rendering import timestamp
from headrace.api.compat.statflow_bodies import moment_in, read_object, text_in
from headrace.api.compat.windows import BadParameter, optional_span
from headrace.api.services import ServiceError, key_actor, keys, stats
from headrace.api.services import annotations as notes
from headrace.api.services.annotations import AnnotationInfo
from headrace.api.services.base import NAME_MAX
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.stats import PAGE_MAX, StatInfo
from headrace.dialects.base import Refusal
from headrace.records.intents import Answer, StreamAnswer
from headrace.store import BudgetExceeded, StoreUnavailable

#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5
#: What a StatFlow key may hold; it never grants ``manage`` (rulings 2).
SCOPES = ("read", "write")

_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")
_STATUS = {"not_found": 404, "conflict": 409, "invalid": 400, "forbidden": 403}

Work = Callable[[CompatServices, ReadRequest], Answer | StreamAnswer]
Look = Callable[[CompatServices, ReadRequest], Any]


def handlers(services: CompatServices) -> dict[str, Handler]:
    """The handlers by the names that ``dialects.statflow_reads`` gives them."""
    return {f"statflow.{name}": _handler(services, work) for name, work in _WORK.items()}


def checks(services: CompatServices) -> dict[str, Check]:
    """The checks of bodies that come before the charge (1.11), by the same names."""
    return {f"statflow.{name}": _check(services, look) for name, look in _CHECKS.items()}


def _check(services: CompatServices, look: Look) -> Check:
    def check(request: ReadRequest) -> None:
        try:
            request.reading = look(services, request)
        except BadParameter as error:
            raise Refusal(_error(400, str(error))) from None
        except ServiceError as error:
            raise Refusal(_error(_STATUS[error.code], error.message)) from None

    return check


def _handler(services: CompatServices, work: Work) -> Handler:
    async def handle(request: ReadRequest) -> Answer | StreamAnswer:
        return await asyncio.to_thread(_guarded, services, request, work)

    return handle


def _guarded(services: CompatServices, request: ReadRequest, work: Work) -> Answer | StreamAnswer:
    try:
        return work(services, request)
    except BadParameter as error:
        return _error(400, str(error))
    except ServiceError as error:
        return _error(_STATUS[error.code], error.message)
    except BudgetExceeded:
        return _error(400, "this is too much to read at once: choose a shorter span")
    except (StoreUnavailable, DBAPIError, PoolTimeout):
        return _error(503, "service unavailable", (b"retry-after", b"%d" % RETRY_AFTER_S))


def _error(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, msgspec.json.encode({"error": text}), (_JSON, *headers), text)


def _answer(status: int, value: Any) -> Answer:
    return Answer(status, msgspec.json.encode(value), (_JSON, _NO_STORE))


# --- stats (1.5-1.7) ---


def _stats(services: CompatServices, request: ReadRequest) -> Answer:
    query = request.query()
    limit = query.get("limit") or str(PAGE_MAX)
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= PAGE_MAX):
        raise BadParameter(f"limit must be 1 to {PAGE_MAX}")
    page = stats.page(
        services.context,
        key_actor(request.key, request.address),
        project=request.key.project,
        limit=int(limit),
        cursor=query.get("cursor") or None,
        q=query.get("q", ""),
        type=query.get("type", ""),
    )
    return _answer(200, {"stats": [_stat(stat) for stat in page.stats], "next": page.next})


def _stat(stat: StatInfo) -> dict[str, Any]:
    return {
        "id": stat.id,
        "name": stat.name,
        "type": stat.type,
        "source": stat.source,
        "public": stat.public,
        "unit": stat.unit,
        "created_at": _us(stat.created_at),
        "last_point_at": None if stat.last_point_ms is None else timestamp(stat.last_point_ms),
    }


def _data(services: CompatServices, request: ReadRequest) -> Answer:
    stat = _found(services, request)
    value = statflow_series.data(
        services.store(), request.key.project, stat, request.query(), request.received_us // 1000
    )
    return _answer(200, value)


def _export(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    stat = _found(services, request)
    return statflow_series.export(
        services.store(), request.key.project, stat, request.query(), request.received_us // 1000
    )


def _found(services: CompatServices, request: ReadRequest) -> StatInfo:
    actor = key_actor(request.key, request.address)
    return stats.get(services.context, actor, project=request.key.project, ref=request.params["id"])


# --- keys (1.8) ---


def _keys_check(services: CompatServices, request: ReadRequest) -> KeySpec:
    """What key is asked for."""
    body = read_object(request)
    name, scopes = body.get("name"), body.get("scopes")
    if type(name) is not str or not 1 <= len(name.strip()) <= NAME_MAX:
        raise BadParameter(f"name must be a string of 1 to {NAME_MAX} characters")
    if scopes is None:
        scopes = list(SCOPES)
    if type(scopes) is not list or not scopes or any(scope not in SCOPES for scope in scopes):
        raise BadParameter('scopes must be a non-empty list of "read" and "write"')
    expires_ms = moment_in(body.get("expires_at"), "expires_at", request)
    spec = KeySpec(
        name=name,
        style="statflow",
        scopes=scopes,
        expires_at=None if expires_ms is None else expires_ms * 1000,
    )
    keys.check(services.context, key_actor(request.key, request.address), spec)
    return spec


def _keys_create(services: CompatServices, request: ReadRequest) -> Answer:
    actor = key_actor(request.key, request.address)
    made = keys.create(services.context, actor, project=request.key.project, spec=request.reading)
    value = {
        "id": made.id,
        "name": made.name,
        "scopes": made.scopes,
        "prefix": made.shown,
        "key": made.key,
        "created_at": _us(made.created_at),
        "expires_at": _us(made.expires_at),
    }
    return _answer(201, value)


def _keys_list(services: CompatServices, request: ReadRequest) -> Answer:
    found = keys.list_all(
        services.context, key_actor(request.key, request.address), project=request.key.project, revoked=False
    )
    shown = [
        {
            "id": key.id,
            "name": key.name,
            "scopes": key.scopes,
            "prefix": key.shown,
            "created_at": _us(key.created_at),
            "last_used_at": _us(key.last_used_at),
            "expires_at": _us(key.expires_at),
        }
        for key in found
    ]
    return _answer(200, {"api_keys": shown})


def _keys_revoke(services: CompatServices, request: ReadRequest) -> Answer:
    keys.revoke(services.context, key_actor(request.key, request.address), request.params["id"])
    return Answer(204, b"", ())


# --- annotations (1.10) ---


def _annotations_check(services: CompatServices, request: ReadRequest) -> dict[str, Any]:
    """What ``annotations.create`` is given."""
    body = read_object(request)
    text = next((body[name] for name in ("text", "message", "note") if body.get(name) is not None), None)
    if type(text) is not str:
        raise BadParameter("text is required" if text is None else "text must be a string")
    ms = moment_in(body.get("timestamp"), "timestamp", request)
    stat = text_in(body, "stat_id") or text_in(body, "stat")
    ts = services.context.now() if ms is None else ms * 1000
    note: dict[str, Any] = {
        "text": text,
        "ts": ts,
        "kind": text_in(body, "kind") or "note",
        "url": text_in(body, "url"),
    }
    notes.check(**note)
    return note | {"stat": stat}


def _annotations_create(services: CompatServices, request: ReadRequest) -> Answer:
    note = notes.create(
        services.context, key_actor(request.key, request.address), project=request.key.project, **request.reading
    )
    return _answer(201, _annotation(note))


def _annotations_list(services: CompatServices, request: ReadRequest) -> Answer:
    query = request.query()
    start, end = optional_span(query, request.received_us // 1000)
    found = notes.list_all(
        services.context,
        key_actor(request.key, request.address),
        project=request.key.project,
        start=None if start is None else start * 1000,
        end=None if end is None else end * 1000,
        stat=query.get("stat") or query.get("stat_id") or None,
    )
    return _answer(200, {"annotations": [_annotation(note) for note in found]})


def _annotations_delete(services: CompatServices, request: ReadRequest) -> Answer:
    notes.delete(
        services.context,
        key_actor(request.key, request.address),
        project=request.key.project,
        annotation_id=request.params["id"],
    )
    return Answer(204, b"", ())


def _annotation(note: AnnotationInfo) -> dict[str, Any]:
    return {
        "id": note.id,
        "text": note.text,
        "kind": note.kind,
        "url": note.url,
        "stat_id": note.stat_id,
        "timestamp": _us(note.ts),
        "created_at": _us(note.created_at),
    }


# --- import (1.9) ---


def _import_check(services: CompatServices, request: ReadRequest) -> statflow_import.Asked:
    now_ms = request.received_us // 1000
    return statflow_import.read_import(read_object(request), now_ms, private=services.private_imports)


def _import_begin(services: CompatServices, request: ReadRequest) -> Answer:
    return _answer(202, statflow_import.begin(services, request))


def _import_status(services: CompatServices, request: ReadRequest) -> Answer:
    return _answer(200, statflow_import.status(services, request))


def _us(us: int | None) -> str | None:
    return None if us is None else timestamp(us // 1000)


_CHECKS: dict[str, Look] = {
    "keys_create": _keys_check,
    "annotations_create": _annotations_check,
    "import_begin": _import_check,
}
_WORK: dict[str, Work] = {
    "stats": _stats,
    "data": _data,
    "export": _export,
    "keys_create": _keys_create,
    "keys_list": _keys_list,
    "keys_revoke": _keys_revoke,
    "annotations_create": _annotations_create,
    "annotations_list": _annotations_list,
    "annotations_delete": _annotations_delete,
    "import_begin": _import_begin,
    "import_status": _import_status,
}
