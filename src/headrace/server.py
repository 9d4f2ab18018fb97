"""``headrace serve``: one process, one folder; starts the rooms in order, keeps house, and ends with 0."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from headrace.admission.keys import KeyTable
from headrace.admission.limits import Limiter
from headrace.admission.monitors import MonitorTable
from headrace.api.imports.runner import Runner
from headrace.api.services import audit, setup, stathat_stats
from headrace.app import LOADER_STOP_S, House, OnLoop, clock
from headrace.catalog import copies, meta, mobile_tokens, outbox
from headrace.catalog.sealing import OUTBOX_ADDRESSES, Seal
from headrace.cli.control_server import ControlServer
from headrace.deletion import Deletions
from headrace.dialects.registry import DIALECTS
from headrace.gateway.gateway import Gateway
from headrace.gateway.peers import Peers
from headrace.gateway.routes import RouteTable
from headrace.gateway.sign_ins import SignInGuard
from headrace.listeners import Listeners
from headrace.settings import DIALECT_OPTIONS, Settings
from headrace.watch.uptime import Uptime
from headrace.wiring import (
    let_logins_in,
    make_api,
    make_checks,
    make_handlers,
    make_runner,
    make_session_key,
    make_uptime,
)

#: Claims that wait in the journal before they are folded. Each takes some 100 bytes of memory until then; but a fold touches nearly every
#: page of a generation's B-tree, however few claims it brings, and what it writes delays the commits beside it.
FOLD_AT = 250_000
#: Answers kept for retries at most.
ANSWERS_MAX = 1_000_000

#: How long an expired mobile token is kept, µs: so long its refusals can be seen.
TOKENS_KEPT_US = 24 * 3_600 * 1_000_000

#: Seconds between rounds of housekeeping; rounds between those of the slow part.
TICK_S = 1.0
SLOW_TICKS = 60

#: What ends the server, with 0 and nothing lost.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger("headrace")


def serve(settings: Settings) -> int:
    """Runs the server until SIGTERM or SIGINT; gives the exit code. Raises what opening the house raises."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(capture=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    asked_early: list[int] = []
    for number in STOP_SIGNALS:
        signal.signal(number, lambda number, _: asked_early.append(number))
    # A closed terminal ends nothing, and there is nothing to reload: certificates are looked at all the time.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # The engine is imported on the main thread before any other thread starts.
    house = House.open(settings, patient=True)
    _spare_the_collector()
    try:
        return uvloop.run(_serve(house, asked_early))
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        house.close()


