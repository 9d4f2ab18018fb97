"""Times as people type them: ``2027-01-31``, ``2027-01-31T08:00:00Z``, or a span from now such as ``90m``, ``12h``, ``30d``."""

from __future__ import annotations

import re
import time

import click

from headrace.records.times import iso_us

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Moment(click.ParamType[int]):
    """µs since the epoch. ``direction`` +1 or -1: where a span leads from now."""

    name = "time"

    def __init__(self, direction: int) -> None:
        self.direction = direction

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        moment = moment_us(value, time.time_ns() // 1000, self.direction)
        if moment is None:
            self.fail(
                f"{value!r} is no time: 2027-01-31, 2027-01-31T08:00:00Z, or a span such as 90m, 12h, 30d", param, ctx
            )
        return moment


def moment_us(text: str, now_us: int, direction: int) -> int | None:
    """``text`` as µs since the epoch (dates and times without an offset are UTC); None when it is no time."""
    span = _SPAN.fullmatch(text)
    if span:
        return now_us + direction * int(span[1]) * _SECONDS[span[2]] * 1_000_000
    return iso_us(text if "T" in text or " " in text else text + "T00:00:00", need_offset=False)
