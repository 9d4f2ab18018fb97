"""CanaryHub's events: two readers of the same bodies (contract 1.2, 1.6).

The fast one accepts or has no opinion (None); the exact one accepts the same and more, and names the first problem.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from headrace.dialects.answers import Problem
from headrace.dialects.jsontext import compact, compact_text, is_finite, may_be_shallow, number, read_json
from headrace.records.text import escapes_nul
from headrace.records.times import iso_us

#: Events in a batch (1.1).
MAX_EVENTS = 100
#: Code points (1.2, 1.6).
MAX_NAME = 200
MAX_MESSAGE = 2_000
#: Bytes of ``meta`` as compact UTF-8 JSON (1.6).
MAX_META = 4_096


class Event(msgspec.Struct):
    """Something that happened (``event``) or went wrong (``error``). ``name`` is what is counted and charted, ``value`` an amount,
    ``meta`` any context up to 4,096 bytes of JSON, ``ts`` ISO 8601 with an offset. Other fields are ignored.
    """

    type: Literal["event", "error"]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE)] | None = None
    value: float | None = None
    meta: dict[str, Any] | None = None
    ts: str | None = None


class Batch(msgspec.Struct):
    """1 to 100 events, stored all or none."""

    events: Annotated[list[Event], msgspec.Meta(min_length=1, max_length=MAX_EVENTS)]


# The fast path knows no field that it does not use: what a decoder skips it does not check.
class _FastEvent(Event, forbid_unknown_fields=True, omit_defaults=True):
    pass


class _FastBatch(msgspec.Struct, forbid_unknown_fields=True):
    events: Annotated[list[_FastEvent], msgspec.Meta(min_length=1, max_length=MAX_EVENTS)]


_decode = msgspec.json.Decoder(_FastBatch).decode


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An event that passed. ``ts`` is the time as sent and ``ts_us`` what it means; ``labels`` are the scalar entries of
    ``meta``; ``raw`` is the event as compact JSON, without unknown fields.
    """

    type: str
    name: str
    message: str | None
    value: float | None
    ts: str | None
    ts_us: int | None
    labels: dict[str, str]
    raw: str


def fast_events(body: bytes) -> list[Accepted] | None:
    """The events of a body, or None when the exact reader has to look."""
    if escapes_nul(body):
        return None
    try:
        events = _decode(body).events
    except (ValueError, RecursionError):
        return None
    accepted = []
    for event in events:
        name = event.name.strip()
        meta = b"" if event.meta is None else compact(event.meta)
        ts_us = None if event.ts is None else iso_us(event.ts)
        if not name or len(meta) > MAX_META or not may_be_shallow(meta) or (event.ts is not None and ts_us is None):
            return None
        labels = _labels(event.meta) if event.meta else {}
        event.name, event.message = name, event.message or None
        accepted.append(
            Accepted(event.type, name, event.message, event.value, event.ts, ts_us, labels, compact_text(event))
        )
    return accepted


def exact_events(body: bytes) -> list[Accepted]:
    """As :func:`fast_events`, but raises :class:`Problem` or ``NotJson``: events in array order, fields in the order of 1.2."""
    batch = read_json(body)
    events = batch.get("events") if type(batch) is dict else None
    if type(events) is not list:
        raise Problem('body must be an object with an "events" array')
    if not events:
        raise Problem("events must hold at least 1 event")
    if len(events) > MAX_EVENTS:
        raise Problem(f"events must hold at most {MAX_EVENTS} events, got {len(events)}")
    return [_event(event, f"events[{index}]") for index, event in enumerate(events)]


def _event(event: Any, where: str) -> Accepted:
    if type(event) is not dict:
        raise Problem(f"{where} must be an object")
    kind = event.get("type")
    if kind not in ("event", "error"):
        raise Problem(f'{where}.type must be "event" or "error"')
    name = event.get("name")
    if name is None:
        raise Problem(f"{where}.name is required")
    name = name.strip() if type(name) is str else ""
    if not 1 <= len(name) <= MAX_NAME:
        raise Problem(f"{where}.name must be 1 to {MAX_NAME} characters")
    message = event.get("message")
    if message is not None and (type(message) is not str or len(message) > MAX_MESSAGE):
        raise Problem(f"{where}.message must be at most {MAX_MESSAGE} characters")
    value = event.get("value")
    amount = None if value is None else number(value)
    if value is not None and amount is None:
        raise Problem(f"{where}.value must be a finite number")
    meta = event.get("meta")
    meta_json = _meta(meta, where)
    ts = event.get("ts")
    ts_us = iso_us(ts) if type(ts) is str else None
    if ts is not None and ts_us is None:
        raise Problem(f"{where}.ts must be an ISO 8601 time with an offset")
    message = message or None
    raw: dict[str, Any] = {"type": kind, "name": name}
    if message is not None:
        raw["message"] = message
    if amount is not None:
        raw["value"] = amount
    if meta is not None:
        raw["meta"] = msgspec.Raw(meta_json)
    if ts is not None:
        raw["ts"] = ts
    labels = _labels(meta) if meta else {}
    return Accepted(kind, name, message, amount, ts, ts_us, labels, compact_text(raw))


def _meta(meta: Any, where: str) -> bytes:
    if meta is None:
        return b""
    if type(meta) is not dict:
        raise Problem(f"{where}.meta must be an object")
    if not is_finite(meta):
        raise Problem(f"{where}.meta must hold only finite numbers")
    meta_json = compact(meta)
    if len(meta_json) > MAX_META:
        raise Problem(f"{where}.meta must be at most {MAX_META} bytes of JSON")
    return meta_json


_SCALARS = frozenset([str, int, float, bool])


def _labels(meta: dict[str, Any]) -> dict[str, str]:
    return {
        key: item if type(item) is str else compact_text(item) for key, item in meta.items() if type(item) in _SCALARS
    }
