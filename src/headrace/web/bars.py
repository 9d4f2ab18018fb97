"""Stacked bars, drawn by the server: a rate by kind over time."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from headrace.records.figures import whole

#: The drawing's own units; the page stretches it.
WIDTH, HEIGHT = 1_000, 160
#: Share of a bar's place that stays empty.
_GAP = 0.15
#: The least height at which something can be seen.
_LEAST = 1.0


def bars(lines: Sequence[tuple[int, Sequence[int]]], names: Sequence[str]) -> Markup:
    """``lines``: the series colour (1 to 8) and the counts of each kind, bucket by bucket, the first at the bottom; ``names`` of the
    buckets. Numbers are told by each bar's tooltip; a table beside it has them all.
    """
    totals = [sum(counts) for counts in zip(*(line for _, line in lines), strict=True)] if lines else []
    top = max(totals, default=0) or 1
    step = WIDTH / max(1, len(names))
    opening = Markup(
        '<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
    ).format(
        WIDTH,
        HEIGHT,
        f"{whole(sum(totals))} records in {len(names)} steps, at most {whole(max(totals, default=0))} in one",
    )
    groups = [
        Markup("<g><title>{}</title>").format(f"{names[at]}: {whole(total)}")
        + Markup('<rect class="place" x="{:.1f}" y="0" width="{:.2f}" height="{}"/>').format(at * step, step, HEIGHT)
        + _stack([(slot, counts[at]) for slot, counts in lines], at * step + step * _GAP / 2, step * (1 - _GAP), top)
        + Markup("</g>")
        for at, total in enumerate(totals)
    ]
    return opening + Markup("").join(groups) + Markup("</svg>")


def _stack(parts: Sequence[tuple[int, int]], x: float, width: float, top: int) -> Markup:
    found = Markup("")
    reached = float(HEIGHT)
    for slot, count in parts:
        if count:
            height = max(_LEAST, count / top * HEIGHT)
            reached -= height
            found += Markup('<rect class="s{}" x="{:.1f}" y="{:.1f}" width="{:.2f}" height="{:.1f}"/>').format(
                slot, x, max(0.0, reached), width, height
            )
    return found
