"""What each error of docgraph is over HTTP: its status and code."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from docgraph.api.errors import ErrorAnswer
from docgraph.domain.errors import (
    ConfigurationError,
    DatasetVersionsError,
    DocgraphError,
    DocumentError,
    DocumentTooLargeError,
    EmbeddingVersionError,
    IllegalTransitionError,
    InfrastructureError,
    JobNotFoundError,
    ReadConflictError,
    StateUnreadableError,
)
from docgraph.readiness.report import ReportNotFoundError
from docgraph.retrieval import QueryError, UnknownDatasetError
from docgraph.runtime.web import error_response, install_error_handlers

#: What OpenAPI says of every route's errors.
DOCUMENTED: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in ("4XX", 422, "5XX")}

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
    (InfrastructureError, 503, "store_unavailable"),
    (StateUnreadableError, 409, "state_unreadable"),
    (ConfigurationError, 500, "configuration"),
)


def answer_errors(app: FastAPI) -> None:
    """Let every error of `app` have the one shape, with the status and the code of its kind."""
    install_error_handlers(app)
    app.add_exception_handler(DocgraphError, _docgraph_error)


async def _docgraph_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, DocgraphError)
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return error_response(status, code or str(getattr(error, "code", "document_error")), str(error))
    return error_response(500, "internal_error", str(error), "The service's log has the trace.")
