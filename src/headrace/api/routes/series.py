"""Series: one stat's chart by GET, any question over points or rows by POST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from headrace.api.auth import reads
from headrace.api.deps import Services, TheServices, TheTarget, project_number
from headrace.api.errors import ApiError
from headrace.api.services import stats
from headrace.api.times import moment, when
from headrace.catalog.stats import StatRecord
from headrace.records.ids import stat_text
from headrace.store.buckets import Resolution, finest
from headrace.store.filters import Filter
from headrace.store.series import MAX_STATS, Aggregate, Line, PointsSource, RowsSource, Series, read_series

#: The window of a question that does not say.
DEFAULT_FROM = "-24h"


class SeriesPoint(msgspec.Struct, frozen=True):
    """One bucket, named by its start. ``value`` is the asked aggregate: 0 for an empty sum or count, null for the others."""

    start: str
    value: float | None
    count: int
    min: float | None
    max: float | None


class SeriesLine(msgspec.Struct, frozen=True):
    """``group`` is what the line stands for: a stat's id, a field's value, "" for everything together; ``name`` is the stat's."""

    group: str
    name: str
    points: list[SeriesPoint]


class SeriesAnswer(msgspec.Struct, frozen=True):
    """Buckets are dense: from ``from`` to ``to`` none is left out; the first and last hold only what lies inside."""

    start: Annotated[str, msgspec.Meta(description="Inclusive.")] = msgspec.field(name="from")
    end: Annotated[str, msgspec.Meta(description="Exclusive.")] = msgspec.field(name="to")
    resolution: str
    tz: str
    aggregate: str
    lines: list[SeriesLine]


class Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All conditions hold at once. ``equals``: field → the values it may have; ``labels``: label → value; ``text``: a part of
    message or name (requests: path or host; spans: name or operation).
    """

    equals: dict[str, list[str | int]] = {}
    labels: dict[str, str] = {}
    text: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either ``stats`` (ids or names) or ``table`` with ``where``. ``measure`` is the number of a row that is aggregated, ""
    counts rows. ``group_by``: ``stat``, or a field of the table. Without ``resolution`` the finest that gives at most 500
    buckets; without ``aggregate`` a counter's sum, a value's mean, a row's count.
    """

    stats: list[str] = []
    table: Literal["events", "requests", "spans"] | None = None
    where: Where | None = None
    measure: str = ""
    start: str = msgspec.field(default=DEFAULT_FROM, name="from")
    end: str = msgspec.field(default="now", name="to")
    resolution: Resolution | None = None
    tz: str = "UTC"
    aggregate: Aggregate | None = None
    group_by: str = ""


@get("/stats/{stat:str}/series", guards=[reads], sync_to_thread=True, summary="Chart one stat")
def get_stat_series(
    services: TheServices,
    target: TheTarget,
    stat: FromPath[str],
    start: Annotated[str, QueryParameter(name="from")] = DEFAULT_FROM,
    end: Annotated[str, QueryParameter(name="to")] = "now",
    resolution: FromQuery[Resolution | None] = None,
    tz: FromQuery[str] = "UTC",
    aggregate: FromQuery[Aggregate | None] = None,
) -> SeriesAnswer:
    """By id, else by name. Days, weeks and months begin in ``tz``, an IANA zone."""
    question = Question(stats=[stat], start=start, end=end, resolution=resolution, tz=tz, aggregate=aggregate)
    return _answer(services, project_number(services, target), question)


@post(
    "/series",
    guards=[reads],
    status_code=200,
    sync_to_thread=True,
    summary="Ask for any series",
    opt={
        "sample": {
            "table": "requests",
            "where": {"equals": {"direction": ["inbound"]}},
            "measure": "duration_ms",
            "aggregate": "p95",
            "group_by": "path",
            "from": "-24h",
        }
    },
)
def query_series(services: TheServices, target: TheTarget, data: JSONBody[Question]) -> SeriesAnswer:
    """Points of stats, or events, requests and spans: filtered, aggregated into buckets, grouped into at most 20 lines."""
    return _answer(services, project_number(services, target), data)


def _answer(services: Services, project: int, question: Question) -> SeriesAnswer:
    if bool(question.stats) == bool(question.table):
        raise ApiError(422, "invalid", "ask for either stats or a table")
    found = _stats(services, project, question.stats)
    now = services.context.now()
    start = moment(question.start, "from", now) // 1000
    end = moment(question.end, "to", now) // 1000
    series = Series(
        project=project,
        source=_source(question, found),
        start=start,
        end=end,
        resolution=question.resolution or finest(start, end, question.tz),
        aggregate=question.aggregate or _aggregate(question, found),
        group_by=question.group_by,
        tz=question.tz,
    )
    lines = read_series(services.store(), series)
    names = {str(row.stat_id): row for row in found}
    if len(found) == 1:
        names[""] = found[0]
    return SeriesAnswer(
        when(start * 1000),
        when(end * 1000),
        series.resolution,
        series.tz,
        series.aggregate,
        [_line(line, series, names) for line in lines],
    )


def _stats(services: Services, project: int, refs: Sequence[str]) -> list[StatRecord]:
    if len(refs) > MAX_STATS:
        raise ApiError(422, "invalid", f"ask for at most {MAX_STATS} stats")
    return [stats.find(services.context, project, ref) for ref in refs]


def _source(question: Question, found: Sequence[StatRecord]) -> PointsSource | RowsSource:
    if question.table is None:
        if question.where is not None or question.measure:
            raise ApiError(422, "invalid", "where and measure belong to a table")
        return PointsSource(tuple(dict.fromkeys(row.stat_id for row in found)))
    where = question.where or Where()
    return RowsSource(question.table, Filter(where.equals, where.labels, where.text), question.measure)


def _aggregate(question: Question, found: Sequence[StatRecord]) -> Aggregate:
    """What a chart shows when nobody says (rulings 3: a SlowStats leaf by its last value)."""
    if question.table is not None:
        return "mean" if question.measure else "count"
    if found[0].source == "slowstats":
        return "last"
    return "sum" if found[0].type == "counter" else "mean"


def _line(line: Line, series: Series, names: Mapping[str, StatRecord]) -> SeriesLine:
    row = names.get(line.group) if isinstance(series.source, PointsSource) else None
    points = [
        SeriesPoint(when(bucket.start * 1000), bucket.value(series.aggregate), bucket.count, bucket.min, bucket.max)
        for bucket in line.buckets
    ]
    return SeriesLine(stat_text(row.stat_id) if row else line.group, row.name if row else "", points)


HANDLERS = (get_stat_series, query_series)
