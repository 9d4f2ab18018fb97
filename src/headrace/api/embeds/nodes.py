"""Elements as the script of an embed takes them: ``[tag, attributes, child, …]``, text as it is. Nothing is ever read as markup."""

from __future__ import annotations

from typing import Any

#: An element, or text.
Node = list[Any] | str

#: Colours of the lines in the order of the stats: 3.4:1 or more on white and on near-black, and told apart by people who see few colours.
#: Everything else has the colour of the page's own text, so that it is read wherever that is.
COLOURS = ("#168a83", "#bf6d00", "#8467d7")
#: Of lines that separate, and of what is less important than the rest.
FAINT, SOFT = "rgba(128,128,128,.35)", ".75"
SMALL = "11px"


def element(tag: str, style: dict[str, str] | None, *children: Node, **attributes: str) -> Node:
    """``style`` by the names that scripts use; of attributes ``_`` stands for ``-``."""
    named: dict[str, Any] = {name.replace("_", "-"): value for name, value in attributes.items()}
    return [tag, named | {"style": style} if style else named, *children]


def soft(text: str, **style: str) -> Node:
    """Words that are less important than what they are about."""
    return element("span", {"opacity": SOFT, "fontSize": SMALL, **style}, text)


def box(width: int, *children: Node, **style: str) -> Node:
    """Everything that an embed shows: as wide as it was asked for, and no wider than its place."""
    return element(
        "div",
        {
            "position": "relative",
            "width": f"{width}px",
            "maxWidth": "100%",
            "boxSizing": "border-box",
            "fontSize": "12px",
            "lineHeight": "16px",
            "textAlign": "left",
            **style,
        },
        *children,
    )


def message(width: int, text: str) -> Node:
    """What stands where nothing can be drawn."""
    return box(width, soft(text))
