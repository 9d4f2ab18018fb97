"""The whole demo as one list of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headrace.demo import canaryhub, logister, seestack, slowstats, statflow
from headrace.demo.week import Address, Shipment, Week

Maker = Callable[[Week, Address], Iterator[Shipment]]

#: What carries its own times, and what happens when it is sent.
TIMED: tuple[Maker, ...] = (
    logister.deployments,
    statflow.points,
    statflow.notes,
    statflow.kiosk,
    canaryhub.events,
    logister.events,
    logister.nightly,
    seestack.requests,
    seestack.spans,
)
LIVE: tuple[Maker, ...] = (slowstats.records, seestack.live)


def plan(week: Week, address: Address) -> list[Shipment]:
    """Every request in the order in which it is sent. What has no time of its own is spread evenly among the rest, so that it happens
    over as long as the sending takes.
    """
    timed = [shipment for make in TIMED for shipment in make(week, address)]
    lives = [list(make(week, address)) for make in LIVE]
    places = [(number / len(timed), 0, number, shipment) for number, shipment in enumerate(timed)]
    for lane, shipments in enumerate(lives, 1):
        places += [(number / len(shipments), lane, number, shipment) for number, shipment in enumerate(shipments)]
    places.sort(key=lambda place: place[:3])
    return [shipment for *_, shipment in places]
