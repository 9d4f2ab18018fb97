"""Uptime monitors: what people may make of them, and the clock that has pages looked at."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from wire import TIMEOUT_S

from headrace.api.services import ServiceError, uptime
from headrace.api.services.uptime import MONITORS_MAX
from headrace.catalog import projects, tables
from headrace.catalog import uptime as rows
from headrace.catalog.uptime import LEASE_US, MINUTE_US, Claim, UptimeRow
from headrace.watch import uptime as module
from headrace.watch.uptime import LONGEST_S, LOOKS, LOOKS_A_PROJECT, NotKept, Uptime
from headrace.watch.visit import Visit

UP = Visit(True, 200, 12.5, "")
DOWN = Visit(False, 0, 30.0, "Connection refused")
INTERVAL_US = 5 * MINUTE_US


class Rig:
    """A clock with looks that end when ``gate`` is open, and what is told of them."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.gate = threading.Event()
        self.gate.set()
        self.looked: list[str] = []
        self.kept: list[tuple[str, Visit]] = []
        self.refused: list[tuple[str, Visit]] = []
        self.finds, self.keeps = UP, True
        self.started: list[Uptime] = []

    def look(self, url: str) -> Visit:
        self.looked.append(url)
        assert self.gate.wait(TIMEOUT_S)
        return self.finds

    def keep(self, claim: Claim, found: Visit) -> None:
        (self.kept if self.keeps else self.refused).append((claim.due.url, found))
        if not self.keeps:
            raise NotKept("the disk is full")

    def start(self) -> Uptime:
        made = Uptime(self.house.context.catalog, self.keep, self.house.clock, private=False, look=self.look)
        self.started.append(made)
        made.start()
        return made

    def at(self, now: int) -> None:
        """Sets the clock, and has everybody look at it."""
        self.house.clock.now = now
        for one in self.started:
            one.wake()

    def add(self, name: str, project: int | None = None) -> str:
        now = self.house.clock.now
        number = self.house.project.number if project is None else project
        with self.house.context.catalog.write() as conn:
            rows.add(conn, UptimeRow(name, number, name, f"https://{name}.example/", 5, True, now, now))
        return f"https://{name}.example/"

    def row(self, name: str) -> UptimeRow:
        with self.house.context.catalog.read() as conn:
            found = rows.by_id(conn, self.house.project.number, name)
        assert found is not None
        return found


@pytest.fixture
def rig(house: Any) -> Iterator[Rig]:
    made = Rig(house)
    yield made
    made.gate.set()
    for one in made.started:
        one.stop()
    # On a slow machine a stop does not wait for all of them, and the catalog is closed next.
    wait(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("uptime")])


