"""What a dialect hands to admission, and what it gets back.

A dialect turns one request into a :class:`Submission`: intents, each with its rows, points, claims and facts,
and a function that renders the answer once every intent is decided. Admission decides all intents of a
submission in one go and commits them together; see ``rulings.md`` 4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from enum import IntEnum
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

import msgspec

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


class RowIn(NamedTuple):
    """A row for ``table``: its values in the table's column order, without the trailing ``batch``."""

    table: str
    values: tuple[Any, ...]


class Claim(NamedTuple):
    """A promise that ``key`` is accepted once. ``rivals`` are keys that make the intent a conflict when held
    (Logister: the same UUID in another record family). ``value`` (≤ 16 bytes) is given back on a duplicate.
    All keys are 16-byte digests, see :func:`claim_key`.
    """

    key: bytes
    rivals: tuple[bytes, ...] = ()
    value: bytes = b""


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


#: Everything that projections learn from besides the rows themselves. New kinds join this union.
Fact = CheckInFact


class Intent(msgspec.Struct, frozen=True):
    """One record of a request: stored whole, or not at all. ``source`` names the namespace of its points."""

    rows: Sequence[RowIn] = ()
    points: Sequence[PlainPoint] = ()
    source: Source = "stat"
    claims: Sequence[Claim] = ()
    facts: Sequence[Fact] = ()


class Verdict(IntEnum):
    NEW = 0
    DUPLICATE = 1  #: every effect happened before; nothing is stored again
    CONFLICT = 2  #: a rival claim is held, or the stat has the other type
    ROLLED_BACK = 3  #: valid, but another intent of the same atomic submission conflicts


class Decision(NamedTuple):
    """What became of one intent. ``value``: the held claim's value (duplicates). ``stat``/``stat_type``: the stat that
    conflicts and the type it has (conflicts over a stat; ``stat`` is "" for conflicts over a claim).
    """

    verdict: Verdict
    value: bytes = b""
    stat: str = ""
    stat_type: str = ""


NEW = Decision(Verdict.NEW)


class Answer(NamedTuple):
    """An HTTP answer, complete but for ``content-length``. ``reason`` is a short note for the refusal counter of the
    key (never any part of a body) and is empty on success.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
    reason: str = ""


class StreamAnswer(NamedTuple):
    """An answer whose body comes in pieces."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    chunks: AsyncIterator[bytes]


Render = Callable[[Sequence[Decision]], Answer]


class Submission(msgspec.Struct):
    """One request's worth of intents.

    ``atomic``: a conflict in one intent stores nothing of the others (StatFlow, Logister, …); False lets the
    valid ones through (StatHat batches). ``render`` is called once, after every intent is decided and before the
    commit, with one decision per intent in order; its answer is sent only after the commit. ``cost`` is what the
    dialect's rate limit charges, in its own unit. ``project`` is set when the request names one (its number).
    """

    intents: Sequence[Intent]
    render: Render
    atomic: bool = True
    cost: int = 1
    project: int | None = None


def claim_key(namespace: str, project: int, *parts: str) -> bytes:
    """The 16-byte digest under which a claim is held."""
    text = "\x1f".join((namespace, str(project), *parts))
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
