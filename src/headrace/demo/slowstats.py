"""The shop's chat bot over SlowStats. That dialect has no times: its records happen while they are sent."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from headrace.demo.week import Address, Shipment, Week, visitor

#: Payloads and events of a full-scale demo, and numbers in one payload.
METRICS, EVENTS = 60, 80
LEAVES = 5

_COMMANDS = ("order_status", "opening_hours", "track_parcel", "talk_to_human", "discount")


def records(week: Week, address: Address) -> Iterator[Shipment]:
    """Payloads and events in turn."""
    dice = week.dice("slowstats")
    metrics, events = (max(3, round(number * week.amount)) for number in (METRICS, EVENTS))
    for number in range(max(metrics, events)):
        if number < metrics:
            payload = {
                "bot": {"latency_ms": dice.randint(60, 140), "guilds": 412 + number // 7},
                "memory_mb": round(180 + dice.gauss(0, 3), 1),
                "chats": {"open": dice.randint(3, 19), "waiting": dice.randint(0, 4)},
                "version": week.releases[-1].version,
            }
            body = msgspec.json.encode({"projectId": address.project, "payload": payload})
            yield Shipment("slowstats", "/api/slowstats/ingest-metrics", body, points=LEAVES, rows=1)
        if number < events:
            command = dice.choice(_COMMANDS)
            event = {
                "projectId": address.project,
                "eventType": "command_used",
                "description": f"asked for {command.replace('_', ' ')}",
                "payload": {"command": command, "userId": visitor(dice), "shard": dice.randrange(3)},
            }
            yield Shipment("slowstats", "/api/slowstats/ingest-events", msgspec.json.encode(event), rows=1)
