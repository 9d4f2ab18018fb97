"""What a dialect hands to admission, and what it gets back.

A dialect turns one request into a :class:`Submission`: intents, each with its rows, points, claims and facts,
and a function that renders the answer once every intent is decided. Admission decides all intents of a
submission in one go and commits them together; see ``rulings.md`` 4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

if TYPE_CHECKING:
    import asyncio

#: ``stat`` (StatFlow and StatHat share one namespace and its 409 rules) or a derived source, which never
#: refuses an event because of a stat.
Source = Literal["stat", "slowstats", "logister", "canaryhub"]
StatType = Literal["counter", "value"]


class PointIn(NamedTuple):
    """A measurement before its stat is known by number. ``type`` None: the existing stat's type, for a new stat
    ``counter``. ``ts`` in ms since the epoch; ``flags`` from ``tables.PointFlag``.
    """

    name: str
    type: StatType | None
    ts: int
    value: float
    flags: int = 0


#: A ``PointIn`` as a plain tuple: what the fast paths make, 1,000 at a time.
PlainPoint = tuple[str, StatType | None, int, float, int]


class PointColumns(NamedTuple):
    """Many points column by column, all of one length: what 1,000 points cost a handful of calls in. As ``PointIn`` otherwise."""

    names: Sequence[str]
    types: Sequence[StatType | None]
    times: Sequence[int]
    values: Sequence[float]
    flags: Sequence[int]

    def rows(self) -> Iterator[PlainPoint]:
        """The same points one by one."""
        return zip(*self, strict=True)


class RowIn(msgspec.Struct, frozen=True, gc=False):
    """A row for ``table``: its values in the table's column order, without the trailing ``batch``."""

    table: str
    values: tuple[Any, ...]


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A promise that ``key``, a 16-byte digest (:func:`claim_key`), is accepted once. ``value`` (≤ 16 bytes) is given back on a
    duplicate. ``exclusive``: held with another value it is a conflict, not a duplicate.
    """

    key: bytes
    value: bytes = b""
    exclusive: bool = False


class CheckInFact(msgspec.Struct, frozen=True, array_like=True, tag="check_in"):
    """Moves a monitor. Times in µs since the epoch; ``creates`` False leaves unknown slugs alone; ``ok`` False is a
    failed run; ``interval_s`` None keeps the monitor's own.
    """

    project: int
    slug: str
    environment: str
    ok: bool
    status: str
    ts: int
    received_at: int
    interval_s: int | None
    duration_ms: float | None
    message: str
    event_id: str
    creates: bool


#: How a session can end, from the mildest on: a session only ever gets worse.
SESSION_STATUSES = ("ok", "errored", "abnormal", "crashed")


class SessionFact(msgspec.Struct, frozen=True, array_like=True, tag="session"):
    """One run of a program has begun, or ended with ``status`` (one of ``SESSION_STATUSES``) after ``duration_ms``. ``ts`` µs."""

    project: int
    session_id: str
    ended: bool
    environment: str
    release: str
    user_id: str
    status: str
    ts: int
    duration_ms: float | None


class OutboxFact(msgspec.Struct, frozen=True, array_like=True, tag="outbox"):
    """Something to be sent outside, once and not after ``not_after`` (µs, as ``created_at``). ``id`` is the same for the same event and
    channel; ``address`` is sealed (``Inbound.seal``): the journal never holds it in clear; ``message`` is as its receiver takes it.
    """

    id: str
    project: int
    kind: str
    address: str
    message: dict[str, Any]
    event_id: str
    created_at: int
    not_after: int


class DailyEventFact(msgspec.Struct, frozen=True, array_like=True, tag="daily_event"):
    """Counts one event on the UTC day of its receipt (``day`` in days since the epoch)."""

    project: int
    day: int


class UsageFact(msgspec.Struct, frozen=True, array_like=True, tag="usage"):
    """``units`` of a project's monthly quota were given in ``month`` (yyyymm, UTC)."""

    project: int
    month: int
    units: int


class DeploymentFact(msgspec.Struct, frozen=True, array_like=True, tag="deployment"):
    """A release of a repository came into an environment. ``source`` api (reported as such) or telemetry (told by an event on the
    side); times in µs; ``metadata`` links and numbers by name.
    """

    project: int
    repository: str
    environment: str
    release: str
    commit_sha: str
    branch: str
    deployed_at: int
    received_at: int
    source: str
    metadata: dict[str, str]


