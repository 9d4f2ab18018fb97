"""What came in a moment ago, for pages and programs that listen. Nothing is done while records are taken in: whoever listens looks at what the store
and the catalog have by now.

Segments of the journal are the clock: rows carry the number of theirs, numbers only grow, and a segment counts once the catalog says that
all of it is loaded and projected. So nothing is seen twice, and nothing that is still on its way is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from headrace.api.services.base import Actor, Context, live_project, require
from headrace.api.services.records import COLUMNS_OF, POINT, TYPES_OF, Record, from_row
from headrace.catalog import progress
from headrace.catalog import stats as stat_rows
from headrace.records.ids import stat_text
from headrace.store.arrivals import Position, list_after
from headrace.store.client import Store
from headrace.store.errors import BudgetExceeded, StoreError
from headrace.store.events import list_arrived
from headrace.store.filters import Filter
from headrace.store.points import Arrived, arrived_points

#: Records of a kind in one look: what comes faster is not read by anybody.
MOST: Final = 50
#: Lines of a log in one look; what comes faster is told in the looks that follow.
LINES: Final = 200
_LINE: Final = ("level", "message", "service")
#: Only these points are told: those of other sources are made from events, which are told themselves.
_OWN_SOURCE: Final = "stat"


class Arrivals(msgspec.Struct, frozen=True):
    """``records``: what came, the earliest first. ``upto``: from where to look next."""

    records: list[Record]
    upto: int


def position(context: Context, actor: Actor, *, project: str | int) -> int:
    """Where the present is: what comes from now on comes after it. Raises ``forbidden`` and ``not_found``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        live_project(conn, actor, project)
        return progress.last_segment(conn)


def since(
    context: Context, open_store: Callable[[], Store], actor: Actor, *, project: str | int, after: int
) -> Arrivals:
    """What was stored for the project after the position ``after``; nothing, for now, while the store does not answer. Costs next to
    nothing while nothing comes. Raises ``forbidden`` and ``not_found``.
    """
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        upto = progress.last_segment(conn)
    if upto <= after:
        return Arrivals([], max(after, upto))
    try:
        store = open_store()
        records = [
            from_row(table, row)
            for table in TYPES_OF
            for row in list_arrived(store, number, table, after, upto, limit=MOST, columns=COLUMNS_OF[table])
        ]
        records += _points(context, number, arrived_points(store, number, after, upto, limit=MOST))
    except StoreError:
        return Arrivals([], after)
    return Arrivals(sorted(records, key=lambda record: record.received_at), upto)


def _points(context: Context, project: int, found: list[Arrived]) -> list[Record]:
    """One record a stat, of its latest point."""
    if not found:
        return []
    with context.catalog.read() as conn:
        named = {stat.stat_id: stat for stat in stat_rows.by_ids(conn, project, [one.stat for one in found])}
    records = []
    for one in found:
        stat = named.get(one.stat)
        if stat is None or stat.source != _OWN_SOURCE:
            continue
        more = f" · {one.points:,} points" if one.points > 1 else ""
        received = stat.last_received_at or one.ts * 1000
        text = f"{one.value:.12g}{more}"
        records.append(Record(stat_text(one.stat), one.ts * 1000, received, stat.source, POINT, stat.name, text=text))
    return records


class LogLines(msgspec.Struct, frozen=True):
    """``rows``: lines of a log (``id``, ``ts`` µs, ``level``, ``message``, ``service``), as they came. ``after``: where to go on; ``more``:
    there may be more already.
    """

    rows: list[dict[str, Any]]
    after: Position
    more: bool = False


def log_position(context: Context, actor: Actor, *, project: str | int) -> Position:
    """As :func:`position`, for :func:`log_lines`."""
    return Position(position(context, actor, project=project) + 1)


def log_lines(
    context: Context, open_store: Callable[[], Store], actor: Actor, *, project: str | int, after: Position
) -> LogLines:
    """The lines of the project's logs that were stored behind ``after``, every one of them sooner or later; nothing, for now, while the store
    does not answer. Costs as :func:`since`, and raises the same.
    """
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        upto = progress.last_segment(conn)
    if upto < after.batch:
        return LogLines([], after)
    limit = LINES
    while True:
        try:
            rows = _lines(open_store(), number, after, upto, limit)
        except BudgetExceeded as exceeded:  # a line may be megabytes
            if limit == 1 or exceeded.limit != "memory":
                return LogLines([], after)
            limit = max(1, limit // 10)
            continue
        except StoreError:
            return LogLines([], after)
        if len(rows) < limit:
            return LogLines(rows, Position(upto + 1))
        last = rows[-1]
        return LogLines(rows, Position(last["batch"], last["received_at"], last["id"]), more=True)


def _lines(store: Store, project: int, after: Position, upto: int, limit: int) -> list[dict[str, Any]]:
    wanted = Filter({"type": ["log"]})
    return list_after(store, project, wanted, after, upto, start=0, end=None, limit=limit, columns=_LINE)
