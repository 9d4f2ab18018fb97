"""The public page of a stat: what everybody sees of one that was made public (stathat.md 1.1, 2)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.params import FromPath

from headrace.api.deps import Services, TheServices
from headrace.api.services import charts, sharing
from headrace.api.services.charts import Chart
from headrace.web.buckets import labels
from headrace.web.charts import colours_of, drawing
from headrace.web.door import OPEN
from headrace.web.frame import TWIN, get_page, is_twin
from headrace.web.ranges import RANGES
from headrace.web.render import APP_HEADERS, Pages, packed

#: What can be chosen here: each costs a question of its own, whoever asks.
OFFERED = {name: RANGES[name] for name in ("24h", "7d", "30d", "1y")}
DEFAULT = "7d"
_ZONE = "UTC"
_MINUTE_US = 60_000_000


@get_page("/stats/{public:str}", opt=OPEN)
def public_stat(request: Request[Any, Any, Any], services: TheServices, public: FromPath[str]) -> Response[Any]:
    """The stat with this id beside the period before. One that is not public is not there, the same as one that never was."""
    chosen = request.query_params.get("range", "")
    chosen = chosen if chosen in OFFERED else DEFAULT
    view = _read(services, public.removesuffix(TWIN), chosen)
    headers = APP_HEADERS | {"x-robots-tag": "noindex"}
    if is_twin(request):
        return Response(msgspec.json.encode(view), media_type=MediaType.JSON, headers=headers)
    names = labels(view.starts, view.resolution, _ZONE)
    colours = colours_of(view)
    text = Pages(services.path_prefix).render(
        "stats/public.html",
        view=view,
        labels=names,
        colour=colours[view.lines[0].id],
        drawing=drawing(view, names, colours),
        ranges=[(name, text) for name, (_, text) in OFFERED.items()],
        chosen=chosen,
    )
    body = packed(request, text.encode(), headers)
    return Response(body, media_type=MediaType.HTML, headers=headers)


def _read(services: Services, ref: str, chosen: str) -> Chart:
    """The chart, without the project's notes. Whether the stat is public is asked each time, its numbers are kept for a moment."""
    actor, stat = sharing.public_stat(services.context, ref)

    def read() -> Chart:
        end = -(-services.context.now() // _MINUTE_US) * _MINUTE_US
        length, _ = OFFERED[chosen]
        found = charts.chart(
            services.context,
            services.store(),
            actor,
            project=stat.project,
            refs=[ref],
            start=end - length,
            end=end,
            tz=_ZONE,
            compare=True,
        )
        return msgspec.structs.replace(found, annotations=[])

    return services.public_charts.get((stat.stat_id, chosen), read)


HANDLERS = (public_stat,)
