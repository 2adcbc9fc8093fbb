"""Is everything up, and is a dataset fit to be queried? One answer for `/ready`, for the command line and for agents."""

from __future__ import annotations

import time

from docgraph.api.health import Check, DatasetReadiness, Readiness, ServedEmbedding
from docgraph.domain.errors import DocgraphError, StoreUnavailableError
from docgraph.domain.verdict import LastVerdict
from ingestion_service.service import Service

#: What a query needs; without Airflow nothing new is ingested, but everything can be read.
REQUIRED = ("redis", "neo4j", "qdrant", "embedder")
#: Seconds that the stores may take to answer.
TIMEOUT = 3.0


def readiness(service: Service, *, timeout: float = TIMEOUT) -> Readiness:
    """Ask every store, and the intake, at the same time."""
    deadline = time.monotonic() + timeout
    service.intake.ask()
    results = service.prober.measure(timeout=timeout)
    checks = {name: Check(ok=each.ok, seconds=each.seconds, error=each.error or None) for name, each in results.items()}
    ready = all(checks[name].ok for name in REQUIRED)
    return Readiness(ready=ready, checks=checks, intake=service.intake.intake(deadline - time.monotonic()))


def dataset_readiness(service: Service, tag: str, *, timeout: float = TIMEOUT) -> DatasetReadiness:
    """Ask every store; the dataset's last verdict has to be good too, and its embedding version has to be served."""
    asked = readiness(service, timeout=timeout)
    checks = dict(asked.checks)
    verdict: LastVerdict | None = None
    if checks["redis"].ok:
        try:
            verdict = service.runtime.state.readiness.get(tag)
        except StoreUnavailableError as error:
            checks["redis"] = checks["redis"].model_copy(update={"ok": False, "error": str(error)})
    embedding = _embedding(service, tag) if asked.ready and verdict is not None else None
    is_served = embedding is not None and embedding.served
    is_good = verdict is not None and verdict.ready
    return DatasetReadiness(
        ready=asked.ready and is_served and is_good,
        checks=checks,
        intake=asked.intake,
        dataset=None if verdict is None else dict(verdict.fields),
        embedding=embedding,
    )


def _embedding(service: Service, tag: str) -> ServedEmbedding:
    """Say whether an embedding server makes the version that the dataset's readers use: a good verdict may be older."""
    dataset = service.runtime.graph.dataset(tag)
    if dataset is None:
        return ServedEmbedding(version=None, served=False, error=f"Neo4j has no dataset {tag!r}.")
    name = dataset["embedding_version"]
    try:
        service.runtime.embedder.serving(name, patience=0.0)
    except DocgraphError as error:
        return ServedEmbedding(version=name, served=False, error=str(error))
    return ServedEmbedding(version=name, served=True, error=None)
