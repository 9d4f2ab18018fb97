"""``/app/kit``: every component in every state, for whoever builds pages."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response

from headrace.api.deps import TheServices
from headrace.web.door import TheViewer, instance_owner
from headrace.web.frame import Frame, get_page, page

#: The colours that have a name, as ``--name`` in the stylesheet.
TONES = (
    "paper", "sheet", "sunk", "ink", "ink-soft", "line", "water", "water-soft",
    "brass", "brass-soft", "brick", "brick-soft", "moss", "moss-soft",
)  # fmt: skip
SERIES = 8
_SAMPLE = (3.0, 4.0, 4.5, 2.0, 6.0, 8.0, 7.0, 9.5, 4.0, 5.0, 6.5, 12.0)


class KitView(msgspec.Struct, frozen=True):
    """What the page shows: names of colours and a line to draw."""

    tones: tuple[str, ...]
    series: int
    sample: tuple[float, ...]


@get_page("/app/kit", guards=[instance_owner])
def kit_page(request: Request[Any, Any, Any], services: TheServices, viewer: TheViewer) -> Response[Any]:
    """All components."""
    frame = Frame(request, services, viewer, here="kit", ranged=True, live=True)
    return page(request, services, "kit/index.html", KitView(TONES, SERIES, _SAMPLE), frame=frame)


HANDLERS = (kit_page,)
