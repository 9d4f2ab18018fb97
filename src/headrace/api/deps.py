"""What the API needs from the other rooms, as protocols, and the bundle that carries them.

The composition root fills :class:`Services`; nothing here opens a file, a socket or a thread. Calls that may block
(catalog, store) run in worker threads; the protocols below answer from memory and are called on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromQuery, SkipValidation

from headrace.api.imports.uploads import Uploads
from headrace.api.recent import Recent
from headrace.api.services import Actor, Context, ServiceError
from headrace.api.services.base import live_project
from headrace.api.services.charts import Chart
from headrace.api.services.dead_letters import Append
from headrace.api.services.server_state import Holdings
from headrace.api.services.sessions import IDLE_US, Viewer
from headrace.catalog.keys import KeyRow
from headrace.store.client import Store

#: The numbers of a public page are read anew after so long, seconds, and those of so many pages are kept: nobody is asked who they are, so
#: a crowd of visitors must not cost more than one.
PUBLIC_S, PUBLIC_MOST = 30.0, 200


class Unavailable(Exception):
    """A look-up or change that cannot be made now. ``retry_after`` in whole seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Keys(Protocol):
    """Admission's key table."""

    def find(self, secret: str) -> KeyRow | None:
        """The live key with this secret, None when there is none. Raises :class:`Unavailable` when it cannot tell."""

    def charge(self, key: KeyRow) -> int:
        """Charges one API request to the key's own rate limit. 0: allowed; else whole seconds to wait."""


class Door(Protocol):
    """Where people come in, as far as only the process knows it. ``scope`` is the ASGI scope of a request."""

    def address(self, scope: Mapping[str, Any]) -> str:
        """The client's address behind the proxies that the operator trusts, "" when there is none."""

    def charge(self, scope: Mapping[str, Any], email: str) -> int:
        """Counts a try to sign in as ``email``. 0: it may be made; else whole seconds to wait."""


class HistogramReading(NamedTuple):
    """``bounds`` are upper bounds in seconds, ascending; ``counts`` has one more entry (above the last bound) and is not
    cumulative; ``total`` is the sum of all observations in seconds.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Readings(NamedTuple):
    """Counters since the process started and gauges of this moment. ``accepted`` by dialect; ``refused`` by (dialect, reason
    class, status): the class comes from a fixed list, never from a request; ``rows`` loaded into the store by table.
    """

    accepted: Mapping[str, int]
    refused: Mapping[tuple[str, str, int], int]
    journal_rows: int
    journal_bytes: int
    journal_oldest_s: float
    commit: HistogramReading
    loader_lag_s: float
    rows: Mapping[str, int]
    dead_letters: int
    query: HistogramReading


class Gauges(Protocol):
    def read(self) -> Readings:
        """All readings at once, from memory."""


class Readiness(NamedTuple):
    """``reasons`` say why nothing can be accepted durably (empty: ready); ``degraded`` what else does not work."""

    reasons: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()


class Ready(Protocol):
    def check(self) -> Readiness:
        """Whether a record could be acknowledged now, from memory."""


@dataclass(frozen=True)
class Services:
    """Everything that handlers use. ``context`` is the catalog with clock and randomness; ``append`` puts a dead letter's row
    back into the journal (called in a worker thread, returns when it is durable); ``store`` gives the open store or raises
    :class:`~headrace.store.errors.StoreUnavailable`; ``path_prefix`` stands in front of every
    link, "" or "/x"; ``session_idle_us`` is how long a person stays signed in without coming, µs;
    ``holdings`` what the operator set for disk and memory; ``uploads`` where files to import lie, ``wake_imports`` says that one waits;
    ``public_charts`` holds what visitors were shown last; ``stopping`` is set when the server begins to stop, and ends what would otherwise
    go on.
    """

    context: Context
    keys: Keys
    append: Append
    store: Callable[[], Store]
    gauges: Gauges
    ready: Ready
    door: Door
    holdings: Holdings
    uploads: Uploads
    wake_imports: Callable[[], None]
    metrics_token: str = ""
    path_prefix: str = ""
    session_idle_us: int = IDLE_US
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    public_charts: Recent[Chart] = field(default_factory=lambda: Recent(PUBLIC_S, PUBLIC_MOST))


class Asking(NamedTuple):
    """Who asks, and about which project: the key's own unless an account-wide key names another; a person's request names it, or it is
    None.
    """

    actor: Actor
    project: str | int | None


class Target(NamedTuple):
    """Who asks, about a project that is known."""

    actor: Actor
    project: str | int


def provide_actor(request: Request[Any, Any, Any]) -> Actor:
    """The caller that the route's guard found."""
    asking: Asking = request.state.asking
    return asking.actor


def provide_target(request: Request[Any, Any, Any], project: FromQuery[str | None] = None) -> Target:
    """``project``: id or slug. Whether the caller reaches it is decided where it is looked up (404 if not). Raises
    :class:`~headrace.api.services.ServiceError` ``invalid`` when none is known.
    """
    asking: Asking = request.state.asking
    wanted = project if project is not None else asking.project
    if wanted is None:
        raise ServiceError("invalid", "say which project: project=…")
    return Target(asking.actor, wanted)


def provide_person(request: Request[Any, Any, Any]) -> Viewer | None:
    """Who is signed in, None for a key."""
    viewer: Viewer | None = request.state.viewer
    return viewer


def project_number(services: Services, target: Target) -> int:
    """The number of the target's project. Raises :class:`~headrace.api.services.ServiceError` ``not_found`` for an unknown, foreign or
    archived one.
    """
    with services.context.catalog.read() as conn:
        return live_project(conn, target.actor, target.project).number


#: What a handler writes to be given these; the objects are ours, so nothing validates them again.
TheServices = NamedDependency[SkipValidation[Services]]
TheActor = NamedDependency[SkipValidation[Actor]]
TheTarget = NamedDependency[SkipValidation[Target]]
ThePerson = NamedDependency[SkipValidation[Viewer | None]]
