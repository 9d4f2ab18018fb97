"""A chart of up to ten stats, its numbers as files, and the notes on it."""

from __future__ import annotations

import csv
from datetime import UTC
from io import StringIO
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery

from headrace.api.deps import Services, TheServices
from headrace.api.services import annotations as notes
from headrace.api.services import charts, sharing, stats
from headrace.api.services.charts import AGGREGATES, MAX_STATS, Chart
from headrace.api.services.roles import Membership
from headrace.web.buckets import labels
from headrace.web.door import TheForm, TheProject, TheViewer, local_path, needs, redirect
from headrace.web.frame import RANGE_FIELDS, TWIN, Frame, page
from headrace.web.pages import reader
from headrace.web.ranges import instant, read_instant, read_zone
from headrace.web.spark import slots

#: A spreadsheet would compute what begins like this.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: What a form says of a switch; anything else leaves it as it is.
_SWITCH = {"on": True, "off": False}
Texts = FromQuery[list[str] | None]


class _Drawn(msgspec.Struct, frozen=True):
    """A line as the script draws it."""

    name: str
    unit: str
    slot: int
    values: list[float | None]
    previous: list[float | None]


class _Note(msgspec.Struct, frozen=True):
    at: float
    text: str
    kind: str


class _Drawing(msgspec.Struct, frozen=True):
    """What the script gets: moments in seconds, as its library takes them."""

    starts: list[float]
    end: float
    zone: str
    resolution: str
    labels: list[str]
    lines: list[_Drawn]
    notes: list[_Note]


@get("/app/p/{slug:str}/stats/{stat:str}", include_in_schema=False, sync_to_thread=True)
def chart_page(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    stat: FromPath[str],
) -> Response[Any]:
    """The stat with this id, and those that ``more`` names."""
    frame = Frame(request, services, viewer, project, here="stats", ranged=True, live=True)
    view = _read(services, project, frame, stat.removesuffix(TWIN))
    names = labels(view.starts, view.resolution, frame.zone)
    colours = colours_of(view)
    context, number = services.context, project.info.number
    may_share = project.allows("admin")
    return page(
        request,
        services,
        "stats/chart.html",
        view,
        frame=frame,
        labels=names,
        colours=colours,
        drawing=drawing(view, names, colours),
        chosen={name: frame.query.get(name, "") for name in ("resolution", "aggregate", "compare")},
        repeated=_repeated(view, colours),
        links=_without(frame, view),
        csv=_csv_link(frame, view),
        aggregates=AGGREGATES,
        most=MAX_STATS,
        kinds=[(kind, kind) for kind in notes.KINDS],
        shared=stats.get(context, project.actor, project=number, ref=view.lines[0].id) if may_share else None,
        server=reader(request, services).base,
    )


@get("/app/p/{slug:str}/stats/chart", include_in_schema=False, sync_to_thread=False)
def chosen_chart(
    request: Request[Any, Any, Any], services: TheServices, project: TheProject, more: Texts = None
) -> Response[str]:
    """The chart of the stats that were ticked in the list."""
    base = f"{services.path_prefix}/app/p/{project.info.slug}/stats"
    kept = [pair for pair in request.query_params.multi_items() if pair[0] in RANGE_FIELDS]
    first, *others = (more or [])[:MAX_STATS] or [""]
    query = urlencode([*kept, *(("more", one) for one in others)])
    return redirect((f"{base}/{quote(first, safe='')}" if first else base) + (f"?{query}" if query else ""))


@get("/app/p/{slug:str}/stats/{stat:str}/chart.csv", include_in_schema=False, sync_to_thread=True)
def chart_csv(
    request: Request[Any, Any, Any],
    services: TheServices,
    viewer: TheViewer,
    project: TheProject,
    stat: FromPath[str],
) -> Response[str]:
    """The chart's numbers: a line a bucket, a column a stat."""
    frame = Frame(request, services, viewer, project, here="stats", ranged=True)
    view = _read(services, project, frame, stat)
    compared = view.previous_start is not None
    text = StringIO()
    table = csv.writer(text)
    names = [_cell(line.name) for line in view.lines]
    table.writerow(["start", *names, *(f"{name} (before)" for name in names if compared)])
    columns = [line.values for line in view.lines] + [line.previous for line in view.lines if compared]
    for at, start in enumerate(view.starts):
        begins = instant(start * 1000).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        table.writerow([begins, *("" if column[at] is None else column[at] for column in columns)])
    name = f"{project.info.slug}-{view.lines[0].id}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


