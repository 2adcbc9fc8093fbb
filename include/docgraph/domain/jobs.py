"""Jobs: one request to bring one document up to date or to delete it, and the states it goes through."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

#: The stages in order; `pipeline.py` binds them to functions.
STAGES = ("parse", "extract", "build_graph", "embed", "vector_upsert", "reconcile")

#: Error code of a job that the report of its run had to give up, because Airflow had given up its tasks.
GIVEN_UP = "stage_failed"


class JobStatus(StrEnum):
    """Where a job stands. `completed` is final; `failed` and `cancelled` are left only by a resume."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing happens to the job any more by itself."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


class Outcome(StrEnum):
    """What a completed job did to its document."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    #: The document has no text: an index page that holds front matter or a component. No failure.
    EMPTY = "empty"
    DELETED = "deleted"


class Operation(StrEnum):
    """What a job asks for."""

    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Job:
    """The specification's job schema, plus the operation and what was recorded when the bytes were taken."""

    job_id: str
    source_uri: str
    content_type: str
    checksum: str
    tag: str
    created_at: str
    op: Operation = Operation.UPSERT
    version: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class JobState:
    """A job with everything that has happened to it so far (the hash `ingest:state:<job_id>`)."""

    job: Job
    document_id: str
    status: JobStatus
    stage: str = ""
    outcome: str = ""
    attempt: int = 1
    #: Version at which the present streak of equal requests (same checksum and operation) for the document began.
    since: int = 0
    fence: int = 0
    run_id: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    queued_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    updated_at: str = ""
    error: str = ""
    error_code: str = ""
    report: str = ""

    def given_up_by(self, run_id: str) -> bool:
        """Whether the run's own report gave the job up, so that a task of it that is cleared takes it up again."""
        return (self.status, self.run_id, self.error_code) == (JobStatus.FAILED, run_id, GIVEN_UP)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of progress on the stream `ingest:events:<job_id>`."""

    seq: int
    at: str
    stage: str
    status: str
    done: int = 0
    total: int = 0
    unit: str = ""
    message: str = ""


def now() -> str:
    """Return the present time as RFC 3339 UTC with microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_job_id() -> str:
    """Return a new UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then randomness, so that ids sort by time."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=value))
