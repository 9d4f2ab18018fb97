"""The dialects that this server speaks: one line each."""

from __future__ import annotations

from headrace.dialects import canaryhub, logister, seestack, slowstats, statflow, stathat
from headrace.dialects.base import Dialect, Route

DIALECTS: tuple[Dialect, ...] = (
    slowstats.DIALECT,
    statflow.DIALECT,
    stathat.DIALECT,
    logister.DIALECT,
    seestack.DIALECT,
    canaryhub.DIALECT,
)

#: The route table of all vendors' endpoints.
ROUTES: tuple[Route, ...] = tuple(route for dialect in DIALECTS for route in dialect.routes)
