"""Insights and metrics for a command line (logister.md 1.11, 2.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from headrace.api.compat.logister_cli_asked import wrong
from headrace.api.compat.logister_cli_events import environments, one
from headrace.api.compat.logister_cli_metrics import METRICS, custom_metrics
from headrace.api.compat.logister_cli_reading import Reading
from headrace.api.compat.logister_cli_redact import is_sensitive
from headrace.api.compat.logister_cli_shown import Json, without_nothing
from headrace.records.tables import EVENTS
from headrace.records.times import iso_text
from headrace.store.buckets import Grid, Resolution, grid
from headrace.store.events import list_rows
from headrace.store.filters import Filter
from headrace.store.insights import Choices, read_buckets, read_choices, read_custom, read_metrics

#: Windows in seconds, each with the name and the width of its buckets.
WINDOWS: Final[Mapping[str, tuple[int, str, Resolution]]] = {
    "1h": (3_600, "minute", "1m"),
    "6h": (6 * 3_600, "hour", "1h"),
    "24h": (24 * 3_600, "hour", "1h"),
    "7d": (7 * 86_400, "day", "1d"),
}
DEFAULT_WINDOW: Final = "24h"
DEFAULT_METRICS: Final = ("events.total", "errors.count", "transactions.p95", "db.query.avg")
#: Metrics and attributes in one question, characters of a value, keys that are offered and values of each.
SELECTED_MAX, ATTRIBUTES_MAX, VALUE_CHARS, KEYS_MAX, VALUES_MAX = 8, 6, 80, 12, 25
_KEY = re.compile(r"[a-z][a-z0-9_.:-]{0,63}\Z", re.ASCII)
#: Attributes that mean one event, or belong to another filter.
_RESERVED = frozenset(
    ("transaction_name", "logger_name", "sql", "query", "params", "status", "status_code", "span_kind")
)
#: Of an event type, what the summary calls it.
_SUMMARY = {
    "events": "events.total",
    "errors": "errors.count",
    "activity": "activity.count",
    "logs": "logs.count",
    "metrics": "metrics.count",
    "transactions": "transactions.count",
    "check_ins": "check_ins.count",
}


class _Asked(NamedTuple):
    """``shown``: the filters as they are given back."""

    window: str
    buckets: Grid
    wanted: Filter
    shown: Json

    @property
    def unit(self) -> str:
        return WINDOWS[self.window][1]


class _Found(NamedTuple):
    """Series by their metric's key; ``counts`` how many events each of them stands for."""

    series: dict[str, dict[int, float]]
    counts: dict[str, int]


def _insights(reading: Reading) -> Json:
    asked, catalog = _asked(reading), _catalog(reading)
    chosen = _metrics(reading, catalog) or list(DEFAULT_METRICS)
    found = _read(reading, asked, catalog)
    choices = read_choices(reading.store, reading.project, asked.buckets.start, asked.buckets.end, reading.budget)
    latest = list_rows(
        reading.store,
        reading.project,
        EVENTS.name,
        asked.wanted,
        start=asked.buckets.start * 1000,
        end=asked.buckets.end * 1000,
        limit=1,
        columns=("type",),
        budget=reading.budget,
    ).rows
    summary = {name: found.counts[key] for name, key in _SUMMARY.items()}
    last = {"latest_event_at": iso_text(latest[0]["ts"], 6)} if latest else {}
    return {
        **_head(reading, asked),
        "summary": {**summary, **last},
        "metric_catalog": [
            {**metric, "available": found.counts[key] > 0, "available_events": found.counts[key]}
            for key, metric in catalog.items()
        ],
        "selected_metrics": chosen,
        "metric_series": [_series(catalog[key], asked, found) for key in chosen],
        "environments": [{"name": name, "count": count} for name, count in choices.environments],
        "releases": [{"name": name, "count": count} for name, count in choices.releases],
        "attributes": _attributes(choices),
    }


def _catalog_list(reading: Reading) -> Json:
    return reading.listed(list(_catalog(reading).values()))


def _query(reading: Reading) -> Json:
    asked, catalog = _asked(reading), _catalog(reading)
    chosen = _metrics(reading, catalog)
    if len(chosen) != 1:
        raise wrong("metric", "metric must name exactly one metric")
    found = _read(reading, asked, catalog)
    metric = catalog[chosen[0]]
    return {"metric": metric, "series": _series(metric, asked, found), **_head(reading, asked)}


def _head(reading: Reading, asked: _Asked) -> Json:
    return {
        "generated_at": iso_text(reading.now, 6),
        "window": asked.window,
        "bucket": asked.unit,
        "filters": asked.shown,
    }


