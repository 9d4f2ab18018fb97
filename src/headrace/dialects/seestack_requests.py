"""SeeStack's HTTP-request telemetry: ``POST /ingest/v1/http-requests`` (contract 1.3, rulings of 1.11)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec

from headrace.dialects.answers import json_answer
from headrace.dialects.base import Inbound
from headrace.dialects.jsontext import compact_text, too_deep
from headrace.dialects.seestack_fields import labels_of
from headrace.dialects.seestack_forms import (
    BLANK,
    INT_MAX,
    NOT_BLANK,
    Unreadable,
    integer,
    invalid,
    moment,
    read_object,
    spare_text,
    text,
    unreadable,
)
from headrace.records.ids import uuid7
from headrace.records.intents import Answer, Decision, Intent, RowIn, Submission
from headrace.records.tables import REQUESTS
from headrace.records.text import escapes_nul
from headrace.records.times import Happened, clamp

#: Requests in a batch (1.3).
MAX_REQUESTS = 100
#: A request that took longer is slow, ms (1.3: strictly greater).
SLOW_MS = 1000

DIRECTIONS = ("inbound", "outbound")
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Count = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]
Label = str | None


class HttpRequest(msgspec.Struct, rename="camel"):
    """One request that a program served (``inbound``) or made (``outbound``). ``timestamp`` is an ISO 8601 instant or epoch
    seconds (above 10^11 milliseconds); ``statusCode`` 0 means that there was no response; ``durationMs`` in ms, sizes in bytes.
    Numbers sent as strings and the reverse are converted; other fields are kept.
    """

    trace_id: Annotated[str, msgspec.Meta(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
    direction: Annotated[str, msgspec.Meta(examples=list(DIRECTIONS))]
    method: Annotated[str, msgspec.Meta(examples=list(METHODS))]
    host: Annotated[str, msgspec.Meta(examples=["api.example.com"])]
    path: Annotated[str, msgspec.Meta(examples=["/v1/orders"])]
    timestamp: Annotated[str | float, msgspec.Meta(examples=["2026-04-02T09:58:00.123Z"])]
    status_code: Annotated[Count, msgspec.Meta(examples=[200])] = 0
    duration_ms: Annotated[Count, msgspec.Meta(examples=[42])] = 0
    request_size: Count = 0
    response_size: Count = 0
    user_id: Label = None
    error_fingerprint: Label = None
    request_id: Label = None
    span_id: Label = None
    parent_span_id: Label = None
    session_id: Label = None
    environment: Label = None
    release: Label = None
    metadata: Any = None


class HttpRequests(msgspec.Struct, rename="camel"):
    """1 to 100 requests, stored all or none. ``projectId`` may be left out: the key's project is used in any case."""

    requests: Annotated[list[HttpRequest], msgspec.Meta(min_length=1, max_length=MAX_REQUESTS)]
    project_id: str | None = None


class _Read(NamedTuple):
    """A request that passed: its fields as text and integers, and the item as sent, for ``raw``."""

    item: HttpRequest
    happened: Happened
    sent: dict[str, Any]


_decode = msgspec.json.Decoder(HttpRequests).decode
_decode_any = msgspec.json.Decoder().decode


def parse_http_requests(inbound: Inbound) -> Submission:
    """One intent per request of the batch; the answer counts them."""
    received = inbound.received_us
    batch = _fast(inbound.body, received)
    if batch is None:
        batch = _exact(inbound.body, received)
    answer = _accepted(len(batch))

    def render(_decisions: Sequence[Decision]) -> Answer:
        return answer

    return Submission([Intent(rows=[_row(inbound.project, received, read) for read in batch])], render)


@lru_cache(maxsize=MAX_REQUESTS)
def _accepted(count: int) -> Answer:
    return json_answer(202, {"ok": True, "accepted": count})


def _row(project: int, received: int, read: _Read) -> RowIn:
    item, happened, sent = read
    values = (  # the columns of ``REQUESTS``
        project,
        happened.ts,
        received,
        happened.source,
        happened.sent,
        "seestack",
        uuid7(received),
        item.environment or "",
        item.release or "",
        "",  # service
        item.trace_id,
        item.span_id or "",
        item.parent_span_id or "",
        item.request_id or "",
        item.session_id or "",
        item.user_id or "",
        item.direction,
        item.method,
        item.host,
        item.path,
        item.status_code,
        float(item.duration_ms),
        item.request_size,
        item.response_size,
        int(item.duration_ms > SLOW_MS),
        item.error_fingerprint or "",
        labels_of(item.metadata),
        compact_text(sent),
    )
    return RowIn(REQUESTS.name, values)


# --- the fast path: accepts or has no opinion ---


