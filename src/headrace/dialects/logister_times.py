"""When a Logister event happened (contract 1.6): lenient date texts, their fallbacks, and how sure the answer is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from msgspec import Raw

from headrace.dialects.jsontext import number
from headrace.dialects.logister_normalize import both_spellings, is_blank, text_of
from headrace.records.times import Happened, clamp, iso_text, iso_us

#: Characters of a date that is looked at; the longest in use has 31 (``Thu, 02 Apr 2026 10:00:00 +0000``).
MAX_DATE_TEXT = 64
#: Numbers above this are epoch milliseconds, up to it seconds.
LAST_SECONDS = 10**11
#: A number farther from the epoch is no time at all (ms; the year 33,658).
LAST_NUMBER = 10**15

# What Ruby prints for a Time: "2026-04-02 10:00:00 UTC", "2026-04-02 10:00:00 +0200".
_SPACED_ZONE = re.compile(r"(.*\d) +(?:(UTC|GMT|Z)|([+-]\d\d:?\d\d))\Z", re.ASCII | re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRECISION = {"exact": "exact", "interval": "reporting_interval", "received": "received_only"}


class Occurrence(NamedTuple):
    """When an event happened, and the interval that its evidence reports (µs, None when it names none)."""

    happened: Happened
    reporting_start: int | None = None
    reporting_end: int | None = None


def moment_us(value: Any) -> int | None:
    """µs since the epoch of a date as Logister's clients send it, None when it is none: ISO 8601 (without a zone UTC,
    without a time midnight), Ruby's ``Time#to_s``, RFC 2822, or a number of epoch seconds or milliseconds.
    """
    if type(value) is str:
        return _text_us(value.strip()) if len(value) <= MAX_DATE_TEXT else None
    figure = number(value)
    if figure is None or abs(figure) > LAST_NUMBER:
        return None
    scale = 1_000 if abs(figure) > LAST_SECONDS else 1_000_000
    return value * scale if type(value) is int else round(figure * scale)


def _text_us(text: str) -> int | None:
    moment = iso_us(text, need_offset=False)
    if moment is not None or not text:
        return moment
    spaced = _SPACED_ZONE.match(text)
    if spaced is not None:
        moment = iso_us(spaced[1] + (spaced[3] or "Z"))
        if moment is not None:
            return moment
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            parsed = read(text)
            aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
            return (aware - _EPOCH) // timedelta(microseconds=1)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def occurrence(occurred_at: Any, view: dict[str, Any], received_us: int) -> Occurrence:
    """When an event happened: its ``occurred_at``, else its diagnostic's or its evidence's, else the end or the start of
    the interval that the evidence reports, else its receipt. ``view`` is the context through both spellings.
    """
    evidence = both_spellings(view["evidence"]) if "evidence" in view else {}
    start, end = _interval(evidence) if evidence else (None, None)
    for sent in (occurred_at, _diagnosed(view), evidence.get("occurred_at")):
        moment = None if is_blank(sent) else moment_us(sent)
        if moment is not None:
            return Occurrence(clamp(moment, received_us, text_of(sent)), start, end)
    reported = start if end is None else end
    return Occurrence(clamp(reported, received_us, source="interval"), start, end)


def told_at(occurred_at: str | None, received_us: int) -> Happened:
    """As :func:`occurrence`, of an event whose context says nothing about times."""
    if occurred_at is None:
        return clamp(None, received_us)
    moment = iso_us(occurred_at)  # as nearly all send it
    if moment is None and len(occurred_at) <= MAX_DATE_TEXT:
        moment = _text_us(occurred_at.strip())
    return clamp(moment, received_us, occurred_at)


def _diagnosed(view: dict[str, Any]) -> Any:
    return both_spellings(view["diagnostic"]).get("occurred_at") if "diagnostic" in view else None


def _interval(evidence: dict[str, Any]) -> tuple[int | None, int | None]:
    period = both_spellings(evidence.get("reporting_period"))
    start = moment_us(evidence.get("reporting_start"))
    end = moment_us(evidence.get("reporting_end"))
    return (
        moment_us(period.get("start")) if start is None else start,
        moment_us(period.get("end")) if end is None else end,
    )


def telemetry_evidence(source: str, occurred: Occurrence, received_us: int) -> dict[str, Any]:
    """The record that the server keeps in the context of every event about where and when it comes from."""
    happened, start, end = occurred
    time = {"precision": _PRECISION[happened.source], "received_at": iso_text(received_us, 6)}
    if happened.source == "exact":
        time["occurred_at"] = iso_text(happened.ts, 6)
    if start is not None:
        time["reporting_start"] = _any_time(start)
    if end is not None:
        time["reporting_end"] = _any_time(end)
    return {"schema_version": 1, "source": source, "time": time}


def plain_evidence(source: str, happened: Happened, received_us: int) -> Raw:
    """:func:`telemetry_evidence` as JSON, for an event that reports no interval. ``source`` needs no escaping."""
    told = f'{{"schema_version":1,"source":"{source}","time":{{"precision":"{_PRECISION[happened.source]}"'
    received = iso_text(received_us, 6)
    if happened.source == "exact":
        return Raw(f'{told},"received_at":"{received}","occurred_at":"{iso_text(happened.ts, 6)}"}}}}'.encode())
    return Raw(f'{told},"received_at":"{received}"}}}}'.encode())


def _any_time(moment_us: int) -> str:
    """:func:`iso_text` for a moment that nothing has clamped: a number beyond the calendar."""
    try:
        return iso_text(moment_us, 6)
    except (ValueError, OverflowError):
        return str(moment_us)
