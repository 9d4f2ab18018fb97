"""What the API rooms are given: keys, readings, readiness, the way back into the journal."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from headrace.admission.keys import KeyRow, KeyTable, LookUpFailed
from headrace.admission.limits import Limiter, Spec
from headrace.admission.new_stats import make_stats
from headrace.api.app import create_api
from headrace.api.compat import logister, logister_cli, seestack, slowstats, statflow, stathat, stathat_embeds
from headrace.api.compat.base import CompatServices
from headrace.api.compat.logister_cli_keys import cli_key
from headrace.api.compat.people import login_key, session_key
from headrace.api.compat.seestack_logins import placed_key
from headrace.api.deps import HistogramReading, Readiness, Readings, Services, Unavailable
from headrace.api.imports.keeping import Rooms
from headrace.api.imports.runner import Runner
from headrace.api.services.server_state import CLAIM_BYTES, Holdings
from headrace.app import LOOP_WAIT_S, House, clock
from headrace.catalog import dead_letters, uptime
from headrace.catalog.logins import CLI_PREFIX
from headrace.catalog.stats import StatRow
from headrace.dialects.registry import DIALECTS
from headrace.gateway.exchange import Exchange
from headrace.gateway.front.bridge import App
from headrace.gateway.gateway import Check, Gateway, Handler
from headrace.gateway.sign_ins import SignInGuard
from headrace.journal import JournalUnavailable
from headrace.journal.aside import set_aside
from headrace.records.intents import Answer, Claim, Intent, RowIn, Submission, claim_key
from headrace.watch.checks import submission_of
from headrace.watch.uptime import NotKept, Uptime
from headrace.watch.visit import Visit
from headrace.web.site import make_site

#: A loader this far behind is worth a word in `/readyz`, seconds.
LAG_DEGRADED_S = 10.0

DAY_US = 24 * 3_600 * 1_000_000


class ApiKeys:
    """Admission's keys as our own API asks for them. A key's own rate holds here too; there is no other limit."""

    def __init__(self, keys: KeyTable, limiter: Limiter) -> None:
        self._keys = keys
        self._limiter = limiter

    def find(self, secret: str) -> KeyRow | None:
        try:
            key = self._keys.find(secret)
        except LookUpFailed:
            raise Unavailable("keys cannot be looked up now") from None
        if key is not None:
            self._keys.note_use(key)
        return key

    def charge(self, key: KeyRow) -> int:
        if key.rate is None or key.unlimited:
            return 0
        return self._limiter.charge(
            (key.id, "headrace", "api"), Spec("bucket", key.rate, key.burst or key.rate), 1
        ).retry_after


class FrontDoor:
    """Who knocks at the pages."""

    def __init__(self, gateway: Gateway) -> None:
        self._peers = gateway.peers
        self._guard = SignInGuard(gateway.peers, gateway.limiter)

    def address(self, scope: Mapping[str, Any]) -> str:
        return self._peers.address(_peer(scope), _headers(scope))

    def charge(self, scope: Mapping[str, Any], email: str) -> int:
        return self._guard.charge(self.address(scope), email)


def _peer(scope: Mapping[str, Any]) -> str:
    client = scope["client"]
    return str(client[0]) if client else ""


def _headers(scope: Mapping[str, Any]) -> dict[bytes, bytes]:
    return dict(reversed(scope["headers"]))


class Instruments:
    """The readings of all rooms, and whether the house can accept."""

    def __init__(self, house: House, gateway: Gateway) -> None:
        self._house = house
        self._gateway = gateway

    def read(self) -> Readings:
        journal, loader, times = self._house.journal, self._house.loader, self._house.query_times
        commits = journal.commit_times
        with self._house.catalog.read() as connection:
            letters = dead_letters.count_open(connection)
        return Readings(
            accepted=self._gateway.tally.accepted,
            refused=self._gateway.tally.refused,
            journal_rows=journal.backlog.rows,
            journal_bytes=journal.backlog.bytes,
            journal_oldest_s=self._lag(),
            commit=HistogramReading(commits.BOUNDS, tuple(commits.counts), commits.total),
            loader_lag_s=self._lag(),
            rows=dict(loader.rows),
            dead_letters=letters,
            query=HistogramReading(times.BOUNDS, tuple(times.counts), times.total),
        )

    def _lag(self) -> float:
        """Age of the oldest row that is not yet in the store, seconds."""
        oldest = self._house.journal.backlog.oldest_after(self._house.loader.loaded_upto)
        return 0.0 if oldest is None else max(0.0, (clock() - oldest) / 1_000_000)

    def check(self) -> Readiness:
        house = self._house
        trouble = house.journal.trouble()
        degraded = [house.loader.trouble] if house.loader.trouble else []
        if house.loader.torn:
            degraded.append(f"{house.loader.torn} journal segments are only partly in the store")
        if (lag := self._lag()) > LAG_DEGRADED_S:
            degraded.append(f"the loader is {lag:.0f} s behind")
        try:
            if quarantined := house.journal.side.quarantined():
                degraded.append(f"{quarantined} damaged journal pages are set aside")
        except sqlite3.Error as error:
            degraded.append(f"the journal cannot be read: {error}")
        degraded += [f"a damaged journal is set aside in {name}" for name in set_aside(house.journal.path)]
        degraded += [f"damaged claims are set aside in {name}" for name in set_aside(house.folded.path)]
        if house.folded.damage:
            degraded.append(f"the claims are damaged ({house.folded.damage}): the next start sets them aside")
        if dropped := house.folded.dropped_early:
            degraded.append(f"{dropped:,} claims were forgotten before their time: raise HEADRACE_CLAIMS_MAX")
        return Readiness((trouble,) if trouble else (), tuple(degraded))


def make_runner(house: House, keys: KeyTable, loop: asyncio.AbstractEventLoop) -> Runner:
    """What runs imports; ``loop`` is that of admission."""

    def make(project: int, wanted: Sequence[tuple[str, str]]) -> list[StatRow | None]:
        made = make_stats(house.admission, project, wanted, clock(), keys.stats_max.get(project))
        return asyncio.run_coroutine_threadsafe(made, loop).result(LOOP_WAIT_S)

    rooms = Rooms(house.catalog, house.open_store, make, clock)
    return Runner(rooms, house.uploads, private=house.settings.import_private == "yes")


def make_uptime(house: House, loop: asyncio.AbstractEventLoop) -> Uptime:
    """The clock of uptime monitors; ``loop`` is that of admission."""

    def keep(claim: uptime.Claim, found: Visit) -> None:
        submission = submission_of(claim, found, clock())

        async def put() -> None:
            await house.admission.append(house.admission.decide(submission, claim.due.project))

        try:
            asyncio.run_coroutine_threadsafe(put(), loop).result(LOOP_WAIT_S)
        except (JournalUnavailable, TimeoutError, RuntimeError) as error:  # full, too busy, at its end
            raise NotKept(str(error) or type(error).__name__) from None

    return Uptime(house.catalog, keep, clock, private=house.settings.uptime_private == "yes")


def _compat_services(house: House, runner: Runner) -> CompatServices:
    return CompatServices(
        house.context, house.open_store, runner.wake, runner.private, path_prefix=house.settings.path_prefix
    )


def make_handlers(house: House, runner: Runner, guard: SignInGuard) -> Mapping[str, Handler]:
    """The vendors' reads, by the handler names of the route table."""
    open_registration = house.settings.open_registration == "yes"
    services = _compat_services(house, runner)._replace(
        charge_sign_in=guard.charge, open_registration=open_registration
    )
    return {
        **statflow.handlers(services),
        **logister.handlers(services, trouble=house.journal.trouble),
        **logister_cli.handlers(services),
        **seestack.handlers(services),
        **stathat.handlers(services),
        **stathat_embeds.handlers(services),
        **slowstats.handlers(services, events_max=house.settings.slowstats_events_max),
    }


