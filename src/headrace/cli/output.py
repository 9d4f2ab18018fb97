"""What commands print: aligned tables and ``name: value`` lines for people, one JSON document for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click
import msgspec

from headrace.records.times import iso_text


class Shown(NamedTuple):
    """A column or line: the key in the data, its heading, and how the value becomes text."""

    key: str
    heading: str
    kind: str = "text"  # text | number | time (µs since the epoch)


def print_json(value: Any) -> None:
    """``value`` as one line of JSON."""
    click.echo(msgspec.json.encode(value).decode())


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Shown], empty: str) -> None:
    """Rows under headings, numbers to the right; ``empty`` when there is none."""
    if not rows:
        click.echo(empty)
        return
    cells = [[cell(row.get(column.key), column.kind) for column in columns] for row in rows]
    widths = [max(len(column.heading), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    for line in ([column.heading for column in columns], *cells):
        padded = (
            text.rjust(width) if column.kind == "number" else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def print_record(record: Mapping[str, Any], lines: Sequence[Shown]) -> None:
    """One ``heading: value`` line each, values aligned."""
    width = max(len(line.heading) for line in lines) + 1
    for line in lines:
        click.echo(f"{line.heading + ':':<{width}} {cell(record.get(line.key), line.kind)}".rstrip())


def cell(value: Any, kind: str = "text") -> str:
    """``value`` as one line of printable text: what clients sent never moves the cursor of a terminal."""
    if value is None or value == "":
        return "-"
    if kind == "time":
        return iso_text(int(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    text = format(value, ".15g") if isinstance(value, float) else str(value)
    return "".join(character if character.isprintable() else " " for character in text)
