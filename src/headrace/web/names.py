"""What things are called on pages: dialects, types of records, aggregates, widths of buckets."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

#: Dialects, and sources of stats: StatFlow and StatHat share one namespace.
_DIALECTS: Mapping[str, str] = {
    "stat": "StatFlow, StatHat",
    "points": "Points",
    "statflow": "StatFlow",
    "stathat": "StatHat",
    "slowstats": "SlowStats",
    "logister": "Logister",
    "seestack": "SeeStack",
    "canaryhub": "CanaryHub",
}
#: The series colour of each dialect wherever dialects stand side by side: five of the eight that stay the furthest apart for
#: colour-blind readers, in light and dark.
DIALECT_SLOTS: Mapping[str, int] = {
    "stat": 1,
    "points": 1,
    "logister": 2,
    "seestack": 3,
    "slowstats": 4,
    "canaryhub": 7,
}
_KINDS: Mapping[str, str] = {"check_in": "check-in"}
_AGGREGATES: Mapping[str, str] = {
    "sum": "sum",
    "mean": "average",
    "min": "least",
    "max": "most",
    "last": "last",
    "count": "points",
}
_UNITS: Mapping[str, str] = {"m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month"}


def dialect(name: str) -> str:
    """A dialect or source by the name people know."""
    return _DIALECTS.get(name, name)


def kind(name: str) -> str:
    """The type of a record."""
    return _KINDS.get(name, name)


def aggregate(name: str) -> str:
    """What a number is of its bucket."""
    return _AGGREGATES.get(name, name)


def step(resolution: str) -> str:
    """The width of a bucket: ``15m`` is 15 minutes."""
    count, unit = int(resolution[:-1]), _UNITS[resolution[-1]]
    return f"{count} {unit}{'s' if count > 1 else ''}"


def host(url: str) -> str:
    """Where a link leads, for its text."""
    return urlsplit(url).netloc or url
