"""Jobs: asked for, queued, looked at, and their progress."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Self

from pydantic import Field

from docgraph.api.base import AnswerModel, RequestModel
from docgraph.domain.jobs import Event, JobState, JobStatus, Operation

MAX_JOBS = 1_000


class JobRequest(RequestModel):
    """One job that is asked for; the bytes of an upsert were uploaded before."""

    source_uri: str = Field(min_length=1, max_length=2_000)
    tag: str
    checksum: str = Field(default="", pattern="^([0-9a-fA-F]{64})?$")
    content_type: str | None = None
    op: Operation = Operation.UPSERT


class JobsRequest(RequestModel):
    """The body of `POST /v1/jobs`."""

    jobs: list[JobRequest] = Field(min_length=1, max_length=MAX_JOBS)
    trigger: bool = True


class AcceptedJob(AnswerModel):
    """The job that answers for a request: a new one, or a queued one with the same content (`deduplicated`)."""

    job_id: str
    document_id: str
    source_uri: str
    tag: str
    deduplicated: bool
    superseded: list[str]


class StartedRun(AnswerModel):
    """The run of a dataset's jobs; null while Airflow can't be reached."""

    tag: str
    run_id: str | None


class AcceptedJobs(AnswerModel):
    """All jobs of a request; `run_id` is the only run's, `note` says why one was not started."""

    jobs: list[AcceptedJob]
    runs: list[StartedRun]
    run_id: str | None
    note: str


class Job(AnswerModel):
    """A job with everything that has happened to it so far, in one flat object. Times are RFC 3339, or empty."""

    job_id: str
    source_uri: str
    content_type: str
    checksum: str
    tag: str
    created_at: str
    op: Operation = Operation.UPSERT
    version: int = 0
    size: int = 0
    document_id: str
    status: JobStatus
    stage: str = ""
    outcome: str = ""
    attempt: int = 1
    since: int = 0
    fence: int = 0
    run_id: str | None = ""
    counts: dict[str, int] = Field(default_factory=dict)
    queued_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    updated_at: str = ""
    error: str = ""
    error_code: str = ""
    report: str = ""

    @classmethod
    def of(cls, state: JobState, **more: object) -> Self:
        """Return a job's state as it goes over the wire; `more` adds or replaces fields."""
        values = asdict(state)
        return cls.model_validate({**values.pop("job"), **values, **more})

    @property
    def seconds(self) -> float | None:
        """Seconds from start to end (or to the last sign of life), if the job has started."""
        started = parse_time(self.started_at)
        ended = parse_time(self.finished_at) or parse_time(self.updated_at)
        return max(0.0, (ended - started).total_seconds()) if started and ended else None


class Checkpoint(AnswerModel):
    """A stage that is done for a job: what it was made from, where its artifact is, how many items and seconds."""

    fingerprint: str
    artifact: str
    items: int = 0
    seconds: float = 0.0
    extra: dict[str, str] = Field(default_factory=dict)


class JobDetails(Job):
    """A job with its checkpoints, by stage."""

    checkpoints: dict[str, Checkpoint] = Field(default_factory=dict)


class ResumedJob(Job):
    """A job as its next attempt, with the run that was started for it (or null, and `note` says why)."""

    note: str


class UnreadableJob(AnswerModel):
    """A job that is known by its id and whose hash in Redis can't be read, and why."""

    job_id: str
    key: str
    reason: str


class Jobs(AnswerModel):
    """Jobs, newest first, and those among them that can't be read."""

    jobs: list[Job]
    unreadable: list[UnreadableJob] = Field(default_factory=list)


class Progress(AnswerModel):
    """One line of a job's progress: the data of `event: progress`."""

    job_id: str
    seq: int
    at: str
    stage: str
    status: str
    done: int = 0
    total: int = 0
    unit: str = ""
    message: str = ""

    @classmethod
    def of(cls, job_id: str, event: Event) -> Self:
        """Return a job's event as it goes over the wire."""
        return cls(job_id=job_id, **asdict(event))

    def as_event(self) -> Event:
        """Return the event without the job's id."""
        return Event(
            self.seq, self.at, self.stage, self.status, self.done, self.total, self.unit, self.message
        )  # fmt: skip


def parse_time(text: str) -> datetime | None:
    """Read an RFC 3339 time; None for an empty or unreadable one."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
