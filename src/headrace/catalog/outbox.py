"""Messages to be sent outside. Delivery is at least once, and never of what is too old (rulings 4).

| state | added again | its time is over |
|---|---|---|
| (none) | pending | cannot be |
| pending | unchanged | expired; address and message are forgotten |
| expired | unchanged | unchanged |
"""

from __future__ import annotations

from sqlalchemy import Connection, update

from headrace.catalog.db import insert_ignore
from headrace.catalog.tables import outbox
from headrace.records.intents import OutboxFact


def add(conn: Connection, fact: OutboxFact) -> None:
    """Puts a message in; one that is there already, by its id, stays as it is."""
    row = {
        "id": fact.id,
        "project": fact.project,
        "kind": fact.kind,
        "address": fact.address,
        "message": fact.message,
        "event_id": fact.event_id,
        "created_at": fact.created_at,
        "not_after": fact.not_after,
        "attempts": 0,
        "state": "pending",
    }
    insert_ignore(conn, outbox, [row], conflict=("id",))


def expire(conn: Connection, now: int) -> int:
    """Ends the pending messages whose time is over (``now`` in µs) and forgets what they held; gives how many."""
    over = update(outbox).where(outbox.c.state == "pending", outbox.c.not_after <= now)
    return conn.execute(over.values(state="expired", address="", message={})).rowcount
