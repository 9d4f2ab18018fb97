"""SlowStats: metric payloads of a project, and the dialect as a whole (contract 1.1-1.3, 1.8-1.10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from headrace.dialects.answers import Problem, json_answer, refuse
from headrace.dialects.base import Dialect, Inbound, Route
from headrace.dialects.jsontext import NotJson, compact_text, is_finite, number, read_json, too_deep
from headrace.dialects.slowstats_answers import (
    BODY_CAP,
    BODY_REFUSALS,
    ENCODINGS,
    LIMIT,
    NO_ACCESS,
    NO_PAYLOAD,
    NO_PROJECT,
    fault,
    limit_headers,
)
from headrace.dialects.slowstats_events import EVENTS
from headrace.dialects.slowstats_reads import READS
from headrace.records import tables
from headrace.records.ids import uuid7
from headrace.records.intents import Answer, Decision, Intent, PlainPoint, RowIn, Submission
from headrace.records.text import escapes_nul

#: Numeric leaves of a payload that become stats, and how many keys their paths may have (rulings 3); the rest stays raw.
MAX_LEAVES = 1_000
MAX_DEPTH = 16
#: Leaves that tell people in a line what a metric was about, and the first whole number that is not written out there.
SHOWN_LEAVES = 4
WHOLE_BELOW = 1e15
#: The columns from ``environment`` to ``user_id``, of which a metric has none.
_NOTHING = ("",) * 9
#: Characters of a leaf's path as a stat's name; a longer one stays raw.
MAX_NAME = 255


class Metric(msgspec.Struct):
    """Any object of measurements. Numbers and booleans, nested up to 16 keys deep, become stats named by their dotted paths."""

    project_id: str = msgspec.field(name="projectId")
    payload: dict[str, Any]


# The fast path knows no field that it does not use: what a decoder skips it does not check.
class _FastMetric(Metric, forbid_unknown_fields=True):
    pass


_decode = msgspec.json.Decoder(_FastMetric).decode


def parse_metric(inbound: Inbound) -> Submission:
    """``POST /api/slowstats/ingest-metrics``: the payload as a row of the named project, its numeric leaves as points."""
    metric = fast_metric(inbound.body)
    if metric is None:
        try:
            metric = exact_metric(inbound.body)
        except Problem as problem:
            raise refuse(400, str(problem)) from None
    public_id, payload = metric
    project = inbound.reachable_project(public_id)
    if project is None:  # an unknown project as a foreign one: ids cannot be probed
        raise refuse(403, NO_ACCESS)
    return Submission([_intent(project, payload, inbound.received_us)], _stored, project=project)


_STORED = json_answer(200, {"message": "Metric ingested successfully."})


def _stored(_: Sequence[Decision]) -> Answer:
    return _STORED  # derived stats refuse nothing and nothing is claimed


def _intent(project: int, payload: dict[str, Any], received_us: int) -> Intent:
    found = list(islice(leaves(payload), MAX_LEAVES))
    values: tuple[Any, ...] = (  # the columns of ``EVENTS``
        project,
        received_us,
        received_us,
        "received",
        "",  # ts_sent
        "slowstats",
        uuid7(received_us),
        *_NOTHING,
        "metric",
        "",  # level
        "",  # name
        ", ".join([f"{name} {_figure(value)}" for name, value in found[:SHOWN_LEAVES]]),
        "",  # fingerprint
        "",  # status
        None,  # duration_ms
        None,  # value
        {},  # labels
        compact_text(payload),
    )
    now_ms = received_us // 1000
    points: list[PlainPoint] = [(name, "value", now_ms, value, 0) for name, value in found]
    return Intent((RowIn(tables.EVENTS.name, values),), points, "slowstats")


def _figure(value: float) -> str:
    """As people write it: without the fraction of a whole number."""
    return str(int(value)) if value.is_integer() and abs(value) < WHOLE_BELOW else repr(value)


def leaves(node: dict[str, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, float]]:
    """The numeric leaves of ``node`` in its order, each with its dotted path; booleans are 0 and 1. Arrays, strings, nulls, integers
    beyond a double, nameless paths and paths over ``MAX_NAME`` are passed over.
    """
    for key, item in node.items():
        path = f"{prefix}{key}"
        if type(item) is dict:
            if depth < MAX_DEPTH:
                yield from leaves(item, f"{path}.", depth + 1)
            continue
        value = float(item) if type(item) is bool else number(item)
        if value is not None and not path.isspace() and 0 < len(path) <= MAX_NAME:
            yield path, value


def fast_metric(body: bytes) -> tuple[str, dict[str, Any]] | None:
    """Project id and payload of a body, or None when the exact reader has to look."""
    if escapes_nul(body):
        return None
    try:
        metric = _decode(body)
    except (ValueError, RecursionError):
        return None
    if not metric.project_id.strip() or too_deep(body, [metric.payload]):
        return None
    return metric.project_id, metric.payload


def exact_metric(body: bytes) -> tuple[str, dict[str, Any]]:
    """As :func:`fast_metric`, but raises :class:`Problem`: the project id before the payload (1.9)."""
    try:
        metric = read_json(body)
    except NotJson:
        raise Problem(NO_PROJECT) from None
    project_id = metric.get("projectId") if type(metric) is dict else None
    if type(project_id) is not str or not project_id.strip():
        raise Problem(NO_PROJECT)
    payload = metric.get("payload")
    if type(payload) is not dict or not is_finite(payload):
        raise Problem(NO_PAYLOAD)
    return project_id, payload


_METRICS = Route(
    path="/api/slowstats/ingest-metrics",
    method="POST",
    dialect="slowstats",
    # 1.9: the rate is charged per request, before its body; a known Idempotency-Key is charged nothing.
    steps=("auth", "scope", "idempotency", "charge_request", "declared_size", "body", "parse", "quota", "append"),
    summary="Store a metric payload of a project.",
    parse=parse_metric,
    aliases=("/api/slowstats/ingest-metric",),
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=ENCODINGS,
    limit=LIMIT,
    names_project=True,
    body_type=Metric,
    sample='{"projectId":"0199f3c2-7a41-7c3e-9b5d-2f6a8c1e4d70","payload":{"temperature":72.5,"disk":{"free_gb":118}}}',
    answers=(
        (200, '{"message":"Metric ingested successfully."}'),
        (400, '{"error":"Project ID is required."}'),
        *BODY_REFUSALS,
    ),
)

DIALECT = Dialect(
    name="slowstats",
    title="SlowStats",
    prefixes=("/api/slowstats/",),
    routes=(_METRICS, EVENTS, *READS),
    key_places=("x-api-key",),
    fault=fault,
    limit_headers=limit_headers,
)
