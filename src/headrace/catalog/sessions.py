"""Sessions: one run of a program, for the health of its release.

| status | start | end ok | end errored | end abnormal | end crashed |
|---|---|---|---|---|---|
| (none) | ok | ok | errored | abnormal | crashed |
| ok | ok | ok | errored | abnormal | crashed |
| errored | errored | errored | errored | abnormal | crashed |
| abnormal | abnormal | abnormal | abnormal | abnormal | crashed |
| crashed | crashed | crashed | crashed | crashed | crashed |
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, update

from headrace.catalog.db import insert_ignore
from headrace.catalog.tables import sessions
from headrace.records.intents import SESSION_STATUSES, SessionFact


def apply(conn: Connection, fact: SessionFact) -> None:
    """Makes or moves the fact's session. Start and end may come in either order, and more than once."""
    fresh = {
        "project": fact.project,
        "id": fact.session_id,
        "environment": "",
        "release": "",
        "user_id": "",
        "status": SESSION_STATUSES[0],
        "started_at": None,
        "ended_at": None,
        "duration_ms": None,
    }
    insert_ignore(conn, sessions, [fresh], conflict=("project", "id"))
    here = update(sessions).where(sessions.c.project == fact.project, sessions.c.id == fact.session_id)
    if not fact.ended:
        first = here.where(sessions.c.started_at.is_(None))
        names = ("environment", "release", "user_id")
        conn.execute(first.values(started_at=fact.ts, **{name: getattr(fact, name) for name in names}))
        return
    values: dict[str, Any] = {"ended_at": fact.ts, "duration_ms": fact.duration_ms}
    conn.execute(here.where(sessions.c.ended_at.is_(None)).values(values))
    milder = SESSION_STATUSES[: SESSION_STATUSES.index(fact.status)]
    conn.execute(here.where(sessions.c.status.in_(milder)).values(status=fact.status))
