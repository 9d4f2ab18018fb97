"""A request as parsers see it, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from headrace.dialects.base import Dialect, Route

#: When every fake request arrives: 2026-04-02 10:00:00 UTC, in µs.
NOW_US = int(datetime(2026, 4, 2, 10, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass
class FakeInbound:
    """An :class:`headrace.dialects.base.Inbound`. ``reachable``: public project id to number; ``monitors``: (slug, environment)
    to id.
    """

    route: Route
    body: bytes = b""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    reachable: Mapping[str, int] = field(default_factory=dict)
    monitors: Mapping[tuple[str, str], str] = field(default_factory=dict)
    project: int = 1
    received_us: int = NOW_US
    key_kind: str = "key"
    bindings: Mapping[str, Any] = field(default_factory=dict)
    project_platform: str = "http_api"
    reading: Any = None
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.route.method

    def header(self, name: bytes) -> bytes | None:
        return self.headers.get(name)

    def query(self) -> dict[str, str]:
        return dict(self.parameters)

    def reachable_project(self, public_id: str) -> int | None:
        return self.reachable.get(public_id)

    def monitor_id(self, slug: str, environment: str) -> str | None:
        return self.monitors.get((slug, environment))

    def seal(self, text: str) -> str:
        return f"sealed:{len(text)}"


def route_of(dialect: Dialect, path: str, method: str = "POST") -> Route:
    """The route that serves ``path``, also by an alias."""
    for route in dialect.routes:
        if route.method == method and path in (route.path, *route.aliases):
            return route
    raise KeyError(path)
