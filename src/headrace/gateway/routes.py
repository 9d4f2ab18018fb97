"""The route table at work: a path and a method to a route, or to the dialect whose form the refusal takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from headrace.dialects.base import Dialect, Route

_SEGMENT = re.compile(r"\{([a-z_]+)\}")


class Match(NamedTuple):
    """``route`` None: the path (``allow`` "") or the method (``allow`` lists what there is) is not served. ``cors``: browsers may
    ask for the path. ``browsers``: a route of the path that those of some projects may ask for.
    """

    dialect: Dialect
    route: Route | None
    params: dict[str, str]
    allow: str = ""
    cors: bool = False
    browsers: Route | None = None


class _Methods(NamedTuple):
    dialect: Dialect
    routes: dict[str, Route]


class RouteTable:
    """Exact paths are one look-up; templates are tried in order after it."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._exact: dict[str, _Methods] = {}
        self._templates: dict[str, tuple[re.Pattern[str], _Methods]] = {}
        self._prefixes: list[tuple[str, Dialect]] = []
        for dialect in dialects:
            self._prefixes += [(prefix, dialect) for prefix in dialect.prefixes]
            for route in dialect.routes:
                for path in (route.path, *route.aliases):
                    self._add(dialect, route, path)
        self._prefixes.sort(key=lambda item: -len(item[0]))
        #: What the hot paths match, made once.
        self._ready: dict[tuple[str, str], Match] = {
            (method, path): _pick(methods, method, {})
            for path, methods in self._exact.items()
            for method in methods.routes
        }

    def _add(self, dialect: Dialect, route: Route, path: str) -> None:
        if "{" in path:
            rest = f"(?:/(?P<{route.rest}>[^/]+(?:/[^/]+)*))?" if route.rest else ""
            pattern = re.compile(_SEGMENT.sub(r"(?P<\1>[^/]+)", path) + rest)
            methods = self._templates.setdefault(pattern.pattern, (pattern, _Methods(dialect, {})))[1]
            methods.routes[route.method] = route
            return
        forms = (path, path + "/", path + ".json", path + ".json/") if dialect.lenient_paths else (path,)
        for form in forms:
            methods = self._exact.setdefault(form, _Methods(dialect, {}))
            if methods.dialect.name != dialect.name:
                raise ValueError(f"{form} is claimed by {methods.dialect.name} and by {dialect.name}")
            methods.routes[route.method] = route

    def match(self, method: str, path: str) -> Match | None:
        """What answers ``method path``; None when no dialect owns it."""
        ready = self._ready.get((method, path))
        if ready is not None:
            return ready
        methods = self._exact.get(path)
        params: dict[str, str] = {}
        if methods is None:
            for pattern, candidate in self._templates.values():
                found = pattern.fullmatch(path)
                if found is not None:
                    methods, params = candidate, found.groupdict("")
                    break
        if methods is None:
            dialect = self.owner(path)
            return None if dialect is None else Match(dialect, None, {}, cors=path.startswith(dialect.cors_under))
        return _pick(methods, method, params)

    def owner(self, path: str) -> Dialect | None:
        """The dialect with the longest prefix of ``path``."""
        for prefix, dialect in self._prefixes:
            if path.startswith(prefix) and (
                prefix.endswith("/") or path[len(prefix) : len(prefix) + 1] in ("", "/", ".")
            ):
                return dialect
        return None


def _pick(methods: _Methods, method: str, params: dict[str, str]) -> Match:
    dialect = methods.dialect
    cors = any(route.cors for route in methods.routes.values())
    route = methods.routes.get(method)
    if route is None and method == "HEAD":
        route = methods.routes.get("GET")
    if route is not None:
        return Match(dialect, route, params, cors=cors)
    allow = "" if dialect.method_is_not_found else ", ".join(sorted(methods.routes))
    browsers = next((route for route in methods.routes.values() if route.cors_by_project), None)
    return Match(dialect, None, params, allow, cors, browsers)
