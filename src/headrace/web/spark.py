"""Small lines of figures, drawn by the server: no script, no image request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from markupsafe import Markup

#: Size in CSS pixels unless the page says otherwise.
WIDTH, HEIGHT = 120, 24
#: Colours of series in the stylesheet.
SLOTS = 8


def spark(
    values: Sequence[float | None], label: str = "", *, width: int = WIDTH, height: int = HEIGHT, slot: int = 1
) -> Markup:
    """A sparkline of evenly spaced ``values`` from zero (or their least, below zero) up; None is a gap. ``label`` says in words what
    it shows; without one it stands beside a number that does.
    """
    known = [value for value in values if value is not None]
    role = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    opening = Markup(
        '<svg class="spark s{}" width="{}" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" {}>'
    ).format(slot, width, height, width, height, role)
    if not known:
        return opening + Markup("</svg>")
    low, high = min(0.0, *known), max(0.0, *known)
    scale = (height - 2) / ((high - low) or 1.0)
    step = width / max(1, len(values) - 1)
    lines: list[list[str]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{at * step:.1f} {height - 1 - (value - low) * scale:.1f}")
    floor = height - 1 + low * scale
    shape = "".join(_stroke(points, floor) for points in lines if points)
    area = f'<path class="area" d="M0 {height}L{"L".join(lines[0])}V{height}Z"/>' if len(lines) == 1 else ""
    return opening + Markup(area + f'<path d="{shape}"/>') + Markup("</svg>")  # noqa: S704 - figures only


def _stroke(points: list[str], floor: float) -> str:
    """A line through ``points``; a lone one stands on the floor (zero), so that it is seen."""
    return "M" + "L".join(points) if len(points) > 1 else f"M{points[0]}V{floor:.1f}"


def slots(names: Sequence[str]) -> dict[str, int]:
    """The series colour (1 to 8) of each name. A name has the same one on every page; within one list a second name of the same
    colour takes the next free one, beyond eight each is used twice before one is used three times.
    """
    found: dict[str, int] = {}
    for name in names:
        if name in found:
            continue
        wanted = blake2b(name.encode("utf-8", "replace"), digest_size=2).digest()[0] % SLOTS
        used = Counter(found.values())
        least = min(used[slot] for slot in range(1, SLOTS + 1))
        while used[wanted + 1] > least:
            wanted = (wanted + 1) % SLOTS
        found[name] = wanted + 1
    return found
