"""Who asks, with what, and how a service says no."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Literal, NamedTuple, Protocol

from sqlalchemy import Connection

from headrace.catalog import Catalog, projects
from headrace.catalog.logins import PROGRAM_KIND
from headrace.catalog.projects import KEPT_STATES, ProjectRow
from headrace.catalog.stats import StatRow
from headrace.records.ids import RandomBytes, uuid7
from headrace.records.text import clean_text

#: Characters of a name that people give to a project, key, account or monitor (StatFlow's figure for keys).
NAME_MAX = 100

SCOPES = frozenset(("write", "read", "manage"))

ErrorCode = Literal["not_found", "conflict", "invalid", "forbidden"]


class ServiceError(Exception):
    """A refusal. ``code`` says which kind, ``message`` is one sentence for whoever asked."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message


class Who(NamedTuple):
    """Whom the audit log names: ``kind`` account, key, operator or visitor (nobody signed in), its id and its name at the time, and
    the address that the request came from ("" for the operator).
    """

    kind: str
    id: str = ""
    name: str = ""
    address: str = ""


class Actor(NamedTuple):
    """Who asks. ``account`` None is the operator at the machine, who may do everything; ``project`` is set for whoever
    reaches one project only; ``expires_at`` is when a key stops being one. A person acts in a project with the account that owns
    it and the scopes of their ``role``; ``who`` says who they are.
    """

    account: str | None
    project: int | None = None
    scopes: frozenset[str] = SCOPES
    expires_at: int | None = None
    who: Who = Who("operator")
    role: str | None = None

    def reaches(self, project: ProjectRow) -> bool:
        if self.account is None:
            return True
        return project.account_id == self.account and self.project in (None, project.number)


#: Whoever may read the data folder may do everything with it.
OPERATOR = Actor(None)


#: The kinds of key that a person's session and the token of a program that signed in as them stand for (rulings 2): id and name are the
#: account's.
SESSION, LOGIN = "session", PROGRAM_KIND


class PresentedKey(Protocol):
    """A key that admission found live (``catalog.keys.KeyRow`` is one)."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def project(self) -> int: ...
    @property
    def reach(self) -> str: ...
    @property
    def scopes(self) -> AbstractSet[str]: ...
    @property
    def expires_at(self) -> int | None: ...


def key_actor(key: PresentedKey, address: str = "") -> Actor:
    """The actor behind a key that was presented, from ``address``."""
    project = key.project if key.reach == "project" else None
    who = Who("account" if key.kind in (SESSION, LOGIN) else "key", key.id, key.name, address)
    return Actor(key.account, project, frozenset(key.scopes), key.expires_at, who)


def _now_us() -> int:
    return time.time_ns() // 1000


def _not_known(_project: int) -> int | None:
    return None


def _none_pending(_project: int) -> Sequence[StatRow]:
    return ()


def _nothing_to_forget(_project: int, _stat_ids: Sequence[int]) -> None:
    """Where no server runs, nobody remembers stats."""


def _nobody_watches() -> None:
    """Where no server runs, nobody looks at pages."""


class Context(NamedTuple):
    """What services work with. ``now`` gives µs since the epoch. ``pending`` gives the stats of a project that are
    acknowledged and not yet projected into the catalog, so that lists show a stat at once; ``used`` what a project was given this month,
    None where only the catalog can tell. ``forget_stats`` tells admission of stats that went into the trash; called from worker threads.
    ``uptime_changed`` tells the clock of uptime monitors that one was made or changed.
    """

    catalog: Catalog
    now: Callable[[], int] = _now_us
    random: RandomBytes = os.urandom
    pending: Callable[[int], Sequence[StatRow]] = _none_pending
    used: Callable[[int], int | None] = _not_known
    forget_stats: Callable[[int, Sequence[int]], None] = _nothing_to_forget
    uptime_changed: Callable[[], None] = _nobody_watches

    def new_id(self) -> str:
        return uuid7(self.now(), self.random)


def require(actor: Actor, scope: str) -> None:
    """Raises ``forbidden`` unless the actor holds ``scope``."""
    if scope not in actor.scopes:
        raise ServiceError("forbidden", f"this key lacks the {scope} scope")


def live_project(conn: Connection, actor: Actor, ref: str | int) -> ProjectRow:
    """The live project that ``ref`` means and the actor reaches: a number, an id, a slug, or a name that only one project
    has. Raises ``not_found``, the same for projects of others, and ``conflict`` for an ambiguous name.
    """
    project = any_project(conn, actor, ref)
    if project.state != "live":
        raise ServiceError("not_found", "project not found")
    return project


def any_project(conn: Connection, actor: Actor, ref: str | int) -> ProjectRow:
    """As :func:`live_project`, but archived projects are found by id, slug and number; what is being deleted is not."""
    if isinstance(ref, int):
        candidates = [projects.by_number(conn, ref)]
    else:
        text = clean_text(ref)
        candidates = [projects.by_id(conn, text), projects.by_slug(conn, text)]
    for project in candidates:
        if project is not None and project.state in KEPT_STATES and actor.reaches(project):
            return project
    named = (
        [] if isinstance(ref, int) else [row for row in projects.by_name(conn, clean_text(ref)) if actor.reaches(row)]
    )
    if len(named) > 1:
        raise ServiceError("conflict", f"{len(named)} projects have this name: use the id or the slug")
    if not named:
        raise ServiceError("not_found", "project not found")
    return named[0]


#: Characters without a width that words of Persian and emoji of several people are made with; no others like them pass.
_JOINERS: Final = dict.fromkeys(map(ord, "\u200c\u200d"))


def line(value: str, what: str, longest: int = NAME_MAX) -> str:
    """``value`` trimmed; raises ``invalid`` unless it is 1 to ``longest`` characters on one line."""
    text = clean_text(value).strip()
    shown = text.translate(_JOINERS)
    if not shown:
        raise ServiceError("invalid", f"{what} must not be empty")
    if len(text) > longest:
        raise ServiceError("invalid", f"{what} must be at most {longest} characters")
    if not shown.isprintable():
        raise ServiceError("invalid", f"{what} must not hold control characters")
    return text


def between(value: int, what: str, low: int, high: int) -> int:
    """``value``; raises ``invalid`` outside [low, high]."""
    if not low <= value <= high:
        raise ServiceError("invalid", f"{what} must lie between {low} and {high}")
    return value
