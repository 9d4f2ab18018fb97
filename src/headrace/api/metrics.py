"""``/metrics``: the server's own figures in Prometheus' text form. No label names a project, key or stat."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import accumulate
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.status_codes import HTTP_401_UNAUTHORIZED, HTTP_403_FORBIDDEN
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from headrace import __version__
from headrace.api.deps import Gauges, HistogramReading, TheServices
from headrace.api.errors import ApiError

TheRegistry = NamedDependency[SkipValidation[CollectorRegistry]]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily | InfoMetricFamily


class HeadraceCollector(Collector):
    """Turns one :class:`~headrace.api.deps.Readings` into metric families at each scrape."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def describe(self) -> list[Family]:
        return []  # unchecked: names are fixed below, and registration must not read the gauges

    def collect(self) -> Iterator[Family]:
        now = self._gauges.read()
        yield InfoMetricFamily("headrace_build", "Version of this server", {"version": __version__})
        accepted = CounterMetricFamily("headrace_accepted", "Ingest requests acknowledged", labels=["dialect"])
        for dialect, count in sorted(now.accepted.items()):
            accepted.add_metric([dialect], count)
        yield accepted
        refused = CounterMetricFamily("headrace_refused", "Requests refused", labels=["dialect", "reason", "status"])
        for (dialect, reason, status), count in sorted(now.refused.items()):
            refused.add_metric([dialect, reason, str(status)], count)
        yield refused
        yield GaugeMetricFamily("headrace_journal_rows", "Rows waiting in the journal", now.journal_rows)
        yield GaugeMetricFamily("headrace_journal_bytes", "Bytes waiting in the journal", now.journal_bytes)
        yield GaugeMetricFamily(
            "headrace_journal_oldest_seconds", "Age of the oldest waiting row", now.journal_oldest_s
        )
        yield _histogram("headrace_commit_seconds", "Time of a journal commit, fsync included", now.commit)
        yield GaugeMetricFamily("headrace_loader_lag_seconds", "How far the store is behind", now.loader_lag_s)
        rows = CounterMetricFamily("headrace_rows_loaded", "Rows inserted into the store", labels=["table"])
        for table, count in sorted(now.rows.items()):
            rows.add_metric([table], count)
        yield rows
        yield GaugeMetricFamily("headrace_dead_letters", "Rows set aside and not yet resolved", now.dead_letters)
        yield _histogram("headrace_query_seconds", "Time of a store query", now.query)


def _histogram(name: str, text: str, reading: HistogramReading) -> HistogramMetricFamily:
    bounds = [*(repr(bound) for bound in reading.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(reading.counts), strict=True))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=reading.total)


def make_registry(gauges: Gauges) -> CollectorRegistry:
    """A registry of its own for each app, so that two apps in one process do not meet."""
    registry = CollectorRegistry()
    registry.register(HeadraceCollector(gauges))
    ProcessCollector(namespace="headrace", registry=registry)
    return registry


def is_local(request: Request[Any, Any, Any]) -> bool:
    """Whether the request comes from this machine. One that a proxy passed on does not, whoever the proxy is."""
    if request.headers.get("x-forwarded-for") or request.headers.get("forwarded"):
        return False
    if request.client is None:
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_token(request: Request[Any, Any, Any], token: str) -> None:
    """Raises :class:`ApiError` 401/403 unless the caller is local or sends ``token`` as a Bearer token."""
    if is_local(request):
        return
    if not token:
        raise ApiError(
            HTTP_403_FORBIDDEN,
            "forbidden",
            "metrics are only for this machine: set HEADRACE_METRICS_TOKEN to read them",
        )
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode()):
        return
    raise ApiError(
        HTTP_401_UNAUTHORIZED,
        "unauthorized",
        "send the metrics token as Authorization: Bearer …",
        {"www-authenticate": "Bearer"},
    )


@get(
    "/metrics",
    sync_to_thread=False,
    tags=["headrace"],
    operation_id="metrics",
    summary="The server's own figures for Prometheus",
    media_type="text/plain",
)
def metrics(request: Request[Any, Any, Any], services: TheServices, metrics_registry: TheRegistry) -> Response[bytes]:
    """Text exposition (OpenMetrics by ``Accept``). Open to loopback; others send ``HEADRACE_METRICS_TOKEN`` as a Bearer token."""
    check_token(request, services.metrics_token)
    encoder, content_type = choose_encoder(request.headers.get("accept", ""))
    if content_type.startswith("text/"):  # Litestar names the character set of text itself
        content_type = content_type.replace("; charset=utf-8", "")
    return Response(encoder(metrics_registry), media_type=content_type, headers={"cache-control": "no-store"})
