"""What surrounds every page behind the door: navigation, range, project switch; and how a page becomes HTML or its JSON twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial, wraps
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from anyio import to_thread
from litestar import MediaType, Request, Response, get
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.types import Guard

from headrace.api.deps import Services
from headrace.api.services import dead_letters, sessions
from headrace.api.services.roles import Membership
from headrace.api.services.sessions import Viewer
from headrace.web.ranges import RANGES, Range, read_range, read_zone
from headrace.web.render import APP_HEADERS, Pages, packed

TWIN = ".json"
#: The slug of the project looked at last: where to begin, and what the navigation shows on pages without a project.
PROJECT_COOKIE = "headrace_project"
THEME_COOKIE = "headrace_theme"
THEMES = ("system", "light", "dark")
#: Seconds that a browser keeps how pages look, as long as browsers keep anything.
LOOK_MAX_AGE = 400 * 24 * 3_600
#: The parameters of a URL that say which time a page shows.
RANGE_FIELDS = ("range", "from", "to", "tz")


class Place(NamedTuple):
    """A page of the navigation. ``letter`` follows ``g``; ``role`` is the least that may see it; ``icon`` a symbol of ``kit/icons.html``;
    ``ranged``: it has a time range, which goes along from one such page to the next.
    """

    name: str
    title: str
    letter: str
    icon: str
    role: str = "viewer"
    ranged: bool = False


#: Pages of a project, at ``/app/p/{slug}/{name}``.
PROJECT_PLACES: tuple[Place, ...] = (
    Place("overview", "Overview", "o", "overview", ranged=True),
    Place("stats", "Stats", "s", "stats", ranged=True),
    Place("activity", "Activity", "a", "activity", ranged=True),
    Place("keys", "Keys", "k", "keys", "admin"),
    Place("dead-letters", "Dead letters", "d", "dead-letters"),
    Place("members", "Members", "m", "members"),
    Place("connect", "Connect", "c", "connect"),
)
#: Pages of the instance, at ``/app/{name}``; those with the role ``owner`` are for owners of the instance.
INSTANCE_PLACES: tuple[Place, ...] = (
    Place("projects", "Projects", "p", "projects"),
    Place("server", "Server", "v", "server", "owner"),
    Place("audit", "Audit", "u", "audit", "owner"),
)


class NavItem(NamedTuple):
    """A line of the navigation. ``waiting`` is how many things wait there, 0 for none."""

    place: Place
    href: str
    here: bool
    waiting: int


class Frame:
    """What every page has. Built by the handler without any look-up; what the HTML needs beyond that is read when it is asked for.

    ``here`` is the name of the page's :class:`Place`; ``ranged`` says that the page has a time range, ``default`` which one when the
    URL names none; ``live`` that the page has a live switch.
    """

    def __init__(
        self,
        request: Request[Any, Any, Any],
        services: Services,
        viewer: Viewer,
        project: Membership | None = None,
        *,
        here: str,
        ranged: bool = False,
        default: str = "24h",
        live: bool = False,
    ) -> None:
        self.viewer = viewer
        self.project = project
        self.here = here
        self.csrf = viewer.csrf
        self.prefix = services.path_prefix
        self.now = services.context.now()
        self.path = self.prefix + str(request.scope["path"]).removesuffix(TWIN)
        self.pairs: list[tuple[str, str]] = list(request.query_params.multi_items())
        self.query: Mapping[str, str] = dict(reversed(self.pairs))
        self.range: Range | None = read_range(self.query, request.cookies, self.now, default) if ranged else None
        self.zone = read_zone(self.query, request.cookies)
        self.has_live = live
        self.live = live and self.query.get("live") == "1"
        theme = request.cookies.get(THEME_COOKIE, "")
        self.theme = theme if theme in THEMES else "system"
        self._last = request.cookies.get(PROJECT_COOKIE, "")
        self._context = services.context

    @property
    def ranges(self) -> list[tuple[str, str]]:
        """Named ranges for the picker: name and what it is called."""
        return [(name, text) for name, (_, text) in RANGES.items()]

    @cached_property
    def projects(self) -> list[Membership]:
        """The projects to switch to."""
        return sessions.projects(self._context, self.viewer)

    @cached_property
    def around(self) -> Membership | None:
        """The project that the navigation leads through: the page's, on pages of the instance the one looked at last."""
        if self.project is not None:
            return self.project
        return next((one for one in self.projects if one.info.slug == self._last), None)

    @cached_property
    def nav(self) -> list[NavItem]:
        """The project's pages that the viewer may see."""
        project = self.around
        if project is None:
            return []
        base = f"{self.prefix}/app/p/{project.info.slug}"
        return [
            NavItem(
                place,
                f"{base}/{place.name}{self.kept if place.ranged else ''}",
                place.name == self.here,
                self._waiting(place.name, project),
            )
            for place in PROJECT_PLACES
            if project.allows(place.role)
        ]

    @cached_property
    def instance_nav(self) -> list[NavItem]:
        """The instance's pages that the viewer may see."""
        return [
            NavItem(place, f"{self.prefix}/app/{place.name}", place.name == self.here, 0)
            for place in INSTANCE_PLACES
            if place.role != "owner" or self.viewer.is_owner
        ]

    @cached_property
    def kept(self) -> str:
        """The URL's time range as the query of a link to another page, "" where it names none."""
        return _with_query("", [(name, self.query[name]) for name in RANGE_FIELDS if name in self.query])

    def switch_to(self, project: Membership) -> str:
        """The same page of another project, without what only means something in this one."""
        name = self.here if any(place.name == self.here for place in PROJECT_PLACES) else "overview"
        return f"{self.prefix}/app/p/{project.info.slug}/{name}{self.kept}"

    def link(self, **changes: str | Sequence[str] | None) -> str:
        """The page with parameters of its URL changed: a text, several, or None to remove one. A name may end in ``_`` (``from_``)."""
        named = {name.removesuffix("_"): value for name, value in changes.items()}
        pairs = [(name, value) for name, value in self.pairs if name not in named]
        for name, value in named.items():
            pairs += [(name, one) for one in ([value] if isinstance(value, str) else value or ())]
        return _with_query(self.path, pairs)

    def without(self, *names: str) -> list[tuple[str, str]]:
        """The URL's parameters but these: hidden fields of a form that changes them."""
        return [(name, value) for name, value in self.pairs if name not in names]

    @property
    def twin(self) -> str:
        """The page as JSON."""
        return _with_query(self.path + TWIN, self.pairs)

    def _waiting(self, name: str, project: Membership) -> int:
        if name != "dead-letters":
            return 0
        return dead_letters.count_open(self._context, project.actor, project.info.number)


