"""StatHat's export, alerts and the private API of its command line (contract 1.8 to 1.10), named as the route table names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace.api.compat.base import Check, CompatServices, Handler, ReadRequest
from headrace.api.compat.rendering import number
from headrace.api.services import ServiceError, alerts, key_actor, stathat_stats
from headrace.api.services import annotations as notes
from headrace.api.services.alerts import AlertInfo
from headrace.api.services.stats import StatInfo
from headrace.dialects.answers import Problem, retry_after
from headrace.dialects.base import Refusal
from headrace.dialects.stathat_alerts import read_alert
from headrace.dialects.stathat_answers import told
from headrace.dialects.stathat_comments import read_comment
from headrace.dialects.stathat_reads import data_ids
from headrace.dialects.stathat_timeframes import Window, all_days, read_window, whole_window
from headrace.records.ids import stat_number
from headrace.records.intents import Answer
from headrace.store import BudgetExceeded, StoreUnavailable
from headrace.store.series import Bucket
from headrace.store.spaced import spaced_buckets

#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5
#: Digits of an offset; no project has so many stats.
_OFFSET_DIGITS = 9

_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_STATUS = {"not_found": 404, "conflict": 409, "invalid": 400, "forbidden": 403}

Work = Callable[[CompatServices, ReadRequest], Answer]


def handlers(services: CompatServices) -> dict[str, Handler]:
    """The handlers by the names that ``dialects.stathat_reads`` gives them."""
    return {f"stathat.{name}": _handler(services, work) for name, work in _WORK.items()}


def checks(_services: CompatServices) -> dict[str, Check]:
    """The checks of bodies that come before the charge, by the same names."""
    return {"stathat.alert_create": _checking(read_alert), "stathat.comment_create": _checking(read_comment)}


def _handler(services: CompatServices, work: Work) -> Handler:
    async def handle(request: ReadRequest) -> Answer:
        return await asyncio.to_thread(_guarded, services, request, work)

    return handle


def _guarded(services: CompatServices, request: ReadRequest, work: Work) -> Answer:
    try:
        return work(services, request)
    except Problem as problem:
        return told(400, str(problem))
    except ServiceError as error:
        return told(_STATUS[error.code], error.message)
    except BudgetExceeded:
        return told(400, "too much to read at once: choose a shorter t or fewer stats")
    except (StoreUnavailable, DBAPIError, PoolTimeout):
        return told(503, "service unavailable", retry_after(RETRY_AFTER_S))


def _answer(value: Any) -> Answer:
    return Answer(200, msgspec.json.encode(value), _HEADERS)


# --- stats


def _statlist(services: CompatServices, request: ReadRequest) -> Answer:
    text = request.query().get("offset", "").strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= _OFFSET_DIGITS):
        raise Problem("invalid offset")
    found = stathat_stats.page(
        services.context,
        key_actor(request.key, request.address),
        project=request.key.project,
        offset=int(text),
    )
    return _answer([_stat(stat) for stat in found])


def _one(services: CompatServices, request: ReadRequest) -> Answer:
    actor = key_actor(request.key, request.address)
    name = request.query().get("name", "")
    return _answer(_stat(stathat_stats.named(services.context, actor, project=request.key.project, name=name)))


def _stat(stat: StatInfo) -> dict[str, Any]:
    """One reader insists on all of these fields. A stat comes into being when its first point is received."""
    received = stat.created_at if stat.last_received_at is None else stat.last_received_at
    return {
        "id": stat.id,
        "name": stat.name,
        "public": stat.public,
        "counter": stat.type == "counter",
        "unit": stat.unit or "",
        "classic_key": stat.classic_key,
        "embed_key": stat.embed_key or "",
        "data_received_at": received // 1_000_000,
        "created_at": stat.created_at // 1_000_000,
    }


def _delete(services: CompatServices, request: ReadRequest) -> Answer:
    actor = key_actor(request.key, request.address)
    stathat_stats.trash(services.context, actor, project=request.key.project, ref=request.params["id"])
    return _answer({"msg": "stat deleted."})


# --- data


def _data(services: CompatServices, request: ReadRequest) -> Answer:
    window = read_window(request.query(), request.received_us // 1_000_000)
    found = _found(services, request, data_ids(request.params))
    sets = _sets(services, request, found, window)
    return _answer(
        [
            {
                "name": stat.name,
                "timeframe": window.text,
                "points": [
                    {"time": time, "value": _value(bucket, stat.type)}
                    for time, bucket in zip(window.times, sets[stat.id], strict=True)
                ],
            }
            for stat in found
        ]
    )


def _dataset(services: CompatServices, request: ReadRequest) -> Answer:
    window = read_window(request.query(), request.received_us // 1_000_000, offset=True)
    (stat,) = _found(services, request, [request.params["id"]])
    return _private_set(stat, window, _sets(services, request, [stat], window)[stat.id])


def _dataset_full(services: CompatServices, request: ReadRequest) -> Answer:
    """From the stat's first day on. What its first day is has to be looked for: history may be posted and imported at any time."""
    (stat,) = _found(services, request, [request.params["id"]])
    now_s = request.received_us // 1_000_000
    days = all_days(now_s)
    found = _sets(services, request, [stat], days)[stat.id]
    first = next((bucket.start // 1000 for bucket in found if bucket.count), now_s)
    window = whole_window(first, now_s)
    return _private_set(stat, window, _sets(services, request, [stat], window)[stat.id])


def _private_set(stat: StatInfo, window: Window, buckets: list[Bucket]) -> Answer:
    """One dataset in the words of StatHat's command line, which totals what is of kind ``count``."""
    points = [
        {"Time": time, "Value": _value(bucket, stat.type), "Rcount": bucket.count}
        for time, bucket in zip(window.times, buckets, strict=True)
    ]
    kind = "count" if stat.type == "counter" else "value"
    return _answer({"Name": stat.name, "Timeframe": window.text, "Kind": kind, "Points": points})


def _found(services: CompatServices, request: ReadRequest, ids: list[str]) -> list[StatInfo]:
    actor = key_actor(request.key, request.address)
    return stathat_stats.numbered(services.context, actor, project=request.key.project, ids=ids)


def _sets(
    services: CompatServices, request: ReadRequest, found: list[StatInfo], window: Window
) -> dict[str, list[Bucket]]:
    """The buckets of each stat by its id."""
    numbers = {stat.id: stat_number(stat.id) or 0 for stat in found}
    buckets = spaced_buckets(
        services.store(),
        request.key.project,
        sorted(set(numbers.values())),
        window.start * 1000,
        window.width * 1000,
        window.points,
    )
    return {name: buckets[one] for name, one in numbers.items()}


def _value(bucket: Bucket, stat_type: str) -> float:
    """A counter's sum, a value's mean; an empty interval is 0 for both."""
    return number(bucket.sum if stat_type == "counter" else bucket.mean) or 0


# --- alerts


def _checking(read: Callable[[bytes, bytes], Any]) -> Check:
    def check(request: ReadRequest) -> None:
        try:
            request.reading = read(request.body, request.header(b"content-type") or b"")
        except Problem as problem:
            raise Refusal(told(400, str(problem))) from None

    return check


def _alert_create(services: CompatServices, request: ReadRequest) -> Answer:
    actor = key_actor(request.key, request.address)
    return _answer(_alert(alerts.create(services.context, actor, project=request.key.project, alert=request.reading)))


def _alerts(services: CompatServices, request: ReadRequest) -> Answer:
    actor = key_actor(request.key, request.address)
    return _answer([_alert(one) for one in alerts.list_all(services.context, actor, project=request.key.project)])


def _alert_get(services: CompatServices, request: ReadRequest) -> Answer:
    actor = key_actor(request.key, request.address)
    found = alerts.get(services.context, actor, project=request.key.project, alert_id=request.params["id"])
    return _answer(_alert(found))


def _alert_delete(services: CompatServices, request: ReadRequest) -> Answer:
    actor = key_actor(request.key, request.address)
    alerts.delete(services.context, actor, project=request.key.project, alert_id=request.params["id"])
    return _answer({"msg": "alert deleted."})


def _alert(info: AlertInfo) -> dict[str, Any]:
    """What is not of the alert's kind is left out."""
    shown = {name: getattr(info, name) for name in info.__struct_fields__}
    shown |= {name: number(shown[name]) for name in ("threshold", "percentage")}
    return {name: value for name, value in shown.items() if value is not None}


# --- comments


def _comment_create(services: CompatServices, request: ReadRequest) -> Answer:
    """A note on the stat. Its command line reads ``message``."""
    actor = key_actor(request.key, request.address)
    (stat,) = _found(services, request, [request.reading.stat_id])
    notes.create(services.context, actor, project=request.key.project, text=request.reading.text, stat=stat.id)
    return _answer({"message": "comment added."})


_WORK: dict[str, Work] = {
    "statlist": _statlist,
    "stat": _one,
    "delete": _delete,
    "data": _data,
    "dataset": _dataset,
    "dataset_full": _dataset_full,
    "alerts": _alerts,
    "alert": _alert_get,
    "alert_create": _alert_create,
    "alert_delete": _alert_delete,
    "comment_create": _comment_create,
}
