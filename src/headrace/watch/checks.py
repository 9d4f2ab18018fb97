"""What a look at a page becomes: one row, which goes the way of all rows."""

from __future__ import annotations

from headrace.catalog.uptime import Claim
from headrace.records.intents import Answer, Intent, RowIn, Submission
from headrace.records.tables import UPTIME_CHECKS
from headrace.records.times import clamp
from headrace.watch.visit import Visit


def submission_of(claim: Claim, found: Visit, received_us: int) -> Submission:
    """The row, outside the project's quota: nobody has sent it."""
    values = (
        claim.due.project,
        clamp(claim.now, received_us).ts,
        received_us,
        claim.due.id,
        int(found.up),
        found.code,
        found.duration_ms,
        found.reason,
    )
    row = RowIn(UPTIME_CHECKS.name, values)
    return Submission((Intent(rows=(row,)),), lambda _: Answer(204), counted=False)
