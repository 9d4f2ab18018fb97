"""StatHat's embeds: which stats a page asks to have drawn, and how (contract 1.11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from headrace.dialects.base import Route
from headrace.records.text import clean_text

#: Stats that one embed shows.
STATS_MAX = 3
#: Characters of a title, those of a stat's name.
TITLE_MAX = 255
#: Sizes in CSS pixels: what can be asked for, and what a page gets that does not say.
WIDTHS, HEIGHTS = (20, 2_000), (16, 1_200)
WIDTH, HEIGHT = 500, 200
#: Characters of a value that the name of a place is made from.
_PLACE_MAX = 100

Kind = Literal["graph", "data", "table", "text"]
Style = Literal["fill", "spark", "mini"]
TimeframeName = Literal["week_compare", "week", "day", "half_compare"]
#: What is drawn for each word; any other one is the first.
_KINDS: Mapping[str, Kind] = {"graph": "graph", "data": "data", "table": "table", "text": "text"}
_STYLES: Mapping[str, Style] = {"fill": "fill", "spark": "spark", "mini": "mini"}
_TIMEFRAMES: Mapping[str, TimeframeName] = {
    "week_compare": "week_compare",
    "week": "week",
    "day": "day",
    "half_compare": "half_compare",
}
_DIGITS = re.compile(r"\d{1,9}(?:\.\d{0,9})?", re.ASCII)
#: What a script sends for a value that it was not given.
_NOT_GIVEN = "undefined"


class Asked(NamedTuple):
    """``keys`` are embed keys, as sent. ``width`` and ``height`` in CSS pixels; ``sized``: the page said how high. ``places``: ids of the
    element that is filled, the first that is there.
    """

    kind: Kind
    keys: tuple[str, ...]
    width: int
    height: int
    sized: bool
    timeframe: TimeframeName
    style: Style
    title: str
    places: tuple[str, ...]


def read_asked(params: Mapping[str, str], query: Mapping[str, str]) -> Asked:
    """What path and query ask for. Nothing is refused: a value that is none gives way to what stands in for it."""
    sent = {name: "" if text == _NOT_GIVEN else text for name, text in query.items()}
    keys = [params.get(name, "") for name in _KEYS]
    values = [*keys, *(sent.get(name, "") for name in ("w", "h", "tf", "style"))]
    kind = params["kind"]
    return Asked(
        kind=_KINDS.get(kind, "graph"),
        keys=tuple(key for key in keys if key),
        width=_size(sent.get("w", ""), WIDTH, WIDTHS),
        height=_size(sent.get("h", ""), HEIGHT, HEIGHTS),
        sized=bool(_DIGITS.fullmatch(sent.get("h", ""))),
        timeframe=_TIMEFRAMES.get(sent.get("tf", ""), "week_compare"),
        style=_STYLES.get(sent.get("style", ""), "fill"),
        title=clean_text(sent.get("title", "")).strip()[:TITLE_MAX],
        places=_places(kind, values),
    )


def _places(kind: str, values: list[str]) -> tuple[str, ...]:
    """Copies of StatHat's own script name the place of a text by its first key alone."""
    short = [clean_text(value)[:_PLACE_MAX] for value in (kind, *values)]
    name = "statd_embed_" + "_".join(short)
    return (name, f"statd_embed_text_{short[1]}_") if kind == "text" else (name,)


def _size(text: str, otherwise: int, bounds: tuple[int, int]) -> int:
    if not _DIGITS.fullmatch(text):
        return otherwise
    return min(max(int(float(text)), bounds[0]), bounds[1])


_KEYS = ("first", "second", "third")
_SCRIPT = "(function(places,tree){…})(…)"

ROUTES: tuple[Route, ...] = (
    Route(
        path="/embed/{kind}/{first}",
        aliases=("/embed/{kind}/{first}/{second}", "/embed/{kind}/{first}/{second}/{third}"),
        method="GET",
        dialect="stathat",
        steps=("handle",),
        summary="A script that draws up to three stats where it is loaded.",
        handler="stathat.embed",
        parameters=(
            ("kind", "graph, data, table or text; any other word is a graph"),
            *((name, "an embed key") for name in _KEYS),
            ("w", "width in pixels"),
            ("h", "height in pixels"),
            ("tf", "week_compare, week, day or half_compare"),
            ("style", "of a graph: fill, spark or mini"),
            ("title", "what stands above it; by default the stats' names"),
        ),
        answers=((200, _SCRIPT), (503, _SCRIPT)),
    ),
    Route(
        path="/javascripts/embed.js",
        method="GET",
        dialect="stathat",
        steps=("handle",),
        summary="The script with `StatHatEmbed.render`, which loads the one above.",
        handler="stathat.embed_script",
        answers=((200, _SCRIPT),),
    ),
)