def _fast(body: bytes, received: int) -> list[_Read] | None:
    try:
        typed = _decode(body)
        plain = _decode_any(body)
    except (ValueError, RecursionError):
        return None
    if escapes_nul(body) or too_deep(body, plain):
        return None
    if typed.project_id is not None and not _UUID.fullmatch(typed.project_id):
        return None
    batch = []
    for item, sent in zip(typed.requests, plain["requests"], strict=True):
        item.method = item.method.upper()
        ts = moment(item.timestamp) if type(item.timestamp) is str else None
        if ts is None or not _plausible(item):
            return None
        batch.append(_Read(item, clamp(ts, received, item.timestamp), sent))  # type: ignore[arg-type]  # text, as above
    return batch


def _plausible(item: HttpRequest) -> bool:
    return bool(
        item.direction in DIRECTIONS
        and item.method in METHODS
        and (item.status_code == 0 or 100 <= item.status_code <= 599)
        and item.trace_id.strip(BLANK)
        and item.host.strip(BLANK)
        and item.path.strip(BLANK)
    )


# --- the exact path: decides status, text and repair ---


def _exact(body: bytes, received: int) -> list[_Read]:
    value = read_object(body)
    details: dict[str, str] = {}
    try:
        _check_project(value.get("projectId"), details)
        items = _items(value.get("requests"), details)
        batch = [_item(item, f"requests[{index}]", received, details) for index, item in enumerate(items)]
    except Unreadable as error:
        raise unreadable(str(error)) from None
    if details:
        raise invalid(details)
    return [read for read in batch if read is not None]


def _check_project(value: Any, details: dict[str, str]) -> None:
    """1.11, 3: absent is fine, another project's is ignored, what is no UUID is refused."""
    if value is not None and not _UUID.fullmatch(text(value, "projectId")):
        details["projectId"] = "must be a valid UUID"


def _items(value: Any, details: dict[str, str]) -> list[Any]:
    """The items to look at: none when their number alone is refused, so that a body full of them costs nothing."""
    if value is not None and type(value) is not list:
        raise Unreadable("requests")
    if not value:
        details["requests"] = "must not be empty"
        return []
    if len(value) > MAX_REQUESTS:
        details["requests"] = f"size must be between 0 and {MAX_REQUESTS}"
        return []
    return list(value)


def _item(sent: Any, where: str, received: int, details: dict[str, str]) -> _Read | None:
    """One item; its problems join ``details``. Raises :class:`Unreadable`."""
    if sent is None:
        details[where] = "must not be null"
        return None
    if type(sent) is not dict:
        raise Unreadable(where)

    def required(name: str) -> str:
        value = text(sent.get(name), f"{where}.{name}")
        if not value.strip(BLANK):
            details[f"{where}.{name}"] = NOT_BLANK
        return value

    def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
        if value not in allowed:
            details.setdefault(f"{where}.{name}", f'must match "{"|".join(allowed)}"')
        return value

    def count(name: str) -> int:
        return integer(sent.get(name), f"{where}.{name}")

    item = HttpRequest(
        trace_id=required("traceId"),
        direction=one_of("direction", required("direction"), DIRECTIONS),
        method=one_of("method", required("method").upper(), METHODS),
        host=required("host"),
        path=required("path"),
        timestamp=required("timestamp"),
        status_code=count("statusCode"),
        duration_ms=count("durationMs"),
        # Upstream has no lower bound for sizes (1.3); SDKs send -1 for an unknown length.
        request_size=max(0, count("requestSize")),
        response_size=max(0, count("responseSize")),
        user_id=text(sent.get("userId"), f"{where}.userId"),
        error_fingerprint=text(sent.get("errorFingerprint"), f"{where}.errorFingerprint"),
        request_id=spare_text(sent.get("requestId")),
        span_id=spare_text(sent.get("spanId")),
        parent_span_id=spare_text(sent.get("parentSpanId")),
        session_id=spare_text(sent.get("sessionId")),
        environment=spare_text(sent.get("environment")),
        release=spare_text(sent.get("release")),
        metadata=sent.get("metadata"),
    )
    if not (item.status_code == 0 or 100 <= item.status_code <= 599):
        details[f"{where}.statusCode"] = "must be 0 or between 100 and 599"
    if item.duration_ms < 0:
        details[f"{where}.durationMs"] = "must be greater than or equal to 0"
    return _Read(item, _happened(sent.get("timestamp"), where, received, details), sent)


def _happened(sent: Any, where: str, received: int, details: dict[str, str]) -> Happened:
    """When the request took place; the receipt time for what its rule believes but cannot be (rulings 3)."""
    ts = moment(sent) if type(sent) in (str, int, float) else None
    if ts is None:
        details.setdefault(f"{where}.timestamp", "must be an ISO-8601 instant")
    return clamp(ts, received, text(sent, f"{where}.timestamp"))