#: Everything that projections learn from besides the rows themselves. New kinds join this union.
Fact = CheckInFact | SessionFact | OutboxFact | DailyEventFact | DeploymentFact | UsageFact


class Intent(msgspec.Struct, frozen=True):
    """One record of a request: stored whole, or not at all. ``source`` names the namespace of its points. ``otherwise`` are the points
    that are stored in their place when a stat has the other type.
    """

    rows: Sequence[RowIn] = ()
    points: Sequence[PlainPoint] | PointColumns = ()
    source: Source = "stat"
    claims: Sequence[Claim] = ()
    facts: Sequence[Fact] = ()
    otherwise: Sequence[PlainPoint] = ()

    @property
    def units(self) -> int:
        """What it takes of the project's monthly quota: its rows, or else its points, or else one. Check-ins are outside quotas."""
        if self.facts and any(type(fact) is CheckInFact for fact in self.facts):
            return 0
        if self.rows:
            return len(self.rows)
        points = self.points
        return len(points.names if isinstance(points, PointColumns) else points) or 1


class Verdict(IntEnum):
    NEW = 0
    DUPLICATE = 1  #: every effect happened before; nothing is stored again
    CONFLICT = 2  #: an exclusive claim is held with another value, or the stat has the other type
    ROLLED_BACK = 3  #: valid, but another intent of the same atomic submission conflicts


class Decision(NamedTuple):
    """What became of one intent. ``value``: the held claim's value (duplicates, and conflicts over an exclusive claim).
    ``stat``/``stat_type``: the stat that conflicts and the type it has (conflicts over a stat; ``stat`` is "" for conflicts over a
    claim).
    """

    verdict: Verdict
    value: bytes = b""
    stat: str = ""
    stat_type: str = ""


NEW = Decision(Verdict.NEW)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """An HTTP answer, complete but for ``content-length``. ``reason`` is a short note for the refusal counter of the
    key (never any part of a body) and is empty on success. ``skipped`` is a note of the same kind about what an accepted request
    lost.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
    reason: str = ""
    skipped: str = ""

    def adding(self, *headers: tuple[bytes, bytes]) -> Answer:
        """The same answer with more headers."""
        return replace(self, headers=(*self.headers, *headers))


class StreamAnswer(NamedTuple):
    """An answer whose body comes in pieces."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    chunks: AsyncIterator[bytes]


class Duplex(Protocol):
    """A connection that has left HTTP. Used by one task, on the event loop's thread."""

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the server begins to stop."""

    async def receive(self) -> bytes:
        """What the client has sent since; b"" when it has ended."""

    async def send(self, data: bytes) -> None:
        """Waits while the client does not read."""

    def abort(self) -> None:
        """Ends it at once, whatever is still to be sent."""

    async def admitted(self) -> bool:
        """Whether whoever opened the connection would still be let in. Raises what a look-up raises that cannot be made."""


class SwitchAnswer(NamedTuple):
    """101: from then on the connection belongs to ``talk``, and is closed when that returns."""

    headers: tuple[tuple[bytes, bytes], ...]
    talk: Callable[[Duplex], Awaitable[None]]
    status: int = 101


Reply = Answer | StreamAnswer | SwitchAnswer

Render = Callable[[Sequence[Decision]], Answer]


class Submission(msgspec.Struct):
    """One request's worth of intents.

    ``atomic``: a conflict in one intent stores nothing of the others (StatFlow, Logister, …); False lets the
    valid ones through (StatHat batches). ``render`` is called once, after every intent is decided and before the
    commit, with one decision per intent in order; its answer is sent only after the commit. ``cost`` is what the
    dialect's rate limit charges, in its own unit. ``project`` is set when the request names one (its number). ``void``: some of
    the request is invalid, so that nothing is stored; it is only decided what is a duplicate. ``counted`` False: outside the project's
    monthly quota, as what was counted once before.
    """

    intents: Sequence[Intent]
    render: Render
    atomic: bool = True
    cost: int = 1
    project: int | None = None
    void: bool = False
    counted: bool = True


def claim_key(namespace: str, project: int, name: str) -> bytes:
    """The 16-byte digest under which a claim is held."""
    digest = _claims_of(namespace, project).copy()
    digest.update(name.encode() if name.isascii() else name.encode("utf-8", "replace"))
    return digest.digest()


@lru_cache(maxsize=1024)
def _claims_of(namespace: str, project: int) -> blake2b:
    """A digest that has read what a project's claims have in common; each goes on from a copy."""
    return blake2b(f"{namespace}\x1f{project}\x1f".encode("utf-8", "replace"), digest_size=16)
