"""SlowStats' reads (contract 1.5-1.7), named as the route table names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace.api.compat.base import CompatServices, Handler, ReadRequest
from headrace.api.compat.streaming import PAGE_BUDGET, aside, pages
from headrace.api.compat.windows import MAX_MS, BadParameter, moment
from headrace.api.services import key_actor, projects
from headrace.catalog import daily_events
from headrace.dialects.slowstats_answers import TYPE_MAX
from headrace.records.ids import uuid7_us
from headrace.records.intents import Answer, StreamAnswer
from headrace.records.times import iso_text
from headrace.store import BudgetExceeded, StoreUnavailable
from headrace.store.events import Page, list_rows
from headrace.store.filters import Filter
from headrace.store.visitors import count_visitors

#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5
#: Days of ``last_7_days``.
DAYS = 7

#: Digits of ``limit``.
_LIMIT_DIGITS = 12

_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")

Work = Callable[[CompatServices, ReadRequest], Answer | StreamAnswer]


class ShownEvent(msgspec.Struct):
    """An event as ``get-events`` shows it; ``data`` is the stored text itself."""

    id: str
    project_id: str
    type: str
    data: msgspec.Raw
    occurred_at: str


class Refused(Exception):
    """The answer is not the one asked for."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def handlers(services: CompatServices, *, events_max: int | None = None) -> dict[str, Handler]:
    """The handlers by the names that ``dialects.slowstats_reads`` gives them. ``events_max``: most events of one answer."""

    def get_events(services: CompatServices, request: ReadRequest) -> StreamAnswer:
        return _events(services, request, events_max)

    work: dict[str, Work] = {"get-projects": _projects, "get-events": get_events, "get-metrics": _metrics}
    return {f"slowstats.{name}": _handler(services, one) for name, one in work.items()}


def _handler(services: CompatServices, work: Work) -> Handler:
    async def handle(request: ReadRequest) -> Answer | StreamAnswer:
        return await asyncio.to_thread(_guarded, services, request, work)

    return handle


def _guarded(services: CompatServices, request: ReadRequest, work: Work) -> Answer | StreamAnswer:
    try:
        return work(services, request)
    except Refused as refused:
        return _error(refused.status, str(refused))
    except BadParameter as error:
        return _error(400, str(error))
    except BudgetExceeded:
        return _error(500, "An internal server error occurred.")
    except (StoreUnavailable, DBAPIError, PoolTimeout):
        return _error(503, "Service unavailable.", (b"retry-after", b"%d" % RETRY_AFTER_S))


def _error(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, msgspec.json.encode({"error": text}), (_JSON, *headers), text)


def _answer(value: Any) -> Answer:
    return Answer(200, msgspec.json.encode(value), (_JSON, _NO_STORE))


# --- projects (1.5) ---


def _projects(services: CompatServices, request: ReadRequest) -> Answer:
    found = projects.list_all(services.context, key_actor(request.key, request.address))
    found.sort(key=lambda project: (project.created_at, project.number))
    shown = [{"id": project.id, "name": project.name, "created_at": iso_text(project.created_at)} for project in found]
    return _answer({"projects": shown})


def _project(request: ReadRequest) -> tuple[str, int]:
    """Id and number of the project that the request names. An unknown one is told as a foreign one (1.10)."""
    public_id = request.query().get("projectId", "")
    if not public_id.strip():
        raise Refused(400, "Project ID is required.")
    number = request.reachable_project(public_id)
    if number is None:
        raise Refused(403, "Forbidden: You do not have access to this project.")
    return public_id, number


# --- events (1.6) ---


def _events(services: CompatServices, request: ReadRequest, events_max: int | None) -> StreamAnswer:
    """The first piece is read before the answer begins: a store that cannot be read is a refusal, not half an answer."""
    public_id, number = _project(request)
    query = request.query()
    limit = _limit(query, events_max)
    end, cursor = _before(query, request.received_us // 1000)
    store, wanted = services.store(), _wanted(query)

    def read(take: int, cursor: str | None) -> Page:
        return list_rows(
            store, number, "events", wanted, end=end, limit=take, cursor=cursor, raw=True, budget=PAGE_BUDGET
        )

    found = pages(read, limit, cursor)
    first = next(found, [])
    return StreamAnswer(200, (_JSON, _NO_STORE), aside(_pieces(public_id, chain([first], found))))


def _wanted(query: Mapping[str, str]) -> Filter:
    equals = {"dialect": ["slowstats"], "type": ["event"]}
    if sent := query.get("type"):
        if len(sent) > TYPE_MAX:
            raise BadParameter(f"type must be at most {TYPE_MAX} characters")
        equals["name"] = [sent]
    return Filter(equals)


def _limit(query: Mapping[str, str], events_max: int | None) -> int | None:
    """How many events are given at most, None for all."""
    text = query.get("limit", "").strip()
    if not text:
        return events_max
    if not (text.isascii() and text.isdigit() and len(text) <= _LIMIT_DIGITS and int(text)):
        raise BadParameter("limit must be a whole number from 1 on")
    return int(text) if events_max is None else min(int(text), events_max)


def _before(query: Mapping[str, str], now_ms: int) -> tuple[int | None, str | None]:
    """The end of the span in µs, or the cursor behind an event: its id tells when it came."""
    text = query.get("before", "").strip()
    if not text:
        return None, None
    at = uuid7_us(text)
    if at is not None and at < MAX_MS * 1000:
        return None, f"{at}.{text.lower()}"
    return moment(text, "before", now_ms) * 1000, None


def _pieces(public_id: str, found: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    yield b'{"events":['
    separator = b""
    for page in found:
        if page:
            yield separator + b",".join(msgspec.json.encode(_shown(public_id, row)) for row in page)
            separator = b","
    yield b"]}"


def _shown(public_id: str, row: dict[str, Any]) -> ShownEvent:
    return ShownEvent(row["id"], public_id, row["name"], msgspec.Raw(row["raw"].encode()), iso_text(row["ts"]))


# --- metrics (1.7) ---


def _metrics(services: CompatServices, request: ReadRequest) -> Answer:
    _, number = _project(request)
    with services.context.catalog.read() as conn:
        counts = daily_events.load(conn, number)
    today = datetime.fromtimestamp(request.received_us // 1_000_000, UTC).date()
    metrics = {
        "total_events": sum(counts.values()),
        "unique_visitors": count_visitors(services.store(), number),
        "last_7_days": last_days(counts, today),
    }
    return _answer({"metrics": metrics})


def last_days(counts: Mapping[int, int], today: date) -> list[dict[str, Any]]:
    """The seven UTC days up to ``today``, oldest first, each with its events; ``counts`` by days since the epoch."""
    epoch = date(1970, 1, 1)
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return [{"date": day.isoformat(), "events": counts.get((day - epoch).days, 0)} for day in days]
