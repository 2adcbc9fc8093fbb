"""The sidecar's application: routes, errors, limits, and what starts and ends with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.routing import Route

from docgraph import __version__
from docgraph.runtime.web import BodyLimit, Pace
from docgraph.settings import Settings
from ingestion_service.http.auth import TokenFirst
from ingestion_service.http.errors import DOCUMENTED, answer_errors
from ingestion_service.http.routes import (
    datasets,
    embeddings,
    events,
    explain,
    gate,
    health,
    intake,
    integrity,
    jobs,
    quarantine,
    reports,
    search,
    snapshots,
    sources,
)
from ingestion_service.http.waiting import SayWhatIsWaitedFor
from ingestion_service.mcp import PATH as MCP_PATH
from ingestion_service.mcp import McpEndpoint
from ingestion_service.metrics import CountRequests
from ingestion_service.probes import OneRequest
from ingestion_service.service import Service

#: Bodies other than snapshots, which have a limit of their own (`limits.max_document_bytes`).
MAX_BODY_BYTES = 4 * 2**20
#: How slowly bodies may arrive, uploads included: 64 MiB may take 69 minutes, and half a head of one 20 seconds.
BODY_PACE = Pace(grace=20.0, bytes_per_second=16 * 2**10)


def create_app(settings: Settings | None = None, *, with_duties: bool = True) -> FastAPI:
    """Return the application for `settings` (default: those of the environment).

    Raises:
        ConfigurationError: no token is set, or the configuration can't be read.
    """
    made = Service(settings or Settings.load())
    mcp = McpEndpoint(made)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        duties = made.duties() if with_duties else None
        if duties:
            duties.start()
        async with mcp.running():
            yield
        if duties:
            await run_in_threadpool(duties.stop)
        await made.runtime.state.aclose()
        await run_in_threadpool(made.close)

    app = FastAPI(title="docgraph ingestion service", version=__version__, lifespan=lifespan, responses=DOCUMENTED)
    app.state.service = made
    app.add_middleware(OneRequest)
    app.add_middleware(SayWhatIsWaitedFor, prober=made.prober, lanes=made.lanes)
    # The outermost is added last: what is refused is counted too, and a body is read only for who has the token.
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES, except_prefix="/v1/snapshots", pace=BODY_PACE)
    app.add_middleware(TokenFirst, settings=made.settings, prefixes=("/v1", MCP_PATH))
    app.add_middleware(CountRequests, metrics=made.metrics)
    answer_errors(app)

    app.include_router(health.router)
    app.include_router(reports.signed_router)
    for module in (
        snapshots,
        jobs,
        events,
        reports,
        search,
        datasets,
        sources,
        quarantine,
        embeddings,
        explain,
        gate,
        intake,
        integrity,
    ):
        app.include_router(module.router, prefix="/v1")
    app.router.routes.append(Route(MCP_PATH, endpoint=mcp, methods=["GET", "POST", "DELETE"]))
    return app
