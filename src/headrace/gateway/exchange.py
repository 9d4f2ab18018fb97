"""One request on its way through the steps: what it brought, what is known of it, what it will be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from headrace.admission.deciding import Draft
from headrace.admission.keys import KeyRow, LookUpFailed
from headrace.dialects.base import Dialect, Fault, FaultDetail, Feature, LimitState, Route, Step
from headrace.records.intents import Reply, Submission

if TYPE_CHECKING:
    from headrace.gateway.front.connection import Connection
    from headrace.gateway.front.heads import Head
    from headrace.gateway.gateway import Gateway
    from headrace.gateway.routes import Match


class Refused(Exception):
    """A step refuses the request: the dialect has the words."""

    def __init__(self, fault: Fault, detail: FaultDetail = FaultDetail()) -> None:  # noqa: B008 - immutable
        super().__init__(fault.value)
        self.fault = fault
        self.detail = detail


#: What a step waits for, None when it is done: a future, or work that needs a task of its own.
Waiting = asyncio.Future[None] | Coroutine[Any, Any, None] | None
StepFunction = Callable[["Exchange"], Waiting]


class Plan(NamedTuple):
    """What answers a head: the route (or what stands in for one that is missing), and the names and functions of the steps that are
    still to be taken.
    """

    match: Match
    dialect: Dialect
    route: Route
    names: tuple[Step, ...]
    steps: tuple[StepFunction, ...]


class Exchange:
    """Implements ``dialects.base.Inbound``. Steps fill ``key``, ``body``, ``submission``, ``draft`` and last ``answer``."""

    __slots__ = (
        "_query",
        "answer",
        "at",
        "body",
        "cost",
        "dialect",
        "draft",
        "gateway",
        "head",
        "held_bytes",
        "is_first",
        "key",
        "limit_state",
        "line",
        "match",
        "names",
        "reading",
        "received_us",
        "retry_key",
        "route",
        "sent",
        "steps",
        "submission",
        "why",
    )

    def __init__(self, gateway: Gateway, line: Connection, head: Head, sent: bytes | None, plan: Plan) -> None:
        self.gateway = gateway
        self.line = line
        self.head = head
        #: The body as sent; None while it is still coming in.
        self.sent = sent
        self.match, self.dialect, self.route, self.names, self.steps = plan
        #: Which of the steps is next.
        self.at = 0
        #: What refused the request, for counters and the key's owner.
        self.why = "body"
        self.received_us: int = gateway.clock()
        self.body = b""
        self.held_bytes = 0
        self.reading: Any = None
        self.cost: int | None = None
        self.retry_key: bytes | None = None
        #: Retries under the same key wait for the end of this request.
        self.is_first = False
        self.limit_state: LimitState | None = None
        self.answer: Reply | None = None
        self.key: KeyRow
        self.submission: Submission
        self.draft: Draft | None = None
        self._query: dict[str, str] | None = None

    def end(self) -> None:
        """Gives back what the request holds: memory, and its place before its retries."""
        self.gateway.in_flight.give(self.held_bytes)
        if self.is_first and self.retry_key is not None:
            self.gateway.admission.under_way.leave(self.retry_key)

    @property
    def method(self) -> str:
        return self.head.method

    @property
    def path(self) -> str:
        return self.head.path

    @property
    def params(self) -> dict[str, str]:
        return self.match.params

    @property
    def project(self) -> int:
        return self.key.project

    @property
    def key_kind(self) -> str:
        return self.key.kind

    @property
    def bindings(self) -> Mapping[str, Any]:
        return self.key.bindings

    @property
    def project_platform(self) -> str:
        return self.gateway.keys.platform(self.key.project)

    @property
    def headers(self) -> dict[bytes, bytes]:
        """By lower-case name; of a repeated header the first."""
        return self.head.headers

    @property
    def address(self) -> str:
        """The client's address behind the proxies that are trusted."""
        return self.gateway.peers.address(self.line.client, self.headers)

    @property
    def scheme(self) -> str:
        """The scheme that the client used, as far as proxies that are trusted tell it."""
        return self.gateway.scheme_of(self.line, self.head)

    def header(self, name: bytes) -> bytes | None:
        return self.head.headers.get(name)

    def query(self) -> dict[str, str]:
        if self._query is None:
            pairs = parse_qsl(self.head.query.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
            self._query = dict(reversed(pairs))
        return self._query

    def query_bytes(self) -> bytes:
        return self.head.query

    def reachable_project(self, public_id: str) -> int | None:
        return self.gateway.keys.reachable_project(self.key, public_id)

    def seal(self, text: str) -> str:
        return self.gateway.seal(text)

    def monitor_id(self, slug: str, environment: str) -> str | None:
        try:
            return self.gateway.monitors.find(self.project, slug, environment)
        except LookUpFailed:
            raise Refused(Fault.UNAVAILABLE) from None

    def stat_type(self, name: str) -> str | None:
        return self.gateway.admission.stats.type_of(self.project, name)

    def stat_of_classic_key(self, classic_key: str) -> tuple[str, str] | None:
        return self.gateway.admission.stats.by_classic_key(self.project, classic_key)

    def option(self, name: str) -> str:
        return self.gateway.options[name]

    def project_allows(self, feature: Feature) -> bool:
        return feature in self.gateway.keys.features(self.project)
