"""What a dialect is made of: routes with their order of checks, faults in its own form, and parsers.

A dialect module declares data (routes, limits, where its key is read) and pure functions; the gateway's engine runs
them. Nothing here touches the network, the clock, the catalog or the journal: whatever a parser needs to know
comes in through :class:`Inbound`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from headrace.records.intents import Answer, Submission

Scope = Literal["write", "read", "manage"]
#: Where a key may be read. ``bearer`` ignores the case of the scheme word, ``Bearer`` does not; the others are header names.
KeyPlace = Literal["bearer", "Bearer", "x-api-key", "x-seestack-key", "x-allstak-key"]
Encoding = Literal["gzip", "deflate", "zstd"]
#: What a project may switch on and off: StatHat's EZ API, and answers that pages of other origins may read.
Feature = Literal["ez", "browsers"]

#: The named steps that a route may order as its contract does. See ``gateway.steps`` for what each one does.
Step = Literal[
    "ip_guard",  # flood guard by client address, before anything is looked up
    "declared_size",  # Content-Length over the cap
    "wire_size",  # the same, and a body without a Content-Length is read up to the cap
    "auth",  # the key: missing, unknown, revoked, expired
    "scope",  # the key's kind and scopes against the route
    "idempotency",  # a known Idempotency-Key is answered here
    "charge_request",  # the rate limit, one unit, before the body is read
    "headers",  # what the contract asks of the headers before the body is read (``Route.check_headers``)
    "body",  # read and decode: 413, 415, 400
    "decode",  # what must be read of the body to know its cost (``Route.decode``); refused, it costs one
    "parse",  # the dialect's parser: whatever its contract says about the body
    "check",  # a handler's own checks of the body (``Gateway.checks``), where they come before the charge
    "decide",  # stats and claims: conflicts are answered here, nothing is stored yet
    "quota",  # the project's records of this month: those that are new must fit in, check-ins always do
    "charge_cost",  # the rate limit, the submission's cost, or that of the step ``decode``
    "place",  # the project that a login acts in, and its person's role there against the route (``Gateway.place_login``)
    "append",  # journal, fsync, answer
    "handle",  # a read or a synchronous write: the route's handler
]


class Fault(StrEnum):
    """What the gateway itself refuses; each dialect has its own words for each (``Dialect.fault``)."""

    NOT_FOUND = "not_found"
    METHOD = "method"
    NO_KEY = "no_key"
    BAD_KEY = "bad_key"  # unknown, revoked, expired, or its project archived
    NO_SCOPE = "no_scope"  # a valid key of the wrong kind or without the scope
    TOO_LARGE = "too_large"  # detail.limit = bytes; detail.decoded says which side of the decoder
    ENCODING = "encoding"  # a Content-Encoding that the route does not take
    UNREADABLE = "unreadable"  # a compressed body that does not decode
    RATE = "rate"  # detail.state, detail.retry_after
    QUOTA = "quota"  # the project's records of this month, with detail.retry_after; its stats, with detail.limit
    AUTH_RATE = "auth_rate"  # too many failed look-ups or requests from this address
    IDEMPOTENCY_KEY = "idempotency_key"  # not 1-255 visible ASCII
    UNAVAILABLE = "unavailable"  # 503: not durable now, or a look-up that could not be made; detail.retry_after
    INTERNAL = "internal"  # 500


class LimitState(NamedTuple):
    """A rate limit after a charge. ``reset`` in Unix seconds (rounded up), ``retry_after`` in whole seconds ≥ 1 when
    ``allowed`` is False.
    """

    allowed: bool
    limit: int
    remaining: int
    reset: int
    window_s: int
    retry_after: int = 0


class FaultDetail(NamedTuple):
    limit: int = 0
    decoded: bool = False
    retry_after: int = 1
    allow: str = ""
    scope: str = ""
    encoding: str = ""
    state: LimitState | None = None
    #: The request, for words that depend on its route or on a setting.
    inbound: Inbound | None = None


class Limit(NamedTuple):
    """A dialect's per-key limit in its own unit. ``bucket``: capacity ``burst``, refilled evenly with ``per_minute``;
    ``window``: ``per_minute`` in the 60 s that start at the first charge; ``aligned``: the same in minutes of the epoch.
    """

    kind: Literal["bucket", "window", "aligned"]
    per_minute: int
    burst: int = 0


class Refusal(Exception):
    """A request that its dialect refuses, with the whole answer. Raised by parsers."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


