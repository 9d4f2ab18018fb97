"""SlowStats: events of a project, each with an optional Discord message (contract 1.4, 1.10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple
from uuid import UUID, uuid5

import msgspec

from headrace.dialects import slowstats_discord as discord
from headrace.dialects.answers import Problem, json_answer, refuse
from headrace.dialects.base import Inbound, Route
from headrace.dialects.jsontext import NotJson, compact_text, is_finite, read_json, too_deep
from headrace.dialects.rows import event_row
from headrace.dialects.slowstats_answers import (
    BAD_EVENT,
    BODY_CAP,
    BODY_REFUSALS,
    ENCODINGS,
    EVENTS_PATH,
    LIMIT,
    NO_ACCESS,
    TYPE_MAX,
)
from headrace.records.ids import uuid7
from headrace.records.intents import Answer, DailyEventFact, Decision, Fact, Intent, OutboxFact, Submission
from headrace.records.text import escapes_nul

#: Characters of an event's description (1.10).
DESCRIPTION_MAX = 4_096
#: Colours are RGB as one number.
COLOR_MAX = 0xFFFFFF
#: How long a Discord message may wait before it is too old to be sent, µs (rulings 4).
MESSAGE_KEPT_US = 3_600 * 1_000_000

#: Where a payload may name its visitor; the first one present counts (2).
VISITOR_FIELDS = ("visitorId", "visitor_id", "userId", "user_id", "sessionId", "ip")

_VISITOR_FIELDS = frozenset(VISITOR_FIELDS)

_DAY_US = 86_400 * 1_000_000
_Color = Annotated[int, msgspec.Meta(ge=0, le=COLOR_MAX)]
_Description = Annotated[str, msgspec.Meta(max_length=DESCRIPTION_MAX)]


class DiscordWebhook(msgspec.Struct):
    """Where else to show the event. ``url`` is the https address of a webhook at discord.com or discordapp.com."""

    url: str
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=discord.TITLE_MAX)]
    description: _Description | None = None
    color: _Color | None = None


class Event(msgspec.Struct):
    """Something that happened, at the time of its receipt. ``color`` is RGB as a decimal number. A ``discordWebhook`` also gets it as an
    embed: its own description and colour before the event's, the payload's plain values as fields.
    """

    project_id: str = msgspec.field(name="projectId")
    event_type: Annotated[str, msgspec.Meta(min_length=1, max_length=TYPE_MAX)] = msgspec.field(name="eventType")
    description: _Description | None = None
    payload: dict[str, Any] | None = None
    color: _Color | None = None
    discord_webhook: DiscordWebhook | None = msgspec.field(name="discordWebhook", default=None)


class Message(NamedTuple):
    """A checked ``discordWebhook``; absent parts are the event's to give."""

    url: str
    title: str
    description: str | None
    color: int | None


class EventFields(NamedTuple):
    """A checked body. ``payload`` is empty when none was sent."""

    project_id: str
    type: str
    description: str | None
    color: int | None
    payload: dict[str, Any]
    message: Message | None


def parse_event(inbound: Inbound) -> Submission:
    """``POST /api/slowstats/ingest-events``: one event of the named project; its Discord message goes into the outbox, the webhook's
    address sealed.
    """
    fields = fast_event(inbound.body)
    if fields is None:
        try:
            fields = exact_event(inbound.body)
        except Problem as problem:
            raise refuse(400, str(problem)) from None
    project = inbound.reachable_project(fields.project_id)
    if project is None:  # an unknown project as a foreign one: ids cannot be probed
        raise refuse(403, NO_ACCESS)
    return Submission([_intent(inbound, project, fields)], _created, project=project)


_CREATED = json_answer(200, {"message": "Event created successfully."})


def _created(_: Sequence[Decision]) -> Answer:
    return _CREATED  # nothing is claimed and no stat is asked for


