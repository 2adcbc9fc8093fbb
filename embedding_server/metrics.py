"""What the embedder counts (`docs/reference/metrics.md`)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from embedding_server.batcher import Lane
from embedding_server.engines import Chosen

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class EmbedderMetrics:
    """The embedder's metrics in a registry of their own."""

    def __init__(self) -> None:
        """Create and register all of them."""
        registry = self.registry = CollectorRegistry()
        self.ready = Gauge("docgraph_embedder_ready", "1 while the model is warm.", registry=registry)
        self.model = Gauge(
            "docgraph_embedder_model_info",
            "The model that is loaded; always 1.",
            ["model", "revision", "embedding_version"],
            registry=registry,
        )
        self.load_seconds = Gauge(
            "docgraph_embedder_load_seconds", "How long importing and loading took.", registry=registry
        )
        self.engine = Gauge(
            "docgraph_embedder_engine_info", "What computes; always 1.", ["engine", "precision"], registry=registry
        )
        self.engine_speed = Gauge(
            "docgraph_embedder_engine_tokens_per_cpu_second",
            "Tokens a second of processor time, as measured at start.",
            registry=registry,
        )
        self.engine_deviation = Gauge(
            "docgraph_embedder_engine_deviation",
            "Largest 1 - cosine to the reference in fp32, as measured at start; absent where there is no reference.",
            ["engine"],
            registry=registry,
        )
        self.texts = Counter("docgraph_embedder_texts", "Texts embedded.", ["lane"], registry=registry)
        self.tokens = Counter("docgraph_embedder_tokens", "Tokens embedded.", ["lane"], registry=registry)
        self.refused = Counter("docgraph_embedder_refused", "Requests refused, by code.", ["code"], registry=registry)
        self.waiting = Gauge(
            "docgraph_embedder_waiting_texts", "Texts that are in no batch yet.", ["lane"], registry=registry
        )
        self.batch_texts = Histogram(
            "docgraph_embedder_batch_texts",
            "Texts a batch.",
            ["lane"],
            buckets=(1, 2, 4, 8, 16, 24, 32),
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "docgraph_embedder_batch_seconds", "Seconds a batch.", ["lane"], buckets=_SECONDS, registry=registry
        )
        self.request_seconds = Histogram(
            "docgraph_embedder_request_seconds",
            "Seconds from a request's body to its vectors.",
            buckets=_SECONDS,
            registry=registry,
        )

    def chose(self, chosen: Chosen) -> None:
        """Say which engine computes, and what was measured of it."""
        name = chosen.encoder.name
        self.engine.labels(name.engine, name.precision).set(1)
        self.engine_speed.set(chosen.tokens_per_second)
        if chosen.deviation is not None:
            self.engine_deviation.labels(name.engine).set(chosen.deviation)

    def batch(self, lane: str, texts: int, tokens: int, seconds: float) -> None:
        """Count one computed batch; called from the lanes' threads."""
        self.texts.labels(lane).inc(texts)
        self.tokens.labels(lane).inc(tokens)
        self.batch_texts.labels(lane).observe(texts)
        self.batch_seconds.labels(lane).observe(seconds)

    def watch(self, lane: Lane) -> None:
        """Read the length of a lane's queue whenever the metrics are read."""
        self.waiting.labels(lane.name).set_function(lambda: float(lane.waiting_texts))
