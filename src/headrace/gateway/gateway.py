"""The ASGI application in front: vendor paths through the steps of their route, everything else to the API and the pages."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from headrace.admission.admission import Admission
from headrace.admission.keys import KeyTable, LookUpFailed
from headrace.admission.limits import Limiter
from headrace.admission.monitors import MonitorTable
from headrace.dialects.base import Dialect, Fault, FaultDetail, Refusal, Route
from headrace.gateway.bodies import ClientGone, HungUp, InFlight, Receive, impatient
from headrace.gateway.exchange import Exchange, Refused
from headrace.gateway.peers import Peers
from headrace.gateway.routes import Match, RouteTable
from headrace.gateway.steps import run
from headrace.gateway.waiting import Waiting
from headrace.journal import JournalUnavailable
from headrace.records.intents import Answer, StreamAnswer

Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
Handler = Callable[[Exchange], Awaitable[Answer | StreamAnswer]]

#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5

#: Seconds between two lines of the log about refused requests.
WARN_EVERY_S = 10.0

#: CORS for browsers' ingest paths (rulings 1): any origin, never credentials.
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"),
)
PREFLIGHT = (
    *CORS,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        ", ".join(
            (
                *("Content-Type", "Content-Encoding", "Authorization", "X-Api-Key", "X-SeeStack-Key", "X-AllStak-Key"),
                *("X-Logister-Batch-Id", "Idempotency-Key", "traceparent", "tracestate", "baggage"),
            )
        ).encode(),
    ),
    (b"access-control-max-age", b"7200"),
)

_log = logging.getLogger("headrace.gateway")


class Gateway:
    """Owns nothing that outlives a request but its counters. ``options``: the settings that dialects ask for; ``clock``: µs since the
    epoch.
    """

    def __init__(
        self,
        *,
        table: RouteTable,
        keys: KeyTable,
        limiter: Limiter,
        admission: Admission,
        monitors: MonitorTable,
        peers: Peers,
        handlers: Mapping[str, Handler],
        options: Mapping[str, str],
        clock: Callable[[], int],
        seal: Callable[[str], str],
    ) -> None:
        self.table = table
        self.keys = keys
        self.limiter = limiter
        self.admission = admission
        self.monitors = monitors
        self.peers = peers
        self.handlers = handlers
        self.options = options
        self.clock = clock
        #: Encrypts what only this instance may read; called from any thread.
        self.seal = seal
        self.in_flight = InFlight()
        #: Answers since the start: accepted ingest by dialect, refused requests by (dialect, fault or "body", status).
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str, int]] = Counter()
        self.waiting = Waiting()
        self._warned_at = -WARN_EVERY_S
        #: Whatever no dialect owns: the API and the pages, put here once they are built.
        self.fallback: App = _nothing

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.fallback(scope, receive, send)
            return
        if scope.get("root_path"):
            _cut_prefix(scope)
        match = self.table.match(scope["method"], scope["path"])
        if match is None:
            if self.peers.trusts(scope):
                _take_scheme(scope)
            with self.waiting.patiently():
                await self.fallback(scope, impatient(receive), send)
            return
        if match.cors and scope["method"] == "OPTIONS":
            await _send(send, Answer(204, b"", PREFLIGHT), ())
            return
        if match.browsers is not None and scope["method"] == "OPTIONS" and await self._lets_in(match, scope, receive):
            await _send(send, Answer(204, b"", PREFLIGHT), ())
            return
        answer, extra = await self._answer(match, scope, receive)
        if match.cors:
            extra = (*extra, *CORS)
        if isinstance(answer, StreamAnswer):
            with self.waiting.patiently():
                await _send(send, answer, extra, head=scope["method"] == "HEAD")
        else:
            await _send(send, answer, extra, head=scope["method"] == "HEAD")

    async def _answer(
        self, match: Match, scope: dict[str, Any], receive: Receive
    ) -> tuple[Answer | StreamAnswer, tuple[tuple[bytes, bytes], ...]]:
        dialect = match.dialect
        route = match.route or _missing(dialect, scope["path"])
        exchange = Exchange(self, scope, receive, dialect, route, match.params)
        why = "body"
        answer: Answer | StreamAnswer
        try:
            await run(exchange, route.steps)
            answer = exchange.answer or _nowhere(match)
        except Refusal as refusal:
            answer = refusal.answer
        except Refused as refused:
            why = refused.fault.value
            answer = dialect.fault(refused.fault, refused.detail._replace(inbound=exchange))
        except (JournalUnavailable, LookUpFailed, HungUp) as error:
            self._warn(f"refusing {route.dialect}: {error}")
            why = Fault.UNAVAILABLE.value
            answer = dialect.fault(Fault.UNAVAILABLE, FaultDetail(retry_after=RETRY_AFTER_S, inbound=exchange))
        except ClientGone:  # it may have closed its sending half only, and reads this
            why = Fault.UNREADABLE.value
            answer = dialect.fault(Fault.UNREADABLE, FaultDetail(inbound=exchange))
        except Exception:  # the client gets the dialect's 500, the log the traceback
            _log.exception("a request to %s failed", route.path)
            why = Fault.INTERNAL.value
            answer = dialect.fault(Fault.INTERNAL, FaultDetail(inbound=exchange))
        finally:
            self.in_flight.give(exchange.held_bytes)
        if dialect.finish is not None and isinstance(answer, Answer):
            answer = dialect.finish(exchange, answer)
        self._count(exchange, answer, why)
        extra: tuple[tuple[bytes, bytes], ...] = ()
        if exchange.limit_state is not None and dialect.limit_headers is not None:
            extra = dialect.limit_headers(exchange.limit_state)
        if route.cors_by_project and self._browsers_may(exchange):
            extra = (*extra, *CORS)
        return answer, extra

    def _browsers_may(self, exchange: Exchange) -> bool:
        """Whether the project of the request's key lets pages of other origins in; nobody's does."""
        return hasattr(exchange, "key") and exchange.project_allows("browsers")

    async def _lets_in(self, match: Match, scope: dict[str, Any], receive: Receive) -> bool:
        """Whether a preflight is granted: a browser sends no body with it, so the key has to be in the query."""
        assert match.browsers is not None
        exchange = Exchange(self, scope, receive, match.dialect, match.browsers, {})
        try:
            await run(exchange, ("auth", "scope"))
        except (Refused, Refusal):
            return False
        return self._browsers_may(exchange)

    def _warn(self, text: str) -> None:
        """A line in the log, but not one per refused request: a full disk may be the one that holds the log."""
        now = time.monotonic()
        if now - self._warned_at >= WARN_EVERY_S:
            self._warned_at = now
            _log.warning("%s", text)

    def _count(self, exchange: Exchange, answer: Answer | StreamAnswer, why: str) -> None:
        key = getattr(exchange, "key", None)
        dialect = exchange.dialect.name
        failed = isinstance(answer, Answer) and bool(answer.reason)
        if answer.status < 400 and not failed:
            if exchange.route.parse is not None:
                self.accepted[dialect] += 1
            if key is not None:
                self.keys.note_use(key)
                if isinstance(answer, Answer) and answer.skipped:
                    self.keys.note_refusal(key, f"{exchange.route.path}: {answer.skipped}")
            return
        self.refused[dialect, why, answer.status] += 1
        if key is not None and isinstance(answer, Answer) and answer.status < 500:
            self.keys.note_refusal(key, f"{exchange.route.path}: {answer.status} {answer.reason or why}")


def _cut_prefix(scope: dict[str, Any]) -> None:
    """Takes the path prefix off. A proxy may have done so already: the bare path is served as well."""
    prefix, path = scope["root_path"], scope["path"]
    if path == prefix or path.startswith(prefix + "/"):
        scope["path"] = path[len(prefix) :] or "/"
    scope["root_path"] = ""


def _take_scheme(scope: dict[str, Any]) -> None:
    """The scheme that the client used, as a trusted proxy tells it: the pages' commands are made from it."""
    told = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    scheme = told[-1].decode("latin-1").rpartition(",")[2].strip().lower() if told else ""
    if scheme in ("http", "https"):
        scope["scheme"] = scheme


async def _nothing(_scope: dict[str, Any], _receive: Receive, send: Send) -> None:
    await _send(send, Answer(404, b'{"error":"not found"}'), ())


def _nowhere(match: Match) -> Answer:
    return match.dialect.fault(Fault.METHOD if match.allow else Fault.NOT_FOUND, FaultDetail(allow=match.allow))


def _missing(dialect: Dialect, path: str) -> Route:
    """Stands in for a path or method that the dialect does not serve: under some prefixes the key is checked before that is
    told.
    """
    steps: tuple[Any, ...] = ("auth",) if path.startswith(dialect.auth_first or ("\0",)) else ()
    return Route(path="(none)", method="", dialect=dialect.name, steps=steps, summary="", handler="none")


async def _send(
    send: Send, answer: Answer | StreamAnswer, extra: tuple[tuple[bytes, bytes], ...], *, head: bool = False
) -> None:
    if isinstance(answer, StreamAnswer):
        await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, *extra]})
        if not head:
            async for chunk in answer.chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    headers = [*answer.headers, *extra]
    if answer.status != 204:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})
