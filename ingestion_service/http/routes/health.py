"""Is the process alive (`/health`), can it work (`/ready`), what has it counted (`/metrics`). The only routes without a token."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from docgraph import __version__
from docgraph.api.health import DatasetReadiness, Health, Readiness
from docgraph.runtime.web import metrics_response
from ingestion_service.probes import in_thread
from ingestion_service.readiness import dataset_readiness, readiness
from ingestion_service.service import Service, Svc

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> Health:
    """Answer as long as the process works at all; asks no store."""
    return Health(status="ok", version=__version__)


@router.get("/ready", response_model=Readiness | DatasetReadiness, responses={503: {"model": Readiness}})
async def ready(service: Svc, tag: str | None = None, intake: bool = False) -> Response:
    """Ask every store; with `tag`, that dataset's last verdict has to be good too, with `intake`, the intake has to live.

    503 if something is missing.
    """
    # In threads of their own: slow requests may have taken all of the pool that answers the others.
    content = await asyncio.wrap_future(in_thread(lambda: _answer(service, tag), "ready"))
    lives = not intake or (content.intake is not None and content.intake.live)
    return JSONResponse(content.as_json(), status_code=200 if content.ready and lives else 503)


@router.get("/metrics")
async def metrics(service: Svc) -> Response:
    """Return the metrics in Prometheus' text format."""
    return await asyncio.wrap_future(in_thread(lambda: metrics_response(service.metrics.registry), "metrics"))


def _answer(service: Service, tag: str | None) -> Readiness:
    return readiness(service) if tag is None else dataset_readiness(service, tag)