def _spare_the_collector() -> None:
    """What is loaded now stays: the collector need not walk it again, and requests make no cycles worth looking for often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _serve(house: House, asked_early: list[int]) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def ask(_number: int, _frame: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    # Not as the loop's own handlers: with those, closing it would give the signals back what they do by default, for a moment.
    for number in STOP_SIGNALS:
        signal.signal(number, ask)
    if asked_early:
        return 0
    loader = house.make_loader(OnLoop(loop))
    keys = KeyTable(house.catalog, clock)
    runner = make_runner(house, keys, loop)
    house.wake_imports = runner.wake
    watch = make_uptime(house, loop)
    house.wake_uptime = watch.wake
    gateway = _make_gateway(house, keys, runner)
    house.journal.on_commit = loader.wake
    loader.start()
    loader.wake()
    listeners = Listeners(gateway.begin, house.settings)
    deletions = Deletions(house, OnLoop(loop), lambda project: runner.project == project)
    house.is_served = True
    control: ControlServer | None = None
    try:
        deletions.start()
        control = await ControlServer.start(house)
        await listeners.start()
        runner.start()
        watch.start()
        _announce(house)
        keeper = asyncio.create_task(_keep_house(house, keys, gateway, listeners))
        await stop.wait()
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    finally:
        await _end(house, gateway, listeners, control, keys, deletions, runner, watch)
    return 0


async def _end(
    house: House,
    gateway: Gateway,
    listeners: Listeners,
    control: ControlServer | None,
    keys: KeyTable,
    deletions: Deletions,
    runner: Runner,
    watch: Uptime,
) -> None:
    """Ends the rooms in order; trouble in one does not keep the others from their ends."""
    gateway.stopping.set()

    async def stop_reads() -> None:
        await asyncio.to_thread(house.stop_reads)

    async def hang_up() -> None:
        gateway.waiting.hang_up()
        await stop_reads()

    async def stop_loader() -> None:
        house.journal.commit()
        await asyncio.to_thread(house.loader.stop, LOADER_STOP_S)
        house.journal.commit()

    steps: list[Callable[[], Awaitable[None]]] = [
        lambda: asyncio.to_thread(watch.stop),
        lambda: asyncio.to_thread(runner.stop),
        lambda: listeners.stop(hang_up),
        stop_reads,
    ]
    if control is not None:
        steps.append(control.stop)
    steps += [lambda: asyncio.to_thread(deletions.stop), stop_loader, lambda: asyncio.to_thread(keys.flush)]
    for step in steps:
        try:
            await step()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            _log.warning("at the stop: %s", first_line(error))
        except Exception:
            _log.exception("at the stop")


def _make_gateway(house: House, keys: KeyTable, runner: Runner) -> Gateway:
    settings = house.settings
    limiter = Limiter(clock)
    peers = Peers(settings.proxies, settings.unlimited_networks)
    gateway = Gateway(
        table=RouteTable(DIALECTS),
        keys=keys,
        limiter=limiter,
        admission=house.admission,
        monitors=MonitorTable(house.catalog, keys),
        peers=peers,
        handlers=make_handlers(house, runner, SignInGuard(peers, limiter)),
        checks=make_checks(house, runner),
        options={name: getattr(settings, name) for name in DIALECT_OPTIONS},
        clock=clock,
        seal=_outbox_seal(house).seal,
    )
    gateway.fallback = make_api(house, gateway)
    gateway.session_key = make_session_key(house)
    let_logins_in(house, gateway)
    return gateway


def _outbox_seal(house: House) -> Seal:
    with house.catalog.read() as connection:
        return Seal(meta.instance_secret(connection), OUTBOX_ADDRESSES)


def _announce(house: House) -> None:
    """One line that says where; with no account yet, the one-time link that makes the first."""
    settings = house.settings
    print(f"Headrace listens on {settings.base_url}, its data is in {settings.data}", flush=True)
    token = setup.issue_token(house.context)
    if token is not None:
        print(f"No account yet. Make the first one here, once: {settings.base_url}/app/setup/{token}", flush=True)


async def _keep_house(house: House, keys: KeyTable, gateway: Gateway, listeners: Listeners) -> None:
    """What is done beside the requests: usage of keys, trims that wait, claims to fold, answers too old, certificates."""
    troubles: dict[str, str] = {}
    ticks = 0
    while True:
        for name, chore in _chores(house, keys, gateway, listeners, slow=ticks % SLOW_TICKS == 0):
            try:
                await chore()
            except (SQLAlchemyError, sqlite3.Error, OSError) as error:
                # Once for each trouble: a full disk may be the one that holds the log.
                if troubles.get(name) != (line := first_line(error)):
                    _log.warning("housekeeping, %s: %s", name, line)
                troubles[name] = line
            except Exception:
                _log.exception("housekeeping, %s", name)
            else:
                troubles.pop(name, None)
        await asyncio.sleep(TICK_S)
        ticks += 1


def _chores(
    house: House, keys: KeyTable, gateway: Gateway, listeners: Listeners, *, slow: bool
) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
    async def tidy() -> None:
        house.journal.tidy()
        gateway.waiting.end_stalled()
        listeners.sweep()

    async def forget_answers() -> None:
        house.journal.side.forget_answers(clock(), ANSWERS_MAX)

    yield "usage of keys", lambda: asyncio.to_thread(keys.flush)
    yield "trims and stalled requests", tidy
    yield "certificates", listeners.renew
    if house.admission.claims.unfolded >= FOLD_AT:
        on_loop = OnLoop(asyncio.get_running_loop())
        yield "claims", lambda: asyncio.to_thread(house.fold_claims, on_loop)
    if slow:
        yield "audit log", lambda: asyncio.to_thread(audit.forget, house.context)
        yield "outbox", lambda: asyncio.to_thread(_expire_messages, house)
        yield "mobile tokens", lambda: asyncio.to_thread(_forget_tokens, house)
        yield "filters of claims", lambda: asyncio.to_thread(house.folded.warm)
        yield "claims past their time", lambda: asyncio.to_thread(house.folded.expire, clock())
        yield "kept answers", forget_answers
        yield "trash", lambda: asyncio.to_thread(_empty_trash, house)
        if house.settings.catalog_copies and house.catalog.is_sqlite:
            yield "copy of the catalog", lambda: asyncio.to_thread(_copy_catalog, house.settings)


def _copy_catalog(settings: Settings) -> None:
    path = copies.sqlite_path(settings.catalog_url)
    assert path is not None
    copies.make(
        path,
        settings.data / copies.FOLDER,
        datetime.fromtimestamp(clock() / 1_000_000, UTC).date(),
        keep=settings.catalog_copies,
        min_free_bytes=settings.disk_min_free_bytes,
    )


def _expire_messages(house: House) -> None:
    with house.catalog.write() as connection:
        outbox.expire(connection, clock())


def _forget_tokens(house: House) -> None:
    with house.catalog.write() as connection:
        mobile_tokens.forget_expired(connection, clock() - TOKENS_KEPT_US)


def _empty_trash(house: House) -> None:
    """Not while the loader may have to count rows that it has stored before: those of the trash would be missed."""
    if not house.loader.trouble and not house.loader.torn:
        stathat_stats.empty_trash(house.context, house.open_store())


def first_line(error: Exception) -> str:
    """The first line of an error's text, or what kind it is."""
    return (str(error) or type(error).__name__).splitlines()[0]
