"""Traces for a command line (logister.md 1.11)."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from headrace.api.compat import logister_cli_shown as shown
from headrace.api.compat.logister_cli_asked import ENVIRONMENT_MAX, wrong
from headrace.api.compat.logister_cli_events import environments, one
from headrace.api.compat.logister_cli_reading import Reading, nothing_there
from headrace.api.compat.logister_cli_shown import SPAN_STATUSES, Json
from headrace.store.filters import Filter
from headrace.store.traces import list_roots, list_spans

#: Spans of one trace that are shown, and bytes of them as JSON.
SPANS_MAX: Final = 200
BYTES_MAX: Final = 900 * 1024
_TRACE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z", re.ASCII)
_WITHIN = ("name", "operation", "trace_id", "span_id")
_PAGE = ("cursor", "limit")


def _traces(reading: Reading) -> Json:
    query = reading.query
    asked, limit = query.range(reading.now), query.limit()
    status = query.choice("status", (*SPAN_STATUSES, "all"), "all")
    service = query.text("service")
    equals = {
        "environment": environments(query.text("environment", "env", longest=ENVIRONMENT_MAX)),
        "release": one(query.text("release")),
        "status": [status] if status in ("ok", "error") else [],
        # Whoever names no service is that of the project.
        "service": [service, ""] if service == reading.place.info.slug else one(service),
    }
    wanted = Filter(
        {name: values for name, values in equals.items() if values},
        text=query.text("q", "query"),
        within=_WITHIN,
        least_ms=query.milliseconds("min_duration_ms"),
    )
    cursors = reading.cursors("traces", query.others(_PAGE))
    place = cursors.read(query.get("cursor"), int, str)
    rows = list_roots(
        reading.store,
        reading.project,
        wanted,
        asked.start,
        asked.end,
        operation=query.text("operation"),
        unset=status == "unset",
        before=None if place is None else (place[0], place[1]),
        limit=limit + 1,
        budget=reading.budget,
    )
    following = cursors.make(rows[limit - 1]["ts"], rows[limit - 1]["id"]) if len(rows) > limit else None
    return reading.listed([shown.span(row, reading.place.info.slug) for row in rows[:limit]], following)


def _trace(reading: Reading) -> Json:
    trace_id = reading.named("trace_id")
    if _TRACE_ID.match(trace_id) is None:
        raise wrong("trace_id", "trace_id must be 1 to 128 letters, digits, dots, dashes, colons or underscores")
    asked = reading.query.range(reading.now)
    rows = list_spans(
        reading.store, reading.project, trace_id, asked.start, asked.end, limit=SPANS_MAX + 1, budget=reading.budget
    )
    if not rows:
        raise nothing_there()
    spans, left, cut = [], BYTES_MAX, len(rows) > SPANS_MAX
    for row in rows[:SPANS_MAX]:
        span = shown.span(row, reading.place.info.slug, context=True)
        size = len(msgspec.json.encode(span)) + 1
        if size > left and span.pop("context", None) is not None:
            span["context_truncated"] = True
            size = len(msgspec.json.encode(span)) + 1
        cut = cut or size > left or span.get("context_truncated", False)
        if size > left:
            break
        spans.append(span)
        left -= size
    return {
        "trace_id": trace_id,
        "spans": spans,
        "span_count": len(spans),
        "truncated": cut,
        "generated_at": shown.time(reading.now),
    }


READS = {"traces": (_traces, ("traces:read",)), "trace": (_trace, ("traces:read",))}