def _asked(reading: Reading) -> _Asked:
    query = reading.query
    environment, release = (query.text(*names, longest=VALUE_CHARS) for names in (("environment", "env"), ("release",)))
    attributes = _attribute_filters(query.several("attribute"))
    window = _window(reading)
    seconds, _, resolution = WINDOWS[window]
    end = reading.now // 1000 + 1
    start = end - seconds * 1000
    equals = {"environment": environments(environment), "release": one(release)}
    return _Asked(
        window,
        grid(start, end, resolution),
        Filter({name: values for name, values in equals.items() if values}, attributes),
        without_nothing({"environment": environment, "release": release, "attributes": attributes or None}),
    )


def _window(reading: Reading) -> str:
    return reading.query.choice("window", tuple(WINDOWS), DEFAULT_WINDOW)


def _attribute_filters(sent: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in sent:
        key, _, value = (part.strip() for part in text.partition("="))
        if _KEY.match(key) is None or is_sensitive(key) or not 0 < len(value) <= VALUE_CHARS:
            raise wrong("attribute", f"attribute must be key=value, the value of at most {VALUE_CHARS} characters")
        found[key] = value
    if len(found) > ATTRIBUTES_MAX:
        raise wrong("attribute", f"attribute may be given {ATTRIBUTES_MAX} times at most")
    return found


def _catalog(reading: Reading) -> dict[str, Json]:
    """Every metric that may be asked for, by its key."""
    start = reading.now // 1000 - WINDOWS[_window(reading)][0] * 1000
    found = read_metrics(reading.store, reading.project, start, reading.now // 1000 + 1, reading.budget)
    return {metric["key"]: metric for metric in (*METRICS, *custom_metrics(found))}


def _metrics(reading: Reading, catalog: Mapping[str, Json]) -> list[str]:
    chosen = reading.query.several("metric", "metrics")
    if len(chosen) > SELECTED_MAX:
        raise wrong("metric", f"metric may be given {SELECTED_MAX} times at most")
    if any(key not in catalog for key in chosen):
        raise wrong("metric", "metric must be a key of the catalog of this window")
    return chosen


def _read(reading: Reading, asked: _Asked, catalog: Mapping[str, Json]) -> _Found:
    """All series of the catalog, and how many events each of them stands for."""
    standard = read_buckets(reading.store, reading.project, asked.buckets, asked.wanted, reading.budget)
    series = {metric["key"]: {start: row[metric["key"]] for start, row in standard.items()} for metric in METRICS} | {
        "metrics.count": {start: row["metrics.count"] for start, row in standard.items()}
    }
    totals = {key: round(sum(line.values())) for key, line in series.items() if key.endswith((".count", ".total"))}
    totals |= {
        f"{name}.{part}": totals[f"{name}.count"] for name in ("transactions", "db.query") for part in ("avg", "p95")
    }
    names = list(dict.fromkeys(key.partition(":")[2] for key in catalog if ":" in key))
    custom = (
        read_custom(reading.store, reading.project, asked.buckets, names, asked.wanted, reading.budget) if names else {}
    )
    for key in (key for key in catalog if ":" in key):
        kind, _, name = key.partition(":")
        place = 0 if kind == "metric" else 1
        line = custom.get(name, {})
        series[key] = {start: found[place] for start, found in line.items()}
        totals[key] = sum(found[0] for found in line.values())
    return _Found(series, totals)


def _series(metric: Json, asked: _Asked, found: _Found) -> Json:
    line = found.series[metric["key"]]
    data = [
        {"timestamp": iso_text(start * 1000, 6), "value": round(line.get(start, 0), 2)}
        for start in asked.buckets.starts
    ]
    return {name: metric[name] for name in ("key", "label", "unit", "kind", "source")} | {"data": data}


def _attributes(choices: Choices) -> list[Json]:
    """The most frequent attributes that may be filtered by, each with its most frequent values."""
    values: dict[str, list[tuple[str, int]]] = {}
    for key, value, count in choices.pairs:
        if _KEY.match(key) and key not in _RESERVED and not is_sensitive(key) and len(value) <= VALUE_CHARS:
            values.setdefault(key, []).append((value, count))
    order = sorted(values, key=lambda key: (-sum(count for _, count in values[key]), key))
    return [
        {
            "key": key,
            "label": key,
            "count": sum(count for _, count in values[key]),
            "values": [{"name": value, "type": "string", "count": count} for value, count in values[key][:VALUES_MAX]],
        }
        for key in order[:KEYS_MAX]
    ]


READS = {
    "insights": (_insights, ("insights:read",)),
    "metrics_catalog": (_catalog_list, ("metrics:read",)),
    "metrics_query": (_query, ("metrics:read",)),
}