@post("/app/p/{slug:str}/annotations", guards=[needs("member")], include_in_schema=False, sync_to_thread=True)
def add_annotation(services: TheServices, project: TheProject, form: TheForm) -> Response[str]:
    """A note on the charts of one stat, or of all."""
    at = read_instant(form.get("at") or "now", "at", services.context.now(), read_zone({"tz": form.get("zone")}, {}))
    notes.create(
        services.context,
        project.actor,
        project=project.info.number,
        text=form.get("text"),
        ts=at,
        stat=form.get("stat") or None,
        kind=form.get("kind", "note"),
        url=form.get("url").strip() or None,
    )
    return redirect(local_path(services, form.get("back")))


@post(
    "/app/p/{slug:str}/annotations/{annotation:str}/delete",
    guards=[needs("member")],
    include_in_schema=False,
    sync_to_thread=True,
)
def delete_annotation(
    services: TheServices, project: TheProject, annotation: FromPath[str], form: TheForm
) -> Response[str]:
    """Takes a note away."""
    notes.delete(services.context, project.actor, project=project.info.number, annotation_id=annotation)
    return redirect(local_path(services, form.get("back")))


@post("/app/p/{slug:str}/stats/{stat:str}/share", guards=[needs("admin")], include_in_schema=False, sync_to_thread=True)
def share_stat(services: TheServices, project: TheProject, stat: FromPath[str], form: TheForm) -> Response[str]:
    """Shows the stat to others, or no longer: its public page, its embed key."""
    sharing.share(
        services.context,
        project.actor,
        project=project.info.number,
        ref=stat,
        public=_SWITCH.get(form.get("public")),
        embed=_SWITCH.get(form.get("embed")),
    )
    return redirect(local_path(services, form.get("back")))


def _read(services: Services, project: Membership, frame: Frame, stat: str) -> Chart:
    """The chart of ``stat`` as the frame's URL has it."""
    assert frame.range is not None
    return charts.chart(
        services.context,
        services.store(),
        project.actor,
        project=project.info.number,
        refs=list(dict.fromkeys([stat, *_more(frame)])),
        start=frame.range.start_us,
        end=frame.range.end_us,
        tz=frame.zone,
        resolution=frame.query.get("resolution", ""),
        aggregate=frame.query.get("aggregate", ""),
        compare=bool(frame.query.get("compare")),
    )


def _more(frame: Frame) -> list[str]:
    return [value for name, value in frame.pairs if name == "more" and value]


def colours_of(view: Chart) -> dict[str, int]:
    """The colour of each line by its stat's id: that of its name, which lists show too; of a second one of this name another."""
    names: dict[str, str] = {}
    for line in view.lines:
        names[line.id] = line.name if line.name not in names.values() else f"{line.name} {line.id}"
    found = slots(list(names.values()))
    return {stat: found[name] for stat, name in names.items()}


def _repeated(view: Chart, colours: dict[str, int]) -> set[str]:
    """Lines whose colour another one before them has: drawn with dashes."""
    seen: set[int] = set()
    repeated = set()
    for line in view.lines:
        if colours[line.id] in seen:
            repeated.add(line.id)
        seen.add(colours[line.id])
    return repeated


def _without(frame: Frame, view: Chart) -> list[str]:
    """For each line but the first the chart without it: by its id or, if it was asked for so, its name."""
    return [
        "" if at == 0 else frame.link(more=[ref for ref in _more(frame) if ref not in (line.id, line.name)])
        for at, line in enumerate(view.lines)
    ]


def _csv_link(frame: Frame, view: Chart) -> str:
    base, _, query = frame.link().partition("?")
    return f"{base.rpartition('/')[0]}/{view.lines[0].id}/chart.csv" + (f"?{query}" if query else "")


def drawing(view: Chart, names: list[str], colours: dict[str, int]) -> str:
    """What the chart's script draws, as JSON."""
    drawn = _Drawing(
        [start / 1000 for start in view.starts],
        view.end / 1_000_000,
        view.zone,
        view.resolution,
        names,
        [_Drawn(line.name, line.unit or "", colours[line.id], line.values, line.previous) for line in view.lines],
        [_Note(note.ts / 1_000_000, note.text, note.kind) for note in view.annotations],
    )
    return msgspec.json.encode(drawn).decode()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


HANDLERS = (chart_page, chosen_chart, chart_csv, add_annotation, delete_annotation, share_stat)
