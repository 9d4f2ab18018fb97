"""What answers a request: vendor paths go through the steps of their route, everything else to the API and the pages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from headrace.admission.admission import Admission
from headrace.admission.keys import KeyRow, KeyTable, LookUpFailed
from headrace.admission.limits import Limiter
from headrace.admission.monitors import MonitorTable
from headrace.dialects.base import Dialect, Fault, FaultDetail, Refusal, Route
from headrace.gateway.bodies import ClientGone, HungUp, InFlight
from headrace.gateway.callers import auth, scope
from headrace.gateway.charges import charge_reading
from headrace.gateway.cors import CORS, PREFLIGHT
from headrace.gateway.exchange import Exchange, Plan, Refused
from headrace.gateway.front.bridge import App, Bridge, make_scope
from headrace.gateway.front.connection import Connection
from headrace.gateway.front.heads import Head
from headrace.gateway.peers import Peers
from headrace.gateway.routes import Match, RouteTable
from headrace.gateway.steps import make_plan
from headrace.gateway.switched import hand_over
from headrace.gateway.tally import Tally
from headrace.gateway.waiting import STALL_S, Waiting
from headrace.journal import JournalUnavailable
from headrace.records.intents import Answer, Reply, StreamAnswer, SwitchAnswer

Handler = Callable[[Exchange], Awaitable[Reply]]
#: Raises :class:`Refusal`; leaves what it read in ``Exchange.reading``.
Check = Callable[[Exchange], None]

#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5

#: Seconds between two lines of the log about refused requests.
WARN_EVERY_S = 10.0

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
        checks: Mapping[str, Check],
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
        #: What the step ``check`` does, by the name of the route's handler.
        self.checks = checks
        self.options = options
        self.clock = clock
        #: Encrypts what only this instance may read; called from any thread.
        self.seal = seal
        #: The key that a person's session stands for (``Route.sessions``), None without one; asks the catalog, so it runs aside.
        self.session_key: Callable[[Exchange], KeyRow | None] = lambda _: None
        #: The key that the token of a login stands for, None for one of nobody's; and what it stands for in the project that the request
        #: means (raises :class:`Refusal`). Both ask the catalog.
        self.login_key: Callable[[Exchange, str], KeyRow | None] = lambda _exchange, _token: None
        self.place_login: Callable[[Exchange], KeyRow] = lambda exchange: exchange.key
        self.in_flight = InFlight()
        self.tally = Tally(keys)
        self.waiting = Waiting()
        #: Set when the server begins to stop: answers that have no end of their own end then.
        self.stopping = asyncio.Event()
        self._warned_at = -WARN_EVERY_S
        #: Whatever no dialect owns: the API and the pages, put here once they are built.
        self.fallback: App = _nothing
        self._tasks: set[asyncio.Task[None]] = set()
        #: The requests that wait, by what they wait for: a commit, or work of their own.
        self._waiters: dict[asyncio.Future[Any], list[Exchange]] = {}

    def begin(self, line: Connection, head: Head, body: bytes | None) -> None:
        """Takes a request from the front; ``body`` None: it is still coming in."""
        try:
            plan = head.notes["plan"] if "plan" in head.notes else self._plan(head)
            if plan is None:
                self._pass_on(line, head, body)
            elif head.method == "OPTIONS" and self._grants_preflight(plan.match, line, head):
                self._reply(line, Answer(204, b"", PREFLIGHT), ())
            else:
                self._go_on(Exchange(self, line, head, body, plan))
        except Exception:  # a mistake of ours outside any step: this connection ends, the others go on
            _log.exception("a %s request failed", head.method)  # some paths hold a key
            line.abort()

    def _plan(self, head: Head) -> Plan | None:
        """What answers the head, None when no dialect does; found out once for each head that the front keeps."""
        match = self.table.match(head.method, head.path)
        plan = None if match is None else make_plan(match, match.route or _missing(match.dialect, head.path), head)
        head.notes["plan"] = plan
        return plan

    def _pass_on(self, line: Connection, head: Head, body: bytes | None) -> None:
        """To the API and the pages."""
        scope = make_scope(line, head, self.scheme_of(line, head))

        async def answer() -> None:
            with self.waiting.patiently():
                await Bridge(line, body, STALL_S).run(self.fallback, scope)

        self._keep(answer())

    def scheme_of(self, line: Connection, head: Head) -> str:
        """The scheme that the client used, which a trusted proxy tells."""
        return (self.peers.trusts(line.client) and _told_scheme(head)) or line.scheme

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is not forgotten while it runs."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- the steps

    def _go_on(self, exchange: Exchange) -> None:
        """Runs the steps of the request's route until one answers it, or has to wait: then what it waits for goes on from there. No
        request costs a task that does not need one.
        """
        steps = exchange.steps
        # What was waited for may have answered it.
        end = len(steps) if exchange.answer is None else 0
        try:
            for at in range(exchange.at, end):
                exchange.at = at + 1
                waiting = steps[at](exchange)
                if waiting is not None:
                    self._wait(exchange, waiting)
                    return
                if exchange.answer is not None:
                    break
        except Exception as error:
            self._finish(exchange, self._refusal(exchange, error))
            return
        self._finish(exchange, exchange.answer or _nowhere(exchange.match))

    def _wait(self, exchange: Exchange, waiting: Coroutine[Any, Any, None] | asyncio.Future[Any]) -> None:
        """Those that wait for one commit are woken together: a callback of its own costs each of them a turn of the loop."""
        future = waiting if isinstance(waiting, asyncio.Future) else self._keep(waiting)
        waiters = self._waiters.get(future)
        if waiters is None:
            self._waiters[future] = [exchange]
            future.add_done_callback(self._woken)
        else:
            waiters.append(exchange)

    def _woken(self, future: asyncio.Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        for exchange in self._waiters.pop(future):
            try:
                if future.cancelled():
                    exchange.end()
                    exchange.line.abort()
                elif error is not None:
                    self._finish(exchange, self._refusal(exchange, error))
                else:
                    self._go_on(exchange)
            except Exception:  # the others are answered all the same
                _log.exception("a request to %s failed", exchange.route.path)
                exchange.line.abort()

    def _refusal(self, exchange: Exchange, error: BaseException) -> Answer:
        """The dialect's words for what a step raised; ``exchange.why`` is told too."""
        dialect, route = exchange.dialect, exchange.route
        if isinstance(error, Refusal | Refused):
            charge_reading(exchange)
        if isinstance(error, Refusal):
            exchange.why = "body"
            return error.answer
        if isinstance(error, Refused):
            exchange.why = error.fault.value
            return dialect.fault(error.fault, error.detail._replace(inbound=exchange))
        detail = FaultDetail(inbound=exchange)
        if isinstance(error, JournalUnavailable | LookUpFailed | HungUp):
            self._warn(f"refusing {route.dialect}: {error}")
            fault, detail = Fault.UNAVAILABLE, detail._replace(retry_after=RETRY_AFTER_S)
        elif isinstance(error, ClientGone):  # it may have closed its sending half only, and reads this
            fault = Fault.UNREADABLE
        else:  # the client gets the dialect's 500, the log the traceback
            _log.error("a request to %s failed", route.path, exc_info=error)
            fault = Fault.INTERNAL
        exchange.why = fault.value
        return dialect.fault(fault, detail)

    # --- answers

    def _finish(self, exchange: Exchange, answer: Reply) -> None:
        exchange.end()
        dialect, route = exchange.dialect, exchange.route
        try:
            if dialect.finish is not None and isinstance(answer, Answer):
                answer = dialect.finish(exchange, answer)
            self.tally.count(exchange, answer)
            extra: tuple[tuple[bytes, bytes], ...] = ()
            if exchange.limit_state is not None and dialect.limit_headers is not None:
                extra = dialect.limit_headers(exchange.limit_state)
            if exchange.match.cors or (route.cors_by_project and self._browsers_may(exchange)):
                extra = (*extra, *CORS)
        except Exception:
            _log.exception("the answer to a request to %s failed", route.path)
            exchange.line.abort()
            return
        bodiless = exchange.head.method == "HEAD"
        if isinstance(answer, StreamAnswer):
            self._keep(self._stream(exchange.line, answer, extra, bodiless=bodiless))
        elif isinstance(answer, SwitchAnswer):
            self._keep(hand_over(exchange, answer, extra))
        else:
            self._reply(exchange.line, answer, extra, bodiless=bodiless)

    def _reply(
        self, line: Connection, answer: Answer, extra: tuple[tuple[bytes, bytes], ...], *, bodiless: bool = False
    ) -> None:
        headers = (*answer.headers, *extra) if extra else answer.headers
        line.reply(answer.status, headers, b"" if bodiless else answer.body, length=len(answer.body))

    async def _stream(
        self, line: Connection, answer: StreamAnswer, extra: tuple[tuple[bytes, bytes], ...], *, bodiless: bool
    ) -> None:
        try:
            with self.waiting.patiently():
                line.start(answer.status, (*answer.headers, *extra), sized=False, bodiless=bodiless)
                if not bodiless:
                    async for chunk in answer.chunks:
                        if line.gone:
                            return
                        await line.send(chunk)
                line.finish()
        except asyncio.CancelledError:
            line.abort()
            raise
        except Exception:  # what was sent cannot be taken back: the client sees that the answer ends too early
            _log.exception("a streamed answer failed")
            line.abort()

    def _browsers_may(self, exchange: Exchange) -> bool:
        """Whether the project of the request's key lets pages of other origins in; nobody's does."""
        return hasattr(exchange, "key") and exchange.project_allows("browsers")

    def _grants_preflight(self, match: Match, line: Connection, head: Head) -> bool:
        """A browser sends no body with a preflight: where the project decides, the key has to be in the query."""
        if match.cors or match.browsers is None:
            return match.cors
        exchange = Exchange(self, line, head, b"", make_plan(match, match.browsers, head))
        try:
            auth(exchange)
            scope(exchange)
        except (Refused, Refusal):
            return False
        return self._browsers_may(exchange)

    def _warn(self, text: str) -> None:
        """A line in the log, but not one per refused request: a full disk may be the one that holds the log."""
        now = time.monotonic()
        if now - self._warned_at >= WARN_EVERY_S:
            self._warned_at = now
            _log.warning("%s", text)


def _told_scheme(head: Head) -> str:
    """The scheme that the client used, as a trusted proxy tells it: the pages' commands are made from it."""
    told = [value for name, value in head.pairs if name == b"x-forwarded-proto"]
    scheme = told[-1].decode("latin-1").rpartition(",")[2].strip().lower() if told else ""
    return scheme if scheme in ("http", "https") else ""


async def _nothing(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _nowhere(match: Match) -> Answer:
    return match.dialect.fault(Fault.METHOD if match.allow else Fault.NOT_FOUND, FaultDetail(allow=match.allow))


def _missing(dialect: Dialect, path: str) -> Route:
    """Stands in for a path or method that the dialect does not serve: under some prefixes the key is checked before that is
    told.
    """
    steps: tuple[Any, ...] = ("auth",) if path.startswith(dialect.auth_first or ("\0",)) else ()
    return Route(path="(none)", method="", dialect=dialect.name, steps=steps, summary="", handler="none")