def wait(done: Callable[[], Any]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- the clock


def test_a_page_is_looked_at_at_once_and_then_in_step(rig: Rig) -> None:
    url, start = rig.add("a"), rig.house.clock.now
    rig.start()
    wait(lambda: rig.row("a").checked_at)
    row = rig.row("a")
    assert (row.state, row.checked_at, row.duration_ms, row.code, row.reason) == ("up", start, 12.5, 200, "")
    assert row.due_at == start + INTERVAL_US
    rig.finds = DOWN
    rig.at(start + INTERVAL_US + 700_000)
    wait(lambda: rig.row("a").state == "down")
    row = rig.row("a")
    assert (row.checked_at, row.code, row.reason) == (start + INTERVAL_US + 700_000, 0, "Connection refused")
    assert row.due_at == start + 2 * INTERVAL_US, "what comes late is followed by what comes in time"
    assert rig.kept == [(url, UP), (url, DOWN)]


def test_a_restart_neither_forgets_nor_repeats(rig: Rig) -> None:
    done, open_ = rig.add("done"), rig.add("open")
    first = rig.start()
    wait(lambda: rig.row("done").checked_at and rig.row("open").checked_at)
    with rig.house.context.catalog.write() as conn:
        rows.change(conn, "open", due_at=rig.house.clock.now)
    rig.gate.clear()
    first.wake()
    wait(lambda: rig.looked.count(open_) == 2)
    first.stop()
    rig.gate.set()
    assert rig.row("open").due_at == rig.house.clock.now, "what was interrupted is given back"
    before = rig.row("done")
    rig.start()
    wait(lambda: len(rig.kept) == 3)
    assert Counter(rig.looked) == {done: 1, open_: 3}
    assert Counter(url for url, _ in rig.kept) == {done: 1, open_: 2}
    assert rig.row("done") == before


def test_a_process_that_dies_leaves_its_looks_to_others(rig: Rig) -> None:
    url, start = rig.add("a"), rig.house.clock.now
    with rig.house.context.catalog.write() as conn:
        (come,) = rows.due(conn, start, 1)
        assert rows.claim(conn, come, start)
    rig.start()
    rig.at(start + LEASE_US)
    wait(lambda: rig.row("a").checked_at == start + LEASE_US)
    assert rig.kept == [(url, UP)]


def test_of_two_on_one_catalog_one_looks(rig: Rig) -> None:
    urls = [rig.add(f"m{number}") for number in range(6)]
    start = rig.house.clock.now
    rig.start()
    rig.start()
    for turn in range(1, 4):
        wait(lambda turn=turn: len(rig.kept) == turn * len(urls))
        wait(lambda turn=turn: all(rig.row(f"m{n}").due_at == start + turn * INTERVAL_US for n in range(6)))
        assert Counter(rig.looked) == dict.fromkeys(urls, turn)
        rig.at(start + turn * INTERVAL_US)


@pytest.mark.parametrize("jump", [86_400_000_000, -86_400_000_000], ids=["ahead", "back"])
def test_a_clock_that_jumps_brings_one_look_each(rig: Rig, jump: int) -> None:
    urls, start = [rig.add(f"m{number}") for number in range(3)], rig.house.clock.now
    rig.start()
    wait(lambda: all(rig.row(f"m{n}").checked_at for n in range(3)))
    rig.at(start + jump)
    wait(lambda: all(rig.row(f"m{n}").checked_at == start + jump for n in range(3)))
    assert Counter(rig.looked) == dict.fromkeys(urls, 2)
    assert all(rig.row(f"m{n}").due_at == start + jump + INTERVAL_US for n in range(3))


def test_looks_are_bounded_and_no_project_takes_all_of_them(rig: Rig) -> None:
    rig.gate.clear()
    mine = [rig.add(f"m{number}") for number in range(LOOKS_A_PROJECT + 3)]
    rig.start()
    wait(lambda: len(rig.looked) == LOOKS_A_PROJECT)
    others = [rig.add(f"o{number}", rig.house.foreign.number) for number in range(LOOKS)]
    rig.started[0].wake()
    wait(lambda: len(rig.looked) == LOOKS)
    assert len(set(rig.looked) & set(others)) == LOOKS - LOOKS_A_PROJECT
    rig.gate.set()
    wait(lambda: len(rig.kept) == len(mine) + len(others))
    assert Counter(rig.looked) == dict.fromkeys(mine + others, 1)


def _switch_off(rig: Rig) -> None:
    house = rig.house
    uptime.change(house.context, house.owner, "a", project="shop", active=False)


def _move(rig: Rig) -> None:
    house = rig.house
    uptime.change(house.context, house.owner, "a", project="shop", url="https://b.example/", active=True)


def _delete(rig: Rig) -> None:
    uptime.delete(rig.house.context, rig.house.owner, "a", project="shop")


def _delete_project(rig: Rig) -> None:
    with rig.house.context.catalog.write() as conn:
        projects.begin_deletion(conn, rig.house.project.id, 7)


@pytest.mark.parametrize("change", [_switch_off, _move, _delete, _delete_project])
def test_what_is_changed_meanwhile_is_not_told_of(rig: Rig, change: Callable[[Rig], None]) -> None:
    url = rig.add("a")
    rig.gate.clear()
    watch = rig.start()
    wait(lambda: rig.looked == [url])
    rig.house.clock.now += 1
    change(rig)
    rig.gate.set()
    watch.wake()
    if change is _move:
        wait(lambda: rig.row("a").checked_at)
        assert rig.kept == [("https://b.example/", UP)]
        return
    last = rig.add("last", rig.house.foreign.number)
    watch.wake()
    wait(lambda: (last, UP) in rig.kept)
    watch.stop()
    assert rig.kept == [(last, UP)]


def test_what_cannot_be_kept_is_not_told_of_either(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    url, start = rig.add("a"), rig.house.clock.now
    rig.keeps = False
    rig.start()
    for tries in (1, 2):
        wait(lambda tries=tries: rig.refused == [(url, UP)] * tries)
        assert rig.row("a").state == "pending"
        rig.keeps = tries == 2
        rig.at(start + tries * LEASE_US)
    wait(lambda: rig.row("a").checked_at == start + 2 * LEASE_US)
    assert rig.kept == [(url, UP)]
    assert [line for line in caplog.messages if "the disk is full" in line] == [
        "looks of uptime monitors are not kept: the disk is full"
    ]


def test_a_stop_waits_for_what_is_being_kept(rig: Rig) -> None:
    rig.add("a")
    keeping, go_on = threading.Event(), threading.Event()
    kept = rig.keep

    def keep(claim: Claim, found: Visit) -> None:
        keeping.set()
        assert go_on.wait(TIMEOUT_S)
        kept(claim, found)

    rig.keep = keep  # type: ignore[method-assign]
    watch = rig.start()
    assert keeping.wait(TIMEOUT_S)
    stopper = threading.Thread(target=watch.stop)
    stopper.start()
    go_on.set()
    stopper.join(TIMEOUT_S)
    assert rig.row("a").state == "up"
    assert len(rig.kept) == 1


def test_a_look_that_stumbles_ends_nothing_else(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = rig.add("bad"), rig.add("good")
    look = rig.look

    def stumble(url: str) -> Visit:
        if url == bad:
            rig.looked.append(url)
            raise ZeroDivisionError
        return look(url)

    rig.look = stumble  # type: ignore[method-assign]
    rig.start()
    wait(lambda: rig.row("good").checked_at and bad in rig.looked)
    assert [url for url, _ in rig.kept] == [good]
    rig.look = look  # type: ignore[method-assign]
    wait(lambda: "a look at a page stumbled" in caplog.text)


def test_trouble_with_the_catalog_passes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig.add("a")
    left = [sa.exc.OperationalError("", {}, Exception("the database is away"))] * 3
    due = rows.due

    def fail(*args: Any) -> Any:
        if left:
            raise left.pop()
        return due(*args)

    monkeypatch.setattr(module, "TROUBLE_S", 0.01)
    monkeypatch.setattr(module.uptime, "due", fail)
    rig.start()
    wait(lambda: rig.row("a").checked_at)
    assert len([line for line in caplog.messages if "uptime monitors wait:" in line]) == 1


def test_nothing_to_watch_is_nothing_to_wake_for(rig: Rig, engine: str) -> None:
    watch = Uptime(rig.house.context.catalog, rig.keep, rig.house.clock, private=False, look=rig.look)
    # Of another node on the same catalog nobody hears.
    nothing = None if engine == "sqlite" else LONGEST_S
    assert watch._round() == nothing
    rig.add("a")
    with rig.house.context.catalog.write() as conn:
        rows.change(conn, "a", due_at=rig.house.clock.now + INTERVAL_US)
    assert watch._round() == LONGEST_S
    with rig.house.context.catalog.write() as conn:
        rows.change(conn, "a", due_at=rig.house.clock.now + 1)
    assert watch._round() == module.PAUSE_S
    with rig.house.context.catalog.write() as conn:
        rows.change(conn, "a", active=False)
    assert watch._round() == nothing
    assert rig.looked == []


# --- what people do


class NoStore:
    """A store without a single check."""

    def query(self, *_: Any) -> Any:
        return SimpleNamespace(rows=[])


def create(house: Any, **changed: Any) -> Any:
    given = {"project": "shop", "name": "Shop", "url": "https://shop.example/", **changed}
    return uptime.create(house.context, given.pop("actor", house.owner), **given)


def refused(run: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ServiceError) as error:
        run()
    return error.value.code, error.value.message


def test_the_clock_hears_of_changes(house: Any) -> None:
    heard: list[int] = []
    told = house._replace(context=house.context._replace(uptime_changed=lambda: heard.append(1)))
    made = create(told)
    uptime.change(told.context, house.owner, made.id, project="shop", active=False)
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("asked", "becomes"), [(1, 1), (5, 5), (10, 10), *[(other, 5) for other in (-1, 0, 2, 9, 11, 60)]]
)
def test_intervals(house: Any, engine: str, asked: int, becomes: int) -> None:
    if engine == "sqlite":
        assert create(house, interval_min=asked).interval_min == becomes


def test_a_project_has_so_many(house: Any) -> None:
    with house.context.catalog.write() as conn:
        number = house.project.number
        many = [UptimeRow(str(n), number, "n", "u", 5, True, n, n)._asdict() for n in range(MONITORS_MAX - 1)]
        conn.execute(sa.insert(tables.uptime_monitors), many)
    made = create(house)
    assert refused(lambda: create(house)) == ("conflict", f"a project has at most {MONITORS_MAX} uptime monitors")
    create(house, actor=house.stranger, project=house.foreign.id)
    uptime.delete(house.context, house.owner, made.id, project="shop")
    create(house)


def test_what_a_change_does_to_the_clock(house: Any) -> None:
    made, clock = create(house), house.clock
    later = clock.now + 7 * MINUTE_US

    def due_at(**changed: Any) -> int:
        with house.context.catalog.write() as conn:
            rows.change(conn, made.id, due_at=later)
        uptime.change(house.context, house.owner, made.id, project="shop", **changed)
        with house.context.catalog.read() as conn:
            row = rows.by_id(conn, house.project.number, made.id)
        assert row is not None
        return row.due_at

    assert due_at() == due_at(name="Another") == due_at(url="https://shop.example/", active=True) == later
    for changed in ({"url": "https://b.example/"}, {"interval_min": 1}, {"active": False}, {"active": True}):
        assert due_at(**changed) == clock.now


def test_whose_monitors_they_are(house: Any) -> None:
    made, store = create(house), NoStore()
    missing = ("not_found", "monitor not found")
    theirs = {"project": house.foreign.id}
    assert uptime.page(house.context, store, house.stranger, **theirs).monitors == []
    for run in (
        lambda: uptime.get(house.context, store, house.stranger, made.id, **theirs),
        lambda: uptime.change(house.context, house.stranger, made.id, name="mine", **theirs),
        lambda: uptime.delete(house.context, house.stranger, made.id, **theirs),
        lambda: uptime.checks(house.context, store, house.stranger, made.id, range_us=1, **theirs),
    ):
        assert refused(run) == missing
    for run in (
        lambda: create(house, actor=house.stranger),
        lambda: uptime.get(house.context, store, house.stranger, made.id, project="shop"),
    ):
        assert refused(run) == ("not_found", "project not found")
    shown = uptime.page(house.context, store, house.owner, project="shop")
    assert (shown.total, [one.id for one in shown.monitors]) == (1, [made.id])
    assert shown.monitors == [uptime.get(house.context, store, house.owner, made.id, project="shop")] == [made]
