"""Stats as figures, as a table and as a number in the middle of a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from headrace.api.embeds.figures import DAY_S, Figures, Line
from headrace.api.embeds.nodes import COLOURS, FAINT, Node, box, element, soft
from headrace.dialects.stathat_embeds import Asked
from headrace.records.figures import NOTHING, number
from headrace.store.series import Aggregate

#: What a stat's number is, in a word.
_CALLED: dict[Aggregate, str] = {"sum": "total", "mean": "average", "last": "last value"}
_CELL = {"padding": "3px 8px 3px 0", "borderBottom": f"1px solid {FAINT}", "fontWeight": "normal"}
_RIGHT = _CELL | {"textAlign": "right", "padding": "3px 0 3px 12px", "fontVariantNumeric": "tabular-nums"}


def data(figures: Figures, asked: Asked) -> Node:
    """Each stat's number, with what it was before, its least, most and last."""
    title = [_title(asked.title)] if asked.title else []
    return box(asked.width, *title, *(_stat(line, at, figures) for at, line in enumerate(figures.lines)))


def _stat(line: Line, at: int, figures: Figures) -> Node:
    total = line.total(line.now)
    notes = [f"least {number(_least(line))}", f"most {number(_most(line))}", f"last {number(_last(line))}"]
    if figures.timeframe.back:
        before = line.total(line.before)
        notes.insert(0, f"{_change(total, before)} on {figures.timeframe.before} ({number(before)})")
    unit = f" {line.stat.unit}" if line.stat.unit else ""
    return element(
        "div",
        {"margin": "0 0 8px", "borderLeft": f"3px solid {COLOURS[at]}", "padding": "0 0 0 8px"},
        element("div", {"overflowWrap": "anywhere"}, element("bdi", None, line.stat.name)),
        element(
            "div",
            {"fontSize": "24px", "lineHeight": "30px", "fontVariantNumeric": "tabular-nums"},
            number(total) + unit,
            soft(f" {_CALLED[line.aggregate]}, {figures.timeframe.text}"),
        ),
        element("div", None, soft(" · ".join(notes))),
    )


def _least(line: Line) -> float | None:
    return min((bucket.min for bucket in line.now if bucket.min is not None), default=None)


def _most(line: Line) -> float | None:
    return max((bucket.max for bucket in line.now if bucket.max is not None), default=None)


def _last(line: Line) -> float | None:
    return next((bucket.last for bucket in reversed(line.now) if bucket.count), None)


def _change(now: float | None, before: float | None) -> str:
    """In percent of what was before, where there is one."""
    if now is None or not before:
        return NOTHING
    percent = 100 * (now - before) / abs(before)
    return f"{'+' if percent >= 0 else ''}{number(round(percent, 1 if abs(percent) < 10 else 0))} %"


def table(figures: Figures, asked: Asked) -> Node:
    """A row a day or an hour, the latest first; a column a stat."""
    lines = figures.lines
    compared = figures.timeframe.back > 0
    days = figures.width >= DAY_S
    heads = [element("th", _CELL, f"{'Day' if days else 'Hour'} (UTC)", scope="col")]
    for line in lines:
        heads.append(element("th", _RIGHT, element("bdi", None, line.stat.name), scope="col"))
        if compared:
            heads.append(element("th", _RIGHT, soft("before"), scope="col"))
    rows = [element("tr", None, *_row(figures, at, days=days)) for at in reversed(range(len(figures.starts)))]
    style = {"borderCollapse": "collapse", "width": "100%", "fontSize": "12px", "color": "inherit"}
    made = element("table", style, element("thead", None, element("tr", None, *heads)), element("tbody", None, *rows))
    limit = {"maxHeight": f"{asked.height}px"} if asked.sized else {}
    scrolled = element("div", {"overflow": "auto", **limit}, made, tabindex="0")
    return box(asked.width, *([_title(asked.title)] if asked.title else []), scrolled)


def _row(figures: Figures, at: int, *, days: bool) -> Iterator[Node]:
    when = datetime.fromtimestamp(figures.starts[at], UTC)
    yield element(
        "td", _CELL | {"whiteSpace": "nowrap"}, f"{when:%a} {when.day} {when:%b}" if days else f"{when:%a %H:%M}"
    )
    for line in figures.lines:
        yield element("td", _RIGHT, number(line.values[at]))
        if line.before:
            yield element("td", _RIGHT | {"opacity": ".75"}, number(line.values_before[at]))


def text(figures: Figures, asked: Asked) -> Node:
    """The numbers alone, in the page's own letters."""
    told = " · ".join(
        number(line.total(line.now)) + (f" {line.stat.unit}" if line.stat.unit else "") for line in figures.lines
    )
    names = asked.title or ", ".join(line.stat.name for line in figures.lines)
    return element("span", {"fontVariantNumeric": "tabular-nums"}, told, title=f"{names}, {figures.timeframe.text}")


def _title(title: str) -> Node:
    return element("div", {"fontWeight": "bold", "margin": "0 0 6px", "overflowWrap": "anywhere"}, title)
