"""The metrics of Logister's insights as they are described (logister.md 2.5): the fixed ones, and those that programs send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from headrace.store.insights import Metric

#: Characters of a name in a label.
LABEL_CHARS: Final = 64
_CATEGORIES: Final = {
    "activity": "Activity",
    "health": "Health",
    "monitors": "Monitors",
    "performance": "Performance",
    "metrics": "Custom metrics",
}


def _metric(key: str, label: str, description: str, category: str, source: str, unit: str = "count") -> dict[str, Any]:
    return {
        "key": key,
        "label": label,
        "description": description,
        "unit": unit,
        "kind": {"count": "count", "ms": "duration"}.get(unit, "number"),
        "source": source,
        "category": category,
        "category_label": _CATEGORIES[category],
    }


METRICS: Final = (
    _metric("events.total", "All events", "Events of every type.", "activity", "Activity"),
    _metric("errors.count", "Errors", "Errors that came in.", "health", "Inbox"),
    _metric("activity.count", "Activity", "Events that are no errors.", "activity", "Activity"),
    _metric("logs.count", "Logs", "Lines of logs.", "activity", "Activity"),
    _metric("check_ins.count", "Check-ins", "Check-ins of monitors.", "monitors", "Activity"),
    _metric("transactions.count", "Transactions", "Transactions.", "performance", "Performance"),
    _metric(
        "transactions.avg", "Mean of transactions", "Their mean duration.", "performance", "Performance", unit="ms"
    ),
    _metric(
        "transactions.p95", "p95 of transactions", "95 % of them are as fast.", "performance", "Performance", unit="ms"
    ),
    _metric("db.query.count", "Database queries", "Queries of databases.", "performance", "Performance"),
    _metric(
        "db.query.avg", "Mean of database queries", "Their mean duration.", "performance", "Performance", unit="ms"
    ),
    _metric(
        "db.query.p95", "p95 of database queries", "95 % of them are as fast.", "performance", "Performance", unit="ms"
    ),
)


def custom_metrics(found: Sequence[Metric]) -> Iterator[dict[str, Any]]:
    """Two for each metric that programs send: how many, and the mean of its values if it has any."""
    for metric in found:
        label = metric.name[:LABEL_CHARS]
        count = _metric(f"metric:{metric.name}", label, f"How many {label} came in.", "metrics", "Metrics")
        yield count | {"events": metric.events}
        if metric.values:
            key = f"metric_value:{metric.name}"
            mean = _metric(key, f"Mean of {label}", f"The mean value of {label}.", "metrics", "Metrics", unit="value")
            yield mean | {"events": metric.values}