def _intent(inbound: Inbound, project: int, fields: EventFields) -> Intent:
    now = inbound.received_us
    event_id = uuid7(now)
    row = event_row(
        project=project,
        ts=now,
        received_at=now,
        ts_source="received",
        dialect="slowstats",
        id=event_id,
        user_id=visitor_of(fields.payload),
        type="event",
        name=fields.type,
        message=fields.description or "",
        raw=compact_text(_data(fields)),
    )
    facts: list[Fact] = [DailyEventFact(project, now // _DAY_US)]
    if fields.message is not None:
        facts.append(_outbox(inbound, project, event_id, fields, fields.message))
    return Intent(rows=(row,), facts=facts, source="slowstats")


def _data(fields: EventFields) -> dict[str, Any]:
    """What ``get-events`` gives as ``data``: the payload's keys, beside them what the payload does not name itself."""
    data: dict[str, Any] = {}
    if fields.description is not None:
        data["description"] = fields.description
    if fields.color is not None:
        data["color"] = fields.color
    data.update(fields.payload)
    return data


def _outbox(inbound: Inbound, project: int, event_id: str, fields: EventFields, message: Message) -> OutboxFact:
    now = inbound.received_us
    color = fields.color if message.color is None else message.color
    description = message.description or fields.description or ""
    return OutboxFact(
        id=str(uuid5(UUID(event_id), "discord")),
        project=project,
        kind="discord",
        address=inbound.seal(message.url),
        message=discord.message(message.title, description, color, fields.payload, now),
        event_id=event_id,
        created_at=now,
        not_after=now + MESSAGE_KEPT_US,
    )


def visitor_of(payload: Mapping[str, Any]) -> str:
    """The value of the first of ``VISITOR_FIELDS`` that holds a text or a number; "" without one."""
    if _VISITOR_FIELDS.isdisjoint(payload):
        return ""
    for name in VISITOR_FIELDS:
        value = payload.get(name)
        if type(value) is str:
            return value
        if type(value) is float and value.is_integer():
            return str(int(value))  # 42.0 is the 42 that another program sends
        if type(value) in (int, float):
            return str(value)
    return ""


# The fast path knows no field that it does not use: what a decoder skips it does not check.
class _FastEvent(Event, forbid_unknown_fields=True):
    pass


_decode = msgspec.json.Decoder(_FastEvent).decode


def fast_event(body: bytes) -> EventFields | None:
    """The fields of a body without a message for Discord, or None when the exact reader has to look."""
    if escapes_nul(body):
        return None
    try:
        event = _decode(body)
    except (ValueError, RecursionError):
        return None
    payload = event.payload or {}
    if event.discord_webhook is not None or not event.project_id.strip() or too_deep(body, [payload]):
        return None
    return EventFields(event.project_id, event.event_type, event.description, event.color, payload, None)


def exact_event(body: bytes) -> EventFields:
    """As :func:`fast_event`, but raises :class:`Problem`."""
    try:
        return event_fields(read_json(body))
    except NotJson:
        raise Problem(BAD_EVENT) from None


def event_fields(body: Any) -> EventFields:
    """The fields of a read body. Null is as good as absent wherever a field may be absent, unknown fields are ignored. Raises
    :class:`Problem`, with one text for every fault (1.2).
    """
    if type(body) is not dict:
        raise Problem(BAD_EVENT)
    project_id, payload = body.get("projectId"), body.get("payload")
    if type(project_id) is not str or not project_id.strip():
        raise Problem(BAD_EVENT)
    if payload is None:
        payload = {}
    if type(payload) is not dict or not is_finite(payload):
        raise Problem(BAD_EVENT)
    return EventFields(
        project_id=project_id,
        type=_text(body.get("eventType"), TYPE_MAX),
        description=_description(body),
        color=_color(body),
        payload=payload,
        message=_message(body.get("discordWebhook")),
    )


def _message(webhook: Any) -> Message | None:
    if webhook is None:
        return None
    if type(webhook) is not dict:
        raise Problem(BAD_EVENT)
    url, title = webhook.get("url"), _text(webhook.get("title"), discord.TITLE_MAX)
    if type(url) is not str or not discord.is_webhook(url) or not title.strip():
        raise Problem(BAD_EVENT)
    return Message(url, title, _description(webhook), _color(webhook))


def _text(value: Any, longest: int) -> str:
    if type(value) is not str or not 1 <= len(value) <= longest:
        raise Problem(BAD_EVENT)
    return value


def _description(fields: dict[str, Any]) -> str | None:
    value = fields.get("description")
    return value if value in (None, "") else _text(value, DESCRIPTION_MAX)


def _color(fields: dict[str, Any]) -> int | None:
    """An integer, in whatever form JSON writes one: 255.0 is 255."""
    value = fields.get("color")
    if value is None:
        return None
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= COLOR_MAX:
        raise Problem(BAD_EVENT)
    return value


EVENTS = Route(
    path=EVENTS_PATH,
    method="POST",
    dialect="slowstats",
    # 1.9: the rate is charged per request, before its body; a known Idempotency-Key is charged nothing.
    steps=("auth", "scope", "idempotency", "charge_request", "declared_size", "body", "parse", "quota", "append"),
    summary="Store an event of a project, and show it in Discord.",
    parse=parse_event,
    aliases=("/api/slowstats/add-event",),
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=ENCODINGS,
    limit=LIMIT,
    names_project=True,
    body_type=Event,
    sample=(
        '{"projectId":"0199f3c2-7a41-7c3e-9b5d-2f6a8c1e4d70","eventType":"deploy_finished","description":"version 1.4 is out",'
        '"payload":{"version":"1.4.0","userId":"42"},"color":9175295}'
    ),
    answers=(
        (200, '{"message":"Event created successfully."}'),
        (400, '{"error":"Invalid request body."}'),
        *BODY_REFUSALS,
    ),
)