def get_page(
    path: str, *, guards: Sequence[Guard] = (), opt: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., Response[Any]]], HTTPRouteHandler]:
    """Makes a handler of GET requests for a page and for its JSON twin. It runs in a worker thread.

    Not ``sync_to_thread``: Litestar wraps a handler once for each of its paths, and a function that is wrapped twice never runs.
    """

    def decorate(handle: Callable[..., Response[Any]]) -> HTTPRouteHandler:
        @wraps(handle)
        async def run(**arguments: Any) -> Response[Any]:
            return await to_thread.run_sync(partial(handle, **arguments))

        # A path that ends in a parameter takes ".json" in with it: its handler removes it.
        paths = [path] if path.endswith("}") else [path, path + TWIN]
        return get(paths, guards=list(guards), opt=opt, include_in_schema=False)(run)

    return decorate


def is_twin(request: Request[Any, Any, Any]) -> bool:
    """Whether the request asks for the JSON of a page."""
    return str(request.scope["path"]).endswith(TWIN)


def page(
    request: Request[Any, Any, Any],
    services: Services,
    template: str,
    view: msgspec.Struct,
    *,
    frame: Frame,
    status: int = HTTPStatus.OK,
    **extras: Any,
) -> Response[Any]:
    """The page: HTML of ``template`` with ``view`` and ``frame``, or ``view`` as JSON for the twin. ``extras`` are for the template alone
    (what was typed into a form, a key that is shown once).
    """
    if is_twin(request):
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        body, media = msgspec.json.encode(view), MediaType.JSON
    else:
        headers, media = dict(APP_HEADERS), MediaType.HTML
        body = Pages(services.path_prefix).render(template, view=view, frame=frame, **extras).encode()
    answer = Response(packed(request, body, headers), status_code=status, media_type=media, headers=headers)
    if frame.project is not None and request.cookies.get(PROJECT_COOKIE) != frame.project.info.slug:
        answer.set_cookie(look_cookie(request, services, PROJECT_COOKIE, frame.project.info.slug))
    return answer


def look_cookie(request: Request[Any, Any, Any], services: Services, name: str, value: str) -> Cookie:
    """A cookie about the look of pages; it opens nothing, and scripts may read it."""
    path, secure = f"{services.path_prefix}/", request.scope["scheme"] == "https"
    return Cookie(name, value=value, path=path, max_age=LOOK_MAX_AGE, samesite="lax", secure=secure)


def _with_query(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path
