"""The one command that fills an empty page."""

from __future__ import annotations

from typing import Any

from litestar import Request

from headrace.api.deps import Services
from headrace.api.samples import KEY_VARIABLE, Call, curl
from headrace.web.pages import reader

#: A first point, and a first event: path and body.
POINT: tuple[str, Any] = ("/v1/ingest", {"stat": "orders", "count": 1})
EVENT: tuple[str, Any] = ("/api/v1/events", {"events": [{"type": "event", "name": "signup"}]})


def first_command(request: Request[Any, Any, Any], services: Services, record: tuple[str, Any]) -> str:
    """What sends ``record`` to the host that the page was asked from; the key stays a variable of the reader's shell."""
    path, body = record
    url = reader(request, services).base + path
    return curl(Call("POST", url, (("Authorization", f"Bearer {KEY_VARIABLE}"),), "application/json", body))
