"""Rows of the canonical tables from keyword arguments, in table order, absent columns empty.

A parser names only the columns that it knows; the order of a table's columns stays in ``records.tables``. Only what reads the posts
that most programs send writes its tuple out by position, for a tenth of the cost.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

from headrace.records.intents import RowIn
from headrace.records.tables import EVENTS, REPLAYS, REQUESTS, SPANS, Kind, Table

_EMPTY: dict[Kind, Any] = {
    "text": "",
    "label": "",
    "u8": 0,
    "u16": 0,
    "u32": 0,
    "u64": 0,
    "float": 0.0,
    "float?": None,
    "labels": {},
}


def _builder(table: Table) -> Callable[..., RowIn]:
    name = table.name
    columns = table.columns[:-1]  # ``batch`` is stamped by the encoder
    # Times and ids have no empty value: the encoder refuses the None of a parser that forgot one.
    empty = [_EMPTY.get(column.kind) for column in columns]
    make = namedtuple(name, [column.name for column in columns], defaults=empty)  # type: ignore[misc] # noqa: PYI024

    def build(**given: Any) -> RowIn:
        return RowIn(name, make(**given))

    build.__doc__ = f"A row of ``{name}``; raises ``TypeError`` for a column that the table lacks."
    return build


event_row = _builder(EVENTS)
request_row = _builder(REQUESTS)
span_row = _builder(SPANS)
replay_row = _builder(REPLAYS)
