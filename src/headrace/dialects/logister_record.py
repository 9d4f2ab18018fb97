"""A valid Logister event as what is stored of it: its row, its point, its monitor's check-in."""

from __future__ import annotations

from typing import Any, NamedTuple

from headrace.dialects.jsontext import compact_text
from headrace.dialects.logister_columns import (
    check_in_slug,
    duration_of,
    event_name,
    label_text,
    labels_of,
    number_of,
    scalar_text,
    shared_columns,
    status_of,
    value_of,
)
from headrace.dialects.logister_deployments import deployment_told
from headrace.dialects.logister_mobile import MOBILE_PLATFORMS
from headrace.dialects.logister_normalize import both_spellings
from headrace.dialects.logister_times import Occurrence, telemetry_evidence
from headrace.dialects.rows import event_row
from headrace.records.intents import CheckInFact, Claim, Fact, Intent, PointIn
from headrace.records.tables import PointFlag
from headrace.records.times import Happened

#: Characters of a stat's name; a metric with a longer one is stored but not charted.
STAT_NAME_CHARS = 255
#: Seconds between check-ins when none, or nothing usable, is sent.
DEFAULT_INTERVAL_S = 300
#: The largest interval kept, in seconds: what a 32-bit column holds.
MAX_INTERVAL_S = 2**31 - 1
#: Where an event comes from when neither its evidence nor its project's platform says.
DEFAULT_SOURCE = "api"


class Record(NamedTuple):
    """An event that is valid. ``context`` is what is stored, ``view`` the same through both spellings; ``sent`` holds the
    other fields as they are stored.
    """

    id: str
    type: str
    level: str
    message: str
    fingerprint: str
    occurred: Occurrence
    sent: dict[str, Any]
    context: dict[str, Any]
    view: dict[str, Any]
    claims: tuple[Claim, ...] = ()
    #: Where the event comes from when its evidence does not say.
    source: str = DEFAULT_SOURCE


def default_source(platform: str) -> str:
    """Where events of a project come from when their evidence does not say (1.4): phones have no other way than an SDK."""
    return "sdk" if platform in MOBILE_PLATFORMS else DEFAULT_SOURCE


def event_intent(record: Record, project: int, received_us: int) -> Intent:
    """Everything that is stored and learned from ``record``."""
    happened, view = record.occurred.happened, record.view
    context = {**record.context, "telemetry_evidence": _evidence(record, received_us)}
    shared = shared_columns(view)
    status = status_of(record.type, view)
    value = value_of(view)
    row = event_row(
        project=project,
        ts=happened.ts,
        received_at=received_us,
        ts_source=happened.source,
        ts_sent=happened.sent,
        dialect="logister",
        id=record.id,
        type=record.type,
        level=record.level,
        name=event_name(record.type, view, record.message),
        message=record.message,
        fingerprint=record.fingerprint,
        status=status,
        duration_ms=duration_of(view.get("duration_ms")),
        value=value,
        labels=labels_of(view),
        raw=compact_text({**record.sent, "context": context}),
        **shared,
    )
    return Intent(
        rows=(row,),
        points=points_of(view, record.message, value, happened) if record.type == "metric" else (),
        source="logister",
        claims=record.claims,
        facts=_facts(record, project, received_us, shared["environment"], status),
    )


def interval_seconds(value: Any) -> int:
    """The whole seconds of an expected interval; the default for anything that is not above zero."""
    seconds = number_of(value)
    if seconds is None or seconds < 1:
        return DEFAULT_INTERVAL_S
    return min(int(seconds), MAX_INTERVAL_S)


def _evidence(record: Record, received_us: int) -> dict[str, Any]:
    evidence = record.view.get("evidence")
    source = "" if evidence is None else label_text(both_spellings(evidence).get("source"))
    return telemetry_evidence(source or record.source, record.occurred, received_us)


def points_of(view: dict[str, Any], message: str, value: float | None, happened: Happened) -> tuple[PointIn, ...]:
    """The point of a metric, if it has a value and a name that a stat may have."""
    if value is None:
        return ()
    name = (scalar_text(both_spellings(view.get("metric")).get("name")) or message).strip()
    if len(name) > STAT_NAME_CHARS:
        return ()
    flags = PointFlag.CLAMPED if happened.sent else 0
    if happened.source != "received":
        flags |= PointFlag.BACKDATED
    return (PointIn(name, "value", happened.ts // 1000, value, flags),)


def _facts(record: Record, project: int, received_us: int, environment: str, status: str) -> tuple[Fact, ...]:
    deployed = deployment_told(record.view, project, environment, record.occurred.happened.ts, received_us)
    told = () if deployed is None else (deployed,)
    if record.type != "check_in":
        return told
    slug = check_in_slug(record.view, record.message)
    fact = CheckInFact(
        project=project,
        slug=slug,
        environment=environment,
        ok=status != "error",
        status=status,
        ts=record.occurred.happened.ts,
        received_at=received_us,
        interval_s=interval_seconds(record.view.get("expected_interval_seconds")),
        duration_ms=duration_of(record.view.get("duration_ms")),
        message="" if record.message == slug else record.message,
        event_id=record.id,
        creates=True,
    )
    return (fact, *told)
