"""Logister requests for tests, and a stand-in for whoever decides claims."""

from __future__ import annotations

import json
from typing import Any

from inbound import FakeInbound, route_of
from outcomes import accepted, row_of, shown

from headrace.dialects.logister import DIALECT
from headrace.records.intents import NEW, Decision, Intent, Verdict

EVENTS = route_of(DIALECT, "/api/v1/ingest_events")
CHECK_INS = route_of(DIALECT, "/api/v1/check_ins")
UUID = "0b9e4c6e-7a0b-4a53-9f1e-0a1b2c3d4e5f"
OTHER_UUID = "1c9e4c6e-7a0b-4a53-9f1e-0a1b2c3d4e5f"


def encode(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def post(body: object, **more: Any) -> FakeInbound:
    return FakeInbound(EVENTS, encode(body), **more)


def event(**fields: Any) -> FakeInbound:
    """A log event with ``fields`` over its own; a field given as ``...`` is left out."""
    return post({"event": log(**fields)})


def log(**fields: Any) -> dict[str, Any]:
    given = {"event_type": "log", "message": "hello", **fields}
    return {name: value for name, value in given.items() if value is not ...}


def check_in(**fields: Any) -> FakeInbound:
    return FakeInbound(CHECK_INS, encode({"check_in": fields}))


def intent(request: FakeInbound) -> Intent:
    (found,) = accepted(request).intents
    assert found.source == "logister"
    return found


def stored(request: FakeInbound) -> dict[str, Any]:
    """The one row of a request by column, with its ``raw`` decoded."""
    found = intent(request)
    assert len(found.rows) == 1
    row = row_of(found)
    return {**row, "raw": json.loads(row["raw"])}


def context(request: FakeInbound) -> dict[str, Any]:
    """The stored context without what the server adds to every event."""
    held = stored(request)["raw"]["context"]
    held.pop("telemetry_evidence", None)
    assert held.pop("environment") == "production"
    return held


class Ledger:
    """Decides claims as admission does, in their order."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}

    def send(self, request: FakeInbound) -> tuple[int, Any]:
        submission = accepted(request)
        return shown(submission.render([self._decide(one) for one in submission.intents]))

    def _decide(self, one: Intent) -> Decision:
        for claim in one.claims:
            value = self.held.get(claim.key)
            if value is not None:
                clash = claim.exclusive and value != claim.value
                return Decision(Verdict.CONFLICT if clash else Verdict.DUPLICATE, value)
        self.held.update((claim.key, claim.value) for claim in one.claims)
        return NEW
