"""What SeeStack's reads have in common (contract 4): the project, the parameters of their queries, pages of lists, spans of time, and
lists as answers, at once or piece by piece.

    fields = query_fields(request)
    page, window = paging(fields), span(fields, request.received_us, default_us=DAY_US)
    status = fields.one_of("status", STATUSES)
    fields.check()
    return listed(items, page, total)

What a parameter may not be joins the fields' details, and ``fields.check()`` raises all of it as one 422.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.streaming import PAGE_BUDGET, aside, pages
from headrace.api.compat.windows import BadParameter, moment
from headrace.api.services import key_actor
from headrace.api.services.base import live_project, require
from headrace.catalog.projects import ProjectRow
from headrace.dialects.answers import JSON_TYPE
from headrace.dialects.seestack_fields import Fields
from headrace.dialects.seestack_forms import INT_MAX, envelope
from headrace.records.intents import Answer, StreamAnswer
from headrace.records.times import FUTURE_US
from headrace.store import Store
from headrace.store.events import Page, count_rows, cursor_behind, list_rows
from headrace.store.filters import Filter

#: Items of a page where the query does not say, and the most of one (contract 4).
PER_PAGE = 20
PER_PAGE_MAX = 200
DAY_US = 86_400 * 1_000_000

_WHOLE = re.compile(r"\d{1,10}", re.ASCII)
_MS_US = 1_000
_NO_STORE = (b"cache-control", b"no-store")


#: What answers a request, in a worker thread.
Work = Callable[[CompatServices, ReadRequest], Answer | StreamAnswer]


class Paging(NamedTuple):
    """One page of a list: ``page`` is 1-based."""

    page: int
    per_page: int

    @property
    def offset(self) -> int:
        """Items before the page; at most 2^31 times ``PER_PAGE_MAX``."""
        return (self.page - 1) * self.per_page


class Span(NamedTuple):
    """[``start``, ``end``), µs."""

    start: int
    end: int


def named_project(request: ReadRequest) -> str | int:
    """The project that the query names, else the key's own."""
    return request.query().get("projectId") or request.key.project


def project_to_read(services: CompatServices, request: ReadRequest) -> ProjectRow:
    """The project that the request is about. Raises ``forbidden`` and ``not_found``."""
    actor = key_actor(request.key, request.address)
    require(actor, "read")
    with services.context.catalog.read() as conn:
        return live_project(conn, actor, named_project(request))


def query_fields(request: ReadRequest) -> Fields:
    """The query's parameters; an empty one counts as absent."""
    return Fields({name: value for name, value in request.query().items() if value})


def paging(fields: Fields, *, default: int = PER_PAGE, most: int = PER_PAGE_MAX) -> Paging:
    """``page`` and ``perPage``. More than ``most`` a page becomes ``most``, as upstream does it; what is no whole number from 1 joins
    the details.
    """
    return Paging(_whole(fields, "page", 1), min(_whole(fields, "perPage", default), most))


def span(fields: Fields, now_us: int, *, default_us: int, names: tuple[str, str] = ("from", "to")) -> Span:
    """The times between the parameters ``names``, both included to the millisecond; ISO 8601 with an offset, a date, Unix seconds, or a
    time before now such as ``-24h``. Without an end it is now, and what clocks ahead of ours have sent counts; without a start the span
    is ``default_us`` long. What is no time, and a start after the end, join the details.
    """
    first, last = (_moment(fields, name, now_us) for name in names)
    end = now_us + FUTURE_US if last is None else last + _MS_US
    start = (now_us if last is None else last) - default_us if first is None else first
    if start >= end:
        fields.refuse(names[0], f"must not be after {names[1]}")
    return Span(start, end)


def listed(items: Sequence[Any], page: Paging, total: int) -> Answer:
    """200: a page of a list in the envelope; ``total`` items are in the whole list."""
    return private(envelope({"items": items, "pagination": pagination(page, total)}, 200))


def pagination(page: Paging, total: int) -> dict[str, int]:
    """Which page of how many items in all."""
    return {"page": page.page, "perPage": page.per_page, "total": total}


def streamed(
    data: Mapping[str, Any],
    name: str,
    found: Iterator[Sequence[dict[str, Any]]],
    show: Callable[[dict[str, Any]], bytes],
) -> StreamAnswer:
    """200: ``data`` in the envelope, whose empty list ``name`` is filled from ``found`` while the answer is sent: rows may be megabytes.
    ``show`` gives a row as JSON. The first rows are read before the answer begins: a store that cannot be read is a refusal, not half
    an answer.
    """
    # No text of a client can look like the empty list: its quotes are escaped.
    empty = f'"{name}":[]'.encode()
    before, _, after = envelope(data, 200).body.partition(empty)
    first = next(found, [])
    pieces = _pieces(before + empty[:-1], chain([first], found), b"]" + after, show)
    return StreamAnswer(200, (JSON_TYPE, _NO_STORE), aside(pieces))


def _pieces(
    before: bytes,
    found: Iterator[Sequence[dict[str, Any]]],
    after: bytes,
    show: Callable[[dict[str, Any]], bytes],
) -> Iterator[bytes]:
    for page in found:
        if page:
            yield before + b",".join(map(show, page))
            before = b","
    yield (b"" if before == b"," else before) + after


def private(answer: Answer) -> Answer:
    """``answer``, not to be kept by caches."""
    return answer.adding(_NO_STORE)


def _whole(fields: Fields, name: str, default: int) -> int:
    sent = fields.sent.get(name)
    if sent is None:
        return default
    value = int(sent) if _WHOLE.fullmatch(sent) else 0
    if not 1 <= value <= INT_MAX:
        fields.refuse(name, f"must be a whole number from 1 to {INT_MAX}")
        return default
    return value


def _moment(fields: Fields, name: str, now_us: int) -> int | None:
    sent = fields.sent.get(name)
    if sent is None:
        return None
    try:
        return moment(sent, name, now_us // _MS_US) * _MS_US
    except BadParameter as error:
        fields.refuse(name, str(error).removeprefix(f"{name} "))
        return None


def paged(
    store: Store,
    project: int,
    table: str,
    wanted: Filter,
    window: Span,
    page: Paging,
    columns: tuple[str, ...],
    show: Callable[[dict[str, Any]], bytes],
) -> StreamAnswer:
    """One page of a list, read in pieces: its place is found by times and ids alone, however deep it lies."""
    start, end = window
    total = count_rows(store, project, table, wanted, start=start, end=end)
    data = {"items": [], "pagination": pagination(page, total)}
    cursor = None
    if page.offset < total and page.offset:
        cursor = cursor_behind(store, project, table, wanted, start=start, end=end, rows=page.offset)
    beyond = page.offset >= total or (page.offset > 0 and cursor is None)

    def read(limit: int, cursor: str | None) -> Page:
        return list_rows(
            store,
            project,
            table,
            wanted,
            start=start,
            end=end,
            limit=limit,
            cursor=cursor,
            raw="raw" in columns,
            columns=columns,
            budget=PAGE_BUDGET,
        )

    found: Iterator[list[dict[str, Any]]] = iter(()) if beyond else pages(read, page.per_page, cursor)
    return streamed(data, "items", found, show)
