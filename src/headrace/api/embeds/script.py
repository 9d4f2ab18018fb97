"""The scripts as pages load them: small, of ASCII alone, and without anything that a name could end."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from headrace.api.embeds.nodes import Node
from headrace.dialects.stathat_embeds import Asked

#: Indentation and the ends of lines: a third of what is written for people to read.
_INDENT = re.compile(r"\n\s*")
#: Characters that mean something where a page writes a script into its own text.
_MARKUP = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


@cache
def program(name: str) -> str:
    """A program of this folder, without its indentation. Every line of it ends a statement or goes on in the next."""
    return _INDENT.sub("\n", files("headrace.api.embeds").joinpath(name).read_text("ascii")).strip()


def literal(value: Any) -> str:
    """``value`` as a script writes it."""
    return json.dumps(value, separators=(",", ":")).translate(_MARKUP)


def fill(asked: Asked, tree: Node) -> bytes:
    """The script that puts ``tree`` into the place of the embed, or where it is loaded itself if the page has none."""
    arguments = ",".join(map(literal, (asked.places, tree, asked.kind == "text")))
    return f"{program('fill.js')}({arguments});\n".encode("ascii")
