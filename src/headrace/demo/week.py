"""The week of a shop that does not exist: when it is busy, when it has trouble, who visits it, what runs where."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60
#: Days that can be made up: older ones would show less than a page's usual range.
MAX_DAYS = 7
#: What each scale makes of the full amount of records, and seconds between two points of a stat.
SCALES = {"full": (1.0, 60), "small": (0.1, 600)}

#: Monday to Sunday: how much of a Wednesday's trade.
WEEKDAYS = (0.98, 0.97, 1.0, 1.03, 1.07, 0.62, 0.54)
#: The hour (UTC) of a day at which releases come out, the minutes until the bad one is mended, and the share of requests that fail
#: in between at its worst and on a good day.
DEPLOY_HOUR, MENDED_MINUTES = 14.2, 47
FAILING_AT_WORST, FAILING = 0.16, 0.004
#: Growth within the week: each day a little more than the one before.
GROWTH_A_DAY = 0.012

SERVICES = ("web", "checkout", "search", "worker")
USERS = 240
#: Of so many records one comes from the staging environment.
STAGING_EVERY = 11


class Release(NamedTuple):
    """``at``: when it came into production, Unix seconds."""

    version: str
    commit: str
    at: int


class Week(NamedTuple):
    """``end`` in Unix seconds; ``days`` before it; ``scale``: one of ``SCALES``. Everything else follows from these and ``seed``."""

    end: int
    days: int = MAX_DAYS
    scale: str = "full"
    seed: int = 1

    @property
    def start(self) -> int:
        return self.end - self.days * DAY_S

    @property
    def amount(self) -> float:
        return SCALES[self.scale][0]

    @property
    def step(self) -> int:
        """Seconds between two points of a stat."""
        return SCALES[self.scale][1]

    @property
    def deployed(self) -> int:
        """When the bad release came out: in the afternoon, with at least a day of trade behind it if the week has one."""
        latest = self.end - self.days * DAY_S // 5
        afternoon = latest // DAY_S * DAY_S + int(DEPLOY_HOUR * HOUR_S)
        if afternoon > latest:
            afternoon -= DAY_S
        if afternoon < self.start + HOUR_S:
            return self.start + self.days * DAY_S * 3 // 5
        return afternoon

    @property
    def mended(self) -> int:
        return self.deployed + MENDED_MINUTES * MINUTE_S

    @property
    def releases(self) -> tuple[Release, Release, Release]:
        """The one that ran before, the bad one, and the one that mended it."""
        return (
            Release("2.13.2", "4c1f0b7d9a52", self.start - 3 * DAY_S),
            Release("2.14.0", "9fceb02d0ae5", self.deployed),
            Release("2.14.1", "d670460b4b4a", self.mended),
        )

    def dice(self, name: str) -> random.Random:
        """The same throws for the same seed and name, whatever is asked of others in between."""
        return random.Random(f"{self.seed}:{name}")  # noqa: S311 - a demonstration, no secret

    def release(self, at: float) -> str:
        """What ran in production at ``at``."""
        return [release.version for release in self.releases if release.at <= at][-1]

    def busy(self, at: float) -> float:
        """How much the shop is visited, 1 in the evening of a Wednesday: nights are quiet, weekends half of that."""
        hour = at % DAY_S / HOUR_S
        day = 0.06 + 0.55 * _hill(hour, 12.4, 3.2) + 0.9 * _hill(hour, 19.6, 2.5)
        weekday = WEEKDAYS[(int(at // DAY_S) + 3) % 7]  # the epoch was a Thursday
        return day * weekday * (1 + GROWTH_A_DAY * (at - self.start) / DAY_S)

    def trouble(self, at: float) -> float:
        """0 on a good day, up to 1 while the bad release runs: it gets worse as caches run empty."""
        if not self.deployed <= at < self.mended:
            return 0.0
        return 0.4 + 0.6 * min(1.0, (at - self.deployed) / (MENDED_MINUTES * MINUTE_S / 3))

    def failing(self, at: float) -> float:
        """The share of requests that fail."""
        return FAILING + FAILING_AT_WORST * self.trouble(at)

    def moments(self, dice: random.Random, a_day: float) -> list[float]:
        """Times in order, about ``a_day`` of them on a full-scale day, most when the shop is busy."""
        wanted = max(1, round(a_day * self.days * self.amount))
        found: list[float] = []
        while len(found) < wanted:
            at = self.start + dice.random() * (self.end - self.start)
            if dice.random() * 1.7 < self.busy(at):
                found.append(at)
        return sorted(found)

    def times(self, every: int, offset: int = 0) -> range:
        """Whole multiples of ``every`` seconds, ``offset`` later, within the week."""
        first = -(-(self.start - offset) // every) * every + offset
        return range(first, self.end, every)


def _hill(hour: float, middle: float, width: float) -> float:
    """A rise and fall around ``middle`` that goes on over midnight."""
    apart = min(abs(hour - middle), 24 - abs(hour - middle))
    return math.exp(-((apart / width) ** 2))


def visitor(dice: random.Random) -> str:
    """A customer: some come all the time, most once."""
    return f"cus_{1000 + int(USERS * dice.random() ** 2.2)}"


def environment(dice: random.Random) -> str:
    return "staging" if dice.randrange(STAGING_EVERY) == 0 else "production"


def hexadecimal(dice: random.Random, digits: int) -> str:
    return f"{dice.getrandbits(4 * digits):0{digits}x}"


def uuid(dice: random.Random) -> str:
    """A random UUID, version 4."""
    return str(UUID(int=dice.getrandbits(128), version=4))


def took(dice: random.Random, typical_ms: float, spread: float = 0.45) -> int:
    """How long something took, whole ms: most near ``typical_ms``, some much longer."""
    return max(1, round(typical_ms * math.exp(dice.gauss(0, spread))))


def number_of(dice: random.Random, expected: float) -> int:
    """How many of independent things happened of which ``expected`` were to be expected (Poisson's distribution)."""
    if expected > 30:
        return max(0, round(dice.gauss(expected, math.sqrt(expected))))
    limit, product, found = math.exp(-expected), dice.random(), 0
    while product > limit:
        product *= dice.random()
        found += 1
    return found


class Page(NamedTuple):
    """A part of the shop: ``share`` of the visits, typical duration in ms, and what serves it."""

    method: str
    path: str
    share: int
    typical_ms: float
    service: str


#: The search is the slow one: it is what the duration of the whole shop hides.
PAGES = (
    Page("GET", "/", 30, 38, "web"),
    Page("GET", "/products/{id}", 34, 61, "web"),
    Page("GET", "/search", 16, 1_150, "search"),
    Page("POST", "/cart", 10, 72, "checkout"),
    Page("POST", "/checkout", 5, 240, "checkout"),
    Page("GET", "/account/orders", 5, 130, "web"),
)
_SHARES = [page.share for page in PAGES]


def page(dice: random.Random) -> Page:
    return dice.choices(PAGES, _SHARES)[0]


def page_took(week: Week, dice: random.Random, asked: Page, at: float) -> int:
    """Whole ms; a busy shop is slower, and the bad release slows the checkout."""
    slowed = 1 + 0.5 * week.busy(at) + (2.5 * week.trouble(at) if asked.service == "checkout" else 0)
    return took(dice, asked.typical_ms * slowed)


def fails(week: Week, dice: random.Random, asked: Page, at: float) -> bool:
    """Whether a visit ends in an error of the shop; what the bad release broke is the checkout."""
    weight = 3.0 if asked.service == "checkout" else 0.7
    return dice.random() < week.failing(at) * weight


class Shipment(NamedTuple):
    """One request to an ingest endpoint. ``points`` and ``rows`` are the records in it; ``refusable``: another answer than a success
    is no reason to stop (a monitor that is there already).
    """

    dialect: str
    path: str
    body: bytes
    points: int = 0
    rows: int = 0
    content_type: str = "application/json"
    refusable: bool = False


class Address(NamedTuple):
    """Whom the records are for: some dialects carry it in the body."""

    key: str
    project: str


def split(items: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    """``items`` in parts of at most ``size``."""
    return [items[first : first + size] for first in range(0, len(items), size)]
