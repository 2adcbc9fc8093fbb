"""The sidecar's application: routes, errors, limits, and what starts and ends with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.routing import Route

from docgraph import __version__
from docgraph.api.errors import ErrorAnswer
from docgraph.api.web import BodyLimit, error_response, install_error_handlers, require_bearer
from docgraph.domain.errors import (
    ConfigurationError,
    DatasetVersionsError,
    DocgraphError,
    DocumentError,
    DocumentTooLargeError,
    EmbeddingVersionError,
    IllegalTransitionError,
    JobNotFoundError,
    ReadConflictError,
    WorldError,
)
from docgraph.readiness.report import ReportNotFoundError
from docgraph.retrieval import QueryError, UnknownDatasetError
from docgraph.settings import Settings
from ingestion_service.http.routes import (
    datasets,
    embeddings,
    events,
    explain,
    gate,
    health,
    integrity,
    jobs,
    reports,
    search,
    snapshots,
)
from ingestion_service.mcp import McpDoor
from ingestion_service.mcp.door import PATH as MCP_PATH
from ingestion_service.metrics import CountRequests
from ingestion_service.probes import OneRequest
from ingestion_service.service import Service

#: Bodies other than snapshots, which have a limit of their own (`limits.max_document_bytes`).
MAX_BODY_BYTES = 4 * 2**20

#: What OpenAPI says of every route's errors.
_ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in ("4XX", 422, "5XX")}

#: Errors that an operator or a caller can act on: HTTP status and code; the first kind that fits.
_STATUS: tuple[tuple[type[DocgraphError], int, str], ...] = (
    (JobNotFoundError, 404, "job_not_found"),
    (ReportNotFoundError, 404, ReportNotFoundError.code),
    (UnknownDatasetError, 404, UnknownDatasetError.code),
    (IllegalTransitionError, 409, "illegal_transition"),
    (EmbeddingVersionError, 409, "wrong_embedding_version"),
    (DatasetVersionsError, 409, "embedding_versions"),
    (QueryError, 422, QueryError.code),
    (DocumentTooLargeError, 413, DocumentTooLargeError.code),
    (DocumentError, 422, ""),
    (ReadConflictError, 503, "read_conflict"),
    (WorldError, 503, "store_unavailable"),
    (ConfigurationError, 500, "configuration"),
)


def create_app(settings: Settings | None = None, *, with_duties: bool = True) -> FastAPI:
    """Return the application for `settings` (default: those of the environment).

    Raises:
        ConfigurationError: no token is set, or the configuration can't be read.
    """
    made = Service(settings or Settings.load())
    mcp = McpDoor(made)

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

    app = FastAPI(title="docgraph ingestion service", version=__version__, lifespan=lifespan, responses=_ERRORS)
    app.state.service = made
    app.add_middleware(OneRequest)
    # The outermost is added last: refused bodies are counted too.
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES, except_prefix="/v1/snapshots")
    app.add_middleware(CountRequests, metrics=made.metrics)
    install_error_handlers(app)
    app.add_exception_handler(DocgraphError, _docgraph_error)

    app.include_router(health.router)
    app.include_router(reports.signed_router)
    guarded = [Depends(require_bearer(made.settings.token, "DOCGRAPH_TOKEN"))]
    for module in (snapshots, jobs, events, reports, search, datasets, embeddings, explain, gate, integrity):
        app.include_router(module.router, prefix="/v1", dependencies=guarded)
    app.router.routes.append(Route(MCP_PATH, endpoint=mcp, methods=["GET", "POST", "DELETE"]))
    return app


async def _docgraph_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, DocgraphError)
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return error_response(status, code or str(getattr(error, "code", "document_error")), str(error))
    return error_response(500, "internal_error", str(error), "The service's log has the trace.")
