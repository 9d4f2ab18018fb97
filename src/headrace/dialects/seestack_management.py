"""What the rows of SeeStack's management endpoints have in common (contract 4)."""

from __future__ import annotations

from headrace.dialects.base import Step
from headrace.dialects.seestack_answers import error, invalid

#: Bytes of a body, as sent and decoded (rulings 1).
BODY_CAP = 2 * 1024 * 1024

READ: tuple[Step, ...] = ("auth", "scope", "charge_request", "handle")
WRITE: tuple[Step, ...] = ("auth", "scope", "headers", "charge_request", "body", "handle")

#: The parameter of whatever acts in one project, and what names none that is reachable.
PROJECT = ("projectId", "Id of a project that the key reaches; without it the key's own.")
NO_PROJECT = (404, error("NOT_FOUND", "Project not found: 0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10"))
BAD_PAGE = invalid("page", "must be a whole number from 1 to 2147483647")
