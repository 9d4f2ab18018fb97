"""Rows for the tests of this folder."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from headrace.records.encode import encode_row, finish_row
from headrace.records.points import ResolvedPoints
from headrace.records.tables import TABLES

GOLDEN = Path(__file__).parent / "golden"

#: 2026-03-01T00:00:00Z in ms, a Sunday.
START = 1_772_323_200_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

#: Project and batch numbers: every test has its own, so that all share one store in any order.
numbers = count(1)


def row_of(table: str, project: int, **values: Any) -> tuple[Any, ...]:
    """A row of ``table`` in column order: ``values``, and something harmless for the other columns."""
    ts = values.get("ts", START * 1000)
    plain: dict[str, Any] = {
        "text": "",
        "label": "",
        "float": 0.0,
        "float?": None,
        "us": ts,
        "labels": {},
        "uuid": uuid4(),
    }
    row = {column.name: plain.get(column.kind, 0) for column in TABLES[table].columns[:-1]}
    row |= {"project": project, "received_at": ts, **values}
    return tuple(row.values())


def resolved(points: Iterable[tuple[int, int, float, int]]) -> ResolvedPoints:
    """Points (stat, ts in ms, value, flags) as the encoder takes them."""
    made = ResolvedPoints()
    for point in points:
        made.add(*point)
    return made


def line_of(table: str, row: tuple[Any, ...], batch: int) -> bytes:
    return finish_row(encode_row(TABLES[table], row), batch)


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.sql").read_text()
