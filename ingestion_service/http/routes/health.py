"""Is the process alive (`/health`), can it work (`/ready`), what has it counted (`/metrics`). The only routes without a token."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from docgraph import __version__
from docgraph.api.web import metrics_response
from docgraph.domain.errors import DocgraphError, StoreUnavailableError
from ingestion_service.probes import in_thread
from ingestion_service.service import Service, Svc

router = APIRouter(tags=["health"])

#: What a query needs; without Airflow nothing new is ingested, but everything can be read.
REQUIRED = ("redis", "neo4j", "qdrant", "embedder")


@router.get("/health")
async def health() -> dict[str, str]:
    """Answer as long as the process works at all; asks no store."""
    return {"status": "ok", "version": __version__}


@router.get("/ready")
async def ready(service: Svc, tag: str | None = None) -> Response:
    """Ask every store; with `tag`, that dataset's last verdict has to be good too. 503 if something is missing."""
    # In threads of their own: slow requests may have taken all of the pool that answers the others.
    content = await asyncio.wrap_future(in_thread(lambda: _readiness(service, tag), "ready"))
    return JSONResponse(content, status_code=200 if content["ready"] else 503)


@router.get("/metrics")
async def metrics(service: Svc) -> Response:
    """Return the metrics in Prometheus' text format."""
    return await asyncio.wrap_future(in_thread(lambda: metrics_response(service.metrics.registry), "metrics"))


def _readiness(service: Service, tag: str | None) -> dict[str, Any]:
    results = service.prober.measure()
    is_ready = all(results[name].ok for name in REQUIRED)
    content: dict[str, Any] = {"checks": {name: result.as_json() for name, result in results.items()}}
    if tag is not None:
        verdict: dict[str, str] | None = None
        if results["redis"].ok:
            try:
                verdict = service.runtime.state.readiness.get(tag)
            except StoreUnavailableError as error:
                content["checks"]["redis"] = {**content["checks"]["redis"], "ok": False, "error": str(error)}
        content["dataset"] = verdict
        content["embedding"] = _embedding(service, tag) if is_ready and verdict is not None else None
        is_served = content["embedding"] is not None and content["embedding"]["served"]
        is_ready = is_ready and is_served and verdict is not None and verdict.get("ready") == "true"
    return {"ready": is_ready, **content}


def _embedding(service: Service, tag: str) -> dict[str, Any]:
    """Say whether an embedding server makes the version that the dataset's readers use: a good verdict may be older."""
    dataset = service.runtime.graph.dataset(tag)
    if dataset is None:
        return {"version": None, "served": False, "error": f"Neo4j has no dataset {tag!r}."}
    name = dataset["embedding_version"]
    try:
        service.runtime.embedder.serving(name, patience=0.0)
    except DocgraphError as error:
        return {"version": name, "served": False, "error": str(error)}
    return {"version": name, "served": True, "error": None}
