"""Reports, as JSON, Markdown or HTML: of a job, of a run, the latest of a dataset, or by id."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from docgraph.api.report_links import is_signed
from docgraph.api.reports import Report, Reports
from docgraph.readiness.report import (
    ReportNotFoundError,
    find_report,
    list_reports,
    read_report,
    render_html,
    render_markdown,
    report_id_of,
)
from ingestion_service.http.auth import token_required
from ingestion_service.service import Service, Svc

router = APIRouter(tags=["reports"])
#: The one route that a signed address opens without a token: Airflow's UI links to it.
signed_router = APIRouter(prefix="/v1", tags=["reports"])

# A report quotes documents, which anybody may have written: nothing in it may run or load anything.
_HTML_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class ReportFormat(StrEnum):
    """How a report is wanted."""

    JSON = "json"
    MARKDOWN = "md"
    HTML = "html"


Format = Annotated[ReportFormat, Query()]
#: What OpenAPI says of a route that gives a report.
_SHOWN: dict[str, Any] = {
    "response_model": Report,
    "responses": {200: {"content": {"text/markdown": {}, "text/html": {}}}},
}


@router.get("/reports")
def find(service: Svc, tag: str | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Reports:
    """List reports in short, newest first."""
    return Reports.model_validate({"reports": list_reports(service.runtime.reports, tag=tag, limit=limit)})


@router.get("/reports/latest", **_SHOWN)
def latest(service: Svc, tag: str | None = None, format: Format = ReportFormat.JSON) -> Response:  # noqa: A002 - the parameter's public name
    """Return the newest report, of a dataset if one is named."""
    return _shown(service, find_report(service.runtime.reports, tag=tag), format)


@router.get("/reports/{report_id}", **_SHOWN)
def get(service: Svc, report_id: str, format: Format = ReportFormat.JSON) -> Response:  # noqa: A002 - the parameter's public name
    """Return one report."""
    return _shown(service, report_id, format)


@router.get("/jobs/{job_id}/report", **_SHOWN)
def of_job(service: Svc, job_id: str, format: Format = ReportFormat.JSON) -> Response:  # noqa: A002 - the parameter's public name
    """Return the report of the run that worked on a job; 404 until it is written."""
    report = service.runtime.state.jobs.get(job_id).report
    if not report:
        raise ReportNotFoundError(f"Job {job_id} has no report yet; it is written when its run ends.")
    return _shown(service, report_id_of(report), format)


@signed_router.get("/runs/{run_id}/report", **_SHOWN)
async def of_run(
    service: Svc,
    request: Request,
    run_id: str,
    format: Format = ReportFormat.JSON,  # noqa: A002 - the parameter's public name
    signature: str | None = None,
) -> Response:
    """Return the report of a run; open to a bearer token, or to anybody with the signed address."""
    if not (signature and is_signed(service.settings.token, run_id, signature)):
        await token_required(service.settings)(request)
    return await run_in_threadpool(_of_run, service, run_id, format)


def _of_run(service: Service, run_id: str, wanted: ReportFormat) -> Response:
    states = service.runtime.state.jobs.jobs_of_run(run_id)
    names = {report_id_of(state.report) for state in states if state.report}
    if names:
        return _shown(service, max(names), wanted)
    # Redis forgets jobs before reports are removed.
    for digest in list_reports(service.runtime.reports, limit=1_000):
        if digest["run_id"] == run_id:
            return _shown(service, digest["report_id"], wanted)
    raise ReportNotFoundError(f"The run {run_id} has no report yet; its task `report` writes it.")


def _shown(service: Service, report_id: str, wanted: ReportFormat) -> Response:
    report = read_report(service.runtime.reports, report_id)
    match wanted:
        case ReportFormat.JSON:
            return JSONResponse(report)
        case ReportFormat.MARKDOWN:
            return PlainTextResponse(render_markdown(report), media_type="text/markdown")
        case ReportFormat.HTML:
            return HTMLResponse(render_html(report), headers=_HTML_HEADERS)
