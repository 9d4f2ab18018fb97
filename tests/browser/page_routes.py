"""Every route behind the gate, read from the table that serves them."""

from __future__ import annotations

import re
from typing import NamedTuple

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from headrace.web.site import make_site


class PageRoute(NamedTuple):
    """``open``: anybody may come; ``owners``: owners of the instance alone; ``form``: what is sent is a form."""

    method: str
    path: str
    open: bool
    owners: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def of_project(self) -> bool:
        return "{slug}" in self.path

    @property
    def is_twin(self) -> bool:
        return self.path.endswith(".json")

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    def filled(self, ids: dict[str, str]) -> str:
        """The path with ``ids`` in it. A parameter that they do not know fails: a new route cannot be forgotten."""
        unknown = set(self.parameters) - set(ids)
        assert not unknown, f"{self.name}: say in browser_site.Site.ids what {unknown} names"
        return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], self.path)


def _route(handler: HTTPRouteHandler, method: str, path: str) -> PageRoute:
    guards = {getattr(guard, "__name__", "") for guard in handler.guards or ()}
    return PageRoute(method, path, "door" in handler.opt, "instance_owner" in guards)


ROUTES = sorted(
    _route(handler, method, route.path_format)
    for router in make_site().handlers
    if isinstance(router, Router)
    for route in router.routes
    for handler in route.route_handlers
    for method in handler.http_methods
    if method != "OPTIONS"
)
#: GET routes that are neither pages nor twins: streams, fragments, downloads, redirects. By how their path ends.
NO_PAGES = ("/live", ".csv", "/app", "/p/{slug}", "/stats/chart", "/cli/device")
PAGES = [route for route in ROUTES if route.method == "GET" and not route.is_twin and not route.path.endswith(NO_PAGES)]
CHANGES = [route for route in ROUTES if route.method != "GET"]
