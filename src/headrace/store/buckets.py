"""Where a chart's buckets begin: multiples of UTC for widths below a day, calendar days, weeks (from Monday) and months in
a time zone above. Computed here alone; the engine is told the boundaries, so its own zone tables never matter.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: statflow.md 1.6, without ``raw``.
Resolution = Literal["1m", "5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "1w", "1M"]
RESOLUTIONS: Final[tuple[Resolution, ...]] = get_args(Resolution)

_MINUTE: Final = 60_000
_WIDTHS: Final[dict[Resolution, int]] = {
    "1m": _MINUTE,
    "5m": 5 * _MINUTE,
    "15m": 15 * _MINUTE,
    "30m": 30 * _MINUTE,
    "1h": 60 * _MINUTE,
    "3h": 180 * _MINUTE,
    "6h": 360 * _MINUTE,
    "12h": 720 * _MINUTE,
}
#: Days of a calendar resolution; of a month, the fewest.
_DAYS: Final[dict[Resolution, int]] = {"1d": 1, "1w": 7, "1M": 28}
_DAY_MS: Final = 86_400_000

#: Buckets of one answer (statflow.md 1.6) and of an answer that chooses its own resolution.
MAX_BUCKETS: Final = 10_000
COMFORTABLE_BUCKETS: Final = 500

#: Windows lie in [1900, 2200): what the engine's times can hold.
EARLIEST_MS: Final = int(datetime(1900, 1, 2, tzinfo=UTC).timestamp()) * 1000
LATEST_MS: Final = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1000


class BadWindow(ValueError):
    """A window that no chart can have; the text says why."""


class TooManyBuckets(BadWindow):
    """More than ``MAX_BUCKETS``."""


class UnknownZone(BadWindow):
    """Not an IANA time zone."""


class Grid(NamedTuple):
    """The buckets of [``start``, ``end``): ``starts`` are their beginnings in ms, ascending; the first may lie before ``start``.
    ``width`` in ms for the fixed resolutions, 0 for calendar ones.
    """

    start: int
    end: int
    resolution: Resolution
    width: int
    starts: tuple[int, ...]

    def aligned(self, width: int) -> bool:
        """Whether every bucket is made of whole multiples of ``width`` ms."""
        return self.width % width == 0 if self.width else all(start % width == 0 for start in self.starts)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone ``name``. Raises :class:`UnknownZone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone("unknown time zone") from None


def grid(start: int, end: int, resolution: Resolution, tz: str = "UTC") -> Grid:
    """The buckets that [``start``, ``end``) (ms) touches. ``tz`` matters to ``1d``, ``1w`` and ``1M`` only.

    Raises :class:`BadWindow`, :class:`TooManyBuckets`, :class:`UnknownZone`.
    """
    zone_info = zone(tz)
    if start >= end:
        raise BadWindow("a window ends after it starts")
    if start < EARLIEST_MS or end > LATEST_MS:
        raise BadWindow("a window lies between 1900 and 2200")
    width = _WIDTHS.get(resolution, 0)
    if (end - start) // _step(resolution) > 2 * MAX_BUCKETS:
        raise TooManyBuckets(f"more than {MAX_BUCKETS:,} buckets")
    if width:
        starts = tuple(range(start - start % width, end, width))
    else:
        starts = _calendar(start, end, resolution, zone_info)
    if len(starts) > MAX_BUCKETS:
        raise TooManyBuckets(f"more than {MAX_BUCKETS:,} buckets")
    return Grid(start, end, resolution, width, starts)


def finest(start: int, end: int, tz: str = "UTC", most: int = COMFORTABLE_BUCKETS) -> Resolution:
    """The finest resolution with at most ``most`` buckets in [``start``, ``end``), else ``1M``."""
    for resolution in RESOLUTIONS:
        if (end - start) // _step(resolution) > 2 * most:
            continue
        if len(grid(start, end, resolution, tz).starts) <= most:
            return resolution
    return "1M"


def _step(resolution: Resolution) -> int:
    """Length of a bucket in ms, near enough to skip hopeless windows before their buckets are counted."""
    return _WIDTHS.get(resolution) or _DAYS[resolution] * _DAY_MS


def _calendar(start: int, end: int, resolution: Resolution, zone_info: ZoneInfo) -> tuple[int, ...]:
    day = datetime.fromtimestamp(start / 1000, zone_info).date()
    if resolution == "1w":
        day -= timedelta(days=day.weekday())
    elif resolution == "1M":
        day = day.replace(day=1)
    starts: list[int] = []
    while (begins := _midnight(day, zone_info)) < end:
        # A zone that skips a whole day (Apia, 30 December 2011) has two dates beginning at one moment.
        if not starts or begins > starts[-1]:
            starts.append(begins)
        day = _next(day, resolution)
    return tuple(starts)


def _next(day: date, resolution: Resolution) -> date:
    if resolution == "1M":
        return date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return day + timedelta(days=_DAYS[resolution])


def _midnight(day: date, zone_info: ZoneInfo) -> int:
    """The first moment of ``day``: where the clock skips midnight that is the moment of the skip, where it shows midnight
    twice the first.
    """
    return round(datetime(day.year, day.month, day.day, tzinfo=zone_info).timestamp() * 1000)
