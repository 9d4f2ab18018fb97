"""One stat's series from the store: the dense answer of ``/data`` (contract 1.6) and the streamed ``/export`` (1.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from headrace.api.compat.rendering import (
    CSV_HEADER,
    Point,
    bucket_point,
    csv_rows,
    file_name,
    json_head,
    json_point,
    stored_point,
)
from headrace.api.compat.streaming import aside
from headrace.api.compat.windows import MAX_POINTS, RAW, BadParameter, Window, data_window, export_window, too_many
from headrace.api.services.stats import StatInfo
from headrace.records.ids import stat_number
from headrace.records.intents import StreamAnswer
from headrace.store import Store
from headrace.store.buckets import Resolution, grid
from headrace.store.points import list_points, stat_span
from headrace.store.series import stat_buckets

#: Raw points and buckets that an export reads at a time.
PAGE_POINTS = 10_000
PAGE_BUCKETS = 5_000

_MINUTE_MS = 60_000
#: Length of a bucket in ms, a calendar one's longest, by which an export is cut into pages.
_LENGTH_MS: dict[Resolution, int] = {
    "1m": _MINUTE_MS,
    "5m": 5 * _MINUTE_MS,
    "15m": 15 * _MINUTE_MS,
    "30m": 30 * _MINUTE_MS,
    "1h": 60 * _MINUTE_MS,
    "3h": 180 * _MINUTE_MS,
    "6h": 360 * _MINUTE_MS,
    "12h": 720 * _MINUTE_MS,
    "1d": 1_440 * _MINUTE_MS,
    "1w": 7 * 1_440 * _MINUTE_MS,
    "1M": 31 * 1_440 * _MINUTE_MS,
}


def data(store: Store, project: int, stat: StatInfo, query: Mapping[str, str], now_ms: int) -> dict[str, Any]:
    """The answer of ``/data``. Raises :class:`BadParameter` and what the store raises."""
    window = data_window(query, now_ms)
    number = _number(stat)
    resolution = window.resolution
    if resolution == RAW:
        page = list_points(store, project, number, window.start, window.end, limit=MAX_POINTS)
        if page.next is not None:
            raise too_many()
        points = [stored_point(point, stat.type) for point in page.points]
    else:
        buckets = stat_buckets(store, project, number, window.start, window.end, resolution, window.tz)
        points = [bucket_point(bucket, stat.type) for bucket in buckets]
    return json_head(stat, window) | {"points": [json_point(point, stat.type) for point in points]}


def export(store: Store, project: int, stat: StatInfo, query: Mapping[str, str], now_ms: int) -> StreamAnswer:
    """The answer of ``/export``, its first piece already read: a store that cannot be read is a refusal, not half an answer.
    Raises :class:`BadParameter` and what the store raises.
    """
    form = query.get("format") or "csv"
    if form not in ("csv", "json"):
        raise BadParameter("format must be csv or json")
    window = export_window(query, now_ms)
    pages = _pages(store, project, stat, window)
    first = list(next(pages, []))
    if form == "csv":
        disposition = f'attachment; filename="{file_name(stat.name)}"'.encode()
        headers: tuple[tuple[bytes, bytes], ...] = (
            (b"content-type", b"text/csv; charset=utf-8"),
            (b"content-disposition", disposition),
        )
        pieces: Iterator[bytes] = chain([CSV_HEADER], (csv_rows(page, stat) for page in chain([first], pages) if page))
    else:
        headers = ((b"content-type", b"application/json"),)
        pieces = _json_pieces(json_head(stat, window), chain([first], pages), stat.type)
    return StreamAnswer(200, (*headers, (b"cache-control", b"no-store")), aside(pieces))


def _json_pieces(head: dict[str, Any], pages: Iterator[list[Point]], stat_type: str) -> Iterator[bytes]:
    yield msgspec.json.encode(head)[:-1] + b',"points":['
    separator = b""
    for page in pages:
        if page:
            yield separator + b",".join(msgspec.json.encode(json_point(point, stat_type)) for point in page)
            separator = b","
    yield b"]}"


def _pages(store: Store, project: int, stat: StatInfo, window: Window) -> Iterator[list[Point]]:
    """The window's points, or its buckets that hold any, a page at a time."""
    number = _number(stat)
    resolution = window.resolution
    if resolution != RAW:
        yield from _bucket_pages(store, project, stat, window, resolution)
        return
    cursor = None
    while True:
        page = list_points(store, project, number, window.start, window.end, limit=PAGE_POINTS, cursor=cursor)
        yield [stored_point(point, stat.type) for point in page.points]
        cursor = page.next
        if cursor is None:
            return


def _bucket_pages(
    store: Store, project: int, stat: StatInfo, window: Window, resolution: Resolution
) -> Iterator[list[Point]]:
    number = _number(stat)
    span = stat_span(store, project, number)
    if span is None:
        return
    start, end = max(window.start, span.first), min(window.end, span.last + 1)
    while start < end:
        stop = min(end, start + PAGE_BUCKETS * _LENGTH_MS[resolution])
        if stop < end:  # a page ends where a bucket does
            stop = grid(start, stop, resolution, window.tz).starts[-1]
        buckets = stat_buckets(store, project, number, start, stop, resolution, window.tz)
        yield [bucket_point(bucket, stat.type) for bucket in buckets if bucket.count]
        start = stop


def _number(stat: StatInfo) -> int:
    number = stat_number(stat.id)
    assert number is not None
    return number
