"""SeeStack's replays as they are read (contract 2.8, 4): of one session, or of the session in which an error happened. Their inputs were
masked before they were stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.seestack_lists import project_to_read, streamed
from headrace.api.compat.streaming import PAGE_BUDGET, pages
from headrace.api.services import ServiceError
from headrace.records.intents import StreamAnswer
from headrace.records.times import iso_text
from headrace.store import Store
from headrace.store.events import Page
from headrace.store.occurrences import errors_named
from headrace.store.replays import Key, count_replays, list_replay, sessions_of_errors

#: Events of one answer (contract 4).
EVENTS_MAX = 5_000


class _Stored(msgspec.Struct, rename="camel"):
    """What the record of an event holds that no column does."""

    event_data: str = ""


class _Event(msgspec.Struct, rename="camel"):
    event_type: str
    event_data: str
    url: str
    timestamp: str


_stored = msgspec.json.Decoder(_Stored)


def of_session(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    """The events of one session."""
    project, store, session_id = (
        project_to_read(services, request).number,
        services.store(),
        request.params["session_id"],
    )
    found = _find(store, project, [session_id])
    if found is None:
        raise ServiceError("not_found", "replay not found")
    return _streamed(store, project, found, {"sessionId": session_id})


def of_error(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    """The events that came with the error's fingerprint. Clients send the session's id in its place, so where there are none: those of the
    latest session in which the error happened and that was recorded.
    """
    project, store, fingerprint = (
        project_to_read(services, request).number,
        services.store(),
        request.params["fingerprint"],
    )
    found = _find(store, project, [fingerprint], ("fingerprint",))
    if found is None:
        errors = errors_named(store, project, fingerprint)
        if errors is None:
            raise ServiceError("not_found", "error not found")
        told = sessions_of_errors(store, project, errors)
        found = _find(store, project, [session for session in told if session])
    return _streamed(store, project, found, {"fingerprint": fingerprint})


class _Found(NamedTuple):
    key: Key
    value: str
    total: int


def _find(
    store: Store, project: int, values: Sequence[str], keys: Sequence[Key] = ("session_id", "fingerprint")
) -> _Found | None:
    """The first of ``values`` of which there are events. A session is also known by its fingerprint: ``allstak`` blanks the session's id
    in what it sends, and leaves it there.
    """
    for key in keys if values else ():
        counts = count_replays(store, project, key, values)
        for value in values:
            if value in counts:
                return _Found(key, value, counts[value])
    return None


def _streamed(store: Store, project: int, wanted: _Found | None, head: dict[str, Any]) -> StreamAnswer:
    """The oldest ``EVENTS_MAX`` events in the envelope."""
    data = {**head, "totalEvents": wanted.total if wanted else 0, "events": []}
    return streamed(data, "events", _pages(store, project, wanted) if wanted else iter(()), _shown)


def _pages(store: Store, project: int, wanted: _Found) -> Iterator[list[dict[str, Any]]]:
    def read(limit: int, cursor: str | None) -> Page:
        return list_replay(store, project, wanted.key, wanted.value, limit=limit, cursor=cursor, budget=PAGE_BUDGET)

    return pages(read, EVENTS_MAX)


def _shown(row: dict[str, Any]) -> bytes:
    event = _Event(row["event_type"], _stored.decode(row["raw"]).event_data, row["url"], iso_text(row["ts"], 3))
    return msgspec.json.encode(event)
