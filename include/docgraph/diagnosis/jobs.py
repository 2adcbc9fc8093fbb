"""The links `queue` and `stages`: what became of the last request for the document."""

from __future__ import annotations

from docgraph.diagnosis.chain import BrokenError, Case
from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.domain.jobs import JobState, JobStatus, Operation
from docgraph.ingest.launcher import INGEST_DAG, LIVE_RUN_STATES
from docgraph.runtime.connections import Runtime

REJECTED_LOOKED_AT = 200


def rejected(runtime: Runtime, tag: str, document: str) -> JobState | None:
    """Return the newest request for the document that was refused before it became a job of the document."""
    failed = runtime.state.jobs.find(tag=tag, status=JobStatus.FAILED, limit=REJECTED_LOOKED_AT)
    return next((state for state in failed if state.document_id == document), None)


def newest_job(case: Case) -> JobState | None:
    """Return the newest request for the document, refused ones included."""
    found = [case.runtime.state.jobs.newest(case.document), rejected(case.runtime, case.tag, case.document)]
    return max((state for state in found if state), key=lambda state: state.job.created_at, default=None)


def queue(case: Case) -> tuple[str, str]:
    """Say whether a job asked for the document and was claimed.

    Raises:
        BrokenError: the link is missing.
    """
    case.job = newest_job(case)
    case.committed = case.runtime.graph.committed(case.document)
    if case.job is None and not case.committed.fence:
        raise _never_ingested(case)
    newest = case.job.job.checksum if case.job else case.committed.checksum
    is_upsert = case.job.job.op is Operation.UPSERT if case.job else not case.committed.deleted
    if case.checksum and is_upsert and newest and newest != case.checksum:
        raise BrokenError(
            "content_changed",
            f"The file has other content (SHA-256 {case.checksum[:12]}…) than what was last sent ({newest[:12]}…)."
            + (case.older_stands or f" The job for that is {case.job.status if case.job else 'gone'}."),
            "Send it: `ingestctl ingest FILE --tag " + case.tag + "`, or drop it into the watch folder.",
        )
    if case.job is None:
        return "job_forgotten", "The job that brought it was removed by retention; what it left is looked at."
    if case.job.status is JobStatus.QUEUED:
        raise _still_queued(case, case.job)
    if case.job.status is JobStatus.CANCELLED:
        raise _cancelled(case, case.job)
    return "claimed", f"Job {case.job.job.job_id} was queued at {case.job.queued_at} and claimed."


def _never_ingested(case: Case) -> BrokenError:
    tags = [row["tag"] for row in case.runtime.graph.datasets()]
    if case.tag not in tags:
        return BrokenError(
            "tag_unknown",
            f"No dataset has the tag {case.tag!r}, and no job asked for this document; the datasets are "
            f"{', '.join(tags) or 'none yet'}.",
            "Check --tag, or make the dataset: `ingestctl ingest FILE --tag " + case.tag + "`.",
        )
    return BrokenError(
        "never_ingested",
        f"No job ever asked for {case.uri} in the dataset {case.tag!r}.",
        f"Send it (`ingestctl ingest FILE --tag {case.tag}`). If you did, it has another address: the address is the path below "
        "--base, or below the watch folder; `ingestctl status --tag " + case.tag + "` lists what was sent.",
    )


def _still_queued(case: Case, job: JobState) -> BrokenError:
    said = f"Job {job.job.job_id} has been queued since {job.queued_at} and no run has claimed it.{case.older_stands}"
    gate = case.runtime.state.gate.state()
    if not gate.open:
        return BrokenError(
            "gate_closed",
            f"{said} The gate is closed since {gate.since}: {gate.reason}",
            "It opens by itself when the stores answer quickly again; `make status` shows which one does not.",
        )
    if case.airflow is not None:
        try:
            case.airflow.ping()
        except (StoreUnavailableError, ConfigurationError) as error:
            return BrokenError(
                "airflow_away",
                f"{said} {error}",
                "Start Airflow (`make up`); the sidecar then triggers the run by itself.",
            )
    return BrokenError(
        "queued",
        said,
        f"A run is triggered within seconds: `ingestctl tail {job.job.job_id}`. If nothing happens, see in Airflow's UI that "
        f"{INGEST_DAG} is not paused and has a slot free.",
    )


def _cancelled(case: Case, job: JobState) -> BrokenError:
    if job.error.startswith("superseded"):
        return BrokenError(
            "superseded",
            f"Job {job.job.job_id} was replaced by a request with newer content: {job.error}.{case.older_stands}",
            f"Look at the newer job, or send the document again: `ingestctl status --tag {case.tag}`.",
        )
    return BrokenError(
        "cancelled",
        f"Job {job.job.job_id} was cancelled at {job.finished_at}: {job.error or 'no reason given'}.{case.older_stands}",
        f"`ingestctl resume {job.job.job_id}`",
    )


def stages(case: Case) -> tuple[str, str]:
    """Say how far the job came.

    Raises:
        BrokenError: the link is missing.
    """
    job = case.job
    if job is None:
        return "job_forgotten", "Nothing is known of its stages any more."
    stage = job.stage or "the first stage"
    if job.status is JobStatus.FAILED:
        advice = (
            "Fix the document and send it again"
            if job.error_code not in {"", "run_lost"}
            else "See the run in Airflow's UI"
        )
        raise BrokenError(
            "failed",
            f"Job {job.job.job_id} failed in {stage} ({job.error_code or 'no code'}): {job.error}{case.older_stands}",
            f"{advice}; if the cause lay elsewhere and is gone, `ingestctl resume {job.job.job_id}`.",
        )
    if job.status is JobStatus.PAUSED:
        gate = case.runtime.state.gate.state()
        raise BrokenError(
            "paused",
            f"Job {job.job.job_id} waits in {stage}: the gate is closed"
            f"{f' ({gate.reason})' if gate.reason else ''}.{case.older_stands}",
            "It goes on by itself when the stores answer quickly again; `make status` shows which one does not.",
        )
    if job.status is JobStatus.RUNNING:
        raise _running(case, job, stage)
    return "completed", f"Job {job.job.job_id} completed at {job.finished_at}: {job.outcome}."


def _running(case: Case, job: JobState, stage: str) -> BrokenError:
    said = f"Job {job.job.job_id} is in {stage} (attempt {job.attempt}, run {job.run_id}).{case.older_stands}"
    if job.error:
        said += f" The last try failed: {job.error}"
    if case.airflow is not None:
        try:
            state = case.airflow.run_state(INGEST_DAG, job.run_id)
        except (StoreUnavailableError, ConfigurationError) as error:
            return BrokenError("airflow_away", f"{said} {error}", "Start Airflow (`make up`); the run then goes on.")
        if state not in LIVE_RUN_STATES:
            return BrokenError(
                "run_lost",
                f"{said} That run {f'ended ({state})' if state else 'is gone from Airflow'} without finishing it.",
                "The sidecar gives the job back to the queue within seconds; look again.",
            )
    return BrokenError("running", said, f"Wait, or follow it: `ingestctl tail {job.job.job_id}`.")
