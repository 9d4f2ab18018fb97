"""The shop's stats by the minute over StatFlow, and those of its kiosk over StatHat."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from headrace.demo.week import DAY_S, HOUR_S, Address, Shipment, Week, number_of, split, took
from headrace.records.times import iso_text

#: Items of one batch: StatFlow's limit, and a tenth of StatHat's.
BATCH, KIOSK_BATCH = 1_000, 500
#: Seconds between two tellings of the kiosk.
KIOSK_STEP_S = 300
#: Disk space at the start of the week and what a day takes of it, GB.
DISK_FREE_GB, DISK_A_DAY_GB = 212.0, 6.5
#: Memory of a web process after its start, and what it leaks in an hour, MB.
MEMORY_MB, LEAK_MB = 410.0, 5.2

_encode = msgspec.json.encode


class Counter(NamedTuple):
    """``a_minute`` at a busy time; ``harmed``: the share that is missing at the worst of the trouble."""

    name: str
    a_minute: float
    harmed: float = 0.0


COUNTERS = (
    Counter("shop.page_views", 240),
    Counter("shop.visits", 62),
    Counter("shop.cart_added", 17, 0.2),
    Counter("shop.orders", 5.5, 0.7),
    Counter("shop.signups", 1.4, 0.3),
    Counter("api.requests", 430),
    Counter("mail.sent", 13, 0.5),
    Counter("cache.hits", 390, 0.35),
    Counter("cache.misses", 41),
)

Reading = Callable[[Week, random.Random, float], float]


def _web_cpu(week: Week, dice: random.Random, at: float) -> float:
    return min(100.0, 9 + 48 * week.busy(at) + 26 * week.trouble(at) + dice.gauss(0, 2.5))


def _db_cpu(week: Week, dice: random.Random, at: float) -> float:
    backup = 30 if 2.5 <= at % DAY_S / HOUR_S < 2.9 else 0
    return min(100.0, 6 + 33 * week.busy(at) + backup + dice.gauss(0, 2))


def _memory(week: Week, dice: random.Random, at: float) -> float:
    """It leaks until the next start: each night at four, and with each release."""
    started = max((at - 4 * HOUR_S) // DAY_S * DAY_S + 4 * HOUR_S, *(one.at for one in week.releases if one.at <= at))
    return MEMORY_MB + LEAK_MB * (at - started) / HOUR_S + dice.gauss(0, 4)


def _disk(week: Week, dice: random.Random, at: float) -> float:
    return DISK_FREE_GB - DISK_A_DAY_GB * (at - week.start) / DAY_S + dice.gauss(0, 0.05)


VALUES: dict[str, Reading] = {
    "api.response_ms": lambda week, dice, at: took(dice, 62 * (1 + 0.5 * week.busy(at) + 1.8 * week.trouble(at)), 0.12),
    "api.response_p95_ms": lambda week, dice, at: took(
        dice, 310 * (1 + 0.7 * week.busy(at) + 3 * week.trouble(at)), 0.18
    ),
    "search.response_ms": lambda week, dice, at: took(dice, 1_150 * (1 + 0.6 * week.busy(at)), 0.22),
    "web-1.cpu_percent": _web_cpu,
    "web-2.cpu_percent": _web_cpu,
    "db-1.cpu_percent": _db_cpu,
    "db-1.connections": lambda week, dice, at: round(
        14 + 60 * week.busy(at) + 90 * week.trouble(at) + dice.gauss(0, 3)
    ),
    "web-1.memory_mb": _memory,
    "queue.depth": lambda week, dice, at: number_of(dice, 2 + 9 * week.busy(at) + 160 * week.trouble(at)),
    "db-1.disk_free_gb": _disk,
}


def points(week: Week, _: Address) -> Iterator[Shipment]:
    """Every stat at every step, in the order of time."""
    dice = week.dice("statflow")
    items = [_encode(item) for at in week.times(week.step) for item in _at(week, dice, at)]
    for batch in split(items, BATCH):
        yield Shipment("statflow", "/v1/ingest/batch", b'{"items":[' + b",".join(batch) + b"]}", points=len(batch))


def _at(week: Week, dice: random.Random, at: int) -> Iterator[dict[str, Any]]:
    busy, trouble, minutes = week.busy(at), week.trouble(at), week.step / 60
    for counter in COUNTERS:
        counted = number_of(dice, counter.a_minute * minutes * busy * (1 - counter.harmed * trouble))
        if counted:
            yield {"stat": counter.name, "value": counted, "type": "counter", "timestamp": at}
        if counter.name == "shop.orders":
            for _ in range(min(counted, 2)):
                total = round(math.exp(dice.gauss(3.6, 0.6)), 2)
                yield {"stat": "shop.order_total", "value": total, "type": "value", "timestamp": at}
    errors = number_of(dice, 430 * minutes * busy * week.failing(at))
    yield {"stat": "api.errors", "value": errors, "type": "counter", "timestamp": at}
    for name, read in VALUES.items():
        yield {"stat": name, "value": round(read(week, dice, at), 2), "type": "value", "timestamp": at}


def notes(week: Week, _: Address) -> Iterator[Shipment]:
    """What people would note on the charts."""
    bad, mended = week.releases[1:]
    written = (
        (bad.at, "deploy", f"{bad.version} deployed"),
        (bad.at + 6 * 60, "incident", "checkout fails for many customers"),
        (mended.at, "deploy", f"{mended.version} deployed, checkout mended"),
    )
    for at, kind, text in written:
        note = {"text": text, "kind": kind, "timestamp": iso_text(at * 1_000_000)}
        yield Shipment("statflow", "/v1/annotations", _encode(note))


def kiosk(week: Week, address: Address) -> Iterator[Shipment]:
    """The kiosk in the showroom: open from eight to six, shut on Sundays, and warm in the afternoon."""
    dice = week.dice("stathat")
    items = []
    for at in week.times(max(KIOSK_STEP_S, week.step)):
        hour = at % DAY_S / HOUR_S
        warmth = 20.5 + 2.2 * math.sin((hour - 9) / 24 * 2 * math.pi) + dice.gauss(0, 0.1)
        items.append(_encode({"stat": "kiosk temperature", "value": round(warmth, 1), "t": at}))
        is_open = 8 <= hour < 18 and (at // DAY_S + 3) % 7 != 6
        if is_open and (visitors := number_of(dice, 1.8)):
            items.append(_encode({"stat": "kiosk visitors", "count": visitors, "t": at}))
    head = b'{"ezkey":' + _encode(address.key) + b',"data":['
    for batch in split(items, KIOSK_BATCH):
        yield Shipment("stathat", "/ez", head + b",".join(batch) + b"]}", points=len(batch))