def make_checks(house: House, runner: Runner) -> Mapping[str, Check]:
    """What the vendors' reads ask of a body before it is charged, by the same names."""
    services = _compat_services(house, runner)
    return {**statflow.checks(services), **stathat.checks(services)}


def make_session_key(house: House) -> Callable[[Exchange], KeyRow | None]:
    """How the gateway finds the key that a person's session stands for."""

    def find(exchange: Exchange) -> KeyRow | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.headers.items()}
        return session_key(house.context, exchange.method, headers, exchange.query(), exchange.address)

    return find


def let_logins_in(house: House, gateway: Gateway) -> None:
    """Tells the gateway what the tokens of logins stand for. A catalog that cannot be asked is no answer (rulings 1)."""

    def find(exchange: Exchange, token: str) -> KeyRow | None:
        try:
            found = cli_key if token.startswith(CLI_PREFIX) else login_key
            return found(house.context, token, exchange.address)
        except SQLAlchemyError:
            raise LookUpFailed("logins cannot be looked up now") from None

    def place(exchange: Exchange) -> KeyRow:
        try:
            return placed_key(house.context, exchange, exchange.key, exchange.address)
        except SQLAlchemyError:
            raise LookUpFailed("logins cannot be looked up now") from None

    gateway.login_key, gateway.place_login = find, place


def make_api(house: House, gateway: Gateway) -> App:
    """The app behind the gateway. Called on the event loop's thread."""
    instruments = Instruments(house, gateway)
    services = Services(
        context=house.context,
        store=house.open_store,
        keys=ApiKeys(gateway.keys, gateway.limiter),
        append=_make_append(house, asyncio.get_running_loop()),
        gauges=instruments,
        ready=instruments,
        door=FrontDoor(gateway),
        holdings=_holdings(house),
        uploads=house.uploads,
        wake_imports=house.wake_imports,
        metrics_token=house.settings.metrics_token,
        path_prefix=house.settings.path_prefix,
        session_idle_us=house.settings.session_days * DAY_US,
        stopping=gateway.stopping,
    )
    return create_api(services, DIALECTS, make_site(house.settings.path_prefix))


def _holdings(house: House) -> Holdings:
    settings = house.settings
    return Holdings(
        folder=settings.data,
        journal_cap=settings.journal_max_bytes,
        claims_cap=settings.claims_max * CLAIM_BYTES,
        free_min=settings.disk_min_free_bytes,
        store_memory=settings.store_memory_bytes,
        started_at=clock(),
    )


def _make_append(house: House, loop: asyncio.AbstractEventLoop) -> Any:
    """Puts a dead letter's row back into the journal, once per letter: its id is claimed."""

    def append(letter_id: str, table: str, values: list[Any]) -> None:
        claim = Claim(claim_key("headrace.dead_letter", 0, letter_id))
        intent = Intent(rows=(RowIn(table, tuple(values)),), claims=(claim,))
        submission = Submission([intent], lambda _: Answer(204), counted=False)

        async def put() -> None:
            await house.admission.append(house.admission.decide(submission, int(values[0])))

        asyncio.run_coroutine_threadsafe(put(), loop).result(LOOP_WAIT_S)

    return append
