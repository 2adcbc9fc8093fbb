"""What `/metrics` tells Prometheus; names follow Qdrant's own where it has one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

RESPONSES = Counter("rest_responses", "Answered requests.", ["method", "endpoint", "status"], registry=REGISTRY)
RESPONSE_SECONDS = Histogram(
    "rest_responses_duration_seconds",
    "Time from the request's first byte to its answer.",
    ["method", "endpoint"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
WAL_SYNC_SECONDS = Histogram(
    "wal_sync_duration_seconds", "Time to bring the log to the disk.", buckets=_SECONDS, registry=REGISTRY
)
CHECKPOINT_SECONDS = Histogram(
    "checkpoint_duration_seconds",
    "Time to flush a collection; requests wait meanwhile.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
REBUILDS = Counter("index_rebuilds", "Rebuilds of a vector index.", ["outcome"], registry=REGISTRY)
REBUILDS_RUNNING = Gauge("index_rebuilds_running", "Rebuilds that run now.", registry=REGISTRY)


class CollectionGauges(Collector):
    """Points of each collection, read when they are asked for."""

    def __init__(self, counts: Callable[[], dict[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """Yield the number of collections and the points in each."""
        counts = self._counts()
        yield GaugeMetricFamily("collections_total", "Number of collections.", value=len(counts))
        points = GaugeMetricFamily("collection_points", "Points in the collection.", labels=["id"])
        for name, count in sorted(counts.items()):
            points.add_metric([name], count)
        yield points


def render() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
