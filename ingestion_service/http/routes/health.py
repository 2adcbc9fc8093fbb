"""Is the process alive (`/health`), can it work (`/ready`), what has it counted (`/metrics`). The only routes without a token."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from docgraph import __version__
from docgraph.api.health import Check, DatasetReadiness, Health, Readiness, ServedEmbedding
from docgraph.api.web import metrics_response
from docgraph.domain.errors import DocgraphError, StoreUnavailableError
from ingestion_service.probes import in_thread
from ingestion_service.service import Service, Svc

router = APIRouter(tags=["health"])

#: What a query needs; without Airflow nothing new is ingested, but everything can be read.
REQUIRED = ("redis", "neo4j", "qdrant", "embedder")


@router.get("/health")
async def health() -> Health:
    """Answer as long as the process works at all; asks no store."""
    return Health(status="ok", version=__version__)


@router.get("/ready", response_model=Readiness | DatasetReadiness, responses={503: {"model": Readiness}})
async def ready(service: Svc, tag: str | None = None) -> Response:
    """Ask every store; with `tag`, that dataset's last verdict has to be good too. 503 if something is missing."""
    # In threads of their own: slow requests may have taken all of the pool that answers the others.
    content = await asyncio.wrap_future(in_thread(lambda: _readiness(service, tag), "ready"))
    return JSONResponse(content.as_json(), status_code=200 if content.ready else 503)


@router.get("/metrics")
async def metrics(service: Svc) -> Response:
    """Return the metrics in Prometheus' text format."""
    return await asyncio.wrap_future(in_thread(lambda: metrics_response(service.metrics.registry), "metrics"))


def _readiness(service: Service, tag: str | None) -> Readiness:
    results = service.prober.measure()
    is_ready = all(results[name].ok for name in REQUIRED)
    checks = {name: Check(ok=each.ok, seconds=each.seconds, error=each.error or None) for name, each in results.items()}
    if tag is None:
        return Readiness(ready=is_ready, checks=checks)
    verdict: dict[str, str] | None = None
    if results["redis"].ok:
        try:
            verdict = service.runtime.state.readiness.get(tag)
        except StoreUnavailableError as error:
            checks["redis"] = checks["redis"].model_copy(update={"ok": False, "error": str(error)})
    embedding = _embedding(service, tag) if is_ready and verdict is not None else None
    is_served = embedding is not None and embedding.served
    is_good = verdict is not None and verdict.get("ready") == "true"
    return DatasetReadiness(
        ready=is_ready and is_served and is_good, checks=checks, dataset=verdict, embedding=embedding
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
