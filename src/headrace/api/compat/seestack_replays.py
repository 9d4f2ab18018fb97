"""SeeStack's replays as they are read (contract 2.8, 4): of one session, or of the session in which an error happened. Their inputs were
masked before they were stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.streaming import aside, pages
from headrace.api.services import ServiceError, key_actor
from headrace.api.services.base import live_project, require
from headrace.dialects.answers import JSON_TYPE
from headrace.dialects.seestack_forms import envelope
from headrace.records.intents import StreamAnswer
from headrace.records.times import iso_text
from headrace.store import Budget, Store
from headrace.store.events import Page
from headrace.store.replays import Key, count_replays, list_replay, sessions_of_error

#: Events of one answer (contract 4).
EVENTS_MAX = 5_000
#: What one page of events may cost; an event may be megabytes.
PAGE_BUDGET = Budget(memory_bytes=128 << 20)

_NO_STORE = (b"cache-control", b"no-store")
_NO_EVENTS = b'"events":[]'


class _Stored(msgspec.Struct, rename="camel"):
    """What the record of an event holds that no column does."""

    event_data: str = ""


class _Event(msgspec.Struct, rename="camel"):
    event_type: str
    event_data: str
    url: str
    timestamp: str


_stored = msgspec.json.Decoder(_Stored)


def named_project(request: ReadRequest) -> str | int:
    """The project that the query names, else the key's own."""
    return request.query().get("projectId") or request.key.project


def of_session(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    """The events of one session."""
    project, store, session_id = _project(services, request), services.store(), request.params["session_id"]
    found = _find(store, project, [session_id])
    if found is None:
        raise ServiceError("not_found", "replay not found")
    return _streamed(store, project, found, {"sessionId": session_id})


def of_error(services: CompatServices, request: ReadRequest) -> StreamAnswer:
    """The events that came with the error's fingerprint. Clients send the session's id in its place, so where there are none: those of the
    latest session in which the error happened and that was recorded.
    """
    project, store, fingerprint = _project(services, request), services.store(), request.params["fingerprint"]
    found = _find(store, project, [fingerprint], ("fingerprint",))
    if found is None:
        told = sessions_of_error(store, project, fingerprint)
        if not told:
            raise ServiceError("not_found", "error not found")
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


def _project(services: CompatServices, request: ReadRequest) -> int:
    actor = key_actor(request.key, request.address)
    require(actor, "read")
    with services.context.catalog.read() as conn:
        return live_project(conn, actor, named_project(request)).number


def _streamed(store: Store, project: int, wanted: _Found | None, head: dict[str, Any]) -> StreamAnswer:
    """The oldest ``EVENTS_MAX`` events in the envelope. The first piece is read before the answer begins: a store that cannot be read is a
    refusal, not half an answer.
    """
    data = {**head, "totalEvents": wanted.total if wanted else 0, "events": []}
    # No text of a client can look like the empty list: its quotes are escaped.
    before, _, after = envelope(data, 200).body.partition(_NO_EVENTS)
    found = _pages(store, project, wanted) if wanted else iter(())
    first = next(found, [])
    return StreamAnswer(200, (JSON_TYPE, _NO_STORE), aside(_pieces(before, chain([first], found), after)))


def _pages(store: Store, project: int, wanted: _Found) -> Iterator[list[dict[str, Any]]]:
    def read(limit: int, cursor: str | None) -> Page:
        return list_replay(store, project, wanted.key, wanted.value, limit=limit, cursor=cursor, budget=PAGE_BUDGET)

    return pages(read, EVENTS_MAX)


def _pieces(before: bytes, found: Iterator[list[dict[str, Any]]], after: bytes) -> Iterator[bytes]:
    separator = before + b'"events":['
    for page in found:
        if page:
            yield separator + b",".join(map(_shown, page))
            separator = b","
    yield (b"" if separator == b"," else separator) + b"]" + after


def _shown(row: dict[str, Any]) -> bytes:
    event = _Event(row["event_type"], _stored.decode(row["raw"]).event_data, row["url"], iso_text(row["ts"], 3))
    return msgspec.json.encode(event)
