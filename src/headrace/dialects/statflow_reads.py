"""StatFlow's reads and synchronous writes as rows of the route table."""

from __future__ import annotations

from headrace.dialects.base import Route

ROUTES: tuple[Route, ...] = ()
