"""A graph: lines in an SVG that stretches with its place, names and scales as text beside it, so that they stay readable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from headrace.api.embeds.figures import DAY_S, HOUR_S, Figures, Line
from headrace.api.embeds.nodes import COLOURS, FAINT, SMALL, SOFT, Node, box, element, soft
from headrace.dialects.stathat_embeds import Asked
from headrace.records.figures import number

#: Pixels that words take: a line of them, the times below a graph, a character of a scale, and what stands between scale and graph.
LINE, TIMES, CHARACTER, GAP = 18, 18, 7, 6
#: Graphs that are smaller have no scales, or no words at all, pixels.
SCALES_FROM, WORDS_FROM = (200, 90), 48
#: The SVG's own width; its height is that of the graph.
ACROSS: Final = 1_000
#: Air above the highest point, as a share.
AIR: Final = 0.06
_NICE = (1, 2, 2.5, 5, 10)


class Scale(NamedTuple):
    """From ``low`` to ``high`` over ``height`` pixels; ``ticks`` are round numbers between."""

    low: float
    high: float
    ticks: list[float]

    def share(self, value: float) -> float:
        """How far down ``value`` lies: 0 at the top, 1 at the foot."""
        return (self.high - value) / (self.high - self.low)


def graph(figures: Figures, asked: Asked) -> Node:
    """The graph in the style that is asked for: with scales (fill), with name and number (mini), or the line alone (spark)."""
    bare = asked.style != "fill" or asked.width < SCALES_FROM[0] or asked.height < SCALES_FROM[1]
    worded = asked.style != "spark" and asked.height >= WORDS_FROM
    height = max(1, asked.height - (LINE if worded else 0) - (0 if bare else TIMES))
    scale = scale_of(figures.lines, few=bare or height < 120)
    labels = [] if bare else [number(tick) for tick in scale.ticks]
    margin = GAP + CHARACTER * max(map(len, labels)) if labels else 0
    plot = element(
        "div",
        {"position": "relative", "height": f"{height}px", "margin": f"0 0 {0 if bare else TIMES}px {margin}px"},
        _drawing(figures, scale, height, _label(figures, asked), bare=bare),
        *(_tick(label, scale.share(tick)) for label, tick in zip(labels, scale.ticks, strict=False)),
        *([] if bare else _times(figures)),
    )
    head = [] if not worded else [_head(figures, asked)] if asked.style == "fill" else [_short_head(figures, asked)]
    return box(asked.width, *head, plot)


def scale_of(lines: Sequence[Line], *, few: bool = False) -> Scale:
    """From zero, or the least if it is below, up to a round number above the most."""
    known = [value for line in lines for value in (*line.values, *line.values_before) if value is not None]
    known = [value for value in known if math.isfinite(value)]
    low, high = min([0.0, *known]), max([0.0, *known])
    if high == low:
        high = low + 1
    step = _step((high - low) / (2 if few else 4))
    first = math.floor(low / step)
    ticks = [step * at for at in range(first, math.floor(high / step) + 1)]
    return Scale(min(low, ticks[0]), high + (high - low) * AIR, ticks)


def _step(rough: float) -> float:
    """The next round number from ``rough`` on."""
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * nice for nice in _NICE if size * nice >= rough * 0.999)


def _drawing(figures: Figures, scale: Scale, height: int, label: str, *, bare: bool) -> Node:
    shapes: list[Node] = []
    if not bare:
        for tick in scale.ticks:
            y = f"{scale.share(tick) * height:.1f}"
            shapes.append(_stroke(f"M0 {y}H{ACROSS}", FAINT, width="1"))
    for at, line in enumerate(figures.lines):
        colour = COLOURS[at]
        for points in _runs(line.values, scale, height):
            floor = f"{scale.share(max(0.0, scale.low)) * height:.1f}"
            area = f"M{points[0].split()[0]} {floor}L{'L'.join(points)}V{floor}Z"
            shapes.append(["path", {"d": area, "fill": colour, "fill-opacity": ".14"}])
    for at, line in enumerate(figures.lines):
        before = "".join(_path(points) for points in _runs(line.values_before, scale, height))
        if before:
            shapes.append(_stroke(before, COLOURS[at], width="1.5", dashes="4 4", opacity=".7"))
    for at, line in enumerate(figures.lines):
        runs = list(_runs(line.values, scale, height))
        now = "".join(_path(points) for points in runs)
        if now:
            shapes.append(_stroke(now, COLOURS[at], width="2"))
        dots = "".join(_path(points) for points in runs if len(points) == 1)
        if dots:
            shapes.append(_stroke(dots, COLOURS[at], width="5"))
    return [
        "svg",
        {
            "viewBox": f"0 0 {ACROSS} {height}",
            "preserveAspectRatio": "none",
            "width": "100%",
            "height": "100%",
            "role": "img",
            "aria-label": label,
            "style": {"position": "absolute", "left": "0", "top": "0", "display": "block", "overflow": "visible"},
        },
        *shapes,
    ]


def _stroke(path: str, colour: str, *, width: str, dashes: str = "", opacity: str = "1") -> Node:
    attributes = {
        "d": path,
        "fill": "none",
        "stroke": colour,
        "stroke-width": width,
        "stroke-opacity": opacity,
        "stroke-linejoin": "round",
        "stroke-linecap": "round",
        "vector-effect": "non-scaling-stroke",
    }
    return ["path", attributes | ({"stroke-dasharray": dashes} if dashes else {})]


def _runs(values: Sequence[float | None], scale: Scale, height: int) -> Iterator[list[str]]:
    """The points of each stretch without a gap."""
    step = ACROSS / max(1, len(values) - 1)
    run: list[str] = []
    for at, value in enumerate([*values, None]):
        if value is not None and math.isfinite(value):
            run.append(f"{at * step:.1f} {scale.share(value) * height:.1f}")
        elif run:
            yield run
            run = []


def _path(points: list[str]) -> str:
    """A line through ``points``; a lone one is a dot, which its round ends make."""
    return "M" + "L".join(points if len(points) > 1 else points * 2)


def _tick(label: str, share: float) -> Node:
    style = {
        "position": "absolute",
        "right": "100%",
        "top": f"{100 * share:.1f}%",
        "marginRight": f"{GAP}px",
        "transform": "translateY(-50%)",
        "whiteSpace": "nowrap",
        "fontSize": SMALL,
        "opacity": SOFT,
    }
    return element("span", style, label, aria_hidden="true")


def _times(figures: Figures) -> Iterator[Node]:
    """Midnights under a week, every sixth or third hour under a day."""
    first, last = figures.starts.start, figures.starts.stop
    span = last - first
    every = DAY_S if span > DAY_S else 6 * HOUR_S if span > DAY_S // 2 else 3 * HOUR_S
    # Of the last bucket only its beginning is drawn.
    drawn = max(1, span - figures.width)
    for moment in range(-(-first // every) * every, last, every):
        share = (moment - first) / drawn
        if not 0.03 <= share <= 0.97:
            continue  # it would stand over the edge
        when = datetime.fromtimestamp(moment, UTC)
        style = {
            "position": "absolute",
            "top": "100%",
            "left": f"{100 * share:.1f}%",
            "transform": "translateX(-50%)",
            "whiteSpace": "nowrap",
            "fontSize": SMALL,
            "opacity": SOFT,
        }
        yield element("span", style, f"{when:%a} {when.day}" if every == DAY_S else f"{when:%H:%M}", aria_hidden="true")


def _head(figures: Figures, asked: Asked) -> Node:
    """One line: the title, the stats with their colours, and the stretch of time."""
    names: list[Node] = []
    for at, line in enumerate(figures.lines):
        swatch = {
            "display": "inline-block",
            "width": "10px",
            "height": "10px",
            "borderRadius": "2px",
            "margin": "0 4px 0 0",
            "background": COLOURS[at],
        }
        shown = [element("span", swatch, aria_hidden="true"), element("bdi", None, line.stat.name)]
        names.append(element("span", {"marginRight": "10px"}, *shown))
    title = [element("b", {"marginRight": "10px"}, asked.title)] if asked.title else []
    return _one_line([*title, *names, soft(_when(figures))])


def _short_head(figures: Figures, asked: Asked) -> Node:
    """What it is at the left, what it comes to at the right."""
    line = figures.lines[0]
    total = element("b", {"float": "right", "marginLeft": "8px"}, _figure(line, line.total(line.now)))
    return _one_line([total, element("bdi", None, asked.title or line.stat.name)])


def _one_line(children: list[Node]) -> Node:
    """What does not fit in is cut: the graph below keeps its place."""
    style = {"height": f"{LINE}px", "overflow": "hidden", "whiteSpace": "nowrap", "textOverflow": "ellipsis"}
    return element("div", style, *children)


def _figure(line: Line, value: float | None) -> str:
    return number(value) + (f" {line.stat.unit}" if line.stat.unit else "")


def _when(figures: Figures) -> str:
    """The stretch in words; hours are those of UTC."""
    timeframe = figures.timeframe
    beside = f", dashed: {timeframe.before}" if timeframe.back else ""
    return f"{timeframe.text}{beside} (UTC)"


def _label(figures: Figures, asked: Asked) -> str:
    """The graph in words, for who does not see it."""
    totals = ", ".join(f"{line.stat.name}: {_figure(line, line.total(line.now))}" for line in figures.lines)
    return f"{asked.title + '. ' if asked.title else ''}{totals}, {figures.timeframe.text}"
