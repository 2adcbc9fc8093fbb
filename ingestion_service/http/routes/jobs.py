"""Jobs: asked for, looked at, cancelled, resumed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query

from docgraph.api.jobs import (
    MAX_JOBS,
    AcceptedJob,
    AcceptedJobs,
    Checkpoint,
    Job,
    JobDetails,
    JobRequest,
    Jobs,
    JobsRequest,
    ResumedJob,
    StartedRun,
    UnreadableJob,
)
from docgraph.domain.errors import DocumentError, UnsupportedFormatError
from docgraph.domain.identity import canonical_source_uri, document_id
from docgraph.domain.jobs import JobState, JobStatus, Operation
from docgraph.formats import content_type_of
from docgraph.ingest import intake
from docgraph.readiness.report import report_id_of
from docgraph.runtime.web import ApiError
from ingestion_service.service import Service, Svc

router = APIRouter(prefix="/jobs", tags=["jobs"])

J = TypeVar("J", bound=Job)

_log = logging.getLogger(__name__)


@router.post("", status_code=202)
def create(service: Svc, body: JobsRequest) -> AcceptedJobs:
    """Queue the jobs (all or none) and, with `trigger`, start a run for each tag among them.

    Without Airflow the jobs stay queued, the answer says so, and the dispatcher starts the run later.
    """
    news = [_new_job(service, request) for request in body.jobs]
    enqueued = intake.accept(service.runtime, news)
    fresh = [each.job_id for each in enqueued if not each.deduplicated]
    states = service.runtime.state.jobs.get_many(dict.fromkeys(fresh)) if body.trigger else []
    runs, note = _start(service, states)
    return AcceptedJobs(
        jobs=[
            AcceptedJob(
                job_id=each.job_id,
                document_id=document_id(new.tag, new.source_uri),
                source_uri=canonical_source_uri(new.source_uri),
                tag=new.tag,
                deduplicated=each.deduplicated,
                superseded=list(each.superseded),
            )
            for new, each in zip(news, enqueued, strict=True)
        ],
        runs=runs,
        run_id=runs[0].run_id if len(runs) == 1 else None,
        note=note,
    )


@router.get("")
def find(
    service: Svc,
    tag: str | None = None,
    status: JobStatus | None = None,
    run_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_JOBS)] = 100,
) -> Jobs:
    """List jobs, newest first: of a dataset, in a status, of a run."""
    jobs = service.runtime.state.jobs
    if run_id is None:
        states, unreadable = jobs.survey(tag=tag, status=status, limit=limit)
    else:
        held = [s for s in jobs.jobs_of_run(run_id) if tag in {None, s.job.tag} and status in {None, s.status}]
        states, unreadable = held[::-1][:limit], []
    return Jobs(
        jobs=[_told(service, Job, state) for state in states],
        unreadable=[UnreadableJob(job_id=each.job_id, key=each.key, reason=each.reason) for each in unreadable],
    )


@router.get("/{job_id}")
def get(service: Svc, job_id: str) -> JobDetails:
    """Return one job with its checkpoints."""
    jobs = service.runtime.state.jobs
    state = jobs.get(job_id)
    checkpoints = {stage: Checkpoint.model_validate(each) for stage, each in jobs.checkpoints(job_id).items()}
    return _told(service, JobDetails, state, checkpoints=checkpoints)


@router.post("/{job_id}/cancel")
def cancel(service: Svc, job_id: str) -> Job:
    """Cancel a job; a task that works on it stops after the batch in flight. 409 when it has ended."""
    before = service.runtime.state.jobs.cancel(job_id, "cancelled over HTTP")
    if before.is_final:
        raise ApiError(
            409,
            "illegal_transition",
            f"Job {job_id} can't be cancelled: it is {before}.",
            "Only a job that has not ended can.",
        )
    return _told(service, Job, service.runtime.state.jobs.get(job_id))


@router.post("/{job_id}/resume", status_code=202)
def resume(service: Svc, job_id: str) -> ResumedJob:
    """Queue a failed or cancelled job again, as its next attempt, and start a run for it. 409 otherwise."""
    state = service.runtime.state.jobs.resume(job_id)
    runs, note = _start(service, [state])
    # A run may have been quicker, and then the state names it; as long as the job is queued, no run holds it.
    return _told(service, ResumedJob, state, run_id=runs[0].run_id if runs else state.run_id, note=note)


def _told(service: Service, model: type[J], state: JobState, **more: object) -> J:
    """Return a job as it goes over the wire, with its report's address where a person finds that."""
    if state.report:
        more["report"] = service.runtime.reports.address(report_id_of(state.report))
    return model.of(state, **more)


def _new_job(service: Service, request: JobRequest) -> intake.NewJob:
    checksum = request.checksum.lower()
    size = 0
    content_type = request.content_type
    if request.op is Operation.UPSERT:
        content_type = content_type or content_type_of(request.source_uri)
        if content_type is None:
            raise UnsupportedFormatError(
                f"{request.source_uri}: its ending names no format that can be read; convert it to Markdown or name its content_type."
            )
        if not checksum:
            raise DocumentError(f"{request.source_uri}: an upsert needs the checksum of its bytes (SHA-256, hex).")
        size = service.runtime.snapshots.size(checksum) or 0
    return intake.NewJob(
        source_uri=request.source_uri,
        tag=request.tag,
        checksum=checksum,
        content_type=content_type or "",
        op=request.op,
        size=size,
    )


def _start(service: Service, states: Sequence[JobState]) -> tuple[list[StartedRun], str]:
    """Start the runs that the queued jobs need; the second part says why one was not started, and what happens now."""
    runs: list[StartedRun] = []
    note = ""
    for launch in service.launcher.ingest(states):
        if launch.error is not None:
            note = f"No run was started: {launch.error} The jobs are queued, and the dispatcher starts one as soon as it can."
            _log.warning("%s", note)
        runs.append(StartedRun(tag=launch.tag, run_id=launch.run_id))
    return runs, note
