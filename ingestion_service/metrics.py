"""What the sidecar counts, and what it reads from Redis whenever the metrics are read (`docs/reference/metrics.md`)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docgraph import __version__
from docgraph.domain.errors import StoreUnavailableError
from docgraph.state import State
from ingestion_service.probes import ProbeResult

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
#: Streams last as long as the jobs do; their seconds would say nothing about the service.
_UNTIMED = frozenset({"/v1/events"})

_log = logging.getLogger(__name__)


class ServiceMetrics:
    """The sidecar's metrics in a registry of their own."""

    def __init__(self) -> None:
        """Create and register all of them."""
        registry = self.registry = CollectorRegistry()
        Gauge("docgraph_build_info", "The version that runs; always 1.", ["version"], registry=registry).labels(
            __version__
        ).set(1)
        self.requests = Counter(
            "docgraph_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "docgraph_http_request_seconds",
            "Seconds from request to answer (streams left out).",
            ["method", "route"],
            buckets=_SLOW,
            registry=registry,
        )
        self.streams = Gauge("docgraph_event_streams", "Event streams that are open.", registry=registry)
        self.store_up = Gauge("docgraph_store_up", "1 if the last probe was answered.", ["store"], registry=registry)
        self.store_seconds = Histogram(
            "docgraph_store_probe_seconds", "Seconds that probes took.", ["store"], buckets=_FAST, registry=registry
        )
        self.stage_seconds = Histogram(
            "docgraph_stage_seconds",
            "Seconds a stage took for a job that completed.",
            ["stage"],
            buckets=_SLOW,
            registry=registry,
        )
        self.lease_held = Gauge(
            "docgraph_lease_held", "1 if this replica dispatches, reaps and keeps the gate.", registry=registry
        )
        self.duty_errors = Counter(
            "docgraph_duty_errors", "Rounds of a duty that failed, by duty.", ["duty"], registry=registry
        )
        self.runs = Counter(
            "docgraph_runs_triggered",
            "Triggers of ingest_documents: created, exists (another caller was first), unreachable.",
            ["result"],
            registry=registry,
        )
        self.foreign_entries = Counter(
            "docgraph_foreign_entries",
            "Entries that other programs added to ingest:jobs: admitted, rejected.",
            ["result"],
            registry=registry,
        )
        self.reaped = Counter(
            "docgraph_reaped_jobs",
            "Jobs taken from runs that ended without a report: requeued, failed.",
            ["result"],
            registry=registry,
        )
        self.gate_moves = Counter(
            "docgraph_gate_moves", "Times the gate was moved by back-pressure: open, closed.", ["to"], registry=registry
        )

    def observe_probe(self, store: str, result: ProbeResult) -> None:
        """Count one probe of a store."""
        self.store_up.labels(store).set(1 if result.ok else 0)
        self.store_seconds.labels(store).observe(result.seconds)

    def watch(self, state: State) -> None:
        """Add what is read from Redis at each scrape."""
        self.registry.register(StateCollector(state))


class StateCollector(Collector):
    """Jobs, queue, gate and verdicts as they stand in Redis at the moment of the scrape."""

    def __init__(self, state: State) -> None:
        """Keep the connection."""
        self._state = state

    def describe(self) -> Iterable[Metric]:
        """Describe nothing beforehand, so that registering does not ask Redis."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Read and yield; without Redis, only that it is down."""
        up = GaugeMetricFamily("docgraph_redis_up", "1 if Redis could be read for this scrape.")
        try:
            # A ping is given up after two seconds: a scrape has to say that Redis hangs, not to hang with it.
            self._state.ping()
            found = list(self._read())
        except StoreUnavailableError as error:
            _log.warning("No job metrics in this scrape: %s", error)
            found = []
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
        yield up
        yield from found

    def _read(self) -> Iterable[Metric]:
        jobs = GaugeMetricFamily("docgraph_jobs", "Jobs by status.", labels=["status"])
        for status, count in self._state.jobs.counts_by_status().items():
            jobs.add_metric([status.value], count)
        yield jobs

        waiting = self._state.jobs.waiting(0.0)
        yield GaugeMetricFamily(
            "docgraph_queue_depth", "Entries of ingest:jobs that no run has claimed (up to 1,000).", len(waiting)
        )
        yield GaugeMetricFamily(
            "docgraph_queue_oldest_seconds",
            "Age of the oldest unclaimed entry.",
            max((entry.age_seconds for entry in waiting), default=0.0),
        )

        gate = self._state.gate.state()
        yield GaugeMetricFamily("docgraph_gate_open", "1 if work may go on.", 1 if gate.open else 0)

        ready = GaugeMetricFamily("docgraph_dataset_ready", "The last verdict: 1 if ready for queries.", labels=["tag"])
        drift = GaugeMetricFamily("docgraph_dataset_drift_pct", "Drift in percent at the last verdict.", labels=["tag"])
        for tag, verdict in self._state.readiness.all().items():
            ready.add_metric([tag], 1 if verdict.ready else 0)
            if verdict.drift_pct:
                drift.add_metric([tag], float(verdict.drift_pct))
        yield ready
        yield drift


class CountRequests:
    """ASGI middleware: counts and times requests by the route's template, never by the address that was asked for."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        """Wrap `app`."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = "500"
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.requests.labels(scope["method"], route, status).inc()
            if route not in _UNTIMED:
                self._metrics.request_seconds.labels(scope["method"], route).observe(time.perf_counter() - started)