class Inbound(Protocol):
    """What a parser may ask of a request."""

    @property
    def route(self) -> Route: ...
    @property
    def method(self) -> str: ...
    @property
    def params(self) -> Mapping[str, str]:
        """The path's ``{name}`` segments, percent-decoded."""

    @property
    def body(self) -> bytes:
        """The decoded body."""

    @property
    def project(self) -> int:
        """Number of the project that the key writes to when none is named."""

    @property
    def key_kind(self) -> str:
        """The key's kind (rulings 2)."""

    @property
    def bindings(self) -> Mapping[str, Any]:
        """What the key is bound to; empty for most."""

    @property
    def project_platform(self) -> str:
        """What the key's project is for: the platform that was named when it was made."""

    #: What ``Route.secret_of``, ``Route.decode`` or the step ``check`` made of the request, kept for what follows; None before.
    reading: Any

    @property
    def received_us(self) -> int:
        """Receipt time, µs since the epoch, UTC."""

    def header(self, name: bytes) -> bytes | None:
        """First header of that lower-case name."""

    def query(self) -> dict[str, str]:
        """Query parameters, percent-decoded; of a repeated one the first."""

    def query_bytes(self) -> bytes:
        """The query as sent."""

    def reachable_project(self, public_id: str) -> int | None:
        """Number of the live project with this id when the key reaches it, else None."""

    def seal(self, text: str) -> str:
        """``text`` so encrypted that only this instance reads it: for secrets that a record carries. Every time another text."""

    def monitor_id(self, slug: str, environment: str) -> str | None:
        """Id of the project's monitor of that slug in that environment, None when there is none."""

    def stat_type(self, name: str) -> str | None:
        """Type of the project's stat of that name in source ``stat``, None when there is none."""

    def stat_of_classic_key(self, classic_key: str) -> tuple[str, str] | None:
        """Name and type of the project's stat with this classic key (32 hex digits), None when there is none."""

    def option(self, name: str) -> str:
        """The instance's setting of that name."""

    def project_allows(self, feature: Feature) -> bool:
        """Whether the key's project has ``feature`` switched on."""


Parse = Callable[[Inbound], Submission]
#: A read or a synchronous write, given by the API rooms when the house is put together (route.handler names it).
LimitHeaders = Callable[[LimitState], tuple[tuple[bytes, bytes], ...]]


class Route(NamedTuple):
    """One endpoint: the row of the route table that drives gateway, OpenAPI and tests.

    ``path`` may hold ``{name}`` segments. Caps are bytes. Exactly one of ``parse`` (ingest) and ``handler`` (the name
    under which the API rooms register one) is set. ``group`` names the rate limit's scope within the dialect.
    """

    path: str
    method: str
    dialect: str
    steps: tuple[Step, ...]
    summary: str
    scope: Scope | tuple[Scope, ...] = "write"
    parse: Parse | None = None
    handler: str = ""
    aliases: tuple[str, ...] = ()
    cap: int = 0
    decoded_cap: int = 0
    encodings: tuple[Encoding, ...] = ()
    cors: bool = False
    group: str = "ingest"
    limit: Limit | None = None
    #: A project may have another rate than ``limit`` says (logister.md 1.10).
    project_rate: bool = False
    #: The request says which project it is for, or is for none; on other routes the key's own project must be live (rulings 2).
    names_project: bool = False
    #: Documentation: the body's schema (a msgspec Struct) and an example per answer status.
    body_type: Any = None
    answers: tuple[tuple[int, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    content_types: tuple[str, ...] = ("application/json",)
    #: A body that this route accepts as it stands, for the samples in the documentation; "": made from ``body_type``.
    sample: str = ""
    #: Kinds of keys that may use the route (rulings 2).
    kinds: tuple[str, ...] = ("key",)
    #: Finds the key in path, query or body, so that the step ``auth`` comes after ``body``; None: look in the headers, "": there is
    #: none. May raise :class:`Refusal`, and may leave what it read in ``Inbound.reading``.
    secret_of: Callable[[Inbound], str | None] | None = None
    #: Where no key is shown, a person's session may stand for one (rulings 1).
    sessions: bool = False
    #: As ``cors``, but only for projects that let browsers in.
    cors_by_project: bool = False
    #: Behind the step ``headers``: raises :class:`Refusal`.
    check_headers: Callable[[Inbound], None] | None = None
    #: Behind the step ``decode``: gives what the request costs and leaves what it read in ``Inbound.reading``. May raise
    #: :class:`Refusal`. Whatever refuses the body of such a route costs one unit.
    decode: Callable[[Inbound], int] | None = None
    #: Requests a minute from one client address, counted by ``group``, instead of the dialect's ``ip_limits``; 0: as those say.
    flood: int = 0
    #: Name of the parameter that holds the segments that follow ``path``, with the slashes between them; "": none may follow.
    rest: str = ""


class Dialect(NamedTuple):
    """One vendor's HTTP dialect. ``prefixes`` own unmatched paths below them (longest wins)."""

    name: str
    title: str
    prefixes: tuple[str, ...]
    routes: tuple[Route, ...]
    key_places: tuple[KeyPlace, ...]
    fault: Callable[[Fault, FaultDetail], Answer]
    #: Headers sent with every answer once a limit was charged; None: this dialect shows no limits.
    limit_headers: LimitHeaders | None = None
    #: Logister: a wrong method is a routing miss.
    method_is_not_found: bool = False
    #: Logister: any of its paths also match with ``.json`` and with a trailing slash.
    lenient_paths: bool = False
    #: Limits by client address: (requests/min before look-up, failed look-ups/min); 0 = none.
    ip_limits: tuple[int, int] = (0, 0)
    #: Has the last word on every answer that is not streamed.
    finish: Callable[[Inbound, Answer], Answer] | None = None
    #: Prefixes under which the key is checked before path and method (SeeStack: an unknown path with a bad key is 401).
    auth_first: tuple[str, ...] = ()
    #: Prefixes under which browsers may ask for any path, served or not (rulings 1, CORS).
    cors_under: tuple[str, ...] = ()
